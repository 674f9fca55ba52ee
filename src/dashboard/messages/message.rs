//! One message: what it is, what became of it at each endpoint and why, every attempt with the ones to come, and its
//! payload.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::Response;
use maud::{Markup, html};

use super::{MessagePath, list_name, of_state, outcome, path_of, payload, timeline};
use crate::dashboard::Pages;
use crate::dashboard::components::data;
use crate::dashboard::components::form::nothing;
use crate::dashboard::components::icon::{Icon, icon};
use crate::dashboard::components::status::{Status, pill};
use crate::dashboard::components::time::{ago, exact, took};
use crate::dashboard::failure::Failure;
use crate::dashboard::frame::{Page, Section, post};
use crate::dashboard::viewer::Viewer;
use crate::domain::delivery::{Attempt, AttemptFilter, Standing, Trigger};
use crate::domain::id::EndpointId;
use crate::domain::message::{Message, MessageFilter};
use crate::domain::time::{Span, Timestamp};
use crate::ops::{AttemptsPage, OpError, Operations, Why};

/// Endpoints that are shown.
const ENDPOINTS_SHOWN: usize = 50;
/// Attempts that are shown, over all endpoints.
const ATTEMPTS_SHOWN: usize = 200;

/// What the page shows.
struct Told {
    message: Message,
    application_name: String,
    reasons: Vec<Why>,
    /// By endpoint, oldest first.
    attempts: BTreeMap<EndpointId, Vec<Attempt>>,
    more_attempts: bool,
    /// The attempts to come, by endpoint.
    to_come: BTreeMap<EndpointId, Vec<Timestamp>>,
}

/// The page of a message.
pub(super) async fn show(
    State(pages): State<Arc<Pages>>,
    viewer: Viewer,
    Path(path): Path<MessagePath>,
) -> Result<Response, Failure> {
    let told = read(&pages.operations, &viewer, &path).await?;
    let message = &told.message;
    let mut page = Page::new(&viewer, Section::Messages, &message.event_type)
        .crumb(list_name(&viewer), viewer.place.at("/messages"))
        .lead(data::short("message-id", &message.id.to_string()))
        .live();
    if !viewer.place.is_portal() {
        let application = viewer.place.application(message.application_id);
        page = page.crumb(data::visible(&told.application_name), application);
    }
    Ok(page.show(html! {
        div.main-and-aside {
            div.stack {
                (deliveries(&viewer, &told))
                (payload::card(&viewer, message))
            }
            (facts(&viewer, &told))
        }
    }))
}

async fn read(operations: &Operations, viewer: &Viewer, path: &MessagePath) -> Result<Told, OpError> {
    let (access, application) = (&viewer.access, path.application_id.as_str());
    let message = operations.message(access, application, &path.message_id, true).await?;
    let id = message.id.to_string();
    let (_, mut reasons) = operations.why(access, application, &id).await?;
    reasons.sort_by_key(|why| (why.journey.standing.is_none(), why.endpoint_id));
    let all = AttemptFilter {
        endpoint_id: None,
        succeeded: None,
        status_class: None,
        made: Span::ALL,
        messages: MessageFilter::default(),
    };
    let page = AttemptsPage { before: None, limit: ATTEMPTS_SHOWN, with_content: false };
    let found = operations.attempts_of_message(access, application, &id, None, all, page).await?;
    let mut attempts: BTreeMap<_, Vec<Attempt>> = BTreeMap::new();
    for attempt in found.rows.into_iter().rev() {
        attempts.entry(attempt.endpoint_id).or_default().push(attempt);
    }
    let mut to_come = BTreeMap::new();
    for why in reasons.iter().take(ENDPOINTS_SHOWN) {
        let waits = matches!(why.journey.standing, Some(Standing::Waiting(_)));
        // One that has never been tried shows when it is due, and no more.
        if waits && why.endpoint.is_some() && why.journey.attempts > 0 {
            let times = operations.schedule_of(access, application, &id, &why.endpoint_id.to_string()).await?;
            to_come.insert(why.endpoint_id, times);
        }
    }
    let application_name = operations.application(access, application).await?.name;
    Ok(Told { message, application_name, reasons, attempts, more_attempts: found.next.is_some(), to_come })
}

fn facts(viewer: &Viewer, told: &Told) -> Markup {
    let message = &told.message;
    html! {
        aside.card aria-label="Details" {
            header { h2 { "Details" } }
            dl.facts.body {
                dt { "Accepted" }
                dd { (ago(message.id.time(), viewer.now)) br; (exact(message.id.time())) }
                dt { "Event type" }
                dd { a.mono href=(viewer.place.event_type(&message.event_type)) { (message.event_type) } }
                @if !viewer.place.is_portal() {
                    dt { "Application" }
                    dd {
                        a href=(viewer.place.application(message.application_id)) { (data::outside(&told.application_name)) }
                    }
                }
                @if let Some(event_id) = &message.event_id {
                    dt { "Event id" }
                    dd { (data::short("event-id", event_id)) }
                }
                @if !message.channels.is_empty() {
                    dt { "Channels" }
                    dd { ul.tags { @for channel in &message.channels { li.tag { (channel) } } } }
                }
                dt { "Payload" }
                dd {
                    @match &message.payload {
                        Some(payload) => { (payload.len()) " bytes, kept until " (exact(message.expires_at)) }
                        None => "Deleted",
                    }
                }
            }
        }
    }
}

