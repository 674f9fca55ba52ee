//! Inboxes on the wire: built-in receivers, by which an installation is tried out with nothing else at hand. Only here
//! are they named by their ids; to receive, and to be looked at in a browser, they have their URLs.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::error::{Problem, ReadProblems, WriteProblems};
use super::extract::{Given, Path, Posted, Query, given};
use super::made;
use super::page::{ListResponse, Order, PageQuery};
use crate::domain::inbox::{Inbox, InboxChange, InboxRequest, SignatureChecker};
use crate::ops::{Access, Operations};

/// What an inbox is to be.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct InboxIn {
    /// What people call it.
    #[schema(example = "Trying out")]
    name: Option<String>,
    /// The id or uid of the application that it belongs to; without one it is the environment's.
    application_id: Option<String>,
}

/// What is to be different about an inbox; what is left out stays.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct InboxPatch {
    /// What people call it.
    name: Option<String>,
    /// The status that it answers, 200 to 599.
    #[schema(minimum = 200, maximum = 599)]
    status: Option<u16>,
    /// How long it waits before it answers, in milliseconds.
    #[schema(maximum = 30000)]
    delay_ms: Option<u32>,
    /// The text that it answers with.
    body: Option<String>,
    /// A secret to check signatures with besides those of the endpoints that are at the inbox; null is none.
    #[serde(default, deserialize_with = "given")]
    secret: Option<Option<String>>,
}

/// An inbox.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct InboxOut {
    #[schema(example = "inbox_01k5w1c7z8fq3v9x2m4n6p8r0t")]
    id: String,
    /// Where it receives, and its page. Whoever knows it may look at the inbox.
    #[schema(example = "https://hooks.example.com/inbox/mZ0mC1vXq3V9x2M4n6P8r0Tz")]
    url: String,
    name: String,
    /// The application that it belongs to; null is the environment's.
    #[schema(required)]
    application_id: Option<String>,
    /// The status that it answers.
    status: u16,
    /// How long it waits before it answers, in milliseconds.
    delay_ms: u32,
    /// The text that it answers with.
    body: String,
    /// Whether it has a secret of its own to check signatures with.
    has_secret: bool,
    #[schema(format = DateTime)]
    created_at: String,
    /// When it last received anything.
    #[schema(required, format = DateTime)]
    last_received_at: Option<String>,
}

impl InboxOut {
    fn of(operations: &Operations, inbox: Inbox) -> Self {
        Self {
            id: inbox.id.to_string(),
            url: operations.inbox_url(&inbox.token),
            name: inbox.name,
            application_id: inbox.application_id.map(|id| id.to_string()),
            status: inbox.answer.status,
            delay_ms: inbox.answer.delay_ms,
            body: inbox.answer.body,
            has_secret: inbox.has_secret,
            created_at: inbox.created_at.to_string(),
            last_received_at: inbox.last_at.map(|time| time.to_string()),
        }
    }
}

/// What is to be said of a request's signature.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct SignatureOut {
    /// `verified`, `unsigned`, `wrong`, `no_secret` or `body_cut`.
    #[schema(example = "verified")]
    outcome: &'static str,
    /// What that means.
    explanation: String,
}

/// A request that an inbox received.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct InboxRequestOut {
    #[schema(example = "rcvd_01k5w1c7z8fq3v9x2m4n6p8r0t")]
    id: String,
    #[schema(format = DateTime)]
    received_at: String,
    method: String,
    /// Path and query.
    path: String,
    /// Names and values in the order in which they came.
    headers: Vec<(String, String)>,
    /// The body as text, with anything that is not UTF-8 replaced.
    body: String,
    /// The very bytes of the body, in base64.
    body_base64: String,
    /// Whether the body was longer than what is kept of it.
    body_cut: bool,
    /// The status that was answered.
    status: u16,
    /// How long the answer was put off, in milliseconds.
    delay_ms: u32,
    signature: SignatureOut,
}

impl InboxRequestOut {
    fn of(request: InboxRequest, checker: &SignatureChecker) -> Self {
        let check = checker.check(&request);
        Self {
            id: request.id.to_string(),
            received_at: request.received_at().to_string(),
            body: String::from_utf8_lossy(&request.body).into_owned(),
            body_base64: BASE64_STANDARD.encode(&request.body),
            body_cut: request.is_cut(),
            method: request.method,
            path: request.path,
            headers: request.headers,
            status: request.status,
            delay_ms: request.delay_ms,
            signature: SignatureOut { outcome: check.as_str(), explanation: check.explanation() },
        }
    }
}

/// In which order they are listed.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default)]
pub(super) struct ListQuery {
    order: Order,
}

impl Default for ListQuery {
    fn default() -> Self {
        Self { order: Order::Descending }
    }
}

