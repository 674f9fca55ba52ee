//! Figures as charts and words: what came of deliveries over a window of time, the strip of the last day, shares and
//! latencies. It counts nothing itself.

use maud::{Markup, html};

use super::chart::{Bar, Piece, stacked, strip};
use crate::domain::figures::{Figures, Strip, Window, start_of};
use crate::domain::time::Timestamp;

/// Stacked bars of what came of attempts, with their legend.
pub fn outcomes(figures: &Figures, window: Window, now: Timestamp) -> Markup {
    let filling = start_of(now, window.width());
    let bars: Vec<_> = figures
        .bars
        .iter()
        .map(|bar| Bar {
            label: label(window, bar.from),
            parts: vec![
                ("delivered", bar.counts.delivered),
                ("retrying", bar.counts.retried),
                ("failed", bar.counts.failed),
            ],
            unfinished: bar.from >= filling,
        })
        .collect();
    html! {
        (stacked("attempts", &bars))
        ul.legend {
            li.delivered { "Delivered" }
            li.retrying { "Failed, is tried again" }
            li.failed { "Failed for good" }
            li.faint.plain { "Times are in UTC" }
        }
    }
}

/// What a bar of a window is called, in UTC.
pub fn label(window: Window, from: Timestamp) -> String {
    // Such as 2026-11-22T03:01:19.000Z.
    let text = from.to_string();
    let part = |range: std::ops::Range<usize>| text.get(range).unwrap_or_default();
    match window {
        Window::Hour | Window::Day => part(11..16).to_owned(),
        Window::Week => format!("{} {}", part(5..10), part(11..16)),
        Window::Month => part(5..10).to_owned(),
    }
}

/// The last 24 hours of something, as a strip; `what` names it for who can't see it.
pub fn day_strip(what: &str, day: &Strip, now: Timestamp) -> Markup {
    let start = Strip::span(now).from;
    let hour = std::time::Duration::from_secs(3_600);
    let pieces: Vec<_> = (0_u32..)
        .zip(&day.hours)
        .map(|(place, &(delivered, failed))| Piece {
            label: label(Window::Day, start.plus(hour * place)),
            delivered,
            failed,
        })
        .collect();
    strip(what, &pieces)
}

/// A share in per cent, never rounded up to all: `99.9 %`.
pub fn percent(share: Option<f64>) -> String {
    match share {
        Some(share) if share >= 1.0 => "100 %".to_owned(),
        Some(share) if share <= 0.0 => "0 %".to_owned(),
        Some(share) => format!("{:.1} %", (share * 1_000.0).floor() / 10.0),
        None => "–".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_all_only_when_it_is() {
        let shown = [Some(1.0), Some(0.999_9), Some(0.5), Some(0.0), None].map(percent);
        assert_eq!(shown, ["100 %", "99.9 %", "50.0 %", "0 %", "–"]);
    }

    #[test]
    fn bars_are_called_by_their_time() {
        let time = Timestamp::parse("2026-11-22T03:30:00Z").unwrap();
        assert_eq!(Window::ALL.map(|window| label(window, time)), ["03:30", "03:30", "11-22 03:30", "11-22"]);
    }
}
