//! The HTTP API under `/api/v1`, which speaks the Svix server's API: one file for each noun with its JSON shapes and
//! handlers, and a table of all routes. Handlers translate between the wire and operations; they decide nothing,
//! know no SQL, and no other part of Cornet knows the shapes here.

mod applications;
mod attempts;
mod destinations;
mod endpoint_headers;
mod endpoint_secrets;
mod endpoints;
mod error;
mod event_types;
mod examples;
mod extract;
mod health;
mod made;
mod messages;
mod moment;
mod page;
mod portal;
mod recovery;
mod request_id;
mod router;
mod statistics;
mod statuses;

pub use router::{openapi, router};

use std::sync::Arc;

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
