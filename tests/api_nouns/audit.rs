//! The audit log (THREATS G18): what leaves an entry, of whom, what is never in it, and who may read it. Every operation
//! of the API's own document that may change something is asked, so that none is forgotten.

use std::collections::BTreeSet;
use std::net::IpAddr;

use axum::body::Body;
use axum::http::Request;
use cornet::domain::endpoint::DisabledBecause;
use cornet::domain::id::{ApplicationId, EndpointId};
use cornet::domain::session::OPERATOR_CODE_LIFE;
use cornet::ops::{Access, PortalAccess, SIGN_IN_REFUSALS_NOTED_MAX};
use http_body_util::BodyExt as _;
use serde_json::{Value, json};

use crate::isolation_matrix::{attempt, documented};
use crate::world::{Answer, KEY, OTHER_KEY, World};

/// What stands in everything that must not be in the log.
const SECRET: &str = "hush-hush";

/// Operations that may only be asked with a server around them, or that change nothing which is kept.
const NOT_ASKED: [&str; 3] = [
    "POST /api/v1/app/{application_id}/endpoint/{endpoint_id}/msg/test-attempt",
    "POST /api/v1/app/{application_id}/endpoint/{endpoint_id}/transformation/simulate",
    "POST /api/v1/filter/test",
];

/// A world whose log is read on as things are done.
struct Log {
    world: World,
    admin: String,
    environment: String,
    read: Option<String>,
    asked: BTreeSet<String>,
}

impl Log {
    async fn new() -> Self {
        let world = World::new().await;
        let admin = world.admin_key().await;
        let environment = world.store.default_environment().await.unwrap().unwrap().to_string();
        Self { world, admin, environment, read: None, asked: BTreeSet::new() }
    }

    fn path(&self) -> String {
        format!("/api/v1/management/environment/{}/audit-log", self.environment)
    }

    /// What was written since this was asked last.
    async fn new_entries(&mut self) -> Vec<Value> {
        let after = self.read.as_ref().map_or(String::new(), |id| format!("&iterator={id}"));
        let path = format!("{}?limit=250{after}", self.path());
        let answer = self.world.call(&self.admin, "GET", &path, None).await.assert(200);
        let entries = answer.body["data"].as_array().unwrap().clone();
        self.read = entries.last().map(|entry| entry["id"].as_str().unwrap().to_owned()).or(self.read.take());
        entries
    }

    /// Asks for something and holds the log to what it must have written: exactly these actions, by the key that asked.
    async fn ask(&mut self, key: &str, operation: &str, path: &str, body: Value, expected: &[&str]) -> Answer {
        let (method, template) = operation.split_once(' ').unwrap();
        let request = Request::builder().method(method).uri(path).header("authorization", format!("Bearer {key}"));
        let request = request.header("api-key", key).header("content-type", "application/json");
        let body = if body.is_null() { Body::empty() } else { Body::from(body.to_string()) };
        let answer = self.world.send(request.body(body).unwrap()).await;
        assert!(answer.status.is_success(), "{operation}: {} {}", answer.status, answer.body);
        let entries = self.new_entries().await;
        let actions: Vec<_> = entries.iter().map(|entry| entry["action"].as_str().unwrap()).collect();
        assert_eq!(actions, expected, "{operation}: {entries:?}");
        let shown = format!("test ({}…)", &key[..7]);
        for entry in &entries {
            assert_eq!((&entry["actor"]["kind"], &entry["actor"]["name"]), (&json!("api_key"), &json!(shown)));
        }
        self.asked.insert(format!("{method} {template}"));
        answer
    }
}

