//! Connections, and their bounds: how many, how long, and how much a request may be.

use std::net::TcpListener;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use parking_lot::Mutex;
use rask_scheduler::Views;
use tokio::net::TcpStream;
use tokio::sync::{Semaphore, watch};
use tokio::time::{sleep, timeout};

use crate::beat::Beat;
use crate::gate::Gate;
use crate::live::PAGES_MAX;
use crate::routes::{Site, router};

/// Connections at once; who comes then waits. Those of open pages count elsewhere.
const CONNECTIONS_MAX: usize = 64;
/// A request's head must have come by then, and so must the next one of a connection that is kept.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
/// Cookies of other clusters on this host come along.
const HEAD_BYTES_MAX: usize = 64 * 1024;
const HEADERS_MAX: usize = 64;
/// After that long a connection gets no further request answered.
const CONNECTION_AGE_MAX: Duration = Duration::from_secs(60);
/// How long the last answer of an old connection may take.
const LAST_ANSWER_TIMEOUT: Duration = Duration::from_secs(60);
/// When the system has no connection to give, it is asked again after this.
const ACCEPT_PAUSE: Duration = Duration::from_millis(200);

/// How long open pages may take to be told that this is the end.
const FAREWELL_TIMEOUT: Duration = Duration::from_millis(200);

/// Answers until `stopped` does, then tells the pages that are open.
pub(crate) async fn serve(
    listener: TcpListener,
    gate: Gate,
    views: Views,
    cluster: String,
    stopped: impl Future,
) {
    let places = Arc::new(Semaphore::new(PAGES_MAX));
    let (end, ending) = watch::channel(false);
    let site = Site {
        gate,
        beat: Beat::start(views.clone()),
        views,
        last_status: Mutex::default(),
        places: places.clone(),
        ending,
        cluster,
    };
    tokio::select! {
        () = accept_all(listener, site) => {}
        _ = stopped => {}
    }
    // Nobody listens if no page is open.
    let _ = end.send(true);
    let _ = timeout(FAREWELL_TIMEOUT, places.acquire_many(PAGES_MAX as u32)).await;
}

async fn accept_all(listener: TcpListener, site: Site) {
    let listener = match tokio::net::TcpListener::from_std(listener) {
        Ok(listener) => listener,
        Err(error) => return eprintln!("rask: the dashboard cannot be served: {error}"),
    };
    let router = router(Arc::new(site));
    let room = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    loop {
        let place = room.clone().acquire_owned().await.expect("it is never closed");
        match listener.accept().await {
            Ok((stream, _)) => {
                let service = router.clone();
                tokio::spawn(async move {
                    answer(stream, service).await;
                    drop(place);
                });
            }
            // The peer has gone already, or there are too many open files.
            Err(_) => sleep(ACCEPT_PAUSE).await,
        }
    }
}

/// Serves one connection until it ends or becomes a WebSocket. If an answer panics, this task alone ends.
async fn answer(stream: TcpStream, router: axum::Router) {
    // Pulses are small and should not wait for company.
    let _ = stream.set_nodelay(true);
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_buf_size(HEAD_BYTES_MAX)
        .max_headers(HEADERS_MAX)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router))
        .with_upgrades();
    let mut connection = pin!(connection);
    // Errors are those of a reader that went away in the middle, its own affair.
    if timeout(CONNECTION_AGE_MAX, connection.as_mut()).await.is_err() {
        connection.as_mut().graceful_shutdown();
        let _ = timeout(LAST_ANSWER_TIMEOUT, connection).await;
    }
}
