//! Every operation of the API's own document that names something: asked with another's key, it answers word for word
//! as it does for what never was (THREATS G01, G02). An operation that is new is asked too, without a line here.

use std::collections::{BTreeMap, HashSet};

use cornet::domain::delivery::{Attempt, DeliveryState, Outcome};
use cornet::domain::id::{ApiKeyKind, AttemptKind, EndpointId, EnvironmentKind, InboxKind, Kind, MessageKind};
use cornet::domain::time::Timestamp;
use cornet::store::Record;
use serde_json::{Map, Value, json};

use crate::world::{Answer, KEY, OTHER_KEY, World};

/// What stands in each place of a path.
type Places = BTreeMap<&'static str, String>;

/// An operation that names something.
pub struct Operation {
    pub method: String,
    pub path: String,
    body: Option<Value>,
}

/// A value that a member of this name takes.
fn sample(member: &str) -> Value {
    match member {
        "url" => json!("https://example.com/"),
        "since" => json!("2026-01-01T00:00:00Z"),
        "payload" | "headers" | "data" => json!({}),
        "eventTypes" => json!(["a"]),
        "code" => json!("function handler(webhook) { return webhook }"),
        _ => json!("a"),
    }
}

/// The smallest body that the document allows.
fn body_of(operation: &Value, document: &Value) -> Option<Value> {
    let schema = &operation["requestBody"]["content"]["application/json"]["schema"];
    let name = schema["$ref"].as_str().and_then(|reference| reference.rsplit('/').next());
    let schema = name.map_or(schema, |name| &document["components"]["schemas"][name]);
    let required = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let body: Map<String, Value> = required.map(|member| (member.to_owned(), sample(member))).collect();
    operation.get("requestBody").map(|_| Value::Object(body))
}

/// Every operation with a place in its path. Managing is for admin keys (below). A PUT of an event type makes one in the
/// caller's own environment, whatever others have.
fn operations() -> Vec<Operation> {
    let is_put_of_type =
        |operation: &Operation| operation.path.ends_with("/event-type/{event_type_name}") && operation.method == "PUT";
    let all = documented().into_iter().filter(|operation| operation.path.contains('{'));
    all.filter(|operation| !operation.path.contains("/management/") && !is_put_of_type(operation)).collect()
}

/// Every operation that the document has.
pub fn documented() -> Vec<Operation> {
    let document = serde_json::to_value(cornet::api::openapi()).unwrap();
    let mut found = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let (method, path) = (method.to_uppercase(), path.clone());
            found.push(Operation { method, path, body: body_of(operation, &document) });
        }
    }
    found
}

/// The path with what stands in its places.
fn filled(path: &str, places: &Places) -> String {
    let steps = path.split('/').map(|step| match step.strip_prefix('{') {
        Some(name) => {
            let name = name.trim_end_matches('}');
            places.get(name).unwrap_or_else(|| panic!("say what stands for {name} in {path}")).as_str()
        }
        None => step,
    });
    steps.collect::<Vec<_>>().join("/")
}

/// The id of something that never was.
fn never<K: Kind>(world: &World) -> String {
    world.store.next_id::<K>().to_string()
}

/// The id of an attempt at what waits for this endpoint, which failed and ended it.
pub async fn attempt(world: &World, endpoint: &str) -> String {
    let endpoint_id = EndpointId::parse(endpoint).unwrap();
    let ever = Timestamp::from_ms(i64::MAX);
    let mut claim = world.store.claim(endpoint_id, ever, 1, HashSet::new()).await.unwrap();
    let (delivery, _) = claim.deliveries.remove(0);
    let attempt = Attempt {
        id: world.store.next_id(),
        message_id: delivery.message_id,
        endpoint_id,
        application_id: delivery.application_id,
        trigger: delivery.trigger,
        number: 1,
        url: "https://example.com/".to_owned(),
        sent_at: world.store.now(),
        duration_ms: 1,
        remote_address: None,
        phases: None,
        result: Ok(cornet::domain::attempt::Answer { status: 500, ..Default::default() }),
    };
    let (id, outcome) = (attempt.id, Outcome::Ended(DeliveryState::Failed));
    world.store.record(Record { delivery, attempt: Ok(attempt), outcome });
    world.store.settle().await.unwrap();
    id.to_string()
}

