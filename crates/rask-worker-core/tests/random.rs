//! Random sequences of everything that can happen, against a small model of the world outside: every run that was
//! assigned is answered exactly once, runs begin with the values they asked for, and nothing is left at the end.

mod scenario;

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use rask_types::msg::{FetchFailure, WorkerToScheduler};
use rask_types::{DepSource, RequestId, RunId, WorkerId};
use rask_worker_core::{DepSlot, DepValue, Effect, Event, Limits, TaskName};
use scenario::*;

/// What happens next; numbers choose among what there is at that moment.
#[derive(Clone, Debug)]
enum Step {
    Compute { tasks: Vec<Vec<(bool, usize, u8)>>, keep_inline: bool },
    Repeat(usize),
    Begin(usize),
    End { which: usize, how: u8 },
    Retract { which: Vec<usize>, discard: bool },
    Free(usize),
    Replicate { which: usize, holders: u8 },
    Answer { which: usize, how: u8 },
    LosePeer(u8),
    Bring(usize),
    Wait,
    Nonsense(u32),
    Close,
}

fn steps() -> impl Strategy<Value = Step> {
    let index = 0_usize..1000;
    let dep = (any::<bool>(), 0_usize..1000, 0_u8..8);
    let task = proptest::collection::vec(dep, 0..4);
    prop_oneof![
        6 => (proptest::collection::vec(task, 1..5), any::<bool>())
            .prop_map(|(tasks, keep_inline)| Step::Compute { tasks, keep_inline }),
        1 => index.clone().prop_map(Step::Repeat),
        6 => index.clone().prop_map(Step::Begin),
        6 => (index.clone(), 0_u8..8).prop_map(|(which, how)| Step::End { which, how }),
        3 => (proptest::collection::vec(index.clone(), 1..4), any::<bool>())
            .prop_map(|(which, discard)| Step::Retract { which, discard }),
        2 => index.clone().prop_map(Step::Free),
        1 => (index.clone(), 0_u8..4).prop_map(|(which, holders)| Step::Replicate { which, holders }),
        8 => (index.clone(), 0_u8..8).prop_map(|(which, how)| Step::Answer { which, how }),
        2 => (0_u8..2).prop_map(Step::LosePeer),
        1 => index.clone().prop_map(Step::Bring),
        2 => Just(Step::Wait),
        1 => (0_u32..40).prop_map(Step::Nonsense),
        1 => proptest::bool::weighted(0.05).prop_map(|close| if close { Step::Close } else { Step::Wait }),
    ]
}

/// The world outside the core.
struct World {
    scenario: Scenario,
    assigned: BTreeMap<RunId, Vec<DepSource>>,
    answered: BTreeMap<RunId, &'static str>,
    queued: Vec<RunId>,
    /// Those of them that await results of others of them, and which.
    following: BTreeMap<RunId, BTreeSet<RunId>>,
    executing: Vec<RunId>,
    begun: BTreeSet<RunId>,
    asked: Vec<(WorkerId, RequestId, RunId)>,
    /// Values that exist somewhere, or did.
    values: Vec<RunId>,
    next_slot: u32,
    left: bool,
}

impl World {
    fn new() -> World {
        let limits = Limits { flights_per_peer_max: 3, flying_bytes_per_peer_max: 25, flying_bytes_max: 40 };
        World {
            scenario: Scenario::with_limits(limits),
            assigned: BTreeMap::new(),
            answered: BTreeMap::new(),
            queued: vec![],
            following: BTreeMap::new(),
            executing: vec![],
            begun: BTreeSet::new(),
            asked: vec![],
            values: (1000..1005).map(run).collect(),
            next_slot: 0,
            left: false,
        }
    }

    fn feed(&mut self, event: Event<u32>) {
        let mut events = vec![event];
        while let Some(event) = events.pop() {
            for effect in self.scenario.feed(event) {
                self.obey(effect, &mut events);
            }
        }
    }

    fn obey(&mut self, effect: Effect<u32>, events: &mut Vec<Event<u32>>) {
        for (run, how) in answers(&vec![effect.clone()]) {
            assert!(self.assigned.contains_key(&run), "{run:?} was never assigned and is {how}");
            let before = self.answered.insert(run, how);
            assert_eq!(before, None, "{run:?} is {how}");
            assert!(how != "retracted" || !self.begun.contains(&run), "{run:?} is given back but has begun");
        }
        match effect {
            Effect::Ready(runs) => {
                for ready in &runs {
                    self.check_deps(ready);
                    self.queued.push(ready.run);
                }
                self.follow(&runs);
            }
            Effect::TakeBack { runs } => {
                let mut taken = self.take_back(|run| runs.contains(run));
                for run in taken.clone() {
                    taken.extend(self.break_followers(run));
                }
                events.push(Event::TakenBack { runs: taken });
            }
            Effect::TakeBackAll => {
                let runs = self.take_back(|_| true);
                self.following.clear();
                events.push(Event::Drained { runs });
            }
            Effect::Fetch { worker, request, values } => {
                assert!(!values.is_empty());
                self.asked.extend(values.into_iter().map(|value| (worker, request, value)));
            }
            Effect::Send(WorkerToScheduler::Finished(columns)) => {
                for held in columns.held {
                    self.values.push(columns.runs[held.position as usize]);
                }
            }
            Effect::Leave { .. } => self.left = true,
            Effect::Send(_) => {}
            Effect::Violation { text } => panic!("{text}"),
        }
    }

