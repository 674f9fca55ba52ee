//! Transformations on real deliveries: what the code makes is what is signed and sent, the same at each repeat; what it may
//! not do it can't; and what code can't be stopped by asking is stopped all the same.

#[expect(dead_code, reason = "each test binary uses its own part of the support")]
mod support;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use support::receiver::{Received, Reply};
use support::scene::{Scene, array, text};
use support::until;

/// What stands in the variables, and nowhere else.
const SECRET: &str = "hush-hush-hush-of-a-variable";

fn path(scene: &Scene, endpoint: &str) -> String {
    scene.app(&format!("/endpoint/{endpoint}/transformation"))
}

/// Gives an endpoint a handler with these lines.
#[track_caller]
fn set(scene: &Scene, endpoint: &str, lines: &str) {
    let code = format!("function handler(webhook) {{\n{lines};\nreturn webhook }}");
    let body = json!({"code": code, "enabled": true, "variables": {"TOKEN": SECRET}});
    scene.client.patch(&path(scene, endpoint), &body).expect_status(204);
}

/// The receiver's path with an endpoint that has a handler with these lines.
#[track_caller]
fn endpoint(scene: &Scene, receiver: &str, lines: &str) -> String {
    let endpoint = scene.endpoint(receiver);
    set(scene, &endpoint, lines);
    endpoint
}

/// The attempts of a message once its delivery stands like this, the first one first.
fn attempts(scene: &Scene, message: &str, endpoint: &str, state: &str) -> Vec<Value> {
    scene.wait_for_state(message, endpoint, state);
    scene.attempts(message).into_iter().rev().collect()
}

#[track_caller]
fn assert_verifies(scene: &Scene, endpoint: &str, came: &Received) {
    let secret = standardwebhooks::Webhook::new(&scene.secret(endpoint)).expect("a secret");
    let headers = came.headers.iter().map(|(name, value)| {
        let name = http::HeaderName::try_from(name.as_str()).expect("a name");
        (name, http::HeaderValue::try_from(value.as_str()).expect("a value"))
    });
    secret.verify(&came.body, &headers.collect()).expect("it verifies");
}

