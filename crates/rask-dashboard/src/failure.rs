//! Why there is no answer, as its reader gets it.

use axum::http::StatusCode;
use axum::http::header::{CONTENT_TYPE, HeaderValue, WWW_AUTHENTICATE};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use crate::gate::Refusal;

/// A status and a sentence or two: what happened, and what to do.
#[derive(Debug)]
pub(crate) struct Failure {
    status: StatusCode,
    text: String,
    is_final: bool,
}

impl Failure {
    pub fn new(status: StatusCode, text: impl Into<String>) -> Failure {
        Failure { status, text: text.into(), is_final: false }
    }

    /// Asking again is of no use.
    pub fn is_final(&self) -> bool {
        self.is_final
    }

    /// The scheduler does not answer.
    pub fn no_scheduler() -> Failure {
        let text = "the scheduler has ended; start another cluster";
        Failure { is_final: true, ..Failure::new(StatusCode::SERVICE_UNAVAILABLE, text) }
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Failure {
        match refusal {
            Refusal::NoToken => Failure::new(
                StatusCode::UNAUTHORIZED,
                "this needs the cluster's dashboard token, which is in the link that client.dashboard_link gives and that \
                 rask scheduler prints: send it as the header `Authorization: Bearer TOKEN`, or open that link in this browser",
            ),
            Refusal::ForeignHost => Failure::new(
                StatusCode::FORBIDDEN,
                "the request names a host that this dashboard is not known by: open the link with its token at that host once, \
                 or send the token as the header `Authorization: Bearer TOKEN`",
            ),
            Refusal::ForeignOrigin => Failure::new(
                StatusCode::FORBIDDEN,
                "the request comes from a page of another site, and this dashboard answers its own pages only; if a proxy stands between, \
                 have it pass on the header Host as the browser sent it",
            ),
        }
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let body = json!({ "error": self.text }).to_string();
        let mut response =
            (self.status, [(CONTENT_TYPE, HeaderValue::from_static("application/json"))], body)
                .into_response();
        if self.status == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}
