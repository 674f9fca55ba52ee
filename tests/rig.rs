//! The rig tests itself: a receiver that recorded wrongly, or a client that read wrongly, would make every other
//! black-box test worthless.

#[expect(dead_code, reason = "each test binary uses its own part of the support")]
mod support;

use std::collections::HashSet;
use std::thread;

use support::client::{Client, read_answer};
use support::receiver::{Gate, Receiver, Reply};

fn client_of(receiver: &Receiver) -> Client {
    let address = receiver.url("").strip_prefix("http://").and_then(|address| address.parse().ok());
    Client::new(address.expect("the receiver's URL holds its address"), Some("a key"))
}

#[test]
fn the_receiver_records_what_the_client_sends_and_answers_in_turn() {
    let receiver = Receiver::start();
    let client = client_of(&receiver);
    receiver.on("/a", [Reply::status(500).body("no"), Reply::status(200).header("x-more", "1").body("yes")]);
    let bodies: [&[u8]; 3] = [b"{ \"n\" : 40.0 }", b"\xff\x00", b""];
    let answers = bodies.map(|body| client.send("POST", "/a", &[("webhook-id", "one")], Some(body)));
    assert_eq!(
        answers.map(|answer| (answer.status, answer.text())),
        [500, 200, 200].map(|status| { (status, if status == 500 { "no" } else { "yes" }.to_owned()) })
    );
    let received = receiver.wait_for("/a", 3);
    assert_eq!(received.iter().map(|request| request.body.as_slice()).collect::<Vec<_>>(), bodies);
    assert_eq!(received[0].header("authorization"), "Bearer a key");
    assert_eq!(client.get("/elsewhere").status, 204);
    assert_eq!(receiver.all().len(), 4);
}

#[test]
fn a_gate_holds_the_answer_but_not_the_record() {
    let receiver = Receiver::start();
    let client = client_of(&receiver);
    let gate = Gate::default();
    receiver.on("/a", [Reply::status(200).after(&gate)]);
    thread::scope(|scope| {
        let waiting = scope.spawn(|| client.send("POST", "/a", &[("webhook-id", "one")], Some(b"x")));
        receiver.wait_for_ids(&HashSet::from(["one".to_owned()]));
        assert!(!waiting.is_finished());
        gate.open();
        assert_eq!(waiting.join().unwrap().status, 200);
    });
}

#[test]
fn the_client_reads_every_kind_of_body() {
    let answer = |text: &str| read_answer(text.as_bytes());
    let chunked =
        answer("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n").unwrap();
    assert_eq!((chunked.status, chunked.text().as_str()), (200, "abcde"));
    assert_eq!(answer("HTTP/1.1 200 OK\r\n\r\nto the end").unwrap().text(), "to the end");
    assert_eq!(answer("HTTP/1.1 204 No Content\r\n\r\n").unwrap().text(), "");
    assert!(answer("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nshort").is_err());
    assert!(answer("").is_err());
}
