//! Webhooks as Shoprocket's documents have them: "Add Webhook", "Select Events", a URL, "Save Webhook"; and then a summary
//! with the status, the events and the secret key, from whose menu test data are sent (SEEDS B3–B13, B20).

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use maud::{Markup, html};

use super::rows::{self, Paged};
use super::{Arrangement, WebhookPath, Webhooks, inbox};
use crate::dashboard::Pages;
use crate::dashboard::components::data::{outside, short, visible};
use crate::dashboard::components::figures::{day_strip, percent};
use crate::dashboard::components::form::{Field, check, menu};
use crate::dashboard::components::icon::{Icon, icon};
use crate::dashboard::components::notice::{Tone, empty, notice};
use crate::dashboard::failure::Failure;
use crate::dashboard::fields::{Fields, Form};
use crate::dashboard::frame;
use crate::dashboard::notices::with_notice;
use crate::dashboard::submitted::Submitted;
use crate::dashboard::viewer::Viewer;
use crate::domain::endpoint::{Endpoint, EndpointChange};
use crate::domain::figures::Strip;
use crate::ops::Made;

const ADD: &str = "Add Webhook";
/// The events that were ticked.
const EVENTS: &str = "events";

pub(super) fn router() -> Router<Arc<Pages>> {
    Router::new()
        .route("/webhooks/new", get(add).post(create))
        .route("/webhooks/{endpoint_id}", get(show))
        .route("/webhooks/{endpoint_id}/edit", get(edit).post(save))
        .route("/webhooks/{endpoint_id}/state", post(switch))
}

/// The webhooks, newest first.
pub(super) async fn list(pages: &Pages, viewer: &Viewer, webhooks: &Webhooks) -> Result<Response, Failure> {
    let all = webhooks.routes.endpoints.iter().rev().map(|route| &route.endpoint).collect();
    let paged = Paged::of(viewer, all);
    let strips = paged.strips(pages, viewer).await?;
    let quiet = Strip::of(viewer.now, &[]);
    let add = html! {
        @if viewer.may_write() {
            a.button.primary href=(viewer.place.at("/webhooks/new")) { (icon(Icon::Plus)) (ADD) }
        }
    };
    let body = html! {
        section.card {
            header { h2 { "Webhooks" } }
            div id="webhooks" data-live-part {
                @if paged.rows().is_empty() {
                    (empty(Icon::Endpoint, "No webhooks yet", &html! {
                        "A webhook tells your own systems when something happens in your shop, such as an order being created."
                    }, &add))
                } @else {
                    div.scroll { table.webhooks {
                        caption.hidden-visually { "Webhooks" }
                        thead { tr {
                            th scope="col" { "URL" }
                            th scope="col" { "Status" }
                            th.wide scope="col" { "Events" }
                            th.wide scope="col" { "Last 24 hours" }
                            th.number scope="col" { "Success" }
                        } }
                        tbody { @for endpoint in paged.rows() {
                            (row(viewer, webhooks, endpoint, strips.get(&endpoint.id).unwrap_or(&quiet)))
                        } }
                    } }
                }
                (paged.pager(viewer))
            }
        }
    };
    let page = Arrangement::Summary.page(viewer).live();
    Ok(if webhooks.routes.endpoints.is_empty() { page } else { page.actions(add) }.show(body))
}

fn row(viewer: &Viewer, webhooks: &Webhooks, endpoint: &Endpoint, day: &Strip) -> Markup {
    html! {
        tr id=(endpoint.id) {
            td.main-cell { (rows::url(endpoint, &rows::at(viewer, endpoint, ""))) }
            td { (rows::status(endpoint)) }
            td.wide { (rows::events(webhooks, endpoint)) }
            td.wide.strip-cell { (day_strip("Last 24 hours", day, viewer.now)) }
            td.number { (percent(day.success())) }
        }
    }
}

