//! What a benchmark found: a row for each figure, with the figure that it is held against and the goal, as a table that
//! can be pasted into a document and as JSON with every run.

use std::borrow::Cow;
use std::path::Path;

use serde_json::{Value, json};

use crate::clock::Clock;

/// With fewer values nothing is said of the error of their median.
const VALUES_MIN: usize = 8;
/// The standard error of the median of values that are spread normally, times the root of their number, for each unit of
/// width of their middle half: 1.2533 standard deviations, of which that has 1.349.
const ERROR_OF_WIDTH: f64 = 1.2533 / 1.349;

/// What a figure counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unit {
    PerSecond,
    Microseconds,
    Milliseconds,
    Seconds,
    Megabytes,
    Percent,
}

impl Unit {
    /// The figure as people read it.
    pub(super) fn shown(self, value: f64) -> String {
        match self {
            Self::PerSecond => format!("{}/s", grouped(value)),
            Self::Microseconds => format!("{value:.1} µs"),
            Self::Milliseconds => format!("{value:.2} ms"),
            Self::Seconds => format!("{value:.2} s"),
            Self::Megabytes => format!("{value:.0} MB"),
            Self::Percent => format!("{value:.2} %"),
        }
    }

    const fn as_str(self) -> &'static str {
        match self {
            Self::PerSecond => "1/s",
            Self::Microseconds => "µs",
            Self::Milliseconds => "ms",
            Self::Seconds => "s",
            Self::Megabytes => "MB",
            Self::Percent => "%",
        }
    }
}

/// A whole number with a space between its thousands.
pub(super) fn grouped(value: f64) -> String {
    let digits = format!("{value:.0}");
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index) % 3 == 0 {
            text.push(' ');
        }
        text.push(digit);
    }
    text
}

/// What must be reached.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Goal {
    /// The figure is at least so many times the one that it is held against.
    RatioAtLeast(f64),
    /// The figure is at most so many times the one that it is held against.
    RatioAtMost(f64),
    /// The figure itself is at most this.
    AtMost(f64),
}

/// What a figure is held against.
#[derive(Clone, Debug)]
pub(super) struct Reference {
    pub(super) name: &'static str,
    /// Its figure in each run.
    pub(super) runs: Vec<f64>,
    /// Whether each run was made side by side with one of Cornet's.
    pub(super) in_turns: bool,
}

/// One figure.
#[derive(Clone, Debug)]
pub(super) struct Row {
    pub(super) scenario: &'static str,
    /// What is measured.
    pub(super) what: Cow<'static, str>,
    pub(super) unit: Unit,
    /// Cornet's figure in each run; none where it cannot be measured.
    pub(super) runs: Vec<f64>,
    pub(super) reference: Option<Reference>,
    pub(super) goal: Option<Goal>,
}

impl Row {
    /// The ratios of what was measured side by side; of the medians where nothing was.
    fn ratios(&self) -> Vec<f64> {
        let Some(Reference { runs: against, in_turns, .. }) = &self.reference else { return Vec::new() };
        let pairs: Vec<(f64, f64)> = match *in_turns {
            true => self.runs.iter().copied().zip(against.iter().copied()).collect(),
            false => median(&self.runs).zip(median(against)).into_iter().collect(),
        };
        pairs.into_iter().map(|(cornet, against)| cornet / against).filter(|ratio| ratio.is_finite()).collect()
    }

    fn ratio(&self) -> Option<f64> {
        median(&self.ratios())
    }

    /// The ratio as people read it, with the error of the median where there are enough of them to tell.
    fn ratio_shown(&self) -> Option<String> {
        let ratios = self.ratios();
        let ratio = median(&ratios)?;
        Some(match error_of_median(&ratios) {
            Some(error) => format!("{ratio:.2} ± {error:.2}"),
            None => format!("{ratio:.2}"),
        })
    }

    fn is_met(&self) -> Option<bool> {
        match self.goal? {
            Goal::RatioAtLeast(least) => Some(self.ratio()? >= least),
            Goal::RatioAtMost(most) => Some(self.ratio()? <= most),
            Goal::AtMost(most) => Some(median(&self.runs)? <= most),
        }
    }

    fn goal(&self) -> String {
        match self.goal {
            None => "–".to_owned(),
            Some(Goal::RatioAtLeast(least)) => format!("≥ {least}"),
            Some(Goal::RatioAtMost(most)) => format!("≤ {most} ×"),
            Some(Goal::AtMost(most)) => format!("≤ {most} {}", self.unit.as_str()),
        }
    }

