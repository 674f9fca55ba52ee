//! Endpoints on the wire. Their headers and secrets have files of their own.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::error::{Problem, ReadProblems, WriteProblems};
use super::extract::{Given, JsonObject, Path, Posted, Query, given};
use super::filters::{self, FilterOut};
use super::made;
use super::page::{ListResponse, Order, PageQuery};
use super::schedules::ScheduleText;
use crate::domain::endpoint::{Endpoint, EndpointChange, HeadersChange};
use crate::ops::{Access, Operations};

/// What a new endpoint is to be.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct EndpointIn {
    /// Where messages go.
    #[schema(example = "https://example.com/webhooks")]
    url: String,
    /// A note for people.
    description: Option<String>,
    /// Your own id for it, accepted wherever its id is.
    uid: Option<String>,
    /// At most so many messages a second.
    #[schema(minimum = 1)]
    throttle_rate: Option<u16>,
    /// Whether it is switched off.
    disabled: Option<bool>,
    /// The event types that it wants; null is all of them.
    #[schema(example = json!(["order.created"]))]
    event_types: Option<Vec<String>>,
    /// The channels that it wants; null is every message.
    channels: Option<Vec<String>>,
    /// What it asks of a message beside, such as of its payload; null is nothing.
    #[schema(value_type = Option<Object>, example = json!({"data": {"total": {"$gte": 100}}}))]
    filter: Option<JsonObject>,
    /// Your notes.
    metadata: Option<BTreeMap<String, String>>,
    /// Its secret, `whsec_…` or `whsk_…`; null makes a new one.
    secret: Option<String>,
    /// Headers that go with each request to it.
    headers: Option<BTreeMap<String, String>>,
    /// When what it did not take is tried again: `5s,5m,2h`, or `none`; null is as its event type or its environment
    /// says.
    #[schema(value_type = Option<String>, example = "5s,5m,2h")]
    retry_schedule: Option<ScheduleText>,
    /// Whether it is sent one message at a time, in the order in which they were accepted: one that fails keeps the next
    /// waiting until it is delivered or has ended.
    fifo: Option<bool>,
}

/// What an endpoint is to be, beside its headers, its secret, its retry schedule and its order.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct EndpointUpdate {
    url: String,
    description: Option<String>,
    uid: Option<String>,
    #[schema(minimum = 1)]
    throttle_rate: Option<u16>,
    disabled: Option<bool>,
    event_types: Option<Vec<String>>,
    channels: Option<Vec<String>>,
    metadata: Option<BTreeMap<String, String>>,
    /// Null is none; left out, it stays.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<Object>)]
    filter: Option<Option<JsonObject>>,
}

/// What is to be different about an endpoint; what is left out stays.
#[derive(Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(super) struct EndpointPatch {
    #[serde(deserialize_with = "given")]
    #[schema(nullable = false)]
    url: Option<String>,
    #[serde(deserialize_with = "given")]
    #[schema(nullable = false)]
    description: Option<String>,
    #[serde(deserialize_with = "given")]
    #[schema(value_type = Option<String>)]
    uid: Option<Option<String>>,
    #[serde(deserialize_with = "given")]
    #[schema(value_type = Option<u16>, minimum = 1)]
    throttle_rate: Option<Option<u16>>,
    #[serde(deserialize_with = "given")]
    #[schema(nullable = false)]
    disabled: Option<bool>,
    #[serde(deserialize_with = "given")]
    #[schema(value_type = Option<Vec<String>>)]
    event_types: Option<Option<Vec<String>>>,
    #[serde(deserialize_with = "given")]
    #[schema(value_type = Option<Vec<String>>)]
    channels: Option<Option<Vec<String>>>,
    #[serde(deserialize_with = "given")]
    #[schema(nullable = false)]
    metadata: Option<BTreeMap<String, String>>,
    /// Null is as its event type or its environment says.
    #[serde(deserialize_with = "given")]
    #[schema(value_type = Option<String>)]
    retry_schedule: Option<Option<ScheduleText>>,
    /// Whether messages are sent one at a time, in the order in which they were accepted.
    #[serde(deserialize_with = "given")]
    #[schema(nullable = false)]
    fifo: Option<bool>,
    /// Null is none.
    #[serde(deserialize_with = "given")]
    #[schema(value_type = Option<Object>)]
    filter: Option<Option<JsonObject>>,
}

