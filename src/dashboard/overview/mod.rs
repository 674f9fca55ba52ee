//! The overview of an environment: how much was accepted and delivered over a window of time, what needs attention,
//! what waits, and the newest attempts. While nothing has been delivered yet it leads a newcomer there instead.

mod attention;
mod newcomer;
mod tail;

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::response::Response;
use axum::routing::{get, post};
use maud::{Markup, html};

use super::Pages;
use super::components::chart::{grouped, short, spark};
use super::components::figures::{label, outcomes};
use super::components::list::segments;
use super::components::time::took;
use super::failure::Failure;
use super::frame::{Page, Section};
use super::viewer::Viewer;
use crate::domain::figures::{Counts, Figures, Window};
use crate::domain::time::Timestamp;
use crate::ops::FiguresOf;
use newcomer::Start;

/// The overview, and the first steps from there.
pub(super) fn router() -> Router<Arc<Pages>> {
    Router::new()
        .route("/", get(show))
        .route("/start/endpoint", post(newcomer::create_endpoint))
        .route("/start/message", post(newcomer::send_example))
}

async fn show(State(pages): State<Arc<Pages>>, viewer: Viewer) -> Result<Response, Failure> {
    let operations = &pages.operations;
    let attempts = operations.recent_attempts(&viewer.access, None, tail::ROWS).await?;
    let start = Start::read(&pages, &viewer, &attempts).await?;
    let page = Page::new(&viewer, Section::Overview, "Overview").live();
    if let Some(start) = start.as_ref().filter(|start| !start.has_arrived()) {
        return Ok(page.show(html! { div.stack id="overview" data-live-part { (start.shown(&viewer)) } }));
    }
    let window = Window::parse(viewer.query.text("window")).unwrap_or(Window::Day);
    let figures = operations.figures(&viewer.access, FiguresOf::Everything, window).await?;
    let attention = attention::read(operations, &viewer).await?;
    let windows = Window::ALL.map(|each| {
        let path = format!("{}?window={}", viewer.place.home(), each.as_str());
        (each.as_str(), path, each == window)
    });
    Ok(page.actions(segments("Period", windows)).show(html! {
        div.stack id="overview" data-live-part {
            @if let Some(start) = &start { (start.shown(&viewer)) }
            (four(&figures, window))
            (course(&figures, window, viewer.now))
            (attention.shown(&viewer))
            (tail::shown(&viewer, &attempts))
        }
    }))
}

/// The four figures.
fn four(figures: &Figures, window: Window) -> Markup {
    let course = |of: fn(&Counts) -> u64| figures.bars.iter().map(|bar| of(&bar.counts)).collect::<Vec<_>>();
    let slow = |counts: &Counts| counts.latencies.percentile(95);
    let count = |name, class, of: fn(&Counts) -> u64| Figure {
        name,
        class,
        value: short(of(&figures.total)),
        exact: grouped(of(&figures.total)),
        now: Some(of(&figures.total)),
        before: figures.before.as_ref().map(of),
        course: course(of),
    };
    let latency = slow(&figures.total);
    let in_words = latency.map_or("–".to_owned(), |ms| took(std::time::Duration::from_millis(ms)));
    html! {
        div.figures {
            (count("Messages accepted", "accepted", |counts| counts.accepted).shown(window))
            (count("Delivered", "delivered", |counts| counts.delivered).shown(window))
            (count("Attempts failed", "failed", |counts| counts.failed + counts.retried).shown(window))
            (Figure {
                name: "Latency, 95th percentile",
                class: "accepted",
                value: in_words.clone(),
                exact: in_words,
                now: latency,
                before: figures.before.as_ref().and_then(slow),
                course: course(|counts| counts.latencies.percentile(95).unwrap_or_default()),
            }.shown(window))
        }
    }
}

/// A number, how it compares with the time before, and its course.
struct Figure {
    name: &'static str,
    class: &'static str,
    value: String,
    exact: String,
    now: Option<u64>,
    before: Option<u64>,
    course: Vec<u64>,
}

impl Figure {
    fn shown(&self, window: Window) -> Markup {
        html! {
            div.card.figure {
                span.name { (self.name) }
                span.value title=(self.exact) { (self.value) }
                (spark(self.class, &self.course))
                span.delta { (change(self.now, self.before, window)) }
            }
        }
    }
}

/// How much more or less it is than before, in words.
fn change(now: Option<u64>, before: Option<u64>, window: Window) -> String {
    let period = window.as_str();
    match (now, before) {
        (Some(0), Some(0)) | (None, _) => format!("None in the last {period}"),
        (Some(now), Some(before)) if now == before => format!("As in the {period} before"),
        (Some(now), Some(before)) if before > 0 => {
            let percent = now.abs_diff(before) * 100 / before;
            let sign = if now > before { '+' } else { '−' };
            match percent {
                0 => format!("Much as in the {period} before"),
                1_000.. => format!("{} times the {period} before", short(now / before)),
                _ => format!("{sign}{percent} % on the {period} before"),
            }
        }
        (Some(_), Some(_)) => format!("None in the {period} before"),
        (Some(_), None) => format!("In the last {period}"),
    }
}

fn course(figures: &Figures, window: Window, now: Timestamp) -> Markup {
    html! {
        section.card {
            header { h2 { "Deliveries" } }
            div.body.stack-small {
                (outcomes(figures, window, now))
                details id="as-table" {
                    summary.muted.small { "The same as a table" }
                    div.scroll.tall tabindex="0" role="region" aria-label="Deliveries as a table" { (as_table(figures, window)) }
                }
            }
        }
    }
}

fn as_table(figures: &Figures, window: Window) -> Markup {
    html! {
        table {
            caption.hidden-visually { "Deliveries, the latest first, times in UTC" }
            thead {
                tr {
                    th scope="col" { "From" }
                    @for name in ["Accepted", "Delivered", "Retrying", "Failed"] { th.number scope="col" { (name) } }
                }
            }
            tbody {
                @for bar in figures.bars.iter().rev() {
                    tr {
                        th scope="row" { (label(window, bar.from)) }
                        @for count in [bar.counts.accepted, bar.counts.delivered, bar.counts.retried, bar.counts.failed] {
                            td.number { (grouped(count)) }
                        }
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_told_in_words() {
        let told = |now, before| change(now, before, Window::Day);
        assert_eq!(told(Some(150), Some(100)), "+50 % on the 24h before");
        assert_eq!(told(Some(50), Some(100)), "−50 % on the 24h before");
        assert_eq!(told(Some(100), Some(100)), "As in the 24h before");
        assert_eq!(told(Some(3_000), Some(2)), "1.5k times the 24h before");
        assert_eq!(told(Some(7), Some(0)), "None in the 24h before");
        assert_eq!(told(Some(0), Some(0)), "None in the last 24h");
        assert_eq!(told(None, Some(5)), "None in the last 24h");
        assert_eq!(told(Some(7), None), "In the last 24h");
    }
}
