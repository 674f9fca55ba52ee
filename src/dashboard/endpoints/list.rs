//! The lists of endpoints: all of an environment's, to be searched, and those of one application.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::response::Response;
use axum::routing::get;
use maud::{Markup, html};

use super::{event_tags, health, title};
use crate::dashboard::Pages;
use crate::dashboard::components::data::outside;
use crate::dashboard::components::figures::{day_strip, percent};
use crate::dashboard::components::form::{Field, nothing};
use crate::dashboard::components::icon::{Icon, icon};
use crate::dashboard::components::list::pager;
use crate::dashboard::components::notice::empty;
use crate::dashboard::failure::Failure;
use crate::dashboard::fields::Form;
use crate::dashboard::frame::{Page, Section};
use crate::dashboard::place::Place;
use crate::dashboard::viewer::Viewer;
use crate::domain::application::Application;
use crate::domain::endpoint::Endpoint;
use crate::domain::figures::Strip;
use crate::domain::id::EndpointId;
use crate::ops::{EndpointFilter, OpError, Page as ListPage, WalkedPage};

/// Endpoints on a page of a list.
const ROWS: usize = 50;
/// Event types that a row shows before it counts them.
const TAGS: usize = 2;

pub(super) fn router() -> Router<Arc<Pages>> {
    Router::new().route("/endpoints", get(show)).route("/endpoints/new", get(choose))
}

/// An endpoint as a row shows it.
struct Row {
    endpoint: Endpoint,
    application: Option<Application>,
}

async fn show(State(pages): State<Arc<Pages>>, viewer: Viewer) -> Result<Response, Failure> {
    let query = &viewer.query;
    let filter = EndpointFilter {
        text: query.filled("q").map(str::to_owned),
        disabled: match query.text("status") {
            "enabled" => Some(false),
            "disabled" => Some(true),
            _ => None,
        },
    };
    let is_filtered = filter.text.is_some() || filter.disabled.is_some();
    let before = EndpointId::parse(query.text("before"));
    let page = WalkedPage { before, limit: ROWS };
    let found = pages.operations.endpoints_of_environment(&viewer.access, filter, page).await?;
    let row = |(endpoint, application)| Row { endpoint, application: Some(application) };
    let rows: Vec<_> = found.rows.into_iter().map(row).collect();
    let strips = strips(&pages, &viewer, &rows).await?;
    let path = viewer.place.at("/endpoints");
    let next = found.next.map(|id| format!("{path}{}", query.query_with(&[("before", &id.to_string())])));
    let start = before.map(|_| format!("{path}{}", query.query_with(&[("before", "")])));
    let body = html! {
        section.card {
            (filters(&viewer, &path))
            div id="endpoints" data-live-part {
                @if !rows.is_empty() {
                    (table(&viewer, &rows, &strips))
                } @else if next.is_some() {
                    div.empty { p { "Nothing here matches; there is more to look at." } }
                } @else if is_filtered || before.is_some() {
                    (empty(Icon::Search, "No endpoint matches", &html! { "Try another word, or another status." },
                        &html! { a.button href=(path) { "Show all endpoints" } }))
                } @else {
                    (none(&html! { (add_button(&viewer, &viewer.place.at("/endpoints/new"))) }))
                }
            }
            (pager(start.as_deref(), next.as_deref()))
        }
    };
    Ok(Page::new(&viewer, Section::Endpoints, "Endpoints")
        .lead(html! { "Where messages go, of all applications." })
        .actions(add_button(&viewer, &viewer.place.at("/endpoints/new")))
        .live()
        .show(body))
}

fn filters(viewer: &Viewer, path: &str) -> Markup {
    let form = Form::new(viewer.query.clone());
    html! {
        form.filters method="get" action=(path) data-filters {
            (Field::new("q", "Search").kind("search").placeholder("URL, description or uid").input(&form))
            (Field::new("status", "Status").select(&form, [("", "All"), ("enabled", "Enabled"), ("disabled", "Disabled")]))
            button.button { "Apply" }
        }
    }
}

/// The endpoints of an application, as a card: its own page shows it, and the portal's first.
pub(in crate::dashboard) async fn of_application(
    pages: &Pages,
    viewer: &Viewer,
    application: &Application,
) -> Result<Markup, Failure> {
    let before = EndpointId::parse(viewer.query.text("before"));
    let page = ListPage { limit: ROWS, after: before, backwards: false, descending: true };
    let found = pages.operations.list_endpoints(&viewer.access, &application.id.to_string(), page).await?;
    let rows: Vec<_> = found.items.into_iter().map(|endpoint| Row { endpoint, application: None }).collect();
    let strips = strips(pages, viewer, &rows).await?;
    let path = viewer.place.application(application.id);
    let next = rows.last().filter(|_| !found.done).map(|row| format!("{path}?before={}", row.endpoint.id));
    let start = before.map(|_| path.clone());
    Ok(html! {
        section.card id="endpoints" data-live-part aria-label="Endpoints" {
            @if rows.is_empty() {
                (none(&add_button(viewer, &format!("{path}/endpoints/new"))))
            } @else {
                (table(viewer, &rows, &strips))
            }
            (pager(start.as_deref(), next.as_deref()))
        }
    })
}

