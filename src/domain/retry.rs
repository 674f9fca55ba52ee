//! When a delivery is tried again: the schedule, its jitter, and what a receiver may ask for with `Retry-After`. It
//! knows neither the delivery nor the time; both are arguments.

pub(super) mod http_date;

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use super::name::Invalid;
use super::time::Timestamp;

/// How many retries a schedule may have.
pub const RETRIES_MAX: usize = 32;
/// How long one delay of a schedule may be.
pub const RETRY_DELAY_MAX: Duration = Duration::from_secs(30 * DAY_SECONDS);
/// How long all delays of a schedule may be together.
pub const RETRY_TOTAL_MAX: Duration = Duration::from_secs(90 * DAY_SECONDS);
/// How long a receiver may put off the next attempt with `Retry-After` (THREATS C17).
pub const RETRY_AFTER_MAX: Duration = Duration::from_secs(DAY_SECONDS);

const DAY_SECONDS: u64 = 24 * 60 * 60;

/// A longer `Retry-After` is neither seconds nor a date.
const RETRY_AFTER_BYTES_MAX: usize = 64;

/// How much longer than the schedule says a delay may become, so that what failed together is not tried together.
const JITTER_PERCENT_MAX: u64 = 10;

/// Names of durations, longest first.
const UNITS: [(&str, u64); 5] = [("d", DAY_SECONDS * 1000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)];

/// The delays before the second attempt, the third and so on; none means that there is only one attempt.
///
/// Its text form is `5s,5m,30m,2h` or `none`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RetrySchedule(Vec<Duration>);

impl RetrySchedule {
    /// A schedule of these delays.
    ///
    /// # Errors
    /// When there are more than [`RETRIES_MAX`], one is longer than [`RETRY_DELAY_MAX`] or not whole milliseconds, or
    /// all are longer than [`RETRY_TOTAL_MAX`] together.
    pub fn new(delays: Vec<Duration>) -> Result<Self, Invalid> {
        if delays.len() > RETRIES_MAX {
            return Err(Invalid::new(format!("must have at most {RETRIES_MAX} retries")));
        }
        if delays.iter().any(|&delay| delay > RETRY_DELAY_MAX) {
            return Err(Invalid::new("must have no delay of more than 30 days"));
        }
        if delays.iter().any(|delay| delay.subsec_nanos() % 1_000_000 != 0) {
            return Err(Invalid::new("must have delays of whole milliseconds"));
        }
        if delays.iter().sum::<Duration>() > RETRY_TOTAL_MAX {
            return Err(Invalid::new("must not last more than 90 days in all"));
        }
        Ok(Self(delays))
    }

    /// Two retries, two hours apart (SEEDS C7).
    pub fn every_two_hours_twice() -> Self {
        Self(vec![Duration::from_secs(2 * 3_600); 2])
    }

    /// A schedule without retries: one attempt is all.
    pub const fn none() -> Self {
        Self(Vec::new())
    }

    /// The delays, first retry first.
    pub fn delays(&self) -> &[Duration] {
        &self.0
    }

    /// How long to wait after `attempts_made` attempts: the schedule's delay, up to a tenth longer by chance and never
    /// shorter. Zero before the first attempt; `None` when the schedule is exhausted.
    pub fn next_delay(&self, attempts_made: u32, random: &mut fastrand::Rng) -> Option<Duration> {
        let Some(retry) = attempts_made.checked_sub(1) else {
            return Some(Duration::ZERO);
        };
        let delay = *self.0.get(usize::try_from(retry).ok()?)?;
        let jitter_ms_max = as_ms(delay) * JITTER_PERCENT_MAX / 100;
        Some(delay + Duration::from_millis(random.u64(0..=jitter_ms_max)))
    }