/// Things of the application `a` in the first environment.
async fn things(world: &World) -> Places {
    let application = world.post("/api/v1/app", json!({"name": "A", "uid": "a"})).await.assert(201);
    let endpoint = json!({"url": "https://example.com/", "uid": "theirs"});
    let endpoint = world.post("/api/v1/app/a/endpoint", endpoint).await.assert(201);
    world.post("/api/v1/event-type", json!({"name": "theirs", "description": ""})).await.assert(201);
    let message = world.post("/api/v1/app/a/msg", json!({"eventType": "theirs", "payload": {}})).await.assert(202);
    let ids = [("application_id", &application), ("endpoint_id", &endpoint), ("message_id", &message)];
    let mut places: Places = ids.into_iter().map(|(name, answer)| (name, answer.text("id").to_owned())).collect();
    places.insert("attempt_id", attempt(world, endpoint.text("id")).await);
    let path = filled("/api/v1/app/{application_id}/msg/{message_id}/attempt/{attempt_id}", &places);
    world.get(&path).await.assert(200);
    let integration = world.post("/api/v1/app/a/integration", json!({"name": "A"})).await.assert(201);
    places.insert("integration_id", integration.text("id").to_owned());
    let inbox = world.post("/api/v1/inbox", json!({"applicationId": "a"})).await.assert(201);
    places.insert("inbox_id", inbox.text("id").to_owned());
    places.insert("event_type_name", "theirs".to_owned());
    let key = world.key_of(application.text("id")).await;
    let webhook = json!({"url": "https://example.com/", "event": "theirs"});
    let webhook = world.call(&key, "POST", "/v1/environment/webhooks", Some(webhook)).await.assert(200);
    places.insert("webhook_id", webhook.text("webhook_id").to_owned());
    places
}

/// Ids and names of nothing.
async fn nothing(world: &World) -> Places {
    let application = world.post("/api/v1/app", json!({"name": "Gone"})).await.assert(201).text("id").to_owned();
    let path = format!("/api/v1/app/{application}");
    let endpoint = world.post(&format!("{path}/endpoint"), json!({"url": "https://example.com/"})).await.assert(201);
    world.delete(&path).await.assert(204);
    Places::from([
        ("application_id", application),
        ("endpoint_id", endpoint.text("id").to_owned()),
        ("message_id", never::<MessageKind>(world)),
        ("attempt_id", never::<AttemptKind>(world)),
        ("integration_id", never::<ApiKeyKind>(world)),
        ("inbox_id", never::<InboxKind>(world)),
        ("event_type_name", "nobodys".to_owned()),
        ("webhook_id", "999999".to_owned()),
    ])
}

/// Asks for both with this key and holds the answers against each other.
async fn compare(world: &World, key: &str, operation: &Operation, foreign: &Places, missing: &Places) {
    let Operation { method, path, body } = operation;
    let mut answers = Vec::new();
    for places in [foreign, missing] {
        let mut answer = world.call(key, method, &filled(path, places), body.clone()).await;
        assert_eq!(answer.status, 404, "{method} {} answered {}", filled(path, places), answer.body);
        answer.body.as_object_mut().unwrap().remove("requestId");
        let names: Vec<String> = answer.headers.keys().map(ToString::to_string).collect();
        answers.push((answer.body, names));
    }
    assert_eq!(answers[0], answers[1], "{method} {path}");
}

/// These places, but with the caller's own application.
fn under(application: &str, places: &Places) -> Places {
    let mut places = places.clone();
    places.insert("application_id", application.to_owned());
    places
}

#[tokio::test]
async fn another_environment_sees_nothing() {
    let world = World::new().await;
    let (foreign, missing) = (things(&world).await, nothing(&world).await);
    let operations = operations();
    assert!(operations.len() >= 30, "{} operations", operations.len());
    for operation in &operations {
        compare(&world, OTHER_KEY, operation, &foreign, &missing).await;
        if operation.path.matches('{').count() > 1 {
            let (foreign, missing) = (under("default", &foreign), under("default", &missing));
            compare(&world, OTHER_KEY, operation, &foreign, &missing).await;
        }
    }
    // By uid, too.
    let by_uid = Places::from([("application_id", "a".to_owned()), ("endpoint_id", "theirs".to_owned())]);
    let nobodys = Places::from([("application_id", "b".to_owned()), ("endpoint_id", "nobodys".to_owned())]);
    let known = |path: &str| {
        !["message_id", "attempt_id", "integration_id", "inbox_id", "event_type_name", "webhook_id"]
            .iter()
            .any(|name| path.contains(name))
    };
    // A PUT of a uid makes something of the caller's own.
    for operation in operations.iter().filter(|operation| known(&operation.path) && operation.method != "PUT") {
        compare(&world, OTHER_KEY, operation, &by_uid, &nobodys).await;
    }
    // Nothing was done to it all the while.
    let (application, endpoint) = (&foreign["application_id"], &foreign["endpoint_id"]);
    world.get(&format!("/api/v1/app/{application}/endpoint/{endpoint}")).await.assert(200);
    world.get("/api/v1/event-type/theirs").await.assert(200);
    let webhooks = world.call(OTHER_KEY, "GET", "/v1/environment/webhooks", None).await.assert(200);
    assert_eq!(webhooks.body, json!([]));
    for path in ["/api/v1/event-type", "/api/v1/app/default/endpoint", "/api/v1/app/default/msg", "/api/v1/inbox"] {
        let listed = world.call(OTHER_KEY, "GET", path, None).await.assert(200);
        assert_eq!(listed.body["data"], json!([]), "{path}");
    }
}

