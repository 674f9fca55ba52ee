//! Why a message went where it went, on the wire.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use super::error::{Problem, ReadProblems};
use super::extract::Path;
use super::moment::Moment;
use crate::domain::delivery::{Attempt, Standing};
use crate::ops::{Access, Operations, Why};

/// The attempt that was made last.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct LastAttemptOut {
    #[schema(example = "atmpt_01k5w1c7z8fq3v9x2m4n6p8r0t")]
    id: String,
    /// When it was started.
    timestamp: Moment,
    /// The status of the answer; null when there was none.
    #[schema(example = 503)]
    status_code: Option<u16>,
    /// Why there was no answer; null when there was one.
    #[schema(example = "connect_refused")]
    error_code: Option<&'static str>,
    /// What the status or the error means, and what to do.
    explanation: &'static str,
}

/// What became of a message at one endpoint, and why.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct WhyOut {
    #[schema(example = "ep_01k5w1c7z8fq3v9x2m4n6p8r0t")]
    endpoint_id: String,
    /// Null when it has none, or has been deleted.
    uid: Option<String>,
    /// Null once the endpoint has been deleted.
    url: Option<String>,
    /// What was decided when the message was accepted: `queued`, or why not (`event_type`, `channel`, `filter`,
    /// `disabled`); null when the endpoint was not looked at then, and got the message by a resend.
    #[schema(example = "queued")]
    verdict: Option<&'static str>,
    /// All of it in plain words.
    explanation: String,
    /// Where it stands: `waiting`, `delivered`, `failed`, `cancelled` or `expired`; null when nothing is sent.
    #[schema(example = "waiting")]
    state: Option<&'static str>,
    /// How many attempts were made.
    attempts: u32,
    /// When the next attempt may be made; null when none will be.
    next_attempt: Option<Moment>,
    /// Null when none was made.
    last_attempt: Option<LastAttemptOut>,
}

/// What became of a message at each endpoint, and why.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct MessageWhyOut {
    #[schema(example = "msg_01k5w1c7z8fq3v9x2m4n6p8r0t")]
    msg_id: String,
    #[schema(example = "order.created")]
    event_type: String,
    /// When it was accepted.
    timestamp: Moment,
    /// Each endpoint that the application had then, and those that got it since.
    endpoints: Vec<WhyOut>,
}

impl From<Attempt> for LastAttemptOut {
    fn from(attempt: Attempt) -> Self {
        let (status_code, error_code, explanation) = match &attempt.result {
            Ok(answer) => (Some(answer.status), None, answer.explanation()),
            Err(error) => (None, Some(error.code.as_str()), error.code.explanation()),
        };
        let timestamp = Moment(attempt.id.time());
        Self { id: attempt.id.to_string(), timestamp, status_code, error_code, explanation }
    }
}

impl From<Why> for WhyOut {
    fn from(why: Why) -> Self {
        let explanation = why.explanation();
        let standing = why.journey.standing;
        let (uid, url) = why.endpoint.map(|endpoint| (endpoint.uid, endpoint.url)).unzip();
        Self {
            endpoint_id: why.endpoint_id.to_string(),
            uid: uid.flatten(),
            url,
            verdict: why.verdict.map(|verdict| verdict.as_str()),
            explanation,
            state: standing.map(|standing| match standing {
                Standing::Waiting(_) => "waiting",
                Standing::Ended(state) => state.as_str(),
            }),
            attempts: why.journey.attempts,
            next_attempt: standing.and_then(Standing::next_attempt).map(Moment),
            last_attempt: why.journey.last.map(LastAttemptOut::from),
        }
    }
}

#[utoipa::path(
    get,
    path = "/api/v1/app/{application_id}/msg/{message_id}/why",
    tag = "Message",
    operation_id = "v1.message.why",
    summary = "Explain what became of a message at each endpoint",
    params(
        ("application_id" = String, Path, description = "The application's id or uid."),
        ("message_id" = String, Path, description = "The message's id or event id.")
    ),
    responses((status = 200, description = "A verdict for each endpoint.", body = MessageWhyOut), ReadProblems)
)]
pub(super) async fn why(
    State(operations): State<Arc<Operations>>,
    access: Access,
    Path((application, message)): Path<(String, String)>,
) -> Result<Json<MessageWhyOut>, Problem> {
    let (message, reasons) = operations.why(&access, &application, &message).await?;
    Ok(Json(MessageWhyOut {
        msg_id: message.id.to_string(),
        event_type: message.event_type,
        timestamp: Moment(message.id.time()),
        endpoints: reasons.into_iter().map(WhyOut::from).collect(),
    }))
}
