//! What is shown of an attempt: the request as the receiver got it, byte for byte, or what may have been different.

#[expect(dead_code, reason = "each test binary uses its own part of the support")]
mod support;

use std::collections::BTreeMap;
use std::io::Write as _;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use support::receiver::{Received, Reply};
use support::scene::{Scene, array, text};

const PAYLOAD: &str = "{ \"b\" : 40.0, \"it's\":\"$(id) `id` \\\"caf\u{e9}\\\" {x}[1-3] %s \\\\n !\",\n\t\"a\":1e5}";

/// The request of an attempt, as it is shown.
#[track_caller]
fn request(scene: &Scene, message: &str, attempt: &Value) -> Value {
    let path = scene.app(&format!("/msg/{message}/attempt/{}/request", text(&attempt["id"])));
    scene.client.get(&path).expect_status(200).json()
}

/// The attempts of a message to this endpoint, the first one first, once it stands like this.
fn attempts(scene: &Scene, message: &str, endpoint: &str, state: &str) -> Vec<Value> {
    scene.wait_for_state(message, endpoint, state);
    scene.attempts(message).into_iter().rev().collect()
}

fn rotate(scene: &Scene, endpoint: &str) {
    let path = scene.app(&format!("/endpoint/{endpoint}/secret/rotate"));
    scene.client.post(&path, &json!({})).expect_status(200);
}

/// Holds what is shown of a request against what came; the values of the endpoint's `own` headers are hidden.
#[track_caller]
fn assert_shown(shown: &Value, came: &Received, url: &str, own: &[&str]) {
    assert_eq!((&shown["method"], &shown["url"]), (&json!(came.method), &json!(url)));
    assert_eq!(shown["body"], came.text());
    let mut headers: BTreeMap<&str, &str> = came.headers.iter().map(|(name, value)| (&**name, &**value)).collect();
    assert_eq!(headers.len(), came.headers.len());
    headers.extend(own.iter().map(|name| (*name, "\u{2022}\u{2022}\u{2022}")));
    assert_eq!(shown["headers"], json!(headers));
    let signed = format!("{}.{}.{}", came.id(), came.header("webhook-timestamp"), came.text());
    assert_eq!(shown["signedContent"], json!(signed));
}

/// The words that a POSIX shell would start `curl` with, then what it would give it to read.
fn words(command: &str) -> Vec<String> {
    let script = format!("curl() {{ printf '%s\\036' \"$@\"; case \"$*\" in *@-) cat;; esac; }}\n{command}\n");
    let mut shell = Command::new("sh").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("there is a shell");
    let mut input = shell.stdin.take().expect("it reads a script");
    let writing = std::thread::spawn(move || input.write_all(script.as_bytes()));
    let output = shell.wait_with_output().expect("it ends");
    writing.join().expect("no panic").expect("it reads all of the script");
    let output = String::from_utf8(output.stdout).expect("it writes what it got");
    output.split('\u{1e}').map(str::to_owned).collect()
}

#[test]
fn a_request_is_shown_as_the_receiver_got_it() {
    let scene = Scene::new();
    let own = json!({"headers": {"x-tenant": "forty-two", "authorization": "Bearer s3cret"}});
    let endpoint = scene.endpoint_with("/hook?a=1&b=it's", own);
    // Two secrets sign.
    rotate(&scene, &endpoint);
    let message = scene.message_text(PAYLOAD);
    let attempt = attempts(&scene, &message, &endpoint, "success").remove(0);
    let came = scene.receiver.all().remove(0);
    assert_eq!(came.header("webhook-signature").split(' ').count(), 2);
    let shown = request(&scene, &message, &attempt);
    assert_shown(&shown, &came, &scene.receiver.url("/hook?a=1&b=it's"), &["x-tenant", "authorization"]);
    assert_eq!((&shown["exact"], &shown["notes"]), (&json!(true), &json!([])));
    assert!(!shown.to_string().contains("s3cret") && !shown.to_string().contains("forty-two"), "{shown}");
}

#[test]
fn each_attempt_has_a_request_of_its_own() {
    let scene = Scene::with(|launch| launch.with("CORNET_RETRY_SCHEDULE", "1100ms"));
    scene.receiver.on("/hook", [Reply::status(500).header("x-why", "tired"), Reply::status(204)]);
    let endpoint = scene.endpoint("/hook");
    let message = scene.message_text(PAYLOAD);
    let attempts = attempts(&scene, &message, &endpoint, "success");
    let came = scene.receiver.received("/hook");
    assert_eq!((attempts.len(), came.len()), (2, 2));
    assert_ne!(came[0].header("webhook-signature"), came[1].header("webhook-signature"));
    for (attempt, came) in attempts.iter().zip(&came) {
        let shown = request(&scene, &message, attempt);
        assert_shown(&shown, came, &scene.receiver.url("/hook"), &[]);
        assert_eq!(shown["exact"], true);
    }
    let path = scene.app(&format!("/msg/{message}/attempt/{}", text(&attempts[0]["id"])));
    assert_eq!(scene.client.get(&path).expect_status(200).json()["responseHeaders"]["x-why"], "tired");
}

