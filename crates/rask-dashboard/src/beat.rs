//! The pulse that all open pages share. While a page is open the scheduler is asked once per beat, however many there are, and
//! what is new is written as JSON once. While none is open nothing happens here.

use std::sync::Arc;

use axum::extract::ws::Utf8Bytes;
use rask_scheduler::Views;
use tokio::sync::{Mutex, mpsc, oneshot};
use tokio::time::{Duration, Instant, sleep_until};

use crate::failure::Failure;
use crate::graph::Graphs;
use crate::pages::{Group, PageId, Pages};
use crate::pulse::Pulses;

/// From beat to beat while something happens.
const BUSY: Duration = Duration::from_millis(250);
/// From beat to beat while nothing does.
const QUIET: Duration = Duration::from_secs(1);
/// Pages that are opened, and say what they want to see, do not hasten it beyond this.
const GAP_MIN: Duration = Duration::from_millis(50);
/// Requests that may wait for the next beat; who has more waits.
const REQUESTS_MAX: usize = 64;

/// What a page says to the beat.
pub(crate) enum Request {
    /// It was opened; what it is to be told goes into the queue.
    Open(mpsc::Sender<Utf8Bytes>, oneshot::Sender<PageId>),
    /// It wants to see this graph, or none.
    Watch(PageId, Option<Group>),
}

/// Where pages sign up.
pub(crate) struct Beat {
    requests: mpsc::Sender<Request>,
}

impl Beat {
    /// Starts it, at rest until a page is opened.
    pub fn start(views: Views) -> Beat {
        let (requests, receiver) = mpsc::channel(REQUESTS_MAX);
        let receiver = Arc::new(Mutex::new(receiver));
        tokio::spawn(async move {
            loop {
                let heart = tokio::spawn(run(views.clone(), receiver.clone()));
                // After a panic, which is a bug of ours, the pages that were open are closed; they may come back.
                if heart.await.is_ok() {
                    return;
                }
            }
        });
        Beat { requests }
    }

    /// A page was opened.
    pub async fn open(&self, queue: mpsc::Sender<Utf8Bytes>) -> Option<PageId> {
        let (answer, answered) = oneshot::channel();
        self.say(Request::Open(queue, answer)).await;
        answered.await.ok()
    }

    /// Says something.
    pub async fn say(&self, request: Request) {
        // Without a beat the page's queue ends, too, and so does the page.
        let _ = self.requests.send(request).await;
    }
}

async fn run(views: Views, requests: Arc<Mutex<mpsc::Receiver<Request>>>) {
    let mut requests = requests.lock().await;
    let mut heart =
        Heart { views, pages: Pages::default(), pulses: Pulses::default(), graphs: Graphs::default() };
    let mut last = Instant::now();
    let mut due = last;
    loop {
        heart.pages.forget_closed();
        if heart.pages.is_empty() {
            heart.pulses = Pulses::default();
            heart.graphs = Graphs::default();
            let Some(request) = requests.recv().await else { return };
            heart.heed(request);
            due = (last + GAP_MIN).max(Instant::now());
        }
        loop {
            tokio::select! {
                biased;
                () = sleep_until(due) => break,
                request = requests.recv() => {
                    let Some(request) = request else { return };
                    heart.heed(request);
                    due = due.min((last + GAP_MIN).max(Instant::now()));
                }
            }
        }
        // Above, the time may always have come: whoever asks is heard all the same.
        while let Ok(request) = requests.try_recv() {
            heart.heed(request);
        }
        last = Instant::now();
        due = last + if heart.beat().await { BUSY } else { QUIET };
    }
}

struct Heart {
    views: Views,
    pages: Pages,
    pulses: Pulses,
    graphs: Graphs,
}

impl Heart {
    fn heed(&mut self, request: Request) {
        match request {
            Request::Open(queue, answer) => {
                // A page that has gone meanwhile is forgotten with its queue.
                let _ = answer.send(self.pages.open(queue));
            }
            Request::Watch(page, group) => self.pages.watch(page, group),
        }
    }

    /// Says what is new; true if something happened.
    async fn beat(&mut self) -> bool {
        match self.say().await {
            Ok(busy) => busy,
            Err(failure) if failure.is_final() => {
                // Their queues end: they are told so.
                self.pages = Pages::default();
                false
            }
            // Nothing is lost: what was not seen now is seen in the next beat.
            Err(_) => false,
        }
    }

    async fn say(&mut self) -> Result<bool, Failure> {
        let pulse = self.pulses.next(&self.views, self.pages.want_whole()).await?;
        self.pages.say_pulse(&pulse.delta, pulse.whole.as_ref());
        self.graphs.next(&self.views, &mut self.pages).await?;
        Ok(pulse.is_busy)
    }
}
