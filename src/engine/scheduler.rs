//! Decides what is sent next. Every endpoint has a queue of its own, in memory as far as there is room and in the
//! store beyond that; endpoints take turns, and how many requests one may have in flight at a time depends on how it
//! has answered so far. A pure state machine: time is an argument, and it knows neither store nor network, so that a
//! simulation can drive it through years.

mod begun;
mod breaker;
mod lane;
mod limits;
mod rounds;
mod standing;

use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use crate::domain::attempt::Shown;
use crate::domain::delivery::{Delivery, Place};
use crate::domain::endpoint::Rest;
use crate::domain::id::EndpointId;
use crate::domain::message::Message;
use crate::domain::time::Timestamp;
use crate::store::{Claim, Content};
use begun::Begun;
use lane::Lane;
pub use limits::Limits;
use rounds::Rounds;
use standing::Held;
pub use standing::Standing;

/// Deliveries that are claimed from the store at a time.
const CLAIM: usize = 256;
/// Claims that are made at a time; each may bring payloads into memory.
const CLAIMS_UNDER_WAY_MAX: usize = 16;
/// Where there are fewer endpoints, all of them may be down for reasons of their own.
const FEW_ENDPOINTS: usize = 8;

/// A delivery that is to be sent now.
#[derive(Clone, Debug)]
pub struct Ready {
    /// What is delivered.
    pub delivery: Delivery,
    /// What it says.
    pub content: Content,
    /// How its endpoint stood when its turn came.
    pub standing: Standing,
    /// How often its endpoint had changed by then.
    pub changes: u64,
    /// When that was.
    pub begun_at: Timestamp,
    /// In which moment that was, if it counts among those that were begun in it (`begun.rs`).
    pub moment: Option<u64>,
}

/// What is to be done now.
#[derive(Debug)]
pub enum Work {
    /// Send this, and say so with `finished` or `put_back`.
    Send(Ready),
    /// Claim this from the store, and say so with `claimed` or `claim_failed`.
    Claim {
        /// Whose deliveries.
        endpoint_id: EndpointId,
        /// How many at most.
        wanted: usize,
        /// What the store still shows and is being taken care of.
        in_hand: HashSet<Place>,
        /// The endpoint keeps order: what is not at the head of its queue is not wanted.
        in_order: bool,
    },
    /// Let it be known that an endpoint is left in peace, or no longer.
    TellRest {
        /// Which.
        endpoint_id: EndpointId,
        /// How it rests, if it does.
        rest: Option<Rest>,
    },
}

/// The state machine.
pub struct Scheduler {
    limits: Limits,
    lanes: HashMap<EndpointId, Lane>,
    /// Endpoints with something to send and a free place of their own.
    rounds: Rounds,
    /// The standing that goes next.
    goes_next: usize,
    /// Requests in flight, by the standing with which they were started.
    in_flight: Held,
    /// Their payload bytes, in the same way.
    in_flight_bytes: Held,
    /// Requests in flight that were begun a moment ago.
    begun: Begun,
    /// Payload bytes that wait in memory, by the standing of their endpoint.
    ready_bytes: Held,
    claims: VecDeque<EndpointId>,
    claims_under_way: usize,
    /// Which rests are to be told of.
    rests: VecDeque<(EndpointId, Option<Rest>)>,
    /// How many endpoints rest.
    resting: usize,
    /// When an endpoint took something last.
    took_last: Timestamp,
    alarms: BTreeSet<(Timestamp, EndpointId)>,
    stopped: bool,
}

