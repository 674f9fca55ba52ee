//! Attempts on the wire: what was sent and what came of it, where messages stand, and asking for one again.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::error::{Problem, ReadProblems, WriteProblems};
use super::extract::{Bare, CommaList, Path, Query};
use super::made;
use super::messages::{MessageOut, before, filter, yes};
use super::moment::{Moment, span};
use super::page::{ListResponse, Order, PageQuery};
use super::statuses::{MessageAttemptTriggerType, MessageStatus, MessageStatusText, StatusCodeClass};
use crate::domain::delivery::{Attempt, AttemptFilter};
use crate::domain::id::AttemptId;
use crate::domain::time::Span;
use crate::ops::{Access, AttemptsPage, Operations, TestAttempt};

/// One request that was made to an endpoint.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct MessageAttemptOut {
    id: String,
    msg_id: String,
    endpoint_id: String,
    /// The URL at the time.
    url: String,
    /// The start of the answer's body; empty when there was none, or it was not asked for.
    response: String,
    /// The answer's status; 0 when there was no answer.
    response_status_code: u16,
    /// How long it took until the outcome was known, in milliseconds.
    response_duration_ms: i64,
    status: MessageStatus,
    status_text: MessageStatusText,
    trigger_type: MessageAttemptTriggerType,
    /// When the request was started.
    timestamp: Moment,
    /// Why there was no answer: the stable name of the reason.
    #[serde(skip_serializing_if = "Option::is_none")]
    error_code: Option<&'static str>,
    /// Why there was no answer, and what to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    error_detail: Option<String>,
    /// The answer's headers; of a single attempt.
    #[serde(skip_serializing_if = "Option::is_none")]
    response_headers: Option<BTreeMap<String, String>>,
    /// The message that was sent; without its payload, except of a test.
    #[serde(skip_serializing_if = "Option::is_none")]
    msg: Option<MessageOut>,
}

impl MessageAttemptOut {
    /// How a test is shown: with the answer's headers, and with all that was sent.
    pub(super) fn of_test(test: TestAttempt) -> Result<Self, Problem> {
        let msg = Some(MessageOut::new(&test.message, true)?);
        Ok(Self { msg, ..Self::with_headers(test.attempt) })
    }

    /// How a single attempt is shown: with the answer's headers, of which those of one name are joined.
    fn with_headers(attempt: Attempt) -> Self {
        let mut headers: BTreeMap<String, String> = BTreeMap::new();
        for (name, value) in attempt.result.iter().flat_map(|answer| &answer.headers) {
            match headers.get_mut(name) {
                Some(values) => values.extend([", ", value.as_str()]),
                None => drop(headers.insert(name.clone(), value.clone())),
            }
        }
        let response_headers = attempt.result.is_ok().then_some(headers);
        Self { response_headers, ..attempt.into() }
    }
}

impl From<Attempt> for MessageAttemptOut {
    fn from(attempt: Attempt) -> Self {
        let status = if attempt.succeeded() { MessageStatus::Success } else { MessageStatus::Fail };
        let (response_status_code, response, error) = match attempt.result {
            Ok(answer) => (answer.status, String::from_utf8_lossy(&answer.body).into_owned(), None),
            Err(error) => (0, String::new(), Some(error)),
        };
        Self {
            id: attempt.id.to_string(),
            msg_id: attempt.message_id.to_string(),
            endpoint_id: attempt.endpoint_id.to_string(),
            url: attempt.url,
            response,
            response_status_code,
            response_duration_ms: attempt.duration_ms.try_into().unwrap_or(i64::MAX),
            status,
            status_text: status.into(),
            trigger_type: attempt.trigger.into(),
            timestamp: Moment(attempt.id.time()),
            error_code: error.as_ref().map(|error| error.code.as_str()),
            error_detail: error.map(|error| format!("{}: {}", error.detail, error.code.explanation())),
            response_headers: None,
            msg: None,
        }
    }
}

