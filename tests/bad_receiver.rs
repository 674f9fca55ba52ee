//! Every wrong that `cornet bad-receiver` can do, done to a real Cornet: each comes to what the table says, in time, and
//! costs no memory to speak of (THREATS part C, and the hanging receivers of D).

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[expect(dead_code, reason = "each test binary uses its own part of the support")]
mod support;

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

use cornet::cli::bad_receiver::{BEHAVIOURS, Behaviour, Outcome};
use serde_json::{Value, json};

use support::client::Client;
use support::scene::{Scene, array, text};
use support::server::run;
use support::until;

/// How long an attempt may take: longer than the five seconds of a TLS handshake.
const DEADLINE_MS: i64 = 6_000;
/// How much longer it may take until it is known, on a machine that does much else.
const ROOM_MS: i64 = 4_000;
/// How much memory all behaviours together may cost, with an allocator that keeps what it had.
const GROWTH_KIB_MAX: u64 = 48 * 1024;

/// The command, until the test ends.
struct BadReceiver {
    child: Child,
    port: u16,
}

impl BadReceiver {
    fn start() -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_cornet"));
        command.args(["bad-receiver", "--port", "0"]).stdin(Stdio::null()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let port = line.trim_end().trim_end_matches('/').rsplit(':').next().unwrap().parse().unwrap();
        Self { child, port }
    }
}

impl Drop for BadReceiver {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// What an attempt came to, in the words of the table.
fn came_to(attempt: &Value) -> String {
    match (attempt["statusText"].as_str(), attempt["errorCode"].as_str()) {
        (Some("success"), None) => Outcome::Delivered.to_string(),
        (_, Some(code)) => code.to_owned(),
        _ => format!("status {}", attempt["responseStatusCode"]),
    }
}

#[test]
fn every_behaviour_comes_to_what_the_table_says() {
    let scene = Scene::with(|launch| {
        launch.with("CORNET_RETRY_SCHEDULE", "none").with("CORNET_REQUEST_TIMEOUT", &format!("{DEADLINE_MS}ms"))
    });
    let receiver = BadReceiver::start();
    let endpoint = |behaviour: &Behaviour| scene.endpoint_with("/", json!({"url": behaviour.url(receiver.port)}));
    let endpoints: Vec<(&Behaviour, String)> =
        BEHAVIOURS.iter().map(|behaviour| (behaviour, endpoint(behaviour))).collect();
    assert!(endpoints.len() >= 40, "{} behaviours", endpoints.len());
    let before_kib = scene.server.resident_kib();
    // Larger than what two kernels hold, so that whoever does not read is felt.
    let id = scene.message(&json!({"filler": "x".repeat(900_000)}));
    let attempts = until("each endpoint had its attempt", || {
        let found = attempts_of(&scene, &id);
        (found.len() == endpoints.len()).then_some(found)
    });
    let grown_kib = scene.server.resident_kib().saturating_sub(before_kib);
    let mut wrong = Vec::new();
    for (behaviour, endpoint) in &endpoints {
        let attempt = attempts.iter().find(|attempt| attempt["endpointId"] == **endpoint).unwrap();
        let (expected, found) = (behaviour.outcome.to_string(), came_to(attempt));
        let took_ms = attempt["responseDurationMs"].as_i64().unwrap();
        if found != expected || took_ms > DEADLINE_MS + ROOM_MS {
            wrong.push(format!("{}: {found} after {took_ms} ms, not {expected}: {attempt:.300}", behaviour.name));
        }
        assert!(attempt["response"].as_str().unwrap().len() <= 3 * 16 * 1024, "{}", behaviour.name);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(grown_kib <= GROWTH_KIB_MAX, "{grown_kib} KiB more");
    // None of them holds a place any more, and none was asked twice.
    let good = endpoints.iter().find(|(behaviour, _)| behaviour.name == "ok").unwrap();
    for (_, endpoint) in endpoints.iter().filter(|(behaviour, _)| behaviour.name != "ok") {
        scene.client.delete(&scene.app(&format!("/endpoint/{endpoint}"))).expect_status(204);
    }
    let id = scene.message(&json!({}));
    scene.wait_for_state(&id, &good.1, "success");
}

/// All attempts at a message, page by page.
fn attempts_of(scene: &Scene, message: &str) -> Vec<Value> {
    let path = scene.app(&format!("/attempt/msg/{message}?limit=250"));
    array(&scene.client.get(&path).expect_status(200).json()["data"]).clone()
}

#[test]
fn gone_switches_its_endpoint_off_and_no_other_does() {
    let scene = Scene::with(|launch| launch.with("CORNET_RETRY_SCHEDULE", "none"));
    let receiver = BadReceiver::start();
    let endpoint = |name: &str| {
        let behaviour = BEHAVIOURS.iter().find(|behaviour| behaviour.name == name).unwrap();
        scene.endpoint_with("/", json!({"url": behaviour.url(receiver.port)}))
    };
    let endpoints = ["gone", "redirect", "garbage"].map(endpoint);
    let id = scene.message(&json!({}));
    for endpoint in &endpoints {
        scene.wait_for_state(&id, endpoint, "fail");
    }
    let is_off = |endpoint: &String| {
        let shown = scene.client.get(&scene.app(&format!("/endpoint/{endpoint}"))).expect_status(200).json();
        shown["disabled"] == true
    };
    until("the endpoint that is gone is switched off", || is_off(&endpoints[0]).then_some(()));
    assert!(!is_off(&endpoints[1]) && !is_off(&endpoints[2]));
}

#[test]
fn the_command_and_its_page_list_every_behaviour() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cornet"));
    command.args(["bad-receiver", "--list"]);
    let (status, list, _) = run(command);
    assert!(status.success());
    let receiver = BadReceiver::start();
    let client = Client::new(([127, 0, 0, 1], receiver.port).into(), None);
    let page = client.get("/").expect_status(200).text();
    client.get("/nothing").expect_status(404);
    let document = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/bad-receiver.md")).unwrap();
    for (behaviour, line) in BEHAVIOURS.iter().zip(list.lines()) {
        assert!(line.starts_with(behaviour.name) && line.ends_with(behaviour.does), "{line}");
        assert!(page.contains(&behaviour.url(receiver.port)), "{} is not on the page", behaviour.name);
        let row = format!("| `{}` | {} | {} |", behaviour.name, behaviour.does, behaviour.outcome);
        assert!(document.contains(&row), "docs/bad-receiver.md lacks {row}");
    }
    assert_eq!(list.lines().count(), BEHAVIOURS.len());
    let body = client.get("/ok").expect_status(200);
    assert_eq!(text(&Value::from(body.text())), "ok");
}
