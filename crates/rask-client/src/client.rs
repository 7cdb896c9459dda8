//! The handle: making it, closing it, and the calls that do not wait.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::JoinHandle;
use std::time::Duration;

use parking_lot::Mutex;
use rask_client_core::{InlineValues, NewTask, Outcome, Session, Status, SubmitError, Welcome};
use rask_comm::{Reactor, ReactorHandle, Role};
use rask_types::msg::WorkerSummary;
use rask_types::{FunctionId, FutureId, GraphChunk, Key, KeyId, Payload, TaskClass, TypeId};

use crate::connect::{ConnectError, ConnectOptions};
use crate::error::ClientError;
use crate::link::ClientDriver;
use crate::park;
use crate::queue::{BlockingQueue, CompletionQueue, Notice};
use crate::shared::Shared;

/// A session with a scheduler. Clones share it; the last one to go ends it, as [`Client::close`] does but without
/// waiting.
///
/// After a fork, every call in the child is an error ([`ClientError::Forked`]) and drops do nothing.
#[derive(Clone)]
pub struct Client {
    inner: Arc<Inner>,
}

struct Inner {
    shared: Arc<Shared>,
    address: String,
    session_bits: u64,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Drop for Inner {
    fn drop(&mut self) {
        let _ = self.shared.call(|state| state.closing = true);
        self.shared.notices.close();
    }
}

impl Client {
    /// Connects to a scheduler and waits until it accepts the session. `interrupt` is called every 50 ms at most; if it
    /// returns true, the attempt is given up.
    ///
    /// # Errors
    /// See [`ConnectError`].
    pub fn connect(
        options: ConnectOptions,
        interrupt: &mut dyn FnMut() -> bool,
    ) -> Result<Client, ConnectError> {
        if options.addresses.is_empty() {
            return Err(ConnectError::NoAddress);
        }
        Client::start(options, None, interrupt)
    }

    /// Connects to a scheduler of this process, given by its reactor. Of `options`, addresses and secret are not used.
    ///
    /// # Errors
    /// See [`ConnectError`].
    pub fn attach(
        scheduler: &ReactorHandle,
        name: &str,
        runtime: &str,
        interrupt: &mut dyn FnMut() -> bool,
    ) -> Result<Client, ConnectError> {
        let options = ConnectOptions {
            addresses: Vec::new(),
            secret: Arc::new(|_| Err("nobody asks for a secret in memory".to_owned())),
            role: Role::Client,
            name: name.to_owned(),
            runtime: runtime.to_owned(),
            timeout: Duration::from_secs(30),
        };
        Client::start(options, Some(scheduler), interrupt)
    }

    fn start(
        options: ConnectOptions,
        scheduler: Option<&ReactorHandle>,
        interrupt: &mut dyn FnMut() -> bool,
    ) -> Result<Client, ConnectError> {
        let system = |what: &str, error: &dyn std::fmt::Display| {
            ConnectError::System(format!("the system gave the client no {what}: {error}"))
        };
        let session_bits = getrandom::u64().map_err(|error| system("entropy", &error))?;
        let reactor = Reactor::new().map_err(|error| system("poll", &error))?;
        let handle = reactor.handle();
        let shared = Arc::new(Shared::new(session_bits, handle.clone()));
        let driver = ClientDriver::new(shared.clone(), options.clone());
        let thread = std::thread::Builder::new().name("rask-client".to_owned());
        let thread =
            thread.spawn(move || drop(reactor.run(driver))).map_err(|error| system("thread", &error))?;
        if let Some(scheduler) = scheduler {
            handle.attach_memory(scheduler, options.role);
        }
        let address = options.addresses.first().map_or_else(|| "inproc".to_owned(), ToString::to_string);
        let client = Client {
            inner: Arc::new(Inner { shared, address, session_bits, thread: Mutex::new(Some(thread)) }),
        };
        client.await_session(options.timeout, interrupt)?;
        Ok(client)
    }

