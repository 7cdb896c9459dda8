//! Random sequences of events by clients, workers and nannies that are honest but unlucky. After every event the
//! invariants hold; at the end, once everybody answers, every future that is held has come to something; and when the
//! clients have gone, nothing is left, neither here nor on the workers.

use proptest::prelude::*;
use rask_scheduler_core::Event;
use rask_types::msg::{ClientToScheduler, NannyToScheduler, Query, WorkerOp, WorkerToScheduler};
use rask_types::{FutureId, Payload, RequestId};

use crate::stage::{Graph, executing, str_key};
use crate::world::{NANNY, Status, World};

/// One step: what, and numbers to choose with.
type Step = (u8, u16, u16);

/// What may happen, and the end.
impl World {
    fn step(&mut self, (what, a, b): Step) {
        match what % 40 {
            0 => self.join_worker(b),
            1 if self.clients.len() < 4 => self.join_client(),
            2 => {
                self.now = self.now.plus_ms([1, 25, 3_000][a as usize % 3]);
                self.event(Event::Tick);
            }
            3 if !self.exits.is_empty() => {
                let exit = self.exits.swap_remove(a as usize % self.exits.len());
                self.event(Event::Nanny(NANNY, NannyToScheduler::Exited(exit)));
            }
            4..=19 => {
                if let Some(client) = self.pick_client(a) {
                    self.step_of_client(client, what % 40 - 4, a, b);
                }
            }
            20..=39 => {
                if let Some(worker) = self.pick_worker(a) {
                    self.step_of_worker(worker, what % 40 - 20, a, b);
                }
            }
            _ => {}
        }
        // Several events may share a turn.
        if !b.is_multiple_of(3) {
            self.turn();
        }
    }

    fn step_of_client(&mut self, client: u32, what: u8, a: u16, b: u16) {
        let held = self.pick_held(client, b);
        let futures: Vec<FutureId> = held.iter().map(|&future| FutureId(future)).collect();
        match what {
            0..=5 => self.submit(client, a, b),
            6 | 7 => {
                // What cancellations took is not held any more, though it may not have been heard yet.
                if let Some(future) = held {
                    self.clients.get_mut(&client).expect("picked").held.remove(&future);
                }
                self.ask(client, ClientToScheduler::Release(futures));
            }
            8 => {
                let reason = "no more".into();
                self.ask(client, ClientToScheduler::Cancel { futures, force: a.is_multiple_of(3), reason });
            }
            9 => self.ask(client, ClientToScheduler::Retry { futures }),
            10 => self.scatter(client, a, b),
            11 => self.bring(client),
            12 => {
                let model = self.clients.get_mut(&client).expect("picked");
                let future = model.next;
                model.next += 1;
                model.held.insert(future, Status::Pending);
                let key = str_key(["a", "b", "c", "s"][a as usize % 4]).to_canonical().into();
                self.ask(client, ClientToScheduler::Want { future: FutureId(future), key });
            }
            13 => self.ask(client, ClientToScheduler::FireAndForget { futures }),
            14 => {
                self.ask(client, ClientToScheduler::Locate { request: RequestId(1), futures });
                self.ask(
                    client,
                    ClientToScheduler::Query { request: RequestId(2), query: Query::TaskCounts },
                );
                let query = Query::Explain(str_key("a").to_canonical().into());
                self.ask(client, ClientToScheduler::Query { request: RequestId(2), query });
                let query = Query::Story(vec![str_key("b").to_canonical().into()]);
                self.ask(client, ClientToScheduler::Query { request: RequestId(2), query });
                self.ask(
                    client,
                    ClientToScheduler::Broadcast {
                        request: RequestId(3),
                        workers: None,
                        and_future_workers: false,
                        op: WorkerOp::Call(Payload::default()),
                    },
                );
            }
            _ => self.rare_step_of_client(client, a, b),
        }
    }

    fn rare_step_of_client(&mut self, client: u32, a: u16, b: u16) {
        match b % 6 {
            0 => self.leave(client),
            1 => self.ask(client, ClientToScheduler::Restart { request: RequestId(4) }),
            2 | 3 => {
                let graph = u32::from(a % 3);
                let model = self.clients.get_mut(&client).expect("picked");
                if model.open.contains_key(&graph) || a.is_multiple_of(2) {
                    // Which futures were of this graph is not known here: all are let go.
                    model.open.remove(&graph);
                    let all = std::mem::take(&mut model.held).into_keys().map(FutureId).collect();
                    self.ask(client, ClientToScheduler::AbortGraph { graph });
                    self.ask(client, ClientToScheduler::Release(all));
                }
            }
            _ => {
                let words = vec![format!("w{}", a % 8)];
                self.ask(client, ClientToScheduler::RetireWorkers { request: RequestId(5), workers: words });
            }
        }
    }