#[test]
fn the_curl_command_says_the_same_to_a_shell() {
    let scene = Scene::new();
    let endpoint = scene.endpoint("/it's/{1}");
    let long = format!("{{\"text\":\"{}\"}}", "it's %s ".repeat(40_000));
    for (index, payload) in [PAYLOAD, &long].into_iter().enumerate() {
        let message = scene.message_text(payload);
        let attempt = attempts(&scene, &message, &endpoint, "success").remove(0);
        let came = scene.receiver.all().remove(index);
        let mut words = words(&text(&request(&scene, &message, &attempt)["curl"]));
        let rest = words.pop();
        let mut expected = vec!["--globoff".to_owned(), "--request".to_owned(), "POST".to_owned()];
        expected.push(scene.receiver.url("/it's/{1}"));
        assert_eq!(words[..4], expected);
        for (name, value) in &came.headers {
            let is_given = words.windows(2).any(|pair| pair[0] == "--header" && pair[1] == format!("{name}: {value}"));
            assert_eq!(is_given, !["host", "content-length"].contains(&&**name), "{name}");
        }
        let body = if index == 0 { words.pop() } else { rest };
        assert_eq!(body.as_deref(), Some(payload));
    }
}

#[test]
fn what_may_have_been_different_is_said() {
    let scene = Scene::new();
    let endpoint = scene.endpoint("/hook");
    let message = scene.message_text(PAYLOAD);
    let attempt = attempts(&scene, &message, &endpoint, "success").remove(0);
    let came = scene.receiver.received("/hook").remove(0);
    let notes = |shown: &Value| array(&shown["notes"]).iter().map(text).collect::<Vec<_>>();
    let url = scene.receiver.url("/hook");

    rotate(&scene, &endpoint);
    let shown = request(&scene, &message, &attempt);
    // The secret that signed is still there, and the new one did not sign then.
    assert_shown(&shown, &came, &url, &[]);
    assert_eq!(shown["exact"], false);
    assert!(notes(&shown)[0].contains("secret has been replaced"), "{shown}");

    let path = scene.app(&format!("/endpoint/{endpoint}"));
    scene.client.put(&format!("{path}/headers"), &json!({"headers": {"x-new": "new"}})).expect_status(204);
    scene.client.patch(&path, &json!({"url": scene.receiver.url("/moved")})).expect_status(200);
    let shown = request(&scene, &message, &attempt);
    assert_eq!(shown["url"], url);
    assert!(notes(&shown)[0].contains("its own headers may have been others"), "{shown}");
    assert!(!shown.to_string().contains("\"new\""), "{shown}");

    scene.client.delete(&path).expect_status(204);
    let shown = request(&scene, &message, &attempt);
    assert_eq!((notes(&shown).len(), &shown["body"]), (1, &json!(PAYLOAD)));
    assert!(notes(&shown)[0].contains("endpoint has been deleted"), "{shown}");
    assert_eq!(shown["headers"].get("webhook-signature"), None);

    scene.client.delete(&scene.app(&format!("/msg/{message}/content"))).expect_status(204);
    let shown = request(&scene, &message, &attempt);
    assert!(notes(&shown)[0].contains("payload has been deleted"), "{shown}");
    for member in ["body", "signedContent", "curl"] {
        assert_eq!(shown[member], Value::Null, "{member}");
    }
    assert_eq!(shown["headers"]["webhook-id"], json!(message));
}

/// THREATS C28: what a service behind an endpoint says is nobody's to read, where the operator wants it so.
#[test]
fn no_body_of_an_answer_is_kept_where_the_operator_wants_none() {
    let said = "an internal service's secret";
    let scene =
        Scene::with(|launch| launch.with("CORNET_KEEP_ANSWER_BODIES", "false").with("CORNET_RETRY_SCHEDULE", "50ms"));
    let failing = Reply::status(500).header("x-reason", "none").body(said);
    scene.receiver.on("/hook", [failing, Reply::status(200).body(said)]);
    let endpoint = scene.endpoint("/hook");
    let message = scene.message(&json!({"a": 1}));
    let attempts = attempts(&scene, &message, &endpoint, "success");
    assert_eq!(attempts.iter().map(|attempt| attempt["responseStatusCode"].clone()).collect::<Vec<_>>(), [500, 200]);
    assert!(attempts.iter().all(|attempt| attempt["response"] == ""), "{attempts:?}");
    let test = scene.app(&format!("/endpoint/{endpoint}/msg/test-attempt"));
    let tested = scene.client.post(&test, &json!({"eventType": "a.b", "payload": {}})).expect_status(201).text();
    assert!(tested.contains("\"responseStatusCode\":200") && !tested.contains(said), "{tested}");
    for file in scene.stored() {
        assert!(!file.windows(said.len()).any(|window| window == said.as_bytes()), "it lies in the store");
    }
    let form = ("content-type", "application/x-www-form-urlencoded");
    let key = format!("key={}", support::server::API_KEY);
    let signed_in = scene.client.send("POST", "/sign-in", &[form], Some(key.as_bytes())).expect_status(303);
    let cookie = signed_in.header("set-cookie").and_then(|cookie| cookie.split(';').next()).expect("a cookie");
    let get = |path: &str| scene.client.send("GET", path, &[("cookie", cookie)], None);
    let home = get("/").header("location").expect("a dashboard").to_owned();
    let application = text(&scene.client.get(&scene.app("")).expect_status(200).json()["id"]);
    let path = format!("{home}/applications/{application}/messages/{message}/attempts/{}", text(&attempts[0]["id"]));
    let page = get(&path).expect_status(200).text();
    assert!(page.contains("Not kept") && !page.contains(said), "{page}");
}
