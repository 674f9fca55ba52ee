//! Messages on the wire. A payload comes and goes as the very text that was posted.

use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderValue, StatusCode};
use axum::response::Response;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::{IntoParams, ToSchema};

use super::ApiState;
use super::applications::ApplicationIn;
use super::error::{Problem, ReadProblems, WriteProblems};
use super::extract::{CommaList, JsonObject, Path, Posted, Query, object};
use super::made;
use super::moment::{Moment, span};
use super::page::{ListResponse, Order, PageQuery};
use crate::domain::id::MessageId;
use crate::domain::message::{Message, MessageFilter, PAYLOAD_BYTES_MAX};
use crate::ops::{Access, Made, MessagesPage, NewMessage, Operations, Page};

/// What stands in place of a payload that has been deleted.
const EXPIRED: &[u8] = br#"{"expired":true}"#;
/// What stands in place of a payload that was not asked for.
const LEFT_OUT: &[u8] = b"{}";
/// Room for what stands around the payload of most messages.
const HEAD_BYTES: usize = 256;

/// A message to accept.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct MessageIn {
    /// What it tells of.
    #[schema(example = "order.created")]
    event_type: String,
    /// What is delivered, byte for byte.
    #[schema(value_type = Object, example = json!({"id": 1, "total": 40.0}))]
    payload: JsonObject,
    /// Your own id for it, unique in its application: a second message with it is refused.
    #[serde(default)]
    event_id: Option<String>,
    /// Narrows the endpoints that it goes to.
    #[serde(default)]
    #[schema(max_items = 5)]
    channels: Option<Vec<String>>,
    /// For how many days the payload is kept.
    #[serde(default)]
    #[schema(minimum = 5, maximum = 90, default = 90)]
    payload_retention_period: Option<i64>,
    /// Makes this application first, if the one in the path is a uid that none has.
    #[serde(default, deserialize_with = "object")]
    application: Option<ApplicationIn>,
    /// Not supported yet.
    #[serde(default)]
    #[schema(value_type = Option<Vec<String>>)]
    tags: Option<Box<RawValue>>,
    /// Not supported yet.
    #[serde(default)]
    #[schema(value_type = Option<Object>)]
    transformations_params: Option<Box<RawValue>>,
    /// Not supported yet.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    deliver_at: Option<Box<RawValue>>,
    /// Not supported yet.
    #[serde(default)]
    #[schema(value_type = Option<i64>)]
    payload_retention_hours: Option<Box<RawValue>>,
}

/// A message.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct MessageOut {
    id: String,
    /// What it tells of.
    event_type: String,
    /// The caller's own id for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    event_id: Option<String>,
    /// What narrowed the endpoints that it goes to.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    channels: Vec<String>,
    /// When it was accepted.
    timestamp: Moment,
    /// As it was posted; `{}` when it was not asked for, `{"expired":true}` when it has been deleted.
    #[schema(value_type = Object, required = true)]
    #[serde(skip_serializing_if = "Option::is_none")]
    payload: Option<Box<RawValue>>,
}

impl MessageOut {
    /// How a message is shown, with its payload or without.
    pub(super) fn new(message: &Message, with_content: bool) -> Result<Self, Problem> {
        let payload = str::from_utf8(Self::payload(message, with_content)).unwrap_or_default();
        let payload = RawValue::from_string(payload.to_owned()).map_err(|error| not_shown(message, &error))?;
        Ok(Self { payload: Some(payload), ..Self::head(message) })
    }

    /// The same as a text, for the answer to a post. The payload is put in as it stands: it has been checked, and to read it
    /// and write it once more took 4 % of all that a message took (callgrind).
    fn text(message: &Message, with_content: bool) -> Result<Vec<u8>, Problem> {
        let payload = Self::payload(message, with_content);
        let mut text = Vec::with_capacity(payload.len() + HEAD_BYTES);
        serde_json::to_writer(&mut text, &Self::head(message)).map_err(|error| not_shown(message, &error))?;
        // The payload goes before the closing brace.
        text.pop();
        text.extend_from_slice(b",\"payload\":");
        text.extend_from_slice(payload);
        text.push(b'}');
        Ok(text)
    }

