//! A new application: what people call it, and what the platform does.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use maud::html;

use crate::dashboard::Pages;
use crate::dashboard::components::form::Field;
use crate::dashboard::components::notice::{Tone, notice};
use crate::dashboard::failure::Failure;
use crate::dashboard::fields::Form;
use crate::dashboard::frame::{self, Page, Section};
use crate::dashboard::notices::with_notice;
use crate::dashboard::submitted::Submitted;
use crate::dashboard::viewer::Viewer;
use crate::domain::application::ApplicationChange;
use crate::ops::Made;

pub(super) fn router() -> Router<Arc<Pages>> {
    Router::new().route("/applications/new", get(show).post(create))
}

async fn show(viewer: Viewer) -> Result<Response, Failure> {
    viewer.access.require_writing()?;
    Ok(page(&viewer, &Form::default()))
}

async fn create(State(pages): State<Arc<Pages>>, submitted: Submitted) -> Result<Response, Failure> {
    let Submitted { viewer, fields } = submitted;
    let change = ApplicationChange {
        name: Some(fields.text("name").to_owned()),
        uid: Some(fields.filled("uid").map(str::to_owned)),
        ..ApplicationChange::default()
    };
    match pages.operations.create_application(&viewer.access, change, false, None).await {
        Ok(Made::New(application) | Made::Before(application) | Made::Existing(application)) => {
            let path = viewer.place.application(application.id);
            Ok(Redirect::to(&with_notice(&path, "created")).into_response())
        }
        Err(error) => Ok(page(&viewer, &Form::refused(fields, error)?)),
    }
}

fn page(viewer: &Viewer, form: &Form) -> Response {
    let status = if form.is_fine() { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
    let list = viewer.place.at("/applications");
    let fields = html! {
        (Field::new("name", "Name").placeholder("Acme Ltd").required().first().input(form))
        (Field::new("uid", "uid").placeholder("customer-42")
            .hint("Your own id of this customer, if you like: it can be used wherever Cornet's id can.").input(form))
        div.row {
            button.button.primary { "Create application" }
            a.button href=(list) data-close { "Cancel" }
        }
    };
    let body = html! {
        section.card { div.body { div.stack data-dialog-body {
            @for why in form.errors_beside(&["name", "uid"]) { (notice(Tone::Bad, &html! { (why) })) }
            (frame::post(viewer, &viewer.place.at("/applications/new"), "fields", &fields))
        } } }
    };
    Page::new(viewer, Section::Applications, "New application").crumb("Applications", list).status(status).show(body)
}
