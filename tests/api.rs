//! The API as its callers meet it: shapes, statuses, pages, keys, idempotency, and errors that say what to do.

#[expect(dead_code, reason = "each test binary uses its own part of the support")]
mod support;

use std::thread;

use serde_json::{Value, json};

use support::client::Client;
use support::receiver::Reply;
use support::scene::{Scene, array, text};
use support::server::API_KEY;

/// The 41 operations of the Svix server's API, as method and path.
const OPERATIONS: [(&str, &str); 41] = [
    ("get", "/api/v1/app"),
    ("post", "/api/v1/app"),
    ("delete", "/api/v1/app/{app_id}"),
    ("get", "/api/v1/app/{app_id}"),
    ("patch", "/api/v1/app/{app_id}"),
    ("put", "/api/v1/app/{app_id}"),
    ("get", "/api/v1/app/{app_id}/attempt/endpoint/{endpoint_id}"),
    ("get", "/api/v1/app/{app_id}/attempt/msg/{msg_id}"),
    ("get", "/api/v1/app/{app_id}/endpoint"),
    ("post", "/api/v1/app/{app_id}/endpoint"),
    ("delete", "/api/v1/app/{app_id}/endpoint/{endpoint_id}"),
    ("get", "/api/v1/app/{app_id}/endpoint/{endpoint_id}"),
    ("patch", "/api/v1/app/{app_id}/endpoint/{endpoint_id}"),
    ("put", "/api/v1/app/{app_id}/endpoint/{endpoint_id}"),
    ("get", "/api/v1/app/{app_id}/endpoint/{endpoint_id}/headers"),
    ("patch", "/api/v1/app/{app_id}/endpoint/{endpoint_id}/headers"),
    ("put", "/api/v1/app/{app_id}/endpoint/{endpoint_id}/headers"),
    ("get", "/api/v1/app/{app_id}/endpoint/{endpoint_id}/msg"),
    ("post", "/api/v1/app/{app_id}/endpoint/{endpoint_id}/recover"),
    ("get", "/api/v1/app/{app_id}/endpoint/{endpoint_id}/secret"),
    ("post", "/api/v1/app/{app_id}/endpoint/{endpoint_id}/secret/rotate"),
    ("post", "/api/v1/app/{app_id}/endpoint/{endpoint_id}/send-example"),
    ("get", "/api/v1/app/{app_id}/endpoint/{endpoint_id}/stats"),
    ("get", "/api/v1/app/{app_id}/msg"),
    ("post", "/api/v1/app/{app_id}/msg"),
    ("get", "/api/v1/app/{app_id}/msg/{msg_id}"),
    ("get", "/api/v1/app/{app_id}/msg/{msg_id}/attempt/{attempt_id}"),
    ("delete", "/api/v1/app/{app_id}/msg/{msg_id}/attempt/{attempt_id}/content"),
    ("delete", "/api/v1/app/{app_id}/msg/{msg_id}/content"),
    ("get", "/api/v1/app/{app_id}/msg/{msg_id}/endpoint"),
    ("post", "/api/v1/app/{app_id}/msg/{msg_id}/endpoint/{endpoint_id}/resend"),
    ("post", "/api/v1/auth/app-portal-access/{app_id}"),
    ("post", "/api/v1/auth/logout"),
    ("get", "/api/v1/event-type"),
    ("post", "/api/v1/event-type"),
    ("delete", "/api/v1/event-type/{event_type_name}"),
    ("get", "/api/v1/event-type/{event_type_name}"),
    ("patch", "/api/v1/event-type/{event_type_name}"),
    ("put", "/api/v1/event-type/{event_type_name}"),
    ("get", "/api/v1/health"),
    ("get", "/api/v1/health/ping"),
];

/// A path without the names of its parameters, which never go over the wire.
fn shape(path: &str) -> String {
    path.split('/').map(|part| if part.starts_with('{') { "{}" } else { part }).collect::<Vec<_>>().join("/")
}

#[test]
fn the_document_names_every_operation() {
    let scene = Scene::new();
    let document = scene.client.with_key(None).get("/openapi.json").expect_status(200).json();
    assert!(text(&document["openapi"]).starts_with("3.1"));
    let paths = document["paths"].as_object().unwrap();
    for (method, path) in OPERATIONS {
        let same_shape = |known: &&String| shape(known) == shape(path);
        let item = paths.keys().find(same_shape).map(|known| &paths[known]);
        assert!(item.is_some_and(|item| item[method].is_object()), "{method} {path} is not in the document");
    }
}

