//! An endpoint at a glance: what it is, how it fared, what was sent last; and, before anything was, what to do now.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, State};
use axum::response::Response;
use axum::routing::get;
use maud::{Markup, html};

use super::deliveries::attempts_table;
use super::{EndpointPath, Shown, View, event_tags, health, test_button};
use crate::dashboard::Pages;
use crate::dashboard::components::chart::{grouped, spark};
use crate::dashboard::components::data::{outside, short, visible};
use crate::dashboard::components::figures::{day_strip, outcomes, percent};
use crate::dashboard::components::list::segments;
use crate::dashboard::components::time::{ago, took};
use crate::dashboard::failure::Failure;
use crate::dashboard::viewer::Viewer;
use crate::domain::delivery::AttemptFilter;
use crate::domain::figures::{Counts, Figures, Strip, Window};
use crate::domain::message::MessageFilter;
use crate::domain::time::Span;
use crate::ops::{AttemptsPage, FiguresOf};

/// Attempts that are shown as the latest.
const LATEST: usize = 8;
/// Event types that are shown before they are counted.
const TAGS: usize = 12;
/// How much of a filter is shown.
const FILTER_CHARS: usize = 60;
/// The percentile of latencies that is shown.
const PERCENTILE: u64 = 95;

pub(super) fn router() -> Router<Arc<Pages>> {
    Router::new().route("/endpoints/{endpoint_id}", get(show))
}

async fn show(
    State(pages): State<Arc<Pages>>,
    Path(path): Path<EndpointPath>,
    viewer: Viewer,
) -> Result<Response, Failure> {
    let shown = Shown::find(&pages, &viewer, &path).await?;
    let (access, operations) = (&viewer.access, &pages.operations);
    let (application, endpoint) = shown.ids();
    let window = Window::parse(viewer.query.text("window")).unwrap_or(Window::Day);
    let figures = operations.figures(access, FiguresOf::Endpoint(&application, &endpoint), window).await?;
    let strips = operations.strips_of_endpoints(access, &[shown.endpoint().id]).await?;
    let day = strips.into_values().next().unwrap_or_else(|| Strip::of(viewer.now, &[]));
    let filter = AttemptFilter {
        endpoint_id: None,
        succeeded: None,
        status_class: None,
        made: Span::ALL,
        messages: MessageFilter::default(),
    };
    let page = AttemptsPage { before: None, limit: LATEST, with_content: false };
    let latest = operations.attempts_of_endpoint(access, &application, &endpoint, filter, page).await?.rows;
    let messages = operations.messages_of(&latest).await?;
    let body = html! {
        (shown.banner(&viewer))
        div.stack {
            @if latest.is_empty() { (what_now(&shown, &viewer)) }
            (facts(&shown, &viewer, &day))
            (course(&shown, &viewer, &figures, window))
            section.card id="latest" data-live-part {
                header {
                    h2 { "Latest deliveries" }
                    a.button.small href=(shown.at(viewer.place, "/deliveries")) { "All deliveries" }
                }
                @if latest.is_empty() {
                    p.body.muted { "Nothing has been sent here yet." }
                } @else {
                    (attempts_table(&viewer, &shown, &latest, &messages))
                }
            }
        }
    };
    Ok(shown.page(&viewer, View::Overview).actions(test_button(&shown, &viewer, "primary")).live().show(body))
}

/// What comes next, while nothing has been sent yet.
fn what_now(shown: &Shown, viewer: &Viewer) -> Markup {
    let place = viewer.place;
    html! {
        section.card {
            header { h2 { "What now" } }
            ol.steps {
                li {
                    h3 { "Send a test event" }
                    p.muted { "A signed request is sent to your URL at once, and you see what came back." }
                    div.row { (test_button(shown, viewer, "small primary")) }
                }
                li {
                    h3 { "Verify the signature" }
                    p.muted {
                        "Everybody can send to a public URL. With the endpoint's secret, "
                        code { "whsec_••••••••••••" } ", your server tells our requests from others."
                    }
                    div.row {
                        a.button.small href=(shown.at(place, "/secret")) { "Show the secret" }
                        a.button.small.plain href=(format!("{}#verify", shown.at(place, "/secret"))) { "How to verify" }
                    }
                }
                li {
                    h3 { "Answer with 2xx at once" }
                    p.muted { "Any other answer, or none in time, counts as a failure, and the event is sent again later." }
                }
            }
        }
    }
}