async fn add(State(pages): State<Arc<Pages>>, viewer: Viewer) -> Result<Response, Failure> {
    viewer.access.require_writing()?;
    let webhooks = Webhooks::find(&pages, &viewer).await?;
    form_page(&pages, &viewer, &webhooks, None, &Form::default()).await
}

async fn create(State(pages): State<Arc<Pages>>, submitted: Submitted) -> Result<Response, Failure> {
    let Submitted { viewer, fields } = submitted;
    let webhooks = Webhooks::find(&pages, &viewer).await?;
    if inbox::is_wanted(&fields) {
        let form = inbox::filled_in(&pages, &viewer, &webhooks, fields, &["url"]).await?;
        return form_page(&pages, &viewer, &webhooks, None, &form).await;
    }
    let change = match wanted(&fields) {
        Ok(change) => change,
        Err(form) => return form_page(&pages, &viewer, &webhooks, None, &form).await,
    };
    match pages.operations.create_endpoint(&viewer.access, &webhooks.id(), change, None, None).await {
        Ok(Made::New(endpoint) | Made::Before(endpoint) | Made::Existing(endpoint)) => {
            Ok(Redirect::to(&with_notice(&rows::at(&viewer, &endpoint, ""), "saved")).into_response())
        }
        Err(error) => {
            let form = Form::refused(fields, error)?.shown_as("eventTypes", EVENTS);
            form_page(&pages, &viewer, &webhooks, None, &form).await
        }
    }
}

async fn edit(
    State(pages): State<Arc<Pages>>,
    Path(path): Path<WebhookPath>,
    viewer: Viewer,
) -> Result<Response, Failure> {
    viewer.access.require_writing()?;
    let webhooks = Webhooks::find(&pages, &viewer).await?;
    let endpoint = &webhooks.named(&path)?.endpoint;
    let fields = Fields::default().with("url", endpoint.url.as_str());
    let every = || webhooks.events.iter().map(|event| event.name.clone()).collect();
    let names: Vec<String> = endpoint.event_types.clone().unwrap_or_else(every);
    let fields = names.into_iter().fold(fields, |fields, name| fields.with(EVENTS, name));
    form_page(&pages, &viewer, &webhooks, Some(endpoint), &Form::new(fields)).await
}

async fn save(
    State(pages): State<Arc<Pages>>,
    Path(path): Path<WebhookPath>,
    submitted: Submitted,
) -> Result<Response, Failure> {
    let Submitted { viewer, fields } = submitted;
    let webhooks = Webhooks::find(&pages, &viewer).await?;
    let endpoint = &webhooks.named(&path)?.endpoint;
    if inbox::is_wanted(&fields) {
        let fields = fields.set("url", "");
        let form = inbox::filled_in(&pages, &viewer, &webhooks, fields, &["url"]).await?;
        return form_page(&pages, &viewer, &webhooks, Some(endpoint), &form).await;
    }
    let change = match wanted(&fields) {
        Ok(change) => change,
        Err(form) => return form_page(&pages, &viewer, &webhooks, Some(endpoint), &form).await,
    };
    let id = endpoint.id.to_string();
    match pages.operations.patch_endpoint(&viewer.access, &webhooks.id(), &id, change).await {
        Ok(endpoint) => Ok(Redirect::to(&with_notice(&rows::at(&viewer, &endpoint, ""), "saved")).into_response()),
        Err(error) => {
            let form = Form::refused(fields, error)?.shown_as("eventTypes", EVENTS);
            form_page(&pages, &viewer, &webhooks, Some(endpoint), &form).await
        }
    }
}

/// What the form wants; the form with what is wrong when that can be seen at once.
fn wanted(fields: &Fields) -> Result<EndpointChange, Form> {
    let events: Vec<_> = fields.all(EVENTS).map(str::to_owned).collect();
    if events.is_empty() {
        return Err(Form::new(fields.clone()).with_error(EVENTS, "select one event or several"));
    }
    Ok(EndpointChange {
        url: Some(fields.text("url").to_owned()),
        event_types: Some(Some(events)),
        ..EndpointChange::default()
    })
}

