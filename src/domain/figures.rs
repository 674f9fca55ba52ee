//! Figures: how many messages and attempts there were in a stretch of time and how long the attempts took, as a chart
//! shows them. They are sums: what was counted apart can be put together. It does not know what is counted for whom.

use std::time::Duration;

use super::time::{Span, Timestamp};

/// Durations of attempts are counted up to each of these, in milliseconds; the last count holds all that took longer.
pub const LATENCY_BOUNDS_MS: [u64; 11] = [10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 30_000];
/// The counts of durations: one for each bound, and the rest.
pub const LATENCY_COUNTS: usize = LATENCY_BOUNDS_MS.len() + 1;
/// What stands for the bound of the durations beyond the last one: no attempt takes longer.
const LONGEST_MS: u64 = 60_000;

/// How long attempts took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Latencies([u64; LATENCY_COUNTS]);

impl Latencies {
    /// From the counts, the shortest durations first.
    pub const fn from_counts(counts: [u64; LATENCY_COUNTS]) -> Self {
        Self(counts)
    }

    /// The counts, the shortest durations first.
    pub const fn counts(&self) -> &[u64; LATENCY_COUNTS] {
        &self.0
    }

    /// Counts an attempt that took so long.
    pub fn count(&mut self, duration_ms: u64) {
        self.0[LATENCY_BOUNDS_MS.partition_point(|bound| *bound < duration_ms)] += 1;
    }

    /// The duration, in milliseconds, that `percent` of the attempts did not exceed, estimated as if those between two
    /// bounds were spread evenly; `None` when there were none.
    pub fn percentile(&self, percent: u64) -> Option<u64> {
        let total: u64 = self.0.iter().sum();
        let rank = (total * percent).div_ceil(100).max(1);
        let (mut below, mut floor) = (0, 0);
        for (count, bound) in self.0.iter().zip(LATENCY_BOUNDS_MS.into_iter().chain([LONGEST_MS])) {
            if below + count >= rank && *count > 0 {
                return Some(floor + (bound - floor) * (rank - below) / count);
            }
            (below, floor) = (below + count, bound);
        }
        None
    }
}

/// What happened in a stretch of time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Messages that were accepted; for an endpoint, those that are for it.
    pub accepted: u64,
    /// Attempts that delivered.
    pub delivered: u64,
    /// Deliveries that ended as failed.
    pub failed: u64,
    /// Attempts that failed and are followed by another.
    pub retried: u64,
    /// How long the attempts took.
    pub latencies: Latencies,
}

impl Counts {
    /// Adds what happened besides.
    pub fn add(&mut self, other: &Self) {
        self.accepted += other.accepted;
        self.delivered += other.delivered;
        self.failed += other.failed;
        self.retried += other.retried;
        for (count, more) in self.latencies.0.iter_mut().zip(other.latencies.0) {
            *count += more;
        }
    }

    /// The share of deliveries that succeeded of those that ended, from 0 to 1; `None` when none did.
    pub fn success(&self) -> Option<f64> {
        success(self.delivered, self.failed)
    }
}

fn success(delivered: u64, failed: u64) -> Option<f64> {
    let ended = delivered + failed;
    (ended > 0).then(|| delivered as f64 / ended as f64)
}

/// How finely figures are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Resolution {
    /// By the minute, for a few hours.
    Minute,
    /// By the half hour, for a month.
    HalfHour,
}

impl Resolution {
    /// Every resolution.
    pub const ALL: [Self; 2] = [Self::Minute, Self::HalfHour];

    /// How long one of its stretches is.
    pub const fn width(self) -> Duration {
        match self {
            Self::Minute => Duration::from_secs(60),
            Self::HalfHour => Duration::from_secs(30 * 60),
        }
    }

    /// For how long figures of this resolution are kept.
    pub const fn kept_for(self) -> Duration {
        match self {
            Self::Minute => Duration::from_secs(3 * 3_600),
            Self::HalfHour => Duration::from_secs(31 * 24 * 3_600),
        }
    }

    /// The whole stretches within `span` whose figures are still kept at `now`; `None` when there are none. The one that `now`
    /// is in is whole when `span` goes on, because nothing has happened after it.
    pub fn whole(self, span: Span, now: Timestamp) -> Option<Span> {
        let from = span.from.max(now.minus(self.kept_for()));
        let floor = start_of(from, self.width());
        let from = if floor < from { floor.plus(self.width()) } else { floor };
        let until = start_of(span.until.min(now.plus(self.width())), self.width());
        (from < until).then_some(Span { from, until })
    }
}

/// The start of the stretch of this width that `time` is in; stretches are counted from 1970 in UTC.
pub fn start_of(time: Timestamp, width: Duration) -> Timestamp {
    let width = i64::try_from(width.as_millis()).unwrap_or(i64::MAX);
    Timestamp::from_ms(time.as_ms().div_euclid(width) * width)
}

