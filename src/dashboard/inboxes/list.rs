//! The inboxes of an environment, for its operator: make one in a click, look into it, delete it.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::{IntoResponse as _, Redirect, Response};
use maud::{Markup, html};
use serde::Deserialize;

use super::page_of;
use crate::dashboard::Pages;
use crate::dashboard::components::data;
use crate::dashboard::components::form::nothing;
use crate::dashboard::components::icon::{Icon, icon};
use crate::dashboard::components::list::pager;
use crate::dashboard::components::notice::empty;
use crate::dashboard::components::status::{Status, pill};
use crate::dashboard::components::time::ago;
use crate::dashboard::failure::Failure;
use crate::dashboard::frame::{Page, Section, post};
use crate::dashboard::notices::with_notice;
use crate::dashboard::submitted::Submitted;
use crate::dashboard::viewer::Viewer;
use crate::domain::application::Application;
use crate::domain::id::{ApplicationId, InboxId};
use crate::domain::inbox::{INBOX_DAYS_MAX, Inbox};
use crate::ops::{Listed, Made, OpError, Page as Part};

/// The applications that the inboxes on a page are of.
type Applications = BTreeMap<ApplicationId, Application>;

/// Inboxes on a page.
const SHOWN: usize = 50;

/// An inbox in the path.
#[derive(Deserialize)]
pub(super) struct InboxIdPath {
    inbox_id: String,
}

/// The list.
pub(super) async fn show(State(pages): State<Arc<Pages>>, viewer: Viewer) -> Result<Response, Failure> {
    let after = viewer.query.filled("after").and_then(InboxId::parse);
    let part = Part { limit: SHOWN, after, backwards: false, descending: true };
    let listed = pages.operations.list_inboxes(&viewer.access, part).await?;
    let ids = listed.items.iter().filter_map(|inbox| inbox.application_id);
    let applications = pages.operations.applications_of(&viewer.access, ids).await?;
    let page = Page::new(&viewer, Section::Inboxes, "Inboxes")
        .lead(html! { "Built-in receivers: give an inbox's URL to an endpoint, and see each request as it comes." })
        .actions(if listed.items.is_empty() { nothing() } else { new(&viewer) });
    Ok(page.show(html! {
        div.stack {
            section.card {
                @if listed.items.is_empty() && after.is_none() {
                    (empty(
                        Icon::Inbox,
                        "No inbox yet",
                        &html! {
                            "Make one to see what Cornet sends, or how it deals with a receiver that fails or is slow. "
                            "Nothing has to be installed, and no network opened."
                        },
                        &new(&viewer),
                    ))
                } @else {
                    (table(&pages, &viewer, &listed, &applications))
                }
            }
            p.small.faint { "An inbox in which nothing comes for " (INBOX_DAYS_MAX) " days is deleted by itself." }
        }
    }))
}

fn new(viewer: &Viewer) -> Markup {
    let button = html! { button.button.primary { (icon(Icon::Plus)) "New inbox" } };
    html! { @if viewer.may_write() { (post(viewer, &viewer.place.at("/inboxes"), "", &button)) } }
}

fn table(pages: &Pages, viewer: &Viewer, listed: &Listed<Inbox>, applications: &Applications) -> Markup {
    let home = viewer.place.at("/inboxes");
    let start = viewer.query.filled("after").map(|_| home.clone());
    let last = listed.items.last().filter(|_| !listed.done);
    let next = last.map(|inbox| format!("{home}?after={}", inbox.id));
    html! {
        div.scroll {
            table {
                caption.hidden-visually { "Inboxes, newest first" }
                thead {
                    tr {
                        th scope="col" { "Name" }
                        th scope="col" { "Answers" }
                        th.wide scope="col" { "URL" }
                        th.wide scope="col" { "Application" }
                        th scope="col" { "Last request" }
                        th scope="col" { span.hidden-visually { "Actions" } }
                    }
                }
                tbody { @for inbox in &listed.items { (row(pages, viewer, inbox, applications)) } }
            }
        }
        (pager(start.as_deref(), next.as_deref()))
    }
}

