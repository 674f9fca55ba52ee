//! How an endpoint is set: what it is and wants, how fast and how often it is tried, the headers that go along, and
//! switching it off or deleting it. Values of headers can be written and never read.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use maud::{Markup, html};

use super::new::{FIELDS, choice, more, refused, url_field, wanted};
use super::{EndpointPath, Shown, View};
use crate::dashboard::Pages;
use crate::dashboard::components::data::outside;
use crate::dashboard::components::event_tree::{event_tree, filled};
use crate::dashboard::components::form::Field;
use crate::dashboard::components::icon::{Icon, icon};
use crate::dashboard::components::notice::{Tone, notice};
use crate::dashboard::failure::Failure;
use crate::dashboard::fields::{Fields, Form};
use crate::dashboard::frame;
use crate::dashboard::notices::with_notice;
use crate::dashboard::submitted::Submitted;
use crate::dashboard::viewer::Viewer;
use crate::domain::endpoint::{Endpoint, Headers, HeadersChange};
use crate::domain::retry::RetrySchedule;

pub(super) fn router() -> Router<Arc<Pages>> {
    Router::new()
        .route("/endpoints/{endpoint_id}/settings", get(show).post(save))
        .route("/endpoints/{endpoint_id}/headers", post(change_headers))
}

/// The endpoint as its form holds it.
fn fields_of(endpoint: &Endpoint) -> Fields {
    let fields = Fields::default()
        .with("url", endpoint.url.as_str())
        .with("description", endpoint.description.as_str())
        .with("throttle_rate", endpoint.throttle_rate.map(|rate| rate.to_string()).unwrap_or_default())
        .with("ordered", if endpoint.ordered { "yes" } else { "" })
        .with("channels", endpoint.channels.as_ref().map(|channels| channels.join(" ")).unwrap_or_default())
        .with("retry_schedule", endpoint.retry_schedule.as_ref().map(RetrySchedule::to_string).unwrap_or_default());
    filled(fields, endpoint.event_types.as_deref())
}

async fn show(
    State(pages): State<Arc<Pages>>,
    Path(path): Path<EndpointPath>,
    viewer: Viewer,
) -> Result<Response, Failure> {
    let shown = Shown::find(&pages, &viewer, &path).await?;
    let form = Form::new(fields_of(shown.endpoint()));
    page(&pages, &viewer, &shown, &form, &Form::default()).await
}

async fn save(
    State(pages): State<Arc<Pages>>,
    Path(path): Path<EndpointPath>,
    submitted: Submitted,
) -> Result<Response, Failure> {
    let Submitted { viewer, fields } = submitted;
    let shown = Shown::find(&pages, &viewer, &path).await?;
    let schedule = match fields.filled("retry_schedule").map(str::parse::<RetrySchedule>) {
        None => Ok(None),
        Some(Ok(schedule)) => Ok(Some(schedule)),
        Some(Err(error)) => Err(Form::new(fields.clone()).with_error("retry_schedule", &error.to_string())),
    };
    let change = wanted(&fields, viewer.environment.settings.endpoint_rules);
    let change = match schedule.and_then(|schedule| Ok((schedule, change?))) {
        Ok((schedule, change)) => crate::domain::endpoint::EndpointChange { retry_schedule: Some(schedule), ..change },
        Err(form) => return page(&pages, &viewer, &shown, &form, &Form::default()).await,
    };
    let (application, endpoint) = shown.ids();
    match pages.operations.patch_endpoint(&viewer.access, &application, &endpoint, change).await {
        Ok(_) => Ok(saved(&viewer, &shown)),
        Err(error) => page(&pages, &viewer, &shown, &refused(fields, error)?, &Form::default()).await,
    }
}

fn saved(viewer: &Viewer, shown: &Shown) -> Response {
    Redirect::to(&with_notice(&shown.at(viewer.place, "/settings"), "saved")).into_response()
}

/// Adds a header, gives one that is there another value, or takes one away.
async fn change_headers(
    State(pages): State<Arc<Pages>>,
    Path(path): Path<EndpointPath>,
    submitted: Submitted,
) -> Result<Response, Failure> {
    let Submitted { viewer, fields } = submitted;
    let shown = Shown::find(&pages, &viewer, &path).await?;
    let change = match fields.filled("remove") {
        Some(name) => HeadersChange::Merge { set: Headers::new(), remove: vec![name.to_owned()] },
        None => {
            let (name, value) = (fields.text("header_name").to_owned(), fields.text("header_value").to_owned());
            HeadersChange::Merge { set: [(name, value)].into(), remove: Vec::new() }
        }
    };
    let (application, endpoint) = shown.ids();
    match pages.operations.change_headers(&viewer.access, &application, &endpoint, change).await {
        Ok(()) => Ok(saved(&viewer, &shown)),
        Err(error) => {
            let headers = Form::refused(fields.set("header_value", ""), error)?.shown_as("headers", "header_name");
            page(&pages, &viewer, &shown, &Form::new(fields_of(shown.endpoint())), &headers).await
        }
    }
}