/// Does all that can be done to an application and what it has.
async fn of_applications(log: &mut Log) {
    let app = "/api/v1/app/{application_id}";
    log.ask(KEY, "POST /api/v1/app", "/api/v1/app", json!({"name": "A", "uid": "a"}), &["application.created"]).await;
    let (one, changed) = ("/api/v1/app/a", ["application.changed"]);
    log.ask(KEY, &format!("PUT {app}"), one, json!({"name": "B", "metadata": {"a": SECRET}}), &changed).await;
    log.ask(KEY, &format!("PATCH {app}"), one, json!({"throttleRate": 5}), &changed).await;
    log.ask(KEY, &format!("PATCH {app}"), one, json!({"throttleRate": 5}), &[]).await;

    let (endpoints, endpoint) = (format!("{app}/endpoint"), format!("{app}/endpoint/{{endpoint_id}}"));
    let (url, uid) = (format!("https://u.example.com/old?token={SECRET}"), "/api/v1/app/a/endpoint/e");
    let new = json!({"url": url, "uid": "e", "headers": {"x-token": SECRET}});
    log.ask(KEY, &format!("POST {endpoints}"), "/api/v1/app/a/endpoint", new, &["endpoint.created"]).await;
    let moved = json!({"url": format!("https://u.example.com/new?token={SECRET}"), "description": SECRET});
    log.ask(KEY, &format!("PUT {endpoint}"), uid, moved.clone(), &["endpoint.url_changed"]).await;
    log.ask(KEY, &format!("PUT {endpoint}"), uid, moved, &[]).await;
    let change = ["endpoint.changed"];
    log.ask(KEY, &format!("PATCH {endpoint}"), uid, json!({"disabled": true}), &change).await;
    log.ask(KEY, &format!("PATCH {endpoint}"), uid, json!({"disabled": false}), &change).await;
    for ordered in [true, false] {
        log.ask(KEY, &format!("PATCH {endpoint}"), uid, json!({"fifo": ordered}), &change).await;
    }
    let filter = json!({"filter": {"data": {"note": SECRET}}});
    log.ask(KEY, &format!("PATCH {endpoint}"), uid, filter.clone(), &change).await;
    log.ask(KEY, &format!("PATCH {endpoint}"), uid, filter, &[]).await;
    log.ask(KEY, &format!("PATCH {endpoint}"), uid, json!({"filter": null}), &change).await;
    let (headers, path) = (json!({"headers": {"x-other": SECRET}}), format!("{uid}/headers"));
    log.ask(KEY, &format!("PUT {endpoint}/headers"), &path, headers, &change).await;
    let headers = json!({"headers": {"authorization": SECRET}});
    log.ask(KEY, &format!("PATCH {endpoint}/headers"), &path, headers, &change).await;
    let (transformation, path) = (format!("PATCH {endpoint}/transformation"), format!("{uid}/transformation"));
    let transformed = ["endpoint.transformation_changed"];
    let code =
        json!({"code": format!("function handler() {{ {SECRET} }}"), "variables": {"T": SECRET}, "enabled": true});
    log.ask(KEY, &transformation, &path, code, &transformed).await;
    log.ask(KEY, &transformation, &path, json!({"enabled": true, "variables": {"T": "\u{2022}\u{2022}\u{2022}"}}), &[])
        .await;
    log.ask(KEY, &transformation, &path, json!({"enabled": false}), &transformed).await;
    let rotated = ["endpoint.secret_rotated"];
    log.ask(KEY, &format!("POST {endpoint}/secret/rotate"), &format!("{uid}/secret/rotate"), json!({}), &rotated).await;
    let revealed = ["endpoint.secret_revealed"];
    log.ask(KEY, &format!("GET {endpoint}/secret"), &format!("{uid}/secret"), Value::Null, &revealed).await;
    let since = json!({"since": "2026-01-01T00:00:00Z"});
    log.ask(KEY, &format!("POST {endpoint}/recover"), &format!("{uid}/recover"), since, &["endpoint.recovered"]).await;

    let (many, single) = (format!("{app}/integration"), format!("{app}/integration/{{integration_id}}"));
    let path = "/api/v1/app/a/integration";
    let made = log.ask(KEY, &format!("POST {many}"), path, json!({"name": "test"}), &["api_key.created"]).await;
    let path = format!("{path}/{}", made.text("id"));
    log.ask(KEY, &format!("PUT {single}"), &path, json!({"name": "j"}), &["api_key.changed"]).await;
    let rotate = (format!("POST {single}/key/rotate"), format!("{path}/key/rotate"));
    log.ask(KEY, &rotate.0, &rotate.1, Value::Null, &["api_key.changed"]).await;
    log.ask(KEY, &format!("DELETE {single}"), &path, Value::Null, &["api_key.revoked"]).await;
}

