//! Nothing that was accepted is lost: not when the process is killed at any moment, and not when it is asked to end.

#[expect(dead_code, reason = "each test binary uses its own part of the support")]
mod support;

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread;

use rustix::process::Signal;
use serde_json::json;
use tempfile::TempDir;

use support::client::Client;
use support::receiver::{Gate, Receiver, Reply};
use support::scene::{Scene, array, text};
use support::server::Launch;
use support::until;

/// How often the server is killed, unless `CORNET_CRASH_ROUNDS` says otherwise.
const ROUNDS: u64 = 8;

/// What the moments are drawn from, unless `CORNET_CRASH_SEED` says otherwise.
const SEED: u64 = 20_261_121;

/// How many producers post at the same time.
const PRODUCERS: usize = 4;

/// How many messages each producer has in a round; more than it can post before the kill.
const MESSAGES_PER_PRODUCER: usize = 400;

/// The server is killed after so many acknowledged messages at most, counted over the round.
const ACKNOWLEDGED_MAX: usize = 600;

/// A message that a producer posted, and the id if the server acknowledged it.
struct Posted {
    payload: String,
    id: Option<String>,
}

fn number_from(variable: &str, default: u64) -> u64 {
    match std::env::var(variable) {
        Ok(text) => text.parse().unwrap_or_else(|_| panic!("{variable} is not a number: {text}")),
        Err(_) => default,
    }
}

/// Posts one message; the payload is its own idempotency key. `None` when the server is gone.
fn post(client: &Client, payload: &str) -> Option<String> {
    let body = format!("{{\"eventType\":\"crash.test\",\"payload\":{{\"key\" :  \"{payload}\"}}}}");
    let headers = [("idempotency-key", payload)];
    let answer = client.try_send("POST", "/api/v1/app/default/msg", &headers, Some(body.as_bytes())).ok()?;
    Some(text(&answer.expect_status(202).json()["id"]))
}

/// Posts until the server is gone or all is posted.
fn produce(client: &Client, prefix: &str, acknowledged: &AtomicUsize, tell: &mpsc::Sender<usize>) -> Vec<Posted> {
    let mut posted = Vec::new();
    for number in 0..MESSAGES_PER_PRODUCER {
        let payload = format!("{prefix}-{number}");
        let id = post(client, &payload);
        let gone = id.is_none();
        posted.push(Posted { payload, id });
        if gone {
            break;
        }
        // The killer may have stopped listening already.
        let _ = tell.send(acknowledged.fetch_add(1, Ordering::SeqCst) + 1);
    }
    posted
}

/// One life of the server: load, and a kill at a moment that the seed chose.
fn live_and_die(launch: &Launch, round: u64, random: &mut fastrand::Rng) -> Vec<Posted> {
    let server = launch.start();
    let kill_after = random.usize(1..ACKNOWLEDGED_MAX);
    let spin = random.u32(0..200_000);
    let acknowledged = AtomicUsize::new(0);
    let (tell, told) = mpsc::channel();
    thread::scope(|scope| {
        let producers: Vec<_> = (0..PRODUCERS)
            .map(|producer| {
                let (client, tell, acknowledged) = (server.client(), tell.clone(), &acknowledged);
                scope.spawn(move || produce(&client, &format!("round{round}-{producer}"), acknowledged, &tell))
            })
            .collect();
        drop(tell);
        told.iter().find(|count| *count >= kill_after);
        (0..spin).for_each(|_| std::hint::spin_loop());
        server.kill();
        producers.into_iter().flat_map(|producer| producer.join().expect("no producer panics")).collect()
    })
}

#[test]
fn a_kill_at_any_moment_loses_nothing_that_was_accepted() {
    let seed = number_from("CORNET_CRASH_SEED", SEED);
    eprintln!("CORNET_CRASH_SEED={seed}");
    let mut random = fastrand::Rng::with_seed(seed);
    let data = TempDir::new().unwrap();
    let receiver = Receiver::start();
    let launch = Launch::new(&data.path().join("data")).with("CORNET_RETRY_SCHEDULE", "50ms,50ms,50ms,50ms,50ms,50ms");
    let first = launch.start();
    let endpoint = json!({ "url": receiver.url("/hook") });
    first.client().post("/api/v1/app/default/endpoint", &endpoint).expect_status(201);
    first.kill();
    let mut ledger = Vec::new();
    for round in 0..number_from("CORNET_CRASH_ROUNDS", ROUNDS) {
        ledger.extend(live_and_die(&launch, round, &mut random));
    }
    let server = launch.start();
    // What was posted but not acknowledged is posted again, as a careful producer would.
    for posted in &mut ledger {
        if posted.id.is_none() {
            posted.id = Some(post(&server.client(), &posted.payload).expect("the server is back"));
        }
    }
    let ids: HashMap<String, &str> =
        ledger.iter().filter_map(|posted| Some((posted.id.clone()?, posted.payload.as_str()))).collect();
    assert_eq!(ids.len(), ledger.len(), "two messages have one id");
    receiver.wait_for_ids(&ids.keys().cloned().collect::<HashSet<_>>());
    for request in receiver.all() {
        let payload = ids.get(request.id()).unwrap_or_else(|| panic!("{} was never posted", request.id()));
        assert_eq!(request.text(), format!("{{\"key\" :  \"{payload}\"}}"), "a repeat differs");
    }
    let repeats = receiver.all().len() - ids.len();
    eprintln!("{} messages, each delivered; {repeats} repeats", ids.len());
}

