//! Figures on the wire: how the deliveries of an endpoint went.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::error::{Problem, ReadProblems};
use super::extract::{Path, Query};
use super::moment::Moment;
use crate::ops::{Access, Operations, Statistics};

/// How many deliveries of an endpoint went how.
#[derive(Serialize, ToSchema)]
pub(super) struct EndpointStats {
    /// How often the endpoint took a message; one that was sent again after it counts again.
    success: u64,
    /// They wait.
    pending: u64,
    /// Always 0: what is being sent is counted with what waits.
    sending: u64,
    /// The last attempt failed, or the payload was deleted first.
    fail: u64,
    /// The endpoint was deleted first.
    canceled: u64,
}

impl From<Statistics> for EndpointStats {
    fn from(counted: Statistics) -> Self {
        Self {
            success: counted.delivered,
            pending: counted.waiting,
            sending: 0,
            fail: counted.failed + counted.expired,
            canceled: counted.cancelled,
        }
    }
}

/// Which time is asked for.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct PeriodQuery {
    /// The first; 28 days ago, at the start of a half hour, when it is not given.
    since: Option<Moment>,
    /// The first after it; now when it is not given.
    until: Option<Moment>,
}

/// Count the deliveries of an endpoint that ended in a time, and the messages of that time that wait.
#[utoipa::path(get, path = "/api/v1/app/{application_id}/endpoint/{endpoint_id}/stats", tag = "Endpoint",
    operation_id = "v1.endpoint.get-stats",
    params(
        ("application_id" = String, Path, description = "The application's id or uid"),
        ("endpoint_id" = String, Path, description = "The endpoint's id or uid"),
        PeriodQuery,
    ),
    responses((status = 200, description = "The figures.", body = EndpointStats), ReadProblems))]
pub(super) async fn get_stats(
    State(operations): State<Arc<Operations>>,
    access: Access,
    Path((application, endpoint)): Path<(String, String)>,
    Query(query): Query<PeriodQuery>,
) -> Result<Json<EndpointStats>, Problem> {
    let (since, until) = (query.since.map(|moment| moment.0), query.until.map(|moment| moment.0));
    Ok(Json(operations.statistics(&access, &application, &endpoint, since, until).await?.into()))
}
