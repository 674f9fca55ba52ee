//! Draws curves over the number of stored messages as SVG: a frame for each unit, one below the other, with powers of ten
//! along the bottom. It does not know how anything was measured.

use std::fmt::Write as _;

use super::report::{Unit, grouped, median};

/// A figure on stores of more and more messages.
#[derive(Clone, Debug)]
pub(super) struct Curve {
    pub(super) name: &'static str,
    pub(super) unit: Unit,
    /// How many messages were stored, and the figure.
    pub(super) points: Vec<(u64, f64)>,
}

impl Curve {
    /// Adds what the runs on a store of this size came to.
    pub(super) fn add(&mut self, stored: u64, runs: &[f64]) {
        self.points.extend(median(runs).map(|figure| (stored, figure)));
    }
}

const WIDTH: f64 = 760.0;
/// A frame with the space above and below it.
const HEIGHT: f64 = 260.0;
/// The space around a frame: for its numbers, its curves' names, its title and the sizes.
const LEFT: f64 = 80.0;
const RIGHT: f64 = 190.0;
const ABOVE: f64 = 40.0;
const BELOW: f64 = 40.0;
/// Lines across a frame.
const STEPS: u32 = 4;
/// Colours that tell from one another on white and on black, for those too who see few of them.
const COLOURS: [&str; 6] = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9"];
/// Grey that can be read on white and on black.
const GREY: &str = "#808080";

/// The picture of some curves.
pub(super) fn draw(curves: &[Curve]) -> String {
    let mut units: Vec<Unit> = curves.iter().map(|curve| curve.unit).collect();
    units.dedup();
    let height = HEIGHT * units.len() as f64;
    let frames: String = units
        .iter()
        .enumerate()
        .map(|(index, unit)| {
            let within: Vec<&Curve> = curves.iter().filter(|curve| curve.unit == *unit).collect();
            frame(*unit, &within, HEIGHT * index as f64)
        })
        .collect();
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" font-family=\"sans-serif\" \
         font-size=\"12\">\n{frames}</svg>"
    )
}

/// Where a point is drawn.
struct Scale {
    sizes: (f64, f64),
    most: f64,
    top: f64,
}

impl Scale {
    fn x(&self, stored: u64) -> f64 {
        let (first, last) = self.sizes;
        let part = ((stored as f64).log10() - first) / (last - first).max(1.0);
        LEFT + part * (WIDTH - LEFT - RIGHT)
    }

    fn y(&self, figure: f64) -> f64 {
        let height = HEIGHT - ABOVE - BELOW;
        self.top + ABOVE + height * (1.0 - figure / self.most)
    }
}

/// The curves of one unit, below `top`.
fn frame(unit: Unit, curves: &[&Curve], top: f64) -> String {
    let points = || curves.iter().flat_map(|curve| &curve.points);
    let sizes = points().map(|(stored, _)| (*stored as f64).log10());
    let most = points().map(|(_, figure)| *figure).fold(0.0, f64::max);
    let scale = Scale {
        sizes: sizes.fold((f64::INFINITY, f64::NEG_INFINITY), |(first, last), size| (first.min(size), last.max(size))),
        most: ceiling(most),
        top,
    };
    let mut svg = String::new();
    for step in 0..=STEPS {
        let figure = scale.most * f64::from(step) / f64::from(STEPS);
        let (y, end) = (scale.y(figure), WIDTH - RIGHT);
        line(&mut svg, GREY, "0.5", &[(LEFT, y), (end, y)]);
        text(&mut svg, (LEFT - 8.0, y + 4.0), "end", GREY, &unit.shown(figure));
    }
    for (stored, _) in curves.first().map(|curve| curve.points.as_slice()).unwrap_or_default() {
        text(&mut svg, (scale.x(*stored), scale.y(0.0) + 20.0), "middle", GREY, &grouped(*stored as f64));
    }
    let titles: Vec<&str> = curves.iter().map(|curve| curve.name).collect();
    let title = if titles.len() == 1 { titles.concat() } else { "time of an answer".to_owned() };
    text(&mut svg, (LEFT, top + 24.0), "start", GREY, &format!("{title}, by messages stored"));
    for ((index, curve), colour) in curves.iter().enumerate().zip(COLOURS.iter().cycle()) {
        let places: Vec<(f64, f64)> =
            curve.points.iter().map(|(stored, figure)| (scale.x(*stored), scale.y(*figure))).collect();
        line(&mut svg, colour, "2", &places);
        let name_y = top + ABOVE + 12.0 + 18.0 * index as f64;
        text(&mut svg, (WIDTH - RIGHT + 16.0, name_y), "start", colour, curve.name);
    }
    svg
}

/// The next round number: 1, 2 or 5 with zeros.
fn ceiling(most: f64) -> f64 {
    let power = 10_f64.powf(most.max(1e-3).log10().floor());
    [1.0, 2.0, 5.0, 10.0].map(|digit| digit * power).into_iter().find(|round| *round >= most).unwrap_or(most)
}

fn line(svg: &mut String, colour: &str, width: &str, places: &[(f64, f64)]) {
    let places: Vec<String> = places.iter().map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
    let places = places.join(" ");
    // Writing to a text cannot fail.
    writeln!(svg, "<polyline fill=\"none\" stroke=\"{colour}\" stroke-width=\"{width}\" points=\"{places}\"/>").ok();
}

fn text(svg: &mut String, (x, y): (f64, f64), anchor: &str, colour: &str, words: &str) {
    writeln!(svg, "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\" fill=\"{colour}\">{words}</text>").ok();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_curve_is_drawn_within_its_frame() {
        let curve = |name, unit, points: &[(u64, f64)]| Curve { name, unit, points: points.to_vec() };
        let svg = draw(&[
            curve("messages a second", Unit::PerSecond, &[(1_000, 9_000.0), (1_000_000, 8_000.0)]),
            curve("one message", Unit::Milliseconds, &[(1_000, 0.5), (1_000_000, 0.7)]),
        ]);
        assert!(svg.contains("points=\"80.0,58.0 570.0,76.0\""), "{svg}");
        assert!(svg.contains("points=\"80.0,390.0 570.0,354.0\""), "{svg}");
        assert_eq!(svg.matches(">1 000 000</text>").count(), 2, "{svg}");
    }

    #[test]
    fn a_frame_ends_at_a_round_number() {
        for (most, end) in [(8_700.0, 10_000.0), (0.21, 0.5), (1.0, 1.0), (120.0, 200.0)] {
            assert!((ceiling(most) - end).abs() < end * 1e-9, "{most}");
        }
    }
}