    /// Everything but the payload.
    fn head(message: &Message) -> Self {
        Self {
            id: message.id.to_string(),
            event_type: message.event_type.clone(),
            event_id: message.event_id.clone(),
            channels: message.channels.clone(),
            payload: None,
            timestamp: Moment(message.id.time()),
        }
    }

    /// What stands as its payload: a JSON text, which was checked when it was accepted and its checksum when it was read.
    fn payload(message: &Message, with_content: bool) -> &[u8] {
        match (&message.payload, with_content) {
            (_, false) => LEFT_OUT,
            (None, true) => EXPIRED,
            (Some(payload), true) => payload,
        }
    }
}

fn not_shown(message: &Message, error: &serde_json::Error) -> Problem {
    tracing::error!(%error, message = %message.id, "a stored payload is not JSON");
    Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "a stored payload can't be read")
}

impl MessageIn {
    /// Takes a payload as it is, within its limit (THREATS F06).
    pub(super) fn payload(payload: JsonObject) -> Result<Bytes, Problem> {
        let bytes = payload.into_bytes();
        if bytes.len() > PAYLOAD_BYTES_MAX {
            let why = format!("the payload must have at most {PAYLOAD_BYTES_MAX} bytes");
            return Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "payload_too_large", why));
        }
        Ok(bytes)
    }

    pub(super) fn read(self) -> Result<(NewMessage, Option<ApplicationIn>), Problem> {
        let unsupported = [
            ("tags", &self.tags),
            ("transformationsParams", &self.transformations_params),
            ("deliverAt", &self.deliver_at),
            ("payloadRetentionHours", &self.payload_retention_hours),
        ];
        if let Some((member, _)) = unsupported.into_iter().find(|(_, given)| given.is_some()) {
            let place = vec!["body".to_owned(), member.to_owned()];
            return Err(Problem::invalid(place, "unsupported", "is not supported yet; leave it out"));
        }
        let new = NewMessage {
            event_type: self.event_type,
            event_id: self.event_id,
            channels: self.channels.unwrap_or_default(),
            payload: Self::payload(self.payload)?,
            payload_retention_days: self.payload_retention_period,
        };
        Ok((new, self.application))
    }
}

/// Whether payloads are shown.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct ContentQuery {
    /// Whether the payload is shown too.
    #[serde(default = "yes")]
    #[param(default = true)]
    pub(super) with_content: bool,
}

pub(super) fn yes() -> bool {
    true
}

/// Which messages are asked for.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct MessageQuery {
    /// Whether the payloads are shown too.
    #[serde(default = "yes")]
    #[param(default = true)]
    with_content: bool,
    /// Only those in this channel.
    channel: Option<String>,
    /// Only those accepted before this time.
    before: Option<Moment>,
    /// Only those accepted at this time or later.
    after: Option<Moment>,
    /// Only those of one of these event types.
    #[param(value_type = Option<Vec<String>>)]
    event_types: Option<CommaList>,
    /// Not supported yet.
    tag: Option<String>,
}

/// Reads the filters that lists of messages share.
pub(super) fn filter(
    event_types: Option<CommaList>,
    channel: Option<String>,
    tag: Option<&String>,
) -> Result<MessageFilter, Problem> {
    if tag.is_some() {
        let place = vec!["query".to_owned(), "tag".to_owned()];
        return Err(Problem::invalid(place, "unsupported", "is not supported yet; leave it out"));
    }
    let event_types = event_types.map(|list| list.0).filter(|list| !list.is_empty());
    Ok(MessageFilter { event_types, channel })
}

/// Where a list that goes from the newest to the oldest begins.
pub(super) fn before<P>(page: Page<P>) -> Result<Option<P>, Problem> {
    if page.backwards {
        let why = "this list goes forwards only; pass on its `iterator`";
        return Err(Problem::new(StatusCode::BAD_REQUEST, "invalid_iterator", why));
    }
    Ok(page.after)
}

