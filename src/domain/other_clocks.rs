//! What receivers' clocks say of our own. A receiver that holds signatures to their time refuses everything once our clock is
//! minutes wrong, and says no more than 4xx; but every answer has a `Date`. One receiver may be wrong itself, so networks are
//! asked, not answers, and the middle of what they say counts (THREATS J02).

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use super::retry::http_date;
use super::time::Timestamp;

/// Networks that must have answered before they are believed.
const NETWORKS_MIN: usize = 3;
/// How far our clock may be from theirs.
pub const SKEW_MAX: Duration = Duration::from_secs(60);

/// What one answer says of the time.
#[derive(Clone, Copy, Debug)]
pub struct Heard {
    network: u128,
    ahead_ms: i64,
}

impl Heard {
    /// The answer of a receiver at this address, with this `Date`, which came when our clock showed `now`; `None` when it is not
    /// a date.
    pub fn new(address: IpAddr, date: &str, now: Timestamp) -> Option<Self> {
        // One operator has neighbouring addresses.
        let network = match address.to_canonical() {
            IpAddr::V4(v4) => u128::from(v4.to_bits() >> 8),
            IpAddr::V6(v6) => v6.to_bits() >> 80 << 80,
        };
        let ahead_ms = now.as_ms().saturating_sub(http_date::parse(date, now)?.as_ms());
        Some(Self { network, ahead_ms })
    }
}

/// How many seconds our clock is ahead of others, by the newest answer of each network; `None` when too few have answered.
/// `heard` begins with the newest.
pub fn ahead_seconds(heard: impl IntoIterator<Item = Heard>) -> Option<i64> {
    let mut newest = BTreeMap::new();
    for Heard { network, ahead_ms } in heard {
        newest.entry(network).or_insert(ahead_ms);
    }
    let mut all: Vec<i64> = newest.into_values().collect();
    all.sort_unstable();
    let middle = all.get(all.len() / 2).copied().filter(|_| all.len() >= NETWORKS_MIN)?;
    Some(middle / 1_000)
}

/// Whether our clock is wrong when it is so many seconds ahead of others.
pub fn is_wrong(ahead_seconds: i64) -> bool {
    Duration::from_secs(ahead_seconds.unsigned_abs()) > SKEW_MAX
}

/// What is wrong with our clock, in words.
pub fn in_words(ahead_seconds: i64) -> String {
    let seconds = ahead_seconds.unsigned_abs();
    let direction = if ahead_seconds < 0 { "behind" } else { "ahead of" };
    format!("this machine's clock is {seconds} s {direction} the clocks of most receivers")
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_ms(1_614_265_390_000);

    /// Answers from these addresses that came when our clock was so many seconds ahead.
    fn ahead(answers: &[(&str, i64)]) -> Option<i64> {
        let date = "Thu, 25 Feb 2021 15:03:10 GMT";
        let heard = |(address, seconds): &(&str, i64)| {
            Heard::new(address.parse().unwrap(), date, Timestamp::from_ms(NOW.as_ms() + seconds * 1_000))
        };
        ahead_seconds(answers.iter().filter_map(heard))
    }

    #[test]
    fn the_middle_of_several_networks_is_believed() {
        assert_eq!(ahead(&[("192.0.2.1", 600), ("198.51.100.1", 602), ("2001:db8::1", 601)]), Some(601));
        assert_eq!(ahead(&[("192.0.2.1", -700), ("198.51.100.1", -600), ("203.0.113.1", 0)]), Some(-600));
        assert_eq!(ahead(&[("192.0.2.1", 0), ("198.51.100.1", 1), ("203.0.113.1", 86_400)]), Some(1), "one is wrong");
        assert_eq!(ahead(&[("192.0.2.1", 5), ("192.0.2.1", 600), ("198.51.100.1", 5), ("2001:db8::1", 5)]), Some(5));
    }

    #[test]
    fn one_operator_makes_nobody_doubt() {
        assert_eq!(ahead(&[("192.0.2.1", 600), ("192.0.2.2", 600), ("192.0.2.3", 600), ("198.51.100.1", 600)]), None);
        assert_eq!(ahead(&[("2001:db8::1", 600), ("2001:db8:0:1::1", 600), ("2001:db8:0:2::1", 600)]), None);
        assert!(Heard::new([192, 0, 2, 1].into(), "yesterday", NOW).is_none());
    }

    #[test]
    fn a_minute_is_let_be() {
        assert_eq!([-61, -60, 0, 60, 61].map(is_wrong), [true, false, false, false, true]);
        assert!(in_words(-61).contains("61 s behind") && in_words(90).contains("90 s ahead of"));
    }
}
