//! How long things took, kept in a few kilobytes whatever their number: buckets whose widths grow with the time, so that
//! any quantile is known to within two percent.

use std::time::Duration;

/// Buckets in each doubling of the time.
const STEPS_BITS: u32 = 6;
/// Enough buckets for every number of nanoseconds.
const BUCKETS: usize = (64 - STEPS_BITS as usize + 1) << STEPS_BITS;

/// Times, counted by how long they are.
pub(super) struct Latencies {
    counts: Box<[u64; BUCKETS]>,
    total: u64,
}

impl Default for Latencies {
    fn default() -> Self {
        Self { counts: Box::new([0; BUCKETS]), total: 0 }
    }
}

impl Latencies {
    /// Counts one.
    pub(super) fn add(&mut self, took: Duration) {
        self.counts[bucket(u64::try_from(took.as_nanos()).unwrap_or(u64::MAX))] += 1;
        self.total += 1;
    }

    /// The time, in milliseconds, within which this part of them lies; 0 when there are none.
    pub(super) fn quantile_ms(&self, part: f64) -> f64 {
        let wanted = (self.total as f64 * part).ceil().max(1.0) as u64;
        let mut seen = 0;
        let found = self.counts.iter().position(|count| {
            seen += count;
            seen >= wanted
        });
        found.map_or(0.0, |index| middle(index) / 1e6)
    }
}

/// Times below two times the steps have a bucket each; above, each doubling is divided into so many steps.
fn bucket(nanoseconds: u64) -> usize {
    let doublings = (u64::BITS - nanoseconds.leading_zeros()).saturating_sub(STEPS_BITS + 1);
    let step = usize::try_from(nanoseconds >> doublings).unwrap_or_default();
    ((doublings as usize) << STEPS_BITS) + step
}

/// The middle of a bucket, in nanoseconds.
fn middle(index: usize) -> f64 {
    let doublings = (index >> STEPS_BITS).saturating_sub(1);
    let step = index - (doublings << STEPS_BITS);
    (step as f64 + 0.5) * 2f64.powi(i32::try_from(doublings).unwrap_or(i32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_time_is_in_a_bucket_whose_middle_is_near() {
        for power in 0..64 {
            for nanoseconds in [1u64 << power, (1 << power) + (1 << power) / 3, u64::MAX >> power] {
                let middle = middle(bucket(nanoseconds));
                let apart = (middle - nanoseconds as f64).abs();
                assert!(apart <= (nanoseconds as f64 * 0.02).max(0.5), "{nanoseconds}: {middle}");
            }
        }
        assert_eq!(bucket(0), 0);
        assert!(bucket(u64::MAX) < BUCKETS);
    }

    #[test]
    fn quantiles_are_of_what_was_added() {
        let mut latencies = Latencies::default();
        assert_eq!(latencies.quantile_ms(0.5), 0.0);
        (1..=1000).for_each(|milliseconds| latencies.add(Duration::from_millis(milliseconds)));
        let near = |part, expected: f64| (latencies.quantile_ms(part) - expected).abs() <= expected * 0.02;
        assert!(near(0.5, 500.0) && near(0.99, 990.0) && near(1.0, 1000.0));
    }
}
