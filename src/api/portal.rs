//! Who is let in, on the wire: links and tokens for the consumers' portal, links for operators, and how they end.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::ApiState;
use super::applications::ApplicationIn;
use super::error::{Problem, WriteProblems};
use super::extract::{Bare, Bearer, Path, Posted, object};
use crate::domain::session::OPERATOR_CODE_LIFE;
use crate::ops::{Access, PortalAccess};

/// What a consumer may do (the Svix API). Only `ManageEndpoint` lets somebody change things, and see secrets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, ToSchema)]
pub(super) enum AppPortalCapability {
    /// To look, but at no secret.
    ViewBase,
    /// Taken, and gives no more than `ViewBase`.
    ViewEndpointSecret,
    /// Taken, and gives no more than `ViewBase`.
    ManageEndpointSecret,
    /// Taken, and gives no more than `ViewBase`.
    ManageTransformations,
    /// Taken, and gives no more than `ViewBase`.
    CreateAttempts,
    /// To do everything in the application.
    ManageEndpoint,
}

/// Who is to be let in.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct AppPortalAccessIn {
    /// Makes this application first, if the one in the path is a uid that none has.
    #[serde(default, deserialize_with = "object")]
    application: Option<ApplicationIn>,
    /// The feature flags that the consumer has: an event type with flags is shown to those who have one of them.
    #[serde(default)]
    feature_flags: Option<Vec<String>>,
    /// Whether the consumer may only look.
    #[serde(default)]
    read_only: Option<bool>,
    /// What the consumer may do; everything, when it is not said.
    #[serde(default)]
    capabilities: Option<Vec<AppPortalCapability>>,
    /// For how many seconds the consumer is let in, at most 604800 (7 days); an hour when it is not said. The link has
    /// to be followed within 5 minutes.
    #[serde(default)]
    #[schema(minimum = 1, maximum = 604_800)]
    expiry: Option<u64>,
    /// What the session is called, to end it by.
    #[serde(default)]
    session_id: Option<String>,
}

impl From<AppPortalAccessIn> for PortalAccess {
    fn from(body: AppPortalAccessIn) -> Self {
        let may_manage = |list: &Vec<_>| list.contains(&AppPortalCapability::ManageEndpoint);
        Self {
            read_only: body.read_only.unwrap_or_default() || !body.capabilities.as_ref().is_none_or(may_manage),
            expires_in: body.expiry.map(Duration::from_secs),
            feature_flags: body.feature_flags.unwrap_or_default(),
            name: body.session_id,
        }
    }
}

/// The way into the portal.
#[derive(Serialize, ToSchema)]
pub(super) struct AppPortalAccessOut {
    /// Where the consumer is sent; the link works once, and within 5 minutes.
    #[schema(example = "http://127.0.0.1:8484/portal/app_2PtSdw/enter?code=cc_kV3ts5tKPNJN4Dl25cMTfUNdmabxbX0O")]
    url: String,
    /// Acts for the consumer in this API, with the rights of this application alone.
    #[schema(example = "cp_kV3ts5tKPNJN4Dl25cMTfUNdmabxbX0O")]
    token: String,
}

/// The way into the dashboard.
#[derive(Serialize, ToSchema)]
pub(super) struct DashboardAccessOut {
    /// Where the operator is sent; the link works once, and within 15 minutes.
    #[schema(example = "http://127.0.0.1:8484/sign-in?code=cc_kV3ts5tKPNJN4Dl25cMTfUNdmabxbX0O")]
    url: String,
}

/// Which of an application's consumers are to be sent away, and when.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct ApplicationTokenExpireIn {
    /// In how many seconds, at most 259200 (3 days); at once when it is not said.
    #[serde(default)]
    #[schema(minimum = 0, maximum = 259_200)]
    expiry: Option<u64>,
    /// The names of the sessions that end; all, when none is said.
    #[serde(default)]
    session_ids: Option<Vec<String>>,
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
    Posted { mut body, .. }: Posted<AppPortalAccessIn>,
) -> Result<Json<AppPortalAccessOut>, Problem> {
    let new = body.application.take().map(Into::into);
    let entry = state.operations.create_portal_entry(&access, &application, new, body.into()).await?;
    let (base_url, id, code) = (&state.base_url, entry.application_id, entry.code.as_str());
    let url = format!("{base_url}/portal/{id}/enter?code={code}");
    Ok(Json(AppPortalAccessOut { url, token: entry.token.to_string() }))
}

/// End all sessions of an application's portal, or those with these names.
#[utoipa::path(post, path = "/api/v1/auth/app/{application_id}/expire-all", tag = "Authentication",
    operation_id = "v1.authentication.expire-all",
    params(
        ("application_id" = String, Path, description = "The application's id or uid"),
        ("idempotency-key" = Option<String>, Header, description = "Taken, and not needed"),
    ),
    request_body = ApplicationTokenExpireIn,
    responses((status = 204, description = "They end."), WriteProblems))]
pub(super) async fn expire_all(
    State(state): State<ApiState>,
    access: Access,
    Path(application): Path<String>,
    Posted { body, .. }: Posted<ApplicationTokenExpireIn>,
) -> Result<StatusCode, Problem> {
    let grace = Duration::from_secs(body.expiry.unwrap_or_default());
    state.operations.close_sessions_of_application(&access, &application, body.session_ids, grace).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Get a link that signs an operator in to the dashboard.
#[utoipa::path(post, path = "/api/v1/auth/dashboard-access", tag = "Authentication",
    operation_id = "v1.authentication.dashboard-access",
    params(("idempotency-key" = Option<String>, Header, description = "Taken, and not needed: each link is a new one")),
    responses((status = 200, description = "The link.", body = DashboardAccessOut), WriteProblems))]
pub(super) async fn dashboard_access(
    State(state): State<ApiState>,
    access: Access,
    _: Bare,
) -> Result<Json<DashboardAccessOut>, Problem> {
    let code = state.operations.create_operator_code(&access, OPERATOR_CODE_LIFE).await?;
    let url = format!("{}/sign-in?code={}", state.base_url, code.as_str());
    Ok(Json(DashboardAccessOut { url }))
}

/// End the session of the portal's token that asks; an API key stays.
#[utoipa::path(post, path = "/api/v1/auth/logout", tag = "Authentication", operation_id = "v1.authentication.logout",
    params(("idempotency-key" = Option<String>, Header, description = "Taken, and not needed")),
    responses((status = 204, description = "It has ended."), WriteProblems))]
pub(super) async fn logout(State(state): State<ApiState>, bearer: Bearer, _: Bare) -> Result<StatusCode, Problem> {
    // Who may only look may still leave.
    state.operations.authenticate(bearer.text()).await?;
    state.operations.close_session(bearer.text()).await?;
    Ok(StatusCode::NO_CONTENT)
}