impl Scheduler {
    /// A scheduler that holds nothing.
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            lanes: HashMap::new(),
            rounds: Rounds::default(),
            goes_next: 0,
            in_flight: Held::default(),
            in_flight_bytes: Held::default(),
            begun: Begun::default(),
            ready_bytes: Held::default(),
            claims: VecDeque::new(),
            claims_under_way: 0,
            rests: VecDeque::new(),
            resting: 0,
            took_last: Timestamp::EPOCH,
            alarms: BTreeSet::new(),
            stopped: false,
        }
    }

    /// A message was accepted with these deliveries, all due: they are sent from memory as far as there is room.
    pub fn accepted(&mut self, message: &Arc<Message>, deliveries: Vec<Delivery>, now: Timestamp) {
        for delivery in deliveries {
            let content = Content::Kept(message.clone());
            let (bytes, endpoint_id) = (content.bytes(), delivery.endpoint_id);
            let lane = self.lanes.entry(endpoint_id).or_default();
            let room = self.ready_bytes.has_room(lane.standing, bytes, self.limits.ready_bytes_max);
            if lane.ordered {
                // It is behind whatever waits already.
                lane.stored_from.get_or_insert(delivery.due);
                self.look(endpoint_id, now);
                continue;
            }
            // Behind what waits in the store it would jump the queue.
            let behind = lane.stored_from.is_some_and(|from| from <= delivery.due);
            let full = lane.ready.len() >= self.limits.ready_per_endpoint_max || !room;
            if lane.in_hand.contains(&delivery.place()) {
                continue;
            }
            if behind || full || lane.paused || lane.breaker.is_open() {
                lane.stored(delivery.due);
            } else {
                self.ready_bytes.add(lane.standing, bytes);
                lane.in_hand.insert(delivery.place());
                lane.push(delivery, content);
            }
            self.look(endpoint_id, now);
        }
    }

    /// This endpoint has changed: whatever kept messages from it may be over.
    pub fn changed(&mut self, endpoint_id: EndpointId, now: Timestamp) {
        self.heard_of_rest(endpoint_id, None, now);
        self.waiting(endpoint_id, now, now);
    }

    /// Another node leaves this endpoint in peace, or does so no longer.
    pub fn heard_of_rest(&mut self, endpoint_id: EndpointId, rest: Option<Rest>, now: Timestamp) {
        let lane = self.lanes.entry(endpoint_id).or_default();
        let rested = lane.breaker.is_open();
        lane.breaker.heard(rest, now);
        match (rested, rest) {
            (false, Some(_)) => self.resting += 1,
            (true, None) => {
                self.resting -= 1;
                lane.window = 1;
            }
            _ => {}
        }
        if rest.is_some() {
            self.ready_bytes.release(lane.standing, lane.put_back(now));
        }
        self.look(endpoint_id, now);
    }

    /// Something waits in the store for this endpoint from `due` on.
    pub fn waiting(&mut self, endpoint_id: EndpointId, due: Timestamp, now: Timestamp) {
        let lane = self.lanes.entry(endpoint_id).or_default();
        lane.paused = false;
        lane.changes += 1;
        lane.stored(due);
        self.look(endpoint_id, now);
    }

    /// A claim has been answered.
    pub fn claimed(&mut self, endpoint_id: EndpointId, claim: Claim, now: Timestamp) {
        self.claims_under_way = self.claims_under_way.saturating_sub(1);
        let Some(lane) = self.lanes.get_mut(&endpoint_id) else { return };
        lane.claiming = false;
        if let Some(next) = claim.next_due {
            lane.stored(next);
        }
        for (delivery, content) in claim.deliveries {
            if lane.in_hand.insert(delivery.place()) {
                self.ready_bytes.add(lane.standing, content.bytes());
                lane.push(delivery, content);
            }
        }
        for place in std::mem::take(&mut lane.recorded_meanwhile) {
            lane.in_hand.remove(&place);
        }
        if lane.breaker.rests_until(now) > now {
            self.ready_bytes.release(lane.standing, lane.put_back(now));
        }
        self.look(endpoint_id, now);
    }

    /// A claim could not be made; it is made again at `again`.
    pub fn claim_failed(&mut self, endpoint_id: EndpointId, again: Timestamp, now: Timestamp) {
        self.claimed(endpoint_id, Claim { deliveries: Vec::new(), next_due: Some(again) }, now);
    }

    /// A delivery has had its turn, and its outcome is being recorded. `shown` is what the attempt shows of the endpoint;
    /// `None` when nothing was sent.
    pub fn finished(&mut self, ready: &Ready, shown: Option<Shown>, now: Timestamp) {
        let endpoint_id = ready.delivery.endpoint_id;
        let window_max = self.limits.in_flight_per_endpoint_max;
        let Some(lane) = self.free_place(ready) else { return };
        let before = lane.standing;
        if shown.is_some() {
            lane.is_quick = begun::is_quick(ready.begun_at, now);
        }
        match shown {
            Some(Shown::Took) => {
                lane.standing = Standing::after(now.since(ready.begun_at));
                lane.window = (lane.window + 1).min(window_max);
            }
            Some(_) => {
                lane.standing = Standing::Failing;
                lane.window = (lane.window / 2).max(lane::WINDOW_MIN.min(lane.window));
                lane.in_doubt = true;
            }
            None => {}
        }
        let woke = matches!(shown, Some(Shown::Took | Shown::Refused)) && lane.breaker.close();
        if woke {
            // It gets one message at a time, then two, four and so on.
            lane.window = 1;
        }
        if lane.standing != before {
            let (bytes, standing, turn) = (lane.ready_bytes, lane.standing, lane.turn.take());
            self.ready_bytes.release(before, bytes);
            self.ready_bytes.add(standing, bytes);
            // In the round of its old standing it would wait for a place that it no longer needs.
            if let Some(turn) = turn {
                self.rounds.leave(before, turn);
            }
        }
        match shown {
            Some(Shown::Took) => self.took_last = now,
            Some(Shown::Down) => self.found_down(endpoint_id, now),
            Some(Shown::Refused | Shown::Nothing) | None => {}
        }
        if woke {
            self.resting -= 1;
            self.rests.push_back((endpoint_id, None));
        }
        self.look(endpoint_id, now);
    }

    /// An endpoint is not there. After too many times it is left in peace; unless more than half of all would be and none
    /// has taken anything meanwhile, for then the fault is rather here.
    fn found_down(&mut self, endpoint_id: EndpointId, now: Timestamp) {
        let endpoints = self.lanes.len();
        let Some(lane) = self.lanes.get_mut(&endpoint_id) else { return };
        let is_theirs = self.took_last >= lane.breaker.failing_since();
        let may_rest = is_theirs || endpoints < FEW_ENDPOINTS || (self.resting + 1) * 2 <= endpoints;
        let rested = lane.breaker.is_open();
        if let Some(rest) = lane.breaker.found_down(endpoint_id, may_rest, now) {
            self.resting += usize::from(!rested);
            self.ready_bytes.release(lane.standing, lane.put_back(now));
            self.rests.push_back((endpoint_id, Some(rest)));
        }
    }

    /// A delivery was not sent after all: it stays in the store, and nothing more is sent to its endpoint until
    /// `again`, or, when that is `None`, until the endpoint changes.
    pub fn put_back(&mut self, ready: &Ready, again: Option<Timestamp>, now: Timestamp) {
        let endpoint_id = ready.delivery.endpoint_id;
        let Some(lane) = self.free_place(ready) else { return };
        lane.in_hand.remove(&ready.delivery.place());
        // Whoever found it switched off may have looked before it was switched on again.
        lane.paused = again.is_none() && lane.changes == ready.changes;
        lane.stored_from = Some(again.unwrap_or(Timestamp::EPOCH));
        let (standing, bytes) = (lane.standing, lane.clear());
        self.ready_bytes.release(standing, bytes);
        self.look(endpoint_id, now);
    }

    /// A delivery was taken regardless of its endpoint's order and was not sent: it stays in the store, and from here on
    /// the order is kept.
    pub fn put_in_order(&mut self, ready: &Ready, now: Timestamp) {
        if let Some(lane) = self.lanes.get_mut(&ready.delivery.endpoint_id) {
            lane.ordered = true;
        }
        self.put_back(ready, Some(now), now);
    }

    /// An outcome is in the store.
    pub fn recorded(&mut self, delivery: &Delivery, retry: Option<Timestamp>, now: Timestamp) {
        let Some(lane) = self.lanes.get_mut(&delivery.endpoint_id) else { return };
        if lane.claiming {
            // The claim may have looked before this was written, and would bring it back.
            lane.recorded_meanwhile.push(delivery.place());
        } else {
            lane.in_hand.remove(&delivery.place());
        }
        lane.in_doubt = false;
        if let Some(due) = retry {
            // In an order it keeps its place, so what is behind it goes back; the store says until when it is held.
            let (from, bytes) = if lane.ordered { (now, lane.clear()) } else { (due, 0) };
            lane.stored(from);
            self.ready_bytes.release(lane.standing, bytes);
        } else if lane.ordered && lane.stored_from.is_some() {
            // What it waits for may be what has just ended.
            lane.stored(now);
        }
        self.look(delivery.endpoint_id, now);
    }

    /// Whether this endpoint keeps order and is sent nothing more before what it was sent is recorded; so may be other nodes'.
    pub fn waits_for_outcomes(&self, endpoint_id: EndpointId) -> bool {
        self.lanes.get(&endpoint_id).is_some_and(|lane| lane.ordered && (lane.in_doubt || lane.ready.is_empty()))
    }

    /// Sets how long after one message this endpoint is sent the next at the soonest, and whether in their order.
    pub fn pace(&mut self, endpoint_id: EndpointId, interval: Option<Duration>, ordered: bool) {
        if let Some(lane) = self.lanes.get_mut(&endpoint_id) {
            lane.throttle = interval;
            lane.ordered = ordered;
        }
    }

    /// What waits in memory is no longer this node's: it is dropped. What is in flight is waited for.
    pub fn forget(&mut self) {
        for lane in self.lanes.values_mut() {
            lane.clear();
            lane.stored_from = None;
        }
        self.ready_bytes = Held::default();
    }

    /// The next thing to do at `now`; `None` when there is nothing to do before `wake_at`, or before something
    /// happens.
    pub fn next(&mut self, now: Timestamp) -> Option<Work> {
        if self.stopped {
            return None;
        }
        self.ring(now);
        self.begun.look(now);
        if let Some((endpoint_id, rest)) = self.rests.pop_front() {
            return Some(Work::TellRest { endpoint_id, rest });
        }
        if self.claims_under_way < CLAIMS_UNDER_WAY_MAX
            && let Some(endpoint_id) = self.claims.pop_front()
            && let Some(lane) = self.lanes.get_mut(&endpoint_id)
        {
            lane.stored_from = None;
            self.claims_under_way += 1;
            // Without room each endpoint still gets on, one delivery at a time; and one that rests is tried with one.
            let has_room = self.ready_bytes.has_room(lane.standing, 1, self.limits.ready_bytes_max);
            let wanted = if has_room && !lane.breaker.is_open() { CLAIM } else { 1 };
            let (in_hand, in_order) = (lane.in_hand.clone(), lane.ordered);
            return Some(Work::Claim { endpoint_id, wanted, in_hand, in_order });
        }
        (0..Standing::ALL.len()).find_map(|_| {
            self.goes_next = (self.goes_next + 1) % Standing::ALL.len();
            self.next_of(Standing::ALL[self.goes_next], now)
        })
    }

    fn next_of(&mut self, standing: Standing, now: Timestamp) -> Option<Work> {
        while self.in_flight.has_room(standing, 1, self.limits.in_flight_max)
            && self.in_flight_bytes.has_room(standing, 1, self.limits.in_flight_bytes_max)
            && let Some((turn, endpoint_id)) = self.rounds.first(standing)
        {
            if turn.is_further && !self.in_flight.has_room_for_further(standing, self.limits.in_flight_max) {
                return None;
            }
            let Some(lane) = self.lanes.get_mut(&endpoint_id) else {
                self.rounds.leave(standing, turn);
                continue;
            };
            let is_quick = lane.is_quick;
            if is_quick && !self.begun.has_room(standing, self.limits.begun_max) {
                return None;
            }
            self.rounds.leave(standing, turn);
            lane.turn = None;
            let next = if lane.wants_to_send(now) { lane.pop() } else { None };
            let changes = lane.changes;
            if next.is_some() {
                lane.started(now);
            }
            self.look(endpoint_id, now);
            if let Some((delivery, content)) = next {
                self.ready_bytes.release(standing, content.bytes());
                self.in_flight.add(standing, 1);
                self.in_flight_bytes.add(standing, content.bytes());
                let moment = is_quick.then(|| self.begun.add(standing));
                return Some(Work::Send(Ready { delivery, content, standing, changes, begun_at: now, moment }));
            }
        }
        None
    }

    /// When `next` has something to do even if nothing happens before.
    pub fn wake_at(&self) -> Option<Timestamp> {
        // Whoever has a turn may wait for requests that were begun a moment ago.
        let moment_ends = (!self.rounds.are_empty() && !self.begun.is_empty()).then(|| self.begun.until());
        self.alarms.first().map(|(at, _)| *at).into_iter().chain(moment_ends).min()
    }

    /// Nothing is begun any more.
    pub fn stop(&mut self) {
        self.stopped = true;
    }

    /// Requests in flight.
    pub fn in_flight(&self) -> usize {
        self.in_flight.all()
    }

    /// Payload bytes that wait in memory.
    pub fn ready_bytes(&self) -> usize {
        self.ready_bytes.all()
    }

    fn free_place(&mut self, ready: &Ready) -> Option<&mut Lane> {
        self.in_flight.release(ready.standing, 1);
        self.in_flight_bytes.release(ready.standing, ready.content.bytes());
        if let Some(moment) = ready.moment {
            self.begun.release(ready.standing, moment);
        }
        let lane = self.lanes.get_mut(&ready.delivery.endpoint_id)?;
        lane.in_flight -= 1;
        Some(lane)
    }

    /// Looks at the endpoints whose time has come.
    fn ring(&mut self, now: Timestamp) {
        while let Some((at, endpoint_id)) = self.alarms.first().copied()
            && at <= now
        {
            self.look(endpoint_id, now);
        }
    }

    /// Puts an endpoint where it belongs after anything about it has changed.
    fn look(&mut self, endpoint_id: EndpointId, now: Timestamp) {
        let Some(lane) = self.lanes.get_mut(&endpoint_id) else { return };
        if lane.turn.is_none() && lane.wants_to_send(now) {
            let is_further = lane.standing == Standing::Unknown && lane.in_flight > 0;
            lane.turn = Some(self.rounds.enter(lane.standing, is_further, endpoint_id));
        }
        let mut alarm = None;
        let has_room = self.ready_bytes.has_room(lane.standing, 1, self.limits.ready_bytes_max);
        if let Some(from) = lane.claims_from(now, has_room) {
            if from <= now {
                lane.claiming = true;
                self.claims.push_back(endpoint_id);
            } else {
                alarm = Some(from);
            }
        }
        if !lane.paused && !lane.ready.is_empty() && lane.waits_until(now) > now {
            let until = lane.waits_until(now);
            alarm = Some(alarm.map_or(until, |at: Timestamp| at.min(until)));
        }
        if alarm != lane.alarm {
            if let Some(at) = lane.alarm {
                self.alarms.remove(&(at, endpoint_id));
            }
            if let Some(at) = alarm {
                self.alarms.insert((at, endpoint_id));
            }
            lane.alarm = alarm;
        }
    }
}

#[cfg(test)]
mod tests;
