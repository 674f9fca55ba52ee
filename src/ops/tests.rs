//! What the operations see across an environment, on a real store with two environments and a clock that is moved by
//! hand. The engine is left out: outcomes are recorded as it would.

mod figures;
mod happenings;
mod lasting_failure;
mod lists;

use std::sync::Arc;
use std::time::Duration;

use super::{Access, Made, NewMessage, Operations};
use crate::clock::ManualClock;
use crate::domain::application::{Application, ApplicationChange};
use crate::domain::attempt::{Answer, AttemptError, AttemptErrorCode};
use crate::domain::delivery::{Attempt, Delivery, DeliveryState, Outcome, Trigger};
use crate::domain::endpoint::EndpointChange;
use crate::domain::environment::{Environment, EnvironmentType, Settings};
use crate::domain::id::{ApplicationId, EndpointId, EnvironmentId};
use crate::domain::key::Scope;
use crate::domain::message::Message;
use crate::domain::node::Epoch;
use crate::domain::target::TargetPolicy;
use crate::domain::time::Timestamp;
use crate::store::{Feed, Inserted, Record, Store, Vault};

/// The last second of a minute that is not the last of its half hour, nor its hour the last of its day.
const START: Timestamp = Timestamp::from_ms(1_800_000_059_000);

/// An environment with one application, which has one endpoint.
struct Side {
    access: Access,
    application: ApplicationId,
    endpoint: EndpointId,
}

impl Side {
    fn application(&self) -> String {
        self.application.to_string()
    }

    /// What a key of its application alone opens.
    fn own(&self) -> Access {
        Access::new(self.access.environment_id, Scope::Application(self.application))
    }
}

struct Scene {
    directory: tempfile::TempDir,
    clock: Arc<ManualClock>,
    store: Arc<Store>,
    operations: Operations,
    _feed: Feed,
}

impl Scene {
    fn new() -> Self {
        let clock = Arc::new(ManualClock::new(START));
        Self::on(tempfile::tempdir().unwrap(), clock)
    }

    fn on(directory: tempfile::TempDir, clock: Arc<ManualClock>) -> Self {
        let database = directory.path().join("cornet.db");
        let (store, feed) =
            Store::open(&database, Vault::new(&[7; 32]).unwrap(), clock.clone(), Arc::default()).unwrap();
        let operations = Operations::new(store.clone(), Arc::new(TargetPolicy::allowing("127.0.0.0/8").unwrap()));
        Self { directory, clock, store, operations, _feed: feed }
    }

    /// Closes the store and opens it again.
    fn again(self) -> Self {
        self.store.close();
        Self::on(self.directory, self.clock)
    }

    /// Moves the clock so much further.
    fn pass(&self, time: Duration) {
        self.clock.set(self.store.now().plus(time));
    }

    /// Has everything written: the outcomes, and then what was counted of them.
    async fn settle(&self) {
        for _ in 0..2 {
            self.store.settle().await.unwrap();
        }
    }

    async fn side(&self, name: &str) -> Side {
        let now = self.store.now();
        let environment_id: EnvironmentId = self.store.next_id();
        let environment = Environment {
            id: environment_id,
            name: name.to_owned(),
            environment_type: EnvironmentType::Development,
            settings: Settings::default(),
            created_at: now,
            updated_at: now,
        };
        let first = Application::first(self.store.next_id(), environment_id, now);
        let application = first.id;
        let made = self.store.insert_environment(environment, first, environment_id, None).await.unwrap();
        assert_eq!(made, Inserted::New);
        let access = Access::new(environment_id, Scope::Environment);
        let endpoint = self.endpoint(&access, application, name).await;
        Side { access, application, endpoint }
    }

    async fn endpoint(&self, access: &Access, application: ApplicationId, name: &str) -> EndpointId {
        let change = EndpointChange { url: Some(format!("http://127.0.0.1/{name}")), ..EndpointChange::default() };
        let made = self.operations.create_endpoint(access, &application.to_string(), change, None, None).await;
        let Made::New(endpoint) = made.unwrap() else { panic!("no endpoint was made") };
        endpoint.id
    }