/// A stretch of time that a chart shows, up to now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Window {
    /// Sixty minutes.
    Hour,
    /// 48 half hours.
    Day,
    /// 56 times three hours.
    Week,
    /// Thirty days.
    Month,
}

impl Window {
    /// Every window.
    pub const ALL: [Self; 4] = [Self::Hour, Self::Day, Self::Week, Self::Month];

    /// The name in addresses and on pages.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Hour => "1h",
            Self::Day => "24h",
            Self::Week => "7d",
            Self::Month => "30d",
        }
    }

    /// The window with this name; `None` when there is none.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|window| window.as_str() == name)
    }

    /// How many bars its chart has.
    pub const fn bars(self) -> u32 {
        match self {
            Self::Hour => 60,
            Self::Day => 48,
            Self::Week => 56,
            Self::Month => 30,
        }
    }

    /// How long one bar stands for.
    pub const fn width(self) -> Duration {
        match self {
            Self::Hour => Duration::from_secs(60),
            Self::Day => Duration::from_secs(30 * 60),
            Self::Week => Duration::from_secs(3 * 3_600),
            Self::Month => Duration::from_secs(24 * 3_600),
        }
    }

    /// How finely the figures are kept that it is made of.
    pub const fn resolution(self) -> Resolution {
        match self {
            Self::Hour => Resolution::Minute,
            Self::Day | Self::Week | Self::Month => Resolution::HalfHour,
        }
    }

    /// The times that it shows at `now`; the last bar is the one that is still filling.
    pub fn span(self, now: Timestamp) -> Span {
        let until = start_of(now, self.width()).plus(self.width());
        Span { from: until.minus(self.length()), until }
    }

    /// The times before those that it shows at `now`; `None` when figures are not kept for so long.
    pub fn span_before(self, now: Timestamp) -> Option<Span> {
        let until = self.span(now).from;
        (self.length() * 2 <= self.resolution().kept_for()).then(|| Span { from: until.minus(self.length()), until })
    }

    fn length(self) -> Duration {
        self.width() * self.bars()
    }
}

/// One bar of a chart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bar {
    /// When its stretch of time starts.
    pub from: Timestamp,
    /// What happened in it.
    pub counts: Counts,
}

/// The figures of a window.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Figures {
    /// The bars, the oldest first; those in which nothing happened are among them.
    pub bars: Vec<Bar>,
    /// All bars together.
    pub total: Counts,
    /// The window before this one, if figures are kept for so long.
    pub before: Option<Counts>,
}

impl Figures {
    /// The figures of `window` at `now`, of what was counted from the start of each stretch of its resolution on.
    pub fn of(window: Window, now: Timestamp, counted: &[(Timestamp, Counts)], before: Option<Counts>) -> Self {
        let span = window.span(now);
        let starts = (0..window.bars()).map(|place| span.from.plus(window.width() * place));
        let mut bars: Vec<Bar> = starts.map(|from| Bar { from, counts: Counts::default() }).collect();
        let mut total = Counts::default();
        for (time, counts) in counted.iter().filter(|(time, _)| span.from <= *time && *time < span.until) {
            let place = time.since(span.from).as_millis() / window.width().as_millis();
            if let Some(bar) = bars.get_mut(usize::try_from(place).unwrap_or(usize::MAX)) {
                bar.counts.add(counts);
                total.add(counts);
            }
        }
        Self { bars, total, before }
    }
}

/// Hours that a strip shows.
pub const STRIP_HOURS: u32 = 24;

/// The last 24 hours, one after the other: what a list shows of an endpoint's or an application's health.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Strip {
    /// Attempts that delivered and attempts that failed in each hour, the oldest first; there are [`STRIP_HOURS`] of them.
    pub hours: Vec<(u64, u64)>,
    /// Messages that were accepted.
    pub accepted: u64,
}

impl Strip {
    /// The times that a strip shows at `now`, from the start of an hour.
    pub fn span(now: Timestamp) -> Span {
        let hour = Duration::from_secs(3_600);
        let until = start_of(now, hour).plus(hour);
        Span { from: until.minus(hour * STRIP_HOURS), until }
    }

    /// The strip at `now` of what was counted from these times on.
    pub fn of(now: Timestamp, counted: &[(Timestamp, Counts)]) -> Self {
        let span = Self::span(now);
        let mut strip = Self { hours: vec![(0, 0); STRIP_HOURS as usize], accepted: 0 };
        for (time, counts) in counted {
            let place = time.since(span.from).as_secs() / 3_600;
            if let Some(hour) = strip.hours.get_mut(usize::try_from(place).unwrap_or(usize::MAX)) {
                *hour = (hour.0 + counts.delivered, hour.1 + counts.failed + counts.retried);
                strip.accepted += counts.accepted;
            }
        }
        strip
    }