/// The form for a new webhook, or for one that is there.
async fn form_page(
    pages: &Pages,
    viewer: &Viewer,
    webhooks: &Webhooks,
    endpoint: Option<&Endpoint>,
    form: &Form,
) -> Result<Response, Failure> {
    let status = if form.is_fine() { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
    let (title, path, back) = match endpoint {
        Some(endpoint) => ("Edit webhook", rows::at(viewer, endpoint, "/edit"), rows::at(viewer, endpoint, "")),
        None => (ADD, viewer.place.at("/webhooks/new"), viewer.place.home()),
    };
    let note = inbox::note(pages, form.text("url")).await?;
    let fields = html! {
        div.body.fields {
            (select_events(webhooks, form))
            (Field::new("url", "URL").kind("url").placeholder("https://mysite.com/webhooks")
                .hint("Where the events are sent: an absolute URL, such as https://mysite.com/webhooks. It is public on the Internet, so verify each request with the secret key.")
                .input(form))
            p.muted.small { "No server yet? " (inbox::button("button-link")) " and see what arrives." }
            div.row {
                button.button.primary formnovalidate { "Save Webhook" }
                a.button href=(back) { "Cancel" }
            }
        }
    };
    let body = html! {
        @for why in form.errors_beside(&["url", EVENTS]) { (notice(Tone::Bad, &html! { (why) })) }
        (note)
        (frame::post(viewer, &path, "card", &fields))
    };
    let page = Arrangement::Summary.page_below(viewer, title).status(status);
    Ok(match endpoint {
        Some(endpoint) => page.crumb(visible(&endpoint.url), back),
        None => page,
    }
    .show(body))
}

/// The dropdown of events: boxes behind a line that says which are ticked (SEEDS B5).
fn select_events(webhooks: &Webhooks, form: &Form) -> Markup {
    let error = form.error(EVENTS);
    let of_catalogue = |name: &&str| webhooks.event(name).is_some();
    let unknown: Vec<&str> = form.fields().all(EVENTS).filter(|name| !of_catalogue(name)).collect();
    let ticked: Vec<&str> = form.fields().all(EVENTS).collect();
    html! {
        fieldset.field {
            legend { "Events" }
            details.drop.select open[error.is_some()] {
                summary.button aria-describedby=[error.map(|_| "events-error")] {
                    span.cut data-chosen="Select Events" {
                        @if ticked.is_empty() { "Select Events" } @else { (visible(&ticked.join(", "))) }
                    }
                    (icon(Icon::Chooser))
                }
                div.sheet {
                    @for event in &webhooks.events {
                        (check(form, EVENTS, &event.name, &html! {
                            span.mono { (outside(&event.name)) }
                            span.small.muted { " " (outside(&event.description)) }
                        }))
                    }
                    @for name in unknown { (check(form, EVENTS, name, &html! { span.mono { (outside(name)) } })) }
                }
            }
            @if let Some(why) = error { p.error id="events-error" { (why) } }
        }
    }
}

/// The summary of a webhook.
async fn show(
    State(pages): State<Arc<Pages>>,
    Path(path): Path<WebhookPath>,
    viewer: Viewer,
) -> Result<Response, Failure> {
    let webhooks = Webhooks::find(&pages, &viewer).await?;
    let endpoint = &webhooks.named(&path)?.endpoint;
    if Arrangement::from(&viewer) != Arrangement::Summary {
        // Elsewhere a webhook's page is its endpoint's, where the secret is hidden until it is asked for.
        return Ok(Redirect::to(&viewer.place.endpoint(endpoint.application_id, endpoint.id)).into_response());
    }
    let id = endpoint.id.to_string();
    let secret = match viewer.may_write() {
        true => Some(pages.operations.endpoint_secret(&viewer.access, &webhooks.id(), &id).await?),
        false => None,
    };
    let strips = pages.operations.strips_of_endpoints(&viewer.access, &[endpoint.id]).await?;
    let day = strips.into_values().next().unwrap_or_else(|| Strip::of(viewer.now, &[]));
    let log = viewer.place.endpoint(endpoint.application_id, endpoint.id) + "/deliveries";
    let body = html! {
        (inbox::note(&pages, &endpoint.url).await?)
        div.stack {
            section.card aria-label="Summary" { dl.facts.roomy {
                dt { "Status" } dd { (rows::status(endpoint)) }
                dt { "URL" } dd.mono { (outside(&endpoint.url)) }
                dt { "Events" } dd { (events_sent(&webhooks, endpoint)) }
                dt { "Secret key" } dd { (secret_key(secret.as_deref())) }
            } }
            section.card {
                header { h2 { "Last 24 hours" } a.button.small href=(log) { "Delivery log" } }
                div.body.strip-and-share { (day_strip("Last 24 hours", &day, viewer.now)) span { (percent(day.success())) " taken" } }
            }
        }
    };
    Ok(Arrangement::Summary
        .page_below(&viewer, "Webhook")
        .lead(html! { span.mono { (outside(&endpoint.url)) } })
        .actions(actions(&viewer, endpoint))
        .show(body))
}

fn events_sent(webhooks: &Webhooks, endpoint: &Endpoint) -> Markup {
    html! {
        @match &endpoint.event_types {
            None => "All events, also those that are added later",
            Some(names) => ul.lines {
                @for name in names {
                    li {
                        span.mono { (outside(name)) }
                        @if let Some(event) = webhooks.event(name) { " " span.small.muted { (outside(&event.description)) } }
                    }
                }
            }
        }
    }
}

fn secret_key(secret: Option<&str>) -> Markup {
    html! {
        @match secret {
            Some(secret) => {
                (short("secret-key", secret))
                p.small.muted { "Verify with it that a request to your URL is a valid one from us: its signature is in the header " code { "webhook-signature" } "." }
            }
            None => span.muted { "Hidden from who may only look" },
        }
    }
}

/// The menu at the top right.
fn actions(viewer: &Viewer, endpoint: &Endpoint) -> Markup {
    let (to, name, shape) = match endpoint.disabled {
        None => ("disabled", "Disable", Icon::Minus),
        Some(_) => ("enabled", "Enable", Icon::Check),
    };
    let items = html! {
        (rows::test_link(viewer, endpoint, "item", "Send test data"))
        a href=(rows::at(viewer, endpoint, "/edit")) { (icon(Icon::Edit)) "Edit" }
        (frame::post(viewer, &rows::at(viewer, endpoint, "/state"), "", &html! {
            button name="to" value=(to) { (icon(shape)) (name) }
        }))
        (rows::removal_link(viewer, endpoint, "item", "Delete"))
    };
    html! { @if viewer.may_write() { (menu(&html! { "Actions" (icon(Icon::Chooser)) }, &items)) } }
}

/// Switches a webhook on or off.
async fn switch(
    State(pages): State<Arc<Pages>>,
    Path(path): Path<WebhookPath>,
    submitted: Submitted,
) -> Result<Response, Failure> {
    let Submitted { viewer, fields } = submitted;
    let webhooks = Webhooks::find(&pages, &viewer).await?;
    let endpoint = &webhooks.named(&path)?.endpoint;
    let change = EndpointChange { disabled: Some(fields.text("to") == "disabled"), ..EndpointChange::default() };
    let id = endpoint.id.to_string();
    let endpoint = pages.operations.patch_endpoint(&viewer.access, &webhooks.id(), &id, change).await?;
    Ok(Redirect::to(&with_notice(&rows::at(&viewer, &endpoint, ""), "saved")).into_response())
}
