//! What messages can tell of: the list of event types in its groups, for the operator and, read-only and without what is
//! hidden, as the consumer's catalogue.

mod editing;
mod schema;
mod shown;

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::response::{Redirect, Response};
use axum::routing::{get, post};
use maud::{Markup, html};
use serde::Deserialize;

use super::Pages;
use super::components::data::outside;
use super::components::icon::{Icon, icon};
use super::components::notice::empty;
use super::components::status::{Status, pill};
use super::failure::Failure;
use super::frame::{self, Page, Section};
use super::notices::with_notice;
use super::submitted::Submitted;
use super::viewer::Viewer;
use super::words;
use crate::domain::event_type::EventType;
use crate::domain::preset::Preset;

/// Event types on a page; a search finds the rest.
const LISTED: usize = 400;
/// Where the list is, behind the place's home.
const PATH: &str = "/event-types";

#[derive(Deserialize)]
struct EventTypePath {
    name: String,
}

/// The operator's pages of event types.
pub(super) fn router() -> Router<Arc<Pages>> {
    catalogue().route("/event-types/load-catalogue", post(load_catalogue)).merge(editing::router())
}

/// What of it the consumer sees too.
pub(super) fn catalogue() -> Router<Arc<Pages>> {
    Router::new().route(PATH, get(list)).route("/event-types/{name}", get(shown::page))
}

/// Whether the viewer may change event types here.
fn may_change(viewer: &Viewer) -> bool {
    !viewer.place.is_portal() && viewer.may_write()
}

/// What people call the whole.
fn title(viewer: &Viewer) -> &'static str {
    if viewer.place.is_portal() { "Event catalogue" } else { "Event types" }
}

fn is_found(event_type: &EventType, wanted: &str) -> bool {
    let group = event_type.group_name.as_deref().unwrap_or_default();
    let texts = [&event_type.name, event_type.title.as_deref().unwrap_or_default(), &event_type.description, group];
    texts.iter().any(|text| text.to_lowercase().contains(wanted))
}

/// The groups in the order of their first event types; those without a group come last.
fn grouped(event_types: &[EventType]) -> Vec<(Option<&str>, Vec<&EventType>)> {
    let mut groups: Vec<(Option<&str>, Vec<&EventType>)> = Vec::new();
    for event_type in event_types {
        let group = event_type.group_name.as_deref();
        match groups.iter_mut().find(|(known, _)| *known == group) {
            Some((_, members)) => members.push(event_type),
            None => groups.push((group, vec![event_type])),
        }
    }
    groups.sort_by_key(|(group, _)| group.is_none());
    groups
}

async fn list(State(pages): State<Arc<Pages>>, viewer: Viewer) -> Result<Response, Failure> {
    let archived_too = !viewer.place.is_portal() && viewer.query.has("archived", "yes");
    let mut event_types = pages.operations.event_types_in_order(&viewer.access, archived_too).await?;
    let is_empty = event_types.is_empty();
    let wanted = viewer.query.text("q").to_lowercase();
    event_types.retain(|event_type| is_found(event_type, &wanted));
    let more = event_types.len().saturating_sub(LISTED);
    event_types.truncate(LISTED);
    let create = html! {
        @if may_change(&viewer) {
            a.button.primary href=(viewer.place.at("/event-types/new")) { (icon(Icon::Plus)) "New event type" }
        }
    };
    let body = html! {
        @if is_empty && !archived_too {
            div.card { (nothing_yet(&viewer, &create)) }
        } @else {
            div.stack {
                (filters(&viewer))
                @for (group, members) in grouped(&event_types) { (group_card(&viewer, group, &members)) }
                @if event_types.is_empty() {
                    div.card {
                        (empty(Icon::Search, "No event type like that", &html! { "Nothing here has this in its name, group or description." },
                            &html! { a.button href=(viewer.place.at(PATH)) { "Show all" } }))
                    }
                }
                @if more > 0 {
                    p.muted { (words::count(more, "more event type", "more event types")) ": search for them." }
                }
            }
        }
    };
    let lead = if viewer.place.is_portal() { "What you can be told about." } else { "What messages can tell of." };
    let actions = html! { @if !is_empty { (create) } };
    Ok(Page::new(&viewer, Section::EventTypes, title(&viewer)).lead(html! { (lead) }).actions(actions).show(body))
}

