//! The newest attempts of an environment, as they come.

use std::time::Duration;

use maud::{Markup, html};

use crate::dashboard::components::data;
use crate::dashboard::components::time::{ago, took};
use crate::dashboard::messages::outcome;
use crate::dashboard::viewer::Viewer;
use crate::domain::delivery::Attempt;

/// Attempts that are shown.
pub(super) const ROWS: usize = 15;

/// The newest attempts, each with the event type of its message.
pub(super) fn shown(viewer: &Viewer, attempts: &[(Attempt, Option<String>)]) -> Markup {
    html! {
        section.card {
            header { h2 { "Newest attempts" } a.small href=(viewer.place.at("/messages")) { "All messages" } }
            @if attempts.is_empty() {
                p.body.muted { "Nothing has been sent yet." }
            } @else {
                div.scroll {
                    table {
                        caption.hidden-visually { "Newest attempts" }
                        thead {
                            tr {
                                th scope="col" { "Time" }
                                th scope="col" { "Outcome" }
                                th scope="col" { "Event type" }
                                th.wide scope="col" { "Message" }
                                th.wide scope="col" { "Endpoint" }
                                th.number scope="col" { "Took" }
                            }
                        }
                        tbody { @for (attempt, event_type) in attempts { (row(viewer, attempt, event_type.as_deref())) } }
                    }
                }
            }
        }
    }
}

fn row(viewer: &Viewer, attempt: &Attempt, event_type: Option<&str>) -> Markup {
    let message = viewer.place.message(attempt.application_id, attempt.message_id);
    html! {
        tr id=(attempt.id) {
            td { (ago(attempt.id.time(), viewer.now)) }
            td { (outcome(attempt)) }
            td { a.subject.mono href=(message) { @match event_type { Some(name) => (name), None => "Deleted" } } }
            td.wide { span.mono.muted { (attempt.message_id) } }
            td.wide.url { span.cut.mono title=(data::visible(&attempt.url)) { (data::outside(&attempt.url)) } }
            td.number.nowrap { (took(Duration::from_millis(attempt.duration_ms))) }
        }
    }
}