    fn await_session(
        &self,
        timeout: Duration,
        interrupt: &mut dyn FnMut() -> bool,
    ) -> Result<(), ConnectError> {
        let shared = &self.inner.shared;
        let look = || {
            let (session, failure) =
                shared.look(|state| (state.core.session().clone(), state.connect_failure.clone())).ok()?;
            match (failure, session) {
                (Some(failure), _) => Some(Err(failure)),
                (None, Session::Open(_)) => Some(Ok(())),
                (None, Session::Closed { reason }) => {
                    let address = self.inner.address.clone();
                    Some(Err(ConnectError::Ended { address, text: reason.to_string() }))
                }
                (None, Session::Joining) => None,
            }
        };
        // The reactor gives up in time; the second beyond is for a machine that is very busy.
        let deadline = park::deadline(timeout.checked_add(Duration::from_secs(1)));
        let outcome = shared.changes.wait_until(deadline, interrupt, look);
        let outcome = outcome.unwrap_or_else(|error| {
            Err(match error {
                ClientError::Interrupted => ConnectError::Interrupted,
                _ => ConnectError::TimedOut { address: self.inner.address.clone() },
            })
        });
        if outcome.is_err() {
            let _ = self.close(Duration::from_secs(1));
        }
        outcome
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.inner.shared
    }

    /// Ends the session in good order and joins the reactor's thread. Futures are cancelled. True if all of that was
    /// done within `timeout`; if not, it goes on without the caller. Any number of calls are one.
    ///
    /// # Errors
    /// In a forked child.
    pub fn close(&self, timeout: Duration) -> Result<bool, ClientError> {
        let shared = &self.inner.shared;
        shared.call(|state| state.closing = true)?;
        let ended = || shared.ended.load(Ordering::SeqCst).then_some(());
        let in_time = shared.changes.wait_until(park::deadline(Some(timeout)), &mut || false, ended).is_ok();
        if in_time {
            if let Some(thread) = self.inner.thread.lock().take() {
                let _ = thread.join();
            }
        } else {
            shared.handle.stop();
        }
        shared.call(|state| state.core.disconnect("the client was closed", true))?;
        shared.notices.close();
        Ok(in_time)
    }

    /// Closes the whole cluster: scheduler, workers, this client.
    ///
    /// # Errors
    /// In a forked child.
    pub fn shutdown(&self, timeout: Duration) -> Result<bool, ClientError> {
        self.inner.shared.call(|state| state.core.shutdown())?;
        self.close(timeout)
    }

    /// True if the session is over, or this is a forked child.
    pub fn is_closed(&self) -> bool {
        let closed = |state: &crate::shared::State| {
            matches!(state.core.session(), Session::Closed { .. }) || state.closing
        };
        self.inner.shared.look(closed).unwrap_or(true)
    }

    /// Why the session is over, if it is.
    pub fn closed_reason(&self) -> Option<Arc<str>> {
        let reason = self.inner.shared.look(|state| match state.core.session() {
            Session::Closed { reason } => Some(reason.clone()),
            Session::Joining | Session::Open(_) => None,
        });
        reason.ok().flatten()
    }

    /// True in a child forked from the process that made the client.
    pub fn is_forked(&self) -> bool {
        self.inner.shared.is_forked()
    }

    /// What the scheduler said when it accepted the session; `None` once that is over.
    pub fn welcome(&self) -> Option<Welcome> {
        let welcome = self.inner.shared.look(|state| match state.core.session() {
            Session::Open(welcome) => Some(welcome.clone()),
            Session::Joining | Session::Closed { .. } => None,
        });
        welcome.ok().flatten()
    }

    /// The scheduler's address as text; `inproc` for one in this process.
    pub fn scheduler_address(&self) -> &str {
        &self.inner.address
    }

    /// The high half of the tokens of this session's impure tasks.
    pub fn session(&self) -> u64 {
        self.inner.session_bits
    }

    /// The cluster's workers, as last heard.
    pub fn worker_summary(&self) -> WorkerSummary {
        self.inner.shared.look(|state| state.core.workers().clone()).unwrap_or_default()
    }

    /// Messages for the user's eyes, the last 10 000.
    pub fn notices(&self) -> Arc<BlockingQueue<Notice>> {
        self.inner.shared.notices.clone()
    }

    /// Makes a function known to the scheduler, once per session.
    ///
    /// # Errors
    /// In a forked child.
    pub fn define_function(&self, payload: &Payload) -> Result<FunctionId, ClientError> {
        let id = FunctionId::of(payload);
        self.inner.shared.call(|state| state.core.define_function(id, payload))?;
        Ok(id)
    }

