//! Adding an endpoint: where it is, what it wants, and more for who needs more. Who has no server yet gets an inbox.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use maud::{Markup, html};
use serde::Deserialize;

use crate::dashboard::Pages;
use crate::dashboard::components::data::visible;
use crate::dashboard::components::event_tree::{Choice, chosen, event_tree};
use crate::dashboard::components::form::{Field, check};
use crate::dashboard::components::icon::{Icon, icon};
use crate::dashboard::components::notice::{Tone, notice};
use crate::dashboard::failure::Failure;
use crate::dashboard::fields::{Fields, Form};
use crate::dashboard::frame::{self, Page, Section};
use crate::dashboard::notices::with_notice;
use crate::dashboard::place::Place;
use crate::dashboard::submitted::Submitted;
use crate::dashboard::viewer::Viewer;
use crate::domain::application::Application;
use crate::domain::endpoint::EndpointChange;
use crate::domain::environment::EndpointRules;
use crate::domain::event_type::EventType;
use crate::domain::inbox::Inbox;
use crate::ops::{Made, OpError};

/// What the button sends that wants an inbox.
const INBOX: &str = "inbox";

pub(super) fn router() -> Router<Arc<Pages>> {
    Router::new().route("/endpoints/new", get(show).post(create))
}

#[derive(Deserialize)]
struct ApplicationPath {
    application_id: String,
}

async fn show(
    State(pages): State<Arc<Pages>>,
    Path(path): Path<ApplicationPath>,
    viewer: Viewer,
) -> Result<Response, Failure> {
    let application = pages.operations.application(&viewer.access, &path.application_id).await?;
    viewer.access.require_writing()?;
    let form = Form::new(viewer.query.clone());
    page(&pages, &viewer, &application, &form, None).await
}

async fn create(
    State(pages): State<Arc<Pages>>,
    Path(path): Path<ApplicationPath>,
    submitted: Submitted,
) -> Result<Response, Failure> {
    let Submitted { viewer, fields } = submitted;
    let application = pages.operations.application(&viewer.access, &path.application_id).await?;
    if fields.text("action") == INBOX {
        return with_inbox(&pages, &viewer, &application, fields).await;
    }
    let change = match wanted(&fields, viewer.environment.settings.endpoint_rules) {
        Ok(change) => change,
        Err(form) => return page(&pages, &viewer, &application, &form, None).await,
    };
    let id = application.id.to_string();
    match pages.operations.create_endpoint(&viewer.access, &id, change, None, None).await {
        Ok(Made::New(endpoint) | Made::Before(endpoint) | Made::Existing(endpoint)) => {
            let path = viewer.place.endpoint(application.id, endpoint.id);
            Ok(Redirect::to(&with_notice(&path, "created")).into_response())
        }
        Err(error) => page(&pages, &viewer, &application, &refused(fields, error)?, None).await,
    }
}

/// The form once more, with the URL of a new inbox in it.
async fn with_inbox(
    pages: &Pages,
    viewer: &Viewer,
    application: &Application,
    fields: Fields,
) -> Result<Response, Failure> {
    let made = pages.operations.create_inbox(&viewer.access, Some(&application.id.to_string()), None, None).await;
    match made {
        Ok(Made::New(inbox) | Made::Before(inbox) | Made::Existing(inbox)) => {
            let fields = fields.set("url", pages.operations.inboxes().url(&inbox.token));
            page(pages, viewer, application, &Form::new(fields), Some(&inbox)).await
        }
        Err(error) => page(pages, viewer, application, &Form::refused(fields, error)?, None).await,
    }
}

/// What is wanted of an endpoint by the fields that its form and its settings share; a form with what is wrong when
/// that can be seen at once.
pub(super) fn wanted(fields: &Fields, rules: EndpointRules) -> Result<EndpointChange, Form> {
    let throttle_rate = match fields.filled("throttle_rate").map(str::parse) {
        None => None,
        Some(Ok(rate)) => Some(rate),
        Some(Err(_)) => {
            let why = "must be a whole number of messages a second, or empty for no limit";
            return Err(Form::new(fields.clone()).with_error("throttle_rate", why));
        }
    };
    let names = |text: &str| -> Vec<String> {
        text.split([' ', ',', '\n', '\t']).filter(|name| !name.is_empty()).map(str::to_owned).collect()
    };
    let event_types = chosen(fields, choice(rules));
    if event_types.as_ref().is_some_and(Vec::is_empty) {
        let why = match choice(rules) {
            Choice::Any => "choose at least one, or all events",
            Choice::One => "choose one",
        };
        return Err(Form::new(fields.clone()).with_error("event_types", why));
    }
    Ok(EndpointChange {
        url: Some(fields.text("url").to_owned()),
        description: Some(fields.text("description").to_owned()),
        event_types: Some(event_types),
        channels: Some(Some(names(fields.text("channels"))).filter(|names| !names.is_empty())),
        throttle_rate: Some(throttle_rate),
        ordered: Some(fields.has("ordered", "yes")),
        ..EndpointChange::default()
    })
}