/// The beginning of a filter, as text that can be shown.
fn beginning(filter: &str) -> String {
    let mut shown = visible(&filter.chars().take(FILTER_CHARS).collect::<String>());
    if filter.chars().count() > FILTER_CHARS {
        shown.push('…');
    }
    shown
}

fn facts(shown: &Shown, viewer: &Viewer, day: &Strip) -> Markup {
    let endpoint = shown.endpoint();
    html! {
        section.card aria-label="Facts" id="facts" data-live-part {
            div.body.columns {
                dl.facts {
                    dt { "Status" } dd { (health(endpoint, day)) }
                    dt { "URL" } dd { (short("endpoint-url", &visible(&endpoint.url))) }
                    dt { "Id" } dd { (short("endpoint-id", &endpoint.id.to_string())) }
                    @if let Some(uid) = &endpoint.uid { dt { "uid" } dd.mono { (outside(uid)) } }
                    dt { "Created" } dd { (ago(endpoint.created_at, viewer.now)) }
                }
                dl.facts {
                    dt { "Last 24 hours" } dd { (day_strip("Last 24 hours", day, viewer.now)) }
                    dt { "Success" } dd { (percent(day.success())) }
                    dt { "Event types" } dd { (event_tags(endpoint.event_types.as_deref(), TAGS)) }
                    @if let Some(channels) = &endpoint.channels {
                        dt { "Channels" } dd { ul.tags { @for channel in channels { li.tag { (outside(channel)) } } } }
                    }
                    @if let Some(filter) = &endpoint.filter {
                        dt { "Filter" }
                        dd { a.mono.cut href=(shown.at(viewer.place, View::Filter.path())) { (beginning(filter.text())) } }
                    }
                    @if let Some(rate) = endpoint.throttle_rate { dt { "Rate limit" } dd { (rate) " a second" } }
                    @if endpoint.ordered { dt { "Order" } dd { "One message at a time, as they were accepted" } }
                }
            }
        }
    }
}

fn course(shown: &Shown, viewer: &Viewer, figures: &Figures, window: Window) -> Markup {
    let path = |window: Window| format!("{}?window={}", shown.at(viewer.place, ""), window.as_str());
    let total = &figures.total;
    let latencies: Vec<_> =
        figures.bars.iter().map(|bar| bar.counts.latencies.percentile(PERCENTILE).unwrap_or_default()).collect();
    let course = |of: fn(&Counts) -> u64| -> Vec<u64> { figures.bars.iter().map(|bar| of(&bar.counts)).collect() };
    let latency = total.latencies.percentile(PERCENTILE);
    let latency = latency.map_or("–".to_owned(), |ms| took(std::time::Duration::from_millis(ms)));
    html! {
        section.card id="course" data-live-part {
            header {
                h2 { "Deliveries" }
                (segments("Period", Window::ALL.map(|choice| (choice.as_str(), path(choice), choice == window))))
            }
            div.figures {
                (figure("Delivered", &grouped(total.delivered), "delivered", &course(|counts| counts.delivered)))
                (figure("Failed attempts", &grouped(total.failed + total.retried), "failed",
                    &course(|counts| counts.failed + counts.retried)))
                (figure("Success", &percent(total.success()), "", &[]))
                (figure("Latency, p95", &latency, "accepted", &latencies))
            }
            div.body { (outcomes(figures, window, viewer.now)) }
        }
    }
}

fn figure(name: &str, value: &str, class: &str, course: &[u64]) -> Markup {
    html! {
        div.figure {
            span.name { (name) }
            span.value { (value) }
            (spark(class, course))
        }
    }
}
