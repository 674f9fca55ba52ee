//! The pages that people look at: the operator's dashboard, the consumer's portal, and the inboxes. They are made on
//! the server, work as plain links and forms, and are made livelier by a script where one runs. A page asks the
//! operations and shows what they answer; it knows no SQL and nothing of the API.

mod applications;
mod assets;
mod brand;
mod components;
mod cookie;
mod endpoints;
mod environments;
mod event_types;
mod failing;
mod failure;
mod fields;
mod frame;
mod inboxes;
mod keys;
mod live;
mod messages;
mod notices;
mod overview;
mod place;
mod portal;
mod settings;
mod sign_in;
mod site;
mod submitted;
mod system;
mod viewer;
mod words;

use std::sync::Arc;

use axum::extract::DefaultBodyLimit;
use axum::response::Redirect;
use axum::routing::get;
use axum::{Router, middleware};

use crate::ops::{OpError, Operations};
use failure::Failure;
use live::Streams;
use submitted::FORM_BYTES_MAX;
use viewer::Viewer;

pub use site::Site;

/// What every page is made with.
pub struct Pages {
    operations: Arc<Operations>,
    site: Arc<Site>,
    streams: Streams,
}

/// The routes of all pages and of what they are made with.
pub fn router(operations: Arc<Operations>, site: Site) -> Router {
    let site = Arc::new(site);
    let pages = Arc::new(Pages { operations, site: site.clone(), streams: Streams::default() });
    Router::new()
        .route("/", get(start))
        .route("/environments/{environment_id}/", get(start))
        .route("/portal/{application_id}/", get(start))
        .merge(sign_in::router())
        .merge(inboxes::router())
        .nest("/environments/{environment_id}", of_environment())
        .nest("/environments/{environment_id}/applications/{application_id}", of_application())
        .nest("/portal/{application_id}", of_portal().merge(of_application()))
        .merge(assets::router())
        .layer(DefaultBodyLimit::max(FORM_BYTES_MAX))
        .layer(middleware::from_fn_with_state(site, site::guard))
        .with_state(pages)
}

/// The operator's pages of an environment.
fn of_environment() -> Router<Arc<Pages>> {
    Router::new()
        .route("/live", get(live::stream))
        .merge(overview::router())
        .merge(inboxes::of_environment())
        .merge(messages::of_environment())
        .merge(applications::router())
        .merge(endpoints::of_environment())
        .merge(event_types::router())
        .merge(failing::router())
        .merge(settings::router())
        .merge(keys::router())
        .merge(environments::router())
        .merge(system::router())
        .fallback(missing)
}

/// The pages of an application, for its operator and for its consumer.
fn of_application() -> Router<Arc<Pages>> {
    Router::new().merge(messages::of_application()).merge(endpoints::router())
}

/// The consumer's own pages.
fn of_portal() -> Router<Arc<Pages>> {
    Router::new()
        .route("/live", get(live::stream))
        .merge(event_types::catalogue())
        .merge(brand::router())
        .merge(portal::router())
        .fallback(missing)
}

async fn start(viewer: Viewer) -> Redirect {
    Redirect::to(&viewer.place.home())
}

/// A path that is no page.
async fn missing(_: Viewer) -> Failure {
    OpError::NotFound("page").into()
}
