//! An endpoint's filter: it is written here, and tried before it counts, on the application's latest messages or on one that
//! somebody makes up. What is tried changes nothing.

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use maud::{Markup, html};

use super::{EndpointPath, Shown, View};
use crate::dashboard::Pages;
use crate::dashboard::components::data::{outside, visible};
use crate::dashboard::components::form::Field;
use crate::dashboard::components::icon::{Icon, icon};
use crate::dashboard::components::notice::{Tone, notice};
use crate::dashboard::components::status::{Status, pill};
use crate::dashboard::components::time::ago;
use crate::dashboard::failure::Failure;
use crate::dashboard::fields::{Fields, Form};
use crate::dashboard::frame;
use crate::dashboard::notices::with_notice;
use crate::dashboard::submitted::Submitted;
use crate::dashboard::viewer::Viewer;
use crate::domain::endpoint::EndpointChange;
use crate::domain::filter::{Filter, Miss};
use crate::domain::json;
use crate::domain::message::Message;
use crate::ops::{NewMessage, OpError, Trial, read_filter};

/// The latest messages that a filter is tried on.
const LATEST: usize = 10;
/// The event type of a message that is made up without one.
const MADE_UP: &str = "example.event";
/// What the buttons send.
const TRY: &str = "try";
const REMOVE: &str = "remove";
/// The fields that have their errors beside them.
const FIELDS: [&str; 3] = ["filter", "event_type", "payload"];

/// The lines that are shown of a filter.
const ROWS_MIN: usize = 6;
const ROWS_MAX: usize = 24;

