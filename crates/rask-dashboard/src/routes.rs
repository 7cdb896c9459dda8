//! Which path gives what, who may have it, and the headers of every answer.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, Request, State};
use axum::http::header::{
    ACCEPT, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, HeaderValue, IF_NONE_MATCH,
    REFERRER_POLICY, SET_COOKIE, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderMap, Method, StatusCode};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use parking_lot::Mutex;
use rask_scheduler::Views;
use rask_scheduler_core::view::Seen;
use tokio::sync::{Semaphore, watch};

use crate::beat::Beat;
use crate::failure::Failure;
use crate::gate::{Gate, Refusal};
use crate::{api, live, page};

/// The page loads nothing from elsewhere, and runs no script that is not its own file. Whatever a key or a name may hold.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; \
     base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
);

/// Set by proxies that take a path away: which one.
const FORWARDED_PREFIX: &str = "x-forwarded-prefix";

/// What all answers are made from.
pub(crate) struct Site {
    pub gate: Gate,
    pub views: Views,
    pub beat: Beat,
    /// What was last seen of `/api/v1/status`: rates are reckoned from there.
    pub last_status: Mutex<Seen>,
    /// For open pages.
    pub places: Arc<Semaphore>,
    /// Becomes true when open pages are to be told that this is the end.
    pub ending: watch::Receiver<bool>,
    pub cluster: String,
}

/// All paths.
///
/// A proxy may show them below a path of its own and take that away before it asks here. So what is answered names nothing by an
/// absolute path, and all pages lie directly below the root: the same relative addresses are right on each. Keys and names stand in
/// the query, because proxies decode and tidy paths: one with a slash would come to lie deeper than its page believes.
pub(crate) fn router(site: Arc<Site>) -> Router {
    let pages = ["/", "/status", "/graph", "/workers", "/worker", "/tasks", "/task", "/events"];
    let pages = pages.into_iter().fold(Router::new(), |router, path| router.route(path, get(index)));
    let pages = pages.route_layer(from_fn_with_state(site.clone(), admit_reader));
    let data = Router::new()
        .route("/api/v1/live", get(live::live))
        .route("/api/v1/status", get(api::status))
        .route("/api/v1/workers", get(api::workers))
        .route("/api/v1/worker", get(api::worker))
        .route("/api/v1/tasks", get(api::tasks))
        .route("/api/v1/task", get(api::task))
        .route("/api/v1/graph", get(api::graph))
        .route("/api/v1/events", get(api::events))
        .route("/metrics", get(api::metrics))
        .route_layer(from_fn_with_state(site.clone(), admit_asker));
    Router::new()
        .route("/health", get(|| async { "ok\n" }))
        .route("/assets/{*name}", get(asset))
        .merge(pages)
        .merge(data)
        .fallback(nothing)
        .layer(from_fn(only_reads))
        .layer(from_fn(guarded))
        .with_state(site)
}

/// Nothing here changes anything.
async fn only_reads(request: Request, next: Next) -> Response {
    match *request.method() {
        Method::GET | Method::HEAD => next.run(request).await,
        _ => {
            let failure = Failure::new(StatusCode::METHOD_NOT_ALLOWED, "the dashboard only shows: use GET");
            ([("allow", "GET, HEAD")], failure).into_response()
        }
    }
}

/// Headers that every answer has.
async fn guarded(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    headers.insert(CONTENT_SECURITY_POLICY, POLICY);
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

/// A page: by the token in its link, or by the cookie.
///
/// The link is answered with the page itself. If it were answered with another address, a browser that comes from another
/// site would withhold the new cookie there.
async fn admit_reader(State(site): State<Arc<Site>>, request: Request, next: Next) -> Response {
    let prefix = request.headers().get(FORWARDED_PREFIX).and_then(|value| value.to_str().ok());
    if request.uri().path() == "/"
        && let Some(onward) = prefix.and_then(|prefix| page::onward(prefix, request.uri().query()))
    {
        return Html(onward).into_response();
    }
    let by_link = site.gate.has_link_token(request.uri(), request.headers());
    if !by_link && let Err(refusal) = site.gate.admit(request.headers()) {
        return match refusal {
            Refusal::NoToken => (StatusCode::UNAUTHORIZED, Html(page::no_token())).into_response(),
            _ => Failure::from(refusal).into_response(),
        };
    }
    let cookie = HeaderValue::from_str(&site.gate.cookie(request.headers()));
    let mut response = next.run(request).await;
    response.headers_mut().insert(SET_COOKIE, cookie.expect("a token is made of plain characters"));
    response
}

/// Data: by cookie or bearer header.
async fn admit_asker(State(site): State<Arc<Site>>, request: Request, next: Next) -> Response {
    match site.gate.admit(request.headers()) {
        Ok(()) => next.run(request).await,
        Err(refusal) => Failure::from(refusal).into_response(),
    }
}

async fn index() -> Html<&'static [u8]> {
    Html(page::INDEX)
}

async fn asset(Path(name): Path<String>, headers: HeaderMap) -> Response {
    let Some(asset) = page::asset(&name) else { return nothing_there() };
    // Kept, but asked about each time: the file changes with rask, not with the address.
    let caching = [(ETAG, asset.tag()), (CACHE_CONTROL, "no-cache")];
    let known = headers.get(IF_NONE_MATCH).and_then(|value| value.to_str().ok());
    if known.is_some_and(|tags| tags.split(',').any(|tag| tag.trim().trim_start_matches("W/") == asset.tag()))
    {
        return (StatusCode::NOT_MODIFIED, caching).into_response();
    }
    (caching, [(CONTENT_TYPE, asset.media_type)], asset.bytes).into_response()
}

/// A browser whose user asks for a page gets one that leads on.
async fn nothing(request: Request) -> Response {
    let asks_for_page = request
        .headers()
        .get(ACCEPT)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|kinds| kinds.contains("text/html"));
    match asks_for_page {
        true => (StatusCode::NOT_FOUND, Html(page::not_here(request.uri().path()))).into_response(),
        false => nothing_there(),
    }
}

fn nothing_there() -> Response {
    let text = "there is nothing at this path; docs/dashboard-api.md lists what there is";
    Failure::new(StatusCode::NOT_FOUND, text).into_response()
}
