//! What one application may use up: beyond it the application is told so and when to come back, and no other notices
//! (THREATS L01).

#[expect(dead_code, reason = "each test binary uses its own part of the support")]
mod support;

use serde_json::json;

use support::client::Answer;
use support::receiver::Reply;
use support::scene::{Scene, text};
use support::until;

fn post(scene: &Scene, application: &str) -> Answer {
    scene.client.post(&format!("/api/v1/app/{application}/msg"), &json!({"eventType": "a.b", "payload": {}}))
}

#[track_caller]
fn assert_refused(answer: Answer, code: &str) {
    assert_eq!(answer.header("content-type"), Some("application/problem+json"));
    assert_eq!(answer.header("retry-after"), Some("1"));
    assert_eq!(answer.expect_problem(429)["code"], code);
}

/// Another application, with an endpoint at this path of the receiver.
fn other(scene: &Scene) -> String {
    scene.client.post("/api/v1/app", &json!({"name": "Other", "uid": "other"})).expect_status(201);
    let endpoint = json!({"url": scene.receiver.url("/other")});
    text(&scene.client.post("/api/v1/app/other/endpoint", &endpoint).expect_status(201).json()["id"])
}

#[test]
fn a_rate_of_messages_is_held_and_comes_back() {
    let scene = Scene::with(|launch| launch.with("CORNET_APPLICATION_RATE", "1"));
    scene.endpoint("/hook");
    other(&scene);
    let refused = until("one message too many", || Some(post(&scene, "default")).filter(|answer| answer.status != 202));
    assert_refused(refused, "quota_rate");
    post(&scene, "other").expect_status(202);
    until("a second to be over", || Some(post(&scene, "default")).filter(|answer| answer.status == 202));
}

#[test]
fn what_may_wait_for_an_application_is_bounded_and_has_room_again() {
    let limited = [("CORNET_APPLICATION_WAITING_MAX", "10"), ("CORNET_RETRY_SCHEDULE", "1h")];
    let scene =
        Scene::with(|launch| limited.into_iter().fold(launch, |launch, (name, value)| launch.with(name, value)));
    scene.receiver.on("/down", [Reply::status(500)]);
    let down = scene.endpoint("/down");
    other(&scene);
    // Each message waits: it is tried again in an hour.
    let refused = until("the queue to be full", || Some(post(&scene, "default")).filter(|answer| answer.status != 202));
    assert_refused(refused, "quota_queue_full");
    assert_eq!(scene.receiver.wait_for("/down", 10).len(), 10, "ten may wait");
    // Those of another application are delivered, so they never fill its queue.
    for _ in 0..30 {
        until("another application's message", || Some(post(&scene, "other")).filter(|answer| answer.status == 202));
    }
    let scene = scene.restarted();
    assert_refused(post(&scene, "default"), "quota_queue_full");
    // What does not wait any more leaves its place.
    scene.client.delete(&scene.app(&format!("/endpoint/{down}"))).expect_status(204);
    scene.endpoint("/up");
    until("room", || Some(post(&scene, "default")).filter(|answer| answer.status == 202));
    scene.receiver.wait_for("/up", 1);
}

#[test]
fn what_a_filter_stops_takes_no_room() {
    let limited = [("CORNET_APPLICATION_WAITING_MAX", "10"), ("CORNET_RETRY_SCHEDULE", "1h")];
    let scene =
        Scene::with(|launch| limited.into_iter().fold(launch, |launch, (name, value)| launch.with(name, value)));
    scene.receiver.on("/down", [Reply::status(500)]);
    let down = scene.endpoint("/down");
    let filter = json!({"filter": {"data": {"wanted": true}}});
    scene.client.patch(&scene.app(&format!("/endpoint/{down}")), &filter).expect_status(200);
    for _ in 0..30 {
        post(&scene, "default").expect_status(202);
    }
}

#[test]
fn nothing_is_bounded_unless_it_is_asked_for() {
    let scene = Scene::with(|launch| launch.with("CORNET_RETRY_SCHEDULE", "1h"));
    scene.receiver.on("/down", [Reply::status(500)]);
    scene.endpoint("/down");
    for _ in 0..50 {
        post(&scene, "default").expect_status(202);
    }
}
