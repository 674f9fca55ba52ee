//! One application posts as fast as it can, far more than its receiver takes. The others hardly notice.

use std::io::{BufReader, Write as _};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::json;

use crate::support::client::{Client, read_answer};
use crate::support::instant;
use crate::support::receiver::{Gate, Reply};
use crate::support::scene::Scene;
use crate::{accepted, application, health, machine, post, received_once, rounds};

/// Clients that flood at the same time.
const FLOODING: usize = 64;
/// Messages that each of them posts at least.
const MESSAGES: usize = 50;
/// What may be in memory of a flood of small messages: those that wait to be sent, a few thousand with a KiB or two each, the
/// clients, and the store's pages.
const GROWN_KIB_MAX: u64 = 160 * 1024;

/// Posts over one connection until it is enough and the others are done; returns what was accepted.
fn flood(client: &Client, done: &AtomicBool) -> Vec<String> {
    let body = json!({"eventType": "test.event", "payload": {"filled": "x".repeat(500)}}).to_string();
    let head = client.head("POST", "/api/v1/app/flooding/msg").replace("connection: close\r\n", "");
    let length = body.len();
    let request = format!("{head}content-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}");
    let stream = client.connect().expect("the server takes everybody in");
    let mut answers = BufReader::new(&stream);
    let mut ids = Vec::new();
    let mut posted = 0;
    while posted < MESSAGES || !done.load(Ordering::Relaxed) {
        (&stream).write_all(request.as_bytes()).expect("the connection stays");
        ids.extend(accepted(read_answer(&mut answers).expect("every request is answered")));
        posted += 1;
    }
    ids
}

#[test]
fn one_application_that_floods_holds_up_no_other() {
    let _machine = machine();
    // The receiver answers late, but not so late that anything is sent again.
    let scene = Scene::with(|launch| launch.with("CORNET_REQUEST_TIMEOUT", "60s"));
    application(&scene, "flooding");
    application(&scene, "quiet");
    let gate = Gate::default();
    scene.receiver.on("/flooding", [Reply::status(204).after(&gate)]);
    let (before_kib, began) = (scene.server.resident_kib(), instant());
    let done = AtomicBool::new(false);
    let mut slowest = Duration::ZERO;
    let mut quiet = Vec::new();
    let flooding: Vec<String> = std::thread::scope(|scope| {
        let floods: Vec<_> = (0..FLOODING).map(|_| scope.spawn(|| flood(&scene.client, &done))).collect();
        for number in 0..20 * rounds(10) {
            let (id, turned_away) = post(&scene.client, "quiet", &json!({"number": number}));
            assert_eq!(turned_away, 0, "another application was turned away");
            quiet.push(id);
            // It is delivered while the flood waits for its receiver.
            scene.receiver.wait_for("/quiet", quiet.len());
            slowest = slowest.max(health(&scene.client));
        }
        done.store(true, Ordering::Relaxed);
        floods.into_iter().flat_map(|flood| flood.join().expect("a flood ends")).collect()
    });
    let grown_kib = scene.server.peak_kib().saturating_sub(before_kib);
    gate.open();
    received_once(&scene.receiver, "/quiet", &quiet);
    received_once(&scene.receiver, "/flooding", &flooding);
    eprintln!(
        "{} messages of a flood, {} KiB more, health answered within {slowest:?}, {:?}",
        flooding.len(),
        grown_kib,
        began.elapsed()
    );
    assert!(grown_kib < GROWN_KIB_MAX, "{grown_kib} KiB more");
}
