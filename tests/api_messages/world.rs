//! A server in the test's own process, without the engine: a store in a temporary folder, the operations, and the API
//! as a service. What the engine would do is recorded by hand, at times that the test chooses.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Request, StatusCode};
use cornet::api::{ApiState, MessageDoor};
use cornet::clock::{Clock as _, ManualClock};
use cornet::domain::application::Application;
use cornet::domain::attempt::{Answer, AttemptError, AttemptErrorCode};
use cornet::domain::delivery::{Attempt, Delivery, DeliveryState, Outcome};
use cornet::domain::environment::{Environment, EnvironmentType, Settings};
use cornet::domain::id::{AttemptId, EndpointId};
use cornet::domain::key::{self, ApiKey, Scope};
use cornet::domain::target::TargetPolicy;
use cornet::domain::time::Timestamp;
use cornet::ops::Operations;
use cornet::store::{Feed, MASTER_KEY_BYTES, Notice, Record, Store, Vault};
use cornet::telemetry::Metrics;
use http_body_util::BodyExt as _;
use serde_json::Value;
use tower::ServiceExt as _;

use crate::postgres::Place;

pub const KEY: &str = "ck_the_key_of_this_test_which_is_long_enough";

/// An answer of the API.
pub struct Reply {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub text: String,
}

impl Reply {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }

    /// The answer's JSON, if it has this status.
    #[track_caller]
    pub fn expect(self, status: u16) -> Value {
        assert_eq!(self.status.as_u16(), status, "{}", self.text);
        if self.text.is_empty() { Value::Null } else { self.json() }
    }

    /// The member that a 422 names, and the reason.
    #[track_caller]
    pub fn refused(self) -> (String, String) {
        let body = self.expect(422);
        let fault = &body["detail"][0];
        let place: Vec<&str> = fault["loc"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
        (place.join("."), fault["type"].as_str().unwrap().to_owned())
    }
}

pub struct World {
    pub store: Arc<Store>,
    pub feed: Feed,
    pub clock: Arc<ManualClock>,
    pub operations: Arc<Operations>,
    pub api: Router,
    pub door: MessageDoor,
    _directory: tempfile::TempDir,
}

impl World {
    /// A server with an application `shop`.
    pub async fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let clock = Arc::new(ManualClock::new(Timestamp::from_ms(1_800_000_000_000)));
        let metrics = Arc::new(Metrics::default());
        let vault = Vault::new(&[7; MASTER_KEY_BYTES]).unwrap();
        let database = Place::new(directory.path().join("cornet.db")).database();
        let opening = {
            let (clock, metrics) = (clock.clone(), metrics.clone());
            move || Store::open(database, vault, clock, metrics).unwrap()
        };
        let (store, feed) = tokio::task::spawn_blocking(opening).await.unwrap();
        found(&store).await;
        let operations = Arc::new(Operations::new(store.clone(), Arc::new(TargetPolicy::public_only())));
        let state = ApiState::new(operations.clone(), metrics, "https://cornet.example/");
        let (api, door) = (cornet::api::router(state.clone()), MessageDoor::new(state));
        let world = Self { store, feed, clock, operations, api, door, _directory: directory };
        world.post("/app", r#"{"name":"Shop","uid":"shop"}"#).await.expect(201);
        world
    }

    pub async fn ask(&self, method: &str, path: &str, body: Option<&str>, key: Option<&str>) -> Reply {
        let mut request = Request::builder().method(method).uri(format!("/api/v1{path}"));
        request = request.header("authorization", format!("Bearer {KEY}"));
        if body.is_some() {
            request = request.header("content-type", "application/json");
        }
        if let Some(key) = key {
            request = request.header("idempotency-key", key);
        }
        let body = body.map_or_else(Body::empty, |body| Body::from(body.to_owned()));
        let response = self.api.clone().oneshot(request.body(body).unwrap()).await.unwrap();
        let (head, body) = response.into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        Reply { status: head.status, headers: head.headers, text: String::from_utf8(bytes.to_vec()).unwrap() }
    }

    pub async fn get(&self, path: &str) -> Value {
        self.ask("GET", path, None, None).await.expect(200)
    }

    pub async fn post(&self, path: &str, body: &str) -> Reply {
        self.ask("POST", path, Some(body), None).await
    }

