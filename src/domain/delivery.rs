//! Deliveries: one message on its way to one endpoint, and the rules that say what an attempt's report makes of it.
//!
//! ```text
//!            accept                    attempt succeeded
//!  message ─────────► waiting ───────────────────────────► delivered
//!                     ▲     │ schedule exhausted, 410 Gone
//!                     │     ├────────────────────────────► failed
//!                     │     │ endpoint deleted
//!                     └─────┤────────────────────────────► cancelled
//!           attempt failed, │ payload gone
//!           schedule goes on└────────────────────────────► expired
//! ```
//!
//! It does not know when it is asked or how a request is sent.

use std::net::IpAddr;

use super::attempt::{Answer, AttemptError, AttemptReport, Phases};
use super::id::{ApplicationId, AttemptId, EndpointId, MessageId};
use super::message::MessageFilter;
use super::node::Epoch;
use super::retry::{self, RetryPolicy};
use super::time::{Span, Timestamp};

/// The status that says that an endpoint is gone for good (RFC 9110, Standard Webhooks).
pub const STATUS_GONE: u16 = 410;

/// What set an attempt off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trigger {
    /// The message was accepted, or the schedule said so.
    Scheduled,
    /// Somebody asked for it.
    Manual,
}

impl Trigger {
    /// The number in the API and in the store.
    pub const fn code(self) -> i64 {
        match self {
            Self::Scheduled => 0,
            Self::Manual => 1,
        }
    }

    /// Reads the number in the store.
    pub const fn from_code(code: i64) -> Self {
        if code == 1 { Self::Manual } else { Self::Scheduled }
    }
}

/// A message on its way to an endpoint: what waits in the queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// What is delivered.
    pub message_id: MessageId,
    /// Where to.
    pub endpoint_id: EndpointId,
    /// Whose it is.
    pub application_id: ApplicationId,
    /// When the next attempt may be made, unless it is held; and its place in the order of its endpoint's.
    pub due: Timestamp,
    /// How many attempts have failed so far.
    pub attempts_made: u32,
    /// What set it off.
    pub trigger: Trigger,
    /// Which life of which node may send it, and record what came of it.
    pub epoch: Epoch,
    /// Where its endpoint keeps order and did not take it: when the next attempt may be made. It keeps its place, and
    /// what is behind it waits.
    pub held_until: Option<Timestamp>,
    /// Whether it was taken from the store in its endpoint's order, which it then keeps.
    pub in_order: bool,
}

/// Where a delivery stands in its endpoint's queue.
pub type Place = (MessageId, Timestamp);

/// How a delivery ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeliveryState {
    /// The endpoint answered with a 2xx status.
    Delivered,
    /// The last attempt failed.
    Failed,
    /// The endpoint was deleted first.
    Cancelled,
    /// The payload was deleted first.
    Expired,
}

impl DeliveryState {
    /// Every state.
    pub const ALL: [Self; 4] = [Self::Delivered, Self::Failed, Self::Cancelled, Self::Expired];

    /// The name in the API, in metrics and on pages.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Delivered => "delivered",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::Expired => "expired",
        }
    }

    /// The number in the store.
    pub const fn code(self) -> i64 {
        match self {
            Self::Delivered => 0,
            Self::Failed => 1,
            Self::Cancelled => 2,
            Self::Expired => 3,
        }
    }

    /// Reads the number in the store.
    pub fn from_code(code: i64) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.code() == code)
    }
}

/// Where a delivery stands on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// The next attempt may be made at this time.
    Waiting(Timestamp),
    /// It has ended.
    Ended(DeliveryState),
}

impl Standing {
    /// When the next attempt may be made, if there is one.
    pub fn next_attempt(self) -> Option<Timestamp> {
        match self {
            Self::Waiting(due) => Some(due),
            Self::Ended(_) => None,
        }
    }
}

/// Where a delivery stands as a list shows it: whether it waits for its first attempt or for another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// The first attempt may be made at this time.
    Waiting(Timestamp),
    /// An attempt has failed, and the next may be made at this time.
    Retrying(Timestamp),
    /// It has ended.
    Ended(DeliveryState),
}

impl From<Stage> for Standing {
    fn from(stage: Stage) -> Self {
        match stage {
            Stage::Waiting(due) | Stage::Retrying(due) => Self::Waiting(due),
            Stage::Ended(state) => Self::Ended(state),
        }
    }
}

/// What one attempt, or the lack of a reason to make one, makes of a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It has ended.
    Ended(DeliveryState),
    /// It is tried again at this time.
    Retry(Timestamp),
}

