//! What a receiver sees: the very bytes that were posted, signed, sent again on the schedule until they arrive, and an
//! end with a name.

#[expect(dead_code, reason = "each test binary uses its own part of the support")]
mod support;

use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use ed25519_dalek::{Signature, SigningKey, Verifier, VerifyingKey};
use serde_json::{Value, json};
use standardwebhooks::Webhook;

use support::receiver::{Received, Reply};
use support::scene::{Scene, array, text};
use support::{unix_seconds, until};

/// How many bytes of an answer are kept at most.
const KEPT_ANSWER_BYTES_MAX: usize = 16 * 1024;

/// Verifies a request as a receiver with the official library would.
fn verify(secret: &str, request: &Received) -> Result<(), standardwebhooks::WebhookError> {
    let mut headers = http::HeaderMap::new();
    for name in ["webhook-id", "webhook-timestamp", "webhook-signature"] {
        headers.insert(name, request.header(name).parse().expect("a header that came is a header value"));
    }
    Webhook::new(secret)?.verify(&request.body, &headers)
}

#[test]
fn the_body_is_the_payload_byte_for_byte() {
    let scene = Scene::new();
    scene.endpoint("/hook");
    let payloads = [
        r#"{ "b" : 40.0,  "a":1e5,"big":12345678901234567890123.10, "minus":-0 }"#,
        "{\"text\":\"caf\u{e9} \\u00e9 \\/ \u{1f4ef}\",\n\t\"list\":[ 1 ,2, [] ,{ } ]}",
        r#"{}"#,
        r#"{"html":"<a href='x'>&amp;</a>","z":null,"a":true}"#,
    ];
    for (index, payload) in payloads.iter().enumerate() {
        let id = scene.message_text(payload);
        let received = scene.receiver.wait_for("/hook", index + 1);
        assert_eq!(received[index].text(), *payload);
        assert_eq!(received[index].id(), id);
    }
}

#[test]
fn a_delivery_carries_the_standard_headers_and_verifies() {
    let scene = Scene::new();
    let endpoint = scene.endpoint("/hook");
    let id = scene.message(&json!({"a": 1}));
    let request = scene.receiver.wait_for("/hook", 1).remove(0);
    assert_eq!(request.method, "POST");
    assert_eq!(request.id(), id);
    assert!(request.header("user-agent").starts_with("Cornet/"), "{}", request.header("user-agent"));
    assert_eq!(request.header("content-type"), "application/json");
    let sent: u64 = request.header("webhook-timestamp").parse().unwrap();
    assert!(unix_seconds().abs_diff(sent) < 60, "sent at {sent}");
    assert!(!request.has_header("accept-encoding"), "compressed answers are never asked for");
    for token in request.header("webhook-signature").split(' ') {
        assert!(token.starts_with("v1,"), "odd signature {token}");
    }
    let secret = scene.secret(&endpoint);
    assert!(secret.starts_with("whsec_"));
    verify(&secret, &request).unwrap();
    let forged = Received { body: b"{\"a\":2}".to_vec(), ..request };
    assert!(verify(&secret, &forged).is_err());
}

#[test]
fn what_happened_is_recorded() {
    let scene = Scene::new();
    let endpoint = scene.endpoint("/hook");
    scene.receiver.on("/hook", [Reply::status(200).body("thanks")]);
    let id = scene.message(&json!({"a": 1}));
    let delivery = scene.wait_for_state(&id, &endpoint, "success");
    assert_eq!(delivery["status"], 0);
    assert_eq!(delivery["nextAttempt"], Value::Null);
    let attempts = scene.attempts(&id);
    assert_eq!(attempts.len(), 1, "{attempts:?}");
    let attempt = &attempts[0];
    assert_eq!(attempt["responseStatusCode"], 200);
    assert_eq!(attempt["response"], "thanks");
    assert_eq!(attempt["status"], 0);
    assert_eq!(attempt["triggerType"], 0);
    assert_eq!(attempt["msgId"], id.as_str());
    assert_eq!(attempt["endpointId"], endpoint.as_str());
    assert_eq!(attempt["url"], scene.receiver.url("/hook"));
    assert!(attempt["responseDurationMs"].is_u64());
}