async fn page(pages: &Pages, viewer: &Viewer, shown: &Shown, form: &Form, headers: &Form) -> Result<Response, Failure> {
    let catalogue = pages.operations.event_types_in_order(&viewer.access, false).await?;
    let is_fine = form.is_fine() && headers.is_fine();
    let status = if is_fine { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
    let settings = html! {
        div.fields {
            @for why in form.errors_beside(&FIELDS) { (notice(Tone::Bad, &html! { (why) })) }
            (url_field(viewer.environment.settings.endpoint_rules, "").required().input(form))
            (Field::new("description", "Description").input(form))
            (event_tree(form, &catalogue, choice(viewer.environment.settings.endpoint_rules)))
            (more(form))
            (Field::new("retry_schedule", "Retry schedule")
                .placeholder("5s,5m,30m,2h")
                .hint_markup(html! {
                    "The delays between attempts, or " code { "none" } " for a single attempt. Empty for the usual one: "
                    code { (viewer.environment.settings.retry_schedule) } "."
                })
                .input(form))
            @if viewer.may_write() { div.row { button.button.primary { "Save" } } }
        }
    };
    let body = html! {
        (shown.banner(viewer))
        div.stack {
            section.card {
                div.body { (frame::post(viewer, &shown.at(viewer.place, "/settings"), "", &settings)) }
            }
            (headers_card(viewer, shown, headers))
            @if viewer.may_write() { (end(viewer, shown)) }
        }
    };
    Ok(shown.page(viewer, View::Settings).status(status).show(body))
}

fn headers_card(viewer: &Viewer, shown: &Shown, form: &Form) -> Markup {
    let path = shown.at(viewer.place, "/headers");
    let headers = &shown.endpoint().headers;
    html! {
        section.card id="headers" {
            header { h2 { "Headers" } }
            div.body.stack {
                p.muted { "They go along with each request, such as a token that your server wants. Values are never shown again." }
                @if !headers.is_empty() {
                    ul.lines { @for name in headers.keys() { li { (header_line(viewer, &path, name)) } } }
                }
                @for why in form.errors_beside(&["header_name"]) { (notice(Tone::Bad, &html! { (why) })) }
                @if viewer.may_write() {
                    (frame::post(viewer, &path, "fields", &html! {
                        (Field::new("header_name", "Name").placeholder("x-api-key")
                            .hint("A name that is there already gets the new value.").required().input(form))
                        (Field::new("header_value", "Value").input(form))
                        div.row { button.button { (icon(Icon::Plus)) "Set header" } }
                    }))
                }
            }
        }
    }
}

fn header_line(viewer: &Viewer, path: &str, name: &str) -> Markup {
    let remove = html! {
        input type="hidden" name="remove" value=(name);
        button.button.small.plain aria-label=(format!("Remove {name}")) { (icon(Icon::Delete)) "Remove" }
    };
    html! {
        div.spread {
            code.mono { (outside(name)) ": " span.faint { "••••••••" } }
            @if viewer.may_write() { (frame::post(viewer, path, "", &remove)) }
        }
    }
}

/// Stopping for a while, and for good.
fn end(viewer: &Viewer, shown: &Shown) -> Markup {
    let is_on = shown.endpoint().disabled.is_none();
    let (name, to, what) = match is_on {
        true => (
            "Disable",
            "disabled",
            "Nothing is sent while it is disabled. What was queued waits, up to 90 days; new messages pass it by.",
        ),
        false => ("Enable", "enabled", "Messages are sent again, those that have waited first."),
    };
    let switch = html! { button.button name="to" value=(to) { (name) } };
    html! {
        section.card {
            header { h2 { "Stop" } }
            div.body.stack {
                div.spread {
                    div { h3 { (name) } p.muted { (what) } }
                    (frame::post(viewer, &shown.at(viewer.place, "/state"), "", &switch))
                }
                div.spread {
                    div { h3 { "Delete" } p.muted { "What waits for it is cancelled, and its secret is gone." } }
                    a.button.danger href=(shown.at(viewer.place, "/delete")) data-dialog { (icon(Icon::Delete)) "Delete endpoint" }
                }
            }
        }
    }
}
