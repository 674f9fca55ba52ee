//! What was sent to an endpoint, attempt by attempt, and what waits for it; anything can be sent again from here.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use maud::{Markup, html};

use super::{EndpointPath, Shown, View};
use crate::dashboard::Pages;
use crate::dashboard::components::data::outside;
use crate::dashboard::components::form::{Field, nothing};
use crate::dashboard::components::icon::{Icon, icon};
use crate::dashboard::components::list::pager;
use crate::dashboard::components::notice::empty;
use crate::dashboard::components::status::{Status, pill};
use crate::dashboard::components::time::{ago, took};
use crate::dashboard::failure::Failure;
use crate::dashboard::fields::{Fields, Form};
use crate::dashboard::frame;
use crate::dashboard::notices::with_notice;
use crate::dashboard::submitted::Submitted;
use crate::dashboard::viewer::Viewer;
use crate::domain::delivery::{Attempt, AttemptFilter, Standing, Trigger};
use crate::domain::event_type::EventType;
use crate::domain::id::{AttemptId, MessageId};
use crate::domain::message::{Message, MessageFilter};
use crate::domain::time::{Span, Timestamp};
use crate::ops::{AttemptsPage, DestinedFilter, MessagesPage, OpError};

/// Attempts on a page.
const ROWS: usize = 50;
/// Messages that wait and are shown; the others come when these are gone.
const WAITING_ROWS: usize = 100;
const HOUR: Duration = Duration::from_secs(3_600);

/// How far back may be looked, as the filter calls it.
const PERIODS: [(&str, &str, Duration); 4] = [
    ("1h", "Last hour", HOUR),
    ("24h", "Last 24 hours", Duration::from_secs(24 * 3_600)),
    ("7d", "Last 7 days", Duration::from_secs(7 * 24 * 3_600)),
    ("30d", "Last 30 days", Duration::from_secs(30 * 24 * 3_600)),
];

/// The hundreds of an answer's status, as the filter calls them.
const CLASSES: [(&str, &str); 6] =
    [("", "All answers"), ("200", "2xx"), ("300", "3xx"), ("400", "4xx"), ("500", "5xx"), ("0", "No answer")];

pub(super) fn router() -> Router<Arc<Pages>> {
    Router::new()
        .route("/endpoints/{endpoint_id}/deliveries", get(show))
        .route("/endpoints/{endpoint_id}/resend", post(resend))
}

async fn show(
    State(pages): State<Arc<Pages>>,
    Path(path): Path<EndpointPath>,
    viewer: Viewer,
) -> Result<Response, Failure> {
    let shown = Shown::find(&pages, &viewer, &path).await?;
    let catalogue = pages.operations.event_types_in_order(&viewer.access, false).await?;
    let list = match viewer.query.text("outcome") {
        "waiting" => waiting(&pages, &viewer, &shown).await?,
        _ => attempts(&pages, &viewer, &shown).await?,
    };
    let body = html! {
        (shown.banner(&viewer))
        section.card {
            (filters(&viewer, &shown, &catalogue))
            (list)
        }
    };
    let recover = html! {
        @if viewer.may_write() {
            a.button href=(shown.at(viewer.place, "/recover")) data-dialog { (icon(Icon::Retry)) "Recover failed" }
        }
    };
    let page = shown.page(&viewer, View::Deliveries).actions(recover);
    let is_newest = viewer.query.filled("before").is_none();
    Ok(if is_newest { page.live() } else { page }.show(body))
}

fn filters(viewer: &Viewer, shown: &Shown, catalogue: &[EventType]) -> Markup {
    let form = Form::new(viewer.query.clone());
    let outcomes =
        [("", "All"), ("delivered", "Delivered"), ("failed", "Failed"), ("waiting", "Waiting or tried again")];
    let names = catalogue.iter().map(|event_type| (event_type.name.as_str(), event_type.name.as_str()));
    let periods = PERIODS.iter().map(|(name, shown, _)| (*name, *shown));
    html! {
        form.filters method="get" action=(shown.at(viewer.place, "/deliveries")) data-filters {
            (Field::new("outcome", "Status").select(&form, outcomes))
            @if !catalogue.is_empty() {
                (Field::new("event_type", "Event type").select(&form, [("", "All")].into_iter().chain(names)))
            }
            (Field::new("answer", "Answer").select(&form, CLASSES))
            (Field::new("period", "Time").select(&form, [("", "All")].into_iter().chain(periods)))
            button.button { "Apply" }
        }
    }
}

