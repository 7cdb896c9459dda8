//! Pulses: what has changed since the last one, and all there is for pages that are new.

use axum::extract::ws::Utf8Bytes;
use axum::http::StatusCode;
use parking_lot::Mutex;
use rask_scheduler::Views;
use rask_scheduler_core::view::{Pulse, Seen};
use serde::Serialize;

use crate::failure::Failure;
use crate::process::rss_bytes;
use crate::question::ask_for_news;

/// What the beat has seen.
#[derive(Default)]
pub(crate) struct Pulses {
    seen: Seen,
}

/// One beat, as JSON.
pub(crate) struct Said {
    pub delta: Utf8Bytes,
    /// If it was asked for. Whoever has it goes on with the next delta.
    pub whole: Option<Utf8Bytes>,
    /// Something happens; what idle workers say of their processes does not count.
    pub is_busy: bool,
}

impl Pulses {
    /// Asks what is new, and all there is if `whole`, in one look.
    ///
    /// # Errors
    /// If the scheduler does not answer. Then the next delta is whole.
    pub async fn next(&mut self, views: &Views, whole: bool) -> Result<Said, Failure> {
        let mut seen = std::mem::take(&mut self.seen);
        let look = move |look: rask_scheduler::Look<'_>| {
            let whole = whole.then(|| {
                let mut nothing = seen.clone();
                nothing.forget();
                look.core.pulse(&mut nothing, look.cpu_ns)
            });
            (look.core.pulse(&mut seen, look.cpu_ns), whole, seen)
        };
        let (delta, whole, seen) = ask_for_news(views, look).await?;
        self.seen = seen;
        let is_busy = is_busy(&delta);
        let whole = whole.map(text).transpose()?;
        Ok(Said { delta: text(delta)?, whole, is_busy })
    }
}

fn is_busy(pulse: &Pulse) -> bool {
    let Pulse { prefixes, bars, transfers, events, workers_gone, .. } = pulse;
    !(prefixes.is_empty()
        && bars.is_empty()
        && transfers.is_empty()
        && events.is_empty()
        && workers_gone.is_empty())
}

fn text(mut pulse: Pulse) -> Result<Utf8Bytes, Failure> {
    pulse.scheduler.rss_bytes = rss_bytes();
    Ok(to_json(&pulse)?.into())
}

/// A whole pulse now. Rates are those since `last` was asked, by whomever.
pub(crate) async fn whole(views: &Views, last: &Mutex<Seen>) -> Result<Pulse, Failure> {
    let mut seen = last.lock().clone();
    seen.forget();
    let look = move |look: rask_scheduler::Look<'_>| (look.core.pulse(&mut seen, look.cpu_ns), seen);
    let (mut pulse, seen) = ask_for_news(views, look).await?;
    *last.lock() = seen;
    pulse.scheduler.rss_bytes = rss_bytes();
    Ok(pulse)
}

/// A value as JSON.
pub(crate) fn to_json(value: &impl Serialize) -> Result<String, Failure> {
    // Only what is no JSON at all fails, a map whose keys are no texts say: a bug of ours.
    serde_json::to_string(value)
        .map_err(|error| Failure::new(StatusCode::INTERNAL_SERVER_ERROR, format!("a bug in rask: {error}")))
}
