//! Examples on the wire: a message made up and sent to one endpoint.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;
use utoipa::ToSchema;

use super::error::{Problem, WriteProblems};
use super::extract::{JsonObject, Path, Posted};
use super::made;
use super::messages::{MessageIn, MessageOut};
use crate::ops::{Access, NewExample, Operations};

/// Which example is sent.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct EventExampleIn {
    /// The event type, which must be known.
    #[schema(example = "order.created")]
    event_type: String,
    /// Which of the examples in its schema, from 0.
    #[serde(default)]
    example_index: Option<u32>,
    /// This instead of an example.
    #[serde(default)]
    #[schema(value_type = Option<Object>)]
    payload: Option<JsonObject>,
}

/// Send an example of an event type to one endpoint, whether it is subscribed to it or not.
#[utoipa::path(post, path = "/api/v1/app/{application_id}/endpoint/{endpoint_id}/send-example", tag = "Endpoint",
    operation_id = "v1.endpoint.send-example",
    params(
        ("application_id" = String, Path, description = "The application's id or uid"),
        ("endpoint_id" = String, Path, description = "The endpoint's id or uid"),
        ("idempotency-key" = Option<String>, Header, description = "Makes a repeat of this request harmless"),
    ),
    request_body = EventExampleIn,
    responses((status = 200, description = "The message that is sent.", body = MessageOut), WriteProblems))]
pub(super) async fn send_example(
    State(operations): State<Arc<Operations>>,
    access: Access,
    Path((application, endpoint)): Path<(String, String)>,
    Posted { body, key }: Posted<EventExampleIn>,
) -> Result<Response, Problem> {
    let wanted = NewExample {
        event_type: body.event_type,
        index: body.example_index.unwrap_or_default().try_into().unwrap_or(usize::MAX),
        payload: body.payload.map(MessageIn::payload).transpose()?,
    };
    let made = operations.send_example(&access, &application, &endpoint, wanted, key).await?;
    made::try_answer(StatusCode::OK, made, |message| MessageOut::new(&message, true).map(Json))
}
