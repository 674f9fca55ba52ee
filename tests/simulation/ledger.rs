//! What the world knows without asking Cornet: what was acknowledged to the producer, and what arrived where. The
//! promises are checked against it and against the rows of the store.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::Duration;

use cornet::domain::id::{EndpointId, MessageId};
use cornet::domain::retry::RetrySchedule;
use cornet::domain::time::Timestamp;

use crate::postgres::Place;

/// One request that reached a receiver.
#[derive(Clone, Debug)]
pub struct Arrival {
    pub at: Timestamp,
    pub port: u16,
    pub webhook_id: String,
    pub signed: bool,
    pub body: Vec<u8>,
    pub taken: bool,
    /// When the sender learns of the answer.
    pub until: Timestamp,
}

/// How a delivery stands in the store's log.
struct Ended {
    state: i64,
    attempts: i64,
}

/// How late an attempt may come at an endpoint that is left in peace: every minute or so one of a few hundred is made.
const LATE_AFTER_REST_MAX: Duration = Duration::from_secs(12 * 3_600);

const DELIVERED: i64 = 0;
const FAILED: i64 = 1;
const EXPIRED: i64 = 3;

#[derive(Default)]
pub struct Ledger {
    seed: u64,
    /// Each endpoint by its port.
    endpoints: HashMap<u16, EndpointId>,
    leaving: HashSet<EndpointId>,
    /// Each message that was acknowledged, with the body that is sent of it and the endpoints that want it.
    accepted: BTreeMap<MessageId, (Vec<u8>, Vec<EndpointId>)>,
    arrivals: BTreeMap<(MessageId, EndpointId), Vec<Arrival>>,
}

impl Ledger {
    pub fn new(seed: u64) -> Self {
        Self { seed, ..Self::default() }
    }

    /// An endpoint listens on `port`; `leaves` is whether it will say one day that it is gone.
    pub fn endpoint(&mut self, port: u16, id: EndpointId, leaves: bool) {
        self.endpoints.insert(port, id);
        if leaves {
            self.leaving.insert(id);
        }
    }

    pub fn accepted(&mut self, id: MessageId, payload: Vec<u8>, queued: Vec<EndpointId>) {
        self.accepted.insert(id, (payload, queued));
    }

    /// Enters an arrival. Nothing may arrive that was not accepted, and every repeat is identical.
    pub fn arrived(&mut self, arrival: Arrival) {
        let seed = self.seed;
        let message = MessageId::parse(&arrival.webhook_id).expect("a message id");
        let endpoint = self.endpoints[&arrival.port];
        let (payload, queued) = self.accepted.get(&message).unwrap_or_else(|| {
            panic!("seed {seed}: {message} arrived and was never accepted");
        });
        assert!(queued.contains(&endpoint), "seed {seed}: {message} arrived where nobody wanted it");
        assert_eq!(&arrival.body, payload, "seed {seed}: {message} arrived with another body");
        assert!(arrival.signed, "seed {seed}: {message} arrived without a signature");
        self.arrivals.entry((message, endpoint)).or_default().push(arrival);
    }

    fn arrivals(&self, message: MessageId, endpoint: EndpointId) -> &[Arrival] {
        self.arrivals.get(&(message, endpoint)).map_or(&[], Vec::as_slice)
    }

