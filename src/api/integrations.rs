//! Integrations on the wire: keys of one application, each for one program of its owner's. The text of a key is in the
//! answer that makes it, and nowhere else.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::error::{Problem, ReadProblems, WriteProblems};
use super::extract::{Bare, Given, Path, Posted, Query};
use super::page::{ListResponse, Order, PageQuery};
use crate::domain::key::ApiKey;
use crate::ops::{Access, Operations};

/// What an integration is to be.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct IntegrationIn {
    /// What people call it.
    #[schema(example = "Warehouse")]
    name: String,
}

/// An integration.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct IntegrationOut {
    #[schema(example = "key_01k5w1c7z8fq3v9x2m4n6p8r0t")]
    id: String,
    name: String,
    /// The first letters of its key, to recognise it.
    #[schema(example = "ck_PtSd…")]
    censored_key: String,
    #[schema(format = DateTime)]
    created_at: String,
    #[schema(format = DateTime)]
    updated_at: String,
}

/// A new integration with its key, which is shown this once.
#[derive(Serialize, ToSchema)]
pub(super) struct NewIntegrationOut {
    /// The key: what stands behind `Authorization: Bearer`.
    key: String,
    #[serde(flatten)]
    integration: IntegrationOut,
}

/// The new key of an integration, which is shown this once.
#[derive(Serialize, ToSchema)]
pub(super) struct IntegrationKeyOut {
    key: String,
}

impl From<ApiKey> for IntegrationOut {
    fn from(key: ApiKey) -> Self {
        Self {
            id: key.id.to_string(),
            name: key.name,
            censored_key: format!("{}…", key.shown),
            created_at: key.created_at.to_string(),
            updated_at: key.updated_at.to_string(),
        }
    }
}

/// In which order integrations are listed.
#[derive(Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default)]
pub(super) struct ListQuery {
    order: Order,
}

#[utoipa::path(
    get,
    path = "/api/v1/app/{application_id}/integration",
    tag = "Integration",
    operation_id = "v1.integration.list",
    summary = "List the integrations of an application",
    params(
        ("application_id" = String, Path, description = "The application's id or uid."),
        PageQuery,
        ListQuery
    ),
    responses((status = 200, description = "A page of them.", body = ListResponse<IntegrationOut>), ReadProblems)
)]
pub(super) async fn list_integrations(
    State(operations): State<Arc<Operations>>,
    access: Access,
    Path(application): Path<String>,
    Query(page): Query<PageQuery>,
    Query(query): Query<ListQuery>,
) -> Result<Json<ListResponse<IntegrationOut>>, Problem> {
    let listed = operations.list_integrations(&access, &application, page.page(query.order)?).await?;
    Ok(Json(ListResponse::new(listed, |key| key.id.to_string(), IntegrationOut::from)))
}

#[utoipa::path(
    post,
    path = "/api/v1/app/{application_id}/integration",
    tag = "Integration",
    operation_id = "v1.integration.create",
    summary = "Make an integration; its key is shown this once",
    params(
        ("application_id" = String, Path, description = "The application's id or uid."),
        ("idempotency-key" = Option<String>, Header, description = "A repeat makes no second key, and is told so (409).")
    ),
    request_body = IntegrationIn,
    responses((status = 201, description = "It is made.", body = NewIntegrationOut), WriteProblems)
)]
pub(super) async fn create_integration(
    State(operations): State<Arc<Operations>>,
    access: Access,
    Path(application): Path<String>,
    Posted { body, key }: Posted<IntegrationIn>,
) -> Result<(StatusCode, Json<NewIntegrationOut>), Problem> {
    let shown = operations.create_integration(&access, &application, body.name, key).await?;
    let made = NewIntegrationOut { key: shown.text.to_string(), integration: shown.key.into() };
    Ok((StatusCode::CREATED, Json(made)))
}

