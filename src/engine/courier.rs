//! One attempt from its beginning to its end: what is sent, and what the answer makes of the delivery. It does not
//! know when an attempt is due or how many others are under way.

use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::time::Duration;

use http::header::{CONTENT_TYPE, USER_AGENT};
use http::{HeaderMap, HeaderName, HeaderValue};

use super::scheduler::Ready;
use super::sender::OutgoingRequest;
use crate::domain::attempt::{AttemptError, AttemptErrorCode, AttemptReport, Shown};
use crate::domain::delivery::{Attempt, DeliveryState, Outcome, STATUS_GONE};
use crate::domain::endpoint::DisabledBecause;
use crate::domain::environment::EnvironmentType;
use crate::domain::header::HOP;
use crate::domain::id::AttemptId;
use crate::domain::message::Message;
use crate::domain::retry::RetryPolicy;
use crate::domain::signature;
use crate::domain::time::Timestamp;
use crate::store::{Content, Record, Route, Routes, Store, StoreError};

const WEBHOOK_ID: HeaderName = HeaderName::from_static("webhook-id");
const WEBHOOK_TIMESTAMP: HeaderName = HeaderName::from_static("webhook-timestamp");
const WEBHOOK_SIGNATURE: HeaderName = HeaderName::from_static("webhook-signature");
const CORNET_HOP: HeaderName = HeaderName::from_static(HOP);

static PRODUCT: LazyLock<HeaderValue> = LazyLock::new(|| {
    HeaderValue::from_str(concat!("Cornet/", env!("CARGO_PKG_VERSION"))).unwrap_or(HeaderValue::from_static("Cornet"))
});

/// What is to be done about a delivery whose turn has come.
pub enum Step {
    /// Send this request, and `conclude` with its report.
    Send(OutgoingRequest, Prepared),
    /// Nothing is sent: it has ended like this.
    Record(Record),
    /// Nothing is sent now: its endpoint is switched off.
    Pause,
    /// Nothing is sent now: its endpoint keeps order, and it was taken regardless of that.
    KeepOrder,
}

/// An attempt that is about to be made.
pub struct Prepared {
    /// How long after this one the endpoint may be sent the next message.
    pub throttle: Option<Duration>,
    /// Whether the endpoint keeps order.
    pub ordered: bool,
    id: AttemptId,
    sent_at: Timestamp,
    route: Arc<Route>,
    policy: RetryPolicy,
}

/// What came of an attempt.
pub struct Concluded {
    /// What is recorded.
    pub record: Record,
    /// What the attempt shows of the endpoint.
    pub shown: Shown,
    /// The endpoint said that it is gone for good, and is believed.
    pub gone: bool,
}

/// Prepares and concludes attempts.
pub struct Courier {
    store: Arc<Store>,
    random: Mutex<fastrand::Rng>,
}

impl Courier {
    /// A courier for what is in `store`; `random` spreads retries.
    pub fn new(store: Arc<Store>, random: fastrand::Rng) -> Self {
        Self { store, random: Mutex::new(random) }
    }

    /// What is to be done about a delivery whose turn has come, by what is known of its endpoint now.
    ///
    /// # Errors
    /// When the store can't be read.
    pub async fn prepare(&self, ready: &Ready) -> Result<Step, StoreError> {
        let routes = self.store.routes(ready.delivery.application_id).await?;
        let found = routes.as_ref().and_then(|routes| routes.endpoint(ready.delivery.endpoint_id));
        let (Some(routes), Some(route)) = (&routes, found) else {
            return Ok(Step::Record(self.ended(ready, DeliveryState::Cancelled)));
        };
        if route.endpoint.disabled.is_some() {
            return Ok(Step::Pause);
        }
        if route.endpoint.ordered && !ready.delivery.in_order {
            return Ok(Step::KeepOrder);
        }
        let message = match &ready.content {
            Content::Kept(message) => message,
            Content::Deleted => return Ok(Step::Record(self.ended(ready, DeliveryState::Expired))),
            Content::Damaged => return Ok(Step::Record(self.damaged(ready, route))),
        };
        let sent_at = self.store.now();
        let prepared = Prepared {
            throttle: least(routes.application.throttle_rate, route.endpoint.throttle_rate)
                .map(|rate| self.interval(rate)),
            ordered: route.endpoint.ordered,
            id: self.store.next_id(),
            sent_at,
            route: route.clone(),
            policy: routes.retry_policy(&route.endpoint, &message.event_type),
        };
        Ok(Step::Send(request(routes, route, message, sent_at, Purpose::Delivery), prepared))
    }

    /// How long this node waits between two messages where all nodes together may send so many a second.
    fn interval(&self, rate: u16) -> Duration {
        Duration::from_secs(1) * self.store.nodes_live() / u32::from(rate.max(1))
    }