    /// Makes an endpoint of `shop`, and answers its id.
    pub async fn endpoint(&self, uid: &str) -> EndpointId {
        let body = format!(r#"{{"url":"https://example.com/{uid}","uid":"{uid}"}}"#);
        let made = self.post("/app/shop/endpoint", &body).await.expect(201);
        EndpointId::parse(made["id"].as_str().unwrap()).unwrap()
    }

    /// Posts a message to `shop` a second after whatever came before, and answers its id.
    pub async fn message(&self, event_type: &str, more: &str) -> String {
        self.pass(1);
        let body = format!(r#"{{"eventType":"{event_type}","payload":{{"n":1}}{more}}}"#);
        text(&self.post("/app/shop/msg", &body).await.expect(202)["id"])
    }

    pub fn pass(&self, seconds: u64) {
        self.clock.set(self.clock.now().plus(Duration::from_secs(seconds)));
    }

    /// What waits for an endpoint, oldest first.
    pub async fn waiting(&self, endpoint: EndpointId) -> Vec<Delivery> {
        let ever = Timestamp::from_ms(i64::MAX);
        let claim = self.store.claim(endpoint, ever, 1_000, HashSet::new()).await.unwrap();
        claim.deliveries.into_iter().map(|(delivery, _)| delivery).collect()
    }

    /// Records an attempt at what has waited longest: an answer with this status, or none; and what it came to.
    pub async fn attempt(&self, endpoint: EndpointId, status: Option<u16>, outcome: Outcome) -> AttemptId {
        self.pass(1);
        let delivery = self.waiting(endpoint).await.remove(0);
        self.attempt_at(delivery, status, outcome).await
    }

    pub async fn attempt_at(&self, delivery: Delivery, status: Option<u16>, outcome: Outcome) -> AttemptId {
        let result = match status {
            Some(status) => Ok(Answer { status, body: b"thanks \xff".to_vec(), ..Answer::default() }),
            None => Err(AttemptError::new(AttemptErrorCode::Timeout, "no answer in 15 s")),
        };
        let id = self.store.next_id();
        let attempt = Attempt {
            id,
            message_id: delivery.message_id,
            endpoint_id: delivery.endpoint_id,
            application_id: delivery.application_id,
            trigger: delivery.trigger,
            number: delivery.attempts_made + 1,
            url: "https://example.com/then".to_owned(),
            sent_at: id.time(),
            duration_ms: 12,
            remote_address: None,
            phases: None,
            result,
        };
        self.record(delivery, attempt, outcome).await;
        id
    }

    pub async fn record(&self, delivery: Delivery, attempt: Attempt, outcome: Outcome) {
        self.store.record(Record { delivery, attempt: Ok(attempt), outcome });
        self.store.settle().await.unwrap();
    }

    /// Records that what has waited longest ended without being sent.
    pub async fn ended_unsent(&self, endpoint: EndpointId, state: DeliveryState) {
        let delivery = self.waiting(endpoint).await.remove(0);
        let outcome = Outcome::Ended(state);
        self.store.record(Record { delivery, attempt: Err(self.store.next_id()), outcome });
        self.store.settle().await.unwrap();
    }

    /// Waits until the engine is told that something waits for `endpoint` that is due at `due`.
    pub async fn told_of(&mut self, endpoint: EndpointId, due: Timestamp) {
        let told = async {
            loop {
                match self.feed.recv().await.unwrap() {
                    Notice::Waiting { endpoint_id, due: told } if (endpoint_id, told) == (endpoint, due) => break,
                    _ => {}
                }
            }
        };
        tokio::time::timeout(Duration::from_secs(10), told).await.unwrap();
    }

    /// Every page of a list, two rows at a time: the ids of its rows.
    pub async fn pages(&self, path: &str) -> Vec<String> {
        let joint = if path.contains('?') { '&' } else { '?' };
        let (mut ids, mut iterator) = (Vec::new(), String::new());
        loop {
            let page = self.get(&format!("{path}{joint}limit=2{iterator}")).await;
            let rows = page["data"].as_array().unwrap();
            assert!(rows.len() <= 2);
            ids.extend(rows.iter().map(|row| text(&row["id"])));
            if page["done"] == true {
                return ids;
            }
            iterator = format!("&iterator={}", text(&page["iterator"]));
        }
    }
}

pub fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("{value} is not text")).to_owned()
}

/// The ids of a page's rows.
pub fn ids(page: &Value) -> Vec<String> {
    page["data"].as_array().unwrap().iter().map(|row| text(&row["id"])).collect()
}

async fn found(store: &Store) {
    let now = store.now();
    let environment = Environment {
        id: store.next_id(),
        name: "Test".to_owned(),
        environment_type: EnvironmentType::Development,
        settings: Settings { retry_schedule: "5s,5m".parse().unwrap(), ..Settings::default() },
        created_at: now,
        updated_at: now,
    };
    let application = Application::blank(store.next_id(), environment.id, now);
    let api_key = ApiKey {
        id: store.next_id(),
        environment_id: environment.id,
        scope: Scope::Environment,
        name: "test".to_owned(),
        hash: key::hash(KEY),
        shown: key::shown(KEY),
        created_at: now,
        updated_at: now,
        expires_at: None,
    };
    assert!(store.found(environment, application, api_key).await.unwrap());
}
