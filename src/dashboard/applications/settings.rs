//! How an application is set, and deleting it.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use maud::{Markup, html};

use super::{ApplicationPath, View, page};
use crate::dashboard::Pages;
use crate::dashboard::components::data::visible;
use crate::dashboard::components::form::Field;
use crate::dashboard::components::icon::{Icon, icon};
use crate::dashboard::components::notice::{Tone, notice};
use crate::dashboard::failure::Failure;
use crate::dashboard::fields::{Fields, Form};
use crate::dashboard::frame::{self, Page, Section};
use crate::dashboard::notices::with_notice;
use crate::dashboard::submitted::Submitted;
use crate::dashboard::viewer::Viewer;
use crate::domain::application::{Application, ApplicationChange, Metadata};

pub(super) fn router() -> Router<Arc<Pages>> {
    Router::new()
        .route("/applications/{application_id}/settings", get(show).post(save))
        .route("/applications/{application_id}/delete", get(ask).post(delete))
}

/// The application as its form holds it.
fn fields_of(application: &Application) -> Fields {
    let metadata = match application.metadata.is_empty() {
        true => String::new(),
        false => serde_json::to_string_pretty(&application.metadata).unwrap_or_default(),
    };
    Fields::default()
        .with("name", application.name.as_str())
        .with("uid", application.uid.clone().unwrap_or_default())
        .with("throttle_rate", application.throttle_rate.map(|rate| rate.to_string()).unwrap_or_default())
        .with("metadata", metadata)
}

/// What is wanted of the application; a form with what is wrong when that can be seen at once.
fn wanted(fields: &Fields) -> Result<ApplicationChange, Form> {
    let refused = |field, why| Form::new(fields.clone()).with_error(field, why);
    let throttle_rate =
        fields.filled("throttle_rate").map(str::parse).transpose().map_err(|_| {
            refused("throttle_rate", "must be a whole number of messages a second, or empty for no limit")
        })?;
    let metadata = fields.filled("metadata").map(serde_json::from_str::<Metadata>).transpose();
    let metadata = metadata
        .map_err(|_| refused("metadata", "must be a JSON object of texts, such as {\"plan\": \"gold\"}"))?
        .unwrap_or_default();
    Ok(ApplicationChange {
        name: Some(fields.text("name").to_owned()),
        uid: Some(fields.filled("uid").map(str::to_owned)),
        metadata: Some(metadata),
        throttle_rate: Some(throttle_rate),
    })
}

async fn show(
    State(pages): State<Arc<Pages>>,
    Path(path): Path<ApplicationPath>,
    viewer: Viewer,
) -> Result<Response, Failure> {
    let application = pages.operations.application(&viewer.access, &path.application_id).await?;
    let form = Form::new(fields_of(&application));
    Ok(shown(&viewer, &application, &form))
}

async fn save(
    State(pages): State<Arc<Pages>>,
    Path(path): Path<ApplicationPath>,
    submitted: Submitted,
) -> Result<Response, Failure> {
    let Submitted { viewer, fields } = submitted;
    let application = pages.operations.application(&viewer.access, &path.application_id).await?;
    let change = match wanted(&fields) {
        Ok(change) => change,
        Err(form) => return Ok(shown(&viewer, &application, &form)),
    };
    match pages.operations.patch_application(&viewer.access, &application.id.to_string(), change).await {
        Ok(_) => {
            let path = format!("{}/settings", viewer.place.application(application.id));
            Ok(Redirect::to(&with_notice(&path, "saved")).into_response())
        }
        Err(error) => {
            let form = Form::refused(fields, error)?.shown_as("throttleRate", "throttle_rate");
            Ok(shown(&viewer, &application, &form))
        }
    }
}

fn shown(viewer: &Viewer, application: &Application, form: &Form) -> Response {
    let status = if form.is_fine() { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
    let path = viewer.place.application(application.id);
    let fields = html! {
        (Field::new("name", "Name").required().input(form))
        (Field::new("uid", "uid").hint("Your own id of this customer: it can be used wherever Cornet's id can.").input(form))
        (Field::new("throttle_rate", "Rate limit").kind("number").placeholder("No limit")
            .hint("At most so many messages a second to each of its endpoints; the others wait.").input(form))
        (Field::new("metadata", "Metadata").placeholder("{\"plan\": \"gold\"}")
            .hint("Notes of your own, as a JSON object of texts.").area(form, 5))
        @if viewer.may_write() { div.row { button.button.primary { "Save" } } }
    };
    let body = html! {
        div.stack {
            section.card {
                div.body.stack {
                    @for why in form.errors_beside(&["name", "uid", "throttle_rate", "metadata"]) {
                        (notice(Tone::Bad, &html! { (why) }))
                    }
                    (frame::post(viewer, &format!("{path}/settings"), "fields", &fields))
                }
            }
            @if viewer.may_write() { (end(&path)) }
        }
    };
    page(viewer, application, View::Settings).status(status).show(body)
}

fn end(path: &str) -> Markup {
    html! {
        section.card {
            header { h2 { "Delete" } }
            div.body.spread {
                p.muted { "Its endpoints and keys go with it, and what waits for them is cancelled." }
                a.button.danger href=(format!("{path}/delete")) data-dialog { (icon(Icon::Delete)) "Delete application" }
            }
        }
    }
}

async fn ask(
    State(pages): State<Arc<Pages>>,
    Path(path): Path<ApplicationPath>,
    viewer: Viewer,
) -> Result<Response, Failure> {
    let application = pages.operations.application(&viewer.access, &path.application_id).await?;
    viewer.access.require_writing()?;
    let routes = pages.operations.routes(&viewer.access, &application.id.to_string()).await?;
    let path = viewer.place.application(application.id);
    let body = html! {
        section.card { div.body { div.stack data-dialog-body {
            p {
                "With " strong { (visible(&application.name)) } " go "
                @match routes.endpoints.len() {
                    0 => "its keys and portal sessions; it has no endpoints.",
                    1 => "its endpoint, its keys and its portal sessions.",
                    count => { "its " (count) " endpoints, its keys and its portal sessions." },
                }
                " What waits for them is cancelled. This can't be undone."
            }
            (frame::post(&viewer, &format!("{path}/delete"), "row", &html! {
                button.button.danger { "Delete application" }
                a.button href=(format!("{path}/settings")) data-close { "Keep it" }
            }))
        } } }
    };
    Ok(Page::new(&viewer, Section::Applications, "Delete application?")
        .crumb("Applications", viewer.place.at("/applications"))
        .crumb(visible(&application.name), path)
        .show(body))
}

async fn delete(
    State(pages): State<Arc<Pages>>,
    Path(path): Path<ApplicationPath>,
    submitted: Submitted,
) -> Result<Response, Failure> {
    let viewer = submitted.viewer;
    pages.operations.delete_application(&viewer.access, &path.application_id).await?;
    Ok(Redirect::to(&with_notice(&viewer.place.at("/applications"), "deleted")).into_response())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metadata_is_written_as_it_is_read() {
        let metadata: Metadata = [("note".to_owned(), "two\nlines, \"quoted\"".to_owned())].into();
        let text = serde_json::to_string_pretty(&metadata).unwrap();
        let fields = Fields::default().with("name", "Acme").with("metadata", text);
        assert_eq!(wanted(&fields).unwrap().metadata, Some(metadata));
        let damaged = wanted(&Fields::default().with("metadata", "{\"a\": 1}")).unwrap_err();
        assert!(damaged.error("metadata").is_some());
    }
}
