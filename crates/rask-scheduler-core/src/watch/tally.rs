//! How many tasks of each prefix are in which state, counted as they change it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use rask_types::{ClassId, Tick};

use crate::story::Station;

/// A prefix that had no tasks for so long begins to count anew when it gets some.
const PAUSE_MS: u64 = 5_000;

/// The tasks of one prefix.
#[derive(Debug)]
pub(crate) struct Tally {
    pub(crate) prefix: Arc<str>,
    /// Tasks that exist, by state.
    counts: [u32; Station::COUNT],
    /// Tasks that exist.
    live: u32,
    /// When there were none the last time.
    empty_since: Tick,
    /// Tasks that were made since there were none for a while.
    pub(crate) total: u64,
    /// The page on which it changed last.
    pub(crate) page: u64,
    /// Executions that gave a value, since the start.
    pub(crate) finished: u64,
    /// What those took together, in nanoseconds.
    pub(crate) compute_ns: u64,
    /// Mean duration, newest weighing most.
    pub(crate) mean_ns: Option<f64>,
    /// Other tallies whose tasks it depends on.
    pub(crate) needs: BTreeSet<u32>,
    /// The class seen last among what its tasks depend on: mostly it is the same again.
    last_need: Option<ClassId>,
}

impl Tally {
    /// Tasks in a state.
    pub(crate) fn in_state(&self, station: Station) -> u32 {
        self.counts[station as usize]
    }
}

/// All tallies, and the classes whose tasks they count.
#[derive(Debug, Default)]
pub(crate) struct Tallies {
    /// By class: the tally, and how many of its tasks are queued.
    classes: Vec<(u32, u32)>,
    entries: Vec<Tally>,
    by_prefix: BTreeMap<Arc<str>, u32>,
    page: u64,
}

impl Tallies {
    /// A class becomes known; classes are numbered without gaps.
    pub(crate) fn add_class(&mut self, class: ClassId, prefix: &str) {
        debug_assert_eq!(class.0 as usize, self.classes.len());
        let tally = match self.by_prefix.get(prefix) {
            Some(&known) => known,
            None => self.add_prefix(prefix.into()),
        };
        self.classes.push((tally, 0));
    }

    fn add_prefix(&mut self, prefix: Arc<str>) -> u32 {
        let number = self.entries.len() as u32;
        self.by_prefix.insert(prefix.clone(), number);
        self.entries.push(Tally {
            prefix,
            counts: [0; Station::COUNT],
            live: 0,
            empty_since: Tick::ZERO,
            total: 0,
            page: 0,
            finished: 0,
            compute_ns: 0,
            mean_ns: None,
            needs: BTreeSet::new(),
            last_need: None,
        });
        number
    }

    #[inline]
    fn of(&mut self, class: ClassId) -> &mut Tally {
        let tally = &mut self.entries[self.classes[class.0 as usize].0 as usize];
        tally.page = self.page;
        tally
    }

    /// A task was made; it is released.
    #[inline]
    pub(crate) fn created(&mut self, class: ClassId, now: Tick) {
        let tally = self.of(class);
        if tally.live == 0 && tally.empty_since.plus_ms(PAUSE_MS) < now {
            tally.total = 0;
        }
        tally.total += 1;
        tally.live += 1;
        tally.counts[Station::Released as usize] += 1;
    }

    /// A task changed its state.
    #[inline]
    pub(crate) fn moved(&mut self, class: ClassId, from: Station, to: Station) {
        let tally = self.of(class);
        tally.counts[from as usize] -= 1;
        tally.counts[to as usize] += 1;
        if from == Station::Queued {
            self.classes[class.0 as usize].1 -= 1;
        }
        if to == Station::Queued {
            self.classes[class.0 as usize].1 += 1;
        }
    }

    /// A task was forgotten.
    #[inline]
    pub(crate) fn forgotten(&mut self, class: ClassId, from: Station, now: Tick) {
        let tally = self.of(class);
        tally.counts[from as usize] -= 1;
        tally.live -= 1;
        if tally.live == 0 {
            tally.empty_since = now;
        }
    }

    /// A task depends on another.
    #[inline]
    pub(crate) fn needs(&mut self, class: ClassId, needed: ClassId) {
        let (number, _) = self.classes[class.0 as usize];
        let tally = &mut self.entries[number as usize];
        if tally.last_need != Some(needed) {
            tally.last_need = Some(needed);
            let (other, _) = self.classes[needed.0 as usize];
            if other != number && tally.needs.insert(other) {
                tally.page = self.page;
            }
        }
    }

    /// `count` executions of a class took `total_ns` together; their mean is now `mean_ns`.
    pub(crate) fn learned(&mut self, class: ClassId, count: u64, total_ns: u64, mean_ns: Option<f64>) {
        let tally = self.of(class);
        tally.finished += count;
        tally.compute_ns = tally.compute_ns.saturating_add(total_ns);
        tally.mean_ns = mean_ns;
    }

    /// Changes from now on belong to a new page.
    pub(crate) fn turn_page(&mut self) {
        self.page += 1;
    }

    /// The page that is written now.
    pub(crate) fn page(&self) -> u64 {
        self.page
    }

    /// All tallies that have counted something, by number.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u32, &Tally)> {
        self.entries.iter().enumerate().map(|(number, tally)| (number as u32, tally))
    }

    /// One of them.
    pub(crate) fn get(&self, number: u32) -> &Tally {
        &self.entries[number as usize]
    }

    /// The tally of a class's tasks.
    pub(crate) fn number_of(&self, class: ClassId) -> u32 {
        self.classes[class.0 as usize].0
    }

    /// The prefix of a class's tasks.
    pub(crate) fn prefix_of(&self, class: ClassId) -> &Arc<str> {
        &self.get(self.number_of(class)).prefix
    }

    /// Classes that have queued tasks: the class, its tally, how many.
    pub(crate) fn queued(&self) -> impl Iterator<Item = (ClassId, u32, u32)> {
        let class = |(i, &(tally, queued)): (usize, &(u32, u32))| (ClassId(i as u32), tally, queued);
        self.classes.iter().enumerate().map(class).filter(|&(_, _, queued)| queued > 0)
    }

    /// Tasks that exist by tally and state, for the check of invariants.
    pub(crate) fn counts(&self) -> Vec<[u32; Station::COUNT]> {
        self.entries.iter().map(|tally| tally.counts).collect()
    }
}
