//! The list of messages, newest first, with its filters in the address: event type, application, time, channel, and an
//! id that leads to its message at once.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use maud::{Markup, html};

use super::{ApplicationPath, list_name, of_stage, path_of};
use crate::dashboard::Pages;
use crate::dashboard::components::data;
use crate::dashboard::components::form::{Field, nothing};
use crate::dashboard::components::icon::Icon;
use crate::dashboard::components::list::pager;
use crate::dashboard::components::notice::empty;
use crate::dashboard::components::status::{Status, dots};
use crate::dashboard::components::time::ago;
use crate::dashboard::failure::Failure;
use crate::dashboard::fields::Form;
use crate::dashboard::frame::{Page, Section};
use crate::dashboard::viewer::Viewer;
use crate::domain::application::Application;
use crate::domain::delivery::Stage;
use crate::domain::id::{ApplicationId, EndpointId, MessageId};
use crate::domain::message::{Message, MessageFilter};
use crate::domain::time::{Span, Timestamp};
use crate::ops::{MessagesPage, OpError, Operations, Walked};

/// Messages on a page.
const ROWS: usize = 50;
/// Event types that the filter proposes.
const PROPOSED: usize = 300;
/// The fields that narrow the list.
const FILTERS: [&str; 7] = ["event_type", "application", "channel", "time", "from", "until", "id"];
/// What the filter of time can be, and how it is called.
const TIMES: [(&str, &str); 5] = [
    ("", "Any time"),
    ("1h", "Last hour"),
    ("24h", "Last 24 hours"),
    ("7d", "Last 7 days"),
    ("custom", "From … until …"),
];

/// The messages of all applications.
pub(super) async fn of_environment(State(pages): State<Arc<Pages>>, viewer: Viewer) -> Result<Response, Failure> {
    show(&pages.operations, &viewer, None).await
}

/// The messages of one application.
pub(super) async fn of_application(
    State(pages): State<Arc<Pages>>,
    viewer: Viewer,
    Path(path): Path<ApplicationPath>,
) -> Result<Response, Failure> {
    let application = pages.operations.application(&viewer.access, &path.application_id).await?;
    show(&pages.operations, &viewer, Some(application)).await
}

/// What a page of the list shows.
struct List {
    messages: Walked<Message, MessageId>,
    standings: BTreeMap<MessageId, BTreeMap<EndpointId, Stage>>,
    applications: BTreeMap<ApplicationId, Application>,
}

async fn show(operations: &Operations, viewer: &Viewer, of: Option<Application>) -> Result<Response, Failure> {
    let mut form = Form::new(viewer.query.clone());
    let chosen = of.as_ref().map(|application| application.id.to_string());
    let chosen = chosen.or_else(|| viewer.query.filled("application").map(str::to_owned));
    if let Some(text) = viewer.query.filled("id") {
        match find(operations, viewer, chosen.as_deref(), text).await {
            Ok(message) => return Ok(Redirect::to(&path_of(viewer, &message)).into_response()),
            Err(OpError::NotFound(_)) => form = form.with_error("id", "no message has this id"),
            Err(OpError::Invalid { why, .. }) => form = form.with_error("id", &why),
            Err(error) => return Err(error.into()),
        }
    }
    let (span, checked) = span(viewer, form);
    let list = match read(operations, viewer, chosen.as_deref(), span).await {
        Err(OpError::NotFound(_)) => Err(checked.with_error("application", "no application has this id")),
        list => Ok((list?, checked)),
    };
    let proposed = operations.event_types_in_order(&viewer.access, false).await?;
    let proposed: Vec<_> = proposed.iter().take(PROPOSED).map(|event_type| event_type.name.as_str()).collect();
    let body = match list {
        Ok((list, form)) => html! {
            section.card {
                (filters(viewer, &form, of.is_some(), &proposed))
                (found(viewer, &list, of.is_some()))
            }
        },
        Err(form) => html! {
            section.card { (filters(viewer, &form, of.is_some(), &proposed)) (nothing_matches(viewer)) }
        },
    };
    let page = match &of {
        Some(application) if !viewer.place.is_portal() => Page::new(viewer, Section::Applications, "Messages")
            .crumb("Applications", viewer.place.at("/applications"))
            .crumb(data::visible(&application.name), viewer.place.application(application.id)),
        _ => Page::new(viewer, Section::Messages, list_name(viewer)),
    };
    let is_newest = viewer.query.filled("before").is_none();
    Ok(if is_newest { page.live() } else { page }.show(body))
}