    fn step_of_worker(&mut self, worker: u32, what: u8, a: u16, b: u16) {
        match what {
            0 => {
                for run in self.take_early(worker, a) {
                    self.finish(worker, run, b);
                }
            }
            1..=6 => {
                if let Some(run) = self.take_made(worker, b) {
                    self.finish(worker, run, b);
                }
            }
            7 => {
                if let Some(run) = self.take_failed(worker, b) {
                    self.fail(worker, run);
                }
            }
            8 => {
                if let Some(run) = self.take_unstarted(worker, b) {
                    self.say(worker, WorkerToScheduler::Retracted { runs: vec![run] });
                }
            }
            9 => {
                if let Some(run) = self.take_failed(worker, b) {
                    self.say(worker, WorkerToScheduler::Reschedule { run });
                }
            }
            10 | 11 => {
                let model = self.workers.get_mut(&worker).expect("picked");
                if let Some(run) = model.pick_startable(b) {
                    let says = match model.seceded.remove(&run) {
                        true => WorkerToScheduler::Rejoined { run },
                        false => {
                            model.seceded.insert(run);
                            WorkerToScheduler::Seceded { run }
                        }
                    };
                    self.say(worker, says);
                }
            }
            12 | 13 => self.die(worker, b),
            14 => self.miss(worker, a, b),
            15 | 16 => self.fetch(worker),
            17 => self.repeat(worker, a, b),
            18 => {
                // A copy of somebody's value, as a run's input.
                let Some(holder) = self.pick_worker(b) else { return };
                let value = self.workers[&holder].values.iter().next().copied();
                self.workers.get_mut(&worker).expect("picked").to_fetch.extend(value);
                self.fetch(worker);
            }
            _ if b.is_multiple_of(3) => {
                self.workers.remove(&worker);
                self.say(worker, WorkerToScheduler::Goodbye { reason: "done".into() });
            }
            _ => {
                let runs = self.workers[&worker].startable();
                self.say(worker, executing(runs));
            }
        }
    }

    /// From now on everybody answers.
    fn heal(&mut self) {
        self.turn();
        for exit in std::mem::take(&mut self.exits) {
            self.event(Event::Nanny(NANNY, NannyToScheduler::Exited(exit)));
        }
        // Workers of every kind, so that nothing waits for one.
        (0..6).for_each(|a| self.join_worker(a * 2));
        self.now = self.now.plus_ms(10_000);
        self.event(Event::Tick);
        self.turn();
        let clients: Vec<u32> = self.clients.keys().copied().collect();
        for &client in &clients {
            for graph in self.clients[&client].open.clone().into_keys() {
                let next = self.clients[&client].next;
                self.ask(client, ClientToScheduler::Graph(Graph::at(next).end_of(graph).build()));
            }
            self.clients.get_mut(&client).expect("listed").open.clear();
        }
        for round in 0..1_000 {
            self.turn();
            let mut is_quiet = true;
            for &client in &clients {
                while self.clients.get(&client).is_some_and(|model| !model.to_bring.is_empty()) {
                    is_quiet = false;
                    self.bring(client);
                }
            }
            for worker in self.workers.keys().copied().collect::<Vec<_>>() {
                while let Some(run) = self.take_made(worker, 0) {
                    is_quiet = false;
                    self.finish(worker, run, round % 3);
                }
                while let Some(run) = self.take_unstarted(worker, 0) {
                    is_quiet = false;
                    self.say(worker, WorkerToScheduler::Retracted { runs: vec![run] });
                }
                while self.workers.get(&worker).is_some_and(|model| !model.to_fetch.is_empty()) {
                    is_quiet = false;
                    self.fetch(worker);
                }
                for request in std::mem::take(&mut self.workers.get_mut(&worker).expect("listed").ops) {
                    self.say(worker, WorkerToScheduler::Reply { request, result: Ok(Payload::default()) });
                }
            }
            if is_quiet {
                return;
            }
        }
        panic!("it never comes to rest");
    }

    fn check_end(mut self) {
        self.heal();
        for (number, client) in &self.clients {
            for (future, status) in &client.held {
                let history = || self.history.join("\n");
                let is_pending = *status == Status::Pending;
                assert!(!is_pending, "future {future} of client {number} hangs:\n{}", history());
            }
        }
        for client in self.clients.keys().copied().collect::<Vec<_>>() {
            self.leave(client);
        }
        self.turn();
        self.scheduler.check_empty();
        for (number, worker) in &self.workers {
            let (values, history) = (&worker.values, || self.history.join("\n"));
            assert!(values.is_empty(), "worker {number} keeps {values:?}:\n{}", history());
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_happens_it_comes_to_a_good_end(
        steps in proptest::collection::vec((any::<u8>(), any::<u16>(), any::<u16>()), 1..200)
    ) {
        let mut world = World::new();
        for step in steps {
            world.step(step);
        }
        world.check_end();
    }
}
