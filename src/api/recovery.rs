//! Recovery on the wire: sending again what failed.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::error::{Problem, WriteProblems};
use super::extract::{Path, Posted};
use super::moment::Moment;
use crate::ops::{Access, Operations, Task};

/// Which time is asked for.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RecoverIn {
    /// Messages accepted from this time on.
    since: Moment,
    /// And before this one; to now when it is not given.
    #[serde(default)]
    until: Option<Moment>,
}

/// How far background work has come.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum BackgroundTaskStatus {
    Running,
}

/// What background work does.
#[derive(Serialize, ToSchema)]
enum BackgroundTaskType {
    #[serde(rename = "endpoint.recover")]
    EndpointRecover,
}

/// Work that goes on in the background.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct RecoverOut {
    id: String,
    status: BackgroundTaskStatus,
    task: BackgroundTaskType,
    updated_at: Moment,
}

impl From<Task> for RecoverOut {
    fn from(task: Task) -> Self {
        Self {
            id: task.id.to_string(),
            status: BackgroundTaskStatus::Running,
            task: BackgroundTaskType::EndpointRecover,
            updated_at: Moment(task.started_at),
        }
    }
}

/// Send again, in the background, every message of a time whose delivery to this endpoint failed.
#[utoipa::path(post, path = "/api/v1/app/{application_id}/endpoint/{endpoint_id}/recover", tag = "Endpoint",
    operation_id = "v1.endpoint.recover",
    params(
        ("application_id" = String, Path, description = "The application's id or uid"),
        ("endpoint_id" = String, Path, description = "The endpoint's id or uid"),
        ("idempotency-key" = Option<String>, Header,
            description = "Taken, and not needed: a repeat queues nothing that waits or has arrived"),
    ),
    request_body = RecoverIn,
    responses((status = 202, description = "It has started.", body = RecoverOut), WriteProblems))]
pub(super) async fn recover(
    State(operations): State<Arc<Operations>>,
    access: Access,
    Path((application, endpoint)): Path<(String, String)>,
    Posted { body, .. }: Posted<RecoverIn>,
) -> Result<(StatusCode, Json<RecoverOut>), Problem> {
    let (since, until) = (body.since.0, body.until.map(|moment| moment.0));
    let task = operations.recover(&access, &application, &endpoint, since, until).await?;
    Ok((StatusCode::ACCEPTED, Json(task.into())))
}