#[utoipa::path(
    get,
    path = "/api/v1/app/{application_id}/integration/{integration_id}",
    tag = "Integration",
    operation_id = "v1.integration.get",
    summary = "Get an integration",
    params(
        ("application_id" = String, Path, description = "The application's id or uid."),
        ("integration_id" = String, Path, description = "Its id.")
    ),
    responses((status = 200, description = "It.", body = IntegrationOut), ReadProblems)
)]
pub(super) async fn get_integration(
    State(operations): State<Arc<Operations>>,
    access: Access,
    Path((application, integration)): Path<(String, String)>,
) -> Result<Json<IntegrationOut>, Problem> {
    Ok(Json(operations.integration(&access, &application, &integration).await?.into()))
}

#[utoipa::path(
    put,
    path = "/api/v1/app/{application_id}/integration/{integration_id}",
    tag = "Integration",
    operation_id = "v1.integration.update",
    summary = "Rename an integration",
    params(
        ("application_id" = String, Path, description = "The application's id or uid."),
        ("integration_id" = String, Path, description = "Its id.")
    ),
    request_body = IntegrationIn,
    responses((status = 200, description = "It is renamed.", body = IntegrationOut), WriteProblems)
)]
pub(super) async fn update_integration(
    State(operations): State<Arc<Operations>>,
    access: Access,
    Path((application, integration)): Path<(String, String)>,
    Given(body): Given<IntegrationIn>,
) -> Result<Json<IntegrationOut>, Problem> {
    Ok(Json(operations.rename_integration(&access, &application, &integration, body.name).await?.into()))
}

#[utoipa::path(
    delete,
    path = "/api/v1/app/{application_id}/integration/{integration_id}",
    tag = "Integration",
    operation_id = "v1.integration.delete",
    summary = "Delete an integration",
    params(
        ("application_id" = String, Path, description = "The application's id or uid."),
        ("integration_id" = String, Path, description = "Its id.")
    ),
    responses((status = 204, description = "It is deleted; its key is refused from now on."), WriteProblems)
)]
pub(super) async fn delete_integration(
    State(operations): State<Arc<Operations>>,
    access: Access,
    Path((application, integration)): Path<(String, String)>,
) -> Result<StatusCode, Problem> {
    operations.delete_integration(&access, &application, &integration).await?;
    Ok(StatusCode::NO_CONTENT)
}

#[utoipa::path(
    get,
    path = "/api/v1/app/{application_id}/integration/{integration_id}/key",
    tag = "Integration",
    operation_id = "v1.integration.get-key",
    summary = "Be told that the key of an integration is not kept",
    params(
        ("application_id" = String, Path, description = "The application's id or uid."),
        ("integration_id" = String, Path, description = "Its id.")
    ),
    responses((status = 200, description = "Never: only the hash of a key is kept, so it is 404 with the code `key_not_kept`.", body = IntegrationKeyOut), ReadProblems)
)]
pub(super) async fn get_integration_key(
    State(operations): State<Arc<Operations>>,
    access: Access,
    Path((application, integration)): Path<(String, String)>,
) -> Result<Json<IntegrationKeyOut>, Problem> {
    operations.integration(&access, &application, &integration).await?;
    let why = "keys are shown once, when they are made, and not kept: rotate the key to get a new one";
    Err(Problem::new(StatusCode::NOT_FOUND, "key_not_kept", why))
}

#[utoipa::path(
    post,
    path = "/api/v1/app/{application_id}/integration/{integration_id}/key/rotate",
    tag = "Integration",
    operation_id = "v1.integration.rotate-key",
    summary = "Give an integration a new key, which is shown this once",
    params(
        ("application_id" = String, Path, description = "The application's id or uid."),
        ("integration_id" = String, Path, description = "Its id."),
        ("idempotency-key" = Option<String>, Header, description = "Taken; each request makes a new key.")
    ),
    responses((status = 200, description = "The new key; the one before is refused from now on.", body = IntegrationKeyOut), WriteProblems)
)]
pub(super) async fn rotate_integration_key(
    State(operations): State<Arc<Operations>>,
    access: Access,
    Path((application, integration)): Path<(String, String)>,
    _: Bare,
) -> Result<Json<IntegrationKeyOut>, Problem> {
    let shown = operations.rotate_integration(&access, &application, &integration).await?;
    Ok(Json(IntegrationKeyOut { key: shown.text.to_string() }))
}
