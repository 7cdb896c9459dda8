//! A scheduler that only listens, and objects to whatever it could not make sense of. Shared by the other tests.
#![allow(dead_code)]

use std::collections::BTreeSet;

use rask_client_core::ClientCore;
use rask_types::msg::ClientToScheduler;
use rask_types::{FunctionId, FutureId, GraphChunk, KeyKind, Wants};

/// Reads one session's stream.
#[derive(Default)]
pub struct Listener {
    functions: BTreeSet<FunctionId>,
    classes: BTreeSet<u32>,
    /// Every task named so far.
    pub named: BTreeSet<FutureId>,
    /// Futures that the client holds, as far as was said.
    pub wanted: BTreeSet<FutureId>,
    released: BTreeSet<FutureId>,
    complete_graphs: BTreeSet<u32>,
    /// Everything said since `take`.
    pub heard: Vec<ClientToScheduler>,
}

impl Listener {
    /// Drains what the client says.
    pub fn listen(&mut self, core: &mut ClientCore) {
        let mut messages = Vec::new();
        core.take_messages(&mut messages);
        messages.iter().for_each(|message| self.hear(message));
        self.heard.extend(messages);
    }

    /// What was heard since the last call.
    pub fn take(&mut self) -> Vec<ClientToScheduler> {
        std::mem::take(&mut self.heard)
    }

    fn hear(&mut self, message: &ClientToScheduler) {
        match message {
            ClientToScheduler::DefineFunction { id, .. } => {
                assert!(self.functions.insert(*id), "a function is sent once");
            }
            ClientToScheduler::DefineClass(class) => {
                let known = class.class.function == FunctionId::LITERAL
                    || self.functions.contains(&class.class.function);
                assert!(known, "a function is sent before its class");
                assert!(self.classes.insert(class.number), "a class is sent once");
            }
            ClientToScheduler::Graph(chunk) => self.hear_graph(chunk),
            ClientToScheduler::Release(futures) => {
                assert!(!futures.is_empty());
                for future in futures {
                    assert!(self.wanted.remove(future), "{future:?} is released once, after it was named");
                    assert!(self.released.insert(*future));
                }
            }
            ClientToScheduler::Want { future, .. } => self.hear_want(*future),
            ClientToScheduler::Scatter { first, items, .. } => {
                (0..items.len() as u64).for_each(|i| self.hear_want(FutureId(first.0 + i)));
            }
            ClientToScheduler::Locate { futures, .. } => {
                assert!(futures.iter().all(|f| self.named.contains(f)), "only named futures are located");
            }
            _ => {}
        }
    }

    fn hear_want(&mut self, future: FutureId) {
        assert!(self.named.insert(future), "a number is used once");
        self.wanted.insert(future);
    }

    fn hear_graph(&mut self, chunk: &GraphChunk) {
        assert_eq!(chunk.defect(), None);
        assert!(chunk.runs.iter().all(|run| self.classes.contains(&run.class)), "a class is sent before use");
        assert!(!self.complete_graphs.contains(&chunk.graph), "nothing follows a graph's last chunk");
        if chunk.last {
            self.complete_graphs.insert(chunk.graph);
        }
        let mut dep_begin = 0;
        for i in 0..chunk.len() {
            let deps = &chunk.deps[dep_begin..chunk.dep_ends[i] as usize];
            dep_begin = chunk.dep_ends[i] as usize;
            for dep in deps {
                assert!(
                    self.named.contains(dep) && !self.released.contains(dep),
                    "{dep:?} can be depended on"
                );
            }
            let id = FutureId(chunk.first.0 + i as u64);
            assert!(self.named.insert(id), "a number is used once");
        }
        let mut want = |i: u32| assert!(self.wanted.insert(FutureId(chunk.first.0 + u64::from(i))));
        match &chunk.wants {
            Wants::None => {}
            Wants::All => (0..chunk.len() as u32).for_each(&mut want),
            Wants::Some(positions) => positions.iter().for_each(|&i| want(i)),
        }
    }
}

/// The kinds of keys in a chunk, per task.
pub fn kinds(chunk: &GraphChunk) -> Vec<KeyKind> {
    chunk.runs.iter().flat_map(|run| std::iter::repeat_n(run.keys, run.count as usize)).collect()
}
