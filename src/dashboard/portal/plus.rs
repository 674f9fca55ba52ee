//! Webhooks as Rose Rocket's documents have them: choose an event, enter a URL, click the plus sign (SEEDS A9–A13). An
//! event may go to many URLs, each in a row of its own under the event's group (A43).

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::post;
use maud::{Markup, html};

use super::rows::{self, Paged};
use super::{Arrangement, Webhooks, inbox};
use crate::dashboard::Pages;
use crate::dashboard::components::data::outside;
use crate::dashboard::components::event_tree::groups;
use crate::dashboard::components::figures::{day_strip, percent};
use crate::dashboard::components::form::Field;
use crate::dashboard::components::icon::{Icon, icon};
use crate::dashboard::components::notice::{Tone, empty, notice};
use crate::dashboard::failure::Failure;
use crate::dashboard::fields::Form;
use crate::dashboard::frame;
use crate::dashboard::notices::with_notice;
use crate::dashboard::submitted::Submitted;
use crate::dashboard::viewer::Viewer;
use crate::domain::endpoint::{Endpoint, EndpointChange};
use crate::domain::figures::Strip;

/// The group of webhooks that have several events, all, or one that is not in the catalogue.
const OTHERS: &str = "Others";
const FIELDS: [&str; 2] = ["event", "url"];

pub(super) fn router() -> Router<Arc<Pages>> {
    Router::new().route("/webhooks", post(add))
}

/// Adds a row, which stands in the list at once.
async fn add(State(pages): State<Arc<Pages>>, submitted: Submitted) -> Result<Response, Failure> {
    let Submitted { viewer, fields } = submitted;
    let webhooks = Webhooks::find(&pages, &viewer).await?;
    if inbox::is_wanted(&fields) {
        let form = inbox::filled_in(&pages, &viewer, &webhooks, fields, &["url"]).await?;
        return show(&pages, &viewer, &webhooks, &form).await;
    }
    let Some(event) = fields.filled("event") else {
        let form = Form::new(fields).with_error("event", "choose the event that you want to be notified about");
        return show(&pages, &viewer, &webhooks, &form).await;
    };
    let change = EndpointChange {
        url: Some(fields.text("url").to_owned()),
        event_types: Some(Some(vec![event.to_owned()])),
        ..EndpointChange::default()
    };
    match pages.operations.create_endpoint(&viewer.access, &webhooks.id(), change, None, None).await {
        Ok(_) => Ok(Redirect::to(&with_notice(&viewer.place.home(), "created")).into_response()),
        Err(error) => {
            let form = Form::refused(fields, error)?.shown_as("eventTypes", "event");
            show(&pages, &viewer, &webhooks, &form).await
        }
    }
}