    fn cells(&self) -> [String; 6] {
        let reference = self
            .reference
            .as_ref()
            .and_then(|reference| Some(format!("{} ({})", self.unit.shown(median(&reference.runs)?), reference.name)));
        let met = match self.is_met() {
            None => "–",
            Some(true) => "yes",
            Some(false) => "no",
        };
        [
            format!("{}: {}", self.scenario, self.what),
            median(&self.runs).map_or("not measured".to_owned(), |value| self.unit.shown(value)),
            reference.unwrap_or("–".to_owned()),
            self.ratio_shown().unwrap_or("–".to_owned()),
            self.goal(),
            met.to_owned(),
        ]
    }

    fn json(&self) -> Value {
        let figure = |runs: &[f64]| json!({"median": median(runs), "runs": runs});
        let reference = self.reference.as_ref();
        json!({
            "scenario": self.scenario,
            "what": self.what,
            "unit": self.unit.as_str(),
            "cornet": figure(&self.runs),
            "reference": reference.map(|reference| json!({"name": reference.name, "figure": figure(&reference.runs)})),
            "ratio": self.ratio(),
            "ratio_error": error_of_median(&self.ratios()),
            "goal": self.goal.map(|_| self.goal()),
            "met": self.is_met(),
        })
    }
}

/// The one in the middle; `None` when there is none.
pub(super) fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let upper = *sorted.get(sorted.len() / 2)?;
    let lower = *sorted.get((sorted.len() - 1) / 2)?;
    Some(f64::midpoint(lower, upper))
}

/// How far the median may be from what it would be with many more values, as a standard error: from the width of the middle
/// half, which the few values that a stall of the disk has spoiled do not change. `None` when they are too few to tell.
fn error_of_median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    if sorted.len() < VALUES_MIN {
        return None;
    }
    let width = sorted[sorted.len() * 3 / 4] - sorted[sorted.len() / 4];
    Some(width * ERROR_OF_WIDTH / (sorted.len() as f64).sqrt())
}

/// Everything that was found, and where and how.
pub(super) struct Report {
    pub(super) rows: Vec<Row>,
    /// What a reader must know beside the figures.
    pub(super) notes: Vec<String>,
    pub(super) machine: String,
    pub(super) date: String,
    pub(super) command: String,
}

impl Report {
    /// An empty report on this machine, with the store in this folder.
    pub(super) fn new(folder: &Path, clock: &dyn Clock) -> Self {
        let mut notes = Vec::new();
        if cfg!(debug_assertions) {
            notes.push("This was a build without optimisation: the figures mean nothing.".to_owned());
        }
        let file_system = file_system(folder).unwrap_or("an unknown file system".to_owned());
        if matches!(file_system.as_str(), "tmpfs" | "ramfs") {
            notes.push(
                "The store was in memory, where a sync costs nothing: choose a --directory on a disk.".to_owned(),
            );
        }
        let arguments: Vec<String> = std::env::args().skip(1).collect();
        Self {
            rows: Vec::new(),
            notes,
            machine: format!("{}, the store on {file_system}", machine()),
            date: clock.now().to_string(),
            command: format!("cornet {}", arguments.join(" ")),
        }
    }

    /// A table in Markdown that is also readable as it is.
    pub(super) fn table(&self) -> String {
        let titles = ["scenario", "Cornet", "against", "ratio", "goal", "met"].map(str::to_owned);
        let rows: Vec<[String; 6]> = std::iter::once(titles).chain(self.rows.iter().map(Row::cells)).collect();
        let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or_default();
        let widths: [usize; 6] = std::array::from_fn(width);
        let line = |row: &[String; 6]| {
            let cells = row.iter().zip(widths).map(|(cell, width)| format!(" {cell:width$} |"));
            format!("|{}", cells.collect::<String>())
        };
        let mut lines: Vec<String> = rows.iter().map(line).collect();
        let rule = widths.map(|width| format!("{}|", "-".repeat(width + 2)));
        lines.insert(1, format!("|{}", rule.concat()));
        let version = env!("CARGO_PKG_VERSION");
        let where_and_how = format!("{}; Cornet {version}, {}, `{}`", self.machine, self.date, self.command);
        lines.extend([String::new(), where_and_how]);
        lines.extend(self.notes.iter().cloned());
        lines.join("\n")
    }

