//! Asking the scheduler: something looks at its state on its own thread, quickly, and what it saw comes back here.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use axum::http::StatusCode;
use rask_scheduler::{Look, Views};
use tokio::sync::oneshot;
use tokio::time::timeout;

use crate::failure::Failure;

/// Places of the task table that one look goes through; at a hundred nanoseconds each, the scheduler notices nothing.
pub(crate) const SLOTS_PER_LOOK: u32 = 8_192;

/// A scheduler that takes longer is stuck.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);

/// What `look` sees.
///
/// # Errors
/// If the scheduler has ended, is stuck, or `look` panicked: that is a bug of ours, and none that may end a cluster.
pub(crate) async fn ask<T: Send + 'static>(
    views: &Views,
    look: impl FnOnce(Look<'_>) -> T + Send + 'static,
) -> Result<T, Failure> {
    answer_of(look, |asked| views.look(asked)).await
}

/// As `ask`, of what is new.
///
/// # Errors
/// As `ask`.
pub(crate) async fn ask_for_news<T: Send + 'static>(
    views: &Views,
    look: impl FnOnce(Look<'_>) -> T + Send + 'static,
) -> Result<T, Failure> {
    answer_of(look, |asked| views.look_for_news(asked)).await
}

/// `put` puts the question; false if nobody is there to answer.
async fn answer_of<T: Send + 'static>(
    look: impl FnOnce(Look<'_>) -> T + Send + 'static,
    put: impl FnOnce(Box<dyn FnOnce(Look<'_>) + Send>) -> bool,
) -> Result<T, Failure> {
    let (answer, answered) = oneshot::channel();
    let asked = Box::new(move |state: Look<'_>| {
        // A look changes nothing of the state, so nothing is half done after a panic.
        let seen = catch_unwind(AssertUnwindSafe(|| look(state))).ok();
        // Whoever asked may have gone.
        let _ = answer.send(seen);
    });
    if !put(asked) {
        return Err(Failure::no_scheduler());
    }
    match timeout(ANSWER_TIMEOUT, answered).await {
        Ok(Ok(Some(seen))) => Ok(seen),
        Ok(Ok(None)) => Err(Failure::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "the question met a bug in rask; the scheduler's standard error says more",
        )),
        Ok(Err(_)) => Err(Failure::no_scheduler()),
        Err(_) => Err(Failure::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "the scheduler has not answered for 10 s; its process may be stopped or starved",
        )),
    }
}