    async fn application(&self, access: &Access, name: &str) -> ApplicationId {
        let change = ApplicationChange { name: Some(name.to_owned()), ..ApplicationChange::default() };
        let made = self.operations.create_application(access, change, false, None).await;
        let Made::New(application) = made.unwrap() else { panic!("no application was made") };
        application.id
    }

    async fn accept(&self, access: &Access, application: ApplicationId, event_type: &str) -> Arc<Message> {
        let new = NewMessage {
            event_type: event_type.to_owned(),
            event_id: None,
            channels: Vec::new(),
            payload: bytes::Bytes::from_static(b"{}"),
            payload_retention_days: None,
        };
        let made = self.operations.accept(access, &application.to_string(), None, new, None).await;
        let Made::New(message) = made.unwrap() else { panic!("no message was made") };
        message
    }

    /// What stands in an endpoint's queue of a message that was just accepted.
    fn first(&self, message: &Message, endpoint_id: EndpointId) -> Delivery {
        Delivery {
            message_id: message.id,
            endpoint_id,
            application_id: message.application_id,
            due: message.id.time().min(self.store.now()),
            attempts_made: 0,
            trigger: Trigger::Scheduled,
            epoch: Epoch::ALONE,
            held_until: None,
            in_order: false,
        }
    }

    /// Records an attempt that was made now, and answers what stands in the queue if it is tried again.
    fn record(&self, delivery: Delivery, duration_ms: u64, status: Option<u16>, outcome: Outcome) -> Delivery {
        let result = match status {
            Some(status) => Ok(Answer { status, ..Answer::default() }),
            None => Err(AttemptError::new(AttemptErrorCode::Timeout, "it took too long")),
        };
        self.record_result(delivery, duration_ms, result, outcome)
    }

    fn record_result(
        &self,
        delivery: Delivery,
        duration_ms: u64,
        result: Result<Answer, AttemptError>,
        outcome: Outcome,
    ) -> Delivery {
        let attempt = Attempt {
            id: self.store.next_id(),
            message_id: delivery.message_id,
            endpoint_id: delivery.endpoint_id,
            application_id: delivery.application_id,
            trigger: delivery.trigger,
            number: delivery.attempts_made + 1,
            url: "http://127.0.0.1/".to_owned(),
            sent_at: self.store.now(),
            duration_ms,
            remote_address: None,
            phases: None,
            result,
        };
        self.store.record(Record { delivery: delivery.clone(), attempt: Ok(attempt), outcome });
        let due = if let Outcome::Retry(at) = outcome { at } else { delivery.due };
        Delivery { due, attempts_made: delivery.attempts_made + 1, ..delivery }
    }

    fn deliver(&self, delivery: Delivery, duration_ms: u64) {
        self.record(delivery, duration_ms, Some(200), Outcome::Ended(DeliveryState::Delivered));
    }

    fn fail(&self, delivery: Delivery, status: Option<u16>) {
        self.record(delivery, 900, status, Outcome::Ended(DeliveryState::Failed));
    }

    /// The endpoint's transformation fails, again and for good.
    async fn fail_in_code(&self, delivery: Delivery) {
        let error = || Err(AttemptError::new(AttemptErrorCode::Transformation, "Error: no"));
        let again = self.record_result(delivery, 0, error(), Outcome::Retry(self.store.now()));
        self.settle().await;
        self.record_result(again, 0, error(), Outcome::Ended(DeliveryState::Failed));
        self.settle().await;
    }

    fn retry(&self, delivery: Delivery, status: Option<u16>) -> Delivery {
        let again = self.store.now().plus(Duration::from_secs(5));
        self.record(delivery, 900, status, Outcome::Retry(again))
    }
}
