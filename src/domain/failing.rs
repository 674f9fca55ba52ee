//! What fails: failures of an endpoint that have the same cause, taken together.

use std::fmt;
use std::time::Duration;

use super::attempt::{Answer, AttemptError, AttemptErrorCode};
use super::id::{ApplicationId, EndpointId};
use super::time::Timestamp;

/// For how long every attempt at an endpoint may fail before it is switched off.
pub const FAILING_FOR_MAX: Duration = Duration::from_secs(5 * 24 * 3_600);
/// How long ago an endpoint must have failed last to be no longer looked at: where nobody asks, nobody is refused.
pub const FAILING_LOOKED_BACK: Duration = Duration::from_secs(2 * 24 * 3_600);

/// How far back it is looked who has been tried lately.
pub const TRIED_LATELY: Duration = Duration::from_secs(30 * 60);
/// Of fewer endpoints that fail nobody can say whose fault it is.
const CROWD: usize = 3;

/// How those endpoints fare that have been tried lately.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lately {
    /// How many there are.
    pub tried: usize,
    /// How many of them took nothing in the last minute in which they were tried.
    pub failing: usize,
}

impl Lately {
    /// Whether so many fail at once that the fault is likely to be here: a network that is cut, or a name server that is
    /// down.
    pub const fn fault_is_likely_ours(self) -> bool {
        self.tried >= CROWD && self.failing * 2 > self.tried
    }
}

/// Why an attempt failed, so far as attempts that failed alike have it in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Cause {
    /// It was answered with this status.
    Status(u16),
    /// It was not answered.
    Error(AttemptErrorCode),
}

impl Cause {
    /// Why an attempt failed that came to this.
    pub fn of(result: &Result<Answer, AttemptError>) -> Self {
        match result {
            Ok(answer) => Self::Status(answer.status),
            Err(error) => Self::Error(error.code),
        }
    }

    /// Reads the name in the store; `None` when it is none.
    pub fn parse(name: &str) -> Option<Self> {
        match name.strip_prefix("status_") {
            Some(status) => status.parse().ok().map(Self::Status),
            None => AttemptErrorCode::parse(name).map(Self::Error),
        }
    }

    /// What it means and what to do about it, in one sentence for the endpoint's owner.
    pub fn explanation(self) -> &'static str {
        match self {
            Self::Status(status) => Answer { status, ..Answer::default() }.explanation(),
            Self::Error(code) => code.explanation(),
        }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Status(status) => write!(f, "status_{status}"),
            Self::Error(code) => f.write_str(code.as_str()),
        }
    }
}

/// The failures of an endpoint that have one cause.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Failing {
    /// The endpoint.
    pub endpoint_id: EndpointId,
    /// Whose it is.
    pub application_id: ApplicationId,
    /// Why.
    pub cause: Cause,
    /// Deliveries that ended with it.
    pub ended: u64,
    /// Attempts that were followed by another.
    pub retried: u64,
    /// When the first of those attempts was made.
    pub first_at: Timestamp,
    /// When the last of them was made.
    pub last_at: Timestamp,
}

impl Failing {
    /// Adds other failures of the same endpoint and cause.
    pub fn add(&mut self, other: &Self) {
        self.ended += other.ended;
        self.retried += other.retried;
        self.first_at = self.first_at.min(other.first_at);
        self.last_at = self.last_at.max(other.last_at);
    }
}

#[cfg(test)]
mod tests {
    use super::Cause;
    use crate::domain::attempt::AttemptErrorCode;

    #[test]
    fn a_cause_is_read_as_it_is_shown() {
        for cause in [Cause::Status(503), Cause::Error(AttemptErrorCode::Timeout)] {
            assert_eq!(Cause::parse(&cause.to_string()), Some(cause));
        }
        assert_eq!(Cause::parse("status_x"), None);
        assert_eq!(Cause::parse("nonsense"), None);
    }
}
