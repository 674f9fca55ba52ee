//! Charts, drawn on the server: bars that stand on each other, a small line, and the strip of an endpoint's health.
//! Measures are attributes, because the pages' policy takes no style. They count nothing themselves.

use maud::{Markup, html};

/// The field that the bars stand on.
const WIDTH: f64 = 960.0;
const HEIGHT: f64 = 200.0;
const LEFT: f64 = 36.0;
const BOTTOM: f64 = 20.0;
const TOP: f64 = 8.0;
/// The gap between two bars.
const GAP: f64 = 1.0;
const TICKS_MAX: u64 = 4;
/// The field of a small line.
const SPARK_WIDTH: f64 = 96.0;
const SPARK_HEIGHT: f64 = 24.0;

/// One bar: its parts from the bottom up, each as high as its number.
pub struct Bar {
    /// What the bar is of, such as `14:00`.
    pub label: String,
    /// The class of each part, in words too, and how much it is.
    pub parts: Vec<(&'static str, u64)>,
    /// More may still come.
    pub unfinished: bool,
}

impl Bar {
    fn total(&self) -> u64 {
        self.parts.iter().map(|(_, count)| count).sum()
    }

    fn in_words(&self) -> String {
        let parts: Vec<_> = self.parts.iter().map(|(name, count)| format!("{count} {name}")).collect();
        format!("{}: {}", self.label, parts.join(", "))
    }
}

/// Bars that stand on each other, oldest at the left; `what` says what is counted, for who can't see them.
pub fn stacked(what: &str, bars: &[Bar]) -> Markup {
    let highest = bars.iter().map(Bar::total).max().unwrap_or_default();
    if highest == 0 {
        return html! { div.chart-empty { p { "No " (what) " in this period" } } };
    }
    let step = tick(highest);
    let top = highest.div_ceil(step) * step;
    let height = |count: u64| (HEIGHT - TOP - BOTTOM) * count as f64 / top as f64;
    let width = (WIDTH - LEFT) / bars.len() as f64;
    let total: u64 = bars.iter().map(Bar::total).sum();
    html! {
        svg.chart viewBox=(format!("0 0 {WIDTH} {HEIGHT}")) role="img"
            aria-label=(format!("{total} {what}, in {} bars", bars.len())) {
            @for value in (0..=top / step).map(|count| count * step) {
                @let y = HEIGHT - BOTTOM - height(value);
                line.grid x1=(LEFT) x2=(WIDTH) y1=(at(y)) y2=(at(y)) {}
                text x=(LEFT - 6.0) y=(at(y + 4.0)) text-anchor="end" { (short(value)) }
            }
            @for (index, bar) in bars.iter().enumerate() {
                @let x = LEFT + width * index as f64;
                g class=[bar.unfinished.then_some("unfinished")] {
                    title { (bar.in_words()) }
                    rect.hit x=(at(x)) y=(TOP) width=(at(width)) height=(at(HEIGHT - TOP - BOTTOM)) {}
                    @for (class, count, below) in stood(bar) {
                        rect.(class) x=(at(x + GAP / 2.0)) y=(at(HEIGHT - BOTTOM - height(below + count)))
                            width=(at((width - GAP).max(0.5))) height=(at(height(count))) {}
                    }
                }
            }
            @for index in labelled(bars.len()) {
                @let x = LEFT + width * (index as f64 + 0.5);
                text x=(at(x)) y=(HEIGHT - 4.0) text-anchor="middle" { (bars[index].label) }
            }
        }
    }
}

/// Each part that is not empty, with what stands below it.
fn stood(bar: &Bar) -> impl Iterator<Item = (&'static str, u64, u64)> {
    let mut below = 0;
    let stand = move |&(class, count): &(&'static str, u64)| {
        let part = (class, count, below);
        below += count;
        part
    };
    bar.parts.iter().map(stand).filter(|(_, count, _)| *count > 0)
}

/// The bars that are labelled: a few, evenly apart.
fn labelled(bars: usize) -> impl Iterator<Item = usize> {
    let step = bars.div_ceil(6).max(1);
    (step / 2..bars).step_by(step)
}

/// The step between two lines: 1, 2 or 5 times a power of ten.
fn tick(highest: u64) -> u64 {
    let mut power = 1;
    loop {
        for factor in [1, 2, 5] {
            if highest.div_ceil(factor * power) <= TICKS_MAX {
                return factor * power;
            }
        }
        power *= 10;
    }
}

/// A measure with no more digits than can be seen.
fn at(measure: f64) -> String {
    let text = format!("{measure:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// A count in few letters: `950`, `1.2k`, `34k`, `5.1M`.
pub fn short(count: u64) -> String {
    let scaled = |unit: f64, letter: &str| {
        let value = count as f64 / unit;
        if value < 10.0 && (value * 10.0).round() % 10.0 != 0.0 {
            format!("{value:.1}{letter}")
        } else {
            format!("{value:.0}{letter}")
        }
    };
    match count {
        0..1_000 => count.to_string(),
        1_000..1_000_000 => scaled(1e3, "k"),
        1_000_000..1_000_000_000 => scaled(1e6, "M"),
        _ => scaled(1e9, "G"),
    }
}

/// A count with its thousands apart: `12 345`.
pub fn grouped(count: u64) -> String {
    let digits = count.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push('\u{202f}');
        }
        text.push(digit);
    }
    text
}

/// A small line beside a figure; `class` colours it. It shows a course, not values.
pub fn spark(class: &str, values: &[u64]) -> Markup {
    let highest = values.iter().copied().max().unwrap_or_default().max(1) as f64;
    let step = SPARK_WIDTH / values.len().saturating_sub(1).max(1) as f64;
    let y = |value: u64| SPARK_HEIGHT - 2.0 - (SPARK_HEIGHT - 4.0) * value as f64 / highest;
    let points: Vec<_> = values
        .iter()
        .enumerate()
        .map(|(index, value)| format!("{} {}", at(step * index as f64), at(y(*value))))
        .collect();
    let line = format!("M{}", points.join("L"));
    html! {
        @if values.len() > 1 {
            svg.spark.(class) viewBox=(format!("0 0 {SPARK_WIDTH} {SPARK_HEIGHT}")) aria-hidden="true" {
                path.area d=(format!("{line}L{SPARK_WIDTH} {SPARK_HEIGHT}L0 {SPARK_HEIGHT}Z")) {}
                path d=(line) {}
            }
        }
    }
}

/// One piece of a strip.
pub struct Piece {
    /// What it is of, such as `14:00`.
    pub label: String,
    /// Deliveries that arrived in it.
    pub delivered: u64,
    /// Deliveries or attempts that failed in it.
    pub failed: u64,
}

/// The health of an endpoint over time, oldest at the left: a piece is of the colour of what went wrong most.
pub fn strip(what: &str, pieces: &[Piece]) -> Markup {
    let width = 100.0 / pieces.len().max(1) as f64;
    let (delivered, failed) =
        pieces.iter().fold((0, 0), |(delivered, failed), piece| (delivered + piece.delivered, failed + piece.failed));
    html! {
        svg.strip viewBox="0 0 100 24" preserveAspectRatio="none" role="img"
            aria-label=(format!("{what}: {delivered} delivered, {failed} failed")) {
            @for (index, piece) in pieces.iter().enumerate() {
                @let class = match (piece.delivered, piece.failed) {
                    (0, 0) => "none",
                    (_, 0) => "delivered",
                    (delivered, failed) if delivered > failed => "retrying",
                    _ => "failed",
                };
                rect.(class) x=(at(width * index as f64)) y="2" width=(at(width * 0.82)) height="20" rx="0.6" {
                    title { (piece.label) ": " (piece.delivered) " delivered, " (piece.failed) " failed" }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_stand_on_each_other_and_never_leave_the_field() {
        let bar = |delivered, failed| Bar {
            label: "14:00".to_owned(),
            parts: vec![("delivered", delivered), ("failed", failed)],
            unfinished: false,
        };
        let shown = stacked("deliveries", &[bar(3, 4), bar(0, 0)]).into_string();
        assert!(shown.contains("7 deliveries, in 2 bars") && shown.contains("14:00: 3 delivered, 4 failed"), "{shown}");
        assert!(!shown.contains("style="));
        assert!(stacked("deliveries", &[bar(0, 0)]).into_string().contains("No deliveries in this period"));
        assert_eq!(stood(&bar(3, 4)).collect::<Vec<_>>(), [("delivered", 3, 0), ("failed", 4, 3)]);
    }

    #[test]
    fn ticks_are_round_and_few() {
        assert_eq!([1, 4, 5, 9, 40, 41, 1_000_000].map(tick), [1, 1, 2, 5, 10, 20, 500_000]);
    }

    #[test]
    fn counts_are_short_or_grouped() {
        assert_eq!([0, 999, 1_000, 1_250, 34_000, 5_100_000].map(short), ["0", "999", "1k", "1.2k", "34k", "5.1M"]);
        assert_eq!(grouped(1_234_567), "1\u{202f}234\u{202f}567");
    }
}