#[test]
fn an_answer_repeats_after_a_kill() {
    let data = TempDir::new().unwrap();
    let launch = Launch::new(&data.path().join("data"));
    let server = launch.start();
    let first = post(&server.client(), "same").unwrap();
    let server = server.kill().start();
    assert_eq!(post(&server.client(), "same").unwrap(), first);
}

/// THREATS J14: what is signed is what was accepted, or nothing.
#[test]
fn a_payload_that_was_damaged_on_the_disk_is_never_sent() {
    let data = TempDir::new().unwrap();
    let receiver = Receiver::start();
    let launch = Launch::new(&data.path().join("data")).with("CORNET_RETRY_SCHEDULE", "3s");
    let server = launch.start();
    let endpoint = json!({ "url": receiver.url("/hook") });
    server.client().post("/api/v1/app/default/endpoint", &endpoint).expect_status(201);
    receiver.on("/hook", [Reply::status(500)]);
    let (damaged, whole) = (post(&server.client(), "damaged").unwrap(), post(&server.client(), "whole").unwrap());
    receiver.wait_for("/hook", 2);
    let client = server.client();
    let attempts = |client: &Client, message: &str| {
        let list = client.get(&format!("/api/v1/app/default/attempt/msg/{message}")).expect_status(200).json();
        array(&list["data"]).clone()
    };
    for message in [&damaged, &whole] {
        until("it was refused once", || (!attempts(&client, message).is_empty()).then_some(()));
    }
    let launch = server.kill();
    let file = rusqlite::Connection::open(data.path().join("data/cornet.db")).unwrap();
    let damage = "UPDATE messages SET payload = CAST(replace(CAST(payload AS TEXT), 'damaged', 'Damaged') AS BLOB)";
    assert_eq!(file.execute(damage, []).unwrap(), 2);
    drop(file);
    receiver.on("/hook", [Reply::status(200)]);
    let server = launch.start();
    let last = until("the delivery of what was damaged has ended", || {
        attempts(&server.client(), &damaged).into_iter().find(|attempt| attempt["errorCode"] == "payload_corrupt")
    });
    assert_eq!(last["responseStatusCode"], 0, "{last}");
    until("what was whole is delivered", || {
        attempts(&server.client(), &whole).into_iter().find(|attempt| attempt["statusText"] == "success")
    });
    assert!(receiver.all().iter().all(|request| !request.text().contains("Damaged")));
}

#[test]
fn asked_to_end_it_finishes_what_is_in_flight() {
    let scene = Scene::new();
    let endpoint = scene.endpoint("/hook");
    let gate = Gate::default();
    scene.receiver.on("/hook", [Reply::status(200).after(&gate)]);
    let id = scene.message(&json!({"a": 1}));
    scene.receiver.wait_for("/hook", 1);
    scene.server.signal(Signal::TERM);
    until("it takes no new connections, or says that it is not ready", || {
        let answer = scene.client.try_send("GET", "/readyz", &[], None);
        answer.map_or(true, |answer| answer.status == 503).then_some(())
    });
    gate.open();
    let scene = scene.ended_and_started();
    scene.wait_for_state(&id, &endpoint, "success");
    assert_eq!(scene.receiver.received("/hook").len(), 1, "what was finished is not sent again");
    assert_eq!(scene.attempts(&id).len(), 1);
}

#[test]
fn what_waits_for_its_retry_goes_on_after_a_restart() {
    let scene = Scene::with(|launch| launch.with("CORNET_RETRY_SCHEDULE", "1s"));
    let endpoint = scene.endpoint("/hook");
    scene.receiver.on("/hook", [Reply::status(500), Reply::status(200)]);
    let id = scene.message(&json!({"a": 1}));
    until("the first attempt is recorded", || (scene.attempts(&id).len() == 1).then_some(()));
    let scene = scene.restarted();
    scene.wait_for_state(&id, &endpoint, "success");
    assert_eq!(scene.receiver.received("/hook").len(), 2);
}
