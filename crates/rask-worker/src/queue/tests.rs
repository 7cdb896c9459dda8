//! Each run leaves the queue once, and with the inputs it awaited.

use super::*;
use crate::TaskName;
use rask_types::{ClassId, Payload};

/// A run without inputs. The pool's tests take it, too.
pub(crate) fn execution(slot: u32, priority: i32, order: u64) -> Execution {
    Execution {
        run: RunId::new(slot, 1),
        class: ClassId(0),
        priority,
        order,
        name: TaskName::Token(0),
        args: Payload::default(),
        deps: vec![],
        followers: 0,
    }
}

fn slots(queue: &mut Queue) -> Vec<u32> {
    std::iter::from_fn(|| queue.pop()).map(|execution| execution.run.task.0).collect()
}

#[test]
fn priority_then_order_then_arrival() {
    let mut queue = Queue::default();
    queue.push(vec![execution(1, 0, 5), execution(2, 0, 6), execution(3, 0, 5), execution(4, 1, 9)]);
    queue.push(vec![execution(5, 0, 1), execution(6, -1, 0), execution(7, 1, 8)]);
    assert_eq!(queue.len(), 7);
    assert_eq!(slots(&mut queue), [7, 4, 5, 1, 3, 2, 6]);
    assert_eq!(queue.len(), 0);
}

#[test]
fn what_is_taken_back_does_not_come() {
    let mut queue = Queue::default();
    queue.push((0..10).map(|i| execution(i, 0, u64::from(10 - i))).collect());
    let run = |slot| RunId::new(slot, 1);
    assert_eq!(queue.take_back(&[run(3), run(5), run(77), run(3)]), [run(3), run(5)]);
    assert_eq!(queue.len(), 8);
    assert_eq!(queue.pop().map(|e| e.run), Some(run(9)));
    assert_eq!(queue.take_back(&[run(9)]), [], "it has begun");
    assert_eq!(slots(&mut queue), [8, 7, 6, 4, 2, 1, 0]);
    assert!(queue.present.is_empty());
}

#[test]
fn stones_are_swept_away() {
    let mut queue = Queue::default();
    queue.push((0..500).map(|i| execution(i, 0, u64::from(i))).collect());
    queue.push((500..1000).map(|i| execution(i, 0, u64::from(i % 7))).collect());
    let most: Vec<RunId> = (0..900).map(|slot| RunId::new(slot, 1)).collect();
    assert_eq!(queue.take_back(&most).len(), 900);
    let in_row: usize = queue.row.iter().map(|batch| batch.len()).sum();
    assert_eq!(in_row + queue.overtaking.len(), 100);
    assert_eq!((queue.len(), queue.stones), (100, 0));
    assert_eq!(queue.take_all().len(), 100);
}

fn run(slot: u32) -> RunId {
    RunId::new(slot, 1)
}

/// Runs in neighbouring slots that await each other's results: slot, place in the order, slots of those it awaits.
fn batch(runs: &[(u32, u64, &[u32])]) -> Vec<Execution> {
    let mut executions: Vec<Execution> = runs.iter().map(|it| execution(it.0, 0, it.1)).collect();
    for (at, (.., leaders)) in runs.iter().enumerate() {
        executions[at].deps = leaders.iter().map(|&slot| DepSlot::Awaited(run(slot))).collect();
        for slot in *leaders {
            executions[(slot - runs[0].0) as usize].followers += 1;
        }
    }
    executions
}

fn chain(n: u32) -> Vec<Execution> {
    let leaders: Vec<Vec<u32>> = (0..n).map(|i| (i > 0).then(|| i - 1).into_iter().collect()).collect();
    let runs: Vec<_> = (0..n).map(|i| (i, u64::from(i), &leaders[i as usize][..])).collect();
    batch(&runs)
}

/// A result that says which run made it.
fn made(slot: u32) -> Option<DepValue> {
    Some(DepValue::Small(Payload::from_head(slot.to_le_bytes().to_vec())))
}

fn inputs(execution: &Execution) -> Vec<u32> {
    let input = |slot: &DepSlot| match slot {
        DepSlot::Here(DepValue::Small(payload)) => {
            u32::from_le_bytes(payload.head[..].try_into().expect("four bytes"))
        }
        other => panic!("{other:?} is no result"),
    };
    execution.deps.iter().map(input).collect()
}

