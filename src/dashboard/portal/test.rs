//! Sending test data: one chooses the event, an example of it is really sent and signed as any other, and what came back
//! is verified and shown (SEEDS B20–B24). Where scripts run it is a dialog, elsewhere a page.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::get;
use maud::{Markup, html};

use super::{Arrangement, WebhookPath, Webhooks, rows};
use crate::dashboard::Pages;
use crate::dashboard::components::data::visible;
use crate::dashboard::components::form::Field;
use crate::dashboard::components::icon::{Icon, icon};
use crate::dashboard::components::notice::{Tone, notice};
use crate::dashboard::components::test_result::test_result;
use crate::dashboard::failure::Failure;
use crate::dashboard::fields::{Fields, Form};
use crate::dashboard::frame;
use crate::dashboard::submitted::Submitted;
use crate::dashboard::viewer::Viewer;
use crate::domain::endpoint::Endpoint;
use crate::ops::{NewExample, TestAttempt};

const TITLE: &str = "Send test data";

pub(super) fn router() -> Router<Arc<Pages>> {
    Router::new().route("/webhooks/{endpoint_id}/test", get(ask).post(send))
}

async fn ask(
    State(pages): State<Arc<Pages>>,
    Path(path): Path<WebhookPath>,
    viewer: Viewer,
) -> Result<Response, Failure> {
    viewer.access.require_writing()?;
    let webhooks = Webhooks::find(&pages, &viewer).await?;
    let endpoint = &webhooks.named(&path)?.endpoint;
    let form = Form::new(Fields::default());
    Ok(page(&viewer, &webhooks, endpoint, &form, None))
}

async fn send(
    State(pages): State<Arc<Pages>>,
    Path(path): Path<WebhookPath>,
    submitted: Submitted,
) -> Result<Response, Failure> {
    let Submitted { viewer, fields } = submitted;
    let webhooks = Webhooks::find(&pages, &viewer).await?;
    let endpoint = &webhooks.named(&path)?.endpoint;
    let wanted = NewExample { event_type: fields.text("event").to_owned(), index: 0, payload: None };
    let id = endpoint.id.to_string();
    match pages.operations.test_attempt(&viewer.access, &webhooks.id(), &id, wanted).await {
        Ok(test) => Ok(page(&viewer, &webhooks, endpoint, &Form::new(fields), Some(&test))),
        Err(error) => {
            let form = Form::refused(fields, error)?.shown_as("eventType", "event");
            Ok(page(&viewer, &webhooks, endpoint, &form, None))
        }
    }
}

fn page(
    viewer: &Viewer,
    webhooks: &Webhooks,
    endpoint: &Endpoint,
    form: &Form,
    test: Option<&TestAttempt>,
) -> Response {
    let status = if form.is_fine() { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
    let body = html! {
        section.card { div.body { div.stack data-dialog-body {
            @for why in form.errors_beside(&["event"]) { (notice(Tone::Bad, &html! { (why) })) }
            (frame::post(viewer, &rows::at(viewer, endpoint, "/test"), "stack", &fields(webhooks, endpoint, form, test.is_some())))
            @if let Some(test) = test { (test_result(&test.message.event_type, &test.attempt)) }
        } } }
    };
    Arrangement::from(viewer)
        .page_below(viewer, TITLE)
        .crumb(visible(&endpoint.url), viewer.place.endpoint(endpoint.application_id, endpoint.id))
        .status(status)
        .show(body)
}

fn fields(webhooks: &Webhooks, endpoint: &Endpoint, form: &Form, again: bool) -> Markup {
    let names = choices(webhooks, endpoint);
    let options = names.iter().map(|name| (name.as_str(), webhooks.called(name)));
    html! {
        @if names.is_empty() {
            p.muted { "There is no event in the catalogue to send an example of." }
        } @else {
            (Field::new("event", "Event to test").first()
                .hint("A made-up example is sent to your URL, signed like any other event and marked as a test. It is not kept.")
                .select(form, options))
            div.row { button.button.primary { (icon(Icon::Send)) (if again { "Send again" } else { TITLE }) } }
        }
    }
}

/// The events of the catalogue that the webhook sends.
fn choices(webhooks: &Webhooks, endpoint: &Endpoint) -> Vec<String> {
    let names = webhooks.events.iter().map(|event| &event.name);
    let wanted = |name: &&String| endpoint.event_types.as_ref().is_none_or(|wanted| wanted.contains(name));
    names.filter(wanted).cloned().collect()
}
