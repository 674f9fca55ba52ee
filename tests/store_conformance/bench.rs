//! A store on either database, with an environment and an application, and short words for what a test does to it. Time
//! stands still until it is moved.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use cornet::clock::{Clock as _, ManualClock};
use cornet::domain::application::Application;
use cornet::domain::attempt::Answer;
use cornet::domain::delivery::{Attempt, Delivery, DeliveryState, Outcome};
use cornet::domain::endpoint::Verdict;
use cornet::domain::environment::{Environment, EnvironmentType, Settings};
use cornet::domain::id::{ApplicationId, EndpointId, EnvironmentId};
use cornet::domain::key::{self, ApiKey, Scope};
use cornet::domain::message::Message;
use cornet::domain::time::Timestamp;
use cornet::store::{Accepted, Database, Feed, IdempotencyKey, Record, Store, StoreError, Vault};

use crate::postgres::{Fresh, Place};

/// A day of virtual time.
pub const DAY: Duration = Duration::from_secs(24 * 3_600);

/// Which database a test runs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Sqlite,
    Postgres,
}

/// A store with what a test needs around it.
pub struct Bench {
    pub kind: Kind,
    pub place: Place,
    pub clock: Arc<ManualClock>,
    pub store: Arc<Store>,
    pub feed: Feed,
    pub environment_id: EnvironmentId,
    pub application_id: ApplicationId,
    _directory: tempfile::TempDir,
}

/// Opens a store as a server would: in a thread that may wait.
pub async fn open(database: Database, clock: Arc<ManualClock>, key: u8) -> Result<(Arc<Store>, Feed), StoreError> {
    let opening = move || Store::open(database, Vault::new(&[key; 32]).unwrap(), clock, Arc::default());
    tokio::task::spawn_blocking(opening).await.unwrap()
}

impl Bench {
    pub async fn new(kind: Kind) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let place = match kind {
            Kind::Sqlite => Place::File(directory.path().join("cornet.db")),
            Kind::Postgres => Place::Fresh(Fresh::new()),
        };
        let clock = Arc::new(ManualClock::new(Timestamp::from_ms(1_800_000_000_000)));
        let (store, feed) = open(place.database(), clock.clone(), 7).await.unwrap();
        let now = clock.now();
        let environment = Environment {
            id: store.next_id(),
            name: "Bench".to_owned(),
            environment_type: EnvironmentType::Development,
            settings: Settings::default(),
            created_at: now,
            updated_at: now,
        };
        let application = Application::blank(store.next_id(), environment.id, now);
        let (environment_id, application_id) = (environment.id, application.id);
        let text = key::generate().unwrap();
        let key = ApiKey::new(store.next_id(), environment_id, Scope::Admin, "first".to_owned(), &text, now);
        assert!(store.found(environment, application, key).await.unwrap());
        Self { kind, place, clock, store, feed, environment_id, application_id, _directory: directory }
    }

    /// The same store after its process was killed and another one started.
    pub async fn killed(self) -> Self {
        let Self { kind, place, clock, store, feed, environment_id, application_id, _directory } = self;
        drop((store, feed));
        let (store, feed) = open(place.database(), clock.clone(), 7).await.unwrap();
        Self { kind, place, clock, store, feed, environment_id, application_id, _directory }
    }

    pub fn pass(&self, time: Duration) {
        self.clock.set(self.clock.now().plus(time));
    }

    /// A message that goes to these endpoints, not yet handed over.
    pub fn message(&self, event_type: &str, endpoints: &[EndpointId]) -> Message {
        let id = self.store.next_id();
        Message {
            id,
            environment_id: self.environment_id,
            application_id: self.application_id,
            event_type: event_type.to_owned(),
            event_id: None,
            channels: vec!["eu".to_owned()],
            payload: Some(Bytes::from(format!("{{\"of\":\"{id}\"}}"))),
            expires_at: self.clock.now().plus(DAY * 90),
            verdicts: endpoints.iter().map(|endpoint| (*endpoint, Verdict::Queued)).collect(),
        }
    }

    pub async fn accept(&self, message: Message) -> Message {
        assert_eq!(self.store.accept(Arc::new(message.clone()), None).await.unwrap(), Accepted::New);
        message
    }

    pub fn key(&self, hash: u8, fingerprint: u8) -> IdempotencyKey {
        let id = self.store.next_id::<()>().number();
        IdempotencyKey { id, hash: [hash; 32], fingerprint: [fingerprint; 32] }
    }

    /// What is due for an endpoint now.
    pub async fn due(&self, endpoint: EndpointId) -> Vec<Delivery> {
        let claim = self.store.claim(endpoint, self.clock.now(), 1_000, HashSet::new()).await.unwrap();
        claim.deliveries.into_iter().map(|(delivery, _)| delivery).collect()
    }

    /// An attempt at a delivery that was answered with this status.
    pub fn attempt(&self, delivery: &Delivery, status: u16) -> Attempt {
        Attempt {
            id: self.store.next_id(),
            message_id: delivery.message_id,
            endpoint_id: delivery.endpoint_id,
            application_id: delivery.application_id,
            trigger: delivery.trigger,
            number: delivery.attempts_made + 1,
            url: "https://example.com/hook".to_owned(),
            sent_at: self.clock.now(),
            duration_ms: 12,
            remote_address: "192.0.2.7".parse().ok(),
            phases: None,
            result: Ok(Answer {
                status,
                headers: vec![("content-type".to_owned(), "text/plain".to_owned())],
                body: b"\x00thanks\xff".to_vec(),
                kept: cornet::domain::attempt::Kept::Whole,
                retry_after: None,
            }),
        }
    }

    pub fn outcome(&self, delivery: &Delivery, status: u16, outcome: Outcome) -> Record {
        Record { delivery: delivery.clone(), attempt: Ok(self.attempt(delivery, status)), outcome }
    }

    /// Records what became of a delivery, durably.
    pub async fn record(&self, delivery: &Delivery, status: u16, outcome: Outcome) {
        self.store.record(self.outcome(delivery, status, outcome));
        self.store.settle().await.unwrap();
    }

    /// Records that everything that is due for an endpoint has ended so.
    pub async fn end(&self, endpoint: EndpointId, state: DeliveryState) {
        let status = if state == DeliveryState::Delivered { 200 } else { 500 };
        for delivery in self.due(endpoint).await {
            self.store.record(self.outcome(&delivery, status, Outcome::Ended(state)));
        }
        self.store.settle().await.unwrap();
    }

    /// How many rows a table has.
    pub fn rows(&self, table: &str) -> i64 {
        self.place.numbers(&format!("SELECT count(*) FROM {table}"))[0][0]
    }
}
