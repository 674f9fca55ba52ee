//! The list of applications, to be searched, each with its last day.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::response::Response;
use axum::routing::get;
use maud::{Markup, html};

use crate::dashboard::Pages;
use crate::dashboard::components::chart::short;
use crate::dashboard::components::data::outside;
use crate::dashboard::components::figures::{day_strip, percent};
use crate::dashboard::components::form::{Field, nothing};
use crate::dashboard::components::icon::{Icon, icon};
use crate::dashboard::components::list::pager;
use crate::dashboard::components::notice::empty;
use crate::dashboard::components::time::ago;
use crate::dashboard::failure::Failure;
use crate::dashboard::fields::Form;
use crate::dashboard::frame::{Page, Section};
use crate::dashboard::viewer::Viewer;
use crate::domain::application::Application;
use crate::domain::figures::Strip;
use crate::domain::id::ApplicationId;
use crate::ops::WalkedPage;

/// Applications on a page.
const ROWS: usize = 50;

pub(super) fn router() -> Router<Arc<Pages>> {
    Router::new().route("/applications", get(show))
}

async fn show(State(pages): State<Arc<Pages>>, viewer: Viewer) -> Result<Response, Failure> {
    let query = &viewer.query;
    let before = ApplicationId::parse(query.text("before"));
    let page = WalkedPage { before, limit: ROWS };
    let found = pages.operations.search_applications(&viewer.access, query.text("q"), page).await?;
    let ids: Vec<_> = found.rows.iter().map(|application| application.id).collect();
    let strips = pages.operations.strips_of_applications(&viewer.access, &ids).await?;
    let path = viewer.place.at("/applications");
    let next = found.next.map(|id| format!("{path}{}", query.query_with(&[("before", &id.to_string())])));
    let start = before.map(|_| format!("{path}{}", query.query_with(&[("before", "")])));
    let form = Form::new(query.clone());
    let body = html! {
        section.card {
            form.filters method="get" action=(path) data-filters {
                (Field::new("q", "Search").kind("search").placeholder("Name or uid").input(&form))
                button.button { "Search" }
            }
            div id="applications" data-live-part {
                @if !found.rows.is_empty() {
                    (table(&viewer, &found.rows, &strips))
                } @else if next.is_some() {
                    div.empty { p { "Nothing here matches; there is more to look at." } }
                } @else if query.filled("q").is_some() || before.is_some() {
                    (empty(Icon::Search, "No application is called so", &html! { "The search looks at names and uids." },
                        &html! { a.button href=(path) { "Show all applications" } }))
                } @else {
                    (empty(Icon::Application, "No applications yet",
                        &html! { "An application is one of your customers: it has endpoints and gets messages of its own." },
                        &new_button(&viewer)))
                }
            }
            (pager(start.as_deref(), next.as_deref()))
        }
    };
    Ok(Page::new(&viewer, Section::Applications, "Applications")
        .lead(html! { "Your customers, each with endpoints and messages of its own." })
        .actions(new_button(&viewer))
        .live()
        .show(body))
}

fn new_button(viewer: &Viewer) -> Markup {
    if !viewer.may_write() {
        return nothing();
    }
    let path = viewer.place.at("/applications/new");
    html! { a.button.primary href=(path) data-dialog { (icon(Icon::Plus)) "New application" } }
}

fn table(viewer: &Viewer, rows: &[Application], strips: &BTreeMap<ApplicationId, Strip>) -> Markup {
    html! {
        div.scroll {
            table {
                caption.hidden-visually { "Applications" }
                thead {
                    tr {
                        th scope="col" { "Name" }
                        th.wide scope="col" { "Id" }
                        th.number scope="col" { "Messages, 24 h" }
                        th.wide scope="col" { "Last 24 hours" }
                        th.number scope="col" { "Failed" }
                        th.number.wide scope="col" { "Created" }
                    }
                }
                tbody { @for row in rows { (table_row(viewer, row, strips.get(&row.id))) } }
            }
        }
    }
}

fn table_row(viewer: &Viewer, application: &Application, day: Option<&Strip>) -> Markup {
    let quiet = Strip::of(viewer.now, &[]);
    let day = day.unwrap_or(&quiet);
    html! {
        tr id=(application.id) {
            td.main-cell {
                a.subject.cut href=(viewer.place.application(application.id)) { (outside(&application.name)) }
                @if let Some(uid) = &application.uid { span.mono.small.muted.cut { (outside(uid)) } }
            }
            td.wide { span.mono.small.muted { (application.id) } }
            td.number { (short(day.accepted)) }
            td.wide.strip-cell { (day_strip("Last 24 hours", day, viewer.now)) }
            td.number { (percent(day.success().map(|share| 1.0 - share))) }
            td.number.wide { (ago(application.created_at, viewer.now)) }
        }
    }
}
