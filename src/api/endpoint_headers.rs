//! The headers of an endpoint on the wire. Values that are credentials are written and never shown (THREATS E10).

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::error::{Problem, ReadProblems, WriteProblems};
use super::extract::{Given, Path};
use crate::domain::endpoint::{Headers, HeadersChange};
use crate::domain::header;
use crate::ops::{Access, Operations};

/// All headers that an endpoint is to have.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct EndpointHeadersIn {
    #[schema(example = json!({"x-tenant": "42"}))]
    headers: BTreeMap<String, String>,
}

/// What is to be different about an endpoint's headers.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct EndpointHeadersPatchIn {
    /// New values; null takes the header away.
    headers: Option<BTreeMap<String, Option<String>>>,
    /// Names of headers to take away.
    delete_headers: Option<Vec<String>>,
}

/// The headers of an endpoint.
#[derive(Serialize, ToSchema)]
pub(super) struct EndpointHeadersOut {
    /// Those that can be shown.
    headers: BTreeMap<String, String>,
    /// Names of those whose values are credentials.
    sensitive: Vec<String>,
}

impl From<EndpointHeadersPatchIn> for HeadersChange {
    fn from(wanted: EndpointHeadersPatchIn) -> Self {
        let mut remove = wanted.delete_headers.unwrap_or_default();
        let mut set = Headers::new();
        for (name, value) in wanted.headers.unwrap_or_default() {
            match value {
                Some(value) => drop(set.insert(name, value)),
                None => remove.push(name),
            }
        }
        Self::Merge { set, remove }
    }
}

impl From<Headers> for EndpointHeadersOut {
    fn from(headers: Headers) -> Self {
        let (sensitive, headers): (Headers, Headers) =
            headers.into_iter().partition(|(name, _)| header::is_sensitive(name));
        Self { headers, sensitive: sensitive.into_keys().collect() }
    }
}

#[utoipa::path(
    get,
    path = "/api/v1/app/{application_id}/endpoint/{endpoint_id}/headers",
    tag = "Endpoint",
    operation_id = "v1.endpoint.get-headers",
    summary = "Get the headers of an endpoint",
    params(
        ("application_id" = String, Path, description = "The application's id or uid."),
        ("endpoint_id" = String, Path, description = "The endpoint's id or uid.")
    ),
    responses((status = 200, description = "They.", body = EndpointHeadersOut), ReadProblems)
)]
pub(super) async fn get_headers(
    State(operations): State<Arc<Operations>>,
    access: Access,
    Path((application, endpoint)): Path<(String, String)>,
) -> Result<Json<EndpointHeadersOut>, Problem> {
    Ok(Json(operations.endpoint(&access, &application, &endpoint).await?.headers.into()))
}

#[utoipa::path(
    put,
    path = "/api/v1/app/{application_id}/endpoint/{endpoint_id}/headers",
    tag = "Endpoint",
    operation_id = "v1.endpoint.update-headers",
    summary = "Replace the headers of an endpoint",
    params(
        ("application_id" = String, Path, description = "The application's id or uid."),
        ("endpoint_id" = String, Path, description = "The endpoint's id or uid.")
    ),
    request_body = EndpointHeadersIn,
    responses((status = 204, description = "They are replaced."), WriteProblems)
)]
pub(super) async fn set_headers(
    State(operations): State<Arc<Operations>>,
    access: Access,
    Path((application, endpoint)): Path<(String, String)>,
    Given(body): Given<EndpointHeadersIn>,
) -> Result<StatusCode, Problem> {
    operations.change_headers(&access, &application, &endpoint, HeadersChange::Replace(body.headers)).await?;
    Ok(StatusCode::NO_CONTENT)
}

#[utoipa::path(
    patch,
    path = "/api/v1/app/{application_id}/endpoint/{endpoint_id}/headers",
    tag = "Endpoint",
    operation_id = "v1.endpoint.patch-headers",
    summary = "Change some headers of an endpoint",
    params(
        ("application_id" = String, Path, description = "The application's id or uid."),
        ("endpoint_id" = String, Path, description = "The endpoint's id or uid.")
    ),
    request_body = EndpointHeadersPatchIn,
    responses((status = 204, description = "They are changed."), WriteProblems)
)]
pub(super) async fn patch_headers(
    State(operations): State<Arc<Operations>>,
    access: Access,
    Path((application, endpoint)): Path<(String, String)>,
    Given(body): Given<EndpointHeadersPatchIn>,
) -> Result<StatusCode, Problem> {
    operations.change_headers(&access, &application, &endpoint, body.into()).await?;
    Ok(StatusCode::NO_CONTENT)
}
