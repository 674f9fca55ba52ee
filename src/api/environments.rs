//! Environments on the wire: the Svix cloud's shape, and beside it how the environment sends.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::error::{Problem, ReadProblems, WriteProblems};
use super::extract::{Given, Path, Posted, Query, given, given_object, object};
use super::made;
use super::page::{ListResponse, Order, PageQuery};
use super::schedule::ScheduleIn;
use crate::domain::envelope::Envelope;
use crate::domain::environment::{Environment, EnvironmentChange, EnvironmentType, SettingsChange};
use crate::domain::preset::Preset;
use crate::ops::{Access, Operations};

/// Where the server of an environment stands; the cloud has regions, who runs Cornet has this one.
const REGION: &str = "self-hosted";

/// What endpoints the applications of an environment may have; what is left out stays.
#[derive(Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct EndpointRulesIn {
    /// Each endpoint has exactly one event type, and an application at most one endpoint for each.
    one_for_each_event_type: Option<bool>,
    /// Only `https` URLs are taken.
    https_only: Option<bool>,
}

/// What is to be different about an environment; what is left out stays. A preset brings all its settings along, and
/// whatever stands beside it comes after it.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct EnvironmentPatch {
    /// What people call it.
    #[serde(default, deserialize_with = "given")]
    #[schema(nullable = false, example = "Live")]
    name: Option<String>,
    /// `production` for live traffic, `development` for tests.
    #[serde(rename = "type", default, deserialize_with = "given")]
    #[schema(nullable = false, example = "production")]
    environment_type: Option<String>,
    /// `standard`, `rose-rocket`, `shoprocket` or `shipengine`.
    #[serde(default, deserialize_with = "given")]
    #[schema(nullable = false, example = "standard")]
    preset: Option<String>,
    /// When a failed delivery is tried again.
    #[serde(default, deserialize_with = "given")]
    #[schema(nullable = false)]
    retry_schedule: Option<ScheduleIn>,
    /// What is put around each payload: `raw`, `event-object`, `typed-data`, `resource`, `standard`,
    /// `cloudevents-structured` or `cloudevents-binary`.
    #[serde(default, deserialize_with = "given")]
    #[schema(nullable = false, example = "raw")]
    envelope: Option<String>,
    #[serde(default, deserialize_with = "given_object")]
    #[schema(nullable = false)]
    endpoint_rules: Option<EndpointRulesIn>,
    /// Whether `Retry-After` moves the next attempt and 410 switches an endpoint off.
    #[serde(default, deserialize_with = "given")]
    #[schema(nullable = false)]
    heeds_answers: Option<bool>,
    /// Whether a message must fit the JSON Schema of its event type.
    #[serde(default, deserialize_with = "given")]
    #[schema(nullable = false)]
    checks_schemas: Option<bool>,
}

/// What an environment is to be. What is left out is as the preset says in a new one, and stays in another: clients of
/// the cloud know the name alone, and must not undo the rest by renaming.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct EnvironmentIn {
    #[schema(example = "Live")]
    name: String,
    /// `production` for live traffic, `development` for tests; the latter when nothing is said of a new one.
    #[serde(rename = "type")]
    #[schema(example = "production")]
    environment_type: Option<String>,
    /// `standard`, `rose-rocket`, `shoprocket` or `shipengine`.
    #[schema(example = "standard")]
    preset: Option<String>,
    retry_schedule: Option<ScheduleIn>,
    #[schema(example = "raw")]
    envelope: Option<String>,
    #[serde(default, deserialize_with = "object")]
    endpoint_rules: Option<EndpointRulesIn>,
    heeds_answers: Option<bool>,
    checks_schemas: Option<bool>,
}

/// What endpoints the applications of an environment may have.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct EndpointRulesOut {
    one_for_each_event_type: bool,
    https_only: bool,
}

