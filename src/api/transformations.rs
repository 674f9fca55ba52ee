//! The transformation of an endpoint on the wire. Values of variables are written and never shown.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::error::{Problem, ReadProblems, WriteProblems};
use super::extract::{Given, JsonObject, Path, given};
use super::messages::MessageIn;
use crate::domain::transformation::{CONCEALED, Transformation, TransformationChange};
use crate::ops::{Access, Operations, Simulated, Simulation};

/// What deliveries to an endpoint go through.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct EndpointTransformationOut {
    /// JavaScript with a function `handler`.
    code: Option<String>,
    /// Whether deliveries go through it.
    enabled: bool,
    /// What the code may use: names, and `•••` in the place of each value.
    variables: Option<BTreeMap<String, &'static str>>,
    #[schema(format = DateTime)]
    updated_at: Option<String>,
}

/// What is to be different about a transformation; what is left out stays.
#[derive(Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(super) struct EndpointTransformationPatch {
    /// JavaScript with a function `handler`; null takes it away.
    #[serde(deserialize_with = "given")]
    #[schema(value_type = Option<String>, min_length = 10, max_length = 51_200,
        example = "function handler(webhook) { return webhook }")]
    code: Option<Option<String>>,
    #[serde(deserialize_with = "given")]
    #[schema(nullable = false)]
    enabled: Option<bool>,
    /// All variables; a value of `•••` stays as it was, null takes all away.
    #[serde(deserialize_with = "given")]
    #[schema(value_type = Option<BTreeMap<String, String>>)]
    variables: Option<Option<BTreeMap<String, String>>>,
}

/// Code to be tried out, and what on.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct TransformationSimulateIn {
    #[schema(min_length = 10, max_length = 51_200, example = "function handler(webhook) { return webhook }")]
    code: String,
    #[schema(example = "order.created")]
    event_type: String,
    channels: Option<Vec<String>>,
    #[schema(value_type = Object)]
    payload: JsonObject,
    /// What the code may use instead of the endpoint's variables, which are not given to it.
    variables: Option<BTreeMap<String, String>>,
}

/// What would be sent.
#[derive(Serialize, ToSchema)]
pub(super) struct TransformationSimulateOut {
    /// Whether nothing would be.
    cancel: bool,
    #[schema(example = "POST")]
    method: String,
    url: String,
    /// Headers that the code adds, by lower-case name.
    headers: BTreeMap<String, String>,
    /// The body.
    payload: String,
}

impl From<Transformation> for EndpointTransformationOut {
    fn from(transformation: Transformation) -> Self {
        let variables = transformation.variables.names().map(|name| (name.to_owned(), CONCEALED));
        Self {
            variables: (!transformation.variables.is_empty()).then(|| variables.collect()),
            code: transformation.code,
            enabled: transformation.enabled,
            updated_at: transformation.updated_at.map(|time| time.to_string()),
        }
    }
}

impl From<Simulated> for TransformationSimulateOut {
    fn from(simulated: Simulated) -> Self {
        let Simulated { cancelled, method, url, headers, body } = simulated;
        Self { cancel: cancelled, method, url, headers, payload: String::from_utf8_lossy(&body).into_owned() }
    }
}

/// Get the code that deliveries to an endpoint go through.
#[utoipa::path(get, path = "/api/v1/app/{application_id}/endpoint/{endpoint_id}/transformation", tag = "Endpoint",
    operation_id = "v1.endpoint.transformation.get",
    params(
        ("application_id" = String, Path, description = "The application's id or uid"),
        ("endpoint_id" = String, Path, description = "The endpoint's id or uid"),
    ),
    responses((status = 200, description = "It.", body = EndpointTransformationOut), ReadProblems))]
pub(super) async fn get_transformation(
    State(operations): State<Arc<Operations>>,
    access: Access,
    Path((application, endpoint)): Path<(String, String)>,
) -> Result<Json<EndpointTransformationOut>, Problem> {
    Ok(Json(operations.transformation(&access, &application, &endpoint).await?.into()))
}

/// Change the code that deliveries to an endpoint go through.
///
/// Deliveries that wait, and those that are tried again, go through the new code.
#[utoipa::path(patch, path = "/api/v1/app/{application_id}/endpoint/{endpoint_id}/transformation", tag = "Endpoint",
    operation_id = "v1.endpoint.patch-transformation",
    params(
        ("application_id" = String, Path, description = "The application's id or uid"),
        ("endpoint_id" = String, Path, description = "The endpoint's id or uid"),
    ),
    request_body = EndpointTransformationPatch,
    responses((status = 204, description = "It is changed."), WriteProblems))]
pub(super) async fn patch_transformation(
    State(operations): State<Arc<Operations>>,
    access: Access,
    Path((application, endpoint)): Path<(String, String)>,
    Given(body): Given<EndpointTransformationPatch>,
) -> Result<StatusCode, Problem> {
    let variables = body.variables.map(Option::unwrap_or_default);
    let change = TransformationChange { code: body.code, enabled: body.enabled, variables };
    operations.change_transformation(&access, &application, &endpoint, change).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Try code out on a message: run as a delivery would run it, with the same limits. Nothing is sent or kept.
#[utoipa::path(post, path = "/api/v1/app/{application_id}/endpoint/{endpoint_id}/transformation/simulate",
    tag = "Endpoint", operation_id = "v1.endpoint.transformation.simulate",
    params(
        ("application_id" = String, Path, description = "The application's id or uid"),
        ("endpoint_id" = String, Path, description = "The endpoint's id or uid"),
    ),
    request_body = TransformationSimulateIn,
    responses((status = 200, description = "What would be sent.", body = TransformationSimulateOut), WriteProblems))]
pub(super) async fn simulate_transformation(
    State(operations): State<Arc<Operations>>,
    access: Access,
    Path((application, endpoint)): Path<(String, String)>,
    Given(body): Given<TransformationSimulateIn>,
) -> Result<Json<TransformationSimulateOut>, Problem> {
    let wanted = Simulation {
        code: body.code,
        variables: body.variables.unwrap_or_default(),
        event_type: body.event_type,
        channels: body.channels.unwrap_or_default(),
        payload: MessageIn::payload(body.payload)?,
    };
    Ok(Json(operations.simulate_transformation(&access, &application, &endpoint, wanted).await?.into()))
}