/// The button that leads to the form for a new endpoint.
pub(in crate::dashboard) fn add_button(viewer: &Viewer, path: &str) -> Markup {
    html! { @if viewer.may_write() { a.button.primary href=(path) { (icon(Icon::Plus)) "Add endpoint" } } }
}

fn none(action: &Markup) -> Markup {
    let text = html! { "An endpoint is a URL that events are sent to. Without a server of your own, use an inbox." };
    empty(Icon::Endpoint, "No endpoints yet", &text, action)
}

async fn strips(pages: &Pages, viewer: &Viewer, rows: &[Row]) -> Result<BTreeMap<EndpointId, Strip>, OpError> {
    let ids: Vec<_> = rows.iter().map(|row| row.endpoint.id).collect();
    pages.operations.strips_of_endpoints(&viewer.access, &ids).await
}

fn table(viewer: &Viewer, rows: &[Row], strips: &BTreeMap<EndpointId, Strip>) -> Markup {
    let with_application = rows.iter().any(|row| row.application.is_some());
    html! {
        div.scroll {
            table.endpoints {
                caption.hidden-visually { "Endpoints" }
                thead {
                    tr {
                        th scope="col" { "Status" }
                        th scope="col" { "Endpoint" }
                        @if with_application { th.wide scope="col" { "Application" } }
                        th.wide scope="col" { "Event types" }
                        th.wide scope="col" { "Last 24 hours" }
                        th.number scope="col" { "Success" }
                    }
                }
                tbody {
                    @for row in rows { (table_row(viewer, row, strips.get(&row.endpoint.id), with_application)) }
                }
            }
        }
    }
}

fn table_row(viewer: &Viewer, row: &Row, day: Option<&Strip>, with_application: bool) -> Markup {
    let (endpoint, place) = (&row.endpoint, viewer.place);
    let quiet = Strip::of(viewer.now, &[]);
    let day = day.unwrap_or(&quiet);
    html! {
        tr id=(endpoint.id) {
            td { (health(endpoint, day)) }
            td.main-cell {
                a.subject.cut href=(place.endpoint(endpoint.application_id, endpoint.id)) { bdi { (title(endpoint)) } }
                @if !endpoint.description.is_empty() { span.mono.small.muted.cut { (outside(&endpoint.url)) } }
            }
            @if with_application {
                td.wide {
                    @if let Some(application) = &row.application {
                        a.subject href=(place.application(application.id)) { (outside(&application.name)) }
                    }
                }
            }
            td.wide { (event_tags(endpoint.event_types.as_deref(), TAGS)) }
            td.wide.strip-cell { (day_strip("Last 24 hours", day, viewer.now)) }
            td.number { (percent(day.success())) }
        }
    }
}

/// An endpoint belongs to an application: without one, that is chosen first.
async fn choose(State(pages): State<Arc<Pages>>, viewer: Viewer) -> Result<Response, Failure> {
    let place = viewer.place;
    let text = viewer.query.text("q");
    let page = WalkedPage { before: None, limit: ROWS };
    let found = pages.operations.search_applications(&viewer.access, text, page).await?;
    let form = Form::new(viewer.query.clone());
    let body = html! {
        section.card {
            form.filters method="get" action=(place.at("/endpoints/new")) {
                (Field::new("q", "Search").kind("search").placeholder("Name or uid").input(&form))
                button.button { "Search" }
            }
            @if found.rows.is_empty() {
                (empty(Icon::Application, "No application is called so", &html! { "Make one, and give it an endpoint." },
                    &html! { a.button href=(place.at("/applications/new")) { "New application" } }))
            } @else {
                div.scroll { (applications(place, &found.rows)) }
            }
            @if found.next.is_some() { p.pager { "Only the newest are shown: search for another by its name or uid." } }
        }
    };
    Ok(Page::new(&viewer, Section::Endpoints, "Add endpoint")
        .crumb("Endpoints", place.at("/endpoints"))
        .lead(html! { "Of which application is the endpoint to be?" })
        .actions(nothing())
        .show(body))
}

fn applications(place: Place, applications: &[Application]) -> Markup {
    html! {
        table {
            caption.hidden-visually { "Applications" }
            thead { tr { th scope="col" { "Application" } th scope="col" { "uid" } th scope="col" { span.hidden-visually { "Choose" } } } }
            tbody {
                @for application in applications {
                    tr id=(application.id) {
                        td { (outside(&application.name)) }
                        td.mono { (outside(application.uid.as_deref().unwrap_or_default())) }
                        td.number {
                            a.button.small href=(format!("{}/endpoints/new", place.application(application.id)))
                                aria-label=(format!("Choose {}", application.name)) { "Choose" }
                        }
                    }
                }
            }
        }
    }
}
