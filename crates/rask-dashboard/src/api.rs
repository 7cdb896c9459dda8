//! The answers to questions about what is now: `docs/dashboard-api.md` describes each.

use std::sync::Arc;

use axum::extract::{FromRequestParts, Query, State};
use axum::http::StatusCode;
use axum::http::header::{CONTENT_TYPE, HeaderValue};
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use rask_scheduler::Look;
use rask_scheduler_core::Scheduler;
use rask_scheduler_core::view::{EventRow, TaskFilter, TaskRow, WorkerRow};
use rask_types::{Key, WorkerId};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::failure::Failure;
use crate::metrics;
use crate::picture;
use crate::pulse::{self, to_json};
use crate::question::{SLOTS_PER_LOOK, ask};
use crate::routes::Site;

/// Tasks in one answer.
const TASKS_MAX: usize = 1_000;
const TASKS_DEFAULT: usize = 100;

/// A value that becomes the body.
pub(crate) struct Json<T>(T);

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        match to_json(&self.0) {
            Ok(text) => {
                ([(CONTENT_TYPE, HeaderValue::from_static("application/json"))], text).into_response()
            }
            Err(failure) => failure.into_response(),
        }
    }
}

/// What the query asks for; one that cannot be read is refused with a reason.
pub(crate) struct Asked<T>(T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Asked<T> {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Asked<T>, Failure> {
        Query::try_from_uri(&parts.uri).map(|Query(asked)| Asked(asked)).map_err(|rejection| {
            let text = format!("{}; see docs/dashboard-api.md", rejection.body_text());
            Failure::new(StatusCode::BAD_REQUEST, text)
        })
    }
}

type Answer<T> = Result<Json<T>, Failure>;

/// `/api/v1/status`
pub(crate) async fn status(State(site): State<Arc<Site>>) -> Answer<impl Serialize> {
    Ok(Json(pulse::whole(&site.views, &site.last_status).await?))
}

#[derive(Serialize)]
struct Workers {
    workers: Vec<WorkerRow>,
}

/// `/api/v1/workers`
pub(crate) async fn workers(State(site): State<Arc<Site>>) -> Answer<impl Serialize> {
    Ok(Json(Workers { workers: ask(&site.views, |look| look.core.worker_rows()).await? }))
}

#[derive(Serialize)]
struct Events {
    events: Vec<EventRow>,
}

/// `/api/v1/events`
pub(crate) async fn events(State(site): State<Arc<Site>>) -> Answer<impl Serialize> {
    Ok(Json(Events { events: ask(&site.views, |look| look.core.event_rows()).await? }))
}

/// Which worker is asked for: by one of them.
#[derive(Deserialize)]
pub(crate) struct WorkerQuery {
    name: Option<String>,
    id: Option<u32>,
}

/// `/api/v1/worker`
pub(crate) async fn worker(
    State(site): State<Arc<Site>>,
    Asked(query): Asked<WorkerQuery>,
) -> Answer<impl Serialize> {
    let (who, page) = match query {
        WorkerQuery { id: Some(id), .. } => {
            let look = move |look: Look<'_>| look.core.worker_page_by_id(WorkerId(id));
            (format!("has the id {id}"), ask(&site.views, look).await?)
        }
        WorkerQuery { name: Some(name), .. } => {
            let who = format!("is called {name:?}");
            (who, ask(&site.views, move |look| look.core.worker_page(&name)).await?)
        }
        WorkerQuery { .. } => {
            let text = "say which worker, by name= or id=; /api/v1/workers lists those that are here";
            return Err(Failure::new(StatusCode::BAD_REQUEST, text));
        }
    };
    let none = || format!("no worker {who}, or did lately; /api/v1/workers lists those that are here");
    page.map(Json).ok_or_else(|| Failure::new(StatusCode::NOT_FOUND, none()))
}

/// What tasks are asked for.
#[derive(Deserialize)]
pub(crate) struct TasksQuery {
    #[serde(default)]
    search: String,
    prefix: Option<String>,
    state: Option<String>,
    limit: Option<usize>,
    after: Option<u32>,
}

#[derive(Serialize)]
struct Tasks {
    tasks: Vec<TaskRow>,
    after: Option<u32>,
    total: usize,
}

/// `/api/v1/tasks`
pub(crate) async fn tasks(
    State(site): State<Arc<Site>>,
    Asked(TasksQuery { search, prefix, state, limit, after }): Asked<TasksQuery>,
) -> Answer<impl Serialize> {
    let limit = limit.unwrap_or(TASKS_DEFAULT);
    if !(1..=TASKS_MAX).contains(&limit) {
        let text = format!("limit={limit}: between 1 and {TASKS_MAX} tasks are given at once");
        return Err(Failure::new(StatusCode::BAD_REQUEST, text));
    }
    let [prefix, state] = [prefix, state].map(|word| word.filter(|word| !word.is_empty()));
    let filter = TaskFilter { search, prefix, state };
    if !filter.is_sound() {
        let text = "state: one of released, waiting, queued, no-worker, processing, memory, erred";
        return Err(Failure::new(StatusCode::BAD_REQUEST, text));
    }
    let filter = Arc::new(filter);
    let mut found = Tasks { tasks: Vec::new(), after: Some(after.unwrap_or(0)), total: 0 };
    while let Some(from) = found.after
        && found.tasks.len() < limit
    {
        let (filter, rows_max) = (filter.clone(), limit - found.tasks.len());
        let look = move |look: Look<'_>| {
            (look.core.scan_tasks(from, SLOTS_PER_LOOK, rows_max, &filter), look.core.task_count())
        };
        let (scan, total) = ask(&site.views, look).await?;
        found.tasks.extend(scan.rows);
        (found.after, found.total) = (scan.next, total);
    }
    Ok(Json(found))
}

/// Which task is asked for.
#[derive(Deserialize)]
pub(crate) struct TaskQuery {
    key: String,
}

/// `/api/v1/task`
pub(crate) async fn task(
    State(site): State<Arc<Site>>,
    Asked(TaskQuery { key }): Asked<TaskQuery>,
) -> Answer<impl Serialize> {
    let key = Key::Str(key);
    let look = move |look: Look<'_>| look.core.task_page(&key).ok_or_else(|| Scheduler::unknown(&key));
    let page = ask(&site.views, look).await?;
    page.map(Json).map_err(|why| Failure::new(StatusCode::NOT_FOUND, why))
}

/// Which graph is asked for.
#[derive(Deserialize)]
pub(crate) struct GraphQuery {
    group: Option<String>,
}

/// `/api/v1/graph`
pub(crate) async fn graph(
    State(site): State<Arc<Site>>,
    Asked(GraphQuery { group }): Asked<GraphQuery>,
) -> Result<Response, Failure> {
    let text = picture::once(&site.views, group.as_deref()).await?;
    Ok(([(CONTENT_TYPE, HeaderValue::from_static("application/json"))], text).into_response())
}

/// `/metrics`
pub(crate) async fn metrics(State(site): State<Arc<Site>>) -> Result<Response, Failure> {
    let text = metrics::text(&site.views).await?;
    let kind = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
    Ok(([(CONTENT_TYPE, kind)], text).into_response())
}