#[tokio::test]
async fn another_application_sees_nothing() {
    let world = World::new().await;
    let (foreign, missing) = (things(&world).await, nothing(&world).await);
    let own = world.get("/api/v1/app/default").await.assert(200).text("id").to_owned();
    let key = world.key_of(&own).await;
    // Event types are the environment's, and every application of it may read them.
    for operation in operations().iter().filter(|operation| !operation.path.contains("/event-type/")) {
        compare(&world, &key, operation, &foreign, &missing).await;
        // Integrations of its own application are refused (403) before any is looked for.
        if operation.path.matches('{').count() > 1 && !operation.path.contains("/integration/") {
            compare(&world, &key, operation, &under(&own, &foreign), &under(&own, &missing)).await;
        }
    }
    let (application, endpoint) = (&foreign["application_id"], &foreign["endpoint_id"]);
    world.call(KEY, "GET", &format!("/api/v1/app/{application}/endpoint/{endpoint}"), None).await.assert(200);
}

/// An operation that is new is asked here too: no key but an admin's learns by managing whether something is there.
#[tokio::test]
async fn a_key_that_does_not_manage_learns_nothing_by_trying() {
    let world = World::new().await;
    let admin = world.admin_key().await;
    let first = world.store.default_environment().await.unwrap().unwrap().to_string();
    let tokens = format!("/api/v1/management/authentication/{first}/api-token");
    let made = world.call(&admin, "POST", &tokens, Some(json!({"name": "A"}))).await.assert(200);
    let there = |environment: String, key: String| Places::from([("environment_id", environment), ("key_id", key)]);
    let foreign = there(first, made.text("id").to_owned());
    let missing = there(never::<EnvironmentKind>(&world), never::<ApiKeyKind>(&world));
    let managing = documented().into_iter().filter(|operation| operation.path.contains("/management/"));
    let managing: Vec<Operation> = managing.collect();
    assert!(managing.len() >= 8, "{} operations", managing.len());
    for Operation { method, path, body } in &managing {
        let mut answers = Vec::new();
        for places in [&foreign, &missing] {
            let mut answer = world.call(OTHER_KEY, method, &filled(path, places), body.clone()).await;
            assert_eq!(answer.status, 403, "{method} {} answered {}", filled(path, places), answer.body);
            answer.body.as_object_mut().unwrap().remove("requestId");
            answers.push(answer.body);
        }
        assert_eq!(answers[0], answers[1], "{method} {path}");
    }
    world.call(made.text("token"), "GET", "/api/v1/app", None).await.assert(200);
}

/// Without a key, or with one that is none, every operation but the health checks answers in the same words, but for the
/// header that each API has its key in.
#[tokio::test]
async fn without_a_key_every_operation_is_closed() {
    let world = World::new().await;
    let places = nothing(&world).await;
    let mut answers = Vec::new();
    for Operation { method, path, body } in documented() {
        if path.starts_with("/api/v1/health") {
            continue;
        }
        let steps = path.split('/').map(|step| match step.strip_prefix('{') {
            Some(name) => places.get(name.trim_end_matches('}')).map_or("x", String::as_str),
            None => step,
        });
        let path = steps.collect::<Vec<_>>().join("/");
        let mut answer = world.call("not-a-key", &method, &path, body).await;
        assert_eq!(answer.status, 401, "{method} {path} answered {}", answer.body);
        answer.body.as_object_mut().unwrap().remove("requestId");
        answers.push(answer.body);
    }
    answers.sort_by_key(Value::to_string);
    answers.dedup();
    let wanted: Vec<_> =
        answers.iter().map(|answer| answer["detail"].as_str().unwrap().split_once(": ").unwrap().1).collect();
    assert_eq!(wanted, ["send `API-Key: KEY`", "send `Authorization: Bearer KEY`"], "{answers:?}");
}

