//! How many tasks are in which state: counted by class as they change it, which costs a few instructions, and added up by
//! prefix when somebody looks.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use rask_types::{ClassId, Tick};

use crate::story::Station;

/// A prefix that had no tasks for so long begins to count anew when it gets some.
const PAUSE_MS: u64 = 5_000;

/// By state.
pub(crate) type Counts = [u32; Station::COUNT];

/// The tasks of one class.
#[derive(Clone, Debug)]
struct ClassTally {
    /// Tasks that exist, by state.
    counts: Counts,
    /// Tasks that exist.
    live: u32,
    /// Tasks that were ever made.
    total: u64,
    /// Those of them that were given up: released on their way to a value, or forgotten when they had erred.
    given_up: u64,
    /// The page on which it changed last.
    page: u64,
    prefix: u32,
}

/// The tasks of one prefix: the sum of its classes.
#[derive(Debug)]
struct PrefixTally {
    prefix: Arc<str>,
    classes: Vec<ClassId>,
    /// Classes that have tasks.
    live_classes: u32,
    /// Since when none has.
    empty_since: Tick,
    /// What had been made, and given up, when it began to count anew.
    base: Made,
    finished: u64,
    raised: u64,
    compute_ns: u64,
    mean_ns: Option<f64>,
    /// Other prefixes whose tasks it depends on.
    needs: BTreeSet<u32>,
    /// The class seen last among what its tasks depend on: mostly it is the same again.
    last_need: Option<ClassId>,
    /// The page on which `needs` grew last.
    page: u64,
}

/// Tasks that were made, and how many of them were given up.
#[derive(Clone, Copy, Default, Debug)]
struct Made {
    total: u64,
    given_up: u64,
}

/// What is known of a prefix.
#[derive(Clone, Debug)]
pub(crate) struct Tally<'a> {
    pub(crate) prefix: &'a Arc<str>,
    /// Tasks that exist, by state.
    pub(crate) counts: Counts,
    /// Tasks that were made since there were none for a while.
    pub(crate) total: u64,
    /// Those of them that were given up: released on their way to a value, or forgotten when they had erred.
    pub(crate) given_up: u64,
    /// Executions that gave a value, since the start.
    pub(crate) finished: u64,
    /// Executions that raised, since the start.
    pub(crate) raised: u64,
    /// What those that gave a value took together, in nanoseconds.
    pub(crate) compute_ns: u64,
    /// Mean duration, newest weighing most.
    pub(crate) mean_ns: Option<f64>,
    /// Other prefixes whose tasks it depends on.
    pub(crate) needs: &'a BTreeSet<u32>,
}

impl Tally<'_> {
    /// Tasks in a state.
    pub(crate) fn in_state(&self, station: Station) -> u32 {
        self.counts[station as usize]
    }
}

/// All of it.
#[derive(Debug, Default)]
pub(crate) struct Tallies {
    classes: Vec<ClassTally>,
    prefixes: Vec<PrefixTally>,
    by_prefix: BTreeMap<Arc<str>, u32>,
    page: u64,
}

impl Tallies {
    /// A class becomes known; classes are numbered without gaps.
    pub(crate) fn add_class(&mut self, class: ClassId, prefix: &str) {
        debug_assert_eq!(class.0 as usize, self.classes.len());
        let number = match self.by_prefix.get(prefix) {
            Some(&known) => known,
            None => self.add_prefix(prefix.into()),
        };
        self.prefixes[number as usize].classes.push(class);
        let counts = [0; Station::COUNT];
        self.classes.push(ClassTally { counts, live: 0, total: 0, given_up: 0, page: 0, prefix: number });
    }

    fn add_prefix(&mut self, prefix: Arc<str>) -> u32 {
        let number = self.prefixes.len() as u32;
        self.by_prefix.insert(prefix.clone(), number);
        self.prefixes.push(PrefixTally {
            prefix,
            classes: Vec::new(),
            live_classes: 0,
            empty_since: Tick::ZERO,
            base: Made::default(),
            finished: 0,
            raised: 0,
            compute_ns: 0,
            mean_ns: None,
            needs: BTreeSet::new(),
            last_need: None,
            page: 0,
        });
        number
    }

    #[inline]
    fn of(&mut self, class: ClassId) -> &mut ClassTally {
        let tally = &mut self.classes[class.0 as usize];
        tally.page = self.page;
        tally
    }

    /// A task was made; it is released.
    #[inline]
    pub(crate) fn created(&mut self, class: ClassId, now: Tick) {
        if self.classes[class.0 as usize].live == 0 {
            self.class_wakes(class, now);
        }
        let tally = self.of(class);
        tally.total += 1;
        tally.live += 1;
        tally.counts[Station::Released as usize] += 1;
    }

    /// A class gets tasks that had none.
    fn class_wakes(&mut self, class: ClassId, now: Tick) {
        let prefix = &mut self.prefixes[self.classes[class.0 as usize].prefix as usize];
        if prefix.live_classes == 0 && prefix.empty_since.plus_ms(PAUSE_MS) < now {
            prefix.base = made_of(&self.classes, &prefix.classes);
        }
        prefix.live_classes += 1;
    }

    /// A task changed its state.
    #[inline]
    pub(crate) fn moved(&mut self, class: ClassId, from: Station, to: Station) {
        let tally = self.of(class);
        tally.counts[from as usize] -= 1;
        tally.counts[to as usize] += 1;
    }

