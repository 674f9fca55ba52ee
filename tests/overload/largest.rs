//! Messages of the largest size, hundreds at the same time, in the hands of one application: what is in memory is bounded, and
//! another application's come in meanwhile.

use std::io::Write as _;
use std::sync::Barrier;

use serde_json::json;

use crate::support::client::{Client, read_answer};
use crate::support::instant;
use crate::support::scene::Scene;
use crate::{accepted, application, health, machine, post, received_once, rounds};

/// Posts at the same time.
const POSTS: usize = 400;
/// The most that a payload may have.
const PAYLOAD_BYTES: usize = 1024 * 1024;
/// What they may cost: the bodies that are held at a time, 128 MiB for all, once in the pieces that came and once as a whole,
/// and the payloads that wait in memory to be sent, 64 MiB. All that was posted would be 400 MiB, as often as it is copied.
const GROWN_KIB_MAX: u64 = (2 * 128 + 64) * 1024;

/// Posts a message of the largest size whose last byte waits until all others have come; what is too much is refused before.
fn post_at_once(client: &Client, number: usize, all_have_come: &Barrier, end: &Barrier) -> Option<String> {
    let filled = "x".repeat(PAYLOAD_BYTES - 40);
    let body = format!(r#"{{"eventType":"test.event","payload":{{"number":{number},"filled":"{filled}"}}}}"#);
    let path = "/api/v1/app/flooding/msg";
    let head = client.head("POST", path);
    let head = format!("{head}content-type: application/json\r\ncontent-length: {}\r\n\r\n", body.len());
    let stream = client.connect().expect("the server takes everybody in");
    let (most, last) = body.as_bytes().split_at(body.len() - 1);
    // One that is refused cannot be written to any more; its answer is there to be read.
    let written = (&stream).write_all(head.as_bytes()).and_then(|()| (&stream).write_all(most));
    all_have_come.wait();
    end.wait();
    let _written = written.and_then(|()| (&stream).write_all(last));
    read_answer(&stream).map_or(None, accepted)
}

/// THREATS F24.
#[test]
fn hundreds_of_the_largest_messages_at_once() {
    let _machine = machine();
    let scene = Scene::new();
    application(&scene, "flooding");
    application(&scene, "quiet");
    let (before_kib, began) = (scene.server.resident_kib(), instant());
    let (mut flooding, mut quiet) = (Vec::new(), Vec::new());
    for _ in 0..rounds(3) {
        let (all_have_come, end) = (Barrier::new(POSTS + 1), Barrier::new(POSTS + 1));
        std::thread::scope(|scope| {
            let posting = |number| {
                let (client, all_have_come, end) = (&scene.client, &all_have_come, &end);
                scope.spawn(move || post_at_once(client, number, all_have_come, end))
            };
            let posted: Vec<_> = (0..POSTS).map(posting).collect();
            all_have_come.wait();
            // The memory that is left to others is theirs.
            for number in 0..10 {
                let filled = "x".repeat(PAYLOAD_BYTES / 2);
                let (id, turned_away) = post(&scene.client, "quiet", &json!({"number": number, "filled": filled}));
                assert_eq!(turned_away, 0, "another application was turned away");
                quiet.push(id);
            }
            health(&scene.client);
            end.wait();
            flooding.extend(posted.into_iter().filter_map(|posted| posted.join().expect("a post ends")));
        });
    }
    received_once(&scene.receiver, "/quiet", &quiet);
    received_once(&scene.receiver, "/flooding", &flooding);
    let peak_kib = scene.server.peak_kib();
    let grown_kib = peak_kib.saturating_sub(before_kib);
    eprintln!(
        "{POSTS} posts of 1 MiB at once, {} rounds: {} accepted, {} MiB more, {:?}",
        rounds(3),
        flooding.len(),
        grown_kib / 1024,
        began.elapsed()
    );
    assert!(!flooding.is_empty() && flooding.len() < POSTS * rounds(3), "{} were accepted", flooding.len());
    assert!(grown_kib < GROWN_KIB_MAX, "from {before_kib} to {peak_kib} KiB");
}
