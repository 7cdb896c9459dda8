//! One page's WebSocket: what the beat says goes out, what the page wants to see comes in.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket, WebSocketUpgrade, close_code};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::json;
use tokio::sync::{OwnedSemaphorePermit, mpsc};
use tokio::time::timeout;

use crate::beat::Request;
use crate::failure::Failure;
use crate::pages::{Group, WAITING_MAX};
use crate::routes::Site;

/// Pages open at once.
pub(crate) const PAGES_MAX: usize = 64;
/// A page says little.
const SAID_BYTES_MAX: usize = 16 * 1024;
/// What is read at once.
const READ_BYTES: usize = 1024;
/// A page that has not taken a message by then is gone, or as good as gone.
const SEND_TIMEOUT: Duration = Duration::from_secs(30);

/// What pages are told last.
const ENDED: &str = "the scheduler has ended";

/// What a page says.
#[derive(Deserialize)]
struct Wish {
    watch: Option<Watched>,
    group: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Watched {
    Graph,
}

/// `/api/v1/live`.
pub(crate) async fn live(
    State(site): State<Arc<Site>>,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Response {
    let upgrade = match upgrade {
        Ok(upgrade) => upgrade,
        Err(rejection) => {
            let text = format!("this is a WebSocket: {}", rejection.body_text());
            return Failure::new(StatusCode::BAD_REQUEST, text).into_response();
        }
    };
    let Ok(place) = site.places.clone().try_acquire_owned() else {
        let text =
            format!("{PAGES_MAX} pages are open already: close some, or ask /api/v1/status now and then");
        return Failure::new(StatusCode::SERVICE_UNAVAILABLE, text).into_response();
    };
    upgrade
        .read_buffer_size(READ_BYTES)
        .max_message_size(SAID_BYTES_MAX)
        .max_frame_size(SAID_BYTES_MAX)
        .on_upgrade(move |socket| serve(socket, site, place))
}

/// Until either side has enough.
async fn serve(mut socket: WebSocket, site: Arc<Site>, _place: OwnedSemaphorePermit) {
    let hello = json!({
        "type": "hello", "api": 1, "cluster": site.cluster, "version": env!("CARGO_PKG_VERSION"),
    });
    if !send(&mut socket, hello.to_string().into()).await {
        return;
    }
    let (queue, mut messages) = mpsc::channel(WAITING_MAX);
    let Some(page) = site.beat.open(queue).await else { return };
    let mut ending = site.ending.clone();
    loop {
        tokio::select! {
            _ = ending.changed() => return say_end(&mut socket, close_code::AWAY, ENDED).await,
            message = messages.recv() => match message {
                Some(text) => if !send(&mut socket, text).await { return },
                None => return say_end(&mut socket, close_code::AWAY, ENDED).await,
            },
            said = socket.recv() => match said {
                Some(Ok(Message::Text(text))) => match wish(&text) {
                    Some(group) => site.beat.say(Request::Watch(page, group)).await,
                    None => {
                        let text = "expected {\"watch\": \"graph\", \"group\": null} or {\"watch\": null}";
                        return say_end(&mut socket, close_code::POLICY, text).await;
                    }
                },
                Some(Ok(Message::Binary(_))) => {
                    return say_end(&mut socket, close_code::UNSUPPORTED, "messages are JSON texts").await;
                }
                // Pings are answered by the library.
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                Some(Ok(Message::Close(_)) | Err(_)) | None => return,
            },
        }
    }
}

/// The graph that a page asks for, or that it asks for none; nothing if this is neither.
fn wish(text: &str) -> Option<Option<Group>> {
    let Wish { watch, group } = serde_json::from_str(text).ok()?;
    Some(watch.map(|Watched::Graph| group))
}

async fn send(socket: &mut WebSocket, text: Utf8Bytes) -> bool {
    matches!(timeout(SEND_TIMEOUT, socket.send(Message::Text(text))).await, Ok(Ok(())))
}

async fn say_end(socket: &mut WebSocket, code: u16, reason: &'static str) {
    let frame = CloseFrame { code, reason: Utf8Bytes::from_static(reason) };
    // Who does not hear it notices that the connection ends.
    let _ = timeout(SEND_TIMEOUT, socket.send(Message::Close(Some(frame)))).await;
}

#[cfg(test)]
mod tests {
    use super::wish;

    #[test]
    fn wishes_are_read() {
        assert_eq!(wish(r#"{"watch": "graph", "group": null}"#), Some(Some(None)));
        assert_eq!(wish(r#"{"watch": "graph"}"#), Some(Some(None)));
        assert_eq!(wish(r#"{"watch": "graph", "group": "inc", "more": 1}"#), Some(Some(Some("inc".into()))));
        assert_eq!(wish(r#"{"watch": null}"#), Some(None));
        for text in ["", "[]", "{\"watch\": \"all\"}", "{\"watch\": \"graph\", \"group\": 1}"] {
            assert_eq!(wish(text), None, "{text}");
        }
    }
}