#[test]
fn what_the_code_makes_is_signed_and_sent() {
    let scene = Scene::new();
    let lines = "webhook.payload = { text: webhook.eventType + ' ' + webhook.payload.id, ...webhook.payload }; \
        webhook.method = 'PUT'; webhook.url = webhook.url + '/other?x=1'; \
        webhook.headers = { 'X-Own': webhook.variables.TOKEN, 'x-of-endpoint': 'code' }";
    let endpoint = scene.endpoint_with("/hook", json!({"headers": {"x-of-endpoint": "its own"}}));
    set(&scene, &endpoint, lines);
    let message = scene.message(&json!({"id": 7}));
    let attempts = attempts(&scene, &message, &endpoint, "success");
    let came = scene.receiver.received("/hook/other?x=1").remove(0);
    assert_eq!((came.method.as_str(), came.text()), ("PUT", r#"{"text":"test.event 7","id":7}"#));
    assert_eq!((came.header("x-own"), came.header("x-of-endpoint")), (SECRET, "code"));
    assert_verifies(&scene, &endpoint, &came);
    // What is shown of the attempt is formed again by the same code, and conceals what the code adds.
    assert_eq!(attempts[0]["url"], json!(scene.receiver.url("/hook/other?x=1")));
    let request = scene.app(&format!("/msg/{message}/attempt/{}/request", text(&attempts[0]["id"])));
    let shown = scene.client.get(&request).expect_status(200).json();
    assert_eq!((&shown["method"], &shown["body"], &shown["exact"]), (&json!("PUT"), &json!(came.text()), &json!(true)));
    assert_eq!((&shown["headers"]["x-own"], &shown["headers"]["host"]), (&json!("•••"), &json!(came.header("host"))));
    assert_eq!(shown["headers"]["webhook-signature"], json!(came.header("webhook-signature")));
    set(&scene, &endpoint, "webhook.payload = []");
    let shown = scene.client.get(&request).expect_status(200).json();
    assert_eq!(shown["exact"], false);
    assert!(shown["notes"].to_string().contains("transformation has been changed"), "{shown}");
}

#[test]
fn a_body_that_is_left_alone_is_sent_as_it_was_posted() {
    let scene = Scene::new();
    let endpoint = endpoint(&scene, "/hook", "webhook.headers['x-seen'] = '1'");
    let payload = "{ \"b\" : 40.0, \"a\":1e5, \"big\": 12345678901234567890 }";
    let message = scene.message_text(payload);
    scene.wait_for_state(&message, &endpoint, "success");
    let came = scene.receiver.received("/hook").remove(0);
    assert_eq!((came.text(), came.header("x-seen")), (payload, "1"));
}

#[test]
fn repeats_have_the_same_bytes_whatever_the_code_asks_of_chance_and_time() {
    let scene = Scene::new();
    scene.receiver.on("/hook", [Reply::status(500), Reply::status(500), Reply::status(204)]);
    let lines = "webhook.payload = [Math.random(), Math.random(), Date.now(), new Date(), Date()]";
    let endpoint = endpoint(&scene, "/hook", lines);
    let message = scene.message(&json!({}));
    assert_eq!(attempts(&scene, &message, &endpoint, "success").len(), 3);
    let came = scene.receiver.received("/hook");
    assert!(came.len() == 3 && came.iter().all(|one| one.text() == came[0].text()), "{came:?}");
    let other = scene.message(&json!({}));
    scene.wait_for_state(&other, &endpoint, "success");
    assert_ne!(scene.receiver.received("/hook")[3].text(), came[0].text());
}

#[test]
fn what_fails_is_a_failed_attempt_that_says_why_and_is_tried_again_with_the_code_of_then() {
    let scene = Scene::with(|launch| launch.with("CORNET_RETRY_SCHEDULE", "50ms,1500ms"));
    let endpoint = endpoint(&scene, "/hook", "throw new Error('no such order: ' + webhook.variables.TOKEN)");
    let message = scene.message(&json!({}));
    until("two attempts", || (scene.attempts(&message).len() >= 2).then_some(()));
    set(&scene, &endpoint, "webhook.payload = { mended: true }");
    let attempts = attempts(&scene, &message, &endpoint, "success");
    assert_eq!(attempts.len(), 3);
    assert_eq!(attempts[0]["errorCode"], "transformation");
    let why = text(&attempts[0]["errorDetail"]);
    assert!(why.starts_with("Error: no such order: ••• (line 2): The endpoint's transformation failed"), "{why}");
    assert_eq!(scene.receiver.received("/hook").len(), 1, "nothing was sent that the code did not make");
    let request = scene.app(&format!("/msg/{message}/attempt/{}/request", text(&attempts[0]["id"])));
    assert_eq!(scene.client.get(&request).expect_status(200).json()["exact"], false);
}

#[test]
fn cancelling_ends_the_delivery_in_a_state_that_says_so() {
    let scene = Scene::new();
    let endpoint = endpoint(&scene, "/hook", "webhook.cancel = webhook.payload.skip === true");
    let (skipped, sent) = (scene.message(&json!({"skip": true})), scene.message(&json!({"skip": false})));
    let path = scene.app(&format!("/msg/{skipped}/endpoint?expanded_statuses=true"));
    until("the delivery is cancelled", || {
        let list = scene.client.get(&path).expect_status(200).json();
        (list["data"][0]["statusText"] == "canceled").then_some(())
    });
    let attempts = scene.attempts(&skipped);
    assert_eq!((attempts.len(), &attempts[0]["errorCode"]), (1, &json!("transformation_cancelled")));
    scene.wait_for_state(&sent, &endpoint, "success");
    assert_eq!(scene.receiver.received("/hook").len(), 1);
}

#[test]
fn code_reaches_nothing_that_an_endpoint_could_not() {
    let scene = Scene::new();
    for (number, (line, code, why)) in [
        ("webhook.url = 'http://169.254.169.254/latest/meta-data/'", "target_forbidden", "public internet"),
        ("webhook.url = 'http://[fd00:ec2::254]/'", "target_forbidden", ""),
        ("webhook.url = 'http://10.0.0.1/'", "target_forbidden", ""),
        ("webhook.url = 'http://192.168.0.1/'", "target_forbidden", ""),
        ("webhook.url = 'file:///etc/passwd'", "transformation", "`url`"),
        ("webhook.url = 'http://user:password@example.com/'", "transformation", "`url`"),
        ("webhook.url = {}", "transformation", "`url`"),
        ("webhook.headers = { 'webhook-signature': 'v1,AAAA' }", "transformation", "`headers`"),
        ("webhook.headers = { 'Transfer-Encoding': 'chunked' }", "transformation", "`headers`"),
        ("webhook.headers = { host: 'example.com' }", "transformation", "`headers`"),
        ("webhook.headers = { 'x-a': 'b\\r\\nx-c: d' }", "transformation", "`headers`"),
        ("webhook.method = 'DELETE'", "transformation", "`method`"),
        ("webhook.payload = 'x'.repeat(2e6)", "transformation", "`payload`"),
        ("webhook.payload = ['x'.repeat(2e6)]", "transformation", "`payload`"),
        ("return fetch('http://example.com/')", "transformation", "fetch"),
        ("return require('fs')", "transformation", "require"),
    ]
    .into_iter()
    .enumerate()
    {
        let uid = format!("e{number}");
        let endpoint = scene.endpoint_with("/hook", json!({"uid": uid}));
        set(&scene, &endpoint, line);
        let message = scene.message(&json!({}));
        let attempts = attempts(&scene, &message, &endpoint, "fail");
        let first = attempts.iter().find(|attempt| attempt["endpointId"] == *endpoint).expect("an attempt");
        assert_eq!(first["errorCode"], code, "{line}: {first}");
        assert!(text(&first["errorDetail"]).contains(why), "{line}: {first}");
        scene.client.delete(&scene.app(&format!("/endpoint/{uid}"))).expect_status(204);
    }
    assert_eq!(scene.receiver.all().len(), 0);
}

#[test]
fn loops_of_the_interpreter_are_ended_from_outside_and_the_next_run_goes_well() {
    let scene = Scene::new();
    let good = scene.endpoint("/good");
    // None of them takes memory as it goes on, or that might run out first.
    for line in [
        "'a'.repeat(4e6).indexOf('a'.repeat(2e6) + 'b')",
        "Array.prototype.reverse.call({ length: 2 ** 53 - 1 })",
        "new Array(4294967295).join('')",
    ] {
        let wanted = json!({"code": format!("function handler(webhook) {{ {line}; return webhook }}"),
            "eventType": "a", "payload": {}});
        let problem = scene.client.post(&format!("{}/simulate", path(&scene, &good)), &wanted).expect_problem(422);
        assert_eq!(problem["detail"][0]["msg"], "the code did not end within 50 ms", "{line}: {problem}");
    }
    set(&scene, &good, "webhook.payload = [1]");
    let message = scene.message(&json!({}));
    scene.wait_for_state(&message, &good, "success");
    assert_eq!(scene.receiver.received("/good")[0].text(), "[1]");
    // Those that were ended are gone, and so are all when the server ends.
    let of_server = || children(scene.server.process_id());
    until("at most two processes", || (of_server().len() <= 2).then_some(()));
    let left = of_server();
    let Scene { server, .. } = scene;
    server.kill();
    until("none outlives its server", || left.iter().all(|id| !is_running(*id)).then_some(()));
}

/// The processes that this one has made and that run.
fn children(process_id: u32) -> Vec<u32> {
    let listed = std::fs::read_dir("/proc").expect("a list of processes").flatten();
    let ids = listed.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    ids.filter(|id| parent(*id) == Some(process_id)).collect()
}

fn is_running(id: u32) -> bool {
    parent(id).is_some()
}

/// Who made a process, unless it is no more, or waits for being buried.
fn parent(id: u32) -> Option<u32> {
    let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    let mut parts = stat.rsplit_once(") ")?.1.split(' ');
    let state = parts.next()?;
    parts.next()?.parse().ok().filter(|_| state != "Z")
}

/// Nobody who runs code can open anything, and nothing that the server holds is there to be read.
#[test]
fn the_process_that_runs_code_has_neither_files_nor_keys() {
    let scene = Scene::new();
    let endpoint = endpoint(&scene, "/hook", "webhook.payload = [1]");
    let message = scene.message(&json!({}));
    scene.wait_for_state(&message, &endpoint, "success");
    let workers = children(scene.server.process_id());
    assert!(!workers.is_empty());
    for id in workers {
        let environment = std::fs::read(format!("/proc/{id}/environ")).expect("it is ours");
        assert_eq!(environment, b"", "its environment");
        let data = scene.data_dir().display().to_string();
        for entry in std::fs::read_dir(format!("/proc/{id}/fd")).expect("it is ours").flatten() {
            let open = std::fs::read_link(entry.path()).unwrap_or_default().display().to_string();
            assert!(!open.starts_with("socket:") && !open.starts_with(&data), "it holds {open}");
        }
        let limits = std::fs::read_to_string(format!("/proc/{id}/limits")).expect("it is ours");
        let files = limits.lines().find(|line| line.starts_with("Max open files")).expect("a line");
        assert_eq!(files.split_whitespace().skip(3).take(2).collect::<Vec<_>>(), ["0", "0"]);
    }
}

#[test]
fn variables_are_written_and_never_shown() {
    let scene = Scene::with(|launch| launch.with("CORNET_LOG", "debug"));
    let endpoint = endpoint(&scene, "/hook", "webhook.payload = { length: webhook.variables.TOKEN.length }");
    let shown = scene.client.get(&path(&scene, &endpoint)).expect_status(200);
    assert_eq!(shown.json()["variables"], json!({"TOKEN": "•••"}));
    // Who sends back what he was shown changes nothing.
    let again = json!({"variables": {"TOKEN": "•••", "OTHER": "1"}});
    scene.client.patch(&path(&scene, &endpoint), &again).expect_status(204);
    let message = scene.message(&json!({}));
    scene.wait_for_state(&message, &endpoint, "success");
    assert_eq!(scene.receiver.received("/hook")[0].text(), format!("{{\"length\":{}}}", SECRET.len()));
    scene.client.patch(&path(&scene, &endpoint), &json!({"variables": {"NEW": "•••"}})).expect_problem(422);
    // Nor does a trial give them away.
    let trial = json!({"code": "function handler(w) { w.payload = { all: w.variables }; return w }",
        "eventType": "a", "payload": {}});
    let tried = scene.client.post(&format!("{}/simulate", path(&scene, &endpoint)), &trial).expect_status(200).json();
    assert_eq!(tried["payload"], "{\"all\":{}}");
    let encoded = STANDARD.encode(SECRET);
    for bytes in scene.stored() {
        for needle in [SECRET, encoded.as_str()] {
            assert!(!bytes.windows(needle.len()).any(|part| part == needle.as_bytes()), "it lies in the plain");
        }
    }
    let output = scene.server.output();
    assert!(!output.contains(SECRET), "the log has it");
}

#[test]
fn a_trial_shows_what_would_be_sent_and_sends_nothing() {
    let scene = Scene::new();
    let endpoint = scene.endpoint("/hook");
    let simulate = |code: &str, more: Value| {
        let mut body = json!({"code": code, "eventType": "order.made", "payload": {"id": 7}});
        body.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
        scene.client.post(&format!("{}/simulate", path(&scene, &endpoint)), &body)
    };
    let code = "function handler(w) { w.payload.key = w.variables.K; w.payload.in = w.channels; w.method = 'PATCH'; \
        w.headers['x-a'] = '1'; return w }";
    let shown = simulate(code, json!({"variables": {"K": "v"}, "channels": ["north"]})).expect_status(200).json();
    let expected = json!({"cancel": false, "method": "PATCH", "url": scene.receiver.url("/hook"),
        "headers": {"x-a": "1"}, "payload": "{\"id\":7,\"key\":\"v\",\"in\":[\"north\"]}"});
    assert_eq!(shown, expected);
    let cancelled = simulate("function handler(w) { w.cancel = true; return w }", json!({})).expect_status(200).json();
    assert_eq!((&cancelled["cancel"], &cancelled["payload"]), (&json!(true), &json!("{\"id\":7}")));
    let problem = simulate("function handler(w) {\n  return w.no.thing }", json!({})).expect_problem(422);
    let detail = &array(&problem["detail"])[0];
    assert_eq!(detail["loc"], json!(["body", "code"]));
    assert!(text(&detail["msg"]).starts_with("TypeError") && text(&detail["msg"]).ends_with("(line 2)"), "{problem}");
    simulate("short", json!({})).expect_problem(422);
    assert_eq!(scene.receiver.all().len(), 0);
    assert!(scene.client.get(&path(&scene, &endpoint)).expect_status(200).json()["code"].is_null());
}

#[test]
fn a_test_goes_through_the_code_and_says_where_it_went() {
    let scene = Scene::new();
    let endpoint = endpoint(&scene, "/hook", "webhook.url += '/test'; webhook.payload = { test: true }");
    let test = json!({"eventType": "a", "payload": {}});
    let path = scene.app(&format!("/endpoint/{endpoint}/msg/test-attempt"));
    let tried = scene.client.post(&path, &test).expect_status(201).json();
    assert_eq!(tried["url"], json!(scene.receiver.url("/hook/test")));
    assert_eq!(scene.receiver.received("/hook/test")[0].text(), "{\"test\":true}");
    set(&scene, &endpoint, "nothing()");
    let failed = scene.client.post(&path, &test).expect_status(201).json();
    assert_eq!(failed["errorCode"], "transformation");
}

#[test]
fn code_is_given_the_body_in_its_envelope_and_has_the_last_word() {
    let scene = Scene::new();
    let environments = scene.client.get("/api/v1/management/environment").expect_status(200).json();
    let environment = format!("/api/v1/management/environment/{}", text(&environments["data"][0]["id"]));
    scene.client.patch(&environment, &json!({"envelope": "typed-data"})).expect_status(200);
    let endpoint = scene.endpoint("/hook");
    set(&scene, &endpoint, "webhook.payload = { given: Object.keys(webhook.payload), kept: webhook.payload.data }");
    let body = json!({"eventType": "order.created", "payload": {"id": 7}});
    scene.client.post(&scene.app("/msg"), &body).expect_status(202);
    let came = scene.receiver.wait_for("/hook", 1).remove(0);
    assert_eq!(came.text(), "{\"given\":[\"data\",\"type\",\"webhook_environment\"],\"kept\":{\"id\":7}}");
}

#[test]
fn code_that_is_switched_off_or_taken_away_is_not_run() {
    let scene = Scene::new();
    let endpoint = endpoint(&scene, "/hook", "webhook.payload = [1]");
    let send = |expected: &str| {
        let message = scene.message(&json!({"id": 1}));
        scene.wait_for_state(&message, &endpoint, "success");
        assert_eq!(scene.receiver.received("/hook").last().expect("it came").text(), expected);
    };
    send("[1]");
    scene.client.patch(&path(&scene, &endpoint), &json!({"enabled": false})).expect_status(204);
    send("{\"id\":1}");
    scene.client.patch(&path(&scene, &endpoint), &json!({"enabled": true})).expect_status(204);
    send("[1]");
    scene.client.patch(&path(&scene, &endpoint), &json!({"code": null})).expect_status(204);
    send("{\"id\":1}");
}
