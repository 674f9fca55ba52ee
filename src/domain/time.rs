//! A point in time as Cornet keeps it: whole milliseconds since 1970 in UTC. It does not know what time it is now;
//! that is `crate::clock`'s.

use std::fmt;
use std::time::Duration;

/// Milliseconds since 1970-01-01T00:00:00Z; shown and read as RFC 3339.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The start of 1970.
    pub const EPOCH: Timestamp = Timestamp(0);

    /// The point `ms` milliseconds after the start of 1970.
    pub const fn from_ms(ms: i64) -> Self {
        Self(ms)
    }

    /// Milliseconds since the start of 1970.
    pub const fn as_ms(self) -> i64 {
        self.0
    }

    /// Whole seconds since the start of 1970, as in a `webhook-timestamp` header (Standard Webhooks).
    pub const fn as_seconds(self) -> i64 {
        self.0.div_euclid(1000)
    }

    /// This point moved `duration` later; stops at the end of representable time.
    pub fn plus(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)))
    }

    /// This point moved `duration` earlier; stops at the start of representable time.
    pub fn minus(self, duration: Duration) -> Self {
        Self(self.0.saturating_sub(i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)))
    }

    /// How long after `earlier` this is; zero when it is not after it.
    pub fn since(self, earlier: Timestamp) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0).try_into().unwrap_or(0))
    }

    /// Reads an RFC 3339 timestamp with its offset; `None` when it is not one.
    pub fn parse(text: &str) -> Option<Self> {
        text.parse::<jiff::Timestamp>().ok().map(|point| Self(point.as_millisecond()))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_millisecond(self.0) {
            Ok(point) => write!(f, "{point:.3}"),
            Err(_) => write!(f, "{} ms", self.0),
        }
    }
}

/// The times from `from` until just before `until`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// The first.
    pub from: Timestamp,
    /// The first after it.
    pub until: Timestamp,
}

impl Span {
    /// All of time.
    pub const ALL: Span = Span { from: Timestamp::EPOCH, until: Timestamp(i64::MAX) };

    /// No time at all.
    pub const NEVER: Span = Span { from: Timestamp::EPOCH, until: Timestamp::EPOCH };

    /// The times between two that may be missing.
    pub fn between(from: Option<Timestamp>, until: Option<Timestamp>) -> Self {
        Self { from: from.unwrap_or(Self::ALL.from), until: until.unwrap_or(Self::ALL.until) }
    }
}

#[cfg(test)]
mod tests {
    use super::Timestamp;

    #[test]
    fn a_timestamp_is_read_as_it_is_shown() {
        let shown = Timestamp::from_ms(1_614_265_330_007).to_string();
        assert_eq!(shown, "2021-02-25T15:02:10.007Z");
        assert_eq!(Timestamp::parse(&shown), Some(Timestamp::from_ms(1_614_265_330_007)));
        assert_eq!(Timestamp::parse("2021-02-25T16:02:10.007+01:00"), Some(Timestamp::from_ms(1_614_265_330_007)));
        assert_eq!(Timestamp::parse("2025-02-30T00:00:00Z"), None);
    }
}