#[utoipa::path(
    get,
    path = "/api/v1/inbox",
    tag = "Inbox",
    operation_id = "v1.inbox.list",
    summary = "List inboxes, newest first",
    params(PageQuery, ListQuery),
    responses((status = 200, description = "A page of them.", body = ListResponse<InboxOut>), ReadProblems)
)]
pub(super) async fn list_inboxes(
    State(operations): State<Arc<Operations>>,
    access: Access,
    Query(page): Query<PageQuery>,
    Query(query): Query<ListQuery>,
) -> Result<Json<ListResponse<InboxOut>>, Problem> {
    let listed = operations.list_inboxes(&access, page.page(query.order)?).await?;
    Ok(Json(ListResponse::new(listed, |inbox| inbox.id.to_string(), |inbox| InboxOut::of(&operations, inbox))))
}

#[utoipa::path(
    post,
    path = "/api/v1/inbox",
    tag = "Inbox",
    operation_id = "v1.inbox.create",
    summary = "Make an inbox that answers 200 at once",
    params(("idempotency-key" = Option<String>, Header, description = "Makes a repeat harmless.")),
    request_body = InboxIn,
    responses((status = 201, description = "It is made.", body = InboxOut), WriteProblems)
)]
pub(super) async fn create_inbox(
    State(operations): State<Arc<Operations>>,
    access: Access,
    Posted { body, key }: Posted<InboxIn>,
) -> Result<Response, Problem> {
    let made = operations.create_inbox(&access, body.application_id.as_deref(), body.name, key).await?;
    Ok(made::created(made, |inbox| InboxOut::of(&operations, inbox)))
}

#[utoipa::path(
    get,
    path = "/api/v1/inbox/{inbox_id}",
    tag = "Inbox",
    operation_id = "v1.inbox.get",
    summary = "Get an inbox",
    params(("inbox_id" = String, Path, description = "Its id.")),
    responses((status = 200, description = "It.", body = InboxOut), ReadProblems)
)]
pub(super) async fn get_inbox(
    State(operations): State<Arc<Operations>>,
    access: Access,
    Path(id): Path<String>,
) -> Result<Json<InboxOut>, Problem> {
    let inbox = operations.inbox(&access, &id).await?;
    Ok(Json(InboxOut::of(&operations, inbox)))
}

#[utoipa::path(
    patch,
    path = "/api/v1/inbox/{inbox_id}",
    tag = "Inbox",
    operation_id = "v1.inbox.patch",
    summary = "Change what an inbox answers",
    params(("inbox_id" = String, Path, description = "Its id.")),
    request_body = InboxPatch,
    responses((status = 200, description = "It is changed.", body = InboxOut), WriteProblems)
)]
pub(super) async fn patch_inbox(
    State(operations): State<Arc<Operations>>,
    access: Access,
    Path(id): Path<String>,
    Given(body): Given<InboxPatch>,
) -> Result<Json<InboxOut>, Problem> {
    let InboxPatch { name, status, delay_ms, body, secret } = body;
    let change = InboxChange { name, status, delay_ms, body, secret };
    let changed = operations.change_inbox(&access, &id, change).await?;
    Ok(Json(InboxOut::of(&operations, changed)))
}

#[utoipa::path(
    delete,
    path = "/api/v1/inbox/{inbox_id}",
    tag = "Inbox",
    operation_id = "v1.inbox.delete",
    summary = "Delete an inbox with all that it received",
    params(("inbox_id" = String, Path, description = "Its id.")),
    responses((status = 204, description = "It is deleted."), WriteProblems)
)]
pub(super) async fn delete_inbox(
    State(operations): State<Arc<Operations>>,
    access: Access,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    operations.delete_inbox(&access, &id).await?;
    Ok(StatusCode::NO_CONTENT)
}

#[utoipa::path(
    get,
    path = "/api/v1/inbox/{inbox_id}/request",
    tag = "Inbox",
    operation_id = "v1.inbox.list-requests",
    summary = "List what an inbox received, newest first, each with what is to be said of its signature",
    params(("inbox_id" = String, Path, description = "Its id."), PageQuery, ListQuery),
    responses((status = 200, description = "A page of it.", body = ListResponse<InboxRequestOut>), ReadProblems)
)]
pub(super) async fn list_inbox_requests(
    State(operations): State<Arc<Operations>>,
    access: Access,
    Path(id): Path<String>,
    Query(page): Query<PageQuery>,
    Query(query): Query<ListQuery>,
) -> Result<Json<ListResponse<InboxRequestOut>>, Problem> {
    let inbox = operations.inbox(&access, &id).await?;
    let listed = operations.requests_of_inbox(&inbox.token, page.page(query.order)?).await?;
    let checker = operations.signature_checker(&inbox).await?;
    let show = |request| InboxRequestOut::of(request, &checker);
    Ok(Json(ListResponse::new(listed, |request| request.id.to_string(), show)))
}
