//! The descent that numbers the nodes.
//!
//! Three rules decide what runs next.
//!
//! 1. *What costs nothing runs at once.* A task that is ready and lets go of a value (it is the last that needs
//!    it), or whose own value has to be kept anyway, never raises the number of values alive: any order that runs
//!    it later gets no worse by running it now. So it runs now.
//! 2. *So does what costs nothing after a few steps*: see `settle`.
//! 3. *Otherwise head for one target*, its heaviest missing dependency first, down to what is ready. Targets are
//!    the outputs, and what comes between them is said by [`Between`].

use super::settle::Tasks;
use crate::Csr;

const UNSET: u32 = u32::MAX;

/// How many of a value's waiting dependents are looked at to find the next target: a constant, so that a value
/// with a million dependents costs each of them the same.
const TARGETS_COMPARED_MAX: usize = 8;

/// Where to head when an output is done and values are alive that others need.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Between {
    /// For the next output. Best where neighbours in the list are neighbours in the graph, which is how programs
    /// write them.
    AsGiven,
    /// For a dependent of the value made most recently. Best where the list says nothing.
    Nearest,
}

/// A finished walk.
pub(super) struct Walked {
    /// The place of each node in the order.
    pub priorities: Vec<u32>,
    /// The most values alive at once, kept ones not counted, and the sum over all steps, to break ties.
    pub peak_and_sum: (u32, u64),
    /// Values were alive, and waited for, when an output was done: [`Between`] made a difference.
    pub outputs_share: bool,
}

/// What the walk knows of a node.
#[derive(Clone, Copy)]
pub(super) struct Progress {
    /// Its place in the order, `UNSET` while it has none.
    priority: u32,
    /// How many of its dependencies have not run.
    missing: u32,
    /// How many of its dependents have not run.
    pub waiting: u32,
    /// The ids of those dependents, combined by xor: when one is left, this is it.
    pub waiting_xor: u32,
    /// Its value is kept to the end: it costs the same whenever it is made.
    pub kept: bool,
    /// It is on the stack of free tasks, or was.
    offered: bool,
}

impl Progress {
    pub fn has_run(&self) -> bool {
        self.priority != UNSET
    }
}

pub(super) struct Walk<'a> {
    pub graph: &'a Csr,
    pub progress: Vec<Progress>,
    /// Dependencies by weight, parallel to the graph's.
    heaviest_first: &'a [u32],
    next_priority: u32,
    /// Ready tasks that cost nothing; the last runs first.
    free: Vec<u32>,
    /// Values in the order they were made; those no longer alive are dropped when they come up.
    recent: Vec<u32>,
    /// Per node, how far its list of dependents is known to have run.
    dependents_done: Vec<u32>,
    alive: u32,
    peak: u32,
    alive_sum: u64,
}

/// Numbers all nodes, heading for `outputs` and then for the remaining sinks.
pub(super) fn walk(graph: &Csr, outputs: &[u32], heaviest_first: &[u32], between: Between) -> Walked {
    let mut walk = Walk::new(graph, outputs, heaviest_first);
    let mut outputs_share = false;
    for target in outputs.iter().copied().chain(graph.sinks()) {
        if walk.progress[target as usize].has_run() {
            continue;
        }
        outputs_share |= walk.alive > 0;
        walk.head_for(target);
        while between == Between::Nearest
            && let Some(target) = walk.nearest_target()
        {
            outputs_share = true;
            walk.head_for(target);
        }
    }
    debug_assert_eq!(walk.next_priority as usize, graph.len());
    Walked {
        priorities: walk.progress.iter().map(|progress| progress.priority).collect(),
        peak_and_sum: (walk.peak, walk.alive_sum),
        outputs_share,
    }
}

impl<'a> Walk<'a> {
    fn new(graph: &'a Csr, outputs: &[u32], heaviest_first: &'a [u32]) -> Self {
        let progress_of = |node: u32| {
            let dependents = graph.dependents(node);
            Progress {
                priority: UNSET,
                missing: graph.dependencies(node).len() as u32,
                waiting: dependents.len() as u32,
                waiting_xor: dependents.iter().fold(0, |xor, &dependent| xor ^ dependent),
                kept: dependents.is_empty(),
                offered: false,
            }
        };
        let mut progress: Vec<Progress> = graph.nodes().map(progress_of).collect();
        for &output in outputs {
            progress[output as usize].kept = true;
        }
        Walk {
            graph,
            progress,
            heaviest_first,
            next_priority: 0,
            free: Vec::new(),
            recent: Vec::new(),
            dependents_done: vec![0; graph.len()],
            alive: 0,
            peak: 0,
            alive_sum: 0,
        }
    }

    /// Numbers everything that `target` still needs, then `target`, settling on the way.
    fn head_for(&mut self, target: u32) {
        let mut descent = vec![self.step_to(target)];
        while let Some(node) = self.next_ready(&mut descent) {
            self.run_and_what_is_free(node);
            self.settle(node);
        }
    }

