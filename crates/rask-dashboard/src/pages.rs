//! The pages that are open: what each has seen, and what is to be said to it.
//!
//! A page that reads too slowly misses deltas; when it has read all that waits for it, it gets a whole pulse, and goes on from
//! there. So what waits for a page is bounded, and no page delays another.

use axum::extract::ws::Utf8Bytes;
use tokio::sync::mpsc;

/// Messages that may wait for one page.
pub(crate) const WAITING_MAX: usize = 8;

/// Names a page among those that were ever open.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct PageId(u64);

/// Which graph: that of one prefix, or of everything.
pub(crate) type Group = Option<String>;

struct Page {
    id: PageId,
    queue: mpsc::Sender<Utf8Bytes>,
    /// The next pulse that it gets must be whole.
    needs_whole: bool,
    watch: Option<Watch>,
}

struct Watch {
    group: Group,
    /// The picture that it has; states are said about that one.
    version: Option<u64>,
}

/// All of them.
#[derive(Default)]
pub(crate) struct Pages {
    open: Vec<Page>,
    next: u64,
}

impl Pages {
    /// A page was opened; what is to be said to it goes into this queue.
    pub fn open(&mut self, queue: mpsc::Sender<Utf8Bytes>) -> PageId {
        let id = PageId(self.next);
        self.next += 1;
        self.open.push(Page { id, queue, needs_whole: true, watch: None });
        id
    }

    /// A page wants to see another graph, or none.
    pub fn watch(&mut self, id: PageId, group: Option<Group>) {
        if let Some(page) = self.open.iter_mut().find(|page| page.id == id) {
            page.watch = group.map(|group| Watch { group, version: None });
        }
    }

    /// Takes away those that were closed.
    pub fn forget_closed(&mut self) {
        self.open.retain(|page| !page.queue.is_closed());
    }

    pub fn is_empty(&self) -> bool {
        self.open.is_empty()
    }

    /// A page waits for a whole pulse and would take it.
    pub fn want_whole(&self) -> bool {
        self.open.iter().any(|page| page.needs_whole && page.has_read_all())
    }

    /// Says what is new to those who know the rest, and everything to the others, as far as they take it.
    pub fn say_pulse(&mut self, delta: &Utf8Bytes, whole: Option<&Utf8Bytes>) {
        for page in &mut self.open {
            if !page.needs_whole {
                page.needs_whole = page.queue.try_send(delta.clone()).is_err();
            } else if let Some(whole) = whole
                && page.has_read_all()
            {
                page.needs_whole = page.queue.try_send(whole.clone()).is_err();
            }
        }
    }

    /// The graphs that are watched, each once.
    pub fn watched(&self) -> Vec<Group> {
        let mut groups: Vec<Group> =
            self.open.iter().filter_map(|page| Some(page.watch.as_ref()?.group.clone())).collect();
        groups.sort();
        groups.dedup();
        groups
    }

    /// A page that watches this graph lacks this picture of it and would take it.
    pub fn want_picture(&self, group: &Group, version: u64) -> bool {
        self.open.iter().any(|page| {
            page.has_read_all()
                && page
                    .watch
                    .as_ref()
                    .is_some_and(|watch| watch.group == *group && watch.version != Some(version))
        })
    }

    /// Says new states to those who have this picture, and the picture, which has them already, to those who watch it and have
    /// another or none.
    pub fn say_graph(
        &mut self,
        group: &Group,
        version: u64,
        states: Option<&Utf8Bytes>,
        picture: Option<&Utf8Bytes>,
    ) {
        for page in &mut self.open {
            let ready = page.has_read_all();
            let Some(watch) = page.watch.as_mut().filter(|watch| watch.group == *group) else { continue };
            let (message, is_whole) = match watch.version == Some(version) {
                true => (states, false),
                false => (picture.filter(|_| ready), true),
            };
            let Some(message) = message else { continue };
            let taken = page.queue.try_send(message.clone()).is_ok();
            if is_whole && taken {
                watch.version = Some(version);
            } else if !taken {
                watch.version = None;
            }
        }
    }
}

