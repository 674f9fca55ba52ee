//! Event types on the wire.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::{IntoParams, ToSchema};

use super::error::{Problem, ReadProblems, WriteProblems};
use super::extract::{Given, JsonObject, Path, Posted, Query, given};
use super::made;
use super::page::{ListResponse, Order, PageQuery};
use crate::domain::event_type::{EventType, EventTypeChange};
use crate::ops::{Access, Operations};

/// JSON Schemas by version.
type Schemas = BTreeMap<String, JsonObject>;

/// The text that is kept of schemas: each as it was sent.
fn text(schemas: &Schemas) -> String {
    // A map of texts that are JSON always is JSON.
    serde_json::to_string(schemas).unwrap_or_default()
}

/// What a new event type is to be.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct EventTypeIn {
    /// Words joined by dots.
    #[schema(example = "order.created")]
    name: String,
    /// Its name for people.
    #[schema(example = "Order created")]
    title: Option<String>,
    description: String,
    archived: Option<bool>,
    deprecated: Option<bool>,
    /// JSON Schemas of its payload, by version.
    #[schema(value_type = Option<BTreeMap<String, Object>>)]
    schemas: Option<Schemas>,
    /// A payload as it might be posted; kept as it is sent.
    #[schema(value_type = Option<Object>)]
    example: Option<JsonObject>,
    /// The group that people find it in.
    group_name: Option<String>,
    /// The only flag that shows it; see `featureFlags`.
    feature_flag: Option<String>,
    /// It is shown only to consumers with one of these flags.
    feature_flags: Option<Vec<String>>,
}

/// What an event type is to be.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct EventTypeUpdate {
    title: Option<String>,
    description: String,
    archived: Option<bool>,
    deprecated: Option<bool>,
    #[schema(value_type = Option<BTreeMap<String, Object>>)]
    schemas: Option<Schemas>,
    #[schema(value_type = Option<Object>)]
    example: Option<JsonObject>,
    group_name: Option<String>,
    feature_flag: Option<String>,
    feature_flags: Option<Vec<String>>,
}

/// What is to be different about an event type; what is left out stays.
#[derive(Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(super) struct EventTypePatch {
    #[serde(deserialize_with = "given")]
    #[schema(value_type = Option<String>)]
    title: Option<Option<String>>,
    #[serde(deserialize_with = "given")]
    #[schema(nullable = false)]
    description: Option<String>,
    #[serde(deserialize_with = "given")]
    #[schema(nullable = false)]
    archived: Option<bool>,
    #[serde(deserialize_with = "given")]
    #[schema(nullable = false)]
    deprecated: Option<bool>,
    #[serde(deserialize_with = "given")]
    #[schema(value_type = Option<BTreeMap<String, Object>>)]
    schemas: Option<Option<Schemas>>,
    #[serde(deserialize_with = "given")]
    #[schema(value_type = Option<Object>)]
    example: Option<Option<JsonObject>>,
    #[serde(deserialize_with = "given")]
    #[schema(value_type = Option<String>)]
    group_name: Option<Option<String>>,
    #[serde(deserialize_with = "given")]
    #[schema(value_type = Option<String>)]
    feature_flag: Option<Option<String>>,
    #[serde(deserialize_with = "given")]
    #[schema(value_type = Option<Vec<String>>)]
    feature_flags: Option<Option<Vec<String>>>,
}

/// An event type.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct EventTypeOut {
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    title: Option<String>,
    description: String,
    archived: bool,
    deprecated: bool,
    #[schema(value_type = Option<BTreeMap<String, Object>>)]
    schemas: Option<Box<RawValue>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    example: Option<Box<RawValue>>,
    group_name: Option<String>,
    feature_flag: Option<String>,
    feature_flags: Option<Vec<String>>,
    #[schema(format = DateTime)]
    created_at: String,
    #[schema(format = DateTime)]
    updated_at: String,
}

impl From<EventTypeUpdate> for EventTypeChange {
    fn from(wanted: EventTypeUpdate) -> Self {
        let flags = wanted.feature_flags.or(wanted.feature_flag.map(|flag| vec![flag]));
        Self {
            title: Some(wanted.title),
            description: Some(wanted.description),
            archived: Some(wanted.archived.unwrap_or_default()),
            deprecated: Some(wanted.deprecated.unwrap_or_default()),
            group_name: Some(wanted.group_name),
            feature_flags: Some(flags.unwrap_or_default()),
            schemas: Some(wanted.schemas.as_ref().map(text)),
            example: Some(wanted.example.map(JsonObject::into_text)),
        }
    }
}

impl EventTypeIn {
    fn split(self) -> (String, EventTypeUpdate) {
        let rest = EventTypeUpdate {
            title: self.title,
            description: self.description,
            archived: self.archived,
            deprecated: self.deprecated,
            schemas: self.schemas,
            example: self.example,
            group_name: self.group_name,
            feature_flag: self.feature_flag,
            feature_flags: self.feature_flags,
        };
        (self.name, rest)
    }
}

impl From<EventTypePatch> for EventTypeChange {
    fn from(wanted: EventTypePatch) -> Self {
        let flag = wanted.feature_flag.map(|flag| flag.into_iter().collect());
        Self {
            title: wanted.title,
            description: wanted.description,
            archived: wanted.archived,
            deprecated: wanted.deprecated,
            group_name: wanted.group_name,
            feature_flags: wanted.feature_flags.map(Option::unwrap_or_default).or(flag),
            schemas: wanted.schemas.map(|schemas| schemas.as_ref().map(text)),
            example: wanted.example.map(|example| example.map(JsonObject::into_text)),
        }
    }
}