#[test]
fn a_failing_delivery_follows_the_schedule_and_ends_as_failed() {
    let scene = Scene::new();
    let endpoint = scene.endpoint("/hook");
    scene.receiver.on("/hook", [Reply::status(500)]);
    let id = scene.message(&json!({"a": 1}));
    let delivery = scene.wait_for_state(&id, &endpoint, "fail");
    assert_eq!(delivery["nextAttempt"], Value::Null);
    let received = scene.receiver.received("/hook");
    assert_eq!(received.len(), 3, "one try and the two retries of the schedule");
    let secret = scene.secret(&endpoint);
    for (earlier, later) in received.iter().zip(&received[1..]) {
        assert!(later.arrived - earlier.arrived >= Duration::from_millis(50), "a retry came before it was due");
    }
    for request in &received {
        assert_eq!((request.id(), &request.body), (id.as_str(), &received[0].body));
        verify(&secret, request).unwrap();
    }
    let attempts = scene.attempts(&id);
    assert_eq!(attempts.len(), 3);
    assert!(attempts.iter().all(|attempt| attempt["status"] == 2 && attempt["responseStatusCode"] == 500));
}

#[test]
fn a_delivery_that_fails_once_arrives_with_the_next_try() {
    let scene = Scene::new();
    let endpoint = scene.endpoint("/hook");
    scene.receiver.on("/hook", [Reply::status(503), Reply::status(200)]);
    let id = scene.message(&json!({"a": 1}));
    scene.wait_for_state(&id, &endpoint, "success");
    assert_eq!(scene.receiver.received("/hook").len(), 2);
    assert_eq!(scene.attempts(&id).len(), 2);
}

#[test]
fn only_2xx_is_success_and_redirects_are_not_followed() {
    let scene = Scene::with(|launch| launch.with("CORNET_RETRY_SCHEDULE", "none"));
    let endpoint = scene.endpoint("/hook");
    let statuses = [(200, true), (201, true), (204, true), (206, true), (226, true), (299, true), (300, false)];
    let refused = [301, 302, 303, 304, 307, 308, 400, 401, 404, 418, 429, 500, 502, 503, 599].map(|code| (code, false));
    for (status, good) in statuses.into_iter().chain(refused) {
        scene.receiver.on("/hook", [Reply::status(status).header("location", &scene.receiver.url("/elsewhere"))]);
        let id = scene.message(&json!({ "status": status }));
        let delivery = scene.wait_for_state(&id, &endpoint, if good { "success" } else { "fail" });
        assert_eq!(delivery["status"], if good { 0 } else { 2 }, "{status}");
        assert_eq!(scene.attempts(&id)[0]["responseStatusCode"], status);
    }
    assert_eq!(scene.receiver.received("/elsewhere").len(), 0, "a redirect was followed");
}

#[test]
fn gone_disables_the_endpoint() {
    let scene = Scene::new();
    let endpoint = scene.endpoint("/hook");
    let other = scene.endpoint("/other");
    scene.receiver.on("/hook", [Reply::status(410)]);
    scene.message(&json!({"a": 1}));
    let path = scene.app(&format!("/endpoint/{endpoint}"));
    until("the endpoint is disabled", || {
        (scene.client.get(&path).expect_status(200).json()["disabled"] == true).then_some(())
    });
    let second = scene.message(&json!({"a": 2}));
    scene.wait_for_state(&second, &other, "success");
    assert_eq!(scene.receiver.received("/hook").len(), 1, "a disabled endpoint was sent to");
}

#[test]
fn retry_after_moves_the_next_try_but_never_before_the_schedule() {
    let scene = Scene::new();
    let endpoint = scene.endpoint("/hook");
    let later = Reply::status(503).header("retry-after", "1");
    scene.receiver.on("/hook", [later, Reply::status(429).header("retry-after", "0"), Reply::status(200)]);
    let id = scene.message(&json!({"a": 1}));
    scene.wait_for_state(&id, &endpoint, "success");
    let received = scene.receiver.received("/hook");
    assert!(received[1].arrived - received[0].arrived >= Duration::from_millis(1000), "Retry-After was not honoured");
    assert!(received[2].arrived - received[1].arrived >= Duration::from_millis(50), "a retry before the schedule");
}

#[test]
fn a_senseless_retry_after_does_no_harm() {
    let scene = Scene::new();
    let endpoint = scene.endpoint("/hook");
    let far = "9".repeat(4000);
    for value in ["-5", "1.5", "NaN", "inf", "1e30", "Wed, 21 Oct 1999 07:28:00 GMT", "soon", "", far.as_str()] {
        scene.receiver.on("/hook", [Reply::status(503).header("retry-after", value), Reply::status(200)]);
        let id = scene.message(&json!({ "retry-after": value }));
        scene.wait_for_state(&id, &endpoint, "success");
    }
    // A far date is capped, so the next try has a time that can be shown, within about a day.
    scene.receiver.on("/hook", [Reply::status(503).header("retry-after", "4294967295"), Reply::status(200)]);
    let id = scene.message(&json!({"a": 1}));
    scene.receiver.wait_for("/hook", 19);
    let next =
        until("the next try has a time", || scene.delivery(&id, &endpoint)?["nextAttempt"].as_str().map(str::to_owned));
    assert!(next.starts_with("20"), "{next}");
}

