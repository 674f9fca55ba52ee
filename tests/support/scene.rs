//! The usual scene of a test: a fresh data directory, a server on it, a receiver, and short words for the usual steps.

use serde_json::{Value, json};
use tempfile::TempDir;

use super::client::Client;
use super::postgres::{self, Fresh};
use super::receiver::Receiver;
use super::server::{Launch, Server};
use super::until;

/// A server with a receiver beside it, on data that ends with the test.
pub struct Scene {
    pub server: Server,
    pub receiver: Receiver,
    pub client: Client,
    data: TempDir,
    database: Option<Fresh>,
}

impl Scene {
    /// A fresh server that retries twice, quickly.
    pub fn new() -> Self {
        Self::with(|launch| launch.with("CORNET_RETRY_SCHEDULE", "50ms,50ms"))
    }

    /// A fresh server with another environment.
    pub fn with(change: impl FnOnce(Launch) -> Launch) -> Self {
        let data = TempDir::new().expect("a temporary folder");
        let mut launch = Launch::new(&data.path().join("data"));
        let database = postgres::is_wanted().then(Fresh::new);
        if let Some(database) = &database {
            launch = launch.with("CORNET_DATABASE_URL", &database.url());
        }
        let server = change(launch).start();
        let client = server.client();
        Self { server, receiver: Receiver::start(), client, data, database }
    }

    /// The same scene after its server was asked to end and started again.
    pub fn restarted(self) -> Self {
        let server = self.server.restart();
        let client = server.client();
        Self { server, client, ..self }
    }

    /// The same scene after its server, which was asked to end already, has ended well and was started again.
    pub fn ended_and_started(self) -> Self {
        let launch = self.server.launch();
        self.ended_and_started_as(&launch)
    }

    /// The same, but it is started in another way.
    pub fn ended_and_started_as(self, launch: &Launch) -> Self {
        let (status, output) = self.server.wait();
        assert!(status.success(), "the server ended with {status}:\n{output}");
        let server = launch.start();
        let client = server.client();
        Self { server, client, ..self }
    }

    /// The folder that the server keeps its data in.
    pub fn data_dir(&self) -> std::path::PathBuf {
        self.data.path().join("data")
    }

    /// Every byte that the server keeps, file by file.
    pub fn stored(&self) -> Vec<Vec<u8>> {
        let files = std::fs::read_dir(self.data_dir()).expect("the data directory");
        let files = files.map(|entry| std::fs::read(entry.expect("an entry").path()).unwrap_or_default());
        files.chain(self.database.as_ref().map(Fresh::dump)).collect()
    }

    /// The path of the application that every new store has.
    pub fn app(&self, rest: &str) -> String {
        format!("/api/v1/app/default{rest}")
    }

    /// Registers `path` of the receiver for every event type; returns the endpoint's id.
    #[track_caller]
    pub fn endpoint(&self, path: &str) -> String {
        self.endpoint_with(path, json!({}))
    }

    /// The same with more members in the request.
    #[track_caller]
    pub fn endpoint_with(&self, path: &str, more: Value) -> String {
        let mut body = json!({ "url": self.receiver.url(path) });
        let (Some(body_map), Value::Object(more)) = (body.as_object_mut(), more) else {
            panic!("the members are an object")
        };
        body_map.extend(more);
        let made = self.client.post(&self.app("/endpoint"), &body).expect_status(201).json();
        text(&made["id"])
    }

    /// Posts a message of type `test.event`; returns its id.
    #[track_caller]
    pub fn message(&self, payload: &Value) -> String {
        let body = json!({ "eventType": "test.event", "payload": payload });
        text(&self.client.post(&self.app("/msg"), &body).expect_status(202).json()["id"])
    }

    /// Posts a message whose payload has exactly this text; returns its id.
    #[track_caller]
    pub fn message_text(&self, payload: &str) -> String {
        let body = format!("{{\"eventType\":\"test.event\",\"payload\":{payload}}}");
        text(&self.client.post_bytes(&self.app("/msg"), body.as_bytes()).expect_status(202).json()["id"])
    }

    /// What is known of the delivery of a message to an endpoint.
    pub fn delivery(&self, message: &str, endpoint: &str) -> Option<Value> {
        let list = self.client.get(&self.app(&format!("/msg/{message}/endpoint"))).expect_status(200).json();
        array(&list["data"]).iter().find(|one| one["id"] == endpoint).cloned()
    }

    /// Waits until a delivery is in that state (`success`, `fail`, `pending` …).
    #[track_caller]
    pub fn wait_for_state(&self, message: &str, endpoint: &str, state: &str) -> Value {
        until(&format!("{message} to {endpoint} is {state}"), || {
            self.delivery(message, endpoint).filter(|delivery| delivery["statusText"] == state)
        })
    }

    /// All recorded attempts of a message, in the order in which the server lists them.
    pub fn attempts(&self, message: &str) -> Vec<Value> {
        let list = self.client.get(&self.app(&format!("/attempt/msg/{message}"))).expect_status(200).json();
        array(&list["data"]).clone()
    }

    /// The endpoint's signing secret.
    pub fn secret(&self, endpoint: &str) -> String {
        let path = self.app(&format!("/endpoint/{endpoint}/secret"));
        text(&self.client.get(&path).expect_status(200).json()["key"])
    }
}

/// The text of a JSON string.
#[track_caller]
pub fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("{value} is not a text")).to_owned()
}

/// The items of a JSON list.
#[track_caller]
pub fn array(value: &Value) -> &Vec<Value> {
    value.as_array().unwrap_or_else(|| panic!("{value} is not a list"))
}
