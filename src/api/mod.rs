//! The HTTP API: the Svix server's under `/api/v1`, and ShipEngine's under `/v1/environment`. One file for each noun has
//! its JSON shapes and handlers, and a table has all routes. Handlers translate between the wire and operations; they
//! decide nothing, know no SQL, and no other part of Cornet knows the shapes here.

mod api_tokens;
mod applications;
mod attempts;
mod audit;
mod catalogue;
mod destinations;
mod endpoint_headers;
mod endpoint_secrets;
mod endpoints;
mod environments;
mod error;
mod event_types;
mod examples;
mod extract;
mod filters;
mod health;
mod inboxes;
mod integrations;
mod made;
mod message_door;
mod messages;
mod moment;
mod page;
mod portal;
pub mod reading;
mod recovery;
mod request_id;
mod router;
mod schedule;
mod schedules;
mod sent_requests;
mod shipengine;
mod statistics;
mod statuses;
mod test_attempts;
mod transformations;
mod webhooks_document;
mod why;

pub use message_door::MessageDoor;
pub use request_id::REQUEST_ID;
pub use router::{openapi, router};

use std::sync::Arc;

use axum::http::{HeaderValue, StatusCode};
use axum::response::Response;

use error::Problem;

use crate::ops::Operations;
use crate::telemetry::Metrics;

/// What every handler can reach.
#[derive(Clone)]
pub struct ApiState {
    /// Everything that can be asked for.
    pub operations: Arc<Operations>,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// Where this server is reached, without a slash at its end.
    pub base_url: Arc<str>,
}

impl ApiState {
    /// The state of a server that is reached at `base_url`.
    pub fn new(operations: Arc<Operations>, metrics: Arc<Metrics>, base_url: &str) -> Self {
        Self { operations, metrics, base_url: base_url.trim_end_matches('/').into() }
    }

    /// The server's own answer to a request that nobody else answers, as a problem; `request_id` is the header that the
    /// request came with.
    pub fn refuse(
        &self,
        request_id: Option<&HeaderValue>,
        status: StatusCode,
        code: &'static str,
        why: &str,
    ) -> Response {
        request_id::refuse(&self.operations, request_id, Problem::of_server(status, code, why))
    }
}