/// Which attempts are asked for.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct AttemptQuery {
    /// Only those that succeeded (0) or failed (2).
    #[param(value_type = Option<MessageStatus>)]
    status: Option<MessageStatus>,
    /// Only those that were answered with such a status.
    #[param(value_type = Option<StatusCodeClass>)]
    status_code_class: Option<StatusCodeClass>,
    /// Only those of messages in this channel.
    channel: Option<String>,
    /// Only those made before this time.
    before: Option<Moment>,
    /// Only those made at this time or later.
    after: Option<Moment>,
    /// Whether the answers' bodies are shown too.
    #[serde(default = "yes")]
    #[param(default = true)]
    with_content: bool,
    /// Whether the messages are shown too, without their payloads.
    #[serde(default)]
    with_msg: bool,
    /// Only those of messages of one of these event types.
    #[param(value_type = Option<Vec<String>>)]
    event_types: Option<CommaList>,
    /// Not supported yet.
    tag: Option<String>,
    /// Only those at the endpoint with this id or uid; of a message's attempts.
    endpoint_id: Option<String>,
}

impl AttemptQuery {
    fn filter(&mut self) -> Result<AttemptFilter, Problem> {
        let span = span(self.after, self.before);
        let (succeeded, made) = match self.status {
            None => (None, span),
            Some(MessageStatus::Success) => (Some(true), span),
            Some(MessageStatus::Fail) => (Some(false), span),
            // What was made is over: no attempt stands so.
            Some(MessageStatus::Pending | MessageStatus::Sending | MessageStatus::Canceled) => (None, Span::NEVER),
        };
        let messages = filter(self.event_types.take(), self.channel.take(), self.tag.as_ref())?;
        Ok(AttemptFilter {
            endpoint_id: None,
            succeeded,
            status_class: self.status_code_class.map(Into::into),
            made,
            messages,
        })
    }

    fn page(&self, page: &PageQuery) -> Result<AttemptsPage, Problem> {
        let page = page.page::<AttemptId>(Order::Descending)?;
        Ok(AttemptsPage { limit: page.limit, with_content: self.with_content, before: before(page)? })
    }
}

type Attempts = Json<ListResponse<MessageAttemptOut>>;

/// List the attempts at an endpoint, the newest first.
#[utoipa::path(get, path = "/api/v1/app/{application_id}/attempt/endpoint/{endpoint_id}", tag = "Message Attempt",
    operation_id = "v1.message-attempt.list-by-endpoint",
    params(
        ("application_id" = String, Path, description = "The application's id or uid"),
        ("endpoint_id" = String, Path, description = "The endpoint's id or uid"),
        PageQuery,
        AttemptQuery,
    ),
    responses((status = 200, description = "A page of attempts.", body = ListResponse<MessageAttemptOut>), ReadProblems))]
pub(super) async fn list_by_endpoint(
    State(operations): State<Arc<Operations>>,
    access: Access,
    Path((application, endpoint)): Path<(String, String)>,
    Query(page): Query<PageQuery>,
    Query(mut query): Query<AttemptQuery>,
) -> Result<Attempts, Problem> {
    let page = query.page(&page)?;
    let filter = query.filter()?;
    let walked = operations.attempts_of_endpoint(&access, &application, &endpoint, filter, page).await?;
    let messages = if query.with_msg { operations.messages_of(&walked.rows).await? } else { Default::default() };
    ListResponse::walked(
        walked,
        |id| id.to_string(),
        |attempt| {
            let msg = messages.get(&attempt.message_id).map(|message| MessageOut::new(message, false)).transpose()?;
            Ok(MessageAttemptOut { msg, ..attempt.into() })
        },
    )
    .map(Json)
}

/// List the attempts to deliver a message, the newest first.
#[utoipa::path(get, path = "/api/v1/app/{application_id}/attempt/msg/{message_id}", tag = "Message Attempt",
    operation_id = "v1.message-attempt.list-by-msg",
    params(
        ("application_id" = String, Path, description = "The application's id or uid"),
        ("message_id" = String, Path, description = "The message's id or event id"),
        PageQuery,
        AttemptQuery,
    ),
    responses((status = 200, description = "A page of attempts.", body = ListResponse<MessageAttemptOut>), ReadProblems))]
