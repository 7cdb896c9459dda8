//! Who depends on a task: for each task a list, in the order in which they came. All lists lie in one arena, so that a link
//! costs twelve bytes and no allocation.

use rask_types::TaskId;

const NONE: u32 = u32::MAX;

/// A task that depends on the list's. Entries of forgotten tasks stay until the list is tidied; `birth` tells them apart
/// from whoever has the slot now.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Dependent {
    pub(crate) task: TaskId,
    pub(crate) birth: u32,
}

#[derive(Debug)]
struct Link {
    dependent: Dependent,
    next: u32,
}

/// One task's list; its links are in `Links`.
#[derive(Debug)]
pub(crate) struct LinkList {
    first: u32,
    last: u32,
    len: u32,
}

impl Default for LinkList {
    fn default() -> Self {
        LinkList { first: NONE, last: NONE, len: 0 }
    }
}

impl LinkList {
    /// Entries, those of forgotten tasks included.
    pub(crate) fn len(&self) -> usize {
        self.len as usize
    }

    /// Where to begin: see [`Links::follow`].
    #[inline]
    pub(crate) fn begin(&self) -> Cursor {
        Cursor(self.first)
    }
}

/// A place in a list.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cursor(u32);

/// The links of all lists.
#[derive(Debug)]
pub(crate) struct Links {
    links: Vec<Link>,
    /// Those not in use hang together, too.
    free: u32,
}

impl Default for Links {
    fn default() -> Self {
        Links { links: Vec::new(), free: NONE }
    }
}

impl Links {
    /// Appends to a list.
    #[inline]
    pub(crate) fn push(&mut self, list: &mut LinkList, dependent: Dependent) {
        let link = Link { dependent, next: NONE };
        let at = self.free;
        let at = match self.links.get_mut(at as usize) {
            Some(free) => {
                self.free = free.next;
                *free = link;
                at
            }
            None => {
                self.links.push(link);
                u32::try_from(self.links.len() - 1)
                    .ok()
                    .filter(|&at| at < NONE)
                    .expect("fewer than 2^32 links")
            }
        };
        match self.links.get_mut(list.last as usize) {
            Some(last) => last.next = at,
            None => list.first = at,
        }
        list.last = at;
        list.len += 1;
    }

    /// The entry at a place, and the next place; `None` at the end.
    #[inline]
    pub(crate) fn follow(&self, cursor: Cursor) -> Option<(Dependent, Cursor)> {
        let link = self.links.get(cursor.0 as usize)?;
        Some((link.dependent, Cursor(link.next)))
    }

    /// Empties a list.
    #[inline]
    pub(crate) fn clear(&mut self, list: &mut LinkList) {
        if let Some(last) = self.links.get_mut(list.last as usize) {
            last.next = std::mem::replace(&mut self.free, list.first);
        }
        *list = LinkList::default();
    }

    /// All entries of a list.
    pub(crate) fn iter(&self, list: &LinkList) -> impl Iterator<Item = Dependent> {
        let mut cursor = list.begin();
        std::iter::from_fn(move || {
            let (dependent, next) = self.follow(cursor)?;
            cursor = next;
            Some(dependent)
        })
    }

    /// Links in use.
    pub(crate) fn in_use(&self) -> usize {
        let mut unused = 0;
        let mut at = self.free;
        while let Some(link) = self.links.get(at as usize) {
            unused += 1;
            at = link.next;
        }
        self.links.len() - unused
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dependent(number: u32) -> Dependent {
        Dependent { task: TaskId(number), birth: 1 }
    }

    #[test]
    fn lists_keep_their_order_and_links_are_used_again() {
        let mut links = Links::default();
        let (mut a, mut b) = (LinkList::default(), LinkList::default());
        for number in 0..10 {
            links.push(if number % 2 == 0 { &mut a } else { &mut b }, dependent(number));
        }
        let tasks =
            |links: &Links, list: &LinkList| links.iter(list).map(|entry| entry.task.0).collect::<Vec<_>>();
        assert_eq!(tasks(&links, &a), [0, 2, 4, 6, 8]);
        links.clear(&mut a);
        assert_eq!((a.len(), links.in_use()), (0, 5));
        assert_eq!(tasks(&links, &b), [1, 3, 5, 7, 9]);
        (20..25).for_each(|number| links.push(&mut a, dependent(number)));
        assert_eq!(links.links.len(), 10, "no link was made anew");
        assert_eq!(tasks(&links, &a), [20, 21, 22, 23, 24]);
        links.clear(&mut a);
        links.clear(&mut a);
        links.clear(&mut b);
        assert_eq!(links.in_use(), 0);
    }
}