    /// When the attempts to come are made at the earliest, if each of them fails at once: the one that is due at `next`
    /// after `attempts_made` attempts, and those that the schedule has after it.
    pub fn attempts_to_come(&self, attempts_made: u32, next: Timestamp) -> Vec<Timestamp> {
        let behind = usize::try_from(attempts_made).unwrap_or(usize::MAX);
        let later = self.0.iter().skip(behind).scan(next, |due, &delay| {
            *due = due.plus(delay);
            Some(*due)
        });
        std::iter::once(next).chain(later).collect()
    }
}

/// What is done about attempts that fail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RetryPolicy {
    /// When it is tried again.
    pub schedule: RetrySchedule,
    /// Whether the answer has a say: `Retry-After` moves the next attempt, 410 ends the delivery and switches the
    /// endpoint off.
    pub heeds_answers: bool,
}

/// The example of Standard Webhooks 1.0.0: ten attempts over three days.
impl Default for RetrySchedule {
    fn default() -> Self {
        const SECONDS: [u64; 9] = [5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400];
        Self(SECONDS.into_iter().map(Duration::from_secs).collect())
    }
}

impl FromStr for RetrySchedule {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        match text.trim() {
            "none" => Ok(Self::none()),
            text => Self::new(text.split(',').map(|delay| parse_duration(delay.trim())).collect::<Result<_, _>>()?),
        }
    }
}

impl fmt::Display for RetrySchedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("none");
        }
        for (index, &delay) in self.0.iter().enumerate() {
            let ms = as_ms(delay);
            // Days are read but not shown: the documented schedules say `24h`.
            let whole = UNITS.into_iter().skip(1).find(|&(_, unit_ms)| ms > 0 && ms.is_multiple_of(unit_ms));
            let (unit, unit_ms) = whole.unwrap_or(("s", 1000));
            write!(f, "{}{}{unit}", if index == 0 { "" } else { "," }, ms / unit_ms)?;
        }
        Ok(())
    }
}

/// Reads a duration such as `250ms`, `5s`, `30m`, `2h` or `1d`.
///
/// # Errors
/// When it is not a whole number and one of these units, or longer than a computer counts.
pub fn parse_duration(text: &str) -> Result<Duration, Invalid> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let unit_ms = UNITS.iter().find(|(name, _)| *name == unit).map(|(_, unit_ms)| *unit_ms);
    let ms = number.parse::<u64>().ok().zip(unit_ms).and_then(|(number, unit_ms)| number.checked_mul(unit_ms));
    let shown: String = text.chars().take(32).collect();
    ms.map(Duration::from_millis)
        .ok_or_else(|| Invalid::new(format!("{shown:?} is not a duration; write `250ms`, `5s`, `30m`, `2h` or `1d`")))
}

/// Reads a `Retry-After` header (RFC 9110, 10.2.3): seconds as a `u32`, or an HTTP date, which `now` is subtracted
/// from. At most [`RETRY_AFTER_MAX`]; `None` when it is anything else (THREATS C17).
pub fn parse_retry_after(text: &str, now: Timestamp) -> Option<Duration> {
    let text = text.trim_matches([' ', '\t']);
    if text.len() > RETRY_AFTER_BYTES_MAX {
        return None;
    }
    // `parse` alone would take a plus sign.
    let delay = if text.bytes().all(|byte| byte.is_ascii_digit()) {
        Duration::from_secs(text.parse::<u32>().ok()?.into())
    } else {
        http_date::parse(text, now)?.since(now)
    };
    Some(delay.min(RETRY_AFTER_MAX))
}

/// How long to wait after an answer: what the receiver asked for when it is throttling (429, 502, 503, 504), but never
/// less than the schedule's delay.
pub fn delay_after_answer(schedule_delay: Duration, status: u16, retry_after: Option<Duration>) -> Duration {
    match (status, retry_after) {
        (429 | 502 | 503 | 504, Some(asked)) => schedule_delay.max(asked.min(RETRY_AFTER_MAX)),
        _ => schedule_delay,
    }
}

/// A delay of a schedule in milliseconds; [`RETRY_DELAY_MAX`] keeps it small.
fn as_ms(delay: Duration) -> u64 {
    u64::try_from(delay.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
#[path = "retry/tests.rs"]
mod tests;