/// Does all that can be done to messages of the endpoint `e`, which gets one.
async fn of_messages(log: &mut Log) {
    let message = "/api/v1/app/{application_id}/msg";
    let new = json!({"eventType": "t", "payload": {"a": SECRET}});
    let made = log.ask(KEY, &format!("POST {message}"), "/api/v1/app/a/msg", new, &[]).await;
    let example = "POST /api/v1/app/{application_id}/endpoint/{endpoint_id}/send-example";
    let wanted = json!({"eventType": "t"});
    log.ask(KEY, example, "/api/v1/app/a/endpoint/e/send-example", wanted, &[]).await;
    let endpoint = log.world.get("/api/v1/app/a/endpoint/e").await.text("id").to_owned();
    let attempt = attempt(&log.world, &endpoint).await;
    let path = format!("/api/v1/app/a/msg/{}", made.text("id"));
    let resend =
        (format!("POST {message}/{{message_id}}/endpoint/{{endpoint_id}}/resend"), format!("{path}/endpoint/e/resend"));
    log.ask(KEY, &resend.0, &resend.1, Value::Null, &["message.resent"]).await;
    let expunge = format!("DELETE {message}/{{message_id}}/attempt/{{attempt_id}}/content");
    log.ask(KEY, &expunge, &format!("{path}/attempt/{attempt}/content"), Value::Null, &["attempt.expunged"]).await;
    let expunge = format!("DELETE {message}/{{message_id}}/content");
    log.ask(KEY, &expunge, &format!("{path}/content"), Value::Null, &["message.expunged"]).await;
}

/// Does all that can be done to event types, and leaves `t`.
async fn of_event_types(log: &mut Log) {
    let (all, one, path) = ("/api/v1/event-type", "/api/v1/event-type/{event_type_name}", "/api/v1/event-type/t");
    let example = json!({"a": 1});
    let new = json!({"name": "t", "description": "", "example": example});
    log.ask(KEY, &format!("POST {all}"), all, new, &["event_type.created"]).await;
    let changed = ["event_type.changed"];
    let put = json!({"description": "x", "example": example});
    log.ask(KEY, &format!("PUT {one}"), path, put, &changed).await;
    log.ask(KEY, &format!("PATCH {one}"), path, json!({"description": "y"}), &changed).await;
    let schedule = json!({"retrySchedule": [5]});
    log.ask(KEY, &format!("PUT {one}/retry-schedule"), &format!("{path}/retry-schedule"), schedule, &changed).await;
    let spec = json!({"spec": {"webhooks": {"pet.new": {"post": {}}}}});
    let import = format!("{all}/import/openapi");
    log.ask(KEY, &format!("POST {import}"), &import, spec, &["event_type.imported"]).await;
    let gone = format!("{all}/pet.new?expunge=true");
    log.ask(KEY, &format!("DELETE {one}"), &gone, Value::Null, &["event_type.deleted"]).await;
}