    fn deliveries(&self) -> impl Iterator<Item = (MessageId, EndpointId)> + '_ {
        self.accepted.iter().flat_map(|(message, (_, queued))| queued.iter().map(|endpoint| (*message, *endpoint)))
    }

    /// What arrived where, and when.
    pub fn history(&self) -> Vec<(MessageId, u16, Timestamp)> {
        let arrivals =
            self.arrivals.iter().flat_map(|((message, _), arrivals)| arrivals.iter().map(|one| (*message, one)));
        arrivals.map(|(message, arrival)| (message, arrival.port, arrival.at)).collect()
    }

    /// Every delivery of every acknowledged message is in the log once, nothing waits, and its state is the one that
    /// the receiver's answers call for.
    pub fn every_delivery_has_ended(&self, store: &Place) {
        let seed = self.seed;
        assert_eq!(store.numbers("SELECT count(*) FROM queue"), [[0]], "seed {seed}: deliveries still wait");
        let mut log: HashMap<(i64, i64), Vec<Ended>> = HashMap::new();
        for row in store.numbers("SELECT message_id, endpoint_id, state, number FROM deliveries") {
            log.entry((row[0], row[1])).or_default().push(Ended { state: row[2], attempts: row[3] });
        }
        let mut delivered = 0;
        for (message, endpoint) in self.deliveries() {
            let rows = log.remove(&(message.number(), endpoint.number())).unwrap_or_default();
            assert_eq!(rows.len(), 1, "seed {seed}: {message} to {endpoint} is in the log {} times", rows.len());
            let taken = self.arrivals(message, endpoint).iter().any(|arrival| arrival.taken);
            match rows[0].state {
                DELIVERED => assert!(taken, "seed {seed}: {message} to {endpoint} is called delivered and was not"),
                FAILED => assert!(rows[0].attempts > 0, "seed {seed}: {message} to {endpoint} failed untried"),
                // It waited for an endpoint that had said that it was gone.
                EXPIRED if self.leaving.contains(&endpoint) && !taken => {}
                state => panic!("seed {seed}: {message} to {endpoint} ended in state {state}"),
            }
            delivered += i64::from(rows[0].state == DELIVERED);
        }
        assert!(log.is_empty(), "seed {seed}: the log holds deliveries of messages that nobody acknowledged");
        assert!(delivered > 0, "seed {seed}: nothing was delivered at all");
    }

    /// The messages that were acknowledged.
    pub fn messages(&self) -> Vec<MessageId> {
        self.accepted.keys().copied().collect()
    }

    /// Every delivery was tried `attempts` times, each time in vain, and has ended.
    pub fn everything_failed_after(&self, attempts: usize, store: &Place) {
        let seed = self.seed;
        for (message, endpoint) in self.deliveries() {
            let made = self.arrivals(message, endpoint).len();
            assert_eq!(made, attempts, "seed {seed}: {message} to {endpoint} was tried {made} times");
        }
        let count = |sql: &str| store.numbers(sql)[0][0];
        assert_eq!(count("SELECT count(*) FROM queue"), 0, "seed {seed}: deliveries still wait");
        let failed = format!("SELECT count(*) FROM deliveries WHERE state = {FAILED} AND number = {attempts}");
        assert_eq!(count(&failed), self.deliveries().count() as i64, "seed {seed}: not everything failed");
    }

    /// No attempt was made after one that was taken, and none twice. Holds only while the process is not killed.
    pub fn every_attempt_arrived_once(&self) {
        for (message, endpoint) in self.deliveries() {
            let arrivals = self.arrivals(message, endpoint);
            let first_taken = arrivals.iter().position(|arrival| arrival.taken);
            let expected = first_taken.map_or(arrivals.len(), |place| place + 1);
            assert_eq!(arrivals.len(), expected, "seed {}: {message} to {endpoint} was repeated", self.seed);
        }
    }

    /// Each endpoint saw its messages first in the order in which they were accepted; without kills, none before the one
    /// in front of it had its last answer.
    pub fn order_was_kept(&self, killed: bool) {
        let seed = self.seed;
        let mut before: HashMap<EndpointId, (MessageId, Timestamp)> = HashMap::new();
        // Messages are by their ids, and these grow as they are accepted.
        for (message, endpoint) in self.deliveries() {
            let arrivals = self.arrivals(message, endpoint);
            let Some(first) = arrivals.first() else { continue };
            if let Some((other, over)) = before.get(&endpoint) {
                assert!(first.at >= *over, "seed {seed}: {message} came to {endpoint} while {other} was on its way");
            }
            let over = if killed { first.at } else { arrivals[arrivals.len() - 1].until };
            before.insert(endpoint, (message, over));
        }
    }

    /// The endpoint on `port` was down until `back`: it was left in peace, but for one message at a time, and then got one
    /// message, and one more at a time for each that it had taken.
    pub fn came_back_gently(&self, port: u16, back: Timestamp, tries_max: usize) {
        let (seed, endpoint) = (self.seed, self.endpoints[&port]);
        let mut arrivals: Vec<&Arrival> =
            self.arrivals.iter().filter(|((_, id), _)| *id == endpoint).flat_map(|(_, arrivals)| arrivals).collect();
        arrivals.sort_by_key(|arrival| (arrival.at, arrival.until));
        let tries = arrivals.iter().filter(|arrival| arrival.at < back).count();
        assert!(tries <= tries_max, "seed {seed}: {tries} requests while it was down");
        for (place, arrival) in arrivals.iter().enumerate().filter(|(_, arrival)| arrival.at >= back) {
            let before = &arrivals[..place];
            let in_flight = before.iter().filter(|other| other.until > arrival.at).count();
            let taken = before.iter().filter(|other| other.taken && other.until <= arrival.at).count();
            assert!(in_flight <= taken, "seed {seed}: {in_flight} beside one when {taken} had been taken");
        }
    }

    /// Whether so much in a row was not taken that the endpoint was left in peace.
    fn rested(&self, endpoint: EndpointId) -> bool {
        let mut arrivals: Vec<&Arrival> =
            self.arrivals.iter().filter(|((_, id), _)| *id == endpoint).flat_map(|(_, arrivals)| arrivals).collect();
        arrivals.sort_by_key(|arrival| arrival.until);
        arrivals.chunk_by(|one, other| one.taken == other.taken).any(|row| !row[0].taken && row.len() >= 10)
    }

    /// No attempt came before its time: each arrival after the first follows one whose answer was not good by at
    /// least the schedule's delay. With `late_max`, and unless the receiver asked for more, was switched off or was left
    /// in peace, none came later than the jitter and that allow.
    pub fn attempts_follow(&self, schedule: &RetrySchedule, late_max: Option<Duration>) {
        let rested: HashSet<EndpointId> = self.endpoints.values().copied().filter(|id| self.rested(*id)).collect();
        for (message, endpoint) in self.deliveries() {
            let late_max = late_max.map(|late| if rested.contains(&endpoint) { LATE_AFTER_REST_MAX } else { late });
            let arrivals = self.arrivals(message, endpoint);
            for (place, pair) in arrivals.windows(2).enumerate() {
                let Some(delay) = schedule.delays().get(place).copied() else {
                    // More attempts than the schedule has: repeats after a kill, checked by the test above otherwise.
                    assert!(late_max.is_none(), "seed {}: {message} to {endpoint} was tried too often", self.seed);
                    continue;
                };
                let waited = pair[1].at.since(pair[0].until);
                if let Some(late_max) = late_max {
                    assert!(waited >= delay, "seed {}: {message} to {endpoint} too early: {waited:?}", self.seed);
                    let latest = delay.max(Duration::from_secs(90)).mul_f64(1.1) + late_max;
                    assert!(
                        waited <= latest,
                        "seed {}: {message} to {endpoint}, attempt {}, too late: {waited:?}",
                        self.seed,
                        place + 2
                    );
                }
            }
        }
    }
}
