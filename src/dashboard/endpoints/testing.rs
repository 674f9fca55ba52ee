//! Trying an endpoint: an example of an event type is really sent, signed as any other, and what came back is shown at
//! once. It is marked as a test, and nothing of it is kept or counted.

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::get;
use maud::{Markup, html};

use super::{EndpointPath, Shown, View};
use crate::dashboard::Pages;
use crate::dashboard::components::event_tree::groups;
use crate::dashboard::components::form::Field;
use crate::dashboard::components::icon::{Icon, icon};
use crate::dashboard::components::notice::{Tone, notice};
use crate::dashboard::components::test_result::test_result;
use crate::dashboard::failure::Failure;
use crate::dashboard::fields::{Fields, Form};
use crate::dashboard::frame;
use crate::dashboard::submitted::Submitted;
use crate::dashboard::viewer::Viewer;
use crate::domain::delivery::Attempt;
use crate::domain::endpoint::Endpoint;
use crate::domain::event_type::EventType;
use crate::domain::json;
use crate::ops::NewExample;

/// The event type that is offered where there is no catalogue.
const MADE_UP: &str = "example.event";

pub(super) fn router() -> Router<Arc<Pages>> {
    Router::new().route("/endpoints/{endpoint_id}/test", get(show).post(send))
}

async fn show(
    State(pages): State<Arc<Pages>>,
    Path(path): Path<EndpointPath>,
    viewer: Viewer,
) -> Result<Response, Failure> {
    let shown = Shown::find(&pages, &viewer, &path).await?;
    let catalogue = pages.operations.event_types_in_order(&viewer.access, false).await?;
    let name = match viewer.query.filled("event_type") {
        Some(name) => name.to_owned(),
        None => first_wanted(shown.endpoint(), &catalogue),
    };
    let fields =
        Fields::default().with("event_type", name.as_str()).with("payload", example(&viewer, &catalogue, &name));
    Ok(page(&viewer, &shown, &catalogue, &Form::new(fields), None))
}

/// The event type to begin with: one that the endpoint wants, if it can be.
pub(super) fn first_wanted(endpoint: &Endpoint, catalogue: &[EventType]) -> String {
    let wanted =
        |event_type: &&EventType| endpoint.event_types.as_ref().is_none_or(|names| names.contains(&event_type.name));
    let listed = catalogue.iter().find(wanted).map(|event_type| event_type.name.clone());
    let written = || endpoint.event_types.as_ref()?.first().cloned();
    listed
        .or_else(written)
        .or_else(|| catalogue.first().map(|event_type| event_type.name.clone()))
        .unwrap_or(MADE_UP.to_owned())
}

/// The example of an event type, as it can be sent here; a made-up one where there is none.
pub(super) fn example(viewer: &Viewer, catalogue: &[EventType], name: &str) -> String {
    let example = match catalogue.iter().find(|event_type| event_type.name == name) {
        Some(event_type) => event_type.example(0),
        None => EventType::blank(viewer.environment.id, name.to_owned(), viewer.now).example(0),
    };
    let fitted = viewer.environment.settings.envelope.fit_example(Bytes::from(example));
    json::indented(&String::from_utf8_lossy(&fitted))
}

async fn send(
    State(pages): State<Arc<Pages>>,
    Path(path): Path<EndpointPath>,
    submitted: Submitted,
) -> Result<Response, Failure> {
    let Submitted { viewer, fields } = submitted;
    let shown = Shown::find(&pages, &viewer, &path).await?;
    let catalogue = pages.operations.event_types_in_order(&viewer.access, false).await?;
    let wanted = NewExample {
        event_type: fields.text("event_type").to_owned(),
        index: 0,
        payload: Some(Bytes::from(fields.text("payload").to_owned())),
    };
    let (application, endpoint) = shown.ids();
    match pages.operations.test_attempt(&viewer.access, &application, &endpoint, wanted).await {
        Ok(test) => Ok(page(&viewer, &shown, &catalogue, &Form::new(fields), Some(&test.attempt))),
        Err(error) => {
            let form = Form::refused(fields, error)?.shown_as("eventType", "event_type");
            Ok(page(&viewer, &shown, &catalogue, &form, None))
        }
    }
}

fn page(viewer: &Viewer, shown: &Shown, catalogue: &[EventType], form: &Form, attempt: Option<&Attempt>) -> Response {
    let status = if form.is_fine() { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
    let body = html! {
        (shown.banner(viewer))
        section.card { div.body { div.stack data-dialog-body data-dialog-title="Send test event" {
            @if let Some(attempt) = attempt { (test_result(form.text("event_type"), attempt)) }
            @for why in form.errors_beside(&["event_type", "payload"]) { (notice(Tone::Bad, &html! { (why) })) }
            @if viewer.may_write() {
                (request(viewer, shown, catalogue, form))
            } @else {
                p.muted { "Who may only look can't send tests." }
            }
        } } }
    };
    shown.page(viewer, View::Testing).status(status).show(body)
}

/// What is sent: the event type, and a payload that starts as its example.
fn request(viewer: &Viewer, shown: &Shown, catalogue: &[EventType], form: &Form) -> Markup {
    let path = shown.at(viewer.place, "/test");
    html! {
        @if !catalogue.is_empty() {
            form.row.ends method="get" action=(path) data-filters {
                div.field {
                    label for="event_type" { "Event type" }
                    select id="event_type" name="event_type" { (options(catalogue, form.text("event_type"))) }
                }
                button.button { "Load its example" }
            }
        }
        (frame::post(viewer, &path, "stack", &html! {
            @if catalogue.is_empty() {
                (Field::new("event_type", "Event type").required().input(form))
            } @else {
                input type="hidden" name="event_type" value=(form.text("event_type"));
                @if let Some(why) = form.error("event_type") { p.error { (why) } }
            }
            (Field::new("payload", "Payload").hint("A JSON object. It is signed and sent at once, marked as a test, and not kept.").area(form, 12))
            div.row { button.button.primary { (icon(Icon::Send)) "Send test event" } }
        }))
    }
}

fn options(catalogue: &[EventType], chosen: &str) -> Markup {
    let is_known = catalogue.iter().any(|event_type| event_type.name == chosen);
    html! {
        @if !is_known { option value=(chosen) selected { (chosen) } }
        @for (group, event_types) in groups(catalogue) {
            optgroup label=(group) {
                @for event_type in event_types {
                    option value=(event_type.name) selected[event_type.name == chosen] { (event_type.name) }
                }
            }
        }
    }
}