/// An endpoint.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct EndpointOut {
    #[schema(example = "ep_01k5w1c7z8fq3v9x2m4n6p8r0t")]
    id: String,
    uid: Option<String>,
    url: String,
    description: String,
    throttle_rate: Option<u16>,
    disabled: bool,
    event_types: Option<Vec<String>>,
    channels: Option<Vec<String>>,
    /// What it asks of a message beside; null is nothing.
    #[schema(value_type = Option<Object>)]
    filter: Option<FilterOut>,
    metadata: BTreeMap<String, String>,
    /// Null is as its event type or its environment says.
    #[schema(value_type = Option<String>)]
    retry_schedule: Option<ScheduleText>,
    /// Whether messages are sent one at a time, in the order in which they were accepted.
    fifo: bool,
    /// It failed again and again, so it is left in peace until then, when it is tried with one message.
    #[schema(format = DateTime)]
    resting_until: Option<String>,
    #[schema(format = DateTime)]
    created_at: String,
    #[schema(format = DateTime)]
    updated_at: String,
}

impl TryFrom<EndpointUpdate> for EndpointChange {
    type Error = Problem;

    fn try_from(wanted: EndpointUpdate) -> Result<Self, Problem> {
        Ok(Self {
            url: Some(wanted.url),
            uid: Some(wanted.uid),
            description: Some(wanted.description.unwrap_or_default()),
            event_types: Some(wanted.event_types),
            channels: Some(wanted.channels),
            metadata: Some(wanted.metadata.unwrap_or_default()),
            headers: None,
            throttle_rate: Some(wanted.throttle_rate),
            retry_schedule: None,
            ordered: None,
            disabled: Some(wanted.disabled.unwrap_or_default()),
            filter: wanted.filter.map(filters::given).transpose()?,
        })
    }
}

impl EndpointIn {
    /// What is wanted of the endpoint, and the text of its secret.
    fn split(self) -> Result<(EndpointChange, Option<String>), Problem> {
        let Self { url, description, uid, throttle_rate, disabled, event_types, channels, metadata, .. } = self;
        let filter = Some(self.filter);
        let rest =
            EndpointUpdate { url, description, uid, throttle_rate, disabled, event_types, channels, metadata, filter };
        let headers = self.headers.map(HeadersChange::Replace);
        let retry_schedule = Some(self.retry_schedule.map(|text| text.0));
        Ok((EndpointChange { headers, retry_schedule, ordered: self.fifo, ..rest.try_into()? }, self.secret))
    }
}

impl TryFrom<EndpointPatch> for EndpointChange {
    type Error = Problem;

    fn try_from(wanted: EndpointPatch) -> Result<Self, Problem> {
        let EndpointPatch { url, description, uid, throttle_rate, disabled, event_types, channels, metadata, .. } =
            wanted;
        let retry_schedule = wanted.retry_schedule.map(|schedule| schedule.map(|text| text.0));
        Ok(Self {
            url,
            uid,
            description,
            event_types,
            channels,
            metadata,
            headers: None,
            throttle_rate,
            retry_schedule,
            ordered: wanted.fifo,
            disabled,
            filter: wanted.filter.map(filters::given).transpose()?,
        })
    }
}

impl EndpointOut {
    /// An endpoint as it is now.
    fn now(endpoint: Endpoint, operations: &Operations) -> Self {
        let rest = operations.rest(&endpoint);
        Self {
            id: endpoint.id.to_string(),
            uid: endpoint.uid,
            url: endpoint.url,
            description: endpoint.description,
            throttle_rate: endpoint.throttle_rate,
            disabled: endpoint.disabled.is_some(),
            event_types: endpoint.event_types,
            channels: endpoint.channels,
            filter: endpoint.filter.map(FilterOut),
            metadata: endpoint.metadata,
            retry_schedule: endpoint.retry_schedule.map(ScheduleText),
            fifo: endpoint.ordered,
            resting_until: rest.map(|rest| rest.until.to_string()),
            created_at: endpoint.created_at.to_string(),
            updated_at: endpoint.updated_at.to_string(),
        }
    }
}

/// In which order endpoints are listed.
#[derive(Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default)]
pub(super) struct ListQuery {
    order: Order,
}

#[utoipa::path(
    get,
    path = "/api/v1/app/{application_id}/endpoint",
    tag = "Endpoint",
    operation_id = "v1.endpoint.list",
    summary = "List the endpoints of an application",
    params(("application_id" = String, Path, description = "Its id or uid."), PageQuery, ListQuery),
    responses((status = 200, description = "A page of them.", body = ListResponse<EndpointOut>), ReadProblems)
)]
pub(super) async fn list_endpoints(
    State(operations): State<Arc<Operations>>,
    access: Access,
    Path(application): Path<String>,
    Query(page): Query<PageQuery>,
    Query(query): Query<ListQuery>,
) -> Result<Json<ListResponse<EndpointOut>>, Problem> {
    let listed = operations.list_endpoints(&access, &application, page.page(query.order)?).await?;
    Ok(Json(ListResponse::new(
        listed,
        |endpoint| endpoint.id.to_string(),
        |endpoint| EndpointOut::now(endpoint, &operations),
    )))
}