#[test]
fn retry_after_on_another_status_is_ignored() {
    let scene = Scene::new();
    let endpoint = scene.endpoint("/hook");
    scene.receiver.on("/hook", [Reply::status(500).header("retry-after", "3600"), Reply::status(200)]);
    let id = scene.message(&json!({"a": 1}));
    scene.wait_for_state(&id, &endpoint, "success");
}

#[test]
fn a_long_answer_is_kept_in_part() {
    let scene = Scene::new();
    let endpoint = scene.endpoint("/hook");
    scene.receiver.on("/hook", [Reply::status(200).body("\u{e9}".repeat(500_000))]);
    let id = scene.message(&json!({"a": 1}));
    scene.wait_for_state(&id, &endpoint, "success");
    let kept = text(&scene.attempts(&id)[0]["response"]);
    assert!(!kept.is_empty() && kept.len() <= KEPT_ANSWER_BYTES_MAX, "{} bytes were kept", kept.len());
}

#[test]
fn an_answer_that_is_not_text_is_recorded_all_the_same() {
    let scene = Scene::new();
    let endpoint = scene.endpoint("/hook");
    let odd = [b"\xff\xfe\x00\x01 <script>\r\n".as_slice(), &[0; 64]].concat();
    scene.receiver.on("/hook", [Reply::status(200).header("content-encoding", "gzip").body(odd)]);
    let id = scene.message(&json!({"a": 1}));
    scene.wait_for_state(&id, &endpoint, "success");
    assert!(scene.attempts(&id)[0]["response"].is_string());
}

#[test]
fn after_a_rotation_both_secrets_verify() {
    let scene = Scene::new();
    let endpoint = scene.endpoint("/hook");
    let old = scene.secret(&endpoint);
    let path = scene.app(&format!("/endpoint/{endpoint}/secret/rotate"));
    let answered = text(&scene.client.post(&path, &json!({})).expect_status(200).json()["key"]);
    let new = scene.secret(&endpoint);
    assert_eq!(answered, new);
    assert_ne!(old, new);
    scene.message(&json!({"a": 1}));
    let request = scene.receiver.wait_for("/hook", 1).remove(0);
    assert_eq!(request.header("webhook-signature").split(' ').count(), 2);
    verify(&old, &request).unwrap();
    verify(&new, &request).unwrap();
}

#[test]
fn a_rotation_without_grace_ends_the_old_secret_at_once() {
    let scene = Scene::new();
    let endpoint = scene.endpoint("/hook");
    let old = scene.secret(&endpoint);
    let path = scene.app(&format!("/endpoint/{endpoint}/secret/rotate"));
    scene.client.post(&path, &json!({"gracePeriodSeconds": 0})).expect_status(200);
    scene.message(&json!({"a": 1}));
    let request = scene.receiver.wait_for("/hook", 1).remove(0);
    assert!(verify(&old, &request).is_err());
    verify(&scene.secret(&endpoint), &request).unwrap();
}

#[test]
fn an_ed25519_endpoint_is_signed_with_its_key() {
    let scene = Scene::new();
    let key = SigningKey::from_bytes(&[7; 32]);
    let secret = format!("whsk_{}", BASE64_STANDARD.encode(key.to_keypair_bytes()));
    scene.endpoint_with("/hook", json!({ "secret": secret }));
    scene.message(&json!({"a": 1}));
    let request = scene.receiver.wait_for("/hook", 1).remove(0);
    let token = request.header("webhook-signature").strip_prefix("v1a,").unwrap();
    let signature = Signature::from_slice(&BASE64_STANDARD.decode(token).unwrap()).unwrap();
    let signed = format!("{}.{}.{}", request.id(), request.header("webhook-timestamp"), request.text());
    let public: VerifyingKey = key.verifying_key();
    public.verify(signed.as_bytes(), &signature).unwrap();
}

