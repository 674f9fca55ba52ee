//! Whether the API answers.

use axum::http::StatusCode;

/// The API answers.
#[utoipa::path(
    get,
    path = "/api/v1/health",
    tag = "Health",
    operation_id = "v1.health.get",
    summary = "Ask whether the API answers",
    responses((status = 204, description = "It does."))
)]
pub(super) async fn get_health() -> StatusCode {
    StatusCode::NO_CONTENT
}

/// The API answers; older clients ask here.
#[utoipa::path(
    get,
    path = "/api/v1/health/ping",
    tag = "Health",
    operation_id = "v1.health.ping",
    summary = "Ask whether the API answers",
    responses((status = 204, description = "It does."))
)]
pub(super) async fn ping() -> StatusCode {
    StatusCode::NO_CONTENT
}