    fn take_back(&mut self, wanted: impl Fn(&RunId) -> bool) -> Vec<RunId> {
        let (taken, rest) = self.queued.iter().partition(|run| wanted(run));
        self.queued = rest;
        for run in &taken {
            self.following.remove(run);
        }
        taken
    }

    /// Notes who awaits whose result in a batch of ready runs.
    fn follow(&mut self, runs: &[rask_worker_core::ReadyRun<u32>]) {
        let mut followers: BTreeMap<RunId, u32> = BTreeMap::new();
        for ready in runs {
            for slot in &ready.deps {
                let DepSlot::Awaited(leader) = slot else { continue };
                assert!(self.queued.contains(leader), "{leader:?} goes there with {:?}", ready.run);
                *followers.entry(*leader).or_default() += 1;
                self.following.entry(ready.run).or_default().insert(*leader);
            }
        }
        for ready in runs {
            assert_eq!(followers.remove(&ready.run).unwrap_or(0), ready.followers, "of {:?}", ready.run);
        }
        assert!(followers.is_empty(), "who awaits a result comes with its run");
    }

    /// There will be no result of `run`: who awaits it leaves the queue, and who awaits theirs.
    fn break_followers(&mut self, run: RunId) -> Vec<RunId> {
        let mut broken = vec![run];
        let mut next = 0;
        while let Some(&leader) = broken.get(next) {
            next += 1;
            let followers = self.following.iter().filter(|it| it.1.contains(&leader)).map(|it| *it.0);
            let followers: Vec<RunId> = followers.collect();
            for follower in followers {
                self.following.remove(&follower);
                self.queued.retain(|queued| *queued != follower);
                broken.push(follower);
            }
        }
        broken.split_off(1)
    }

    /// Queued runs that a thread could begin.
    fn startable(&self) -> Vec<RunId> {
        self.queued.iter().filter(|run| !self.following.contains_key(run)).copied().collect()
    }

    fn begin(&mut self, run: RunId) {
        self.queued.retain(|queued| *queued != run);
        self.begun.insert(run);
    }

    /// A run begins with exactly the values that it named; a value says from which run it is.
    fn check_deps(&self, ready: &rask_worker_core::ReadyRun<u32>) {
        assert!(!self.answered.contains_key(&ready.run), "{:?} is ready after its answer", ready.run);
        assert!(
            !self.queued.contains(&ready.run) && !self.begun.contains(&ready.run),
            "{:?} twice",
            ready.run
        );
        assert_eq!(ready.name, TaskName::Token(u128::from(ready.run.task.0)));
        let sources = &self.assigned[&ready.run];
        assert_eq!(sources.len(), ready.deps.len());
        for (source, dep) in sources.iter().zip(&ready.deps) {
            match (source, dep) {
                (DepSource::Held { run, .. }, DepSlot::Awaited(leader)) => assert_eq!(run, leader),
                (DepSource::Held { run, .. }, DepSlot::Here(DepValue::Kept(value))) => {
                    assert_eq!(run.task.0, *value);
                }
                (DepSource::Held { .. }, DepSlot::Here(DepValue::Small(payload))) => {
                    assert_eq!(&payload.head[..], b"tiny");
                }
                (DepSource::Inline(_), DepSlot::Here(DepValue::Small(payload))) => {
                    assert_eq!(&payload.head[..], b"small");
                }
                (DepSource::Inline(_), _) => panic!("{:?}: a small value grew", ready.run),
            }
        }
    }

    fn end(&mut self, run: RunId, how: u8) {
        let broken = match how {
            0..=5 => {
                for leaders in self.following.values_mut() {
                    leaders.remove(&run);
                }
                self.following.retain(|_, leaders| !leaders.is_empty());
                vec![]
            }
            _ => self.break_followers(run),
        };
        self.feed(match how {
            0..=2 => Event::Finished(inline(&[(run, b"tiny")])),
            3..=5 => Event::Finished(kept(run, run.task.0)),
            6 => failed(run, "x"),
            _ => Event::Rescheduled { run },
        });
        if !broken.is_empty() {
            self.feed(Event::TakenBack { runs: broken });
        }
    }

    fn answer(&mut self, which: usize, how: u8) {
        let (worker, request, value) = self.asked.swap_remove(which);
        let result = match how {
            0..=4 => Ok((DepValue::Kept(value.task.0), 10)),
            5 | 6 => Err(FetchFailure::Missing),
            _ => Err(FetchFailure::Unserializable(failure("no"))),
        };
        self.feed(Event::Fetched { worker, request, value, result });
    }

    fn holders(which: u8) -> Vec<WorkerId> {
        let all = [NEAR, FAR, ME, WorkerId(9)];
        all.into_iter().enumerate().filter(|(i, _)| which >> i & 1 == 1).map(|(_, worker)| worker).collect()
    }

