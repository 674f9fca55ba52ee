//! One attempt from its beginning to its end: what is sent, and what the answer makes of the delivery. It does not
//! know when an attempt is due or how many others are under way, nor how an endpoint's code is run.

use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::time::Duration;

use http::header::{CONTENT_TYPE, USER_AGENT};
use http::{HeaderMap, HeaderName, HeaderValue, Method};

use super::scheduler::Ready;
use super::sender::OutgoingRequest;
use super::transformer::{Run, Transformer};
use crate::domain::attempt::{AttemptError, AttemptErrorCode, AttemptReport, Shown};
use crate::domain::delivery::{Attempt, DeliveryState, Outcome, STATUS_GONE};
use crate::domain::endpoint::{DisabledBecause, Headers};
use crate::domain::envelope::Wrapped;
use crate::domain::environment::EnvironmentType;
use crate::domain::header::HOP;
use crate::domain::id::AttemptId;
use crate::domain::message::Message;
use crate::domain::retry::RetryPolicy;
use crate::domain::signature;
use crate::domain::target::Target;
use crate::domain::time::Timestamp;
use crate::domain::transformation::{Change, Transformation, Transformed};
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
    /// Nothing is sent, because the endpoint's code failed: it is to be concluded with this report.
    Fail(AttemptReport, Prepared),
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
    /// Where the endpoint's code has it sent, if that is not its URL.
    moved_to: Option<Arc<Target>>,
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
    transformer: Arc<Transformer>,
    random: Mutex<fastrand::Rng>,
}

impl Courier {
    /// A courier for what is in `store`; `transformer` runs the endpoints' code, `random` spreads retries.
    pub fn new(store: Arc<Store>, transformer: Arc<Transformer>, random: fastrand::Rng) -> Self {
        Self { store, transformer, random: Mutex::new(random) }
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
        let draft = Draft::of(&self.transformer, routes, route, message, Purpose::Delivery).await;
        // Waiting for the code may have taken a while.
        let sent_at = self.store.now();
        let moved_to = draft.as_ref().ok().and_then(|draft| draft.moved_to.clone());
        let prepared = Prepared {
            throttle: least(routes.application.throttle_rate, route.endpoint.throttle_rate)
                .map(|rate| self.interval(rate)),
            ordered: route.endpoint.ordered,
            id: self.store.next_id(),
            sent_at,
            route: route.clone(),
            policy: routes.retry_policy(&route.endpoint, &message.event_type),
            moved_to,
        };
        Ok(match draft {
            Ok(draft) => Step::Send(draft.signed(routes, route, message, sent_at), prepared),
            Err(error) if error.code == AttemptErrorCode::TransformationCancelled => {
                Step::Record(unsent(ready, &prepared, error, DeliveryState::Cancelled))
            }
            Err(error) => Step::Fail(AttemptReport::unsent(error), prepared),
        })
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
        // Another URL says nothing of the endpoint's.
        let gone = says_gone && prepared.policy.heeds_answers && prepared.moved_to.is_none();
        let shown = report.shows();
        let url = prepared.moved_to.as_ref().map_or(prepared.route.endpoint.url.as_str(), |target| target.as_str());
        let attempt = attempt(ready, (prepared.id, prepared.sent_at), url, report);
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
        let attempt = attempt(ready, made, &route.endpoint.url, AttemptReport::unsent(error));
        let outcome = Outcome::Ended(DeliveryState::Failed);
        Record { delivery: ready.delivery.clone(), attempt: Ok(attempt), outcome }
    }
}

fn least(one: Option<u16>, other: Option<u16>) -> Option<u16> {
    one.into_iter().chain(other).min()
}

/// A delivery that ends without having been sent, because of `error`.
fn unsent(ready: &Ready, prepared: &Prepared, error: AttemptError, state: DeliveryState) -> Record {
    let made = (prepared.id, prepared.sent_at);
    let attempt = attempt(ready, made, &prepared.route.endpoint.url, AttemptReport::unsent(error));
    Record { delivery: ready.delivery.clone(), attempt: Ok(attempt), outcome: Outcome::Ended(state) }
}

fn attempt(ready: &Ready, (id, sent_at): (AttemptId, Timestamp), url: &str, report: AttemptReport) -> Attempt {
    Attempt {
        id,
        message_id: ready.delivery.message_id,
        endpoint_id: ready.delivery.endpoint_id,
        application_id: ready.delivery.application_id,
        trigger: ready.delivery.trigger,
        number: ready.delivery.attempts_made + 1,
        url: url.to_owned(),
        sent_at,
        duration_ms: report.duration_ms,
        remote_address: report.remote_address,
        phases: report.phases,
        result: report.result,
    }
}

