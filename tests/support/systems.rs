//! The three systems of the seeds in one server: an environment with its preset for each, a key of its own and a receiver of
//! its own, and short words for what their documents let one do.

use serde_json::{Value, json};
use standardwebhooks::Webhook;

use super::client::{Answer, Client};
use super::receiver::{Received, Receiver};
use super::scene::{Scene, array, text};
use super::until;

/// Where environments are managed.
pub const ENVIRONMENTS: &str = "/api/v1/management/environment";

/// One system: an environment with its preset, its key, and its own receivers.
pub struct System {
    pub id: String,
    key: String,
    admin: Client,
    pub client: Client,
    pub receiver: Receiver,
}

impl System {
    /// Makes the environment and a key of it.
    fn new(admin: &Client, preset: &str) -> Self {
        let wanted = json!({"name": preset, "type": "development", "preset": preset});
        let id = text(&admin.post(ENVIRONMENTS, &wanted).expect_status(201).json()["id"]);
        let tokens = format!("/api/v1/management/authentication/{id}/api-token");
        let key = text(&admin.post(&tokens, &json!({"name": preset})).expect_status(200).json()["token"]);
        let client = admin.with_key(Some(&key));
        Self { id, key, admin: admin.clone(), client, receiver: Receiver::start() }
    }

    /// A path of the application that every new environment has.
    pub fn app(&self, rest: &str) -> String {
        format!("/api/v1/app/default{rest}")
    }

    /// What is there, as the key of the environment sees it.
    pub fn get(&self, rest: &str) -> Value {
        self.client.get(&self.app(rest)).expect_status(200).json()
    }

    /// The environment's settings as an admin sees them, after these changes.
    pub fn settings(&self, change: &Value) -> Value {
        self.admin.patch(&format!("{ENVIRONMENTS}/{}", self.id), change).expect_status(200).json()
    }

    /// Asks for an endpoint at this URL for these events.
    pub fn try_endpoint(&self, url: &str, events: &[&str]) -> Answer {
        self.client.post(&self.app("/endpoint"), &json!({"url": url, "eventTypes": events}))
    }

    /// An endpoint at this path of the receiver, for these events.
    #[track_caller]
    pub fn endpoint(&self, path: &str, events: &[&str]) -> String {
        text(&self.try_endpoint(&self.receiver.url(path), events).expect_status(201).json()["id"])
    }

    /// Posts a message with exactly this payload.
    pub fn try_message(&self, event: &str, payload: &str) -> Answer {
        let body = format!(r#"{{"eventType":"{event}","payload":{payload}}}"#);
        self.client.post_bytes(&self.app("/msg"), body.as_bytes())
    }

    /// The same, which is accepted; returns the id.
    #[track_caller]
    pub fn message(&self, event: &str, payload: &str) -> String {
        text(&self.try_message(event, payload).expect_status(202).json()["id"])
    }

    /// Waits until the message's delivery is in that state.
    #[track_caller]
    pub fn ended(&self, message: &str, endpoint: &str, state: &str) -> Value {
        until(&format!("{message} to {endpoint} is {state}"), || {
            let listed = self.get(&format!("/msg/{message}/endpoint"));
            let mut found = array(&listed["data"]).iter().filter(|one| one["id"] == endpoint);
            found.find(|one| one["statusText"] == state).cloned()
        })
    }

    /// All recorded attempts of a message at an endpoint.
    pub fn attempts(&self, message: &str, endpoint: &str) -> Vec<Value> {
        array(&self.get(&format!("/attempt/msg/{message}?endpoint_id={endpoint}"))["data"]).clone()
    }

    /// Verifies a request with the endpoint's secret, as a receiver with the official library would.
    #[track_caller]
    pub fn verify(&self, endpoint: &str, request: &Received) {
        let secret = text(&self.get(&format!("/endpoint/{endpoint}/secret"))["key"]);
        let mut headers = http::HeaderMap::new();
        for name in ["webhook-id", "webhook-timestamp", "webhook-signature"] {
            headers.insert(name, request.header(name).parse().expect("a header that came is a header value"));
        }
        let webhook = Webhook::new(&secret).expect("the secret is one of Standard Webhooks");
        webhook.verify(&request.body, &headers).expect("the signature verifies");
    }

    /// ShipEngine's own API, with the headers of its document.
    pub fn ask(&self, method: &str, rest: &str, body: Option<&Value>) -> Answer {
        let headers = [("Content-Type", "application/json"), ("API-Key", self.key.as_str())];
        let body = body.map(Value::to_string);
        let anonymous = self.client.with_key(None);
        anonymous.send(method, &format!("/v1/environment/webhooks{rest}"), &headers, body.as_deref().map(str::as_bytes))
    }

    /// A webhook at this path of the receiver, made as ShipEngine's document says.
    #[track_caller]
    pub fn webhook(&self, path: &str, event: &str) -> String {
        let body = json!({"url": self.receiver.url(path), "event": event});
        text(&self.ask("POST", "", Some(&body)).expect_status(200).json()["webhook_id"])
    }

    /// The id that the other API knows the only endpoint by.
    pub fn only_endpoint(&self) -> String {
        let listed = self.get("/endpoint");
        assert_eq!(array(&listed["data"]).len(), 1);
        text(&listed["data"][0]["id"])
    }
}

/// One server with the three systems.
pub struct Seeds {
    pub rose: System,
    pub shop: System,
    pub ship: System,
    _scene: Scene,
}

impl Seeds {
    /// Starts it.
    pub fn new() -> Self {
        let scene = Scene::new();
        let system = |preset| System::new(&scene.client, preset);
        Self { rose: system("rose-rocket"), shop: system("shoprocket"), ship: system("shipengine"), _scene: scene }
    }

    /// The three in the order of their documents.
    pub fn all(&self) -> [&System; 3] {
        [&self.rose, &self.shop, &self.ship]
    }
}