    /// The same with every run.
    pub(super) fn json(&self) -> Value {
        json!({
            "version": env!("CARGO_PKG_VERSION"),
            "machine": self.machine,
            "date": self.date,
            "command": self.command,
            "notes": self.notes,
            "rows": self.rows.iter().map(Row::json).collect::<Vec<_>>(),
        })
    }
}

/// Cores, processor and kernel.
fn machine() -> String {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let processors = read("/proc/cpuinfo");
    let model = processors.lines().find_map(|line| line.strip_prefix("model name")?.split_once(':'));
    let model = model.map_or("unknown processor", |(_, model)| model.trim());
    format!("{cores} cores of {model}, Linux {}", read("/proc/sys/kernel/osrelease").trim())
}

/// The kind of the file system that a folder is on.
fn file_system(folder: &Path) -> Option<String> {
    let folder = folder.canonicalize().ok()?;
    let mounts = std::fs::read_to_string("/proc/mounts").ok()?;
    let mounted = mounts.lines().filter_map(|line| {
        let mut fields = line.split(' ').skip(1);
        Some((fields.next()?, fields.next()?))
    });
    let around = mounted.filter(|(place, _)| folder.starts_with(place));
    around.max_by_key(|(place, _)| place.len()).map(|(_, kind)| kind.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(runs: &[f64], reference: Option<&[f64]>, goal: Goal) -> Row {
        let reference = reference.map(|runs| Reference { name: "raw relay", runs: runs.to_vec(), in_turns: true });
        let runs = runs.to_vec();
        Row {
            scenario: "throughput",
            what: "messages".into(),
            unit: Unit::PerSecond,
            runs,
            reference,
            goal: Some(goal),
        }
    }

    #[test]
    fn a_row_holds_medians_against_the_goal() {
        let met = |row: Row| row.is_met();
        let raw: &[f64] = &[30_000.0, 10_000.0, 20_000.0];
        assert_eq!(met(row(&[1.0, 10_000.0, 90_000.0], Some(raw), Goal::RatioAtLeast(0.5))), Some(true));
        assert_eq!(met(row(&[9_000.0], Some(raw), Goal::RatioAtLeast(0.5))), Some(false));
        assert_eq!(met(row(&[9_000.0], Some(raw), Goal::RatioAtMost(0.45))), Some(true));
        assert_eq!(met(row(&[2.0, 4.0], None, Goal::AtMost(3.0))), Some(true));
        assert_eq!(met(row(&[2.0, 4.1], None, Goal::AtMost(3.0))), Some(false));
        assert_eq!(met(row(&[], None, Goal::AtMost(3.0))), None);
    }

    #[test]
    fn what_was_measured_side_by_side_is_compared_and_nothing_else() {
        let (cornet, raw): (&[f64], &[f64]) = (&[50.0, 5.0, 40.0], &[100.0, 10.0, 160.0]);
        assert_eq!(row(cornet, Some(raw), Goal::RatioAtLeast(0.5)).ratio(), Some(0.5));
        let mut apart = row(cornet, Some(raw), Goal::RatioAtLeast(0.5));
        apart.reference.iter_mut().for_each(|reference| reference.in_turns = false);
        assert_eq!(apart.ratio(), Some(0.4), "of the medians");
        let spread: Vec<f64> = (0..100).map(f64::from).collect();
        let shown = row(&spread, Some(&[100.0; 100]), Goal::RatioAtLeast(0.5)).ratio_shown();
        assert_eq!(shown.as_deref(), Some("0.49 ± 0.05"));
        assert_eq!(
            row(&spread[..7], Some(&[100.0; 7]), Goal::RatioAtLeast(0.5)).ratio_shown().as_deref(),
            Some("0.03")
        );
    }

    #[test]
    fn the_table_shows_what_is_there_and_what_is_not() {
        let measured = row(&[21_300.4], Some(&[47_100.0]), Goal::RatioAtLeast(0.5));
        assert_eq!(
            measured.cells(),
            ["throughput: messages", "21 300/s", "47 100/s (raw relay)", "0.45", "≥ 0.5", "no"]
        );
        let missing = row(&[], None, Goal::RatioAtLeast(0.6));
        assert_eq!(missing.cells(), ["throughput: messages", "not measured", "–", "–", "≥ 0.6", "–"]);
        assert_eq!(grouped(1_234_567.0), "1 234 567");
    }
}