    /// Delivered and failed in all hours together.
    pub fn total(&self) -> (u64, u64) {
        self.hours.iter().fold((0, 0), |sum, hour| (sum.0 + hour.0, sum.1 + hour.1))
    }

    /// The share of attempts that delivered, from 0 to 1; `None` when there were none.
    pub fn success(&self) -> Option<f64> {
        let (delivered, failed) = self.total();
        success(delivered, failed)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Counts, Figures, Latencies, Resolution, Strip, Window};
    use crate::domain::time::{Span, Timestamp};

    const NOW: Timestamp = Timestamp::from_ms(1_800_000_090_000);
    const MINUTE: Duration = Duration::from_secs(60);

    #[test]
    fn percentiles_lie_between_the_bounds_of_what_was_counted() {
        let mut latencies = Latencies::default();
        assert_eq!(latencies.percentile(95), None);
        (0..90).for_each(|_| latencies.count(15));
        (0..10).for_each(|_| latencies.count(900));
        assert_eq!(latencies.percentile(50), Some(15));
        assert_eq!(latencies.percentile(90), Some(20));
        assert_eq!(latencies.percentile(95), Some(750));
        let mut longest = Latencies::default();
        longest.count(45_000);
        assert_eq!(longest.percentile(50), Some(60_000));
        let mut bound = Latencies::default();
        bound.count(10);
        assert_eq!(bound.counts()[0], 1);
    }

    #[test]
    fn a_window_ends_with_the_bar_that_is_filling_and_the_one_before_it_touches_it() {
        for window in Window::ALL {
            let span = window.span(NOW);
            assert!(span.until > NOW && span.until.minus(window.width()) <= NOW, "{window:?}");
            assert_eq!(span.until.since(span.from), window.width() * window.bars());
            assert_eq!(window.span_before(NOW).is_none(), window == Window::Month);
            assert!(window.span_before(NOW).is_none_or(|before| before.until == span.from));
            assert_eq!(Window::parse(window.as_str()), Some(window));
        }
    }

    #[test]
    fn only_whole_stretches_that_are_kept_count() {
        let minute = |from, until| Resolution::Minute.whole(Span { from, until }, NOW);
        let whole = |from, until| Some(Span { from: Timestamp::from_ms(from), until: Timestamp::from_ms(until) });
        // Now is half a minute into one, which nothing can be added to but by what happens now.
        assert_eq!(minute(NOW.minus(MINUTE * 10), NOW), whole(1_799_999_520_000, 1_800_000_060_000));
        assert_eq!(minute(NOW.minus(MINUTE * 10), NOW.plus(MINUTE * 9)), whole(1_799_999_520_000, 1_800_000_120_000));
        assert_eq!(minute(NOW.minus(MINUTE / 4), NOW), None);
        let old = Resolution::Minute.whole(Span::ALL, NOW).unwrap_or(Span::NEVER);
        assert!(NOW.since(old.from) <= Resolution::Minute.kept_for());
        let exact = Timestamp::from_ms(1_799_999_400_000);
        assert_eq!(minute(exact, exact.plus(MINUTE)), Some(Span { from: exact, until: exact.plus(MINUTE) }));
        assert_eq!(minute(exact.plus(MINUTE / 2), exact.plus(MINUTE)), None);
    }

    #[test]
    fn bars_are_all_there_and_add_up() {
        let one = Counts { delivered: 1, ..Counts::default() };
        let span = Window::Week.span(NOW);
        let counted = [(span.from, one), (NOW, one), (span.until, one), (Timestamp::EPOCH, one)];
        let figures = Figures::of(Window::Week, NOW, &counted, None);
        assert_eq!(figures.bars.len(), 56);
        assert_eq!(figures.total.delivered, 2);
        assert_eq!((figures.bars[0].counts.delivered, figures.bars[55].counts.delivered), (1, 1));
    }

    #[test]
    fn a_strip_has_an_hour_for_each_of_the_last_24() {
        let counts = Counts { delivered: 3, failed: 1, accepted: 2, ..Counts::default() };
        let strip = Strip::of(NOW, &[(Strip::span(NOW).from, counts), (NOW, counts), (Strip::span(NOW).until, counts)]);
        assert_eq!((strip.hours.len(), strip.hours[0], strip.hours[23]), (24, (3, 1), (3, 1)));
        assert_eq!((strip.total(), strip.accepted, strip.success()), ((6, 2), 4, Some(0.75)));
        assert_eq!(Strip::of(NOW, &[]).success(), None);
    }
}
