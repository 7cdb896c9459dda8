//! What a future costs the client: `cargo run --release -p rask-client-core --example cost`.

use std::time::Instant;

use rask_client_core::{ChunkBuilder, ClientCore, Fetch, NewKey, NewTask, WaitFor};
use rask_types::msg::SchedulerToClient;
use rask_types::{DoneColumns, FunctionId, FutureId, Language, TaskClass};

const N: u64 = 100_000;

fn report(what: &str, begin: Instant) {
    println!("{what:<44} {:6.1} ns", begin.elapsed().as_nanos() as f64 / N as f64);
}

fn done(first: FutureId) -> SchedulerToClient {
    SchedulerToClient::Done(DoneColumns {
        futures: (0..N).map(|i| FutureId(first.0 + i)).collect(),
        value_ends: (1..=N as u32).map(|i| i * 3).collect(),
        blob: vec![5; 3 * N as usize].into(),
        held: vec![],
    })
}

fn main() {
    for round in 0..3 {
        println!("round {round}");
        for pure in [false, true] {
            measure(pure);
        }
    }
}

fn measure(pure: bool) {
    let mut core = ClientCore::new(1);
    let class = TaskClass::plain("inc", FunctionId::LITERAL, Language::Literal);
    let class = core.define_class(&class).expect("a literal needs no function");
    let key = |i: u64| match pure {
        true => NewKey::Token(u128::from(i) * 0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835),
        false => NewKey::Session,
    };
    println!("{}", if pure { "pure" } else { "impure" });

    let begin = Instant::now();
    for i in 0..N {
        let task = NewTask {
            class,
            key: key(i),
            args: &[1, 3, 2],
            buffers: vec![],
            deps: &[],
            holds: &[],
            parent: None,
        };
        core.submit_task(task).expect("sound");
    }
    report("submit one at a time", begin);
    let mut messages = Vec::new();
    core.take_messages(&mut messages);

    let begin = Instant::now();
    let first = core.allocate(N);
    let mut builder = ChunkBuilder::new(first);
    for i in 0..N {
        builder.args().extend_from_slice(&[1, 3, 2]);
        builder.push(class, key(N + i), &[], true).expect("small");
    }
    report("build a chunk of 100 000", begin);
    let begin = Instant::now();
    let graph = core.new_graph();
    core.submit(builder.finish(graph, true, None)).expect("sound");
    core.take_messages(&mut messages);
    report("submit it", begin);
    println!("{:<44} {:6.1} B", "table, per held future", core.table_bytes() as f64 / (2 * N) as f64);

    let futures: Vec<FutureId> = (0..N).map(|i| FutureId(first.0 + i)).collect();
    let begin = Instant::now();
    let waiter = core.begin_wait(&futures, WaitFor::AllOrFirstError).expect("nothing is done");
    report("begin to wait for them", begin);
    let message = done(first);
    let begin = Instant::now();
    core.on_message(message);
    report("done", begin);
    core.end_wait(waiter);
    let begin = Instant::now();
    let Fetch::Over(values) = core.begin_fetch(&futures) else { panic!("all are inline") };
    report("fetch inline values", begin);
    drop(values);
    let begin = Instant::now();
    let values = core.inline_values(&futures);
    report("the same side by side", begin);
    assert!(values.others.is_empty());
    let begin = Instant::now();
    core.release_all(futures.iter().copied());
    core.take_messages(&mut messages);
    report("release", begin);
}