#[test]
fn each_link_of_a_chain_gets_the_result_of_the_one_before() {
    let mut queue = Queue::default();
    queue.push(chain(1_000));
    for slot in 0..1_000 {
        let link = queue.pop().expect("its turn");
        assert_eq!(link.run, run(slot));
        assert_eq!(inputs(&link), slot.checked_sub(1).into_iter().collect::<Vec<_>>());
        queue.end(link.run, made(slot), link.followers);
    }
    assert!(queue.is_bare());
}

#[test]
fn who_is_reached_too_early_is_parked() {
    let mut queue = Queue::default();
    queue.push(batch(&[(1, 1, &[]), (2, 2, &[1]), (3, 3, &[2, 1]), (4, 4, &[])]));
    let first = queue.pop().expect("the first");
    assert_eq!(queue.pop().expect("what follows nothing").run, run(4));
    assert!(queue.pop().is_none());
    assert_eq!(queue.len(), 0, "nothing can start");
    queue.end(first.run, made(1), first.followers);
    assert_eq!(queue.len(), 1);
    let second = queue.pop().expect("the second");
    assert_eq!((second.run, inputs(&second)), (run(2), vec![1]));
    assert!(queue.pop().is_none());
    queue.end(second.run, made(2), second.followers);
    assert_eq!(inputs(&queue.pop().expect("the third")), [2, 1]);
    assert!(queue.is_bare());
}

#[test]
fn a_follower_that_comes_first_waits_all_the_same() {
    let mut queue = Queue::default();
    queue.push(batch(&[(1, 9, &[]), (2, 1, &[1, 1])]));
    let leader = queue.pop().expect("it can start");
    assert_eq!((leader.run, leader.followers), (run(1), 2));
    queue.end(leader.run, made(1), 2);
    assert_eq!(inputs(&queue.pop().expect("now it can")), [1, 1]);
    assert!(queue.is_bare());
}

#[test]
fn a_chain_whose_link_comes_to_nothing_is_given_back() {
    for park in [false, true] {
        let mut queue = Queue::default();
        queue.push(chain(100_000));
        let first = queue.pop().expect("the first");
        assert!(!park || queue.pop().is_none());
        queue.end(first.run, None, first.followers);
        assert!(queue.pop().is_none());
        assert_eq!(queue.take_given_back(), (1..100_000).map(run).collect::<Vec<_>>());
        assert!(queue.is_bare());
    }
}

#[test]
fn what_follows_what_was_taken_back_is_given_back() {
    let mut queue = Queue::default();
    queue.push(batch(&[(1, 1, &[]), (2, 2, &[1]), (3, 3, &[2]), (4, 4, &[1])]));
    assert_eq!(queue.take_back(&[run(2)]), [run(2)]);
    let first = queue.pop().expect("the first");
    queue.end(first.run, made(1), first.followers);
    assert_eq!(inputs(&queue.pop().expect("it follows the first")), [1]);
    assert_eq!(queue.take_given_back(), [run(3)]);
    assert!(queue.is_bare());
}

#[test]
fn what_is_parked_can_be_taken_back() {
    let mut queue = Queue::default();
    queue.push(batch(&[(1, 1, &[]), (2, 2, &[1]), (3, 3, &[1])]));
    let first = queue.pop().expect("the first");
    assert!(queue.pop().is_none());
    assert_eq!(queue.take_back(&[run(2), run(2), run(1)]), [run(2)]);
    queue.end(first.run, made(1), first.followers);
    assert_eq!(queue.pop().expect("the third").run, run(3));
    assert!(queue.is_bare());
}

#[test]
fn parked_runs_are_part_of_everything() {
    let mut queue = Queue::default();
    queue.push(batch(&[(1, 1, &[]), (2, 2, &[1]), (3, 3, &[1]), (4, 9, &[])]));
    queue.pop();
    queue.push(batch(&[(5, 1, &[]), (6, 2, &[5])]));
    assert_eq!(queue.pop().map(|it| it.run), Some(run(5)));
    assert!(queue.pop().is_some_and(|it| it.run == run(4)));
    queue.take_back(&[run(3)]);
    assert_eq!(queue.take_all(), [run(2), run(6)]);
    assert_eq!(queue.len(), 0);
}