#[test]
fn every_operation_but_health_wants_the_key() {
    let scene = Scene::new();
    let wrong = format!("{API_KEY}x");
    for (method, path) in OPERATIONS {
        if path.starts_with("/api/v1/health") {
            continue;
        }
        let path = path.replace(['{', '}'], "");
        for key in [None, Some(""), Some("x"), Some(wrong.as_str()), Some(&API_KEY[1..])] {
            let body = (method != "get" && method != "delete").then_some(b"{}".as_slice());
            let answer = scene.client.with_key(key).send(&method.to_uppercase(), &path, &[], body);
            answer.expect_problem(401);
        }
    }
}

#[test]
fn health_answers_anybody() {
    let scene = Scene::new();
    let stranger = scene.client.with_key(None);
    stranger.get("/api/v1/health").expect_status(204);
    stranger.get("/api/v1/health/ping").expect_status(204);
    stranger.get("/healthz").expect_status(200);
    stranger.get("/readyz").expect_status(200);
}

#[test]
fn an_application_lives() {
    let Scene { client, .. } = &Scene::new();
    let made = client.post("/api/v1/app", &json!({"name": "One", "uid": "one", "metadata": {"a": "b"}}));
    let made = made.expect_status(201).json();
    let id = text(&made["id"]);
    assert!(id.starts_with("app_"), "{id}");
    for name in ["id", "one"] {
        let path = format!("/api/v1/app/{}", if name == "id" { id.as_str() } else { name });
        assert_eq!(client.get(&path).expect_status(200).json(), made);
    }
    client.post("/api/v1/app", &json!({"name": "Again", "uid": "one"})).expect_problem(409);
    let existing = client.post("/api/v1/app?get_if_exists=true", &json!({"name": "Again", "uid": "one"}));
    assert_eq!(existing.expect_status(200).json()["name"], "One");
    let new = client.post("/api/v1/app?get_if_exists=true", &json!({"name": "Two", "uid": "two"}));
    new.expect_status(201);
    client.put("/api/v1/app/three", &json!({"name": "Three", "uid": "three"})).expect_status(201);
    let changed = client.put("/api/v1/app/one", &json!({"name": "Uno", "uid": "one"})).expect_status(200).json();
    assert_eq!((&changed["id"], &changed["name"], &changed["metadata"]), (&json!(id), &json!("Uno"), &json!({})));
    let patched = client.patch("/api/v1/app/one", &json!({"uid": null, "name": "Anon"})).expect_status(200).json();
    assert_eq!((&patched["uid"], &patched["name"]), (&Value::Null, &json!("Anon")));
    client.get("/api/v1/app/one").expect_problem(404);
    client.delete(&format!("/api/v1/app/{id}")).expect_status(204);
    client.get(&format!("/api/v1/app/{id}")).expect_problem(404);
    client.delete(&format!("/api/v1/app/{id}")).expect_problem(404);
}

/// Walks a list from its start to its end; returns the pages' items by the member `name`, and each page's answer.
fn walk(scene: &Scene, path: &str, name: &str) -> (Vec<String>, Vec<Value>) {
    let (mut names, mut pages, mut query) = (Vec::new(), Vec::new(), String::new());
    loop {
        let page = scene.client.get(&format!("{path}{query}")).expect_status(200).json();
        names.extend(array(&page["data"]).iter().map(|item| text(&item[name])));
        let done = page["done"].as_bool().expect("done is true or false");
        if !done {
            query = format!("&iterator={}", text(&page["iterator"]));
        }
        pages.push(page);
        assert!(pages.len() < 100, "the list never ends");
        if done {
            return (names, pages);
        }
    }
}

#[test]
fn pages_show_each_item_once_forwards_and_back() {
    let scene = Scene::new();
    for number in 0..7 {
        let body = json!({"name": format!("t{number}"), "description": "x"});
        scene.client.post("/api/v1/event-type", &body).expect_status(201);
    }
    let all: Vec<_> = (0..7).map(|number| format!("t{number}")).collect();
    for limit in [1, 2, 3, 7, 50] {
        let path = format!("/api/v1/event-type?limit={limit}&order=ascending");
        let (names, pages) = walk(&scene, &path, "name");
        assert_eq!(names, all, "with pages of {limit}");
        if pages.len() > 1 {
            let back = format!("{path}&iterator={}", text(&pages[1]["prevIterator"]));
            let before = scene.client.get(&back).expect_status(200).json();
            assert_eq!(before["data"], pages[0]["data"], "the page before, with pages of {limit}");
        }
    }
    let mut reversed = walk(&scene, "/api/v1/event-type?limit=3&order=descending", "name").0;
    reversed.reverse();
    assert_eq!(reversed, all);
}