    /// The number of a class, made known to the scheduler once per session.
    ///
    /// # Errors
    /// If its function is not defined, or the client is closed.
    pub fn define_class(&self, class: &TaskClass) -> Result<u32, ClientError> {
        Ok(self.inner.shared.call(|state| state.core.define_class(class))??)
    }

    /// The class of that number.
    pub fn class(&self, number: u32) -> Option<TaskClass> {
        self.inner.shared.look(|state| state.core.class(number).cloned()).ok()?
    }

    /// Takes `n` consecutive future numbers and gives back the first.
    ///
    /// # Errors
    /// In a forked child.
    pub fn allocate(&self, n: u64) -> Result<FutureId, ClientError> {
        self.inner.shared.call(|state| state.core.allocate(n))
    }

    /// Takes a number for a graph that will be sent in chunks.
    ///
    /// # Errors
    /// In a forked child.
    pub fn new_graph(&self) -> Result<u32, ClientError> {
        self.inner.shared.call(|state| state.core.new_graph())
    }

    /// Has what was released before forgotten, here and by the scheduler, before anything that is submitted from now on.
    /// For tasks that are to run again though their keys are the same.
    ///
    /// # Errors
    /// In a forked child.
    pub fn forget_released(&self) -> Result<(), ClientError> {
        let shared = &self.inner.shared;
        shared.call(|state| {
            state.core.release_all(shared.take_released());
            state.core.say_releases();
        })
    }

    /// The future held on a pure or named key that another call may share. The caller gets a hold on it.
    ///
    /// # Errors
    /// In a forked child.
    pub fn lookup(&self, key: KeyId) -> Result<Option<FutureId>, ClientError> {
        self.inner.shared.call(|state| state.core.lookup(key))
    }

    /// As [`Client::lookup`], for the generated keys of a class's prefix and each of `tokens`.
    ///
    /// # Errors
    /// In a forked child.
    pub fn lookup_tokens(&self, class: u32, tokens: &[u128]) -> Result<Vec<Option<FutureId>>, ClientError> {
        self.inner
            .shared
            .call(|state| tokens.iter().map(|&token| state.core.lookup_token(class, token)).collect())
    }

    /// As [`Client::lookup`], for any key, those of this session's impure tasks included.
    ///
    /// # Errors
    /// In a forked child.
    pub fn lookup_key(&self, key: &Key) -> Result<Option<FutureId>, ClientError> {
        self.inner.shared.call(|state| state.core.lookup_key(key))
    }

    /// Submits one task; ones that follow each other travel together. The caller gets a hold on the future.
    ///
    /// # Errors
    /// See [`SubmitError`].
    #[inline]
    pub fn submit_task(&self, task: NewTask<'_>) -> Result<FutureId, ClientError> {
        Ok(self.inner.shared.call(|state| state.core.submit_task(task))??)
    }

    /// Submits tasks in columns, with numbers from [`Client::allocate`] and a graph number from [`Client::new_graph`].
    /// Pure and named keys of wanted tasks are registered for [`Client::lookup`]. The caller gets a hold on each task
    /// that the chunk wants. A chunk of any size is cut into messages; nothing is submitted on error.
    ///
    /// # Errors
    /// See [`SubmitError`].
    pub fn submit(&self, chunk: GraphChunk) -> Result<(), ClientError> {
        // The columns are looked through before the lock is taken.
        if let Some(defect) = chunk.defect() {
            return Err(SubmitError::Defect(defect).into());
        }
        Ok(self.inner.shared.call(|state| state.core.submit(chunk))??)
    }

    /// Makes the scheduler forget a graph whose last chunk will not come. The caller releases its futures.
    ///
    /// # Errors
    /// In a forked child.
    pub fn abort_graph(&self, graph: u32) -> Result<(), ClientError> {
        self.inner.shared.call(|state| state.core.abort_graph(graph))
    }

    /// One holder more. False if the future is not held.
    ///
    /// # Errors
    /// In a forked child.
    pub fn retain(&self, future: FutureId) -> Result<bool, ClientError> {
        self.inner.shared.call(|state| state.core.retain(future))
    }

    /// One holder less. Takes no lock and cannot fail: for destructors.
    #[inline]
    pub fn release(&self, future: FutureId) {
        self.inner.shared.release(future);
    }

    /// A future's state; `None` if it is not held.
    ///
    /// # Errors
    /// In a forked child.
    #[inline]
    pub fn status(&self, future: FutureId) -> Result<Option<Status>, ClientError> {
        self.inner.shared.look(|state| state.core.status(future))
    }