#[test]
fn only_subscribed_endpoints_get_a_message() {
    let scene = Scene::new();
    for name in ["test.event", "other.event"] {
        scene.client.post("/api/v1/event-type", &json!({"name": name, "description": "x"})).expect_status(201);
    }
    let all = scene.endpoint("/all");
    let one = scene.endpoint_with("/one", json!({"eventTypes": ["test.event"]}));
    scene.endpoint_with("/other", json!({"eventTypes": ["other.event"]}));
    scene.endpoint_with("/channel", json!({"channels": ["red"]}));
    scene.endpoint_with("/disabled", json!({"disabled": true}));
    let id = scene.message(&json!({"a": 1}));
    scene.wait_for_state(&id, &all, "success");
    scene.wait_for_state(&id, &one, "success");
    for path in ["/other", "/channel", "/disabled"] {
        assert_eq!(scene.receiver.received(path).len(), 0, "{path} is not subscribed");
    }
}

#[test]
fn connections_are_kept_alive() {
    let scene = Scene::new();
    let endpoint = scene.endpoint("/hook");
    for number in 0..10 {
        let id = scene.message(&json!({ "number": number }));
        scene.wait_for_state(&id, &endpoint, "success");
    }
    assert_eq!(scene.receiver.connections(), 1, "one message after another goes over one connection");
}

#[test]
fn custom_headers_are_sent_and_shown() {
    let scene = Scene::new();
    let endpoint = scene.endpoint("/hook");
    let path = scene.app(&format!("/endpoint/{endpoint}/headers"));
    scene.client.put(&path, &json!({"headers": {"X-Tenant": "blue", "X-Two": "2"}})).expect_status(204);
    scene.client.patch(&path, &json!({"headers": {"X-Three": "3"}, "deleteHeaders": ["X-Two"]})).expect_status(204);
    scene.message(&json!({"a": 1}));
    let request = scene.receiver.wait_for("/hook", 1).remove(0);
    assert_eq!(request.header("x-tenant"), "blue");
    assert_eq!(request.header("x-three"), "3");
    assert!(!request.has_header("x-two"));
}

#[test]
fn resend_sends_a_delivered_message_again() {
    let scene = Scene::new();
    let endpoint = scene.endpoint("/hook");
    let id = scene.message(&json!({"a": 1}));
    scene.wait_for_state(&id, &endpoint, "success");
    let path = scene.app(&format!("/msg/{id}/endpoint/{endpoint}/resend"));
    assert_eq!(scene.client.send("POST", &path, &[], None).expect_status(202).json(), json!({}));
    let received = scene.receiver.wait_for("/hook", 2);
    assert_eq!((received[0].id(), &received[0].body), (received[1].id(), &received[1].body));
    until("the second attempt is recorded as asked for by hand", || {
        scene.attempts(&id).iter().any(|attempt| attempt["triggerType"] == 1).then_some(())
    });
}

#[test]
fn recover_sends_what_failed_since() {
    let scene = Scene::with(|launch| launch.with("CORNET_RETRY_SCHEDULE", "none"));
    let endpoint = scene.endpoint("/hook");
    scene.receiver.on("/hook", [Reply::status(500)]);
    let failed: Vec<_> = (0..5).map(|number| scene.message(&json!({ "number": number }))).collect();
    failed.iter().for_each(|id| drop(scene.wait_for_state(id, &endpoint, "fail")));
    scene.receiver.on("/hook", [Reply::status(200)]);
    let delivered = scene.message(&json!({"good": true}));
    scene.wait_for_state(&delivered, &endpoint, "success");
    let path = scene.app(&format!("/endpoint/{endpoint}/recover"));
    let task = scene.client.post(&path, &json!({"since": "2020-01-01T00:00:00Z"})).expect_status(202).json();
    assert_eq!(task["task"], "endpoint.recover");
    failed.iter().for_each(|id| drop(scene.wait_for_state(id, &endpoint, "success")));
    assert_eq!(scene.receiver.received("/hook").len(), 5 + 1 + 5, "what was delivered is not sent again");
    let stats = scene.client.get(&scene.app(&format!("/endpoint/{endpoint}/stats"))).expect_status(200).json();
    assert_eq!(stats["success"], 6, "{stats}");
}

#[test]
fn one_message_reaches_every_endpoint_whatever_the_others_do() {
    let scene = Scene::new();
    let dead = scene.endpoint("/dead");
    scene.receiver.on("/dead", [Reply::status(500)]);
    let good: Vec<_> = (0..20).map(|number| scene.endpoint(&format!("/good/{number}"))).collect();
    let id = scene.message(&json!({"a": 1}));
    good.iter().for_each(|endpoint| drop(scene.wait_for_state(&id, endpoint, "success")));
    scene.wait_for_state(&id, &dead, "fail");
    let path = scene.app(&format!("/msg/{id}/endpoint?limit=100"));
    assert_eq!(array(&scene.client.get(&path).expect_status(200).json()["data"]).len(), 21);
}