#[test]
fn a_list_says_so_when_a_limit_or_an_iterator_is_senseless() {
    let scene = Scene::new();
    for query in ["limit=-1", "limit=x", "limit=99999999999999999999", "iterator=%00", "iterator=nonsense", "order=up"]
    {
        let answer = scene.client.get(&format!("/api/v1/app?{query}"));
        assert!((400..500).contains(&answer.status), "{query}: {}", answer.status);
        let status = answer.status;
        answer.expect_problem(status);
    }
}

#[test]
fn messages_are_listed_with_and_without_their_payloads() {
    let scene = Scene::new();
    let id = scene.message(&json!({"a": [1, 2]}));
    let path = scene.app(&format!("/msg/{id}"));
    assert_eq!(scene.client.get(&path).expect_status(200).json()["payload"], json!({"a": [1, 2]}));
    let bare = scene.client.get(&format!("{path}?with_content=false")).expect_status(200).json();
    assert_eq!(bare["payload"], json!({}));
    let list = scene.client.get(&scene.app("/msg?with_content=true&event_types=test.event,x.y")).expect_status(200);
    assert_eq!(list.json()["data"][0]["payload"], json!({"a": [1, 2]}));
    scene.client.delete(&format!("{path}/content")).expect_status(204);
    assert_ne!(scene.client.get(&path).expect_status(200).json()["payload"], json!({"a": [1, 2]}));
    scene.client.get(&scene.app("/msg/msg_00000000000000000000000000")).expect_problem(404);
}