    /// What a report makes of the delivery.
    pub fn conclude(&self, ready: &Ready, prepared: &Prepared, report: AttemptReport) -> Concluded {
        let outcome = {
            let mut random = self.random.lock().unwrap_or_else(PoisonError::into_inner);
            ready.delivery.after(&report, &prepared.policy, self.store.now(), &mut random)
        };
        let says_gone = matches!(&report.result, Ok(answer) if answer.status == STATUS_GONE);
        let gone = says_gone && prepared.policy.heeds_answers;
        let shown = report.shows();
        let attempt = attempt(ready, (prepared.id, prepared.sent_at), &prepared.route, report);
        let record = Record { delivery: ready.delivery.clone(), attempt: Ok(attempt), outcome };
        Concluded { record, shown, gone }
    }

    /// Switches an endpoint off that said that it is gone.
    ///
    /// # Errors
    /// When the store could not.
    pub async fn retire(&self, prepared: &Prepared) -> Result<(), StoreError> {
        self.store.disable_endpoint(&prepared.route.endpoint, DisabledBecause::Gone).await
    }

    fn ended(&self, ready: &Ready, state: DeliveryState) -> Record {
        let attempt = Err(self.store.next_id());
        Record { delivery: ready.delivery.clone(), attempt, outcome: Outcome::Ended(state) }
    }

    fn damaged(&self, ready: &Ready, route: &Route) -> Record {
        let detail = "the stored payload is not what was accepted; it is not sent";
        let error = AttemptError::new(AttemptErrorCode::PayloadCorrupt, detail);
        let made = (self.store.next_id(), self.store.now());
        let attempt = attempt(ready, made, route, AttemptReport::unsent(error));
        let outcome = Outcome::Ended(DeliveryState::Failed);
        Record { delivery: ready.delivery.clone(), attempt: Ok(attempt), outcome }
    }
}

fn least(one: Option<u16>, other: Option<u16>) -> Option<u16> {
    one.into_iter().chain(other).min()
}

fn attempt(ready: &Ready, (id, sent_at): (AttemptId, Timestamp), route: &Route, report: AttemptReport) -> Attempt {
    Attempt {
        id,
        message_id: ready.delivery.message_id,
        endpoint_id: ready.delivery.endpoint_id,
        application_id: ready.delivery.application_id,
        trigger: ready.delivery.trigger,
        number: ready.delivery.attempts_made + 1,
        url: route.endpoint.url.clone(),
        sent_at,
        duration_ms: report.duration_ms,
        remote_address: report.remote_address,
        phases: report.phases,
        result: report.result,
    }
}

/// What a request is made for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Purpose {
    Delivery,
    Test,
}

/// The request that tries an endpoint out: signed and wrapped like any other, and marked as a test where the envelope
/// has a place for it (SEEDS B22, B27).
pub fn test_request(routes: &Routes, route: &Route, message: &Message, now: Timestamp) -> OutgoingRequest {
    request(routes, route, message, now, Purpose::Test)
}

/// The request of an attempt that was made at `sent_at`, formed once more: the same bytes, as long as what it is formed
/// from is the same.
pub fn request_again(routes: &Routes, route: &Route, message: &Message, sent_at: Timestamp) -> OutgoingRequest {
    request(routes, route, message, sent_at, Purpose::Delivery)
}

/// The request of one attempt (Standard Webhooks 1.0): the id stays the same in every repeat, the timestamp and the
/// signatures are this attempt's. What is signed is the body in its envelope.
fn request(routes: &Routes, route: &Route, message: &Message, now: Timestamp, purpose: Purpose) -> OutgoingRequest {
    let environment = &routes.environment;
    let is_test = purpose == Purpose::Test || environment.environment_type == EnvironmentType::Development;
    let wrapped = environment.settings.envelope.wrap(message, is_test);
    let message_id = message.id.to_string();
    let signers = route.signers.iter().filter(|(_, until)| until.is_none_or(|end| now < end));
    let signature = signature::header(signers.map(|(signer, _)| signer), &message_id, now, &wrapped.body);
    let mut headers = HeaderMap::with_capacity(6 + wrapped.headers.len() + route.endpoint.headers.len());
    for (name, value) in &route.endpoint.headers {
        // They were checked when they were set.
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            headers.insert(name, value);
        }
    }
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(wrapped.content_type));
    headers.insert(USER_AGENT, PRODUCT.clone());
    headers.insert(CORNET_HOP, HeaderValue::from_static("1"));
    headers.insert(WEBHOOK_TIMESTAMP, HeaderValue::from(now.as_seconds()));
    let of_envelope = wrapped.headers.into_iter().map(|(name, text)| (HeaderName::from_static(name), text));
    for (name, text) in of_envelope.chain([(WEBHOOK_ID, message_id), (WEBHOOK_SIGNATURE, signature)]) {
        if let Ok(value) = HeaderValue::try_from(text) {
            headers.insert(name, value);
        }
    }
    let https_only = environment.settings.endpoint_rules.https_only;
    OutgoingRequest { target: route.target.clone(), headers, body: wrapped.body, https_only }
}
