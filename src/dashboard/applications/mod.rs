//! Applications, the platform's customers: their list, a new one, and the operator's pages of one. The consumer has the
//! portal instead.

mod list;
mod new;
mod portal_link;
mod settings;

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, State};
use axum::response::Response;
use axum::routing::get;
use maud::html;
use serde::Deserialize;

use super::Pages;
use super::components::data::{outside, short, visible};
use super::endpoints::{add_button, list_of_application};
use super::failure::Failure;
use super::frame::{Page, Section};
use super::viewer::Viewer;
use crate::domain::application::Application;

/// The operator's pages of applications.
pub(super) fn router() -> Router<Arc<Pages>> {
    Router::new()
        .merge(list::router())
        .merge(new::router())
        .merge(portal_link::router())
        .merge(settings::router())
        .route("/applications/{application_id}", get(show))
}

#[derive(Deserialize)]
struct ApplicationPath {
    application_id: String,
}

/// The views of an application.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum View {
    /// Its endpoints.
    Endpoints,
    /// Its messages.
    Messages,
    /// Letting its people in.
    Portal,
    /// How it is set.
    Settings,
}

impl View {
    const ALL: [(Self, &'static str, &'static str); 4] = [
        (Self::Endpoints, "Endpoints", ""),
        (Self::Messages, "Messages", "/messages"),
        (Self::Portal, "Portal link", "/portal-link"),
        (Self::Settings, "Settings", "/settings"),
    ];
}

/// A view of an application, in the frame.
pub(super) fn page<'a>(viewer: &'a Viewer, application: &Application, shown: View) -> Page<'a> {
    let path = viewer.place.application(application.id);
    let mut page = Page::new(viewer, Section::Applications, visible(&application.name))
        .crumb("Applications", viewer.place.at("/applications"));
    for (view, title, tail) in View::ALL {
        page = page.tab(title, format!("{path}{tail}"), view == shown);
    }
    page
}

async fn show(
    State(pages): State<Arc<Pages>>,
    Path(path): Path<ApplicationPath>,
    viewer: Viewer,
) -> Result<Response, Failure> {
    let application = pages.operations.application(&viewer.access, &path.application_id).await?;
    let lead = html! {
        span.row {
            (short("application-id", &application.id.to_string()))
            @if let Some(uid) = &application.uid { span { "uid " span.mono { (outside(uid)) } } }
        }
    };
    let endpoints = list_of_application(&pages, &viewer, &application).await?;
    let add = format!("{}/endpoints/new", viewer.place.application(application.id));
    Ok(page(&viewer, &application, View::Endpoints)
        .lead(lead)
        .actions(add_button(&viewer, &add))
        .live()
        .show(endpoints))
}