fn messages_wanted(query: &Fields) -> MessageFilter {
    MessageFilter { event_types: query.filled("event_type").map(|name| vec![name.to_owned()]), channel: None }
}

fn period(query: &Fields, now: Timestamp) -> Span {
    let wanted = query.text("period");
    let length = PERIODS.iter().find(|(name, ..)| *name == wanted).map(|(.., length)| *length);
    Span::between(length.map(|length| now.minus(length)), None)
}

async fn attempts(pages: &Pages, viewer: &Viewer, shown: &Shown) -> Result<Markup, Failure> {
    let query = &viewer.query;
    let filter = AttemptFilter {
        endpoint_id: None,
        succeeded: match query.text("outcome") {
            "delivered" => Some(true),
            "failed" => Some(false),
            _ => None,
        },
        status_class: query.filled("answer").and_then(|class| class.parse().ok()),
        made: period(query, viewer.now),
        messages: messages_wanted(query),
    };
    let before = AttemptId::parse(query.text("before"));
    let page = AttemptsPage { before, limit: ROWS, with_content: false };
    let (application, endpoint) = shown.ids();
    let operations = &pages.operations;
    let found = operations.attempts_of_endpoint(&viewer.access, &application, &endpoint, filter, page).await?;
    let messages = operations.messages_of(&found.rows).await?;
    let path = shown.at(viewer.place, "/deliveries");
    let next =
        found.next.map(|id| format!("{path}{}", query.query_with(&[("before", &id.to_string()), ("notice", "")])));
    let start = before.map(|_| format!("{path}{}", query.query_with(&[("before", ""), ("notice", "")])));
    Ok(html! {
        div id="attempts" data-live-part {
            @if !found.rows.is_empty() {
                (attempts_table(viewer, shown, &found.rows, &messages))
            } @else if next.is_some() {
                div.empty { p { "Nothing here matches; there is more to look at." } }
            } @else {
                (nothing_sent(query, &path))
            }
        }
        (pager(start.as_deref(), next.as_deref()))
    })
}

fn nothing_sent(query: &Fields, path: &str) -> Markup {
    let is_filtered =
        ["outcome", "event_type", "answer", "period", "before"].iter().any(|name| query.filled(name).is_some());
    match is_filtered {
        true => empty(
            Icon::Search,
            "No delivery matches",
            &html! { "Choose less, or look at a longer time." },
            &html! { a.button href=(path) { "Show all" } },
        ),
        false => empty(
            Icon::Send,
            "Nothing has been sent here yet",
            &html! { "Each request to this endpoint is listed here, with what came back. A test event shows how that goes." },
            &nothing(),
        ),
    }
}

/// Attempts at an endpoint, each with its message and a button that sends it again.
pub(super) fn attempts_table(
    viewer: &Viewer,
    shown: &Shown,
    attempts: &[Attempt],
    messages: &BTreeMap<MessageId, Message>,
) -> Markup {
    let may_resend = viewer.may_write() && shown.endpoint().disabled.is_none();
    html! {
        div.scroll {
            table {
                caption.hidden-visually { "Deliveries" }
                thead {
                    tr {
                        th scope="col" { "Status" }
                        th scope="col" { "Event type" }
                        th.wide scope="col" { "Message" }
                        th.wide scope="col" { "Attempt" }
                        th.number.wide scope="col" { "Took" }
                        th.number scope="col" { "Sent" }
                        @if may_resend { th scope="col" { span.hidden-visually { "Send again" } } }
                    }
                }
                tbody {
                    @for attempt in attempts {
                        (attempt_row(viewer, shown, attempt, messages.get(&attempt.message_id), may_resend))
                    }
                }
            }
        }
    }
}

fn attempt_row(
    viewer: &Viewer,
    shown: &Shown,
    attempt: &Attempt,
    message: Option<&Message>,
    may_resend: bool,
) -> Markup {
    let path = viewer.place.message(attempt.application_id, attempt.message_id);
    html! {
        tr id=(attempt.id) {
            td { span.row.nowrap { (outcome(attempt)) } }
            td {
                a.subject href=(path) {
                    @match message {
                        Some(message) => span.mono { (outside(&message.event_type)) },
                        None => "Message that is gone",
                    }
                }
            }
            td.wide { span.mono.small.muted { (attempt.message_id) } }
            td.wide {
                (attempt.number)
                @if attempt.trigger == Trigger::Manual { span.muted { ", by hand" } }
            }
            td.number.wide { (took(Duration::from_millis(attempt.duration_ms))) }
            td.number { (ago(attempt.sent_at, viewer.now)) }
            @if may_resend { td.number { (resend_button(viewer, shown, attempt.message_id)) } }
        }
    }
}