/// Where an operation takes an id besides its path: in its query or its body.
fn ids_beside_the_path() -> Vec<String> {
    let document = serde_json::to_value(cornet::api::openapi()).unwrap();
    let mut found = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let parameters = operation["parameters"].as_array().into_iter().flatten();
            let query = parameters.filter(|parameter| parameter["in"] == "query").map(|one| one["name"].clone());
            let schema = &operation["requestBody"]["content"]["application/json"]["schema"];
            let name = schema["$ref"].as_str().and_then(|reference| reference.rsplit('/').next()).unwrap_or_default();
            let members = document["components"]["schemas"][name]["properties"].as_object();
            let members = members.into_iter().flat_map(|members| members.keys().map(|name| json!(name)));
            let names = query.chain(members).filter_map(|name| name.as_str().map(str::to_owned));
            // These two are a caller's own words.
            let ids = names.filter(|name| name.ends_with("_id") || name.ends_with("Id"));
            let ids = ids.filter(|name| !["eventId", "sessionId"].contains(&name.as_str()));
            found.extend(ids.map(|name| format!("{method} {path} {name}")));
        }
    }
    found
}

/// THREATS G02, G03: an id in a query or a body is answered like one of nothing, too. A new one has to be added here.
#[tokio::test]
async fn an_id_beside_the_path_tells_nothing() {
    let expected = [
        "get /api/v1/app/{application_id}/attempt/endpoint/{endpoint_id} endpoint_id",
        "get /api/v1/app/{application_id}/attempt/msg/{message_id} endpoint_id",
        "post /api/v1/inbox applicationId",
        "post /api/v1/management/authentication/{environment_id}/api-token applicationId",
        "put /v1/environment/webhooks/{webhook_id} webhook_id",
    ];
    assert_eq!(ids_beside_the_path(), expected);
    let world = World::new().await;
    let (foreign, missing) = (things(&world).await, nothing(&world).await);
    let call = |method: &'static str, path: String, body: Option<Value>| {
        let world = &world;
        async move { world.call(OTHER_KEY, method, &path, body).await }
    };
    let endpoint = json!({"url": "https://example.com/"});
    let endpoint = call("POST", "/api/v1/app/default/endpoint".to_owned(), Some(endpoint)).await.assert(201);
    let message = json!({"eventType": "a", "payload": {}});
    let message = call("POST", "/api/v1/app/default/msg".to_owned(), Some(message)).await.assert(202);
    let attempts = "/api/v1/app/default/attempt";
    let lists =
        [format!("{attempts}/endpoint/{}", endpoint.text("id")), format!("{attempts}/msg/{}", message.text("id"))];
    let mut answers = Vec::new();
    for places in [&foreign, &missing] {
        let mut of_these = Vec::new();
        for list in &lists {
            of_these.push(call("GET", format!("{list}?endpoint_id={}", places["endpoint_id"]), None).await);
        }
        let inbox = json!({"applicationId": places["application_id"]});
        of_these.push(call("POST", "/api/v1/inbox".to_owned(), Some(inbox)).await);
        answers.push(of_these);
    }
    for (of_foreign, of_missing) in std::iter::zip(&answers[0], &answers[1]) {
        let told = |answer: &Answer| {
            let mut body = answer.body.clone();
            body.as_object_mut().unwrap().remove("requestId");
            (answer.status, body)
        };
        assert_eq!(told(of_foreign), told(of_missing));
    }
}

#[tokio::test]
async fn a_key_is_found_in_its_own_environment_alone() {
    let world = World::new().await;
    let admin = world.admin_key().await;
    let tokens = |environment: &str| format!("/api/v1/management/authentication/{environment}/api-token");
    let first = world.store.default_environment().await.unwrap().unwrap().to_string();
    let listed = world.call(&admin, "GET", "/api/v1/management/environment", None).await.assert(200).column("id");
    let second = listed.iter().find(|id| **id != first).unwrap();
    let made = world.call(&admin, "POST", &tokens(&first), Some(json!({"name": "A"}))).await.assert(200);
    for environment in [second.clone(), never::<EnvironmentKind>(&world), "env_1".to_owned(), "default".to_owned()] {
        for key in [made.text("id").to_owned(), never::<ApiKeyKind>(&world), "key_1".to_owned()] {
            let path = format!("{}/{key}", tokens(&environment));
            world.call(&admin, "GET", &path, None).await.refused(404, "not_found");
            let expire = format!("{path}/expire");
            world.call(&admin, "POST", &expire, Some(json!({}))).await.refused(404, "not_found");
        }
    }
    world.call(made.text("token"), "GET", "/api/v1/app", None).await.assert(200);
    // Nor does a key open an application of another environment.
    let application = world.post("/api/v1/app", json!({"name": "A"})).await.assert(201).text("id").to_owned();
    let wanted = json!({"name": "A", "applicationId": application});
    world.call(&admin, "POST", &tokens(second), Some(wanted)).await.refused(404, "not_found");
}