fn row(pages: &Pages, viewer: &Viewer, inbox: &Inbox, applications: &Applications) -> Markup {
    let url = format!("url-{}", inbox.id);
    let delete = viewer.place.at(&format!("/inboxes/{}/delete", inbox.id));
    html! {
        tr id=(inbox.id) {
            td { a.subject href=(page_of(&inbox.token)) { (data::outside(&inbox.name)) } }
            td { (answers(inbox)) }
            td.wide.url {
                div.row.one-line {
                    code.mono.cut id=(url) { (pages.operations.inbox_url(&inbox.token)) }
                    (data::copy(&url))
                }
            }
            td.wide {
                @match inbox.application_id.and_then(|id| applications.get(&id)) {
                    Some(application) => {
                        a.quiet href=(viewer.place.application(application.id)) { (data::outside(&application.name)) }
                    }
                    None => span.faint { "The environment's" },
                }
            }
            td {
                @match inbox.last_at {
                    Some(time) => (ago(time, viewer.now)),
                    None => span.faint { "Nothing yet" },
                }
            }
            td.number {
                @if viewer.may_write() {
                    a.button.plain.small href=(delete) data-dialog aria-label=(format!("Delete {}", inbox.name)) {
                        (icon(Icon::Delete))
                    }
                }
            }
        }
    }
}

/// What an inbox answers, in a few letters.
pub(super) fn answers(inbox: &Inbox) -> Markup {
    let answer = &inbox.answer;
    let status = if (200..300).contains(&answer.status) { Status::Delivered } else { Status::Failed };
    html! {
        span.row {
            (pill(status, &answer.status.to_string()))
            @if answer.delay_ms > 0 { span.faint.small.nowrap { "after " (answer.delay_ms) " ms" } }
        }
    }
}

/// Makes an inbox, and leads into it.
pub(super) async fn make(State(pages): State<Arc<Pages>>, sent: Submitted) -> Result<Redirect, Failure> {
    let made = pages.operations.create_inbox(&sent.viewer.access, None, None, None).await?;
    let (Made::New(inbox) | Made::Before(inbox) | Made::Existing(inbox)) = made;
    Ok(Redirect::to(&page_of(&inbox.token)))
}

/// Asks before an inbox is deleted.
pub(super) async fn ask(
    State(pages): State<Arc<Pages>>,
    viewer: Viewer,
    Path(path): Path<InboxIdPath>,
) -> Result<Response, Failure> {
    if !viewer.may_write() {
        return Err(OpError::ReadOnly.into());
    }
    let inbox = pages.operations.inbox(&viewer.access, &path.inbox_id).await?;
    let home = viewer.place.at("/inboxes");
    let form = html! {
        div.row {
            button.button.danger { (icon(Icon::Delete)) "Delete inbox" }
            a.button.plain href=(home) { "Cancel" }
        }
    };
    let page = Page::new(&viewer, Section::Inboxes, "Delete inbox?").crumb("Inboxes", home.clone());
    Ok(page.show(html! {
        div.stack data-dialog-body {
            p {
                strong { (data::outside(&inbox.name)) } " and all that it received are deleted. Deliveries to its URL fail from then on."
            }
            (post(&viewer, &format!("{home}/{}/delete", inbox.id), "", &form))
        }
    }))
}

/// Deletes an inbox.
pub(super) async fn delete(
    State(pages): State<Arc<Pages>>,
    Path(path): Path<InboxIdPath>,
    sent: Submitted,
) -> Result<Response, Failure> {
    pages.operations.delete_inbox(&sent.viewer.access, &path.inbox_id).await?;
    Ok(Redirect::to(&with_notice(&sent.viewer.place.at("/inboxes"), "deleted")).into_response())
}
