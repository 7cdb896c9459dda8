//! Who is connected, by number. Numbers are dense and never reused, so a look-up is an index and iteration has an order.

/// Entries by number.
#[derive(Debug)]
pub(crate) struct Roster<T> {
    entries: Vec<Option<Box<T>>>,
}

impl<T> Default for Roster<T> {
    fn default() -> Self {
        Roster { entries: Vec::new() }
    }
}

impl<T> Roster<T> {
    pub(crate) fn insert(&mut self, number: u32, entry: T) {
        let index = number as usize;
        if index >= self.entries.len() {
            self.entries.resize_with(index + 1, || None);
        }
        self.entries[index] = Some(Box::new(entry));
    }

    pub(crate) fn remove(&mut self, number: u32) -> Option<T> {
        self.entries.get_mut(number as usize)?.take().map(|entry| *entry)
    }

    pub(crate) fn get(&self, number: u32) -> Option<&T> {
        self.entries.get(number as usize)?.as_deref()
    }

    pub(crate) fn get_mut(&mut self, number: u32) -> Option<&mut T> {
        self.entries.get_mut(number as usize)?.as_deref_mut()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (u32, &T)> + Clone {
        self.entries.iter().enumerate().filter_map(|(i, entry)| Some((i as u32, entry.as_deref()?)))
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = (u32, &mut T)> {
        self.entries.iter_mut().enumerate().filter_map(|(i, entry)| Some((i as u32, entry.as_deref_mut()?)))
    }
}
