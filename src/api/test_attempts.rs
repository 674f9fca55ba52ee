//! Test attempts on the wire: an example is sent at once, and the answer is what came of it.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Deserialize;
use serde::de::IgnoredAny;
use utoipa::ToSchema;

use super::attempts::MessageAttemptOut;
use super::error::{Problem, WriteProblems};
use super::extract::{Given, JsonObject, Path};
use super::messages::MessageIn;
use crate::ops::{Access, NewExample, Operations};

/// What is sent as a test: what a message would be. A test goes to one endpoint and is not kept, so what says where a
/// message goes and how long it is kept is taken and makes no difference.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct TestAttemptIn {
    /// The event type; without a payload it must be known.
    #[schema(example = "order.created")]
    event_type: String,
    /// Which of the examples in its schema, from 0.
    #[serde(default)]
    example_index: Option<u32>,
    /// This instead of an example.
    #[serde(default)]
    #[schema(value_type = Option<Object>)]
    payload: Option<JsonObject>,
    /// Makes no difference.
    #[serde(default, rename = "eventId")]
    #[schema(value_type = Option<String>)]
    _event_id: Option<IgnoredAny>,
    /// Makes no difference.
    #[serde(default, rename = "channels")]
    #[schema(value_type = Option<Vec<String>>)]
    _channels: Option<IgnoredAny>,
    /// Makes no difference.
    #[serde(default, rename = "payloadRetentionPeriod")]
    #[schema(value_type = Option<i64>)]
    _payload_retention_period: Option<IgnoredAny>,
}

/// Send a test to one endpoint, subscribed and switched on or not, and wait for what comes of it.
///
/// It is signed like any message, has a message id of its own and is marked as a test where the envelope has a place for
/// it. It is neither kept nor counted, and each request sends: there is no harmless repeat.
#[utoipa::path(post, path = "/api/v1/app/{application_id}/endpoint/{endpoint_id}/msg/test-attempt", tag = "Message",
    operation_id = "v1.message.test-attempt",
    params(
        ("application_id" = String, Path, description = "The application's id or uid"),
        ("endpoint_id" = String, Path, description = "The endpoint's id or uid"),
    ),
    request_body = TestAttemptIn,
    responses((status = 201, description = "It was sent; what came of it, good or bad.", body = MessageAttemptOut),
        WriteProblems))]
pub(super) async fn test_attempt(
    State(operations): State<Arc<Operations>>,
    access: Access,
    Path((application, endpoint)): Path<(String, String)>,
    Given(body): Given<TestAttemptIn>,
) -> Result<(StatusCode, Json<MessageAttemptOut>), Problem> {
    let wanted = NewExample {
        event_type: body.event_type,
        index: body.example_index.unwrap_or_default().try_into().unwrap_or(usize::MAX),
        payload: body.payload.map(MessageIn::payload).transpose()?,
    };
    let test = operations.test_attempt(&access, &application, &endpoint, wanted).await?;
    Ok((StatusCode::CREATED, Json(MessageAttemptOut::of_test(test)?)))
}