/// Post a message: it is kept durably before the answer, and delivered to each endpoint that wants it.
#[utoipa::path(post, path = "/api/v1/app/{application_id}/msg", tag = "Message", operation_id = "v1.message.create",
    params(
        ("application_id" = String, Path, description = "The application's id or uid"),
        ContentQuery,
        ("idempotency-key" = Option<String>, Header, description = "Makes a repeat of this request harmless"),
    ),
    request_body = MessageIn,
    responses((status = 202, description = "The message is kept.", body = MessageOut), WriteProblems))]
pub(super) async fn create_message(
    State(state): State<ApiState>,
    access: Access,
    Path(application): Path<String>,
    Query(query): Query<ContentQuery>,
    Posted { body, key }: Posted<MessageIn>,
) -> Result<Response, Problem> {
    let (new, its_application) = body.read()?;
    let its_application = its_application.map(Into::into);
    let made = state.operations.accept(&access, &application, its_application, new, key).await?;
    if matches!(made, Made::New(_)) {
        state.metrics.accepted();
    }
    made::try_answer(StatusCode::ACCEPTED, made, |message| {
        let is_json = [(CONTENT_TYPE, HeaderValue::from_static("application/json"))];
        MessageOut::text(&message, query.with_content).map(|text| (is_json, Body::from(text)))
    })
}

/// List the messages of an application, the newest first.
#[utoipa::path(get, path = "/api/v1/app/{application_id}/msg", tag = "Message", operation_id = "v1.message.list",
    params(("application_id" = String, Path, description = "The application's id or uid"), PageQuery, MessageQuery),
    responses((status = 200, description = "A page of messages.", body = ListResponse<MessageOut>), ReadProblems))]
pub(super) async fn list_messages(
    State(operations): State<Arc<Operations>>,
    access: Access,
    Path(application): Path<String>,
    Query(page): Query<PageQuery>,
    Query(query): Query<MessageQuery>,
) -> Result<Json<ListResponse<MessageOut>>, Problem> {
    let MessageQuery { with_content, channel, before: until, after, event_types, tag } = query;
    let filter = filter(event_types, channel, tag.as_ref())?;
    let page = page.page::<MessageId>(Order::Descending)?;
    let page = MessagesPage { limit: page.limit, with_content, before: before(page)? };
    let walked = operations.messages(&access, &application, span(after, until), filter, page).await?;
    ListResponse::walked(walked, |id| id.to_string(), |message| MessageOut::new(&message, with_content)).map(Json)
}

/// Get a message by its id or event id.
#[utoipa::path(get, path = "/api/v1/app/{application_id}/msg/{message_id}", tag = "Message",
    operation_id = "v1.message.get",
    params(
        ("application_id" = String, Path, description = "The application's id or uid"),
        ("message_id" = String, Path, description = "The message's id or event id"),
        ContentQuery,
    ),
    responses((status = 200, description = "The message.", body = MessageOut), ReadProblems))]
pub(super) async fn get_message(
    State(operations): State<Arc<Operations>>,
    access: Access,
    Path((application, message)): Path<(String, String)>,
    Query(query): Query<ContentQuery>,
) -> Result<Json<MessageOut>, Problem> {
    let found = operations.message(&access, &application, &message, query.with_content).await?;
    MessageOut::new(&found, query.with_content).map(Json)
}

/// Delete the payload of a message; what has not been delivered of it expires.
#[utoipa::path(delete, path = "/api/v1/app/{application_id}/msg/{message_id}/content", tag = "Message",
    operation_id = "v1.message.expunge-content",
    params(
        ("application_id" = String, Path, description = "The application's id or uid"),
        ("message_id" = String, Path, description = "The message's id or event id"),
    ),
    responses((status = 204, description = "The payload is deleted."), WriteProblems))]
pub(super) async fn expunge_message(
    State(operations): State<Arc<Operations>>,
    access: Access,
    Path((application, message)): Path<(String, String)>,
) -> Result<StatusCode, Problem> {
    operations.expunge_message(&access, &application, &message).await?;
    Ok(StatusCode::NO_CONTENT)
}
