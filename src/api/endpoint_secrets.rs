//! The secret of an endpoint on the wire: what its receivers verify with.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::error::{Problem, ReadProblems, WriteProblems};
use super::extract::{Path, Posted};
use crate::ops::{Access, Operations, SecretRotation};

/// How a secret is replaced.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct EndpointSecretRotateIn {
    /// The new secret, `whsec_…` or `whsk_…`; null makes one of the same kind.
    key: Option<String>,
    /// How long the secret before it goes on signing too.
    #[schema(maximum = 604_800, default = 86_400)]
    grace_period_seconds: Option<u32>,
}

/// What receivers verify with.
#[derive(Serialize, ToSchema)]
pub(super) struct EndpointSecretOut {
    /// `whsec_…`, or `whpk_…`, the public half of a `whsk_…`.
    key: String,
}

#[utoipa::path(
    get,
    path = "/api/v1/app/{application_id}/endpoint/{endpoint_id}/secret",
    tag = "Endpoint",
    operation_id = "v1.endpoint.get-secret",
    summary = "Get what the receivers of an endpoint verify with",
    params(
        ("application_id" = String, Path, description = "The application's id or uid."),
        ("endpoint_id" = String, Path, description = "The endpoint's id or uid.")
    ),
    responses((status = 200, description = "It.", body = EndpointSecretOut), ReadProblems)
)]
pub(super) async fn get_secret(
    State(operations): State<Arc<Operations>>,
    access: Access,
    Path((application, endpoint)): Path<(String, String)>,
) -> Result<Json<EndpointSecretOut>, Problem> {
    Ok(Json(EndpointSecretOut { key: operations.endpoint_secret(&access, &application, &endpoint).await? }))
}

#[utoipa::path(
    post,
    path = "/api/v1/app/{application_id}/endpoint/{endpoint_id}/secret/rotate",
    tag = "Endpoint",
    operation_id = "v1.endpoint.rotate-secret",
    summary = "Replace the secret of an endpoint",
    params(
        ("application_id" = String, Path, description = "The application's id or uid."),
        ("endpoint_id" = String, Path, description = "The endpoint's id or uid."),
        ("idempotency-key" = Option<String>, Header, description = "Makes a repeat harmless.")
    ),
    request_body = EndpointSecretRotateIn,
    responses((status = 200, description = "What they verify with now.", body = EndpointSecretOut), WriteProblems)
)]
pub(super) async fn rotate_secret(
    State(operations): State<Arc<Operations>>,
    access: Access,
    Path((application, endpoint)): Path<(String, String)>,
    Posted { body, key }: Posted<EndpointSecretRotateIn>,
) -> Result<Json<EndpointSecretOut>, Problem> {
    let grace = body.grace_period_seconds.map(|seconds| Duration::from_secs(seconds.into()));
    let wanted = SecretRotation { key: body.key, grace };
    let key = operations.rotate_secret(&access, &application, &endpoint, wanted, key).await?;
    Ok(Json(EndpointSecretOut { key }))
}
