//! The nanny: starts worker processes, restarts those that die, and tells the scheduler how they ended and what they were
//! executing, read from a page of memory that each process shares with it.
//!
//! One thread per worker starts the process, waits for its end, and begins again; a reactor carries messages.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use rask_comm::{
    Address, CloseReason, Credentials, Driver, Io, LinkId, PeerInfo, Reactor, ReactorHandle, Role, Tick,
};
use rask_types::msg::{Message, NannyToScheduler, SchedulerToNanny, WorkerExit};
use rask_worker::ExecutingPage;

use crate::entropy::random_u64;
use crate::spawn::{Life, OutputSink, WorkerCommand, WorkerProcess, WorkerSettings, spawn};

/// A process that ends sooner than this after its start ended quickly.
const QUICK_DEATH: Duration = Duration::from_secs(2);
/// After so many quick deaths in a row a worker is not started again: it cannot work.
const QUICK_DEATHS_MAX: u32 = 5;
/// How long a process may take to end by itself once its lifeline is cut.
const GRACE: Duration = Duration::from_secs(2);

/// How a nanny reaches the scheduler.
pub enum Reach {
    /// Within this process.
    Memory(ReactorHandle),
    /// Over a socket.
    Socket(Address, Credentials),
}

/// What a nanny needs to start.
pub struct NannyOptions {
    /// The way to the scheduler.
    pub reach: Reach,
    /// The program that is a worker.
    pub command: WorkerCommand,
    /// Where the shared pages lie; a folder of the owner alone.
    pub folder: PathBuf,
    /// Takes what workers print; `None` lets them inherit this process's outputs.
    pub sink: Option<OutputSink>,
}

/// One worker's place.
#[derive(Default)]
struct Slot {
    /// The running process: its number, process id and lifeline.
    process: Option<Running>,
    /// Not to be started again.
    retired: bool,
    /// Its thread has ended.
    ended: bool,
}

struct Running {
    instance: u64,
    pid: libc::pid_t,
    /// Cut when taken.
    lifeline: Option<std::process::ChildStdin>,
}

struct State {
    slots: BTreeMap<String, Slot>,
    outgoing: VecDeque<NannyToScheduler>,
    /// The link to the scheduler: not yet, open, or why it ended.
    link: Link,
    closing: bool,
    /// Why a worker was given up, if one was.
    given_up: Option<String>,
}

enum Link {
    Opening,
    Open,
    Closed(CloseReason),
}

struct Shared {
    state: Mutex<State>,
    changed: Condvar,
    reactor: ReactorHandle,
    command: WorkerCommand,
    folder: PathBuf,
    sink: Option<OutputSink>,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn say(&self, state: &mut State, message: NannyToScheduler) {
        state.outgoing.push_back(message);
        self.reactor.wake();
    }
}

/// A running nanny. Dropping it ends its workers.
pub struct Nanny {
    shared: Arc<Shared>,
    thread: Option<std::thread::JoinHandle<NannyDriver>>,
}

impl Nanny {
    /// Connects to the scheduler.
    ///
    /// # Errors
    /// If the system gives no reactor or thread.
    pub fn start(options: NannyOptions) -> io::Result<Nanny> {
        let mut reactor = Reactor::new()?;
        let handle = reactor.handle();
        match options.reach {
            Reach::Memory(scheduler) => handle.attach_memory(&scheduler, Role::Nanny),
            Reach::Socket(address, credentials) => {
                reactor.io().connect(&address, Role::Nanny, credentials);
            }
        }
        let state = State {
            slots: BTreeMap::new(),
            outgoing: VecDeque::new(),
            link: Link::Opening,
            closing: false,
            given_up: None,
        };
        let shared = Arc::new(Shared {
            state: Mutex::new(state),
            changed: Condvar::new(),
            reactor: handle,
            command: options.command,
            folder: options.folder,
            sink: options.sink,
        });
        let driver = NannyDriver { shared: shared.clone(), link: None };
        let thread = reactor.spawn("rask-nanny", driver)?;
        Ok(Nanny { shared, thread: Some(thread) })
    }