#[test]
fn the_same_key_and_body_get_the_same_answer_also_after_a_restart() {
    let scene = Scene::new();
    let path = scene.app("/msg");
    let body = br#"{"eventType":"a.b","payload":{"n":1}}"#;
    let key = [("idempotency-key", "key-1")];
    let first = scene.client.send("POST", &path, &key, Some(body)).expect_status(202);
    let second = scene.client.send("POST", &path, &key, Some(body)).expect_status(202);
    assert_eq!(first.body, second.body);
    let scene = scene.restarted();
    let third = scene.client.send("POST", &path, &key, Some(body)).expect_status(202);
    assert_eq!(first.body, third.body);
    let other = br#"{"eventType":"a.b","payload":{"n":2}}"#;
    scene.client.send("POST", &path, &key, Some(other)).expect_problem(409);
    scene.client.send("POST", "/api/v1/app", &key, Some(br#"{"name":"x"}"#)).expect_problem(409);
    let list = scene.client.get(&path).expect_status(200).json();
    assert_eq!(array(&list["data"]).len(), 1, "one message for one key");
}

#[test]
fn a_key_used_many_times_at_once_makes_one_message() {
    let scene = Scene::new();
    let path = scene.app("/msg");
    let send = || {
        let body = br#"{"eventType":"a.b","payload":{"n":1}}"#;
        let answer = scene.client.send("POST", &path, &[("idempotency-key", "at-once")], Some(body));
        text(&answer.expect_status(202).json()["id"])
    };
    let ids = thread::scope(|scope| {
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(send)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect::<Vec<_>>()
    });
    assert!(ids.iter().all(|id| *id == ids[0]), "{ids:?}");
    assert_eq!(array(&scene.client.get(&path).expect_status(200).json()["data"]).len(), 1);
}

#[test]
fn other_creations_honour_the_key_too() {
    let scene = Scene::new();
    let url = json!({"url": scene.receiver.url("/hook")}).to_string();
    for (path, body) in [
        ("/api/v1/app".to_owned(), r#"{"name":"x"}"#.to_owned()),
        (scene.app("/endpoint"), url),
        ("/api/v1/event-type".to_owned(), r#"{"name":"k.v","description":"d"}"#.to_owned()),
    ] {
        let key = [("idempotency-key", path.as_str())];
        let first = scene.client.send("POST", &path, &key, Some(body.as_bytes())).expect_status(201);
        let second = scene.client.send("POST", &path, &key, Some(body.as_bytes())).expect_status(201);
        assert_eq!(first.body, second.body, "{path}");
    }
}

/// THREATS H08: an idempotency key outlives the API key that it came with.
#[test]
fn an_idempotency_key_is_the_environments_whichever_key_it_comes_with() {
    let scene = Scene::new();
    let environments = scene.client.get("/api/v1/management/environment").expect_status(200).json();
    let environment = text(&environments["data"][0]["id"]);
    let tokens = format!("/api/v1/management/authentication/{environment}/api-token");
    let made = scene.client.post(&tokens, &json!({"name": "other"})).expect_status(200).json();
    let other = scene.client.with_key(made["token"].as_str());
    let body = json!({"eventType": "a.b", "payload": {"n": 1}}).to_string();
    let post = |client: &Client| {
        let key = [("idempotency-key", "one-and-the-same")];
        client.send("POST", &scene.app("/msg"), &key, Some(body.as_bytes())).expect_status(202).json()
    };
    assert_eq!(post(&scene.client)["id"], post(&other)["id"]);
}

#[test]
fn a_senseless_idempotency_key_is_refused() {
    let scene = Scene::new();
    let body = br#"{"eventType":"a.b","payload":{}}"#;
    let long = "k".repeat(257);
    for key in ["", long.as_str(), "caf\u{e9}"] {
        let answer = scene.client.send("POST", &scene.app("/msg"), &[("idempotency-key", key)], Some(body));
        answer.expect_problem(422);
    }
}

#[test]
fn an_event_id_is_used_once() {
    let scene = Scene::new();
    let body = json!({"eventType": "a.b", "eventId": "order-1", "payload": {"n": 1}});
    let id = text(&scene.client.post(&scene.app("/msg"), &body).expect_status(202).json()["id"]);
    scene.client.post(&scene.app("/msg"), &body).expect_problem(409);
    let got = scene.client.get(&scene.app("/msg/order-1")).expect_status(200).json();
    assert_eq!(got["id"], id.as_str());
}

#[test]
fn an_endpoint_lives() {
    let scene = Scene::new();
    let id = scene.endpoint_with("/a", json!({"uid": "mine", "description": "d", "metadata": {"k": "v"}}));
    assert!(id.starts_with("ep_"), "{id}");
    let path = scene.app("/endpoint/mine");
    let got = scene.client.get(&path).expect_status(200).json();
    assert_eq!((&got["id"], &got["disabled"], &got["eventTypes"]), (&json!(id), &json!(false), &Value::Null));
    let patched = scene.client.patch(&path, &json!({"disabled": true})).expect_status(200).json();
    assert_eq!((&patched["disabled"], &patched["description"]), (&json!(true), &json!("d")));
    let replaced = scene.client.put(&path, &json!({"url": scene.receiver.url("/b"), "uid": "mine"})).expect_status(200);
    assert_eq!((&replaced.json()["disabled"], &replaced.json()["description"]), (&json!(false), &json!("")));
    scene
        .client
        .put(&scene.app("/endpoint/new"), &json!({"url": scene.receiver.url("/n"), "uid": "new"}))
        .expect_status(201);
    scene
        .client
        .post(&scene.app("/endpoint"), &json!({"url": scene.receiver.url("/a"), "uid": "mine"}))
        .expect_problem(409);
    scene.client.delete(&path).expect_status(204);
    scene.client.get(&path).expect_problem(404);
}

#[test]
fn an_event_type_lives() {
    let Scene { client, .. } = &Scene::new();
    let body = json!({"name": "user.created", "description": "d", "schemas": {"1": {"type": "object"}}});
    client.post("/api/v1/event-type", &body).expect_status(201);
    client.post("/api/v1/event-type", &body).expect_problem(409);
    client.patch("/api/v1/event-type/user.created", &json!({"deprecated": true})).expect_status(200);
    let got = client.get("/api/v1/event-type/user.created").expect_status(200).json();
    assert_eq!((&got["deprecated"], &got["archived"]), (&json!(true), &json!(false)));
    client.put("/api/v1/event-type/new.one", &json!({"description": "n"})).expect_status(201);
    client.put("/api/v1/event-type/new.one", &json!({"description": "m"})).expect_status(200);
    client.delete("/api/v1/event-type/user.created").expect_status(204);
    let shown = client.get("/api/v1/event-type?include_archived=false").expect_status(200).json();
    assert!(!array(&shown["data"]).iter().any(|one| one["name"] == "user.created"), "an archived type is listed");
    client.delete("/api/v1/event-type/new.one?expunge=true").expect_status(204);
    client.get("/api/v1/event-type/new.one").expect_problem(404);
}

#[test]
fn attempts_are_found_by_status_and_can_be_emptied() {
    let scene = Scene::with(|launch| launch.with("CORNET_RETRY_SCHEDULE", "none"));
    let endpoint = scene.endpoint("/hook");
    scene.receiver.on("/hook", [Reply::status(404).body("secret words"), Reply::status(200)]);
    let failed = scene.message(&json!({"n": 1}));
    scene.wait_for_state(&failed, &endpoint, "fail");
    let good = scene.message(&json!({"n": 2}));
    scene.wait_for_state(&good, &endpoint, "success");
    for (query, expected) in [
        ("status=0", vec![&good]),
        ("status=2", vec![&failed]),
        ("status_code_class=400", vec![&failed]),
        ("status_code_class=200", vec![&good]),
        ("after=2100-01-01T00:00:00Z", vec![]),
        ("before=2100-01-01T00:00:00Z", vec![&good, &failed]),
        ("event_types=no.such", vec![]),
    ] {
        let path = scene.app(&format!("/attempt/endpoint/{endpoint}?{query}"));
        let list = scene.client.get(&path).expect_status(200).json();
        let ids: Vec<_> = array(&list["data"]).iter().map(|attempt| text(&attempt["msgId"])).collect();
        assert_eq!(ids.iter().collect::<Vec<_>>(), expected, "{query}");
        let path = scene.app(&format!("/endpoint/{endpoint}/msg?{}", query.replace("status_code_class", "x")));
        if !query.starts_with("status_code_class") {
            let list = scene.client.get(&path).expect_status(200).json();
            assert_eq!(array(&list["data"]).len(), expected.len(), "{query}");
        }
    }
    let attempt = scene.attempts(&failed).remove(0);
    let path = scene.app(&format!("/msg/{failed}/attempt/{}", text(&attempt["id"])));
    assert_eq!(scene.client.get(&path).expect_status(200).json()["response"], "secret words");
    scene.client.delete(&format!("{path}/content")).expect_status(204);
    assert_ne!(scene.client.get(&path).expect_status(200).json()["response"], "secret words");
}

#[test]
fn a_child_is_not_found_under_another_parent() {
    let scene = Scene::new();
    let endpoint = scene.endpoint("/hook");
    let message = scene.message(&json!({"n": 1}));
    scene.client.post("/api/v1/app", &json!({"name": "Other", "uid": "other"})).expect_status(201);
    for path in [
        format!("/endpoint/{endpoint}"),
        format!("/endpoint/{endpoint}/secret"),
        format!("/endpoint/{endpoint}/headers"),
        format!("/endpoint/{endpoint}/stats"),
        format!("/endpoint/{endpoint}/msg"),
        format!("/attempt/endpoint/{endpoint}"),
        format!("/msg/{message}"),
        format!("/msg/{message}/endpoint"),
        format!("/attempt/msg/{message}"),
    ] {
        scene.client.get(&scene.app(&path)).expect_status(200);
        scene.client.get(&format!("/api/v1/app/other{path}")).expect_problem(404);
    }
}

#[test]
fn an_example_is_sent_to_one_endpoint() {
    let scene = Scene::new();
    scene.client.post("/api/v1/event-type", &json!({"name": "user.created", "description": "d"})).expect_status(201);
    let endpoint = scene.endpoint("/hook");
    scene.endpoint("/other");
    let path = scene.app(&format!("/endpoint/{endpoint}/send-example"));
    let message = scene.client.post(&path, &json!({"eventType": "user.created"})).expect_status(200).json();
    scene.receiver.wait_for("/hook", 1);
    scene.wait_for_state(&text(&message["id"]), &endpoint, "success");
    assert_eq!(scene.receiver.received("/other").len(), 0);
}

#[test]
fn a_portal_link_and_a_logout_are_answered() {
    let scene = Scene::new();
    let access = scene.client.post("/api/v1/auth/app-portal-access/default", &json!({})).expect_status(200).json();
    assert!(text(&access["url"]).starts_with("http") && !text(&access["token"]).is_empty());
    scene.client.send("POST", "/api/v1/auth/logout", &[], None).expect_status(204);
    scene.client.get("/api/v1/app/default").expect_status(200);
}