pub(super) async fn list_by_message(
    State(operations): State<Arc<Operations>>,
    access: Access,
    Path((application, message)): Path<(String, String)>,
    Query(page): Query<PageQuery>,
    Query(mut query): Query<AttemptQuery>,
) -> Result<Attempts, Problem> {
    let page = query.page(&page)?;
    let filter = query.filter()?;
    let endpoint = query.endpoint_id.as_deref();
    let walked = operations.attempts_of_message(&access, &application, &message, endpoint, filter, page).await?;
    ListResponse::walked(walked, |id| id.to_string(), |attempt| Ok(attempt.into())).map(Json)
}

/// Get an attempt to deliver a message.
#[utoipa::path(get, path = "/api/v1/app/{application_id}/msg/{message_id}/attempt/{attempt_id}", tag = "Message Attempt",
    operation_id = "v1.message-attempt.get",
    params(
        ("application_id" = String, Path, description = "The application's id or uid"),
        ("message_id" = String, Path, description = "The message's id or event id"),
        ("attempt_id" = String, Path, description = "The attempt's id"),
    ),
    responses((status = 200, description = "The attempt.", body = MessageAttemptOut), ReadProblems))]
pub(super) async fn get_attempt(
    State(operations): State<Arc<Operations>>,
    access: Access,
    Path((application, message, attempt)): Path<(String, String, String)>,
) -> Result<Json<MessageAttemptOut>, Problem> {
    let found = operations.attempt(&access, &application, &message, &attempt).await?;
    Ok(Json(MessageAttemptOut::with_headers(found)))
}

/// Delete what was kept of the answer to an attempt; `EXPUNGED` stands in its place.
#[utoipa::path(delete, path = "/api/v1/app/{application_id}/msg/{message_id}/attempt/{attempt_id}/content",
    tag = "Message Attempt", operation_id = "v1.message-attempt.expunge-content",
    params(
        ("application_id" = String, Path, description = "The application's id or uid"),
        ("message_id" = String, Path, description = "The message's id or event id"),
        ("attempt_id" = String, Path, description = "The attempt's id"),
    ),
    responses((status = 204, description = "The answer is deleted."), WriteProblems))]
pub(super) async fn expunge_attempt(
    State(operations): State<Arc<Operations>>,
    access: Access,
    Path((application, message, attempt)): Path<(String, String, String)>,
) -> Result<StatusCode, Problem> {
    operations.expunge_attempt(&access, &application, &message, &attempt).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Nothing.
#[derive(Serialize, ToSchema)]
pub(super) struct EmptyResponse {}

/// Have a message sent to an endpoint again, now, whatever became of it before.
#[utoipa::path(post, path = "/api/v1/app/{application_id}/msg/{message_id}/endpoint/{endpoint_id}/resend",
    tag = "Message Attempt", operation_id = "v1.message-attempt.resend",
    params(
        ("application_id" = String, Path, description = "The application's id or uid"),
        ("message_id" = String, Path, description = "The message's id or event id"),
        ("endpoint_id" = String, Path, description = "The endpoint's id or uid"),
        ("idempotency-key" = Option<String>, Header, description = "Makes a repeat of this request harmless"),
    ),
    responses((status = 202, description = "It is sent.", body = EmptyResponse), WriteProblems))]
pub(super) async fn resend(
    State(operations): State<Arc<Operations>>,
    access: Access,
    Path((application, message, endpoint)): Path<(String, String, String)>,
    Bare { key }: Bare,
) -> Result<Response, Problem> {
    let made = operations.resend(&access, &application, &message, &endpoint, key).await?;
    Ok(made::answer(StatusCode::ACCEPTED, made, |()| EmptyResponse {}))
}
