//! Applications on the wire.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::error::{Problem, ReadProblems, WriteProblems};
use super::extract::{Given, Path, Posted, Query, given};
use super::made;
use super::page::{ListResponse, Order, PageQuery};
use crate::domain::application::{Application, ApplicationChange};
use crate::ops::{Access, ApplicationFilter, Operations};

/// What an application is to be.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct ApplicationIn {
    /// What people call it.
    #[schema(example = "Acme Ltd")]
    name: String,
    /// Your own id for it, accepted wherever its id is.
    #[schema(example = "customer-42")]
    uid: Option<String>,
    /// At most so many messages a second to each of its endpoints.
    #[schema(minimum = 1)]
    throttle_rate: Option<u16>,
    /// Your notes.
    metadata: Option<BTreeMap<String, String>>,
}

/// What is to be different about an application; what is left out stays.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[derive(Default)]
pub(super) struct ApplicationPatch {
    #[serde(deserialize_with = "given")]
    #[schema(nullable = false)]
    name: Option<String>,
    #[serde(deserialize_with = "given")]
    #[schema(value_type = Option<String>)]
    uid: Option<Option<String>>,
    #[serde(deserialize_with = "given")]
    #[schema(value_type = Option<u16>, minimum = 1)]
    throttle_rate: Option<Option<u16>>,
    #[serde(deserialize_with = "given")]
    #[schema(nullable = false)]
    metadata: Option<BTreeMap<String, String>>,
}

/// An application.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct ApplicationOut {
    #[schema(example = "app_01k5w1c7z8fq3v9x2m4n6p8r0t")]
    id: String,
    uid: Option<String>,
    name: String,
    throttle_rate: Option<u16>,
    metadata: BTreeMap<String, String>,
    #[schema(format = DateTime)]
    created_at: String,
    #[schema(format = DateTime)]
    updated_at: String,
}

impl From<ApplicationIn> for ApplicationChange {
    fn from(wanted: ApplicationIn) -> Self {
        Self {
            name: Some(wanted.name),
            uid: Some(wanted.uid),
            metadata: Some(wanted.metadata.unwrap_or_default()),
            throttle_rate: Some(wanted.throttle_rate),
        }
    }
}

impl From<ApplicationPatch> for ApplicationChange {
    fn from(ApplicationPatch { name, uid, throttle_rate, metadata }: ApplicationPatch) -> Self {
        Self { name, uid, metadata, throttle_rate }
    }
}

impl From<Application> for ApplicationOut {
    fn from(application: Application) -> Self {
        Self {
            id: application.id.to_string(),
            uid: application.uid,
            name: application.name,
            throttle_rate: application.throttle_rate,
            metadata: application.metadata,
            created_at: application.created_at.to_string(),
            updated_at: application.updated_at.to_string(),
        }
    }
}

/// Which applications are listed.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default)]
#[derive(Default)]
pub(super) struct ListQuery {
    order: Order,
    /// Leaves out applications without an endpoint.
    exclude_apps_with_no_endpoints: bool,
    /// Leaves out applications with an endpoint that is switched off.
    exclude_apps_with_disabled_endpoints: bool,
}

impl ListQuery {
    fn filter(&self) -> ApplicationFilter {
        ApplicationFilter {
            without_endpoints: self.exclude_apps_with_no_endpoints,
            with_disabled_endpoints: self.exclude_apps_with_disabled_endpoints,
        }
    }
}

/// How an application is made.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct CreateQuery {
    /// Answers the application that has the uid, if there is one, as it is.
    #[serde(default)]
    get_if_exists: bool,
}

#[utoipa::path(
    get,
    path = "/api/v1/app",
    tag = "Application",
    operation_id = "v1.application.list",
    summary = "List applications",
    params(PageQuery, ListQuery),
    responses((status = 200, description = "A page of them.", body = ListResponse<ApplicationOut>), ReadProblems)
)]
pub(super) async fn list_applications(
    State(operations): State<Arc<Operations>>,
    access: Access,
    Query(page): Query<PageQuery>,
    Query(query): Query<ListQuery>,
) -> Result<Json<ListResponse<ApplicationOut>>, Problem> {
    let page = page.page(query.order)?;
    let listed = operations.list_applications(&access, query.filter(), page).await?;
    Ok(Json(ListResponse::new(listed, |application| application.id.to_string(), ApplicationOut::from)))
}