fn filters(viewer: &Viewer) -> Markup {
    html! {
        form.card.filters method="get" action=(viewer.place.at(PATH)) role="search" data-filters {
            div.field {
                label for="q" { "Search" }
                input type="search" id="q" name="q" value=(viewer.query.text("q")) placeholder="Name, group or description";
            }
            @if !viewer.place.is_portal() {
                label.check {
                    input type="checkbox" name="archived" value="yes" checked[viewer.query.has("archived", "yes")];
                    span { "Archived too" }
                }
            }
            button.button { "Apply" }
        }
    }
}

fn nothing_yet(viewer: &Viewer, create: &Markup) -> Markup {
    let text = match viewer.place.is_portal() {
        true => html! { "What you can be told about will be listed here." },
        false => {
            html! { "Messages may have any type. One that is described here can be chosen by name when an endpoint is added, has an example to test with, and can be held against a schema." }
        }
    };
    let preset = viewer.environment.settings.preset;
    let load = html! {
        div.row {
            (create)
            @if may_change(viewer) && preset != Preset::Standard {
                (frame::post(viewer, &viewer.place.at("/event-types/load-catalogue"), "", &html! {
                    button.button { "Load those of " (words::preset(preset)) }
                }))
            }
        }
    };
    empty(Icon::EventType, "No event types yet", &text, &load)
}

fn group_card(viewer: &Viewer, group: Option<&str>, members: &[&EventType]) -> Markup {
    let name = group.unwrap_or("Other");
    html! {
        section.card {
            header { h2 { (name) } span.faint.small { (words::count(members.len(), "event type", "event types")) } }
            div.scroll {
                table.fixed.catalogue {
                    caption.hidden-visually { "Event types of the group " (name) }
                    thead.hidden-visually { tr { th scope="col" { "Event type" } th scope="col" { "Description" } th scope="col" { "State" } } }
                    tbody {
                        @for event_type in members {
                            tr id=(event_type.name) {
                                th scope="row" {
                                    a.subject href=(viewer.place.event_type(&event_type.name)) {
                                        (outside(event_type.title.as_deref().unwrap_or(&event_type.name)))
                                    }
                                    code.cut.faint { (event_type.name) }
                                }
                                td.muted { (outside(&event_type.description)) }
                                td.number { (marks(event_type)) }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// What is out of the ordinary about an event type.
fn marks(event_type: &EventType) -> Markup {
    html! {
        @if event_type.archived { (pill(Status::Disabled, "Archived")) " " }
        @if event_type.deprecated { (pill(Status::Retrying, "Deprecated")) }
    }
}

async fn load_catalogue(
    State(pages): State<Arc<Pages>>,
    Submitted { viewer, .. }: Submitted,
) -> Result<Redirect, Failure> {
    pages.operations.load_own_catalogue(&viewer.access, viewer.environment.settings.preset).await?;
    Ok(Redirect::to(&with_notice(&viewer.place.at(PATH), "created")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::id::EnvironmentId;
    use crate::domain::time::Timestamp;

    #[test]
    fn groups_stand_in_the_order_of_the_catalogue_and_the_rest_comes_last() {
        let event_type = |name: &str, group: Option<&str>| {
            let group_name = group.map(str::to_owned);
            let blank = EventType::blank(EnvironmentId::from_number(1), name.to_owned(), Timestamp::EPOCH);
            EventType { group_name, ..blank }
        };
        let all = [
            event_type("x", None),
            event_type("order.created", Some("Orders")),
            event_type("leg.created", Some("Legs")),
            event_type("order.deleted", Some("Orders")),
        ];
        let names: Vec<_> = grouped(&all).into_iter().map(|(group, members)| (group, members.len())).collect();
        assert_eq!(names, [(Some("Orders"), 2), (Some("Legs"), 1), (None, 1)]);
        assert!(is_found(&all[1], "created") && is_found(&all[1], "orders") && !is_found(&all[1], "leg"));
    }
}