impl Page {
    fn has_read_all(&self) -> bool {
        self.queue.capacity() == self.queue.max_capacity()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(pages: &mut Pages) -> (PageId, mpsc::Receiver<Utf8Bytes>) {
        let (queue, messages) = mpsc::channel(WAITING_MAX);
        (pages.open(queue), messages)
    }

    fn read(messages: &mut mpsc::Receiver<Utf8Bytes>) -> Vec<String> {
        std::iter::from_fn(|| messages.try_recv().ok()).map(|text| text.to_string()).collect()
    }

    fn say(pages: &mut Pages, number: usize) {
        let whole = pages.want_whole().then(|| format!("whole {number}").into());
        pages.say_pulse(&format!("{number}").into(), whole.as_ref());
    }

    #[test]
    fn a_new_page_gets_everything_and_the_others_what_is_new() {
        let mut pages = Pages::default();
        let (_, mut first) = open(&mut pages);
        say(&mut pages, 1);
        let (_, mut second) = open(&mut pages);
        say(&mut pages, 2);
        say(&mut pages, 3);
        assert_eq!(read(&mut first), ["whole 1", "2", "3"]);
        assert_eq!(read(&mut second), ["whole 2", "3"]);
    }

    #[test]
    fn a_slow_page_is_passed_over_and_comes_back_with_everything() {
        let mut pages = Pages::default();
        let (_, mut slow) = open(&mut pages);
        for number in 1..=WAITING_MAX + 5 {
            say(&mut pages, number);
        }
        assert!(!pages.want_whole(), "nothing is made for a page that would not take it");
        let got = read(&mut slow);
        assert_eq!((got.len(), got[0].as_str(), got[1].as_str()), (WAITING_MAX, "whole 1", "2"));
        say(&mut pages, 20);
        say(&mut pages, 21);
        assert_eq!(read(&mut slow), ["whole 20", "21"]);
    }

    #[test]
    fn a_closed_page_is_forgotten() {
        let mut pages = Pages::default();
        let (_, first) = open(&mut pages);
        let (_, _second) = open(&mut pages);
        drop(first);
        pages.forget_closed();
        assert!(!pages.is_empty());
        say(&mut pages, 1);
        drop(_second);
        pages.forget_closed();
        assert!(pages.is_empty());
    }

    #[test]
    fn states_go_to_those_who_have_the_picture() {
        let mut pages = Pages::default();
        let (one, mut first) = open(&mut pages);
        let (two, mut second) = open(&mut pages);
        let group = Some("inc".to_owned());
        pages.watch(one, Some(group.clone()));
        assert_eq!(pages.watched(), std::slice::from_ref(&group));
        let say_graph = |pages: &mut Pages, version: u64, states: &str| {
            let picture = pages.want_picture(&group, version).then(|| format!("picture {version}").into());
            pages.say_graph(&group, version, Some(&states.into()), picture.as_ref());
        };
        say_graph(&mut pages, 1, "a");
        assert_eq!(read(&mut first), ["picture 1"]);
        pages.watch(two, Some(group.clone()));
        say_graph(&mut pages, 1, "b");
        assert_eq!(read(&mut first), ["b"]);
        assert_eq!(read(&mut second), ["picture 1"]);
        say_graph(&mut pages, 2, "c");
        pages.watch(one, None);
        say_graph(&mut pages, 2, "d");
        assert_eq!(read(&mut first), ["picture 2"]);
        assert_eq!(read(&mut second), ["picture 2", "d"]);
        pages.watch(two, Some(None));
        assert_eq!(pages.watched(), [None]);
        say_graph(&mut pages, 2, "e");
        assert_eq!(read(&mut second), [""; 0]);
        pages.watch(two, Some(group.clone()));
        for number in 0..WAITING_MAX + 2 {
            say_graph(&mut pages, 3, &number.to_string());
        }
        assert_eq!(read(&mut second).len(), WAITING_MAX);
        say_graph(&mut pages, 3, "late");
        assert_eq!(read(&mut second), ["picture 3"], "states that it missed are in the picture");
    }
}
