//! Where messages stand, on the wire: an endpoint's messages, and a message's endpoints.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::error::{Problem, ReadProblems};
use super::extract::{CommaList, Path, Query};
use super::messages::{MessageOut, before, filter, yes};
use super::moment::{Moment, span};
use super::page::{ListResponse, Order, PageQuery, Place};
use super::statuses::{MessageStatus, MessageStatusText};
use crate::domain::delivery::{DeliveryState, Standing};
use crate::domain::endpoint::Endpoint;
use crate::domain::id::{AttemptId, EndpointId, MessageId};
use crate::domain::time::Timestamp;
use crate::ops::{Access, DestinedFilter, DestinedPlace, MessagesPage, Operations, Route};

/// A message and where it stands at an endpoint.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct EndpointMessageOut {
    #[serde(flatten)]
    message: MessageOut,
    status: MessageStatus,
    status_text: MessageStatusText,
    /// When it is sent next; null when nothing more is sent.
    next_attempt: Option<Moment>,
}

/// An endpoint and where a message stands there.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct MessageEndpointOut {
    id: String,
    uid: Option<String>,
    url: String,
    description: String,
    disabled: bool,
    throttle_rate: Option<u16>,
    /// The event types that it wants; null is all of them.
    event_types: Option<Vec<String>>,
    /// The channels that it wants; null is every message.
    channels: Option<Vec<String>>,
    created_at: Moment,
    updated_at: Moment,
    status: MessageStatus,
    status_text: MessageStatusText,
    /// When the message is sent next; null when nothing more is sent.
    next_attempt: Option<Moment>,
}

impl MessageEndpointOut {
    fn new(endpoint: &Endpoint, standing: Standing, expanded: bool) -> Self {
        let endpoint = endpoint.clone();
        let status = MessageStatus::of(standing, expanded);
        Self {
            id: endpoint.id.to_string(),
            uid: endpoint.uid,
            url: endpoint.url,
            description: endpoint.description,
            disabled: endpoint.disabled.is_some(),
            throttle_rate: endpoint.throttle_rate,
            event_types: endpoint.event_types,
            channels: endpoint.channels,
            created_at: Moment(endpoint.created_at),
            updated_at: Moment(endpoint.updated_at),
            status,
            status_text: status.into(),
            next_attempt: standing.next_attempt().map(Moment),
        }
    }
}

/// Which of an endpoint's messages are asked for.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct EndpointMessageQuery {
    /// Only those that stand so.
    #[param(value_type = Option<MessageStatus>)]
    status: Option<MessageStatus>,
    /// Only those in this channel.
    channel: Option<String>,
    /// Only those accepted before this time.
    before: Option<Moment>,
    /// Only those accepted at this time or later.
    after: Option<Moment>,
    /// Whether the payloads are shown too.
    #[serde(default = "yes")]
    #[param(default = true)]
    with_content: bool,
    /// Only those of one of these event types.
    #[param(value_type = Option<Vec<String>>)]
    event_types: Option<CommaList>,
    /// Not supported yet.
    tag: Option<String>,
    /// Whether the caller knows the status `canceled`; else it reads `success`.
    #[serde(default)]
    expanded_statuses: bool,
}

/// Whether the caller knows every status.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct StatusesQuery {
    /// Whether the caller knows the status `canceled`; else it reads `success`.
    #[serde(default)]
    expanded_statuses: bool,
}

impl Place for DestinedPlace {
    fn from_text(text: &str) -> Option<Self> {
        match text.split_once('.') {
            Some((message_id, due)) => {
                let due = Timestamp::from_ms(due.parse().ok()?);
                Some(Self::Waiting((MessageId::parse(message_id)?, due)))
            }
            None => AttemptId::parse(text).map(Self::Ended),
        }
    }
}

fn place_to_text(place: DestinedPlace) -> String {
    match place {
        DestinedPlace::Waiting((message_id, due)) => format!("{message_id}.{}", due.as_ms()),
        DestinedPlace::Ended(id) => id.to_string(),
    }
}

/// List the messages that an endpoint is or was to get: first those that wait, then those that have ended, the latest
/// first.
#[utoipa::path(get, path = "/api/v1/app/{application_id}/endpoint/{endpoint_id}/msg", tag = "Message Attempt",
    operation_id = "v1.message-attempt.list-attempted-messages",
    params(
        ("application_id" = String, Path, description = "The application's id or uid"),
        ("endpoint_id" = String, Path, description = "The endpoint's id or uid"),
        PageQuery,
        EndpointMessageQuery,
    ),
    responses((status = 200, description = "A page of messages.", body = ListResponse<EndpointMessageOut>), ReadProblems))]
pub(super) async fn list_attempted_messages(
    State(operations): State<Arc<Operations>>,
    access: Access,
    Path((application, endpoint)): Path<(String, String)>,
    Query(page): Query<PageQuery>,
    Query(query): Query<EndpointMessageQuery>,
) -> Result<Json<ListResponse<EndpointMessageOut>>, Problem> {
    let (with_content, expanded) = (query.with_content, query.expanded_statuses);
    let filter = DestinedFilter {
        accepted: span(query.after, query.before),
        waiting: query.status.is_none_or(|status| status == MessageStatus::Pending),
        ended: query.status.map_or(DeliveryState::ALL.to_vec(), MessageStatus::ended),
        messages: filter(query.event_types, query.channel, query.tag.as_ref())?,
    };
    let page = page.page::<DestinedPlace>(Order::Descending)?;
    let page = MessagesPage { limit: page.limit, with_content, before: before(page)? };
    let walked = operations.destined_for(&access, &application, &endpoint, filter, page).await?;
    ListResponse::walked(walked, place_to_text, |(message, standing)| {
        let status = MessageStatus::of(standing, expanded);
        Ok(EndpointMessageOut {
            message: MessageOut::new(&message, with_content)?,
            status,
            status_text: status.into(),
            next_attempt: standing.next_attempt().map(Moment),
        })
    })
    .map(Json)
}

/// List the endpoints that a message goes, or went, to.
#[utoipa::path(get, path = "/api/v1/app/{application_id}/msg/{message_id}/endpoint", tag = "Message Attempt",
    operation_id = "v1.message-attempt.list-attempted-destinations",
    params(
        ("application_id" = String, Path, description = "The application's id or uid"),
        ("message_id" = String, Path, description = "The message's id or event id"),
        PageQuery,
        StatusesQuery,
    ),
    responses((status = 200, description = "A page of endpoints.", body = ListResponse<MessageEndpointOut>), ReadProblems))]
pub(super) async fn list_attempted_destinations(
    State(operations): State<Arc<Operations>>,
    access: Access,
    Path((application, message)): Path<(String, String)>,
    Query(page): Query<PageQuery>,
    Query(query): Query<StatusesQuery>,
) -> Result<Json<ListResponse<MessageEndpointOut>>, Problem> {
    let page = page.page::<EndpointId>(Order::Ascending)?;
    let listed = operations.destinations(&access, &application, &message, page).await?;
    let place = |(route, _): &(Arc<Route>, Standing)| route.endpoint.id.to_string();
    let show = |(route, standing): (Arc<Route>, Standing)| {
        MessageEndpointOut::new(&route.endpoint, standing, query.expanded_statuses)
    };
    Ok(Json(ListResponse::new(listed, place, show)))
}