/// What a request is made for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// A delivery, or one that is formed once more: the same bytes, as long as what it is formed from is the same.
    Delivery,
    /// To try the endpoint out: it is wrapped, run and signed like any other, and marked as a test where the envelope has a
    /// place for it (SEEDS B22, B27).
    Test,
}

/// A request before it is signed: the message in its envelope, as the endpoint's code has made it, if it has any.
pub struct Draft {
    /// How it is sent.
    pub method: Method,
    /// Where it goes, if that is not the endpoint's URL.
    pub moved_to: Option<Arc<Target>>,
    /// Headers that the code adds, by lower-case name.
    pub headers: Headers,
    /// The body, and what belongs to its envelope.
    pub wrapped: Wrapped,
}

impl Draft {
    /// What is sent of a message to an endpoint.
    ///
    /// # Errors
    /// When the endpoint's code failed, or wants nothing to be sent.
    pub async fn of(
        transformer: &Transformer,
        routes: &Routes,
        route: &Route,
        message: &Message,
        purpose: Purpose,
    ) -> Result<Self, AttemptError> {
        let draft = Self::without_code(routes, message, purpose);
        match &route.transformation {
            None => Ok(draft),
            // In a box, because it is seldom and long.
            Some(transformation) => Box::pin(draft.changed_by(transformer, transformation, route, message)).await,
        }
    }

    /// The same for an endpoint without code.
    pub fn without_code(routes: &Routes, message: &Message, purpose: Purpose) -> Self {
        let environment = &routes.environment;
        let is_test = purpose == Purpose::Test || environment.environment_type == EnvironmentType::Development;
        let wrapped = environment.settings.envelope.wrap(message, is_test);
        Self { method: Method::POST, moved_to: None, headers: Headers::new(), wrapped }
    }

    /// What code makes of it. It is given the body in its envelope and has the last word: what it answers is sent.
    ///
    /// # Errors
    /// When the code failed, or wants nothing to be sent.
    pub async fn changed_by(
        self,
        transformer: &Transformer,
        transformation: &Transformation,
        route: &Route,
        message: &Message,
    ) -> Result<Self, AttemptError> {
        let Some(code) = transformation.running() else { return Ok(self) };
        let run = Run {
            endpoint_id: route.endpoint.id,
            code,
            variables: &transformation.variables,
            message,
            url: &route.target,
            body: &self.wrapped.body,
        };
        match transformer.run(run).await? {
            Transformed::Cancelled => {
                let why = "the endpoint's transformation answered `cancel: true`";
                Err(AttemptError::new(AttemptErrorCode::TransformationCancelled, why))
            }
            Transformed::Changed(Change { method, target, body, headers }) => {
                let method = Method::from_bytes(method.as_str().as_bytes()).unwrap_or(Method::POST);
                let body = body.map_or(self.wrapped.body, Into::into);
                let wrapped = Wrapped { body, ..self.wrapped };
                Ok(Self { method, moved_to: target.map(Arc::new), headers, wrapped })
            }
        }
    }

    /// The request of one attempt (Standard Webhooks 1.0): the id stays the same in every repeat, the timestamp and the
    /// signatures are this attempt's. What is signed is the body as it is sent.
    pub fn signed(self, routes: &Routes, route: &Route, message: &Message, now: Timestamp) -> OutgoingRequest {
        let Self { method, moved_to, headers: added, wrapped } = self;
        let message_id = message.id.to_string();
        let signers = route.signers.iter().filter(|(_, until)| until.is_none_or(|end| now < end));
        let signature = signature::header(signers.map(|(signer, _)| signer), &message_id, now, &wrapped.body);
        // These, and what the sender adds.
        let room = 8 + wrapped.headers.len() + route.endpoint.headers.len() + added.len();
        let mut headers = HeaderMap::with_capacity(room);
        for (name, value) in route.endpoint.headers.iter().chain(&added) {
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
        let https_only = routes.environment.settings.endpoint_rules.https_only;
        let target = moved_to.unwrap_or_else(|| route.target.clone());
        OutgoingRequest { method, target, headers, body: wrapped.body, https_only }
    }
}