/// The message with this id, or with this event id in the application that is chosen.
async fn find(operations: &Operations, viewer: &Viewer, chosen: Option<&str>, text: &str) -> Result<Message, OpError> {
    match (MessageId::parse(text), chosen) {
        (None, None) => {
            let why = "an event id is looked up in one application: choose it too";
            Err(OpError::invalid("id", "application_missing", why))
        }
        (_, Some(application)) => operations.message(&viewer.access, application, text, false).await,
        (Some(id), None) => operations.find_message(&viewer.access, id).await,
    }
}

/// The time that is asked for.
fn span(viewer: &Viewer, form: Form) -> (Span, Form) {
    let hours = |hours: u64| Some(viewer.now.minus(Duration::from_secs(hours * 3_600)));
    let given = |name: &str| {
        let text = viewer.query.filled(name)?;
        Some(minute(text).ok_or_else(|| name.to_owned()))
    };
    let (from, until) = match viewer.query.text("time") {
        "1h" => (hours(1).map(Ok), None),
        "24h" => (hours(24).map(Ok), None),
        "7d" => (hours(7 * 24).map(Ok), None),
        "custom" => (given("from"), given("until")),
        _ => (None, None),
    };
    let mut form = form;
    let mut known = |time: Option<Result<Timestamp, String>>| match time {
        Some(Ok(time)) => Some(time),
        Some(Err(name)) => {
            form = std::mem::take(&mut form).with_error(&name, "must be a date and a time, such as 2026-05-04T15:30");
            None
        }
        None => None,
    };
    let span = Span::between(known(from), known(until));
    (span, form)
}

/// A time as browsers send it, which is in UTC here.
fn minute(text: &str) -> Option<Timestamp> {
    let seconds = if text.len() == "2026-05-04T15:30".len() { ":00" } else { "" };
    Timestamp::parse(&format!("{text}{seconds}Z")).or_else(|| Timestamp::parse(text))
}

async fn read(operations: &Operations, viewer: &Viewer, chosen: Option<&str>, span: Span) -> Result<List, OpError> {
    let filter = MessageFilter {
        event_types: viewer.query.filled("event_type").map(|name| vec![name.to_owned()]),
        channel: viewer.query.filled("channel").map(str::to_owned),
    };
    let before = viewer.query.filled("before").and_then(MessageId::parse);
    let page = MessagesPage { before, limit: ROWS, with_content: false };
    let messages = match chosen {
        Some(application) => operations.messages(&viewer.access, application, span, filter, page).await?,
        None => operations.messages_of_environment(&viewer.access, None, span, filter, page).await?,
    };
    let standings = operations.standings_of(&messages.rows).await?;
    let ids = messages.rows.iter().map(|message| message.application_id);
    let applications = operations.applications_of(&viewer.access, ids).await?;
    Ok(List { messages, standings, applications })
}

fn filters(viewer: &Viewer, form: &Form, of_one: bool, proposed: &[&str]) -> Markup {
    let is_filtered = FILTERS.iter().any(|name| viewer.query.filled(name).is_some());
    let is_custom = viewer.query.text("time") == "custom";
    html! {
        form.filters method="get" data-filters role="search" aria-label="Filter the list" {
            (Field::new("event_type", "Event type").kind("search").proposals("event-types").placeholder("order.created").input(form))
            datalist id="event-types" { @for name in proposed { option value=(name) {} } }
            @if !of_one { (Field::new("application", "Application").kind("search").placeholder("Id or uid").input(form)) }
            (Field::new("time", "Time").select(form, TIMES))
            @if is_custom {
                (Field::new("from", "From (UTC)").kind("datetime-local").input(form))
                (Field::new("until", "Until (UTC)").kind("datetime-local").input(form))
            }
            (Field::new("channel", "Channel").kind("search").input(form))
            (Field::new("id", "Go to").kind("search").placeholder("Message or event id").input(form))
            div.row {
                button.button { "Apply" }
                @if is_filtered { a.button.plain href=(bare_path(viewer)) { "Clear" } }
            }
        }
    }
}