fn deliveries(viewer: &Viewer, told: &Told) -> Markup {
    let (sent, not_sent): (Vec<_>, Vec<_>) = told
        .reasons
        .iter()
        .take(ENDPOINTS_SHOWN)
        .partition(|why| why.journey.standing.is_some() || why.journey.attempts > 0);
    let rest = told.reasons.len().saturating_sub(ENDPOINTS_SHOWN);
    html! {
        div.stack id="deliveries" data-live-part {
            h2.hidden-visually { "Deliveries" }
            @if told.reasons.is_empty() {
                div.card { p.body.muted {
                    "There was no endpoint when the message was accepted, so it was kept and sent nowhere."
                } }
            }
            @for why in &sent { (delivery(viewer, told, why)) }
            @if !not_sent.is_empty() { (passed_over(viewer, told, &not_sent)) }
            @if rest > 0 { p.muted.small { "And " (rest) " more endpoints, which the API tells of." } }
            @if told.more_attempts {
                p.muted.small { "These are the newest " (ATTEMPTS_SHOWN) " attempts; the API tells of those before." }
            }
        }
    }
}

/// How it fares at an endpoint, in a word.
fn status(why: &Why) -> (Status, &'static str) {
    match why.journey.standing {
        Some(Standing::Ended(state)) => of_state(state),
        Some(Standing::Waiting(_)) if why.journey.last.as_ref().is_some_and(|last| !last.succeeded()) => {
            (Status::Retrying, "retrying")
        }
        Some(Standing::Waiting(_)) => (Status::Queued, "waiting"),
        None => (Status::Disabled, "not sent"),
    }
}

/// One endpoint that it was sent to, or will be.
fn delivery(viewer: &Viewer, told: &Told, why: &Why) -> Markup {
    let (status, word) = status(why);
    let attempts = told.attempts.get(&why.endpoint_id).map_or(&[][..], Vec::as_slice);
    let to_come = told.to_come.get(&why.endpoint_id).map_or(&[][..], Vec::as_slice);
    html! {
        section.card id=(why.endpoint_id) {
            header { h2 { (endpoint(viewer, told, why)) } (pill(status, word)) (resend(viewer, told, why, "Resend")) }
            div.body.stack-small {
                p.muted { (why.explanation()) }
                @if let Some(due) = why.journey.standing.and_then(Standing::next_attempt) { (next(due, to_come, viewer.now)) }
                (timeline::drawn(told.message.id.time(), attempts, to_come, viewer.now))
            }
            @if !attempts.is_empty() { (table(viewer, told, attempts)) }
        }
    }
}

/// When it is tried again.
fn next(due: Timestamp, to_come: &[Timestamp], now: Timestamp) -> Markup {
    let later = to_come.len().saturating_sub(1);
    html! {
        p {
            "Next attempt " @if due > now { (ago(due, now)) } @else { "now" }
            @if let (Some(last), 1..) = (to_come.last(), later) {
                ", and " (later) " more after it, the last " (ago(*last, now))
            }
            "."
        }
    }
}

/// The endpoints that it was not sent to, and why.
fn passed_over(viewer: &Viewer, told: &Told, reasons: &[&Why]) -> Markup {
    html! {
        section.card {
            header { h2 { "Not sent to" } }
            ul.rows {
                @for why in reasons {
                    li.spread {
                        div {
                            (endpoint(viewer, told, why))
                            p.muted.small { (why.explanation()) }
                        }
                        (resend(viewer, told, why, "Send anyway"))
                    }
                }
            }
        }
    }
}

/// An endpoint by its URL, as a link to its page.
fn endpoint(viewer: &Viewer, told: &Told, why: &Why) -> Markup {
    match &why.endpoint {
        Some(endpoint) => html! {
            a.mono.subject.cut href=(viewer.place.endpoint(told.message.application_id, endpoint.id)) title=(data::visible(&endpoint.url)) {
                (data::outside(&endpoint.url))
            }
        },
        None => html! { span.muted { "Deleted endpoint " span.mono { (why.endpoint_id) } } },
    }
}

/// A button that has it sent there once more, where that can be.
fn resend(viewer: &Viewer, told: &Told, why: &Why, label: &str) -> Markup {
    let is_open = why.endpoint.as_ref().is_some_and(|endpoint| endpoint.disabled.is_none());
    if !is_open || told.message.payload.is_none() || !viewer.may_write() {
        return nothing();
    }
    let path = format!("{}/endpoints/{}/resend", path_of(viewer, &told.message), why.endpoint_id);
    let name = format!("{label}: {}", why.endpoint.as_ref().map_or("", |endpoint| endpoint.url.as_str()));
    post(
        viewer,
        &path,
        "inline",
        &html! {
            button.button.small aria-label=(data::visible(&name)) { (icon(Icon::Send)) (label) }
        },
    )
}

fn table(viewer: &Viewer, told: &Told, attempts: &[Attempt]) -> Markup {
    html! {
        div.scroll {
            table {
                caption.hidden-visually { "Attempts, newest first" }
                thead {
                    tr {
                        th scope="col" { "Attempt" }
                        th scope="col" { "Outcome" }
                        th scope="col" { "When" }
                        th.number scope="col" { "Took" }
                        th scope="col" { span.hidden-visually { "Details" } }
                    }
                }
                tbody {
                    @for attempt in attempts.iter().rev() {
                        tr id=(attempt.id) {
                            td.nowrap {
                                (attempt.number)
                                @if attempt.trigger == Trigger::Manual { " " span.faint { "asked for" } }
                            }
                            td { (outcome(attempt)) }
                            td { (ago(attempt.id.time(), viewer.now)) }
                            td.number.nowrap { (took(std::time::Duration::from_millis(attempt.duration_ms))) }
                            td.number {
                                a href=(format!("{}/attempts/{}", path_of(viewer, &told.message), attempt.id)) data-dialog
                                    aria-label=(format!("Details of attempt {}", attempt.number)) { "Details" }
                            }
                        }
                    }
                }
            }
        }
    }
}