/// Does all that lets others in, and what only an admin does.
async fn of_environments(log: &mut Log) {
    let portal = ("POST /api/v1/auth/app-portal-access/{application_id}", "/api/v1/auth/app-portal-access/a");
    let made = log.ask(KEY, portal.0, portal.1, json!({}), &["portal.access_created"]).await;
    let token = made.text("token").to_owned();
    log.ask(&token, "POST /api/v1/auth/logout", "/api/v1/auth/logout", Value::Null, &[]).await;
    let expire = ("POST /api/v1/auth/app/{application_id}/expire-all", "/api/v1/auth/app/a/expire-all");
    log.ask(KEY, expire.0, expire.1, json!({}), &["portal.access_ended"]).await;
    let admin = log.admin.clone();
    let dashboard = "/api/v1/auth/dashboard-access";
    log.ask(&admin, &format!("POST {dashboard}"), dashboard, Value::Null, &["session.link_created"]).await;

    let inbox = "/api/v1/inbox";
    let made = log.ask(KEY, &format!("POST {inbox}"), inbox, json!({}), &["inbox.created"]).await;
    let path = format!("{inbox}/{}", made.text("id"));
    let patch = json!({"secret": "whsec_aHVzaC1odXNoLWh1c2gtaHVzaC1odXNoLWh1c2g="});
    log.ask(KEY, &format!("PATCH {inbox}/{{inbox_id}}"), &path, patch, &["inbox.changed"]).await;
    log.ask(KEY, &format!("DELETE {inbox}/{{inbox_id}}"), &path, Value::Null, &["inbox.deleted"]).await;

    let tokens = "/api/v1/management/authentication/{environment_id}/api-token";
    let path = tokens.replace("{environment_id}", &log.environment);
    let made = log.ask(&admin, &format!("POST {tokens}"), &path, json!({"name": "k"}), &["api_key.created"]).await;
    let path = format!("{path}/{}/expire", made.text("id"));
    log.ask(&admin, &format!("POST {tokens}/{{key_id}}/expire"), &path, json!({}), &["api_key.revoked"]).await;

    let (all, one) = ("/api/v1/management/environment", "/api/v1/management/environment/{environment_id}");
    let new = json!({"name": "E"});
    let made = log.ask(&admin, &format!("POST {all}"), all, new, &["environment.created"]).await;
    let own = format!("{all}/{}", log.environment);
    log.ask(&admin, &format!("PUT {one}"), &own, json!({"name": "N"}), &["environment.changed"]).await;
    let patch = json!({"retrySchedule": [7]});
    log.ask(&admin, &format!("PATCH {one}"), &own, patch, &["environment.changed"]).await;
    let path = format!("{all}/{}", made.text("id"));
    log.ask(&admin, &format!("DELETE {one}"), &path, Value::Null, &["environment.deleted"]).await;

    let webhooks = "/v1/environment/webhooks";
    let new = json!({"url": "https://s.example.com/", "event": "t"});
    let made = log.ask(KEY, &format!("POST {webhooks}"), webhooks, new, &["endpoint.created"]).await;
    let path = format!("{webhooks}/{}", made.text("webhook_id"));
    let put = json!({"url": "https://s.example.com/2", "event": "t"});
    log.ask(KEY, &format!("PUT {webhooks}/{{webhook_id}}"), &path, put, &["endpoint.url_changed"]).await;
    log.ask(KEY, &format!("DELETE {webhooks}/{{webhook_id}}"), &path, Value::Null, &["endpoint.deleted"]).await;
}

#[tokio::test]
async fn whatever_can_be_done_leaves_its_one_entry_and_no_secret() {
    let mut log = Log::new().await;
    of_applications(&mut log).await;
    of_event_types(&mut log).await;
    of_messages(&mut log).await;
    of_environments(&mut log).await;
    let endpoint = ("DELETE /api/v1/app/{application_id}/endpoint/{endpoint_id}", "/api/v1/app/a/endpoint/e");
    log.ask(KEY, endpoint.0, endpoint.1, Value::Null, &["endpoint.deleted"]).await;
    let application = ("DELETE /api/v1/app/{application_id}", "/api/v1/app/a");
    log.ask(KEY, application.0, application.1, Value::Null, &["application.deleted"]).await;

    for operation in documented() {
        let name = format!("{} {}", operation.method, operation.path);
        let is_known = operation.method == "GET" || log.asked.contains(&name) || NOT_ASKED.contains(&name.as_str());
        assert!(is_known, "say what {name} leaves in the audit log");
    }
    log.read = None;
    let all = Value::Array(log.new_entries().await).to_string();
    for secret in [SECRET, KEY, "whsec_", "aHVzaC1odXNo"] {
        assert!(!all.contains(secret), "{secret} in {all}");
    }
    assert!(all.contains("https://u.example.com/old?… → https://u.example.com/new?…; and description"), "{all}");
}

