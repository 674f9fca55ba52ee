//! What has been committed and not yet been added to the figures. The writer counts in memory as it commits, which
//! costs a step or two for each message and attempt, and adds the sums to the tables about once a second, within
//! transactions that it makes anyway, a part in each. A process that is killed loses what it has counted since: figures are
//! for people to look at, and nothing is decided by them.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::Hash;
use std::time::Duration;

use super::connection::Connection;
use super::error::StoreError;
use super::queue::Record;
use super::{failures, figures, reach};
use crate::domain::delivery::{DeliveryState, Outcome};
use crate::domain::failing::{Cause, Failing};
use crate::domain::figures::{Counts, Resolution, start_of};
use crate::domain::id::{ApplicationId, EndpointId, EnvironmentId};
use crate::domain::message::Message;
use crate::domain::time::Timestamp;

/// How long counts are gathered before they are added to the tables.
const GATHERED_FOR: Duration = Duration::from_secs(1);
/// Where so many are busy that adding takes long, at most one part in so many of the writer's time goes into it.
const PART_OF_TIME: u32 = 20;
/// How many applications, endpoints and failures one transaction adds at most, which takes a quarter to three quarters of a
/// millisecond. Messages wait meanwhile.
const PART_MAX: usize = 32;
/// Failures are kept by the day.
const DAY: Duration = Duration::from_secs(24 * 3_600);

/// Counts by whose they are, resolution and start, as the table is ordered.
type Sums = BTreeMap<(i64, Resolution, Timestamp), Counts>;

/// What has been counted since the tables were last written.
#[derive(Default)]
pub(super) struct Tally {
    /// Messages of an application, by the minute.
    messages: HashMap<(ApplicationId, Timestamp), u64>,
    /// What happened at an endpoint, by the minute.
    endpoints: HashMap<(EndpointId, Timestamp), (ApplicationId, Counts)>,
    /// What failed at an endpoint, by the day.
    failures: HashMap<(EndpointId, Cause, Timestamp), Failing>,
    /// From when on it is to be written, by the monotonic clock, if there is anything to write.
    due: Option<Duration>,
    /// How long it took to write it last.
    took: Duration,
}

impl Tally {
    fn is_empty(&self) -> bool {
        self.messages.is_empty() && self.endpoints.is_empty() && self.failures.is_empty()
    }

    /// Whose figures it changes.
    pub(super) fn applications(&self) -> BTreeSet<ApplicationId> {
        let of_messages = self.messages.keys().map(|(application_id, _)| *application_id);
        let of_endpoints = self.endpoints.values().map(|(application_id, _)| *application_id);
        of_messages.chain(of_endpoints).collect()
    }

    /// When it is to be written, by the monotonic clock, if there is anything to write.
    pub(super) fn due(&self) -> Option<Duration> {
        self.due
    }

    /// Has what was counted up to `now` written in a while.
    pub(super) fn gathered(&mut self, now: Duration) {
        if self.due.is_none() && !self.is_empty() {
            self.due = Some(now + GATHERED_FOR.max(self.took * PART_OF_TIME));
        }
    }

    /// Takes what one transaction writes of it: a part, or all of it.
    pub(super) fn take(&mut self, all: bool) -> Self {
        let most = if all { usize::MAX } else { PART_MAX };
        Self {
            messages: some_of(&mut self.messages, most),
            endpoints: some_of(&mut self.endpoints, most),
            failures: some_of(&mut self.failures, most),
            ..Self::default()
        }
    }

    /// What was taken has been written at `now`, which took so long; what is left follows soon.
    pub(super) fn written(&mut self, took: Duration, now: Duration) {
        self.took = took;
        self.due = (!self.is_empty()).then(|| now + took * PART_OF_TIME);
    }

    /// What was taken could not be written, and is tried again later. Nothing has been counted since.
    pub(super) fn put_back(&mut self, taken: Self) {
        self.messages.extend(taken.messages);
        self.endpoints.extend(taken.endpoints);
        self.failures.extend(taken.failures);
        self.due = None;
    }

    fn at(&mut self, endpoint_id: EndpointId, application_id: ApplicationId, time: Timestamp) -> &mut Counts {
        let minute = start_of(time, Resolution::Minute.width());
        &mut self.endpoints.entry((endpoint_id, minute)).or_insert((application_id, Counts::default())).1
    }

    /// Counts a message that was accepted.
    pub(super) fn accepted(&mut self, message: &Message) {
        let time = message.id.time();
        let minute = start_of(time, Resolution::Minute.width());
        *self.messages.entry((message.application_id, minute)).or_default() += 1;
        for endpoint_id in message.queued() {
            self.at(endpoint_id, message.application_id, time).accepted += 1;
        }
    }

    /// Counts the outcome of an attempt, or of a delivery that failed without one.
    pub(super) fn recorded(&mut self, record: &Record) {
        let (ended, retried) = match record.outcome {
            Outcome::Ended(DeliveryState::Delivered) => (0, 0),
            Outcome::Ended(DeliveryState::Failed) => (1, 0),
            Outcome::Retry(_) => (0, 1),
            // Nobody failed, and nobody was asked.
            Outcome::Ended(DeliveryState::Cancelled | DeliveryState::Expired) => return,
        };
        let (endpoint_id, application_id) = (record.delivery.endpoint_id, record.delivery.application_id);
        let time = record.attempt.as_ref().map_or_else(|id| id.time(), |attempt| attempt.id.time());
        let counts = self.at(endpoint_id, application_id, time);
        counts.failed += ended;
        counts.retried += retried;
        counts.delivered += u64::from(ended + retried == 0);
        let Ok(attempt) = &record.attempt else {
            return;
        };
        counts.latencies.count(attempt.duration_ms);
        if ended + retried > 0 {
            let cause = Cause::of(&attempt.result);
            let failed = Failing { endpoint_id, application_id, cause, ended, retried, first_at: time, last_at: time };
            let known = self.failures.entry((endpoint_id, cause, start_of(time, DAY)));
            known.and_modify(|known| known.add(&failed)).or_insert(failed);
        }
    }