#[utoipa::path(
    post,
    path = "/api/v1/app/{application_id}/endpoint",
    tag = "Endpoint",
    operation_id = "v1.endpoint.create",
    summary = "Make an endpoint",
    params(
        ("application_id" = String, Path, description = "The application's id or uid."),
        ("idempotency-key" = Option<String>, Header, description = "Makes a repeat harmless.")
    ),
    request_body = EndpointIn,
    responses((status = 201, description = "It is made.", body = EndpointOut), WriteProblems)
)]
pub(super) async fn create_endpoint(
    State(operations): State<Arc<Operations>>,
    access: Access,
    Path(application): Path<String>,
    Posted { body, key }: Posted<EndpointIn>,
) -> Result<Response, Problem> {
    let (change, secret) = body.split()?;
    let made = operations.create_endpoint(&access, &application, change, secret, key).await?;
    Ok(made::created(made, |endpoint| EndpointOut::now(endpoint, &operations)))
}

#[utoipa::path(
    get,
    path = "/api/v1/app/{application_id}/endpoint/{endpoint_id}",
    tag = "Endpoint",
    operation_id = "v1.endpoint.get",
    summary = "Get an endpoint",
    params(
        ("application_id" = String, Path, description = "The application's id or uid."),
        ("endpoint_id" = String, Path, description = "Its id or uid.")
    ),
    responses((status = 200, description = "It.", body = EndpointOut), ReadProblems)
)]
pub(super) async fn get_endpoint(
    State(operations): State<Arc<Operations>>,
    access: Access,
    Path((application, endpoint)): Path<(String, String)>,
) -> Result<Json<EndpointOut>, Problem> {
    let endpoint = operations.endpoint(&access, &application, &endpoint).await?;
    Ok(Json(EndpointOut::now(endpoint, &operations)))
}

#[utoipa::path(
    put,
    path = "/api/v1/app/{application_id}/endpoint/{endpoint_id}",
    tag = "Endpoint",
    operation_id = "v1.endpoint.update",
    summary = "Replace an endpoint, or make it",
    params(
        ("application_id" = String, Path, description = "The application's id or uid."),
        ("endpoint_id" = String, Path, description = "Its id or uid; an unknown uid makes a new one.")
    ),
    request_body = EndpointUpdate,
    responses(
        (status = 200, description = "It is replaced; headers, secret, retry schedule and order stay, and a filter that is left out.", body = EndpointOut),
        (status = 201, description = "It is made.", body = EndpointOut),
        WriteProblems
    )
)]
pub(super) async fn update_endpoint(
    State(operations): State<Arc<Operations>>,
    access: Access,
    Path((application, endpoint)): Path<(String, String)>,
    Given(body): Given<EndpointUpdate>,
) -> Result<Response, Problem> {
    let made = operations.put_endpoint(&access, &application, &endpoint, body.try_into()?).await?;
    Ok(made::created(made, |endpoint| EndpointOut::now(endpoint, &operations)))
}

#[utoipa::path(
    patch,
    path = "/api/v1/app/{application_id}/endpoint/{endpoint_id}",
    tag = "Endpoint",
    operation_id = "patch_endpoint",
    summary = "Change an endpoint",
    params(
        ("application_id" = String, Path, description = "The application's id or uid."),
        ("endpoint_id" = String, Path, description = "Its id or uid.")
    ),
    request_body = EndpointPatch,
    responses((status = 200, description = "It is changed.", body = EndpointOut), WriteProblems)
)]
pub(super) async fn patch_endpoint(
    State(operations): State<Arc<Operations>>,
    access: Access,
    Path((application, endpoint)): Path<(String, String)>,
    Given(body): Given<EndpointPatch>,
) -> Result<Json<EndpointOut>, Problem> {
    let endpoint = operations.patch_endpoint(&access, &application, &endpoint, body.try_into()?).await?;
    Ok(Json(EndpointOut::now(endpoint, &operations)))
}

#[utoipa::path(
    delete,
    path = "/api/v1/app/{application_id}/endpoint/{endpoint_id}",
    tag = "Endpoint",
    operation_id = "v1.endpoint.delete",
    summary = "Delete an endpoint",
    params(
        ("application_id" = String, Path, description = "The application's id or uid."),
        ("endpoint_id" = String, Path, description = "Its id or uid.")
    ),
    responses((status = 204, description = "It is deleted; what waited for it is cancelled."), WriteProblems)
)]
pub(super) async fn delete_endpoint(
    State(operations): State<Arc<Operations>>,
    access: Access,
    Path((application, endpoint)): Path<(String, String)>,
) -> Result<StatusCode, Problem> {
    operations.delete_endpoint(&access, &application, &endpoint).await?;
    Ok(StatusCode::NO_CONTENT)
}