#[tokio::test]
async fn who_is_let_in_is_named_with_where_he_comes_from() {
    let mut log = Log::new().await;
    let operations = log.world.operations.clone();
    let made = log.world.post("/api/v1/app/default/endpoint", json!({"url": "https://example.com/"})).await;
    let endpoint = made.text("id").to_owned();
    log.new_entries().await;
    let address: IpAddr = "192.0.2.7".parse().unwrap();
    let by_key = operations.open_session_with_key(KEY, Some(address)).await.unwrap().session;
    let own = operations.authenticate(KEY).await.unwrap();
    let wanted = PortalAccess { name: Some("ada".to_owned()), ..PortalAccess::default() };
    let code = operations.create_portal_code(&own, "default", wanted).await.unwrap();
    let consumer = operations.open_session_with_code(&code, None).await.unwrap().session;
    let admin = operations.authenticate(&log.admin).await.unwrap();
    let code = operations.create_operator_code(&admin, OPERATOR_CODE_LIFE).await.unwrap();
    let by_link = operations.open_session_with_code(&code, Some(address)).await.unwrap().session;
    for session in [&by_key, &consumer, &by_link] {
        let access = Access::from(session).from_address(Some(address));
        operations.endpoint_secret(&access, "default", &endpoint).await.unwrap();
    }
    let entries = log.new_entries().await;
    let told = |entry: &Value| {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let actor = &entry["actor"];
        [text(&entry["action"]), text(&actor["kind"]), text(&actor["name"]), text(&actor["address"])]
    };
    let told: Vec<_> = entries.iter().map(told).collect();
    let expected = [
        ["session.opened", "operator", "test (ck_firs…)", "192.0.2.7"],
        ["portal.access_created", "api_key", "test (ck_firs…)", ""],
        ["session.opened", "consumer", "ada", ""],
        ["session.link_created", "api_key", "test (ck_admi…)", ""],
        ["session.opened", "operator", "", "192.0.2.7"],
        ["endpoint.secret_revealed", "operator", "test (ck_firs…)", "192.0.2.7"],
        ["endpoint.secret_revealed", "consumer", "ada", "192.0.2.7"],
        ["endpoint.secret_revealed", "operator", "", "192.0.2.7"],
    ];
    assert_eq!(told, expected.map(|entry| entry.map(str::to_owned)));
    assert!(ApplicationId::parse(entries[6]["actor"]["id"].as_str().unwrap()).is_some());
    let by_actor = format!("{}?actor={}", log.path(), entries[0]["actor"]["id"].as_str().unwrap());
    let found = log.world.call(&log.admin, "GET", &by_actor, None).await.assert(200);
    let actions = ["endpoint.created", "session.opened", "portal.access_created", "endpoint.secret_revealed"];
    assert_eq!(found.column("action"), actions);
    let both = format!("{by_actor}&action=session.opened&order=descending");
    assert_eq!(log.world.call(&log.admin, "GET", &both, None).await.column("action"), ["session.opened"]);
    let unknown = format!("{}?action=session", log.path());
    log.world.call(&log.admin, "GET", &unknown, None).await.refused(422, "action");
}

#[tokio::test]
async fn who_is_refused_at_the_door_is_written_down_and_a_flood_is_a_few_entries() {
    let mut log = Log::new().await;
    let operations = log.world.operations.clone();
    let address = |number: u8| Some(IpAddr::from([192, 0, 2, number]));
    log.new_entries().await;
    for _ in 0..3 {
        assert!(operations.open_session_with_key("ck_guessed_hush-hush", address(1)).await.is_err());
        assert!(operations.open_session_with_code("ocode_hush-hush", address(2)).await.is_err());
    }
    let entries = log.new_entries().await;
    let told: Vec<_> = entries.iter().map(|entry| (entry["action"].clone(), entry["actor"].clone())).collect();
    let somebody = |address: &str| json!({"kind": "unknown", "id": "unknown", "name": "", "address": address});
    let refused = json!("session.refused");
    assert_eq!(told, [(refused.clone(), somebody("192.0.2.1")), (refused, somebody("192.0.2.2"))]);
    assert!(entries[0]["detail"].as_str().unwrap().starts_with("with a key;"), "{entries:?}");
    assert!(entries[1]["detail"].as_str().unwrap().starts_with("with a link;"), "{entries:?}");
    assert!(!json!(entries).to_string().contains(SECRET));

    for number in 0..200 {
        assert!(operations.open_session_with_code(&"x".repeat(1_000), address(number)).await.is_err());
    }
    assert_eq!(log.new_entries().await.len(), SIGN_IN_REFUSALS_NOTED_MAX - 2);
    let request =
        Request::get(format!("{}/export", log.path())).header("authorization", format!("Bearer {}", log.admin));
    let answer = log.world.send_raw(request.body(Body::empty()).unwrap()).await;
    let table = answer.into_body().collect().await.unwrap().to_bytes();
    assert!(String::from_utf8_lossy(&table).contains(",unknown,unknown,,192.0.2.1,with a key;"), "{table:?}");
}

