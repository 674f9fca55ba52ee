//! More than the machine carries: clients by the ten thousand, slow ones, large messages all at once, and one application
//! that floods the others. Each time the same is promised: memory stays bounded, who cannot be served is told so early and
//! when to come back, the others are served, `/healthz` and `/readyz` answer, and whatever got a 202 is delivered, once
//! (THREATS F05, F24, L05).
//!
//! Plain runs try a share; with `CORNET_TEST_FAULTS=all`, as in `./test --faults`, more rounds of the same.

mod busy;
mod crowd;
mod flood;
mod largest;
#[expect(dead_code, reason = "each test binary uses its own part of the support")]
#[path = "../support/mod.rs"]
mod support;

use std::collections::HashSet;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde_json::{Value, json};

use support::client::{Answer, Client};
use support::instant;
use support::receiver::Receiver;
use support::scene::{Scene, text};

/// How long a request that must be answered at once may take on a machine that is used up, and others besides: less than the
/// 30 s for which whoever waits for the places of others would wait.
const AT_ONCE: Duration = Duration::from_secs(25);

/// One at a time: each of these tests uses up the machine.
static MACHINE: Mutex<()> = Mutex::new(());

fn machine() -> MutexGuard<'static, ()> {
    let most = getrlimit(Resource::Nofile).maximum;
    setrlimit(Resource::Nofile, Rlimit { current: most, maximum: most }).expect("the limit may be raised so far");
    MACHINE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// How often it is tried.
fn rounds(all: usize) -> usize {
    if std::env::var_os("CORNET_TEST_FAULTS").is_some_and(|wanted| wanted == "all") { all } else { 1 }
}

/// Another application beside the default one, with an endpoint at this path of the receiver.
fn application(scene: &Scene, uid: &str) {
    scene.client.post("/api/v1/app", &json!({"name": uid, "uid": uid})).expect_status(201);
    let endpoint = json!({"url": scene.receiver.url(&format!("/{uid}"))});
    scene.client.post(&format!("/api/v1/app/{uid}/endpoint"), &endpoint).expect_status(201);
}

/// Asks whether the server lives and is ready; says how long the slower answer took. Where others use the machine up as well, the
/// store may take longer to say that it works than `/readyz` waits, which then says so.
#[track_caller]
fn health(client: &Client) -> Duration {
    let mut longest = Duration::ZERO;
    for path in ["/healthz", "/readyz"] {
        let began = instant();
        let answer = client.get(path);
        let is_slow = path == "/readyz" && answer.status == 503 && answer.json()["store"] == "slow";
        assert!(answer.status == 200 || is_slow, "{path}: {}", answer.text());
        longest = longest.max(began.elapsed());
        assert!(longest < AT_ONCE, "{path} took {longest:?}");
    }
    longest
}

/// The id of an accepted message; `None` when the server said properly that it is too much, and when to come back.
#[track_caller]
fn accepted(answer: Answer) -> Option<String> {
    match answer.status {
        202 => Some(text(&answer.json()["id"])),
        status @ (429 | 503) => {
            assert_eq!(answer.header("content-type"), Some("application/problem+json"));
            let again = answer.header("retry-after").and_then(|seconds| seconds.parse::<u64>().ok());
            assert!(again.is_some_and(|seconds| seconds > 0), "no Retry-After in {}", answer.text());
            answer.expect_problem(status);
            None
        }
        status => panic!("{status}: {}", answer.text()),
    }
}

/// Posts a small message to an application until it is accepted, as a careful producer would; returns its id and how often
/// it was turned away.
#[track_caller]
fn post(client: &Client, application: &str, payload: &Value) -> (String, usize) {
    let body = json!({"eventType": "test.event", "payload": payload});
    let path = format!("/api/v1/app/{application}/msg");
    let mut turned_away = 0;
    let id = support::until("a message to be accepted", || {
        let began = instant();
        let id = accepted(client.post(&path, &body));
        assert!(began.elapsed() < AT_ONCE, "the answer took {:?}", began.elapsed());
        turned_away += usize::from(id.is_none());
        id
    });
    (id, turned_away)
}

/// Everything that was accepted has been received at this path, once, and nothing else has.
#[track_caller]
fn received_once(receiver: &Receiver, path: &str, ids: &[String]) {
    let received = receiver.wait_for(path, ids.len());
    let seen: HashSet<&str> = received.iter().map(|request| request.id()).collect();
    assert_eq!(received.len(), ids.len(), "{path} was sent more than was accepted");
    assert!(ids.iter().all(|id| seen.contains(id.as_str())), "something that was accepted never came to {path}");
}
