//! A store in a temporary directory with the API on it, and two environments whose keys know nothing of each other.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Request, StatusCode};
use axum::response::Response;
use cornet::clock::ManualClock;
use cornet::domain::application::{Application, ApplicationChange};
use cornet::domain::environment::{Environment, EnvironmentType, Settings};
use cornet::domain::id::ApplicationId;
use cornet::domain::key::{self, ApiKey, Scope};
use cornet::domain::preset::Preset;
use cornet::domain::target::TargetPolicy;
use cornet::domain::time::Timestamp;
use cornet::ops::Operations;
use cornet::store::{Feed, Notice, Store, Vault};
use cornet::telemetry::Metrics;
use http_body_util::BodyExt as _;
use serde_json::Value;
use tower::ServiceExt as _;

use crate::postgres::Place;

/// The key of the first environment.
pub const KEY: &str = "ck_first_environment_0000000000000000000";
/// The key of the second environment.
pub const OTHER_KEY: &str = "ck_second_environment_000000000000000000";

pub struct World {
    pub store: Arc<Store>,
    pub clock: Arc<ManualClock>,
    pub operations: Arc<Operations>,
    feed: Feed,
    router: Router,
    _directory: tempfile::TempDir,
}

/// An answer.
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Value,
}

impl Answer {
    /// The text in this member of the body.
    pub fn text(&self, member: &str) -> &str {
        self.body[member].as_str().unwrap_or_default()
    }

    pub fn assert(self, status: u16) -> Self {
        assert_eq!(self.status.as_u16(), status, "{}", self.body);
        self
    }

    /// A refusal with this status and code.
    pub fn refused(self, status: u16, code: &str) -> Self {
        let answer = self.assert(status);
        assert_eq!(answer.text("code"), code, "{}", answer.body);
        assert_eq!(answer.headers["content-type"], "application/problem+json");
        assert_eq!(answer.text("requestId"), answer.headers["x-request-id"]);
        assert_eq!(answer.body["detail"].is_array(), status == 422, "{}", answer.body);
        answer
    }

    /// Where the value stands that was refused.
    pub fn place(&self) -> String {
        let steps = self.body["detail"][0]["loc"].as_array().cloned().unwrap_or_default();
        steps.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(".")
    }

    /// This member of each noun on the page.
    pub fn column(&self, member: &str) -> Vec<String> {
        let data = self.body["data"].as_array().cloned().unwrap_or_default();
        data.iter().map(|noun| noun[member].as_str().unwrap_or_default().to_owned()).collect()
    }
}

impl World {
    pub async fn new() -> Self {
        Self::with(Settings::default()).await
    }