impl From<EventType> for EventTypeOut {
    fn from(event_type: EventType) -> Self {
        Self {
            name: event_type.name,
            title: event_type.title,
            description: event_type.description,
            archived: event_type.archived,
            deprecated: event_type.deprecated,
            schemas: event_type.schemas.and_then(|schemas| RawValue::from_string(schemas).ok()),
            example: event_type.example.and_then(|example| RawValue::from_string(example).ok()),
            group_name: event_type.group_name,
            feature_flag: event_type.feature_flags.first().cloned(),
            feature_flags: Some(event_type.feature_flags).filter(|flags| !flags.is_empty()),
            created_at: event_type.created_at.to_string(),
            updated_at: event_type.updated_at.to_string(),
        }
    }
}

/// Which event types are listed, and how much of them.
#[derive(Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default)]
pub(super) struct ListQuery {
    order: Order,
    /// Lists those that are archived too.
    include_archived: bool,
    /// Answers the schemas and examples too.
    with_content: bool,
}

/// How an event type is deleted.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct DeleteQuery {
    /// Deletes it for good, rather than archiving it.
    #[serde(default)]
    expunge: bool,
}

#[utoipa::path(
    get,
    path = "/api/v1/event-type",
    tag = "Event Type",
    operation_id = "v1.event-type.list",
    summary = "List event types",
    params(PageQuery, ListQuery),
    responses((status = 200, description = "A page of them.", body = ListResponse<EventTypeOut>), ReadProblems)
)]
pub(super) async fn list_event_types(
    State(operations): State<Arc<Operations>>,
    access: Access,
    Query(page): Query<PageQuery>,
    Query(query): Query<ListQuery>,
) -> Result<Json<ListResponse<EventTypeOut>>, Problem> {
    let page = page.page(query.order)?;
    let listed = operations.list_event_types(&access, query.include_archived, page).await?;
    let show = |mut event_type: EventType| {
        event_type.schemas = event_type.schemas.filter(|_| query.with_content);
        event_type.example = event_type.example.filter(|_| query.with_content);
        event_type.into()
    };
    Ok(Json(ListResponse::new(listed, |event_type| event_type.name.clone(), show)))
}

#[utoipa::path(
    post,
    path = "/api/v1/event-type",
    tag = "Event Type",
    operation_id = "v1.event-type.create",
    summary = "Make an event type, also from an archived one",
    params(("idempotency-key" = Option<String>, Header, description = "Makes a repeat harmless.")),
    request_body = EventTypeIn,
    responses((status = 201, description = "It is made.", body = EventTypeOut), WriteProblems)
)]
pub(super) async fn create_event_type(
    State(operations): State<Arc<Operations>>,
    access: Access,
    Posted { body, key }: Posted<EventTypeIn>,
) -> Result<Response, Problem> {
    let (name, wanted) = body.split();
    let made = operations.create_event_type(&access, name, wanted.into(), key).await?;
    Ok(made::created(made, EventTypeOut::from))
}

#[utoipa::path(
    get,
    path = "/api/v1/event-type/{event_type_name}",
    tag = "Event Type",
    operation_id = "v1.event-type.get",
    summary = "Get an event type",
    params(("event_type_name" = String, Path, description = "Its name.")),
    responses((status = 200, description = "It, also when it is archived.", body = EventTypeOut), ReadProblems)
)]
pub(super) async fn get_event_type(
    State(operations): State<Arc<Operations>>,
    access: Access,
    Path(name): Path<String>,
) -> Result<Json<EventTypeOut>, Problem> {
    Ok(Json(operations.event_type(&access, &name).await?.into()))
}

#[utoipa::path(
    put,
    path = "/api/v1/event-type/{event_type_name}",
    tag = "Event Type",
    operation_id = "v1.event-type.update",
    summary = "Replace an event type, or make it",
    params(("event_type_name" = String, Path, description = "Its name.")),
    request_body = EventTypeUpdate,
    responses(
        (status = 200, description = "It is replaced.", body = EventTypeOut),
        (status = 201, description = "It is made.", body = EventTypeOut),
        WriteProblems
    )
)]
pub(super) async fn update_event_type(
    State(operations): State<Arc<Operations>>,
    access: Access,
    Path(name): Path<String>,
    Given(body): Given<EventTypeUpdate>,
) -> Result<Response, Problem> {
    let made = operations.put_event_type(&access, &name, body.into()).await?;
    Ok(made::created(made, EventTypeOut::from))
}

#[utoipa::path(
    patch,
    path = "/api/v1/event-type/{event_type_name}",
    tag = "Event Type",
    operation_id = "patch_event_type",
    summary = "Change an event type",
    params(("event_type_name" = String, Path, description = "Its name.")),
    request_body = EventTypePatch,
    responses((status = 200, description = "It is changed.", body = EventTypeOut), WriteProblems)
)]
pub(super) async fn patch_event_type(
    State(operations): State<Arc<Operations>>,
    access: Access,
    Path(name): Path<String>,
    Given(body): Given<EventTypePatch>,
) -> Result<Json<EventTypeOut>, Problem> {
    Ok(Json(operations.patch_event_type(&access, &name, body.into()).await?.into()))
}

#[utoipa::path(
    delete,
    path = "/api/v1/event-type/{event_type_name}",
    tag = "Event Type",
    operation_id = "v1.event-type.delete",
    summary = "Archive an event type, or delete it for good",
    params(("event_type_name" = String, Path, description = "Its name."), DeleteQuery),
    responses((status = 204, description = "It is archived or deleted."), WriteProblems)
)]
pub(super) async fn delete_event_type(
    State(operations): State<Arc<Operations>>,
    access: Access,
    Path(name): Path<String>,
    Query(query): Query<DeleteQuery>,
) -> Result<StatusCode, Problem> {
    operations.delete_event_type(&access, &name, query.expunge).await?;
    Ok(StatusCode::NO_CONTENT)
}