    /// Waits until the scheduler has accepted this nanny.
    ///
    /// # Errors
    /// Why it did not, or `None` if it has not answered within `timeout`.
    pub fn wait_until_connected(&self, timeout: Duration) -> Result<(), Option<CloseReason>> {
        let until = Instant::now() + timeout;
        let mut state = self.shared.lock();
        loop {
            match &state.link {
                Link::Open => return Ok(()),
                Link::Closed(reason) => return Err(Some(reason.clone())),
                Link::Opening => {}
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(None);
            }
            state = self
                .shared
                .changed
                .wait_timeout(state, left)
                .map_or_else(|e| e.into_inner().0, |woken| woken.0);
        }
    }

    /// Starts a worker, and another in its place whenever it dies.
    ///
    /// # Errors
    /// If the system gives no thread.
    pub fn add_worker(&self, settings: WorkerSettings) -> io::Result<()> {
        let name = settings.name.clone();
        self.shared.lock().slots.insert(name.clone(), Slot::default());
        let shared = self.shared.clone();
        let supervise = move || supervise(&shared, &settings);
        std::thread::Builder::new().name(format!("rask-nanny-{name}")).spawn(supervise)?;
        Ok(())
    }

    /// Names of the workers it looks after.
    pub fn workers(&self) -> Vec<String> {
        self.shared
            .lock()
            .slots
            .iter()
            .filter(|(_, slot)| !slot.retired)
            .map(|(name, _)| name.clone())
            .collect()
    }

    /// Process ids by worker name.
    pub fn pids(&self) -> Vec<(String, u32)> {
        let state = self.shared.lock();
        let running =
            |(name, slot): (&String, &Slot)| Some((name.clone(), slot.process.as_ref()?.pid as u32));
        state.slots.iter().filter_map(running).collect()
    }

    /// Ends a worker's process; it is not started again.
    pub fn end_worker(&self, name: &str) {
        let mut state = self.shared.lock();
        if let Some(slot) = state.slots.get_mut(name) {
            slot.retired = true;
            cut_lifeline(slot);
        }
        self.shared.changed.notify_all();
    }

    /// Waits until the link to the scheduler ends or every worker has; says why.
    pub fn wait(&self) -> String {
        let mut state = self.shared.lock();
        loop {
            if let Link::Closed(reason) = &state.link {
                return reason.to_string();
            }
            if !state.slots.is_empty() && state.slots.values().all(|slot| slot.ended) {
                return state.given_up.clone().unwrap_or_else(|| "all workers were retired".to_owned());
            }
            state = self.shared.changed.wait(state).unwrap_or_else(std::sync::PoisonError::into_inner);
        }
    }

    /// Whether [`Nanny::wait`] would return at once.
    pub fn has_ended(&self) -> bool {
        let state = self.shared.lock();
        matches!(state.link, Link::Closed(_))
            || (!state.slots.is_empty() && state.slots.values().all(|slot| slot.ended))
    }

    /// Why a worker was not started again, if one was given up.
    pub fn given_up(&self) -> Option<String> {
        self.shared.lock().given_up.clone()
    }

    /// Ends all workers, at first kindly, and leaves.
    pub fn close(&mut self) {
        {
            let mut state = self.shared.lock();
            state.closing = true;
            for slot in state.slots.values_mut() {
                slot.retired = true;
                cut_lifeline(slot);
            }
            self.shared.changed.notify_all();
            let until = Instant::now() + GRACE;
            while state.slots.values().any(|slot| !slot.ended) {
                let left = until.saturating_duration_since(Instant::now());
                if left.is_zero() {
                    break;
                }
                state =
                    self.shared.changed.wait_timeout(state, left).map_or_else(|e| e.into_inner().0, |w| w.0);
            }
            state.slots.values().filter(|slot| !slot.ended).for_each(|slot| signal(slot, libc::SIGKILL));
            let some_run = |state: &mut State| state.slots.values().any(|slot| !slot.ended);
            drop(self.shared.changed.wait_timeout_while(state, GRACE, some_run));
        }
        self.shared.reactor.stop();
        if let Some(thread) = self.thread.take() {
            // A panic of the reactor has been printed; there is nobody here to tell.
            let _ = thread.join();
        }
    }
}

