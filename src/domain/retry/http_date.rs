//! Reads the three forms of an HTTP date (RFC 9110, 5.6.7). Only a strange receiver sends the older two, but every
//! recipient must know them.

use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use crate::domain::time::Timestamp;

const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// The point in time that `text` names; `None` when it is no HTTP date. The day of the week is not looked at.
pub(in crate::domain) fn parse(text: &str, now: Timestamp) -> Option<Timestamp> {
    let words: Vec<&str> = text.split(' ').filter(|word| !word.is_empty()).collect();
    match words[..] {
        // Sun, 06 Nov 1994 08:49:37 GMT
        [weekday, day, month, year, clock, "GMT"] if weekday.ends_with(',') => {
            point(digits(year, 4)?, month, digits(day, 2)?, clock)
        }
        // Sunday, 06-Nov-94 08:49:37 GMT
        [weekday, date, clock, "GMT"] if weekday.ends_with(',') => {
            let (day, rest) = date.split_once('-')?;
            let (month, year) = rest.split_once('-')?;
            point(full_year(digits(year, 2)?, now)?, month, digits(day, 2)?, clock)
        }
        // Sun Nov  6 08:49:37 1994
        [_, month, day, clock, year] => point(digits(year, 4)?, month, digits(day, day.len().min(2))?, clock),
        _ => None,
    }
}

fn point(year: i16, month: &str, day: i16, clock: &str) -> Option<Timestamp> {
    let month = MONTHS.iter().position(|name| *name == month)? + 1;
    let mut parts = clock.split(':').map(|part| digits(part, 2));
    let (hour, minute, second) = (parts.next()??, parts.next()??, parts.next()??);
    if parts.next().is_some() || second > 60 {
        return None;
    }
    // A leap second is told apart from the second before it by nobody.
    let small = |number: i16| i8::try_from(number).ok();
    let time = DateTime::new(
        year,
        i8::try_from(month).ok()?,
        small(day)?,
        small(hour)?,
        small(minute)?,
        small(second.min(59))?,
        0,
    );
    // The last two days of the year 9999 are more than a computer counts, and put an attempt off like any far date.
    let point = TimeZone::UTC.to_timestamp(time.ok()?).unwrap_or(jiff::Timestamp::MAX);
    Some(Timestamp::from_ms(point.as_millisecond()))
}

/// A number of exactly `count` digits.
fn digits(text: &str, count: usize) -> Option<i16> {
    let right = text.len() == count && text.bytes().all(|byte| byte.is_ascii_digit());
    if right { text.parse().ok() } else { None }
}

/// The year with these last two digits that is at most 50 years after `now`, as RFC 9110 asks.
fn full_year(year: i16, now: Timestamp) -> Option<i16> {
    let this_year = TimeZone::UTC.to_datetime(jiff::Timestamp::from_millisecond(now.as_ms()).ok()?).year();
    let year = this_year.div_euclid(100).checked_mul(100)?.checked_add(year)?;
    Some(if year > this_year + 50 { year - 100 } else { year })
}
