//! Starting a scheduler on a thread of its own, and holding on to it.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{SystemTime, UNIX_EPOCH};

use rask_comm::{Acceptance, Address, Reactor, ReactorHandle};
use rask_scheduler_core::{Scheduler, SchedulerConfig};

use crate::driver::SchedulerDriver;
use crate::views::{LookQueue, Views};

/// What a scheduler needs to start.
#[derive(Debug)]
pub struct SchedulerOptions {
    /// Where to listen. The first address with its actual port is the one that users are told.
    pub listen: Vec<Address>,
    /// Whom to let in.
    pub acceptance: Acceptance,
    /// The state machine's settings; `address` is filled in.
    pub config: SchedulerConfig,
}

impl SchedulerOptions {
    /// A scheduler at one address that lets nobody in but over memory links.
    pub fn new(listen: Address) -> SchedulerOptions {
        SchedulerOptions {
            listen: vec![listen],
            acceptance: Acceptance::default(),
            config: SchedulerConfig::default(),
        }
    }
}

/// A running scheduler. Dropping the handle stops it.
pub struct SchedulerHandle {
    addresses: Vec<Address>,
    reactor: ReactorHandle,
    thread: Option<JoinHandle<SchedulerDriver>>,
    ended: Arc<AtomicBool>,
    views: Views,
}

/// Listens, then runs a scheduler on a thread named `rask-scheduler`.
///
/// # Errors
/// If an address cannot be listened on; the error names it.
pub fn start(options: SchedulerOptions) -> io::Result<SchedulerHandle> {
    let SchedulerOptions { listen, acceptance, mut config } = options;
    let mut reactor = Reactor::new()?;
    let mut addresses = Vec::with_capacity(listen.len());
    for address in &listen {
        addresses.push(reactor.io().listen(address, acceptance.clone())?);
    }
    config.address = addresses.first().map_or_else(String::new, ToString::to_string);
    let unix_s = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64());
    config.tick_zero_unix_s = unix_s - rask_comm::now().0 as f64 / 1e9;
    let handle = reactor.handle();
    let ended = Arc::new(AtomicBool::new(false));
    let looks = Arc::new(LookQueue::default());
    let views = Views::new(looks.clone(), handle.clone());
    let driver = SchedulerDriver::new(Scheduler::new(config), looks.clone());
    let thread = std::thread::Builder::new().name("rask-scheduler".to_owned()).spawn({
        let ended = ended.clone();
        move || {
            let driver = reactor.run(driver);
            // The driver lives on until somebody joins; who waits for a look must not.
            looks.close();
            ended.store(true, Ordering::Release);
            driver
        }
    })?;
    Ok(SchedulerHandle { addresses, reactor: handle, thread: Some(thread), ended, views })
}

impl SchedulerHandle {
    /// Where it listens, with the ports that were chosen.
    pub fn addresses(&self) -> &[Address] {
        &self.addresses
    }

    /// For links within this process.
    pub fn reactor(&self) -> &ReactorHandle {
        &self.reactor
    }

    /// For those who look on while it works.
    pub fn views(&self) -> Views {
        self.views.clone()
    }

    /// It no longer runs.
    pub fn has_ended(&self) -> bool {
        self.ended.load(Ordering::Acquire)
    }

    /// Ends it after everything said has gone out.
    pub fn stop(&self) {
        self.reactor.stop();
    }

    /// Waits until it has ended; true if a client had shut the cluster down.
    pub fn wait(mut self) -> bool {
        self.thread.take().is_some_and(|thread| thread.join().is_ok_and(|driver| driver.was_shut_down()))
    }
}

impl Drop for SchedulerHandle {
    fn drop(&mut self) {
        self.stop();
        if let Some(thread) = self.thread.take() {
            // A panic of the scheduler has been printed by its own thread; a drop has nobody to tell.
            let _ = thread.join();
        }
    }
}