impl Drop for Nanny {
    fn drop(&mut self) {
        if self.thread.is_some() {
            self.close();
        }
    }
}

fn cut_lifeline(slot: &mut Slot) {
    if let Some(running) = &mut slot.process {
        running.lifeline = None;
    }
}

/// Sends a signal to a slot's process. The process is not reaped while the state is locked and says it runs, so the id is
/// still its own.
fn signal(slot: &Slot, signal: libc::c_int) {
    if let Some(running) = &slot.process {
        // SAFETY: sends a signal to a child of this process that has not been reaped.
        unsafe { libc::kill(running.pid, signal) };
    }
}

/// One worker's thread: start, wait, report, again.
fn supervise(shared: &Shared, settings: &WorkerSettings) {
    let name = &settings.name;
    let mut quick_deaths = 0;
    loop {
        let started = Instant::now();
        let status = run_once(shared, settings);
        let mut state = shared.lock();
        if started.elapsed() < QUICK_DEATH {
            quick_deaths += 1;
        } else {
            quick_deaths = 0;
        }
        if quick_deaths >= QUICK_DEATHS_MAX && !state.closing {
            let text = format!(
                "worker {name} ended {quick_deaths} times right after its start, at last with: {status}"
            );
            state.given_up = Some(text);
            if let Some(slot) = state.slots.get_mut(name) {
                slot.retired = true;
            }
        }
        let Some(slot) = state.slots.get_mut(name) else { return };
        if slot.retired {
            slot.ended = true;
            shared.changed.notify_all();
            return;
        }
    }
}

/// One life of a worker process; returns how it ended, in words.
fn run_once(shared: &Shared, settings: &WorkerSettings) -> String {
    let instance = random_u64();
    let page_path = shared.folder.join(format!("executing-{instance:016x}"));
    if let Err(error) = ExecutingPage::create(&page_path) {
        return format!("cannot create {}: {error}", page_path.display());
    }
    shared.say(&mut shared.lock(), NannyToScheduler::Started { instance });
    let life = Life { instance, page: &page_path };
    let process = spawn(&shared.command, settings, Some(life), shared.sink.as_ref());
    let (mut child, pid) = match process {
        Ok(WorkerProcess { child, lifeline }) => {
            let pid = child.id() as libc::pid_t;
            let mut state = shared.lock();
            if let Some(slot) = state.slots.get_mut(&settings.name) {
                let lifeline = (!slot.retired).then_some(lifeline);
                slot.process = Some(Running { instance, pid, lifeline });
            }
            (child, pid)
        }
        Err(error) => {
            remove_page(&page_path);
            return format!("cannot start a worker: {}: {error}", shared.command.program.display());
        }
    };
    wait_without_reaping(pid);
    let mut state = shared.lock();
    let status = child.wait().map_or_else(|error| error.to_string(), describe);
    let restarts = state.slots.get_mut(&settings.name).is_some_and(|slot| {
        slot.process = None;
        !slot.retired
    });
    // A page that cannot be read blames nobody.
    let executing = ExecutingPage::read(&page_path).unwrap_or_default();
    shared.say(
        &mut state,
        NannyToScheduler::Exited(WorkerExit { instance, executing, status: status.clone(), restarts }),
    );
    shared.changed.notify_all();
    drop(state);
    remove_page(&page_path);
    status
}

fn remove_page(path: &std::path::Path) {
    // The whole folder goes when the cluster does; a page left until then harms nobody.
    let _ = std::fs::remove_file(path);
}