/// What happens next; numbers choose among what there is at that moment.
#[derive(Clone, Debug)]
enum Step {
    Push(Vec<(u8, Vec<usize>)>),
    Begin,
    End { which: usize, well: bool },
    TakeBack(Vec<usize>),
}

fn steps() -> impl proptest::strategy::Strategy<Value = Step> {
    use proptest::prelude::*;
    let index = 0_usize..1000;
    let follower = (0_u8..6, proptest::collection::vec(index.clone(), 0..3));
    prop_oneof![
        2 => proptest::collection::vec(follower, 1..8).prop_map(Step::Push),
        6 => Just(Step::Begin),
        4 => (index.clone(), proptest::bool::weighted(0.8)).prop_map(|(which, well)| Step::End { which, well }),
        1 => proptest::collection::vec(index, 1..60).prop_map(Step::TakeBack),
    ]
}

/// The threads and the reactor around a queue.
#[derive(Default)]
struct World {
    queue: Queue,
    next: u32,
    /// Runs that are in the queue for all that anybody knows, with those whose results they await.
    queued: std::collections::BTreeMap<RunId, Vec<RunId>>,
    executing: Vec<Execution>,
    /// Runs that ended, and whether they made a result.
    ended: std::collections::BTreeMap<RunId, bool>,
}

impl World {
    fn step(&mut self, step: Step) {
        match step {
            Step::Push(followers) => {
                let first = self.next;
                self.next += followers.len() as u32;
                let leaders: Vec<Vec<u32>> = followers
                    .iter()
                    .enumerate()
                    .map(|(i, it)| it.1.iter().filter(|_| i > 0).map(|at| first + (at % i) as u32).collect())
                    .collect();
                let runs = followers.iter().zip(&leaders).zip(first..);
                let runs: Vec<_> = runs.map(|((it, l), slot)| (slot, u64::from(it.0), &l[..])).collect();
                self.queue.push(batch(&runs));
                let awaited = leaders.iter().map(|slots| slots.iter().map(|&slot| run(slot)).collect());
                self.queued.extend((first..).map(run).zip(awaited));
            }
            Step::Begin => self.begin(),
            Step::End { which, well } => {
                if !self.executing.is_empty() {
                    let execution = self.executing.swap_remove(which % self.executing.len());
                    self.ended.insert(execution.run, well);
                    if execution.followers > 0 {
                        let value = if well { made(execution.run.task.0) } else { None };
                        self.queue.end(execution.run, value, execution.followers);
                    }
                }
            }
            Step::TakeBack(which) => {
                let all: Vec<RunId> = (0..self.next).map(run).collect();
                let of = |at: &usize| all.get(at % all.len().max(1)).copied();
                let wanted: Vec<RunId> = which.iter().filter_map(of).collect();
                let taken = self.queue.take_back(&wanted);
                let came: Vec<RunId> =
                    wanted.into_iter().filter(|run| self.queued.contains_key(run)).collect();
                assert!(came.iter().all(|run| taken.contains(run)), "what is queued can be taken back");
                self.gone(&taken);
            }
        }
        let given_back = self.queue.take_given_back();
        self.gone(&given_back);
    }

    fn begin(&mut self) {
        let Some(execution) = self.queue.pop() else { return };
        let leaders = self.queued.remove(&execution.run).expect("it is executed once, or given back");
        let slots: Vec<u32> = leaders.iter().map(|leader| leader.task.0).collect();
        assert_eq!(inputs(&execution), slots);
        assert!(leaders.iter().all(|leader| self.ended.get(leader) == Some(&true)));
        self.executing.push(execution);
    }

    fn gone(&mut self, runs: &[RunId]) {
        for run in runs {
            assert!(self.queued.remove(run).is_some(), "{run:?} leaves once");
        }
    }
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig {
        cases: 500, failure_persistence: None, ..Default::default()
    })]
    #[test]
    fn every_run_leaves_once_and_with_its_inputs(steps in proptest::collection::vec(steps(), 0..80)) {
        let mut world = World::default();
        for step in steps {
            world.step(step);
        }
        while !world.queued.is_empty() || !world.executing.is_empty() {
            let before = (world.queued.len(), world.executing.len());
            world.step(Step::Begin);
            world.step(Step::End { which: 0, well: true });
            assert_ne!(before, (world.queued.len(), world.executing.len()), "it goes on");
        }
        world.step(Step::Begin);
        assert!(world.queue.is_bare());
    }
}
