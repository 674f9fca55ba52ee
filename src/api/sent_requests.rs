//! What was sent in an attempt, on the wire.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use super::error::{Problem, ReadProblems};
use super::extract::Path;
use crate::ops::{Access, Difference, Operations, SentRequest};

/// The request of an attempt, formed again from what is kept of it.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct SentRequestOut {
    #[schema(example = "POST")]
    method: String,
    /// Where it went.
    #[schema(example = "https://example.com/webhooks")]
    url: String,
    /// All headers, by lower-case name; the values of those that the endpoint adds are hidden.
    headers: BTreeMap<String, String>,
    /// The body; null once the payload has been deleted.
    body: Option<String>,
    /// What the signatures are of; null once the payload has been deleted.
    signed_content: Option<String>,
    /// A shell command that sends it once more; null once the payload has been deleted.
    curl: Option<String>,
    /// Whether it is what was sent, byte for byte, but for hidden values and the version in `user-agent`.
    exact: bool,
    /// What may have been different when it was sent, in plain words.
    notes: Vec<&'static str>,
}

impl From<SentRequest> for SentRequestOut {
    fn from(request: SentRequest) -> Self {
        Self {
            curl: request.as_curl(),
            signed_content: request.signed_content(),
            exact: request.is_exact(),
            notes: request.differences.into_iter().map(Difference::explanation).collect(),
            method: request.method,
            url: request.url,
            headers: request.headers.into_iter().collect(),
            body: request.body.map(|body| String::from_utf8_lossy(&body).into_owned()),
        }
    }
}

/// Show the request of an attempt, formed again from what is kept of it.
#[utoipa::path(get, path = "/api/v1/app/{application_id}/msg/{message_id}/attempt/{attempt_id}/request",
    tag = "Message Attempt", operation_id = "v1.message-attempt.get-request",
    params(
        ("application_id" = String, Path, description = "The application's id or uid"),
        ("message_id" = String, Path, description = "The message's id or event id"),
        ("attempt_id" = String, Path, description = "The attempt's id"),
    ),
    responses((status = 200, description = "The request.", body = SentRequestOut), ReadProblems))]
pub(super) async fn get_request(
    State(operations): State<Arc<Operations>>,
    access: Access,
    Path((application, message, attempt)): Path<(String, String, String)>,
) -> Result<Json<SentRequestOut>, Problem> {
    Ok(Json(operations.request_of(&access, &application, &message, &attempt).await?.into()))
}