/// What can be asked for, from the simple to the rare.
const EXAMPLES: [(&str, &str); 6] = [
    ("One value", r#"{"data": {"country": "DE"}}"#),
    ("One of several", r#"{"data": {"status": {"$in": ["paid", "refunded"]}}}"#),
    ("Numbers", r#"{"data": {"total": {"$gte": 100, "$lt": 500}}}"#),
    ("Beginnings and ends", r#"{"data": {"sku": {"$startsWith": "EU-"}}}"#),
    ("Either, or", r#"{"$or": [{"type": "order.paid"}, {"data": {"urgent": true}}]}"#),
    ("An element of a list; nothing of a kind", r#"{"data": {"items": {"sku": "A1"}, "test": {"$exist": false}}}"#),
];

pub(super) fn router() -> Router<Arc<Pages>> {
    Router::new().route("/endpoints/{endpoint_id}/filter", get(show).post(save))
}

/// What a filter was tried on, and what came of it.
enum Tried {
    Nothing,
    Latest(Vec<(Message, Trial)>),
    MadeUp(Option<Miss>),
}

async fn show(
    State(pages): State<Arc<Pages>>,
    Path(path): Path<EndpointPath>,
    viewer: Viewer,
) -> Result<Response, Failure> {
    let shown = Shown::find(&pages, &viewer, &path).await?;
    let (text, tried) = match &shown.endpoint().filter {
        Some(filter) => (json::indented(filter.text()), on_latest(&pages, &viewer, &shown, filter).await?),
        None => (String::new(), Tried::Nothing),
    };
    Ok(page(&viewer, &shown, &Form::new(Fields::default().with("filter", text)), &tried))
}

async fn save(
    State(pages): State<Arc<Pages>>,
    Path(path): Path<EndpointPath>,
    submitted: Submitted,
) -> Result<Response, Failure> {
    let Submitted { viewer, fields } = submitted;
    let shown = Shown::find(&pages, &viewer, &path).await?;
    let text = fields.filled("filter").filter(|_| fields.text("action") != REMOVE);
    let filter = text.map(read_filter).transpose();
    let refused = match (filter, fields.text("action") == TRY) {
        (Err(error), _) => error,
        (Ok(None), true) => OpError::invalid("filter", "filter", "must not be empty when it is tried"),
        (Ok(Some(filter)), true) => match try_on(&pages, &viewer, &shown, &filter, &fields).await {
            Ok(tried) => return Ok(page(&viewer, &shown, &Form::new(fields), &tried)),
            Err(error) => error,
        },
        (Ok(filter), false) => {
            let (application, endpoint) = shown.ids();
            let change = EndpointChange { filter: Some(filter), ..EndpointChange::default() };
            match pages.operations.patch_endpoint(&viewer.access, &application, &endpoint, change).await {
                Ok(_) => {
                    let path = with_notice(&shown.at(viewer.place, View::Filter.path()), "saved");
                    return Ok(Redirect::to(&path).into_response());
                }
                Err(error) => error,
            }
        }
    };
    let form = Form::refused(fields, refused)?.shown_as("eventType", "event_type");
    Ok(page(&viewer, &shown, &form, &Tried::Nothing))
}

/// Tries a filter on what the form says: on a message that is made up, or on the latest.
async fn try_on(
    pages: &Pages,
    viewer: &Viewer,
    shown: &Shown,
    filter: &Filter,
    fields: &Fields,
) -> Result<Tried, OpError> {
    let Some(payload) = fields.filled("payload") else {
        return on_latest(pages, viewer, shown, filter).await;
    };
    let new = NewMessage {
        event_type: fields.filled("event_type").unwrap_or(MADE_UP).to_owned(),
        event_id: None,
        channels: Vec::new(),
        payload: Bytes::from(payload.to_owned()),
        payload_retention_days: None,
    };
    pages.operations.try_filter(filter, &new).map(Tried::MadeUp)
}

async fn on_latest(pages: &Pages, viewer: &Viewer, shown: &Shown, filter: &Filter) -> Result<Tried, OpError> {
    let (application, endpoint) = shown.ids();
    let tried = pages.operations.try_filter_on_latest(&viewer.access, &application, &endpoint, filter, LATEST).await?;
    Ok(Tried::Latest(tried))
}

fn page(viewer: &Viewer, shown: &Shown, form: &Form, tried: &Tried) -> Response {
    let status = if form.is_fine() { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
    let body = html! {
        (shown.banner(viewer))
        div.stack {
            section.card {
                header { h2 { "Filter" } }
                div.body.stack {
                    @for why in form.errors_beside(&FIELDS) { (notice(Tone::Bad, &html! { (why) })) }
                    p.muted {
                        "Of the messages whose event type and channels this endpoint wants, it gets those that the filter lets \
                         pass. A filter looks at a message as it was posted."
                    }
                    (own(tried))
                    (frame::post(viewer, &shown.at(viewer.place, View::Filter.path()), "fields", &fields(viewer, shown, form)))
                }
            }
            (latest(viewer, tried))
            (manual())
        }
    };
    shown.page(viewer, View::Filter).status(status).show(body)
}

fn fields(viewer: &Viewer, shown: &Shown, form: &Form) -> Markup {
    let hint = html! {
        "JSON that asks for " code { "type" } ", " code { "id" } ", " code { "time" } ", " code { "channels" } " and "
        code { "data" } ", the payload. Empty lets everything pass."
    };
    let lines = form.text("filter").lines().count().clamp(ROWS_MIN, ROWS_MAX);
    let rows = u8::try_from(lines).unwrap_or(u8::MAX);
    let has_own = FIELDS[1..].iter().any(|name| !form.text(name).is_empty() || form.error(name).is_some());
    html! {
        (Field::new("filter", "Filter").placeholder(EXAMPLES[0].1).hint_markup(hint).area(form, rows))
        details open[has_own] {
            summary { "Try it on a message of your own" }
            div.stack.below {
                (Field::new("event_type", "Event type").placeholder(MADE_UP).input(form))
                (Field::new("payload", "Payload").hint("A JSON object; nothing of it is kept. Empty for the latest messages.").area(form, 6))
            }
        }
        @if viewer.may_write() {
            div.row {
                button.button.primary { "Save" }
                button.button name="action" value=(TRY) { "Try it" }
                @if shown.endpoint().filter.is_some() {
                    button.button.plain name="action" value=(REMOVE) { (icon(Icon::Delete)) "Remove the filter" }
                }
            }
        }
    }
}

/// What came of trying it on a message that was made up.
fn own(tried: &Tried) -> Markup {
    match tried {
        Tried::MadeUp(None) => notice(Tone::Good, &html! { "The filter lets your message pass." }),
        Tried::MadeUp(Some(miss)) => notice(Tone::Warning, &html! { "The filter stops your message: " (missed(miss)) }),
        Tried::Nothing | Tried::Latest(_) => html! {},
    }
}

/// The clause that does not hold, and why.
fn missed(miss: &Miss) -> Markup {
    html! { code { (visible(&miss.path.join("."))) } " " (outside(&miss.why)) "." }
}

/// What came of trying it on the latest messages.
fn latest(viewer: &Viewer, tried: &Tried) -> Markup {
    let Tried::Latest(messages) = tried else { return html! {} };
    html! {
        section.card id="tried" {
            header { h2 { "What it says of the latest messages" } }
            @if messages.is_empty() {
                p.body.muted { "There are none yet: try it on one of your own." }
            } @else {
                ul.rows { @for (message, trial) in messages { (line(viewer, message, trial)) } }
            }
        }
    }
}

fn line(viewer: &Viewer, message: &Message, trial: &Trial) -> Markup {
    let (status, word, why) = match trial {
        Trial::Passes => (Status::Delivered, "Passes", html! {}),
        Trial::Stopped(miss) => (Status::Disabled, "Stopped", missed(miss)),
        Trial::Unwanted(verdict) => (Status::Disabled, "Not asked", html! { (verdict.explanation()) }),
        Trial::Expunged => (Status::Disabled, "Not asked", html! { "Its payload has been deleted." }),
    };
    let path = viewer.place.message(message.application_id, message.id);
    html! {
        li.spread {
            div {
                a.subject.mono href=(path) { (visible(&message.event_type)) } " "
                span.muted.small { (ago(message.id.time(), viewer.now)) }
                p.muted.small { (why) }
            }
            (pill(status, word))
        }
    }
}

/// What can be asked for.
fn manual() -> Markup {
    html! {
        section.card {
            header { h2 { "What a filter can ask for" } }
            div.body.stack {
                dl.facts {
                    @for (what, example) in EXAMPLES { dt { (what) } dd { code { (example) } } }
                }
                p.muted {
                    "Further: " code { "$eq" } " " code { "$neq" } " " code { "$gt" } " " code { "$gte" } " " code { "$lt" } " "
                    code { "$lte" } " " code { "$in" } " " code { "$nin" } " " code { "$startsWith" } " " code { "$endsWith" } " "
                    code { "$exist" } " " code { "$or" } " " code { "$and" } " " code { "$not" } ". A list is as one of its elements is."
                }
            }
        }
    }
}
