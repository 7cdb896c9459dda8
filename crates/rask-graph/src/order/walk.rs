//! The descent that numbers the nodes.
//!
//! Two rules decide what runs next.
//!
//! 1. *What costs nothing runs at once.* A task that is ready and lets go of a value (it is the last that needs
//!    it), or whose own value has to be kept anyway, never raises the number of values alive: any order that runs
//!    it later gets no worse by running it now. So it runs now.
//! 2. *Otherwise head for one target*, its heaviest missing dependency first, down to what is ready. The first
//!    target is a sink; the next ones are dependents of the value made most recently and still alive, since only
//!    they can let go of it.

use super::weight::heaviest_first;
use crate::Csr;

const UNSET: u32 = u32::MAX;

/// How many of a value's waiting dependents are looked at to find the next target: a constant, so that a value
/// with a million dependents costs each of them the same.
const TARGETS_COMPARED_MAX: usize = 8;

/// What the walk knows of a node.
#[derive(Clone, Copy)]
struct Progress {
    /// Its place in the order, `UNSET` while it has none.
    priority: u32,
    /// How many of its dependencies have not run.
    missing: u32,
    /// How many of its dependents have not run.
    waiting: u32,
    /// The ids of those dependents, combined by xor: when one is left, this is it.
    waiting_xor: u32,
    /// Its value is kept to the end: it costs the same whenever it is made.
    kept: bool,
    /// It is on the stack of free tasks, or was.
    offered: bool,
}

struct Walk<'a> {
    graph: &'a Csr,
    progress: Vec<Progress>,
    next_priority: u32,
    /// Dependencies by weight, parallel to the graph's.
    sorted: Vec<u32>,
    /// Ready tasks that cost nothing; the last runs first.
    free: Vec<u32>,
    /// Values in the order they were made; those no longer alive are dropped when they come up.
    recent: Vec<u32>,
    /// Per node, how far its list of dependents is known to have run.
    dependents_done: Vec<u32>,
}

/// The priority of each node.
pub(super) fn priorities(graph: &Csr, outputs: &[u32], topological: &[u32]) -> Vec<u32> {
    let mut walk = Walk::new(graph, outputs, heaviest_first(graph, topological));
    for target in outputs.iter().copied().chain(graph.sinks()) {
        walk.head_for(target);
        while let Some(target) = walk.nearest_target() {
            walk.head_for(target);
        }
    }
    debug_assert_eq!(walk.next_priority as usize, graph.len());
    walk.progress.iter().map(|progress| progress.priority).collect()
}

impl<'a> Walk<'a> {
    fn new(graph: &'a Csr, outputs: &[u32], sorted: Vec<u32>) -> Self {
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
            next_priority: 0,
            sorted,
            free: Vec::new(),
            recent: Vec::new(),
            dependents_done: vec![0; graph.len()],
        }
    }

    fn has_run(&self, node: u32) -> bool {
        self.progress[node as usize].priority != UNSET
    }

    /// Numbers everything that `target` still needs, then `target`.
    fn head_for(&mut self, target: u32) {
        let mut descent = vec![(target, self.graph.dependency_range(target).start)];
        while let Some((node, looked_at)) = descent.last_mut() {
            let node = *node;
            if self.has_run(node) {
                descent.pop();
            } else if self.progress[node as usize].missing == 0 {
                descent.pop();
                self.run_and_what_is_free(node);
            } else {
                while self.progress[self.sorted[*looked_at] as usize].priority != UNSET {
                    *looked_at += 1;
                }
                let dependency = self.sorted[*looked_at];
                descent.push((dependency, self.graph.dependency_range(dependency).start));
            }
        }
    }

    fn run_and_what_is_free(&mut self, node: u32) {
        self.run(node);
        while let Some(free) = self.free.pop() {
            // The target itself may have been offered before it was reached.
            if !self.has_run(free) {
                self.run(free);
            }
        }
    }

    fn run(&mut self, node: u32) {
        let graph = self.graph;
        self.progress[node as usize].priority = self.next_priority;
        self.next_priority += 1;
        let offered_before = self.free.len();
        for &dependency in graph.dependencies(node) {
            let progress = &mut self.progress[dependency as usize];
            progress.waiting -= 1;
            progress.waiting_xor ^= node;
            if progress.waiting == 1 && !progress.kept {
                let last = progress.waiting_xor;
                if self.progress[last as usize].missing == 0 {
                    self.offer(last);
                }
            }
        }
        for &dependent in graph.dependents(node) {
            self.progress[dependent as usize].missing -= 1;
            if self.progress[dependent as usize].missing == 0 && self.costs_nothing(dependent) {
                self.offer(dependent);
            }
        }
        // The stack gives back the last first: turn it round, so that equals run in the order given.
        self.free[offered_before..].reverse();
        if self.progress[node as usize].waiting > 0 {
            self.recent.push(node);
        }
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

    /// The dependent that misses least of the value made most recently and still alive.
    fn nearest_target(&mut self) -> Option<u32> {
        while let Some(&value) = self.recent.last() {
            if self.progress[value as usize].waiting == 0 {
                self.recent.pop();
                continue;
            }
            let dependents = self.graph.dependents(value);
            let done = &mut self.dependents_done[value as usize];
            while self.progress[dependents[*done as usize] as usize].priority != UNSET {
                *done += 1;
            }
            return dependents[*done as usize..]
                .iter()
                .copied()
                .take(TARGETS_COMPARED_MAX)
                .filter(|&dependent| self.progress[dependent as usize].priority == UNSET)
                .min_by_key(|&dependent| self.progress[dependent as usize].missing);
        }
        None
    }
}
