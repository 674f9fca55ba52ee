//! What fails, by endpoint and cause, and putting it back into the queues once the cause is gone.

mod recovering;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::response::Response;
use axum::routing::get;
use maud::{Markup, html};

use super::Pages;
use super::components::chart::grouped;
use super::components::data::{outside, visible};
use super::components::icon::{Icon, icon};
use super::components::list::segments;
use super::components::notice::empty;
use super::components::status::{Status, pill};
use super::components::time::ago;
use super::failure::Failure;
use super::frame::{Page, Section};
use super::viewer::Viewer;
use super::words;
use crate::domain::figures::start_of;
use crate::domain::id::EndpointId;
use crate::domain::time::Timestamp;
use crate::ops::FailingGroup;

const DAY: Duration = Duration::from_secs(24 * 3_600);
/// How far back a page may look: what is sent, days, and what is shown.
const WINDOWS: [(&str, u32, &str); 3] = [("1", 1, "Today"), ("7", 7, "7 days"), ("30", 30, "30 days")];
/// The window when none is chosen.
const USUAL: (&str, u32, &str) = WINDOWS[1];

/// The routes of what fails.
pub(super) fn router() -> Router<Arc<Pages>> {
    Router::new().route("/failing", get(page)).merge(recovering::router())
}

fn window(viewer: &Viewer) -> (&'static str, u32, &'static str) {
    WINDOWS.into_iter().find(|(name, ..)| *name == viewer.query.text("days")).unwrap_or(USUAL)
}

/// The start of a window.
fn since(now: Timestamp, days: u32) -> Timestamp {
    start_of(now, DAY).minus(DAY * days.saturating_sub(1))
}

/// The groups of each endpoint together; the endpoint that failed last comes first.
fn by_endpoint(groups: &[FailingGroup]) -> Vec<Vec<&FailingGroup>> {
    let mut endpoints: Vec<(EndpointId, Vec<&FailingGroup>)> = Vec::new();
    for group in groups {
        let id = group.failing.endpoint_id;
        match endpoints.iter_mut().find(|(known, _)| *known == id) {
            Some((_, members)) => members.push(group),
            None => endpoints.push((id, vec![group])),
        }
    }
    endpoints.into_iter().map(|(_, members)| members).collect()
}

async fn page(State(pages): State<Arc<Pages>>, viewer: Viewer) -> Result<Response, Failure> {
    let (shown, days, _) = window(&viewer);
    let groups = pages.operations.failing(&viewer.access, days).await?;
    let (since, endpoints) = (since(viewer.now, days), by_endpoint(&groups));
    let views =
        WINDOWS.map(|(name, _, label)| (label, viewer.place.at(&format!("/failing?days={name}")), name == shown));
    let body = html! {
        div.stack id="failing" data-live-part {
            @if groups.is_empty() {
                div.card { (all_is_well(days)) }
            } @else {
                form.stack method="get" action=(viewer.place.at("/failing/recover")) {
                    input type="hidden" name="since" value=(since);
                    @for members in &endpoints { (endpoint_card(&viewer, members, since)) }
                    @if viewer.may_write() && endpoints.iter().any(|members| is_recoverable(members)) { div { button.button { (icon(Icon::Retry)) "Recover selected…" } } }
                }
            }
        }
    };
    Ok(Page::new(&viewer, Section::Failing, "Failing")
        .lead(html! { "What endpoints did not take, by its cause." })
        .actions(segments("Time", views))
        .live()
        .show(body))
}

fn all_is_well(days: u32) -> Markup {
    let text = match days {
        1 => html! { "Nothing has failed today." },
        days => html! { "Nothing has failed in the last " (days) " days." },
    };
    empty(Icon::Check, "All is well", &text, &html! {})
}

/// Whether anything can be put back: what failed for good, at an endpoint that is sent to.
fn is_recoverable(members: &[&FailingGroup]) -> bool {
    members.iter().any(|group| group.failing.ended > 0 && group.route.endpoint.disabled.is_none())
}

fn endpoint_card(viewer: &Viewer, members: &[&FailingGroup], since: Timestamp) -> Markup {
    let Some(first) = members.first() else { return html! {} };
    let (application, endpoint) = (&first.routes.application, &first.route.endpoint);
    let picked = recovering::Picked::of(first).to_string();
    let path = viewer.place.endpoint(application.id, endpoint.id);
    let recover =
        serde_urlencoded::to_string([("endpoint", picked.clone()), ("since", since.to_string())]).unwrap_or_default();
    let may_recover = viewer.may_write() && is_recoverable(members);
    html! {
        section.card id=(endpoint.id) {
            header {
                @if may_recover {
                    input type="checkbox" name="endpoint" value=(picked)
                        aria-label=(format!("Select {}", visible(&endpoint.url)));
                }
                div.grow {
                    h2 { a.subject.mono href=(path) { (outside(&endpoint.url)) } }
                    p.small.muted { a.quiet href=(viewer.place.application(application.id)) { (outside(&application.name)) } }
                }
                @if endpoint.disabled.is_some() { (pill(Status::Disabled, "Switched off")) }
                a.button.small href=(format!("{path}/deliveries")) { "Deliveries" }
                @if may_recover {
                    a.button.small data-dialog href=(viewer.place.at(&format!("/failing/recover?{recover}"))) { (icon(Icon::Retry)) "Recover…" }
                }
            }
            div.scroll {
                table.causes {
                    caption.hidden-visually { "Causes" }
                    thead {
                        tr {
                            th scope="col" { "Cause" }
                            th.number scope="col" { "Failed for good" } th.number scope="col" { "Tried again" }
                            th.wide scope="col" { "First" } th scope="col" { "Last" }
                        }
                    }
                    tbody { @for group in members { (cause_row(viewer, group)) } }
                }
            }
        }
    }
}

fn cause_row(viewer: &Viewer, group: &FailingGroup) -> Markup {
    let failing = &group.failing;
    html! {
        tr {
            th scope="row" {
                span.text { (words::cause(failing.cause)) }
                p.muted.explained { (failing.cause.explanation()) }
            }
            td.number { (grouped(failing.ended)) }
            td.number { (grouped(failing.retried)) }
            td.wide { (ago(failing.first_at, viewer.now)) }
            td { (ago(failing.last_at, viewer.now)) }
        }
    }
}
