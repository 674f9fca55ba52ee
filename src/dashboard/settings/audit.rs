//! What was done in the environment, by whom and from where. Admins look at it here and take it away as a table.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use maud::{Markup, html};

use super::with_tabs;
use crate::dashboard::Pages;
use crate::dashboard::components::data::outside;
use crate::dashboard::components::form::{Field, nothing};
use crate::dashboard::components::icon::Icon;
use crate::dashboard::components::list::pager;
use crate::dashboard::components::notice::empty;
use crate::dashboard::components::time::ago;
use crate::dashboard::failure::Failure;
use crate::dashboard::fields::Form;
use crate::dashboard::viewer::Viewer;
use crate::domain::audit::{Action, Actor, ActorKind, AuditEntry, AuditFilter};
use crate::domain::id::{AuditEntryId, EndpointId, MessageId};
use crate::ops::{Listed, Page as Part};

/// Entries on a page.
const LISTED: usize = 50;
/// The fields that narrow the list.
const FILTERS: [&str; 2] = ["action", "actor"];

pub(super) const PATH: &str = "/settings/audit";
const EXPORT_PATH: &str = "/settings/audit/export";

/// The routes of the audit log.
pub(super) fn router() -> Router<Arc<Pages>> {
    Router::new().route(PATH, get(list)).route(EXPORT_PATH, get(export))
}

async fn list(State(pages): State<Arc<Pages>>, viewer: Viewer) -> Result<Response, Failure> {
    let before = AuditEntryId::parse(viewer.query.text("before"));
    let part = Part { limit: LISTED, after: before, backwards: false, descending: true };
    let filter = AuditFilter {
        action: Action::parse(viewer.query.text("action")),
        actor: viewer.query.filled("actor").map(str::to_owned),
    };
    let environment = viewer.environment.id.to_string();
    let listed = pages.operations.audit_entries(&viewer.access, &environment, filter, part).await?;
    let home = viewer.place.at(PATH);
    let at = |before: &str| format!("{home}{}", viewer.query.query_with(&[("before", before)]));
    let newest = before.map(|_| at(""));
    let older = listed.items.last().filter(|_| !listed.done).map(|entry| at(&entry.id.to_string()));
    let body = html! {
        section.card {
            (filters(&viewer, &home))
            (found(&viewer, &listed))
            (pager(newest.as_deref(), older.as_deref()))
        }
    };
    let actions = html! { a.button href=(viewer.place.at(EXPORT_PATH)) download { "Download all (CSV)" } };
    Ok(with_tabs(&viewer, "Audit log", PATH)
        .lead(html! { "Who did what in this environment. Entries are never changed or deleted." })
        .actions(actions)
        .show(body))
}

async fn export(State(pages): State<Arc<Pages>>, viewer: Viewer) -> Result<Response, Failure> {
    let lines = pages.operations.audit_csv(&viewer.access, &viewer.environment.id.to_string()).await?;
    let headers =
        [(CONTENT_TYPE, "text/csv; charset=utf-8"), (CONTENT_DISPOSITION, "attachment; filename=\"audit-log.csv\"")];
    Ok((headers, Body::from_stream(lines)).into_response())
}

fn filters(viewer: &Viewer, home: &str) -> Markup {
    let form = Form::new(viewer.query.clone());
    let is_filtered = FILTERS.iter().any(|name| viewer.query.filled(name).is_some());
    let actions = Action::ALL.iter().map(|action| (action.as_str(), action.as_str()));
    html! {
        form.filters method="get" data-filters role="search" aria-label="Filter the list" {
            (Field::new("action", "Action").select(&form, std::iter::once(("", "Every action")).chain(actions)))
            (Field::new("actor", "Actor").kind("search").placeholder("key_… or app_…").input(&form))
            div.row {
                button.button { "Apply" }
                @if is_filtered { a.button.plain href=(home) { "Clear" } }
            }
        }
    }
}

fn found(viewer: &Viewer, listed: &Listed<AuditEntry>) -> Markup {
    if listed.items.is_empty() {
        return empty(Icon::Search, "Nothing here", &html! { "No entry is like this." }, &nothing());
    }
    html! {
        div.scroll {
            table {
                caption.hidden-visually { "Audit log, newest first" }
                thead { tr { th scope="col" { "Time" } th scope="col" { "What" } th scope="col" { "Who" } } }
                tbody { @for entry in &listed.items { (row(viewer, entry)) } }
            }
        }
    }
}

fn row(viewer: &Viewer, entry: &AuditEntry) -> Markup {
    let AuditEntry { id, actor, deed, .. } = entry;
    html! {
        tr id=(id) {
            td { (ago(entry.time(), viewer.now)) }
            td {
                span.mono { (deed.action.as_str()) } " " (subject(viewer, entry))
                @if !deed.detail.is_empty() { br; span.muted { (outside(&deed.detail)) } }
            }
            td { (who(viewer, actor)) @if let Some(address) = actor.address { br; span.mono.faint { (address) } } }
        }
    }
}

/// What it was done to; what has a page of its own, by a link.
fn subject(viewer: &Viewer, entry: &AuditEntry) -> Markup {
    let text = &entry.deed.subject;
    let path = match (entry.deed.application_id, EndpointId::parse(text), MessageId::parse(text)) {
        (Some(application), Some(id), _) => Some(viewer.place.endpoint(application, id)),
        (Some(application), _, Some(id)) => Some(viewer.place.message(application, id)),
        (Some(application), ..) if *text == application.to_string() => Some(viewer.place.application(application)),
        _ => None,
    };
    match path {
        Some(path) => html! { a.mono.muted href=(path) { (outside(text)) } },
        None => html! { span.mono.muted { (outside(text)) } },
    }
}

/// Who did it, as a link to all that he did.
fn who(viewer: &Viewer, actor: &Actor) -> Markup {
    let kind = match actor.kind {
        ActorKind::System => "Cornet",
        ActorKind::Key => "API key",
        ActorKind::Operator => "Operator",
        ActorKind::Consumer => "Consumer",
        ActorKind::Unknown => "Somebody",
    };
    let query = viewer.query.query_with(&[("before", ""), ("actor", &actor.id)]);
    html! {
        a href=(format!("{}{query}", viewer.place.at(PATH))) { (kind) }
        @if !actor.name.is_empty() { " " (outside(&actor.name)) }
    }
}