/// An environment.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct EnvironmentOut {
    #[schema(example = "env_01k5w1c7z8fq3v9x2m4n6p8r0t")]
    id: String,
    name: String,
    #[serde(rename = "type")]
    #[schema(example = "production")]
    environment_type: &'static str,
    /// Always `self-hosted`.
    region: &'static str,
    preset: &'static str,
    #[schema(example = "5s,5m,30m")]
    retry_schedule: String,
    envelope: &'static str,
    endpoint_rules: EndpointRulesOut,
    heeds_answers: bool,
    checks_schemas: bool,
    #[schema(format = DateTime)]
    created_at: String,
    #[schema(format = DateTime)]
    updated_at: String,
}

impl From<Environment> for EnvironmentOut {
    fn from(environment: Environment) -> Self {
        let settings = environment.settings;
        let rules = settings.endpoint_rules;
        Self {
            id: environment.id.to_string(),
            name: environment.name,
            environment_type: environment.environment_type.as_str(),
            region: REGION,
            preset: settings.preset.as_str(),
            retry_schedule: settings.retry_schedule.to_string(),
            envelope: settings.envelope.as_str(),
            endpoint_rules: EndpointRulesOut {
                one_for_each_event_type: rules.one_for_each_event_type,
                https_only: rules.https_only,
            },
            heeds_answers: settings.heeds_answers,
            checks_schemas: settings.checks_schemas,
            created_at: environment.created_at.to_string(),
            updated_at: environment.updated_at.to_string(),
        }
    }
}

impl From<EnvironmentIn> for EnvironmentPatch {
    fn from(wanted: EnvironmentIn) -> Self {
        Self {
            name: Some(wanted.name),
            environment_type: wanted.environment_type,
            preset: wanted.preset,
            retry_schedule: wanted.retry_schedule,
            envelope: wanted.envelope,
            endpoint_rules: wanted.endpoint_rules,
            heeds_answers: wanted.heeds_answers,
            checks_schemas: wanted.checks_schemas,
        }
    }
}

/// Reads a name of the body's member `field`; the refusal lists the names that there are.
fn named<T>(
    field: &str,
    code: &'static str,
    name: Option<String>,
    parse: fn(&str) -> Option<T>,
    known: &[&str],
) -> Result<Option<T>, Problem> {
    let Some(name) = name else {
        return Ok(None);
    };
    let place = vec!["body".to_owned(), field.to_owned()];
    let refused = || Problem::invalid(place, code, format!("must be one of `{}`", known.join("`, `")));
    parse(&name).map(Some).ok_or_else(refused)
}

impl TryFrom<EnvironmentPatch> for EnvironmentChange {
    type Error = Problem;

    fn try_from(wanted: EnvironmentPatch) -> Result<Self, Problem> {
        let types = [EnvironmentType::Development, EnvironmentType::Production].map(EnvironmentType::as_str);
        let (presets, envelopes) = (Preset::ALL.map(Preset::as_str), Envelope::ALL.map(Envelope::as_str));
        let kind = named("type", "environment_type", wanted.environment_type, EnvironmentType::parse, &types)?;
        let rules = wanted.endpoint_rules.unwrap_or_default();
        let settings = SettingsChange {
            preset: named("preset", "preset", wanted.preset, Preset::parse, &presets)?,
            retry_schedule: wanted.retry_schedule.map(|schedule| schedule.read("retrySchedule")).transpose()?,
            envelope: named("envelope", "envelope", wanted.envelope, Envelope::parse, &envelopes)?,
            one_for_each_event_type: rules.one_for_each_event_type,
            https_only: rules.https_only,
            heeds_answers: wanted.heeds_answers,
            checks_schemas: wanted.checks_schemas,
        };
        Ok(Self { name: wanted.name, environment_type: kind, settings })
    }
}

/// In which order environments are listed.
#[derive(Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default)]
pub(super) struct ListQuery {
    order: Order,
}