    /// As `head_for`, for a target known to be a few steps away: it does not settle, and so never nests.
    fn finish(&mut self, target: u32) {
        let mut descent = vec![self.step_to(target)];
        while let Some(node) = self.next_ready(&mut descent) {
            self.run_and_what_is_free(node);
        }
    }

    /// A step of a descent: the node, and how far its dependencies are known to have run.
    fn step_to(&self, node: u32) -> (u32, usize) {
        (node, self.graph.dependency_range(node).start)
    }

    /// Goes on with a descent down to a node that is ready; `None` once its target has run.
    fn next_ready(&self, descent: &mut Vec<(u32, usize)>) -> Option<u32> {
        while let Some((node, looked_at)) = descent.last_mut() {
            let node = *node;
            let progress = &self.progress[node as usize];
            if progress.has_run() {
                descent.pop();
            } else if progress.missing == 0 {
                descent.pop();
                return Some(node);
            } else {
                while self.progress[self.heaviest_first[*looked_at] as usize].has_run() {
                    *looked_at += 1;
                }
                let dependency = self.heaviest_first[*looked_at];
                descent.push(self.step_to(dependency));
            }
        }
        None
    }

    fn run_and_what_is_free(&mut self, node: u32) {
        self.run(node);
        while let Some(free) = self.free.pop() {
            // A descent may have reached it after it was offered.
            if !self.progress[free as usize].has_run() {
                self.run(free);
            }
        }
    }

    fn run(&mut self, node: u32) {
        let graph = self.graph;
        self.count_alive(node);
        let offered_before = self.free.len();
        for &dependency in graph.dependencies(node) {
            let progress = &mut self.progress[dependency as usize];
            progress.waiting -= 1;
            progress.waiting_xor ^= node;
            if progress.kept {
                continue;
            }
            if progress.waiting == 0 {
                self.alive -= 1;
            } else if progress.waiting == 1 {
                let last = progress.waiting_xor;
                if self.progress[last as usize].missing == 0 {
                    self.offer(last);
                }
            }
        }
        for &dependent in graph.dependents(node) {
            let progress = &mut self.progress[dependent as usize];
            progress.missing -= 1;
            if progress.missing == 0 && self.costs_nothing(dependent) {
                self.offer(dependent);
            }
        }
        // The stack gives back the last first: turn it round, so that equals run in the order given.
        self.free[offered_before..].reverse();
        if self.progress[node as usize].waiting > 0 {
            self.recent.push(node);
        }
    }

    /// Gives a node its number, and adds its value to those alive.
    fn count_alive(&mut self, node: u32) {
        let progress = &mut self.progress[node as usize];
        progress.priority = self.next_priority;
        self.next_priority += 1;
        self.peak = self.peak.max(self.alive + 1);
        self.alive += u32::from(!progress.kept);
        self.alive_sum += u64::from(self.alive);
    }

    /// Whether a task that is ready lets go of a value, or makes one that must be kept anyway.
    fn costs_nothing(&self, node: u32) -> bool {
        let frees = |&dependency: &u32| {
            let progress = &self.progress[dependency as usize];
            progress.waiting == 1 && !progress.kept
        };
        self.progress[node as usize].kept || self.graph.dependencies(node).iter().any(frees)
    }

    fn offer(&mut self, node: u32) {
        if !std::mem::replace(&mut self.progress[node as usize].offered, true) {
            self.free.push(node);
        }
    }

    /// A node has run, but values it used are alive for the sake of one other task each. Where getting that done
    /// as well leaves no more values alive than now, it is done now.
    fn settle(&mut self, node: u32) {
        /// Who has more dependencies is a gathering; its dependencies have others like them to wait for.
        const DEPENDENCIES_MAX: usize = 4;
        let graph = self.graph;
        let dependencies = graph.dependencies(node);
        if dependencies.len() > DEPENDENCIES_MAX {
            return;
        }
        for &dependency in dependencies {
            let progress = self.progress[dependency as usize];
            if progress.waiting == 1 && !progress.kept && self.is_costless(progress.waiting_xor) {
                self.finish(progress.waiting_xor);
            }
        }
    }

    /// Whether `target` and the little that it misses leave no more values alive than there are now.
    fn is_costless(&self, target: u32) -> bool {
        Tasks::missing_for(self, target).is_some_and(|tasks| tasks.cost_nothing(self))
    }

    /// The dependent that misses least of the value made most recently and still alive.
    fn nearest_target(&mut self) -> Option<u32> {
        while let Some(&value) = self.recent.last() {
            if self.progress[value as usize].waiting == 0 {
                self.recent.pop();
                continue;
            }
            let dependents = self.graph.dependents(value);
            let done = &mut self.dependents_done[value as usize];
            while self.progress[dependents[*done as usize] as usize].has_run() {
                *done += 1;
            }
            return dependents[*done as usize..]
                .iter()
                .copied()
                .take(TARGETS_COMPARED_MAX)
                .filter(|&dependent| !self.progress[dependent as usize].has_run())
                .min_by_key(|&dependent| self.progress[dependent as usize].missing);
        }
        None
    }
}