/// Blocks until the process has ended, and leaves it to be reaped, so that its id stays taken.
fn wait_without_reaping(pid: libc::pid_t) {
    loop {
        // SAFETY: an all-zero siginfo is a valid value to be written over.
        let mut info: libc::siginfo_t = unsafe { std::mem::zeroed() };
        // SAFETY: waits for a child of this process; `info` outlives the call.
        let answer =
            unsafe { libc::waitid(libc::P_PID, pid as libc::id_t, &mut info, libc::WEXITED | libc::WNOWAIT) };
        if answer == 0 || io::Error::last_os_error().kind() != io::ErrorKind::Interrupted {
            return;
        }
    }
}

fn describe(status: std::process::ExitStatus) -> String {
    use std::os::unix::process::ExitStatusExt;
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exit code {code}"),
        (None, Some(number)) => {
            let name = match number {
                libc::SIGKILL => " (SIGKILL: killed from outside, as the system does when memory runs out)",
                libc::SIGSEGV => " (SIGSEGV: invalid memory access in native code)",
                libc::SIGABRT => " (SIGABRT: native code aborted)",
                libc::SIGTERM => " (SIGTERM)",
                libc::SIGINT => " (SIGINT)",
                libc::SIGBUS => " (SIGBUS)",
                libc::SIGFPE => " (SIGFPE)",
                libc::SIGILL => " (SIGILL)",
                _ => "",
            };
            format!("killed by signal {number}{name}")
        }
        (None, None) => "ended in an unknown way".to_owned(),
    }
}

/// Carries messages between the scheduler and the workers' threads.
struct NannyDriver {
    shared: Arc<Shared>,
    link: Option<LinkId>,
}

impl NannyDriver {
    fn send_all(&mut self, io: &mut Io) {
        let Some(link) = self.link else { return };
        let outgoing = std::mem::take(&mut self.shared.lock().outgoing);
        outgoing.into_iter().for_each(|message| io.send(link, message));
    }

    /// Ends the process with this number; `again` says whether another is started.
    fn end_instance(&self, instance: u64, again: bool) {
        let mut state = self.shared.lock();
        let of_instance =
            |slot: &&mut Slot| slot.process.as_ref().is_some_and(|running| running.instance == instance);
        if let Some(slot) = state.slots.values_mut().find(of_instance) {
            slot.retired |= !again;
            cut_lifeline(slot);
            if again {
                signal(slot, libc::SIGKILL);
            }
        }
    }
}

impl Driver for NannyDriver {
    fn on_open(&mut self, link: LinkId, _peer: PeerInfo, io: &mut Io) {
        self.link = Some(link);
        let host = crate::access::hostname();
        io.send(link, NannyToScheduler::Register { host, pid: std::process::id() });
        self.shared.lock().link = Link::Open;
        self.shared.changed.notify_all();
        self.send_all(io);
    }

    fn on_message(&mut self, _link: LinkId, message: Message, _io: &mut Io) {
        let Message::SchedulerToNanny(said) = message else { return };
        match said {
            SchedulerToNanny::Restart { instance } => self.end_instance(instance, true),
            SchedulerToNanny::Retire { instance } => self.end_instance(instance, false),
            SchedulerToNanny::Close { .. } => {
                let mut state = self.shared.lock();
                state.closing = true;
                for slot in state.slots.values_mut() {
                    slot.retired = true;
                    cut_lifeline(slot);
                }
            }
        }
    }

    fn on_close(&mut self, _link: LinkId, reason: CloseReason, _io: &mut Io) {
        self.link = None;
        let mut state = self.shared.lock();
        state.link = Link::Closed(reason);
        for slot in state.slots.values_mut() {
            slot.retired = true;
            cut_lifeline(slot);
        }
        self.shared.changed.notify_all();
    }

    fn on_wake(&mut self, io: &mut Io) {
        self.send_all(io);
    }

    fn on_turn(&mut self, _now: Tick, _io: &mut Io) -> Option<Tick> {
        None
    }
}
