//! The attempts of a delivery on a line that is drawn to scale: those that were made, and those that the schedule still
//! has. Places are percentages, so that the marks stay round however wide the page is.

use maud::{Markup, html};

use crate::dashboard::components::form::nothing;
use crate::dashboard::components::time::{length, took};
use crate::domain::attempt::Phases;
use crate::domain::delivery::Attempt;
use crate::domain::time::Timestamp;

/// The line does not reach the edge, so that its last mark is whole.
const MARGIN: f64 = 1.0;

/// Where on the line, in percent, so much of the whole is.
fn place(part: u128, whole: u128) -> String {
    let share = part as f64 / whole.max(1) as f64;
    format!("{:.2}%", MARGIN + share.clamp(0.0, 1.0) * (100.0 - 2.0 * MARGIN))
}

/// The attempts of a delivery since its message was accepted; nothing when there is only one.
pub(super) fn drawn(accepted: Timestamp, made: &[Attempt], to_come: &[Timestamp], now: Timestamp) -> Markup {
    if made.len() + to_come.len() < 2 {
        return nothing();
    }
    let from = made.first().map_or(accepted, |first| first.id.time().min(accepted));
    let last = made.last().map_or(from, |last| last.id.time());
    let until = to_come.iter().copied().fold(last, Timestamp::max);
    let whole = until.since(from);
    let at = |time: Timestamp| place(time.since(from).as_millis(), whole.as_millis());
    let in_words = format!("{} attempts made and {} to come within {}", made.len(), to_come.len(), length(whole));
    html! {
        div {
            svg.timeline role="img" aria-label=(in_words) {
                line.rail x1=(at(from)) x2=(at(until)) y1="10" y2="10" {}
                @if !to_come.is_empty() {
                    line.now x1=(at(now)) x2=(at(now)) y1="1" y2="19" { title { "Now" } }
                }
                @for time in to_come {
                    circle.to-come cx=(at(*time)) cy="10" r="4" { title { "To come " (length(time.since(from))) " after it was accepted" } }
                }
                @for attempt in made {
                    circle.(if attempt.succeeded() { "delivered" } else { "failed" }) cx=(at(attempt.id.time())) cy="10" r="5" {
                        title { "Attempt " (attempt.number) ", " (length(attempt.id.time().since(from))) " after it was accepted" }
                    }
                }
            }
            div.spread.small.faint aria-hidden="true" { span { "Accepted" } span { "+ " (length(whole)) } }
        }
    }
}

/// How long the parts of a request took, one below the other.
pub(super) fn phases(phases: &Phases, duration_ms: u64) -> Markup {
    let parts = [
        ("Look-up of the name", phases.dns_us),
        ("Connecting", phases.connect_us),
        ("TLS handshake", phases.tls_us),
        ("First byte of the answer", phases.first_byte_us),
    ];
    let parts: Vec<(&str, u64)> = parts.into_iter().filter_map(|(name, us)| Some((name, u64::from(us?)))).collect();
    let known: u64 = parts.iter().map(|(_, us)| us).sum();
    let whole = (duration_ms * 1_000).max(known).max(1);
    let rest = (phases.first_byte_us.is_some() && whole > known).then_some(("The rest of it", whole - known));
    let mut start = 0;
    let rows: Vec<_> = parts
        .into_iter()
        .chain(rest)
        .map(|(name, us)| {
            start += us;
            (name, us, start - us)
        })
        .collect();
    let percent = |us: u64| format!("{:.2}%", us as f64 * 100.0 / whole as f64);
    html! {
        table.phases {
            caption.hidden-visually { "How long its parts took" }
            tbody {
                @for (name, us, start) in rows {
                    tr {
                        th scope="row" { (name) }
                        td { svg.phase aria-hidden="true" { rect x=(percent(start)) y="4" width=(percent(us)) height="8" rx="2" {} } }
                        td.number.nowrap { (took(std::time::Duration::from_micros(us))) }
                    }
                }
            }
        }
        @if phases.is_reused() { p.faint.small { "The connection had been open already." } }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_to_scale_and_on_the_line() {
        assert_eq!([place(0, 10), place(5, 10), place(10, 10), place(99, 10)], ["1.00%", "50.00%", "99.00%", "99.00%"]);
        assert_eq!(place(0, 0), "1.00%");
    }

    #[test]
    fn the_parts_of_a_request_follow_each_other() {
        let known = Phases { dns_us: None, connect_us: Some(1_000), tls_us: Some(2_000), first_byte_us: Some(5_000) };
        let shown = phases(&known, 10).into_string();
        assert!(shown.contains("x=\"10.00%\" y=\"4\" width=\"20.00%\""), "{shown}");
        assert!(shown.contains("x=\"80.00%\" y=\"4\" width=\"20.00%\"") && !shown.contains("Look-up"), "{shown}");
        assert!(!shown.contains("open already"));
    }
}
