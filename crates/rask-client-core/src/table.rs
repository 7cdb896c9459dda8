//! The futures, in pages by number.
//!
//! Numbers only grow and are mostly given up in the order in which they were taken, so a page's place is found by
//! subtraction, and a page goes when its last future does.

use std::collections::VecDeque;

use rask_types::FutureId;

use crate::slot::Slot;

/// Futures to a page. One that is held for long keeps 16 KiB.
const PAGE_SLOTS: usize = 256;

#[derive(Debug)]
struct Page {
    live: u32,
    slots: Box<[Slot]>,
}

impl Page {
    fn vacant() -> Box<Page> {
        let mut slots = Vec::with_capacity(PAGE_SLOTS);
        slots.resize_with(PAGE_SLOTS, || Slot::VACANT);
        Box::new(Page { live: 0, slots: slots.into_boxed_slice() })
    }
}

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct FutureTable {
    /// Number of the first page in `pages`.
    base: u64,
    pages: VecDeque<Option<Box<Page>>>,
    /// A vacant page kept back, so that taking and giving up one future in a loop does not make and free pages.
    spare: Option<Box<Page>>,
    len: usize,
}

#[inline]
const fn place(id: FutureId) -> (u64, usize) {
    (id.0 / PAGE_SLOTS as u64, (id.0 % PAGE_SLOTS as u64) as usize)
}

impl FutureTable {
    /// Futures held.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    #[inline]
    pub(crate) fn get(&self, id: FutureId) -> Option<&Slot> {
        let (page, at) = place(id);
        let page = self.pages.get(usize::try_from(page.checked_sub(self.base)?).ok()?)?.as_deref()?;
        let slot = &page.slots[at];
        (slot.refs != 0).then_some(slot)
    }

    #[inline]
    pub(crate) fn get_mut(&mut self, id: FutureId) -> Option<&mut Slot> {
        let (page, at) = place(id);
        let page = self.pages.get_mut(usize::try_from(page.checked_sub(self.base)?).ok()?)?.as_deref_mut()?;
        let slot = &mut page.slots[at];
        (slot.refs != 0).then_some(slot)
    }

    /// Fills the vacant slot `id`. The numbers of one session are close together (they come from one counter), so the
    /// directory between the oldest held and the newest stays small.
    #[inline]
    pub(crate) fn insert(&mut self, id: FutureId, slot: Slot) {
        debug_assert!(slot.refs > 0 && self.get(id).is_none());
        let (number, at) = place(id);
        let page = self.page_mut(number);
        page.live += 1;
        page.slots[at] = slot;
        self.len += 1;
    }

    #[inline]
    fn page_mut(&mut self, number: u64) -> &mut Page {
        if self.pages.is_empty() {
            self.base = number;
        }
        while number < self.base {
            self.pages.push_front(None);
            self.base -= 1;
        }
        let index = (number - self.base) as usize;
        if index >= self.pages.len() {
            self.pages.resize_with(index + 1, || None);
        }
        let spare = &mut self.spare;
        self.pages[index].get_or_insert_with(|| spare.take().unwrap_or_else(Page::vacant))
    }

    /// Vacates slot `id`.
    #[inline]
    pub(crate) fn remove(&mut self, id: FutureId) -> Option<Slot> {
        let (number, at) = place(id);
        let index = usize::try_from(number.checked_sub(self.base)?).ok()?;
        let page = self.pages.get_mut(index)?.as_deref_mut()?;
        if page.slots[at].refs == 0 {
            return None;
        }
        let slot = std::mem::replace(&mut page.slots[at], Slot::VACANT);
        page.live -= 1;
        self.len -= 1;
        if page.live == 0 {
            self.drop_page(index);
        }
        Some(slot)
    }

    #[cold]
    fn drop_page(&mut self, index: usize) {
        let page = self.pages[index].take();
        if self.spare.is_none() {
            self.spare = page;
        }
        // The end of the directory stays, for the next numbers: they are taken one by one.
        while let Some(None) = self.pages.front() {
            self.pages.pop_front();
            self.base += 1;
        }
    }

    /// All futures held, ascending.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (FutureId, &Slot)> {
        self.pages.iter().enumerate().filter_map(|(i, page)| Some((i, page.as_deref()?))).flat_map(
            move |(i, page)| {
                let first = (self.base + i as u64) * PAGE_SLOTS as u64;
                let live = page.slots.iter().enumerate().filter(|(_, slot)| slot.refs != 0);
                live.map(move |(at, slot)| (FutureId(first + at as u64), slot))
            },
        )
    }

    /// Bytes of pages and directory; values beyond 30 bytes are not counted.
    pub(crate) fn bytes(&self) -> usize {
        let pages = self.pages.iter().flatten().count() + usize::from(self.spare.is_some());
        pages * (size_of::<Page>() + PAGE_SLOTS * size_of::<Slot>())
            + self.pages.capacity() * size_of::<usize>()
    }

    /// Panics if the counts are not what the slots say.
    pub(crate) fn check(&self) {
        let mut len = 0;
        for page in self.pages.iter().flatten() {
            let live = page.slots.iter().filter(|slot| slot.refs != 0).count();
            assert_eq!(live, page.live as usize, "a page counts its live slots");
            assert!(live > 0, "an empty page is freed");
            len += live;
        }
        assert_eq!(len, self.len, "the table counts its futures");
        assert!(!matches!(self.pages.front(), Some(None)), "the directory begins with a page");
        let spare_is_vacant = |page: &Page| page.live == 0 && page.slots.iter().all(|slot| slot.refs == 0);
        assert!(self.spare.as_deref().is_none_or(spare_is_vacant), "the spare page is vacant");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::slot::KeyForm;
    use rask_types::KeyId;

    fn slot() -> Slot {
        Slot::new(0, KeyForm::Session, KeyId(0))
    }

    #[test]
    fn pages_go_with_their_last_future() {
        let mut table = FutureTable::default();
        for i in 0..10_000 {
            table.insert(FutureId(i), slot());
        }
        table.check();
        assert!(table.bytes() < 10_000 * 64 + 40_000, "{}", table.bytes());
        for i in 0..10_000 {
            assert!(table.remove(FutureId(i)).is_some());
            assert!(table.remove(FutureId(i)).is_none());
        }
        table.check();
        assert_eq!(table.len(), 0);
        assert!(table.pages.is_empty());
    }

    #[test]
    fn a_long_lived_future_keeps_one_page() {
        let mut table = FutureTable::default();
        table.insert(FutureId(7), slot());
        for i in 1_000..1_000_000 {
            table.insert(FutureId(i), slot());
            table.remove(FutureId(i));
        }
        table.check();
        assert!(table.bytes() < 70_000, "{}", table.bytes());
        assert!(table.get(FutureId(7)).is_some());
    }

    #[test]
    fn numbers_may_come_out_of_order_and_from_anywhere() {
        let mut table = FutureTable::default();
        for i in [70_000, 3, 1_000, 69_999] {
            table.insert(FutureId(i), slot());
            table.check();
        }
        assert!(table.get(FutureId(u64::MAX)).is_none());
        assert!(table.get_mut(FutureId(4)).is_none());
        let ids: Vec<u64> = table.iter().map(|(id, _)| id.0).collect();
        assert_eq!(ids, [3, 1_000, 69_999, 70_000]);
    }
}