#[utoipa::path(
    get,
    path = "/api/v1/management/environment",
    tag = "Environment",
    operation_id = "v1.management.environment.list",
    summary = "List environments",
    params(PageQuery, ListQuery),
    responses((status = 200, description = "A page of them.", body = ListResponse<EnvironmentOut>), ReadProblems)
)]
pub(super) async fn list_environments(
    State(operations): State<Arc<Operations>>,
    access: Access,
    Query(page): Query<PageQuery>,
    Query(query): Query<ListQuery>,
) -> Result<Json<ListResponse<EnvironmentOut>>, Problem> {
    let listed = operations.list_environments(&access, page.page(query.order)?).await?;
    Ok(Json(ListResponse::new(listed, |environment| environment.id.to_string(), EnvironmentOut::from)))
}

#[utoipa::path(
    post,
    path = "/api/v1/management/environment",
    tag = "Environment",
    operation_id = "v1.management.environment.create",
    summary = "Make an environment",
    params(("idempotency-key" = Option<String>, Header, description = "Makes a repeat harmless.")),
    request_body = EnvironmentIn,
    responses((status = 201, description = "It is made.", body = EnvironmentOut), WriteProblems)
)]
pub(super) async fn create_environment(
    State(operations): State<Arc<Operations>>,
    access: Access,
    Posted { body, key }: Posted<EnvironmentIn>,
) -> Result<Response, Problem> {
    let change = EnvironmentPatch::from(body).try_into()?;
    let made = operations.create_environment(&access, change, key).await?;
    Ok(made::created(made, EnvironmentOut::from))
}

#[utoipa::path(
    get,
    path = "/api/v1/management/environment/{environment_id}",
    tag = "Environment",
    operation_id = "v1.management.environment.get",
    summary = "Get an environment",
    params(("environment_id" = String, Path, description = "Its id.")),
    responses((status = 200, description = "It.", body = EnvironmentOut), ReadProblems)
)]
pub(super) async fn get_environment(
    State(operations): State<Arc<Operations>>,
    access: Access,
    Path(environment): Path<String>,
) -> Result<Json<EnvironmentOut>, Problem> {
    Ok(Json(operations.environment(&access, &environment).await?.into()))
}

#[utoipa::path(
    put,
    path = "/api/v1/management/environment/{environment_id}",
    tag = "Environment",
    operation_id = "v1.management.environment.update",
    summary = "Rename and change an environment",
    params(("environment_id" = String, Path, description = "Its id.")),
    request_body = EnvironmentIn,
    responses((status = 200, description = "It is changed.", body = EnvironmentOut), WriteProblems)
)]
pub(super) async fn update_environment(
    State(operations): State<Arc<Operations>>,
    access: Access,
    Path(environment): Path<String>,
    Given(body): Given<EnvironmentIn>,
) -> Result<Json<EnvironmentOut>, Problem> {
    let change = EnvironmentPatch::from(body).try_into()?;
    Ok(Json(operations.change_environment(&access, &environment, change).await?.into()))
}

#[utoipa::path(
    patch,
    path = "/api/v1/management/environment/{environment_id}",
    tag = "Environment",
    operation_id = "v1.management.environment.patch",
    summary = "Change an environment",
    params(("environment_id" = String, Path, description = "Its id.")),
    request_body = EnvironmentPatch,
    responses((status = 200, description = "It is changed.", body = EnvironmentOut), WriteProblems)
)]
pub(super) async fn patch_environment(
    State(operations): State<Arc<Operations>>,
    access: Access,
    Path(environment): Path<String>,
    Given(body): Given<EnvironmentPatch>,
) -> Result<Json<EnvironmentOut>, Problem> {
    Ok(Json(operations.change_environment(&access, &environment, body.try_into()?).await?.into()))
}

#[utoipa::path(
    delete,
    path = "/api/v1/management/environment/{environment_id}",
    tag = "Environment",
    operation_id = "v1.management.environment.delete",
    summary = "Delete an environment with all that it has",
    params(("environment_id" = String, Path, description = "Its id.")),
    responses((status = 204, description = "It is deleted; what waited for it is cancelled."), WriteProblems)
)]
pub(super) async fn delete_environment(
    State(operations): State<Arc<Operations>>,
    access: Access,
    Path(environment): Path<String>,
) -> Result<StatusCode, Problem> {
    operations.delete_environment(&access, &environment).await?;
    Ok(StatusCode::NO_CONTENT)
}
