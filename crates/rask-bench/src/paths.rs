//! The hot paths whose instructions are counted, one at a time. Everything is fixed, down to each byte, so that two runs of
//! one program count the same.

use rask_client_core::{ClientCore, NewKey, NewTask};
use rask_types::msg::{ClientToScheduler, Message, SchedulerToClient, SchedulerToWorker, WorkerToScheduler};
use rask_types::{ClassId, FinishedColumns, FunctionId, FutureId, Language, TaskClass, Tick, WorkerId};
use rask_wire::{Decoder, Family, Outgoing, encode};
use rask_worker_core::{Completion, Completions, Effect, Event, Limits, ReadyRun, WorkerCore};

use crate::graph::Shape;
use crate::meter::{Counter, counted};
use crate::stage::{self, Conversation};

/// A hot path: a name, and what does its work for about so many tasks and returns for how many it was.
pub type Path = (&'static str, fn(usize) -> usize);

/// All of them.
pub const PATHS: [Path; 9] = [
    ("scheduler-core/independent", |n| scheduler_core(Shape::Independent, n)),
    ("scheduler-core/tree", |n| scheduler_core(Shape::Tree, n)),
    ("scheduler-core/stencil", |n| scheduler_core(Shape::Stencil, n)),
    ("worker-core/independent", |n| worker_core(Shape::Independent, n)),
    ("worker-core/stencil", |n| worker_core(Shape::Stencil, n)),
    ("client-core/submit-and-done", client_core),
    ("wire/graph", |n| wire(Shape::Stencil, n, graphs)),
    ("wire/compute", |n| wire(Shape::Stencil, n, computes)),
    ("wire/finished-and-done", |n| wire(Shape::Stencil, n, answers)),
];

fn scheduler_core(shape: Shape, n: usize) -> usize {
    stage::compute(&mut Counter, shape, n);
    shape.tasks(n)
}

/// Runs come in, are ready, and are answered for.
fn worker_core(shape: Shape, n: usize) -> usize {
    let mut core: WorkerCore<u32> = WorkerCore::new(Limits::default());
    core.handle(Tick::ZERO, Event::Welcomed { me: WorkerId(0) });
    core.handle(Tick::ZERO, Event::ClassDefined { class: ClassId(0), priority: 0 });
    let mut answered = 0;
    for turn in stage::overhear(shape, n).computes {
        let mut ready = counted(|| {
            turn.into_iter().for_each(|columns| core.handle(Tick::ZERO, Event::Compute(columns)));
            ready(&mut core)
        });
        // What waited for these is ready next.
        while !ready.is_empty() {
            answered += ready.len();
            let completions = completions(&ready);
            ready = counted(|| {
                drop(ready);
                core.handle(Tick::ZERO, Event::Finished(completions));
                self::ready(&mut core)
            });
        }
    }
    assert_eq!(answered, shape.tasks(n), "every run was ready once");
    answered
}

fn ready(core: &mut WorkerCore<u32>) -> Vec<ReadyRun<u32>> {
    let mut ready = Vec::new();
    while let Some(effect) = core.poll_effect() {
        match effect {
            Effect::Ready(runs) => ready.extend(runs),
            Effect::Send(WorkerToScheduler::Missing { .. }) => {
                panic!("inputs that are at hand are not missing")
            }
            _ => {}
        }
    }
    ready
}

fn completions(ready: &[ReadyRun<u32>]) -> Completions<u32> {
    let FinishedColumns { runs, started_ns, duration_ns, value_ends, blob, .. } =
        stage::finished(ready.iter().map(|run| run.run).collect());
    let completion = |i: usize| Completion {
        run: runs[i],
        started_ns: started_ns[i],
        duration_ns: duration_ns[i],
        value_end: value_ends[i],
    };
    Completions { runs: (0..runs.len()).map(completion).collect(), blob, ..Completions::new(0) }
}

/// Tasks are submitted one by one, finish, and are released.
fn client_core(n: usize) -> usize {
    let mut core = ClientCore::new(1);
    let class = TaskClass::plain("work", FunctionId::LITERAL, Language::Literal);
    let class = core.define_class(&class).expect("a literal needs no function");
    let mut messages = Vec::new();
    counted(|| {
        for i in 0..n as u64 {
            let task = NewTask {
                class,
                key: NewKey::Session,
                args: &i.to_le_bytes(),
                buffers: vec![],
                deps: &[],
                holds: &[],
                parent: None,
            };
            core.submit_task(task).expect("the task is sound");
        }
        core.take_messages(&mut messages);
    });
    for message in stage::overhear(Shape::Independent, n).to_client {
        counted(|| core.on_message(message));
    }
    counted(|| {
        core.release_all((0..n as u64).map(FutureId));
        core.take_messages(&mut messages);
    });
    n
}

/// Messages are written and read.
fn wire(shape: Shape, n: usize, select: fn(Shape, usize, Conversation) -> Vec<Message>) -> usize {
    let mut outgoing = Outgoing::default();
    for message in select(shape, n, stage::overhear(shape, n)) {
        counted(|| encode(&message, &mut outgoing).expect("it can be sent"));
        let bytes = outgoing.take_contiguous();
        let mut decoder = Decoder::new(Family::of(&message), 1 << 30);
        let decoded = counted(|| decoder.decode(&mut &bytes[..]).expect("it is sound"));
        assert_eq!(decoded.as_ref(), Some(&message));
    }
    shape.tasks(n)
}

fn graphs(shape: Shape, n: usize, _: Conversation) -> Vec<Message> {
    shape.chunks(n).into_iter().map(|chunk| ClientToScheduler::Graph(chunk).into()).collect()
}

fn computes(_: Shape, _: usize, said: Conversation) -> Vec<Message> {
    said.computes.into_iter().flatten().map(|compute| SchedulerToWorker::Compute(compute).into()).collect()
}

fn answers(_: Shape, _: usize, said: Conversation) -> Vec<Message> {
    let done = said.to_client.into_iter().filter(|message| matches!(message, SchedulerToClient::Done(_)));
    let finished = said.finished.into_iter().map(|columns| WorkerToScheduler::Finished(columns).into());
    finished.chain(done.map(Message::from)).collect()
}