#[tokio::test]
async fn what_cornet_does_by_itself_is_written_once() {
    let mut log = Log::new().await;
    let made = log.world.post("/api/v1/app/default/endpoint", json!({"url": "https://example.com/"})).await;
    let operations = log.world.operations.clone();
    let own = operations.authenticate(KEY).await.unwrap();
    let endpoint = operations.endpoint(&own, "default", made.text("id")).await.unwrap();
    log.new_entries().await;
    for _ in 0..2 {
        log.world.store.disable_endpoint(&endpoint, DisabledBecause::Gone).await.unwrap();
    }
    let entries = log.new_entries().await;
    assert_eq!(entries.len(), 1, "{entries:?}");
    assert_eq!(entries[0]["action"], "endpoint.disabled");
    assert_eq!(entries[0]["actor"], json!({"kind": "system", "id": "system", "name": "", "address": null}));
    assert_eq!(EndpointId::parse(entries[0]["subject"].as_str().unwrap()), Some(endpoint.id));
}

#[tokio::test]
async fn what_was_refused_or_came_before_leaves_nothing() {
    let mut log = Log::new().await;
    log.world.post_once("key-1", "/api/v1/app", json!({"name": "A", "uid": "a"})).await.assert(201);
    log.new_entries().await;
    log.world.post_once("key-1", "/api/v1/app", json!({"name": "A", "uid": "a"})).await.assert(201);
    log.world.post("/api/v1/app", json!({"name": "A", "uid": "a"})).await.refused(409, "uid_taken");
    log.world.post("/api/v1/app", json!({"name": "", "uid": "b"})).await.assert(422);
    let path = format!("/api/v1/management/authentication/{}/api-token", log.environment);
    let last = log.world.call(&log.admin, "GET", &path, None).await.assert(200);
    let scopes = last.column("scope");
    let last = &last.column("id")[scopes.iter().position(|scope| scope == "admin").unwrap()];
    let expire = format!("{path}/{last}/expire");
    log.world.call(&log.admin, "POST", &expire, Some(json!({}))).await.refused(409, "last_admin_key");
    assert_eq!(log.new_entries().await, Vec::<Value>::new());
}

#[tokio::test]
async fn only_admin_keys_read_the_log_and_each_environment_has_its_own() {
    let mut log = Log::new().await;
    log.world.post("/api/v1/app", json!({"name": "A"})).await.assert(201);
    log.world.call(OTHER_KEY, "POST", "/api/v1/app", Some(json!({"name": "B"}))).await.assert(201);
    let own = log.new_entries().await;
    assert_eq!(own.iter().map(|entry| entry["detail"].as_str().unwrap()).collect::<Vec<_>>(), ["A"]);
    let key = log.world.key_of(own[0]["subject"].as_str().unwrap()).await;
    for path in [log.path(), format!("{}/export", log.path())] {
        for key in [KEY, OTHER_KEY, key.as_str()] {
            log.world.call(key, "GET", &path, None).await.refused(403, "insufficient_access");
        }
    }
    let mut unknown = log.path();
    unknown = unknown
        .replace(&log.environment, &log.world.store.next_id::<cornet::domain::id::EnvironmentKind>().to_string());
    log.world.call(&log.admin, "GET", &unknown, None).await.refused(404, "not_found");
}

#[tokio::test]
async fn the_whole_log_is_taken_away_as_a_table() {
    let log = Log::new().await;
    for number in 0..503 {
        log.world
            .post("/api/v1/event-type", json!({"name": format!("t{number}"), "description": ""}))
            .await
            .assert(201);
    }
    let request =
        Request::get(format!("{}/export", log.path())).header("authorization", format!("Bearer {}", log.admin));
    let answer = log.world.send_raw(request.body(Body::empty()).unwrap()).await;
    assert_eq!(answer.headers()["content-type"], "text/csv; charset=utf-8");
    let text = answer.into_body().collect().await.unwrap().to_bytes();
    let lines: Vec<&str> = std::str::from_utf8(&text).unwrap().split_terminator("\r\n").collect();
    assert_eq!(lines.len(), 504);
    assert!(lines[0].starts_with("time,id,action,subject,application,actor_kind,"), "{}", lines[0]);
    let subjects: Vec<_> = lines[1..].iter().map(|line| line.split(',').nth(3).unwrap().to_owned()).collect();
    assert_eq!(subjects, (0..503).map(|number| format!("t{number}")).collect::<Vec<_>>());
}