/// What came of an attempt: the status, or why there is none.
fn outcome(attempt: &Attempt) -> Markup {
    let (status, word) = match attempt.succeeded() {
        true => (Status::Delivered, "Delivered"),
        false => (Status::Failed, "Failed"),
    };
    html! {
        (pill(status, word))
        @match &attempt.result {
            Ok(answer) => span.mono.muted { (answer.status) },
            Err(error) => span.mono.muted title=(error.code.explanation()) { (error.code.as_str()) },
        }
    }
}

fn resend_button(viewer: &Viewer, shown: &Shown, message: MessageId) -> Markup {
    let fields = html! {
        input type="hidden" name="message" value=(message);
        input type="hidden" name="back" value=(viewer.here);
        button.button.small.plain title="Send again, now" aria-label="Resend" { (icon(Icon::Retry)) span.wide { "Resend" } }
    };
    frame::post(viewer, &shown.at(viewer.place, "/resend"), "", &fields)
}

async fn waiting(pages: &Pages, viewer: &Viewer, shown: &Shown) -> Result<Markup, Failure> {
    let filter = DestinedFilter {
        accepted: period(&viewer.query, viewer.now),
        waiting: true,
        ended: Vec::new(),
        messages: messages_wanted(&viewer.query),
    };
    let page = MessagesPage { before: None, limit: WAITING_ROWS, with_content: false };
    let (application, endpoint) = shown.ids();
    let found = pages.operations.destined_for(&viewer.access, &application, &endpoint, filter, page).await?;
    Ok(html! {
        div id="waiting" data-live-part {
            @if found.rows.is_empty() {
                (empty(Icon::Check, "Nothing waits", &html! { "What is to be sent here has been sent, or was given up." }, &nothing()))
            } @else {
                (waiting_table(viewer, shown, &found.rows))
            }
        }
        @if found.next.is_some() { p.pager { "More waits than is shown here." } }
    })
}

fn waiting_table(viewer: &Viewer, shown: &Shown, rows: &[(Message, Standing)]) -> Markup {
    let may_resend = viewer.may_write() && shown.endpoint().disabled.is_none();
    html! {
        div.scroll {
            table {
                caption.hidden-visually { "What waits for this endpoint" }
                thead {
                    tr {
                        th scope="col" { "Event type" }
                        th.wide scope="col" { "Message" }
                        th.number.wide scope="col" { "Accepted" }
                        th.number scope="col" { "Next attempt" }
                        @if may_resend { th scope="col" { span.hidden-visually { "Send again" } } }
                    }
                }
                tbody {
                    @for (message, standing) in rows {
                        tr id=(message.id) {
                            td {
                                a.subject.mono href=(viewer.place.message(message.application_id, message.id)) {
                                    (outside(&message.event_type))
                                }
                            }
                            td.wide { span.mono.small.muted { (message.id) } }
                            td.number.wide { (ago(message.id.time(), viewer.now)) }
                            td.number { (due(*standing, shown, viewer.now)) }
                            @if may_resend { td.number { (resend_button(viewer, shown, message.id)) } }
                        }
                    }
                }
            }
        }
    }
}

fn due(standing: Standing, shown: &Shown, now: Timestamp) -> Markup {
    html! {
        @match standing.next_attempt() {
            _ if shown.endpoint().disabled.is_some() => "When it is enabled",
            Some(due) if due > now => (ago(due, now)),
            _ => "Now",
        }
    }
}

async fn resend(
    State(pages): State<Arc<Pages>>,
    Path(path): Path<EndpointPath>,
    submitted: Submitted,
) -> Result<Response, Failure> {
    let Submitted { viewer, fields } = submitted;
    let shown = Shown::find(&pages, &viewer, &path).await?;
    let message = MessageId::parse(fields.text("message")).ok_or(OpError::NotFound("message"))?;
    let (application, endpoint) = shown.ids();
    pages.operations.resend(&viewer.access, &application, &message.to_string(), &endpoint, None).await?;
    let own = shown.at(viewer.place, "");
    let back = fields.path("back").filter(|back| back.starts_with(&own)).unwrap_or(&own);
    Ok(Redirect::to(&with_notice(back, "resent")).into_response())
}