    /// The states of many futures.
    ///
    /// # Errors
    /// In a forked child.
    pub fn statuses(&self, futures: &[FutureId]) -> Result<Vec<Option<Status>>, ClientError> {
        self.inner.shared.look(|state| futures.iter().map(|&future| state.core.status(future)).collect())
    }

    /// What became of a future.
    ///
    /// # Errors
    /// In a forked child.
    pub fn outcome(&self, future: FutureId) -> Result<Outcome, ClientError> {
        self.inner.shared.look(|state| state.core.outcome(future))
    }

    /// The inline values of many futures, side by side.
    ///
    /// # Errors
    /// In a forked child.
    pub fn inline_values(&self, futures: &[FutureId]) -> Result<InlineValues, ClientError> {
        self.inner.shared.look(|state| state.core.inline_values(futures))
    }

    /// The key of a held future; `None` also in a forked child.
    pub fn describe(&self, future: FutureId) -> Option<Key> {
        self.inner.shared.look(|state| state.core.key(future)).ok()?
    }

    /// The class of a held future's task; `None` also for futures wanted by key or scattered.
    pub fn class_of(&self, future: FutureId) -> Option<TaskClass> {
        self.inner.shared.look(|state| state.core.class_of(future).cloned()).ok()?
    }

    /// The name behind a type's number.
    pub fn type_name(&self, id: TypeId) -> Option<Arc<str>> {
        self.inner.shared.look(|state| state.core.type_name(id)).ok()?
    }

    /// Has `(tag, future)` pushed to `queue` once the future is not pending (any more); at once if it is not. Not, if
    /// it is released before.
    ///
    /// # Errors
    /// In a forked child.
    pub fn subscribe(
        &self,
        future: FutureId,
        queue: &Arc<CompletionQueue>,
        tag: u64,
    ) -> Result<(), ClientError> {
        self.subscribe_all(&[future], queue, tag)
    }

    /// As [`Client::subscribe`], for many futures; tags count up from `first_tag`.
    ///
    /// # Errors
    /// In a forked child.
    pub fn subscribe_all(
        &self,
        futures: &[FutureId],
        queue: &Arc<CompletionQueue>,
        first_tag: u64,
    ) -> Result<(), ClientError> {
        self.inner.shared.call(|state| {
            state.queues.entry(queue.id).or_insert_with(|| Arc::downgrade(queue));
            for (&future, tag) in futures.iter().zip(first_tag..) {
                state.core.subscribe(future, queue.id, tag);
            }
        })
    }

    /// Forgets one subscription.
    ///
    /// # Errors
    /// In a forked child.
    pub fn unsubscribe(
        &self,
        future: FutureId,
        queue: &CompletionQueue,
        tag: u64,
    ) -> Result<(), ClientError> {
        self.inner.shared.call(|state| state.core.unsubscribe(future, queue.id, tag))
    }

    /// A future of a task that someone named before, by its key. The caller gets a hold on it. It becomes lost if there
    /// is no such task.
    ///
    /// # Errors
    /// In a forked child.
    pub fn want(&self, key: &Key) -> Result<FutureId, ClientError> {
        self.inner.shared.call(|state| state.core.want(key))
    }

    /// Gives tasks up; the futures are cancelled when this returns. With `force` also against other clients' wish.
    ///
    /// # Errors
    /// In a forked child.
    pub fn cancel(&self, futures: &[FutureId], force: bool, reason: &str) -> Result<(), ClientError> {
        self.inner.shared.call(|state| state.core.cancel(futures, force, reason))
    }

    /// Runs erred tasks again; those futures are pending when this returns.
    ///
    /// # Errors
    /// In a forked child.
    pub fn retry(&self, futures: &[FutureId]) -> Result<(), ClientError> {
        self.inner.shared.call(|state| state.core.retry(futures))
    }

    /// Keeps tasks wanted until they finish, whoever leaves.
    ///
    /// # Errors
    /// In a forked child.
    pub fn fire_and_forget(&self, futures: &[FutureId]) -> Result<(), ClientError> {
        self.inner.shared.call(|state| state.core.fire_and_forget(futures))
    }
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Client({}, session {:016x})", self.inner.address, self.inner.session_bits)
    }
}