/// One HTTP request that was made for a delivery, as it is kept.
#[derive(Clone, Debug)]
pub struct Attempt {
    /// Its id; its time is when the request was started.
    pub id: AttemptId,
    /// The message that was sent.
    pub message_id: MessageId,
    /// The endpoint that it was sent to.
    pub endpoint_id: EndpointId,
    /// Whose they are.
    pub application_id: ApplicationId,
    /// What set it off.
    pub trigger: Trigger,
    /// The first attempt of a delivery is 1.
    pub number: u32,
    /// The URL at the time.
    pub url: String,
    /// The time that the request was signed with, to the second. It is its id's, unless the clock was set back.
    pub sent_at: Timestamp,
    /// From the start to the end of the answer, or to the error.
    pub duration_ms: u64,
    /// The address that it went to, once there was a connection. It is for the operator alone: a tenant must not learn
    /// where a name leads on the inside (THREATS C27).
    pub remote_address: Option<IpAddr>,
    /// How long its parts took, once there was a connection.
    pub phases: Option<Phases>,
    /// What came of it.
    pub result: Result<Answer, AttemptError>,
}

/// How far a message has come at one endpoint.
#[derive(Clone, Debug, Default)]
pub struct Journey {
    /// Where it stands now; `None` when nothing was to be sent there.
    pub standing: Option<Standing>,
    /// How many attempts were made, by the schedule or because somebody asked.
    pub attempts: u32,
    /// The latest of them, without the answer's headers and body.
    pub last: Option<Attempt>,
    /// The message that is the first in the endpoint's queue, where this one is behind it.
    pub behind: Option<MessageId>,
}

/// Which attempts of a list are asked for; what is not given does not matter.
#[derive(Clone, Debug)]
pub struct AttemptFilter {
    /// At this endpoint.
    pub endpoint_id: Option<EndpointId>,
    /// Whether the endpoint took the message.
    pub succeeded: Option<bool>,
    /// The hundreds of the answer's status, such as 400; 0 when there was no answer.
    pub status_class: Option<u16>,
    /// When the request was started.
    pub made: Span,
    /// What was sent.
    pub messages: MessageFilter,
}

impl AttemptFilter {
    /// Whether it asks for an attempt that was answered with `status`.
    pub fn wants(&self, status: Option<u16>) -> bool {
        self.succeeded.is_none_or(|wanted| wanted == status.is_some_and(is_success))
            && self.status_class.is_none_or(|class| class == status.unwrap_or_default() / 100 * 100)
    }
}

impl Attempt {
    /// Whether the endpoint took the message: only a 2xx status says so (SEEDS A15).
    pub fn succeeded(&self) -> bool {
        succeeded(&self.result)
    }
}

fn succeeded(result: &Result<Answer, AttemptError>) -> bool {
    matches!(result, Ok(answer) if is_success(answer.status))
}

fn is_success(status: u16) -> bool {
    (200..300).contains(&status)
}

impl Delivery {
    /// A delivery as it is accepted: due at once.
    pub fn first(
        message_id: MessageId,
        endpoint_id: EndpointId,
        application_id: ApplicationId,
        now: Timestamp,
        epoch: Epoch,
    ) -> Self {
        Self {
            message_id,
            endpoint_id,
            application_id,
            // An id may be ahead of a clock that was set back.
            due: message_id.time().min(now),
            attempts_made: 0,
            trigger: Trigger::Scheduled,
            epoch,
            held_until: None,
            in_order: false,
        }
    }

    /// Where it stands in its endpoint's queue; a delivery that is moved has another place.
    pub fn place(&self) -> Place {
        (self.message_id, self.due)
    }

    /// When the next attempt may be made.
    pub fn next_attempt(&self) -> Timestamp {
        self.held_until.unwrap_or(self.due)
    }

    /// This delivery after a failed attempt, when the next may be made `at`. In an order it keeps its place.
    pub fn again(&self, at: Timestamp) -> Self {
        let (due, held_until) = if self.in_order { (self.due, Some(at)) } else { (at, None) };
        Self { due, held_until, attempts_made: self.attempts_made + 1, ..self.clone() }
    }

    /// What an attempt's report makes of this delivery at `now`.
    pub fn after(
        &self,
        report: &AttemptReport,
        policy: &RetryPolicy,
        now: Timestamp,
        rng: &mut fastrand::Rng,
    ) -> Outcome {
        if succeeded(&report.result) {
            return Outcome::Ended(DeliveryState::Delivered);
        }
        let answer = report.result.as_ref().ok().filter(|_| policy.heeds_answers);
        if answer.is_some_and(|answer| answer.status == STATUS_GONE) {
            return Outcome::Ended(DeliveryState::Failed);
        }
        let Some(delay) = policy.schedule.next_delay(self.attempts_made + 1, rng) else {
            return Outcome::Ended(DeliveryState::Failed);
        };
        let delay = match answer {
            Some(answer) => {
                let asked = answer.retry_after.as_deref().and_then(|text| retry::parse_retry_after(text, now));
                retry::delay_after_answer(delay, answer.status, asked)
            }
            None => delay,
        };
        Outcome::Retry(now.plus(delay))
    }
}

#[cfg(test)]
#[path = "delivery/tests.rs"]
mod tests;