/// The list, with the row that adds to it.
pub(super) async fn show(
    pages: &Pages,
    viewer: &Viewer,
    webhooks: &Webhooks,
    form: &Form,
) -> Result<Response, Failure> {
    let paged = Paged::of(viewer, in_order(webhooks));
    let strips = paged.strips(pages, viewer).await?;
    let inbox = inbox::note(pages, form.text("url")).await?;
    let status = if form.is_fine() { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
    let body = html! {
        @for why in form.errors_beside(&FIELDS) { (notice(Tone::Bad, &html! { (why) })) }
        (inbox)
        div.stack {
            section.card aria-label="Webhooks" {
                @if viewer.may_write() {
                    (frame::post(viewer, &viewer.place.at("/webhooks"), "plus", &row_to_add(webhooks, form)))
                }
                div id="webhooks" data-live-part {
                    @if paged.rows().is_empty() {
                        (empty(Icon::Endpoint, "No webhooks yet", &html! {
                            "Choose an event, enter your URL and click the plus sign; from then on your URL gets a request for each such event."
                        }, &html! {}))
                    } @else {
                        (table(viewer, webhooks, paged.rows(), &strips))
                    }
                    (paged.pager(viewer))
                }
            }
            (guidance(viewer))
        }
    };
    let lead = html! { "An event may go to as many URLs as you like." };
    Ok(Arrangement::Plus.page(viewer).lead(lead).live().status(status).show(body))
}

/// The place of a webhook's event in the catalogue, if it is one event that stands there.
fn place(webhooks: &Webhooks, endpoint: &Endpoint) -> Option<usize> {
    let [name] = endpoint.event_types.as_deref()? else { return None };
    webhooks.events.iter().position(|event| event.name == *name)
}

/// The webhooks by group and event, as the catalogue orders them, and all others at the end.
fn in_order(webhooks: &Webhooks) -> Vec<&Endpoint> {
    let by_group: Vec<&str> =
        groups(&webhooks.events).into_iter().flat_map(|(_, events)| events).map(|event| event.name.as_str()).collect();
    let mut all: Vec<&Endpoint> = webhooks.routes.endpoints.iter().map(|route| &route.endpoint).collect();
    all.sort_by_key(|endpoint| match place(webhooks, endpoint) {
        Some(_) => {
            let name = endpoint.event_types.as_ref().and_then(|names| names.first());
            by_group.iter().position(|known| name.is_some_and(|name| name == known)).unwrap_or(usize::MAX)
        }
        None => usize::MAX,
    });
    all
}

fn row_to_add(webhooks: &Webhooks, form: &Form) -> Markup {
    let options = groups(&webhooks.events).into_iter().map(|(group, events)| {
        let shown =
            events.into_iter().map(|event| (event.name.as_str(), event.title.as_deref().unwrap_or(&event.name)));
        (group, shown.collect::<Vec<_>>())
    });
    html! {
        (Field::new("event", "Event").select_grouped(form, "Choose an event", options))
        (Field::new("url", "URL").kind("url").placeholder("https://example.com/webhooks").input(form))
        button.button.primary.icon formnovalidate aria-label="Add webhook" title="Add webhook" { (icon(Icon::Plus)) }
        p.hint {
            "Any URL; best an address of its own on your server. No server yet? "
            (inbox::button("button-link"))
        }
    }
}

fn table(
    viewer: &Viewer,
    webhooks: &Webhooks,
    rows: &[&Endpoint],
    strips: &std::collections::BTreeMap<crate::domain::id::EndpointId, Strip>,
) -> Markup {
    let mut grouped: Vec<(&str, Vec<&Endpoint>)> = Vec::new();
    let groups = groups(&webhooks.events);
    for endpoint in rows {
        let event = place(webhooks, endpoint).and_then(|place| webhooks.events.get(place));
        let has = |events: &[&crate::domain::event_type::EventType]| {
            event.is_some_and(|event| events.iter().any(|other| other.name == event.name))
        };
        let group = groups.iter().find(|(_, events)| has(events)).map_or(OTHERS, |(group, _)| group);
        match grouped.last_mut() {
            Some((last, members)) if *last == group => members.push(endpoint),
            _ => grouped.push((group, vec![endpoint])),
        }
    }
    let quiet = Strip::of(viewer.now, &[]);
    html! {
        div.scroll {
            table.webhooks.stacks {
                caption.hidden-visually { "Webhooks" }
                thead { tr {
                    th scope="col" { "Event" }
                    th scope="col" { "URL" }
                    th scope="col" { "Status" }
                    th.wide scope="col" { "Last 24 hours" }
                    th scope="col" { span.hidden-visually { "Actions" } }
                } }
                @for (group, members) in grouped {
                    tbody {
                        tr.group { th scope="rowgroup" colspan="5" { (outside(group)) } }
                        @for endpoint in members {
                            (row(viewer, webhooks, endpoint, strips.get(&endpoint.id).unwrap_or(&quiet)))
                        }
                    }
                }
            }
        }
    }
}

fn row(viewer: &Viewer, webhooks: &Webhooks, endpoint: &Endpoint, day: &Strip) -> Markup {
    html! {
        tr id=(endpoint.id) {
            td.event-cell {
                @match endpoint.event_types.as_deref() {
                    Some([name]) => (outside(webhooks.called(name))),
                    _ => (rows::events(webhooks, endpoint)),
                }
            }
            td.main-cell { (rows::url(endpoint, &viewer.place.endpoint(endpoint.application_id, endpoint.id))) }
            td { (rows::status(endpoint)) }
            td.wide.strip-cell title=(percent(day.success())) { (day_strip("Last 24 hours", day, viewer.now)) }
            td.actions-cell { span.row.end {
                (rows::test_link(viewer, endpoint, "button plain small", "Test"))
                (rows::removal_link(viewer, endpoint, "button plain small", "Remove"))
            } }
        }
    }
}

/// What to know before one receives (SEEDS A15–A20).
fn guidance(viewer: &Viewer) -> Markup {
    let tries_once = viewer.environment.settings.retry_schedule.delays().is_empty();
    html! {
        aside.card.guidance aria-label="Receiving webhooks" {
            header { h2 { "Receiving webhooks" } }
            div.body.columns {
                p {
                    strong { "Answer with a 2xx status at once." } " Put what you receive in a queue, and process it afterwards"
                    @if tries_once { ": an event that is not taken is not sent again." } @else { "." }
                }
                p {
                    strong { "Expect an event more than once." } " Log the " code { "webhook-id" } " of those that you have "
                    "processed, and leave out those that are in the log. It is the same whenever the same event is sent."
                }
                p { strong { "Verify the signature" } " with the secret of the webhook, so that you know who sent it." }
            }
        }
    }
}