    fn compute(&mut self, tasks: Vec<Vec<(bool, usize, u8)>>, keep_inline: bool) {
        let mut runs = vec![];
        for deps in tasks {
            // Slots are used again, as the scheduler does.
            let run = RunId::new(self.next_slot % 20, self.next_slot / 20 + 1);
            self.next_slot += 1;
            let source = |(fresh, which, holders): (bool, usize, u8)| {
                if holders == 7 {
                    return DepSource::Inline(0);
                }
                let assigned: Vec<RunId> = self.assigned.keys().copied().collect();
                let pool = if fresh && !assigned.is_empty() { &assigned } else { &self.values };
                held(pool[which % pool.len()], &World::holders(holders))
            };
            let sources: Vec<DepSource> = deps.into_iter().map(source).collect();
            self.assigned.insert(run, sources.clone());
            runs.push((run, sources));
        }
        let mut columns = columns(&runs);
        columns.keep_inline = keep_inline;
        self.feed(Event::Compute(columns));
    }

    fn step(&mut self, step: Step) {
        let of = |list: &[RunId], which: usize| list.get(which % list.len().max(1)).copied();
        let assigned: Vec<RunId> = self.assigned.keys().copied().collect();
        match step {
            Step::Compute { tasks, keep_inline } => self.compute(tasks, keep_inline),
            Step::Repeat(which) => {
                let unanswered: Vec<RunId> =
                    assigned.into_iter().filter(|run| !self.answered.contains_key(run)).collect();
                if let Some(run) = of(&unanswered, which)
                    && !self.left
                {
                    let sources = self.assigned[&run].clone();
                    self.feed(Event::Compute(columns(&[(run, sources)])));
                }
            }
            Step::Begin(which) => {
                if let Some(run) = of(&self.startable(), which) {
                    self.begin(run);
                    self.executing.push(run);
                }
            }
            Step::End { which, how } => {
                if !self.executing.is_empty() {
                    let run = self.executing.swap_remove(which % self.executing.len());
                    self.end(run, how);
                }
            }
            Step::Retract { which, discard } => {
                let runs = which.into_iter().filter_map(|which| of(&assigned, which)).collect();
                self.feed(Event::Retract { runs, discard });
            }
            Step::Free(which) => {
                let value = of(&self.values, which).into_iter().collect();
                self.feed(Event::Free { values: value });
            }
            Step::Replicate { which, holders } => {
                let value = of(&self.values, which);
                let sources = value.into_iter().map(|value| (value, World::holders(holders))).collect();
                self.feed(Event::Replicate { sources });
            }
            Step::Answer { which, how } => {
                if !self.asked.is_empty() {
                    self.answer(which % self.asked.len(), how);
                }
            }
            Step::LosePeer(which) => self.lose([NEAR, FAR][usize::from(which)]),
            Step::Bring(which) => {
                if let Some(value) = of(&self.values, which) {
                    let kept = DepValue::Kept(value.task.0);
                    self.feed(Event::Brought { value, kept, nbytes: 5, type_name: "t".into() });
                }
            }
            Step::Wait => {
                self.scenario.now = self.scenario.now.plus_ms(150);
                self.feed(Event::TimedOut);
            }
            Step::Nonsense(slot) => {
                let stranger = RunId::new(slot, 1_000_000);
                self.end(stranger, slot as u8 % 8);
                self.feed(Event::TakenBack { runs: vec![stranger] });
                let result = Err(FetchFailure::Missing);
                self.feed(Event::Fetched { worker: NEAR, request: RequestId(slot), value: stranger, result });
            }
            Step::Close => self.feed(Event::Close { reason: "enough".into() }),
        }
    }

    fn lose(&mut self, worker: WorkerId) {
        self.asked.retain(|asked| asked.0 != worker);
        self.feed(Event::PeerLost { worker });
    }

    /// Lets everything come to its end.
    fn settle(&mut self) {
        for _ in 0..10_000 {
            if let Some(&run) = self.startable().last() {
                self.begin(run);
                self.end(run, 0);
            } else if let Some(run) = self.executing.pop() {
                self.end(run, 3);
            } else if !self.asked.is_empty() {
                self.answer(0, 0);
            } else if let Some(until) = self.scenario.core.poll_timeout() {
                self.scenario.now = until;
                self.feed(Event::TimedOut);
            } else {
                return;
            }
        }
        panic!("it never ends: {:#?}", self.scenario.core);
    }

    fn check_end(&mut self) {
        let unanswered: Vec<_> =
            self.assigned.keys().filter(|run| !self.answered.contains_key(run)).collect();
        assert!(unanswered.is_empty(), "never answered: {unanswered:?}");
        let everything: Vec<RunId> = self.assigned.keys().chain(&self.values).copied().collect();
        self.feed(Event::Free { values: everything });
        assert_eq!(self.scenario.core.counts(), Default::default());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn every_run_is_answered_once_and_nothing_leaks(steps in proptest::collection::vec(steps(), 0..120)) {
        let mut world = World::new();
        for step in steps {
            world.step(step);
        }
        world.settle();
        world.check_end();
    }
}
