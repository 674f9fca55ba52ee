//! API keys on the wire, which the Svix cloud calls API tokens. The text of one is in the answer that makes it, and
//! nowhere else.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::error::{Problem, ReadProblems, WriteProblems};
use super::extract::{Path, Posted, Query};
use super::page::{ListResponse, Order, PageQuery};
use crate::domain::key::{ApiKey, Scope};
use crate::ops::{Access, NewKey, Operations, ShownKey, WantedScope};

/// What a key opens.
#[derive(Clone, Copy, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum ScopeName {
    /// Everything, in every environment.
    Admin,
    /// Everything in its environment.
    Environment,
    /// One application.
    Application,
}

/// What a new key is to be.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct ApiTokenIn {
    /// What people call it.
    #[schema(example = "Order service")]
    name: String,
    /// What it opens; when nothing is said, the application that is given, or else the environment.
    scope: Option<ScopeName>,
    /// The id or uid of the one application that it opens.
    application_id: Option<String>,
}

/// A key without its text.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct ApiTokenCensoredOut {
    #[schema(example = "key_01k5w1c7z8fq3v9x2m4n6p8r0t")]
    id: String,
    name: String,
    /// The first letters of its text, to recognise it.
    #[schema(example = "ck_PtSd…")]
    censored_token: String,
    scope: ScopeName,
    /// The scope as a list, as the Svix cloud has it.
    scopes: [ScopeName; 1],
    application_id: Option<String>,
    #[schema(format = DateTime)]
    created_at: String,
    /// From when on it is refused.
    #[schema(format = DateTime)]
    expires_at: Option<String>,
}

/// A new key with its text, which is shown this once.
#[derive(Serialize, ToSchema)]
pub(super) struct ApiTokenOut {
    /// The text of the key: what stands behind `Authorization: Bearer`.
    token: String,
    #[serde(flatten)]
    key: ApiTokenCensoredOut,
}

/// When a key ends.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct ApiTokenExpireIn {
    /// In how many seconds; at once when nothing is said.
    #[schema(maximum = 259_200)]
    expiry: Option<u64>,
}

impl ApiTokenIn {
    fn read(self) -> Result<NewKey, Problem> {
        let refused = |why| Problem::invalid(vec!["body".to_owned(), "applicationId".to_owned()], "scope", why);
        let scope = match (self.scope, self.application_id) {
            (None | Some(ScopeName::Application), Some(application)) => WantedScope::Application(application),
            (Some(ScopeName::Application), None) => {
                return Err(refused("must be the application that the key opens"));
            }
            (Some(ScopeName::Admin | ScopeName::Environment), Some(_)) => {
                return Err(refused("must be left out, because the scope is wider than one application"));
            }
            (Some(ScopeName::Admin), None) => WantedScope::Admin,
            (None | Some(ScopeName::Environment), None) => WantedScope::Environment,
        };
        Ok(NewKey { name: self.name, scope })
    }
}

impl From<ApiKey> for ApiTokenCensoredOut {
    fn from(key: ApiKey) -> Self {
        let (scope, application) = match key.scope {
            Scope::Admin => (ScopeName::Admin, None),
            Scope::Environment => (ScopeName::Environment, None),
            Scope::Application(id) => (ScopeName::Application, Some(id)),
        };
        Self {
            id: key.id.to_string(),
            name: key.name,
            censored_token: format!("{}…", key.shown),
            scope,
            scopes: [scope],
            application_id: application.map(|id| id.to_string()),
            created_at: key.created_at.to_string(),
            expires_at: key.expires_at.map(|end| end.to_string()),
        }
    }
}

impl From<ShownKey> for ApiTokenOut {
    fn from(shown: ShownKey) -> Self {
        Self { token: shown.text.to_string(), key: shown.key.into() }
    }
}

/// In which order keys are listed.
#[derive(Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default)]
pub(super) struct ListQuery {
    order: Order,
}

#[utoipa::path(
    get,
    path = "/api/v1/management/authentication/{environment_id}/api-token",
    tag = "Authentication",
    operation_id = "v1.management.authentication.list-api-tokens",
    summary = "List the API keys of an environment",
    params(("environment_id" = String, Path, description = "The environment's id."), PageQuery, ListQuery),
    responses((status = 200, description = "A page of them.", body = ListResponse<ApiTokenCensoredOut>), ReadProblems)
)]
pub(super) async fn list_api_tokens(
    State(operations): State<Arc<Operations>>,
    access: Access,
    Path(environment): Path<String>,
    Query(page): Query<PageQuery>,
    Query(query): Query<ListQuery>,
) -> Result<Json<ListResponse<ApiTokenCensoredOut>>, Problem> {
    let listed = operations.list_keys(&access, &environment, page.page(query.order)?).await?;
    Ok(Json(ListResponse::new(listed, |key| key.id.to_string(), ApiTokenCensoredOut::from)))
}

#[utoipa::path(
    post,
    path = "/api/v1/management/authentication/{environment_id}/api-token",
    tag = "Authentication",
    operation_id = "v1.management.authentication.create-api-token",
    summary = "Make an API key; it is shown this once",
    params(
        ("environment_id" = String, Path, description = "The environment's id."),
        ("idempotency-key" = Option<String>, Header, description = "A repeat makes no second key, and is told so (409).")
    ),
    request_body = ApiTokenIn,
    responses((status = 200, description = "It is made.", body = ApiTokenOut), WriteProblems)
)]
pub(super) async fn create_api_token(
    State(operations): State<Arc<Operations>>,
    access: Access,
    Path(environment): Path<String>,
    Posted { body, key }: Posted<ApiTokenIn>,
) -> Result<Json<ApiTokenOut>, Problem> {
    Ok(Json(operations.create_key(&access, &environment, body.read()?, key).await?.into()))
}

#[utoipa::path(
    get,
    path = "/api/v1/management/authentication/{environment_id}/api-token/{key_id}",
    tag = "Authentication",
    operation_id = "v1.management.authentication.get-api-token",
    summary = "Get an API key, without its text",
    params(
        ("environment_id" = String, Path, description = "The environment's id."),
        ("key_id" = String, Path, description = "Its id.")
    ),
    responses((status = 200, description = "It.", body = ApiTokenCensoredOut), ReadProblems)
)]
pub(super) async fn get_api_token(
    State(operations): State<Arc<Operations>>,
    access: Access,
    Path((environment, key)): Path<(String, String)>,
) -> Result<Json<ApiTokenCensoredOut>, Problem> {
    Ok(Json(operations.key(&access, &environment, &key).await?.into()))
}

#[utoipa::path(
    post,
    path = "/api/v1/management/authentication/{environment_id}/api-token/{key_id}/expire",
    tag = "Authentication",
    operation_id = "v1.management.authentication.expire-api-token",
    summary = "Let an API key end",
    params(
        ("environment_id" = String, Path, description = "The environment's id."),
        ("key_id" = String, Path, description = "Its id."),
        ("idempotency-key" = Option<String>, Header, description = "Taken, and not needed: a repeat changes nothing.")
    ),
    request_body = ApiTokenExpireIn,
    responses((status = 204, description = "It ends as asked, or sooner."), WriteProblems)
)]
pub(super) async fn expire_api_token(
    State(operations): State<Arc<Operations>>,
    access: Access,
    Path((environment, key)): Path<(String, String)>,
    Posted { body, .. }: Posted<ApiTokenExpireIn>,
) -> Result<StatusCode, Problem> {
    let grace = Duration::from_secs(body.expiry.unwrap_or_default());
    operations.expire_key(&access, &environment, &key, grace).await?;
    Ok(StatusCode::NO_CONTENT)
}