    /// A world whose environments have these settings.
    pub async fn with(settings: Settings) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let clock = Arc::new(ManualClock::new(Timestamp::from_ms(1_790_000_000_000)));
        let metrics = Arc::new(Metrics::default());
        let vault = Vault::new(&[7; 32]).unwrap();
        let database = Place::new(directory.path().join("cornet.db")).database();
        let opening = {
            let (clock, metrics) = (clock.clone(), metrics.clone());
            move || Store::open(database, vault, clock, metrics).unwrap()
        };
        let (store, feed) = tokio::task::spawn_blocking(opening).await.unwrap();
        let (environment, application, key) = new_environment(&store, KEY, settings.clone());
        assert!(store.found(environment, application, key).await.unwrap());
        let (environment, application, key) = new_environment(&store, OTHER_KEY, settings);
        store.add_environment(environment, application, key).await.unwrap();
        let operations = Arc::new(Operations::new(store.clone(), Arc::new(TargetPolicy::public_only())));
        let router =
            cornet::api::router(cornet::api::ApiState::new(operations.clone(), metrics, "https://cornet.example"));
        Self { store, clock, operations, feed, router, _directory: directory }
    }

    /// Sends a request as it stands; answers the bare response.
    pub async fn send_raw(&self, request: Request<Body>) -> Response {
        self.router.clone().oneshot(request).await.unwrap()
    }

    /// Sends a request as it stands.
    pub async fn send(&self, request: Request<Body>) -> Answer {
        let (head, body) = self.send_raw(request).await.into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        let body = if bytes.is_empty() { Value::Null } else { serde_json::from_slice(&bytes).unwrap() };
        Answer { status: head.status, headers: head.headers, body }
    }

    pub async fn call(&self, key: &str, method: &str, path: &str, body: Option<Value>) -> Answer {
        let request = Request::builder().method(method).uri(path).header("authorization", format!("Bearer {key}"));
        // ShipEngine's API has its key in a header of its own.
        let request = request.header("api-key", key);
        let request = match body {
            Some(body) => request.header("content-type", "application/json").body(Body::from(body.to_string())),
            None => request.body(Body::empty()),
        };
        self.send(request.unwrap()).await
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.call(KEY, "GET", path, None).await
    }

    pub async fn delete(&self, path: &str) -> Answer {
        self.call(KEY, "DELETE", path, None).await
    }

    pub async fn post(&self, path: &str, body: Value) -> Answer {
        self.call(KEY, "POST", path, Some(body)).await
    }

    pub async fn put(&self, path: &str, body: Value) -> Answer {
        self.call(KEY, "PUT", path, Some(body)).await
    }

    pub async fn patch(&self, path: &str, body: Value) -> Answer {
        self.call(KEY, "PATCH", path, Some(body)).await
    }

    /// A POST that may be sent again.
    pub async fn post_once(&self, idempotency_key: &str, path: &str, body: Value) -> Answer {
        let request = Request::post(path)
            .header("authorization", format!("Bearer {KEY}"))
            .header("content-type", "application/json")
            .header("idempotency-key", idempotency_key);
        self.send(request.body(Body::from(body.to_string())).unwrap()).await
    }

    /// Loads the catalogue of a preset into the first environment.
    pub async fn load(&self, preset: Preset) {
        let access = self.operations.authenticate(KEY).await.unwrap();
        self.operations.load_catalogue(access.environment_id, preset).await.unwrap();
    }

    /// A key that opens one application of the first environment.
    pub async fn key_of(&self, application: &str) -> String {
        let id = ApplicationId::parse(application).unwrap();
        let application = self.store.application(id).await.unwrap().unwrap();
        let text = format!("ck_of_{id}");
        let key = api_key(&self.store, &text, application.environment_id, Scope::Application(id));
        self.store.add_key(key).await.unwrap();
        text
    }

    /// An admin key of the first environment.
    pub async fn admin_key(&self) -> String {
        let environment_id = self.store.default_environment().await.unwrap().unwrap();
        let text = format!("ck_admin_{}", self.store.next_id::<cornet::domain::id::ApiKeyKind>());
        self.store.add_key(api_key(&self.store, &text, environment_id, Scope::Admin)).await.unwrap();
        text
    }

    /// The endpoint that the engine is told to look at next. It is told after whoever made the change, so this waits.
    pub async fn next_notice(&mut self) -> String {
        loop {
            let notice = tokio::time::timeout(Duration::from_secs(10), self.feed.recv()).await.unwrap().unwrap();
            match notice {
                Notice::Waiting { endpoint_id, .. } | Notice::Changed { endpoint_id } => {
                    return endpoint_id.to_string();
                }
                // A server is looked at again now and then in any case.
                Notice::LookAgain => {}
                notice => panic!("{notice:?}"),
            }
        }
    }
}

fn new_environment(store: &Store, key: &str, settings: Settings) -> (Environment, Application, ApiKey) {
    let now = store.now();
    let id = store.next_id();
    let environment = Environment {
        id,
        name: "test".to_owned(),
        environment_type: EnvironmentType::Development,
        settings,
        created_at: now,
        updated_at: now,
    };
    let change = ApplicationChange {
        name: Some("Default".to_owned()),
        uid: Some(Some("default".to_owned())),
        ..ApplicationChange::default()
    };
    let application = Application::blank(store.next_id(), id, now).changed(&change, now);
    (environment, application, api_key(store, key, id, Scope::Environment))
}

fn api_key(store: &Store, text: &str, environment_id: cornet::domain::id::EnvironmentId, scope: Scope) -> ApiKey {
    ApiKey {
        id: store.next_id(),
        environment_id,
        scope,
        name: "test".to_owned(),
        hash: key::hash(text),
        shown: key::shown(text),
        created_at: store.now(),
        updated_at: store.now(),
        expires_at: None,
    }
}
