//! One event type: what it means, what a message of it holds, an example, and when its deliveries are tried again.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::Response;
use maud::{Markup, html};

use super::{EventTypePath, PATH, marks, may_change, schema, title};
use crate::dashboard::Pages;
use crate::dashboard::components::data::{block, outside, short};
use crate::dashboard::components::form::menu;
use crate::dashboard::components::icon::{Icon, icon};
use crate::dashboard::components::notice::{Tone, notice};
use crate::dashboard::components::time::ago;
use crate::dashboard::failure::Failure;
use crate::dashboard::frame::{self, Page, Section};
use crate::dashboard::viewer::Viewer;
use crate::dashboard::words;
use crate::domain::event_type::EventType;
use crate::domain::json::indented;
use crate::domain::retry::RetrySchedule;
use crate::ops::OpError;

pub(super) async fn page(
    State(pages): State<Arc<Pages>>,
    viewer: Viewer,
    Path(path): Path<EventTypePath>,
) -> Result<Response, Failure> {
    let event_type = pages.operations.event_type(&viewer.access, &path.name).await?;
    if event_type.archived && viewer.place.is_portal() {
        return Err(OpError::NotFound("event type").into());
    }
    let schedule = pages.operations.event_type_schedule(&viewer.access, &path.name).await?;
    let name = event_type.title.as_deref().unwrap_or(&event_type.name);
    let body = html! {
        @if event_type.archived {
            (notice(Tone::Note, &html! { "Archived: consumers don't see it, and endpoints can't be subscribed to it any more. Messages that have it are kept." }))
        }
        @if event_type.deprecated {
            (notice(Tone::Warning, &html! { "Deprecated: it is still sent, and should no longer be built on." }))
        }
        div.main-and-aside {
            div.stack { (example(&event_type)) (payload(&event_type)) }
            (facts(&viewer, &event_type, schedule.as_ref()))
        }
    };
    Ok(Page::new(&viewer, Section::EventTypes, name)
        .crumb(title(&viewer), viewer.place.at(PATH))
        .lead(outside(&event_type.description))
        .actions(actions(&viewer, &event_type))
        .show(body))
}

fn payload(event_type: &EventType) -> Markup {
    let newest = event_type.newest_schema();
    html! {
        section.card {
            header { h2 { "Payload" } }
            div.body.stack {
                @match &newest {
                    None => p.muted { "It has no schema: a payload may hold anything." },
                    Some(text) => {
                        @match schema::tree(text) {
                            Some(tree) => (tree),
                            None => p.muted { "Its schema names no members." },
                        }
                        details {
                            summary { "JSON Schema" }
                            div.below { (block("schema", &indented(text))) }
                        }
                    }
                }
            }
        }
    }
}

fn example(event_type: &EventType) -> Markup {
    html! {
        section.card {
            header { h2 { "Example" } }
            div.body { (block("example", &indented(&event_type.example(0)))) }
        }
    }
}

fn facts(viewer: &Viewer, event_type: &EventType, schedule: Option<&RetrySchedule>) -> Markup {
    let own_schedule = schedule.is_some();
    let schedule = schedule.unwrap_or(&viewer.environment.settings.retry_schedule);
    html! {
        section.card {
            header { h2 { "Details" } (marks(event_type)) }
            dl.facts.body {
                dt { "Name" } dd { (short("name", &event_type.name)) }
                @if let Some(group) = &event_type.group_name { dt { "Group" } dd { (group) } }
                dt { "Retries" }
                dd {
                    (words::schedule(schedule))
                    @if !viewer.place.is_portal() {
                        p.faint { @if own_schedule { "Its own schedule: " code { (schedule) } } @else { "As the environment says." } }
                    }
                }
                @if !viewer.place.is_portal() {
                    @if !event_type.feature_flags.is_empty() {
                        dt { "Seen with" }
                        dd { ul.tags { @for flag in &event_type.feature_flags { li.tag { (flag) } } } }
                    }
                    dt { "Created" } dd { (ago(event_type.created_at, viewer.now)) }
                    dt { "Changed" } dd { (ago(event_type.updated_at, viewer.now)) }
                }
            }
        }
    }
}

fn actions(viewer: &Viewer, event_type: &EventType) -> Markup {
    if !may_change(viewer) {
        return html! {};
    }
    let path = viewer.place.event_type(&event_type.name);
    let (archived, word) = if event_type.archived { ("no", "Unarchive") } else { ("yes", "Archive") };
    html! {
        a.button href=(format!("{path}/edit")) { (icon(Icon::Edit)) "Edit" }
        (menu(&html! { "More" }, &html! {
            (frame::post(viewer, &format!("{path}/archive"), "", &html! {
                button name="archived" value=(archived) { (icon(Icon::Inbox)) (word) }
            }))
            a href=(format!("{path}/delete")) data-dialog { (icon(Icon::Delete)) "Delete…" }
        }))
    }
}
