//! A language runtime in small: threads that execute Rust functions by the name that is their payload.
//!
//! Objects are `Vec<u8>`; a result of at most 1 KiB is inline.

use std::collections::HashSet;
use std::sync::{Arc, Condvar, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use rask_comm::{Address, Credentials};
use rask_types::msg::WorkerOp;
use rask_types::{ErrorKind, INLINE_BYTES_MAX, LocalObject, Payload, TaskError, WorkerId};
use rask_worker::{
    DepSlot, DepValue, Errand, Execution, RunOutcome, StopReason, WorkerConfig, WorkerHandle, WorkerThread,
    start,
};

use super::{Over, SECRET};

pub type Object = Vec<u8>;

/// A worker with its threads.
pub struct Runner {
    pub handle: WorkerHandle,
    threads: Arc<Mutex<Vec<JoinHandle<()>>>>,
}

/// What a function of a test may do.
enum Ended {
    Value(Object),
    Fails(String),
    Reschedules,
}

impl Runner {
    pub fn start(scheduler: &Address, over: Over, nthreads: u32) -> Runner {
        Runner::start_with(scheduler, over, nthreads, |_| {})
    }

    pub fn start_with(
        scheduler: &Address,
        over: Over,
        nthreads: u32,
        change: impl FnOnce(&mut WorkerConfig),
    ) -> Runner {
        let credentials = Credentials::secret(SECRET.to_vec());
        let mut config = WorkerConfig::new(scheduler.clone(), credentials, over.fresh(), nthreads);
        let threads = Arc::<Mutex<Vec<JoinHandle<()>>>>::default();
        let slot = Arc::<Mutex<Option<WorkerHandle>>>::default();
        config.on_thread_needed = {
            let (slot, threads) = (Arc::clone(&slot), Arc::clone(&threads));
            Arc::new(move || {
                let handle = slot.lock().expect("no panic").clone().expect("it has started");
                // It counts before it can have answered.
                let mut threads = threads.lock().expect("no panic");
                threads.push(std::thread::spawn(move || serve(&handle.thread())));
            })
        };
        change(&mut config);
        let handle = start(config).expect("a worker");
        *slot.lock().expect("no panic") = Some(handle.clone());
        for _ in 0..nthreads {
            let handle = handle.clone();
            let thread = std::thread::spawn(move || serve(&handle.thread()));
            threads.lock().expect("no panic").push(thread);
        }
        for work in [do_errands, do_ops] {
            let handle = handle.clone();
            threads.lock().expect("no panic").push(std::thread::spawn(move || work(&handle)));
        }
        Runner { handle, threads }
    }

    pub fn registered(&self) -> WorkerId {
        match self.handle.wait_registered(Duration::from_secs(20)) {
            Some(Ok(worker)) => worker,
            other => panic!("not registered: {other:?}"),
        }
    }

    pub fn stopped(&self) -> StopReason {
        self.handle.wait_stopped(Duration::from_secs(20)).expect("it stops")
    }

    pub fn thread_count(&self) -> usize {
        self.threads.lock().expect("no panic").len()
    }
}

impl Drop for Runner {
    fn drop(&mut self) {
        self.handle.close("the test is over");
        if std::thread::panicking() {
            return;
        }
        self.handle.join();
        for thread in self.threads.lock().expect("no panic").drain(..) {
            thread.join().expect("no thread panics");
        }
    }
}

fn serve(thread: &WorkerThread) {
    let mut classes = thread.classes();
    while let Some(mut execution) = thread.next() {
        loop {
            let class = classes.get(execution.class);
            let name = String::from_utf8(class.function.payload.head.to_vec()).expect("a name");
            let key = class.key_text(&execution.name);
            let run = execution.run;
            let started = std::time::SystemTime::UNIX_EPOCH.elapsed().expect("after 1970").as_nanos() as u64;
            let ended = call(&name, &execution, thread);
            let duration =
                std::time::SystemTime::UNIX_EPOCH.elapsed().expect("after 1970").as_nanos() as u64 - started;
            drop(execution);
            let outcome = match &ended {
                Ended::Value(value) if value.len() <= INLINE_BYTES_MAX => RunOutcome::Inline(value),
                Ended::Value(value) => {
                    let nbytes = value.len() as u64;
                    RunOutcome::Kept { object: Arc::new(value.clone()), nbytes, type_name: "bytes".into() }
                }
                Ended::Fails(text) => {
                    RunOutcome::Failed(Box::new(TaskError::new(ErrorKind::Exception, key, text.clone())))
                }
                Ended::Reschedules => RunOutcome::Reschedule,
            };
            thread.finish(run, started, duration, outcome);
            match thread.try_next() {
                Some(next) => execution = next,
                None => break,
            }
        }
    }
}

fn call(name: &str, execution: &Execution, thread: &WorkerThread) -> Ended {
    let args = || String::from_utf8_lossy(&execution.args.head).into_owned();
    let deps: Vec<Arc<Object>> = execution.deps.iter().map(object_of).collect();
    Ended::Value(match name {
        "nothing" => vec![],
        "echo" => execution.args.head.to_vec(),
        "concat" => deps.iter().flat_map(|dep| dep.iter().copied()).chain(args().into_bytes()).collect(),
        "zeros" => vec![0; args().parse().expect("a number")],
        "stubborn" => [b"lock", &[0; 5000][..]].concat(),
        "length" => deps.iter().map(|dep| dep.len()).sum::<usize>().to_string().into_bytes(),
        "where" => format!("{:p}", Arc::as_ptr(&deps[0])).into_bytes(),
        "gate" => {
            wait_at(&args());
            b"through".to_vec()
        }
        "big gate" => {
            wait_at(&args());
            vec![1; 5000]
        }
        "secede" => {
            assert!(thread.secede() && !thread.secede());
            wait_at(&args());
            vec![]
        }
        "rejoin" => {
            thread.secede();
            wait_at(&args());
            if thread.rejoin() { b"back".to_vec() } else { vec![] }
        }
        "fail" => return Ended::Fails(args()),
        "elsewhere" => return Ended::Reschedules,
        other => return Ended::Fails(format!("no function {other}")),
    })
}

/// The object of a dependency, decoded once if it is large.
fn object_of(dep: &DepSlot) -> Arc<Object> {
    let downcast = |object: &LocalObject| Arc::clone(object).downcast::<Object>().expect("a test's object");
    match dep {
        DepSlot::Here(DepValue::Small(payload)) => Arc::new(payload.head.to_vec()),
        DepSlot::Awaited(run) => panic!("a run began before {run:?} had ended"),
        DepSlot::Here(DepValue::Kept(kept)) => match kept.object() {
            Some(object) => downcast(object),
            None => {
                let payload = kept.encoded().expect("it is one or the other");
                downcast(kept.decoded(Arc::new(payload.buffers[0].to_vec()), false))
            }
        },
    }
}

fn do_errands(handle: &WorkerHandle) {
    while let Some(errand) = handle.next_errand() {
        match errand {
            Errand::Encode { value, kept } => {
                let object = kept.object().expect("only objects need it").downcast_ref::<Object>();
                let bytes = object.expect("a test's object").clone();
                handle.encoded(
                    value,
                    if bytes.starts_with(b"lock") {
                        Err(TaskError::new(ErrorKind::Unserializable, "", "it holds a lock"))
                    } else {
                        Ok(Payload { buffers: vec![bytes.into()], ..Payload::default() })
                    },
                );
            }
            Errand::Drop(objects) => drop(objects),
        }
    }
}

fn do_ops(handle: &WorkerHandle) {
    while let Some((request, op)) = handle.next_op() {
        let result = match op {
            WorkerOp::Call(payload) if payload.head.is_empty() => {
                Err(TaskError::new(ErrorKind::Undecodable, "", "nothing to call"))
            }
            WorkerOp::Call(payload) => Ok(payload),
            WorkerOp::UploadFile { name, .. } => Ok(Payload::from_head(name.into_bytes())),
        };
        handle.reply(request, result);
    }
}

static GATES: Mutex<Option<HashSet<String>>> = Mutex::new(None);
static OPENED: Condvar = Condvar::new();

/// Lets everyone through who waits at this gate, now or later.
pub fn open(gate: &str) {
    GATES.lock().expect("no panic").get_or_insert_default().insert(gate.to_owned());
    OPENED.notify_all();
}

fn wait_at(gate: &str) {
    let mut gates = GATES.lock().expect("no panic");
    while !gates.get_or_insert_default().contains(gate) {
        gates = OPENED.wait(gates).expect("no panic");
    }
}
