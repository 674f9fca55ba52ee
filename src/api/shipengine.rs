//! ShipEngine's webhook API at `/v1/environment/webhooks`, to the letter of its document (SEEDS C23–C32): snake-case
//! members in a fixed order, numbers as texts, a bare array, and the key in a header of its own. Problems look as they
//! do elsewhere.

use std::sync::Arc;

use axum::Json;
use axum::extract::{FromRequestParts, State};
use axum::http::request::Parts;
use axum::http::{HeaderName, StatusCode};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::ApiState;
use super::error::{Problem, ReadProblems, WriteProblems};
use super::extract::{Given, Path, given, refuse_misuse, refuse_writing, remote_address};
use crate::ops::{Access, OpError, Operations, Webhook, WebhookChange};

/// The header that carries the key.
const API_KEY: HeaderName = HeaderName::from_static("api-key");

/// Who asks, by `API-Key: KEY`.
pub(super) struct ByApiKey(Access);

impl FromRequestParts<ApiState> for ByApiKey {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &ApiState) -> Result<Self, Problem> {
        refuse_misuse(parts)?;
        let key = parts.headers.get(API_KEY).and_then(|value| value.to_str().ok()).unwrap_or_default();
        match state.operations.authenticate(key.trim()).await {
            Ok(access) => {
                refuse_writing(parts, &access)?;
                Ok(Self(access.from_address(remote_address(parts))))
            }
            Err(OpError::Unauthenticated) => {
                let why = "the API key is missing, unknown or has ended: send `API-Key: KEY`";
                Err(Problem::new(StatusCode::UNAUTHORIZED, "authentication_failed", why))
            }
            Err(error) => Err(error.into()),
        }
    }
}

/// What a new webhook is to be.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct WebhookIn {
    /// Where the event goes.
    #[schema(example = "https://your-server.com")]
    pub(super) url: String,
    /// The event.
    #[schema(example = "batch")]
    pub(super) event: String,
}

/// What is to be different about a webhook; what is left out stays.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct WebhookPut {
    /// A webhook as it was answered can be sent back: its own id, which never changes.
    #[serde(deserialize_with = "given")]
    #[schema(nullable = false)]
    webhook_id: Option<String>,
    /// Where the event goes.
    #[serde(deserialize_with = "given")]
    #[schema(nullable = false)]
    url: Option<String>,
    /// The event.
    #[serde(deserialize_with = "given")]
    #[schema(nullable = false)]
    event: Option<String>,
}

/// A webhook. The members stand in the document's order.
#[derive(Serialize, ToSchema)]
pub(super) struct WebhookOut {
    /// Digits.
    #[schema(example = "5519")]
    webhook_id: String,
    #[schema(example = "https://your-server.com")]
    url: String,
    #[schema(example = "batch")]
    event: String,
}

impl From<Webhook> for WebhookOut {
    fn from(webhook: Webhook) -> Self {
        Self { webhook_id: webhook.number.to_string(), url: webhook.url, event: webhook.event }
    }
}

#[utoipa::path(
    get,
    path = "/v1/environment/webhooks",
    tag = "ShipEngine",
    operation_id = "shipengine.webhooks.list",
    summary = "List the active webhooks, sorted by event",
    security(("api-key" = [])),
    responses((status = 200, description = "All of them.", body = Vec<WebhookOut>), ReadProblems)
)]
pub(super) async fn list_webhooks(
    State(operations): State<Arc<Operations>>,
    ByApiKey(access): ByApiKey,
) -> Result<Json<Vec<WebhookOut>>, Problem> {
    Ok(Json(operations.webhooks(&access).await?.into_iter().map(WebhookOut::from).collect()))
}

#[utoipa::path(
    post,
    path = "/v1/environment/webhooks",
    tag = "ShipEngine",
    operation_id = "shipengine.webhooks.create",
    summary = "Make a webhook for an event that has no active one",
    security(("api-key" = [])),
    request_body = WebhookIn,
    responses((status = 200, description = "It is made.", body = WebhookOut), WriteProblems)
)]
pub(super) async fn create_webhook(
    State(operations): State<Arc<Operations>>,
    ByApiKey(access): ByApiKey,
    Given(body): Given<WebhookIn>,
) -> Result<Json<WebhookOut>, Problem> {
    Ok(Json(operations.create_webhook(&access, body.url, body.event).await?.into()))
}

#[utoipa::path(
    get,
    path = "/v1/environment/webhooks/{webhook_id}",
    tag = "ShipEngine",
    operation_id = "shipengine.webhooks.get",
    summary = "Get a webhook",
    security(("api-key" = [])),
    params(("webhook_id" = String, Path, description = "Its id: digits.")),
    responses((status = 200, description = "The webhook.", body = WebhookOut), ReadProblems)
)]
pub(super) async fn get_webhook(
    State(operations): State<Arc<Operations>>,
    ByApiKey(access): ByApiKey,
    Path(webhook): Path<String>,
) -> Result<Json<WebhookOut>, Problem> {
    Ok(Json(operations.webhook(&access, &webhook).await?.into()))
}

#[utoipa::path(
    put,
    path = "/v1/environment/webhooks/{webhook_id}",
    tag = "ShipEngine",
    operation_id = "shipengine.webhooks.update",
    summary = "Change the URL or the event of a webhook",
    security(("api-key" = [])),
    params(("webhook_id" = String, Path, description = "Its id: digits.")),
    request_body = WebhookPut,
    responses((status = 200, description = "It is changed.", body = WebhookOut), WriteProblems)
)]
pub(super) async fn update_webhook(
    State(operations): State<Arc<Operations>>,
    ByApiKey(access): ByApiKey,
    Path(webhook): Path<String>,
    Given(body): Given<WebhookPut>,
) -> Result<Json<WebhookOut>, Problem> {
    if body.webhook_id.is_some_and(|id| id != webhook) {
        let place = ["body", "webhook_id"].map(str::to_owned).to_vec();
        return Err(Problem::invalid(place, "webhook_id", "must be the id in the path: an id never changes"));
    }
    let change = WebhookChange { url: body.url, event: body.event };
    Ok(Json(operations.change_webhook(&access, &webhook, change).await?.into()))
}

#[utoipa::path(
    delete,
    path = "/v1/environment/webhooks/{webhook_id}",
    tag = "ShipEngine",
    operation_id = "shipengine.webhooks.delete",
    summary = "Delete a webhook",
    security(("api-key" = [])),
    params(("webhook_id" = String, Path, description = "Its id: digits.")),
    responses((status = 204, description = "It is deleted."), WriteProblems)
)]
pub(super) async fn delete_webhook(
    State(operations): State<Arc<Operations>>,
    ByApiKey(access): ByApiKey,
    Path(webhook): Path<String>,
) -> Result<StatusCode, Problem> {
    operations.delete_webhook(&access, &webhook).await?;
    Ok(StatusCode::NO_CONTENT)
}
