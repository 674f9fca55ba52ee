//! What the scheduler knows of one endpoint: what waits for it in memory, from when on something waits in the store, and
//! whether it may be sent to now. It does not know whose turn it is among the endpoints.

use std::collections::{HashSet, VecDeque};
use std::time::Duration;

use super::Standing;
use super::breaker::Breaker;
use super::rounds::Turn;
use crate::domain::delivery::{Delivery, Place};
use crate::domain::time::Timestamp;
use crate::store::Content;

/// An endpoint's next deliveries are claimed when so few are left in memory.
const READY_LOW: usize = 64;
/// Requests that may be in flight to an endpoint before it has answered any, and however badly it answers.
pub(super) const WINDOW_MIN: usize = 4;

/// What is known of one endpoint.
pub(super) struct Lane {
    /// Waiting in memory, oldest first.
    pub(super) ready: VecDeque<(Delivery, Content)>,
    pub(super) ready_bytes: usize,
    pub(super) in_flight: usize,
    /// How many may be in flight: grows by one with each success, halves with each failure.
    pub(super) window: usize,
    pub(super) standing: Standing,
    /// Whether its last answer came at once (`begun.rs`).
    pub(super) is_quick: bool,
    /// Whether it is left in peace because it failed again and again.
    pub(super) breaker: Breaker,
    /// Everything that the store's queue shows and that must not be claimed: ready, in flight, or not yet recorded.
    pub(super) in_hand: HashSet<Place>,
    /// Recorded while a claim was under way, whose answer may still show it.
    pub(super) recorded_meanwhile: Vec<Place>,
    pub(super) claiming: bool,
    /// When the first delivery is due that waits in the store and is not in hand.
    pub(super) stored_from: Option<Timestamp>,
    /// It keeps order: one request at a time, and only what the store has at the head of its queue.
    pub(super) ordered: bool,
    /// It did not take what was sent last, and whether that keeps the others waiting is not recorded yet.
    pub(super) in_doubt: bool,
    /// Switched off: nothing is sent until something about it changes.
    pub(super) paused: bool,
    /// How long after one request the next may be started.
    pub(super) throttle: Option<Duration>,
    /// When the next request may be started, in microseconds since 1970.
    pub(super) next_start_us: i64,
    /// How often its endpoint has changed.
    pub(super) changes: u64,
    /// Its turn in the round of its standing, if it stands there.
    pub(super) turn: Option<Turn>,
    /// When it is to be looked at again.
    pub(super) alarm: Option<Timestamp>,
}

impl Default for Lane {
    fn default() -> Self {
        Self {
            ready: VecDeque::new(),
            ready_bytes: 0,
            in_flight: 0,
            window: WINDOW_MIN,
            standing: Standing::Unknown,
            is_quick: false,
            breaker: Breaker::default(),
            in_hand: HashSet::new(),
            recorded_meanwhile: Vec::new(),
            claiming: false,
            stored_from: None,
            ordered: false,
            in_doubt: false,
            paused: false,
            throttle: None,
            next_start_us: 0,
            changes: 0,
            turn: None,
            alarm: None,
        }
    }
}

impl Lane {
    pub(super) fn push(&mut self, delivery: Delivery, content: Content) {
        self.ready_bytes += content.bytes();
        self.ready.push_back((delivery, content));
    }

    pub(super) fn pop(&mut self) -> Option<(Delivery, Content)> {
        let next = self.ready.pop_front()?;
        self.ready_bytes -= next.1.bytes();
        Some(next)
    }

    pub(super) fn stored(&mut self, from: Timestamp) {
        self.stored_from = Some(self.stored_from.map_or(from, |known| known.min(from)));
    }

    /// When the throttle lets the next request start.
    pub(super) fn throttled_until(&self) -> Timestamp {
        match self.throttle {
            Some(_) => Timestamp::from_ms(self.next_start_us.div_euclid(1_000)),
            None => Timestamp::EPOCH,
        }
    }

    /// Before then nothing is sent, whatever is ready.
    pub(super) fn waits_until(&self, now: Timestamp) -> Timestamp {
        self.throttled_until().max(self.breaker.rests_until(now))
    }

    pub(super) fn wants_to_send(&self, now: Timestamp) -> bool {
        let window = if self.ordered || self.breaker.is_open() { 1 } else { self.window };
        let may_start = self.in_flight < window && !(self.ordered && self.in_doubt);
        !self.paused && !self.ready.is_empty() && may_start && self.waits_until(now) <= now
    }

    /// When more is to be claimed, if it is; `has_room` is whether there is memory for more than one.
    pub(super) fn claims_from(&self, now: Timestamp, has_room: bool) -> Option<Timestamp> {
        let is_low = if self.ordered {
            // What is in hand may yet keep its place at the head of an order.
            self.in_hand.is_empty()
        } else if self.breaker.is_open() {
            self.ready.is_empty() && self.in_flight == 0
        } else {
            self.ready.len() < if has_room { READY_LOW } else { 1 }
        };
        let from = self.stored_from.filter(|_| !self.paused && !self.claiming && is_low);
        from.map(|from| from.max(self.breaker.rests_until(now)))
    }

    /// What waits in memory goes back to the store, where it is due; answers how many bytes that were.
    pub(super) fn put_back(&mut self, now: Timestamp) -> usize {
        if !self.ready.is_empty() {
            self.stored(now);
        }
        self.clear()
    }

    /// What waits in memory is dropped; answers how many bytes that were.
    pub(super) fn clear(&mut self) -> usize {
        for (delivery, _) in self.ready.drain(..) {
            self.in_hand.remove(&delivery.place());
        }
        std::mem::take(&mut self.ready_bytes)
    }

    pub(super) fn started(&mut self, now: Timestamp) {
        self.in_flight += 1;
        if let Some(interval) = self.throttle {
            let interval_us = i64::try_from(interval.as_micros()).unwrap_or(i64::MAX / 2);
            self.next_start_us = self.next_start_us.max(now.as_ms() * 1_000) + interval_us;
        }
    }
}