#[utoipa::path(
    post,
    path = "/api/v1/app",
    tag = "Application",
    operation_id = "v1.application.create",
    summary = "Make an application",
    params(CreateQuery, ("idempotency-key" = Option<String>, Header, description = "Makes a repeat harmless.")),
    request_body = ApplicationIn,
    responses(
        (status = 201, description = "It is made.", body = ApplicationOut),
        (status = 200, description = "It was there already.", body = ApplicationOut),
        WriteProblems
    )
)]
pub(super) async fn create_application(
    State(operations): State<Arc<Operations>>,
    access: Access,
    Query(query): Query<CreateQuery>,
    Posted { body, key }: Posted<ApplicationIn>,
) -> Result<Response, Problem> {
    let made = operations.create_application(&access, body.into(), query.get_if_exists, key).await?;
    Ok(made::created(made, ApplicationOut::from))
}

#[utoipa::path(
    get,
    path = "/api/v1/app/{application_id}",
    tag = "Application",
    operation_id = "v1.application.get",
    summary = "Get an application",
    params(("application_id" = String, Path, description = "Its id or uid.")),
    responses((status = 200, description = "It.", body = ApplicationOut), ReadProblems)
)]
pub(super) async fn get_application(
    State(operations): State<Arc<Operations>>,
    access: Access,
    Path(application): Path<String>,
) -> Result<Json<ApplicationOut>, Problem> {
    Ok(Json(operations.application(&access, &application).await?.into()))
}

#[utoipa::path(
    put,
    path = "/api/v1/app/{application_id}",
    tag = "Application",
    operation_id = "v1.application.update",
    summary = "Replace an application, or make it",
    params(("application_id" = String, Path, description = "Its id or uid; an unknown uid makes a new one.")),
    request_body = ApplicationIn,
    responses(
        (status = 200, description = "It is replaced.", body = ApplicationOut),
        (status = 201, description = "It is made.", body = ApplicationOut),
        WriteProblems
    )
)]
pub(super) async fn update_application(
    State(operations): State<Arc<Operations>>,
    access: Access,
    Path(application): Path<String>,
    Given(body): Given<ApplicationIn>,
) -> Result<Response, Problem> {
    let made = operations.put_application(&access, &application, body.into()).await?;
    Ok(made::created(made, ApplicationOut::from))
}

#[utoipa::path(
    patch,
    path = "/api/v1/app/{application_id}",
    tag = "Application",
    operation_id = "patch_application",
    summary = "Change an application",
    params(("application_id" = String, Path, description = "Its id or uid.")),
    request_body = ApplicationPatch,
    responses((status = 200, description = "It is changed.", body = ApplicationOut), WriteProblems)
)]
pub(super) async fn patch_application(
    State(operations): State<Arc<Operations>>,
    access: Access,
    Path(application): Path<String>,
    Given(body): Given<ApplicationPatch>,
) -> Result<Json<ApplicationOut>, Problem> {
    Ok(Json(operations.patch_application(&access, &application, body.into()).await?.into()))
}

#[utoipa::path(
    delete,
    path = "/api/v1/app/{application_id}",
    tag = "Application",
    operation_id = "v1.application.delete",
    summary = "Delete an application with its endpoints",
    params(("application_id" = String, Path, description = "Its id or uid.")),
    responses((status = 204, description = "It is deleted; what waited for it is cancelled."), WriteProblems)
)]
pub(super) async fn delete_application(
    State(operations): State<Arc<Operations>>,
    access: Access,
    Path(application): Path<String>,
) -> Result<StatusCode, Problem> {
    operations.delete_application(&access, &application).await?;
    Ok(StatusCode::NO_CONTENT)
}
