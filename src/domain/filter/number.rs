//! Numbers as JSON writes them, compared by what they are and exactly: `1`, `1.0` and `10e-1` are one number, and of two
//! with fifty digits the last digit counts.

use std::cmp::Ordering;

/// The greatest exponent of a filter's number, and with a minus the least.
const EXPONENT_MAX: i64 = 10_000;
/// What an exponent beyond it counts as: far from whatever a filter may name, with all the digits that a number may have.
const EXPONENT_BEYOND: i64 = 1_000_000;

/// A number taken apart: its digits without a point, and where the point stands.
struct Decimal<'a> {
    negative: bool,
    whole: &'a str,
    fraction: &'a str,
    /// How many digits stand before the point, from the first that is not 0 on; less than 0 where zeros come after it.
    point: i64,
}

fn exponent(text: &str) -> i64 {
    let beyond = if text.starts_with('-') { -EXPONENT_BEYOND } else { EXPONENT_BEYOND };
    text.parse().unwrap_or(beyond).clamp(-EXPONENT_BEYOND, EXPONENT_BEYOND)
}

impl<'a> Decimal<'a> {
    fn read(text: &'a str) -> Self {
        let (negative, text) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
        let (mantissa, power) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let digits = whole.bytes().chain(fraction.bytes());
        let leading = digits.take_while(|digit| *digit == b'0').count();
        let places = |count: usize| i64::try_from(count).unwrap_or(EXPONENT_BEYOND);
        let point = places(whole.len()) - places(leading) + exponent(power);
        Self { negative, whole, fraction, point }
    }

    /// Its digits from the first that is not 0 on.
    fn digits(&self) -> impl Iterator<Item = u8> + use<'a> {
        self.whole.bytes().chain(self.fraction.bytes()).skip_while(|digit| *digit == b'0')
    }

    fn is_zero(&self) -> bool {
        self.digits().next().is_none()
    }

    /// Its size beside another's, without regard to signs; neither is 0.
    fn size(&self, other: &Self) -> Ordering {
        let digits = |number: &Self| number.digits().chain(std::iter::repeat(b'0'));
        let length = self.whole.len() + self.fraction.len();
        let length = length.max(other.whole.len() + other.fraction.len());
        self.point.cmp(&other.point).then_with(|| digits(self).take(length).cmp(digits(other).take(length)))
    }
}

/// How one number of a JSON text stands to another. Exact where one of the two [`is_bounded`].
pub(super) fn compare(one: &str, other: &str) -> Ordering {
    let (one, other) = (Decimal::read(one), Decimal::read(other));
    let sign = |number: &Decimal<'_>| {
        if number.is_zero() {
            0
        } else if number.negative {
            -1
        } else {
            1
        }
    };
    match (sign(&one), sign(&other)) {
        (1, 1) => one.size(&other),
        (-1, -1) => other.size(&one),
        (one, other) => one.cmp(&other),
    }
}

/// Whether a filter may have this number.
pub(super) fn is_bounded(text: &str) -> bool {
    text.split_once(['e', 'E']).is_none_or(|(_, power)| exponent(power).abs() <= EXPONENT_MAX)
}

#[cfg(test)]
mod tests {
    use std::cmp::Ordering::{Equal, Greater, Less};

    use super::{compare, is_bounded};

    #[test]
    fn numbers_compare_by_what_they_are_however_they_are_written() {
        for (one, other, order) in [
            ("1", "1.0", Equal),
            ("10e-1", "1", Equal),
            ("0.001e3", "1E+0", Equal),
            ("-0", "0.00e7", Equal),
            ("9007199254740993", "9007199254740992", Greater),
            ("0.1", "0.10000000000000000001", Less),
            ("99999999999999999999999999999999", "1e32", Less),
            ("-2", "-10", Greater),
            ("-1e-9", "0", Less),
            ("1e-9", "0", Greater),
            ("1e999", "2", Greater),
            ("-1e999", "-2", Less),
            ("1e-99999999999999999999", "1e-10000", Less),
            ("1e99999999999999999999", "9e10000", Greater),
        ] {
            assert_eq!(compare(one, other), order, "{one} {other}");
            assert_eq!(compare(other, one), order.reverse(), "{other} {one}");
        }
        assert!(is_bounded("1e-10000") && is_bounded("5") && !is_bounded("1e10001"));
        assert!(!is_bounded("1e-99999999999999999999"));
    }
}