    /// A task was given up.
    pub(crate) fn given_up(&mut self, class: ClassId) {
        self.of(class).given_up += 1;
    }

    /// A task that was given up is to run after all.
    pub(crate) fn taken_up(&mut self, class: ClassId) {
        self.of(class).given_up -= 1;
    }

    /// A task was forgotten.
    #[inline]
    pub(crate) fn forgotten(&mut self, class: ClassId, from: Station, now: Tick) {
        let tally = self.of(class);
        tally.counts[from as usize] -= 1;
        tally.live -= 1;
        if tally.live == 0 {
            let prefix = tally.prefix as usize;
            self.prefixes[prefix].live_classes -= 1;
            self.prefixes[prefix].empty_since = now;
        }
    }

    /// A task depends on another.
    #[inline]
    pub(crate) fn needs(&mut self, class: ClassId, needed: ClassId) {
        let number = self.number_of(class);
        let prefix = &mut self.prefixes[number as usize];
        if prefix.last_need != Some(needed) {
            prefix.last_need = Some(needed);
            let other = self.classes[needed.0 as usize].prefix;
            if other != number && prefix.needs.insert(other) {
                prefix.page = self.page;
            }
        }
    }

    /// `count` executions of a class took `total_ns` together; their mean is now `mean_ns`.
    pub(crate) fn learned(&mut self, class: ClassId, count: u64, total_ns: u64, mean_ns: Option<f64>) {
        let number = self.number_of(class);
        let prefix = &mut self.prefixes[number as usize];
        prefix.finished += count;
        prefix.compute_ns = prefix.compute_ns.saturating_add(total_ns);
        prefix.mean_ns = mean_ns;
        prefix.page = self.page;
    }

    /// An execution of a class raised.
    pub(crate) fn raised(&mut self, class: ClassId) {
        let number = self.number_of(class);
        let prefix = &mut self.prefixes[number as usize];
        prefix.raised += 1;
        prefix.page = self.page;
    }

    /// Changes from now on belong to a new page.
    pub(crate) fn turn_page(&mut self) {
        self.page += 1;
    }

    /// The page that is written now.
    pub(crate) fn page(&self) -> u64 {
        self.page
    }

    /// The prefixes in which something changed on this page or a later one: for each the page on which it did last.
    pub(crate) fn changed_since(&self, page: u64) -> Vec<(u64, u32)> {
        let class_pages = |prefix: &PrefixTally| {
            prefix.classes.iter().map(|class| self.classes[class.0 as usize].page).max().unwrap_or(0)
        };
        let numbered = self.prefixes.iter().zip(0..);
        let last = numbered.map(|(prefix, number)| (class_pages(prefix).max(prefix.page), number));
        last.filter(|&(last, _)| last >= page).collect()
    }

    /// What is known of a prefix, by its number.
    pub(crate) fn get(&self, number: u32) -> Tally<'_> {
        let known = &self.prefixes[number as usize];
        let mut counts = [0; Station::COUNT];
        for class in &known.classes {
            let tally = &self.classes[class.0 as usize];
            counts.iter_mut().zip(tally.counts).for_each(|(sum, count)| *sum += count);
        }
        let made = made_of(&self.classes, &known.classes);
        Tally {
            prefix: &known.prefix,
            counts,
            total: made.total - known.base.total,
            given_up: made.given_up - known.base.given_up,
            finished: known.finished,
            raised: known.raised,
            compute_ns: known.compute_ns,
            mean_ns: known.mean_ns,
            needs: &known.needs,
        }
    }

    /// What is known of all prefixes, by number.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u32, Tally<'_>)> {
        (0..self.prefixes.len() as u32).map(|number| (number, self.get(number)))
    }

    /// The number of the prefix of a class's tasks.
    #[inline]
    pub(crate) fn number_of(&self, class: ClassId) -> u32 {
        self.classes[class.0 as usize].prefix
    }

    /// The text of a prefix.
    pub(crate) fn text_of(&self, number: u32) -> &Arc<str> {
        &self.prefixes[number as usize].prefix
    }

    /// The prefix of a class's tasks.
    pub(crate) fn prefix_of(&self, class: ClassId) -> &Arc<str> {
        self.text_of(self.number_of(class))
    }

    /// Classes that have queued tasks: the class, the number of its prefix, how many.
    pub(crate) fn queued(&self) -> impl Iterator<Item = (ClassId, u32, u32)> {
        let class = |(tally, number): (&ClassTally, u32)| {
            (ClassId(number), tally.prefix, tally.counts[Station::Queued as usize])
        };
        self.classes.iter().zip(0..).map(class).filter(|&(_, _, queued)| queued > 0)
    }

    /// Tasks that exist by class and state, for the check of invariants.
    pub(crate) fn counts(&self) -> Vec<Counts> {
        self.classes.iter().map(|tally| tally.counts).collect()
    }

    /// By class, tasks that no longer exist, and those that were given up, be they still there or not; for the check of invariants.
    pub(crate) fn gone_and_given_up(&self) -> impl Iterator<Item = (u64, u64)> {
        self.classes.iter().map(|tally| (tally.total - u64::from(tally.live), tally.given_up))
    }
}

/// What was ever made of these classes.
fn made_of(all: &[ClassTally], classes: &[ClassId]) -> Made {
    classes.iter().map(|class| &all[class.0 as usize]).fold(Made::default(), |made, tally| Made {
        total: made.total + tally.total,
        given_up: made.given_up + tally.given_up,
    })
}