/// The page without its query.
fn bare_path(viewer: &Viewer) -> &str {
    viewer.here.split('?').next().unwrap_or_default()
}

fn nothing_matches(viewer: &Viewer) -> Markup {
    empty(
        Icon::Search,
        "Nothing matches",
        &html! { "No message is like this. Look for something else, or look at all." },
        &html! { a.button href=(bare_path(viewer)) { "Clear the filters" } },
    )
}

fn found(viewer: &Viewer, list: &List, of_one: bool) -> Markup {
    let bare = bare_path(viewer);
    let newest = viewer.query.filled("before").map(|_| format!("{bare}{}", viewer.query.query_with(&[("before", "")])));
    let older =
        list.messages.next.map(|id| format!("{bare}{}", viewer.query.query_with(&[("before", &id.to_string())])));
    let is_filtered = FILTERS.iter().any(|name| viewer.query.filled(name).is_some());
    html! {
        div id="messages" data-live-part {
            @if !list.messages.rows.is_empty() {
                (table(viewer, list, of_one))
            } @else if older.is_some() {
                p.body.muted { "Nothing among the messages that were looked at; there are older ones." }
            } @else if is_filtered || newest.is_some() {
                (nothing_matches(viewer))
            } @else {
                (none_yet(viewer))
            }
            (pager(newest.as_deref(), older.as_deref()))
        }
    }
}

fn none_yet(viewer: &Viewer) -> Markup {
    let (text, action) = if viewer.place.is_portal() {
        ("As soon as something happens that an endpoint can be told of, it is listed here.", nothing())
    } else {
        let action = html! { a.button.primary href=(viewer.place.home()) { "Send the first one" } };
        ("What your program posts is listed here, with what became of it at each endpoint.", action)
    };
    empty(Icon::Message, "No messages yet", &html! { (text) }, &action)
}

fn table(viewer: &Viewer, list: &List, of_one: bool) -> Markup {
    let names_application = !of_one && !viewer.place.is_portal();
    html! {
        div.scroll {
            table {
                caption.hidden-visually { (list_name(viewer)) ", newest first" }
                thead {
                    tr {
                        th scope="col" { "Time" }
                        th scope="col" { "Event type" }
                        @if names_application { th.wide scope="col" { "Application" } }
                        th.wide scope="col" { "Message" }
                        th scope="col" { "Deliveries" }
                    }
                }
                tbody {
                    @for message in &list.messages.rows {
                        tr id=(message.id) {
                            td { (ago(message.id.time(), viewer.now)) }
                            td { a.subject.mono href=(path_of(viewer, message)) { (message.event_type) } }
                            @if names_application { td.wide { (application(viewer, list, message.application_id)) } }
                            td.wide { span.mono.muted { (message.id) } }
                            td { (dots(&standing(list, message.id))) }
                        }
                    }
                }
            }
        }
    }
}

fn standing(list: &List, id: MessageId) -> Vec<(Status, &'static str)> {
    list.standings.get(&id).into_iter().flatten().map(|(_, stage)| of_stage(*stage)).collect()
}

fn application(viewer: &Viewer, list: &List, id: ApplicationId) -> Markup {
    match list.applications.get(&id) {
        Some(application) => {
            html! { a.muted href=(viewer.place.application(id)) { (data::outside(&application.name)) } }
        }
        None => html! { span.faint { "Deleted" } },
    }
}

#[cfg(test)]
mod tests {
    use super::minute;

    #[test]
    fn times_are_read_as_browsers_send_them() {
        let told = |text| minute(text).map(|time| time.to_string());
        assert_eq!(told("2026-05-04T15:30").as_deref(), Some("2026-05-04T15:30:00.000Z"));
        assert_eq!(told("2026-05-04T15:30:07").as_deref(), Some("2026-05-04T15:30:07.000Z"));
        assert_eq!(told("2026-05-04T15:30:07+01:00").as_deref(), Some("2026-05-04T14:30:07.000Z"));
        assert_eq!(told("yesterday"), None);
    }
}
