//! The consumers' portal on the wire: for now a link to a page that says what will be there. Its token opens nothing.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::ApiState;
use super::applications::ApplicationIn;
use super::error::{Problem, WriteProblems};
use super::extract::{Bare, Path, Posted};
use crate::domain::key;
use crate::ops::Access;

/// Who is to be let in.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct AppPortalAccessIn {
    /// Makes this application first, if the one in the path is a uid that none has.
    #[serde(default)]
    application: Option<ApplicationIn>,
    /// The feature flags that the consumer has.
    #[serde(default)]
    #[schema(value_type = Option<Vec<String>>)]
    #[expect(dead_code, reason = "the portal is to come; until then what it is asked for is taken and does nothing")]
    feature_flags: Option<Box<RawValue>>,
    /// Whether the consumer may only look.
    #[serde(default)]
    #[schema(value_type = Option<bool>)]
    #[expect(dead_code, reason = "as above")]
    read_only: Option<Box<RawValue>>,
    /// What the consumer may do.
    #[serde(default)]
    #[schema(value_type = Option<Vec<String>>)]
    #[expect(dead_code, reason = "as above")]
    capabilities: Option<Box<RawValue>>,
    /// For how many seconds the link works.
    #[serde(default)]
    #[schema(value_type = Option<u64>)]
    #[expect(dead_code, reason = "as above")]
    expiry: Option<Box<RawValue>>,
    /// Names the consumer's session.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    #[expect(dead_code, reason = "as above")]
    session_id: Option<Box<RawValue>>,
}

/// The way into the portal.
#[derive(Serialize, ToSchema)]
pub(super) struct AppPortalAccessOut {
    /// Where the consumer is sent.
    #[schema(example = "http://127.0.0.1:8484/portal/app_2PtSdw")]
    url: String,
    /// What lets the consumer in.
    token: String,
}

/// Get a link to the portal of an application.
#[utoipa::path(post, path = "/api/v1/auth/app-portal-access/{application_id}", tag = "Authentication",
    operation_id = "v1.authentication.app-portal-access",
    params(
        ("application_id" = String, Path, description = "The application's id or uid"),
        ("idempotency-key" = Option<String>, Header, description = "Taken, and not needed: each link is a new one"),
    ),
    request_body = AppPortalAccessIn,
    responses((status = 200, description = "The link.", body = AppPortalAccessOut), WriteProblems))]
pub(super) async fn app_portal_access(
    State(state): State<ApiState>,
    access: Access,
    Path(application): Path<String>,
    Posted { body, .. }: Posted<AppPortalAccessIn>,
) -> Result<Json<AppPortalAccessOut>, Problem> {
    let wanted = body.application.map(Into::into);
    let routes = state.operations.routes_or_new(&access, &application, wanted).await?;
    let token = key::generate_portal_token().map_err(|error| {
        tracing::error!(%error, "cannot make a portal token");
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", "no token could be made; ask again")
    })?;
    Ok(Json(AppPortalAccessOut { url: format!("{}/portal/{}", state.base_url, routes.application.id), token }))
}

/// End the session of a portal's token.
#[utoipa::path(post, path = "/api/v1/auth/logout", tag = "Authentication", operation_id = "v1.authentication.logout",
    params(("idempotency-key" = Option<String>, Header, description = "Taken, and not needed")),
    responses((status = 204, description = "It has ended."), WriteProblems))]
pub(super) async fn logout(_: Access, _: Bare) -> StatusCode {
    StatusCode::NO_CONTENT
}