/// How event types are chosen where these rules hold.
pub(super) const fn choice(rules: EndpointRules) -> Choice {
    if rules.one_for_each_event_type { Choice::One } else { Choice::Any }
}

/// The form as it was sent, with what an operation says is wrong beside its fields.
pub(super) fn refused(fields: Fields, error: OpError) -> Result<Form, OpError> {
    let form = Form::refused(fields, error)?;
    Ok(form
        .shown_as("eventTypes", "event_types")
        .shown_as("throttleRate", "throttle_rate")
        .shown_as("retrySchedule", "retry_schedule"))
}

/// The fields of the form that are errors' own; what else is wrong is said above it.
pub(super) const FIELDS: [&str; 6] =
    ["url", "description", "event_types", "channels", "throttle_rate", "retry_schedule"];

async fn page(
    pages: &Pages,
    viewer: &Viewer,
    application: &Application,
    form: &Form,
    inbox: Option<&Inbox>,
) -> Result<Response, Failure> {
    let place = viewer.place;
    let catalogue = pages.operations.event_types_in_order(&viewer.access, false).await?;
    let path = format!("{}/endpoints/new", place.application(application.id));
    let status = if form.is_fine() { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
    let body = html! {
        @for why in form.errors_beside(&FIELDS) { (notice(Tone::Bad, &html! { (why) })) }
        @if let Some(inbox) = inbox { (inbox_made(inbox)) }
        (frame::post(viewer, &path, "card", &fields(viewer, form, &catalogue)))
    };
    let page = Page::new(viewer, Section::Endpoints, "Add endpoint").status(status);
    let page = match place {
        Place::Dashboard(_) => page
            .crumb("Applications", place.at("/applications"))
            .crumb(visible(&application.name), place.application(application.id)),
        Place::Portal(_) => page.crumb("Endpoints", place.home()),
    };
    Ok(page.show(body))
}

fn fields(viewer: &Viewer, form: &Form, catalogue: &[EventType]) -> Markup {
    let rules = viewer.environment.settings.endpoint_rules;
    html! {
        div.body {
            div.fields {
                (url_field(rules, "https://example.com/webhooks").required().first().input(form))
                div.row {
                    button.button.small name="action" value=(INBOX) formnovalidate { (icon(Icon::Inbox)) "Use an inbox" }
                    span.muted.small { "No server yet? An inbox takes what is sent and shows it to you." }
                }
                (Field::new("description", "Description").placeholder("What is behind it").input(form))
                (event_tree(form, catalogue, choice(rules)))
                details open[has_more(form)] {
                    summary { "More" }
                    div.stack { (more(form)) }
                }
                div.row {
                    button.button.primary { "Add endpoint" }
                    a.button href=(viewer.place.home()) { "Cancel" }
                }
            }
        }
    }
}

fn has_more(form: &Form) -> bool {
    ["channels", "throttle_rate", "ordered"]
        .iter()
        .any(|name| !form.text(name).is_empty() || form.error(name).is_some())
}

/// The field for the URL, with what to know before one gives it (SEEDS C10, D8).
pub(super) fn url_field(rules: EndpointRules, placeholder: &str) -> Field<'_> {
    let hint = html! {
        @if rules.https_only { "It must begin with https://. " }
        @else { "Better https:// than http://: what goes over plain HTTP can be read and changed on its way. " }
        "The URL is public on the Internet and needs the usual precautions: verify the signature of each request."
    };
    Field::new("url", "URL").kind("url").placeholder(placeholder).hint_markup(hint)
}

/// The fields that few need.
pub(super) fn more(form: &Form) -> Markup {
    html! {
        (Field::new("throttle_rate", "Rate limit").kind("number").placeholder("No limit")
            .hint("At most so many messages a second; the others wait.").input(form))
        (Field::new("channels", "Channels").placeholder("All")
            .hint("Only messages of one of these channels, with blanks between them. Empty for every message.").input(form))
        (check(form, "ordered", "yes", &html! {
            "Keep order: one message at a time, as they were accepted. One that fails keeps the next waiting."
        }))
    }
}

fn inbox_made(inbox: &Inbox) -> Markup {
    let text = html! {
        "An inbox was made, and its URL is filled in. "
        a href=(format!("/inbox/{}", inbox.token)) target="_blank" rel="noopener" { "Look into the inbox" }
        " in another tab while events arrive."
    };
    notice(Tone::Good, &text)
}
