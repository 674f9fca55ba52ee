//! Letting an application's people into their portal: a link that opens it once, for as long as the operator chooses.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use maud::{Markup, html};

use super::{ApplicationPath, View, page};
use crate::dashboard::Pages;
use crate::dashboard::components::data::block;
use crate::dashboard::components::form::{Field, check};
use crate::dashboard::components::notice::{Tone, notice};
use crate::dashboard::components::time::took;
use crate::dashboard::failure::Failure;
use crate::dashboard::fields::{Fields, Form};
use crate::dashboard::frame;
use crate::dashboard::place::Place;
use crate::dashboard::submitted::Submitted;
use crate::dashboard::viewer::Viewer;
use crate::domain::application::Application;
use crate::domain::session::PORTAL_CODE_LIFE;
use crate::ops::PortalAccess;

/// How long a visit may last: seconds, and what that is called.
const LIVES: [(&str, &str); 4] = [("3600", "An hour"), ("28800", "8 hours"), ("86400", "A day"), ("604800", "A week")];

pub(super) fn router() -> Router<Arc<Pages>> {
    Router::new().route("/applications/{application_id}/portal-link", get(show).post(create))
}

async fn show(
    State(pages): State<Arc<Pages>>,
    Path(path): Path<ApplicationPath>,
    viewer: Viewer,
) -> Result<Response, Failure> {
    let application = pages.operations.application(&viewer.access, &path.application_id).await?;
    Ok(shown(&viewer, &application, &Form::default(), None))
}

fn wanted(fields: &Fields) -> PortalAccess {
    let flags = fields.text("feature_flags").split([' ', ',']).filter(|flag| !flag.is_empty());
    PortalAccess {
        read_only: fields.has("read_only", "yes"),
        expires_in: fields.text("expiry").parse().ok().map(Duration::from_secs),
        feature_flags: flags.map(str::to_owned).collect(),
        name: None,
    }
}

async fn create(
    State(pages): State<Arc<Pages>>,
    Path(path): Path<ApplicationPath>,
    submitted: Submitted,
) -> Result<Response, Failure> {
    let Submitted { viewer, fields } = submitted;
    let application = pages.operations.application(&viewer.access, &path.application_id).await?;
    let id = application.id.to_string();
    match pages.operations.create_portal_code(&viewer.access, &id, wanted(&fields)).await {
        Ok(code) => {
            let path = format!("{}/enter?code={}", Place::Portal(application.id).home(), code.as_str());
            let link = format!("{}{path}", pages.site.base_url());
            let page = shown(&viewer, &application, &Form::new(fields), Some(&made(&link, &path)));
            Ok(page.into_response())
        }
        Err(error) => {
            let form = Form::refused(fields, error)?.shown_as("featureFlags", "feature_flags");
            Ok(shown(&viewer, &application, &form, None))
        }
    }
}

/// The link, which nobody can look up again.
fn made(link: &str, path: &str) -> Markup {
    html! {
        section.card {
            header { h2 { "The link" } }
            div.body.stack {
                (notice(Tone::Good, &html! {
                    "It opens the portal once, within the next " (took(PORTAL_CODE_LIFE)) ", and is not shown again."
                }))
                (block("portal-link", link))
                div.row { a.button href=(path) target="_blank" rel="noopener" { "Open portal" } }
            }
        }
    }
}

fn shown(viewer: &Viewer, application: &Application, form: &Form, link: Option<&Markup>) -> Response {
    let status = if form.is_fine() { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
    let path = format!("{}/portal-link", viewer.place.application(application.id));
    let fields = html! {
        (Field::new("expiry", "The visit lasts").select(form, LIVES))
        (check(form, "read_only", "yes", &html! { "May only look, and at no secret" }))
        details open[!form.text("feature_flags").is_empty()] {
            summary { "More" }
            (Field::new("feature_flags", "Feature flags")
                .hint("Event types that are only for some are shown to who has one of their flags.").input(form))
        }
        div.row { button.button.primary { "Make a link" } }
    };
    let body = html! {
        div.stack {
            @if let Some(link) = link { (link) }
            section.card {
                div.body.stack {
                    p.muted {
                        "In the portal, people of this application look after its endpoints themselves, and see nothing of anybody "
                        "else. Your platform makes such links over the API; this one is for a look, or to help somebody."
                    }
                    @for why in form.errors_beside(&["expiry", "feature_flags"]) { (notice(Tone::Bad, &html! { (why) })) }
                    @if viewer.may_write() { (frame::post(viewer, &path, "fields", &fields)) }
                }
            }
        }
    };
    page(viewer, application, View::Portal).status(status).show(body)
}
