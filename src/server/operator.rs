//! What the operator's machines ask for: whether the process lives, whether it is ready, and its figures. None of it
//! needs a key, so none of it holds anything of a customer.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::store::{Store, StoreError};
use crate::telemetry::{METRICS_CONTENT_TYPE, Metrics};

/// How long the store may take to say that it works.
const CHECK_MAX: Duration = Duration::from_secs(2);
/// How long the store's word is good for: asking writes to the disk, and anybody may ask.
const CHECK_KEPT: Duration = Duration::from_secs(1);

/// The paths that are answered whoever else is being served.
pub(super) const PATHS: [&str; 3] = ["/healthz", "/readyz", "/metrics"];

/// What is looked at to answer.
pub(super) struct Operator {
    store: Arc<Store>,
    metrics: Arc<Metrics>,
    clock: Arc<dyn Clock>,
    draining: CancellationToken,
    checked: Mutex<Option<(Duration, &'static str)>>,
}

impl Operator {
    pub(super) fn new(
        store: Arc<Store>,
        metrics: Arc<Metrics>,
        clock: Arc<dyn Clock>,
        draining: CancellationToken,
    ) -> Self {
        Self { store, metrics, clock, draining, checked: Mutex::new(None) }
    }

    /// How the store does, in a word for everybody; `ok` when it works.
    async fn store_state(&self) -> &'static str {
        let mut checked = self.checked.lock().await;
        let now = self.clock.monotonic();
        if let Some((at, state)) = *checked
            && now.saturating_sub(at) < CHECK_KEPT
        {
            return state;
        }
        let state = match tokio::time::timeout(CHECK_MAX, self.store.check()).await {
            _ if !self.store.holds_lease() => "alone",
            Ok(Ok(())) => "ok",
            Ok(Err(StoreError::Full)) => "full",
            Ok(Err(StoreError::Corrupt(_))) => "damaged",
            Ok(Err(_)) => "unavailable",
            Err(_) => "slow",
        };
        *checked = Some((now, state));
        state
    }
}

/// The operator's routes.
pub(super) fn router(operator: Operator) -> Router {
    let [health, readiness, figures] = PATHS;
    Router::new()
        .route(health, get(healthz))
        .route(readiness, get(readyz))
        .route(figures, get(metrics))
        .with_state(Arc::new(operator))
}

async fn healthz() -> &'static str {
    "ok"
}

async fn readyz(State(operator): State<Arc<Operator>>) -> Response {
    let (draining, store) = (operator.draining.is_cancelled(), operator.store_state().await);
    let ready = !draining && store == "ok";
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(serde_json::json!({ "ready": ready, "store": store, "draining": draining }))).into_response()
}

async fn metrics(State(operator): State<Arc<Operator>>) -> Response {
    ([(CONTENT_TYPE, METRICS_CONTENT_TYPE)], operator.metrics.render()).into_response()
}