    /// Adds what was counted to the tables; what was counted of an application that is gone is nobody's.
    pub(super) fn write(&self, connection: &Connection) -> Result<(), StoreError> {
        let mut environments: HashMap<ApplicationId, Option<EnvironmentId>> = HashMap::new();
        let mut environment_of = |application_id| match environments.get(&application_id) {
            Some(known) => Ok::<_, StoreError>(*known),
            None => {
                let found = reach::environment_of(connection, application_id)?;
                environments.insert(application_id, found);
                Ok(found)
            }
        };
        let mut sums = Sums::new();
        for ((application_id, minute), accepted) in &self.messages {
            if let Some(environment_id) = environment_of(*application_id)? {
                let counts = Counts { accepted: *accepted, ..Counts::default() };
                add(&mut sums, &[application_id.number(), environment_id.number()], *minute, &counts);
            }
        }
        for ((endpoint_id, minute), (application_id, counts)) in &self.endpoints {
            if let Some(environment_id) = environment_of(*application_id)? {
                add(&mut sums, &[endpoint_id.number()], *minute, counts);
                // A message is counted once, however many endpoints it is for.
                let attempts = Counts { accepted: 0, ..*counts };
                add(&mut sums, &[application_id.number(), environment_id.number()], *minute, &attempts);
            }
        }
        sums.iter().try_for_each(|((owner, resolution, start), counts)| {
            figures::add(connection, *owner, *resolution, *start, counts)
        })?;
        // In the order of the table, like the sums: nodes that write at the same time wait for each other, never in a circle.
        let mut failures: Vec<_> = self.failures.iter().collect();
        failures.sort_by_key(|((endpoint_id, cause, day), _)| (*day, *endpoint_id, cause.to_string()));
        for ((_, _, day), failing) in failures {
            if let Some(environment_id) = environment_of(failing.application_id)? {
                failures::add(connection, environment_id, *day, failing)?;
            }
        }
        Ok(())
    }
}

/// Takes at most so many out of a map.
fn some_of<K: Copy + Eq + Hash, V>(map: &mut HashMap<K, V>, most: usize) -> HashMap<K, V> {
    if map.len() <= most {
        return std::mem::take(map);
    }
    let keys: Vec<K> = map.keys().take(most).copied().collect();
    keys.iter().filter_map(|key| map.remove_entry(key)).collect()
}

/// Adds to the sums of each of these owners, in every resolution.
fn add(sums: &mut Sums, owners: &[i64], minute: Timestamp, counts: &Counts) {
    for owner in owners {
        for resolution in Resolution::ALL {
            sums.entry((*owner, resolution, start_of(minute, resolution.width()))).or_default().add(counts);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{GATHERED_FOR, PART_MAX, PART_OF_TIME, Tally};
    use crate::domain::id::Id;
    use crate::domain::message::Message;
    use crate::domain::time::Timestamp;

    const NOW: Duration = Duration::from_secs(100);

    fn message() -> Message {
        Message {
            id: Id::from_number(1),
            environment_id: Id::from_number(2),
            application_id: Id::from_number(3),
            event_type: "a".to_owned(),
            event_id: None,
            channels: Vec::new(),
            payload: None,
            expires_at: Timestamp::EPOCH,
            verdicts: Vec::new(),
        }
    }

    #[test]
    fn it_is_written_a_second_after_the_first_count_and_later_where_writing_takes_long() {
        let mut tally = Tally::default();
        tally.gathered(NOW);
        assert_eq!(tally.due(), None);
        tally.accepted(&message());
        tally.gathered(NOW);
        tally.gathered(NOW * 2);
        assert_eq!(tally.due(), Some(NOW + GATHERED_FOR));
        let written = tally.take(false);
        assert_eq!((written.messages.len(), tally.is_empty()), (1, true));
        tally.written(Duration::from_millis(500), NOW);
        assert_eq!(tally.due(), None);
        tally.accepted(&message());
        tally.gathered(NOW);
        assert_eq!(tally.due(), Some(NOW + Duration::from_secs(10)));
        let refused = tally.take(true);
        tally.put_back(refused);
        tally.gathered(NOW * 2);
        assert_eq!(tally.due(), Some(NOW * 2 + Duration::from_secs(10)));
    }

    #[test]
    fn much_is_written_in_parts_that_follow_each_other_and_nothing_twice() {
        let mut tally = Tally::default();
        for application in 0..i64::try_from(PART_MAX * 3).unwrap() {
            tally.accepted(&Message { application_id: Id::from_number(application), ..message() });
        }
        tally.gathered(NOW);
        let first = tally.take(false);
        assert_eq!(first.messages.len(), PART_MAX);
        tally.written(Duration::from_millis(1), NOW);
        assert_eq!(tally.due(), Some(NOW + Duration::from_millis(1) * PART_OF_TIME));
        let rest = tally.take(true);
        assert_eq!((rest.messages.len(), tally.is_empty()), (PART_MAX * 2, true));
        assert!(first.messages.keys().all(|key| !rest.messages.contains_key(key)));
    }
}
