//! Every place is taken by somebody who is being answered, and none of them can be sent away: health answers, and the others
//! learn at once that they must come back.

use std::io::Write as _;

use serde_json::json;

use crate::support::scene::{Scene, text};
use crate::support::{instant, until};
use crate::{AT_ONCE, accepted, health, machine, post};

const PLACES: usize = 32;

#[test]
fn health_answers_when_every_place_is_taken() {
    let _machine = machine();
    let scene = Scene::with(|launch| launch.with("CORNET_CONNECTIONS_MAX", &PLACES.to_string()));
    let endpoint = scene.endpoint("/hook");
    // An inbox that takes its time keeps the server busy with whoever posts to it.
    let inbox = scene.client.post("/api/v1/inbox", &json!({"name": "slow"})).expect_status(201).json();
    let path = format!("/api/v1/inbox/{}", text(&inbox["id"]));
    scene.client.patch(&path, &json!({"delayMs": 30_000})).expect_status(200);
    let url = text(&inbox["url"]);
    let path = url.splitn(4, '/').last().expect("a URL has a path");
    let busy: Vec<_> = (0..PLACES)
        .map(|_| {
            let stream = scene.client.connect().unwrap();
            let request = format!("POST /{path} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-length: 2\r\n\r\n{{}}");
            (&stream).write_all(request.as_bytes()).unwrap();
            stream
        })
        .collect();
    // The operator's figures are answered like health, by which it is known that everybody is in.
    until("every place to be taken", || {
        let metrics = scene.client.get("/metrics").expect_status(200).text();
        let open = metrics.lines().find_map(|line| line.strip_prefix("cornet_http_connections "))?;
        (open.parse::<usize>().ok()? > PLACES).then_some(())
    });
    let began = instant();
    for _ in 0..10 {
        health(&scene.client);
        let turned_away = scene.client.post(&scene.app("/msg"), &json!({"eventType": "a.b", "payload": {}}));
        assert_eq!(turned_away.status, 503, "{}", turned_away.text());
        assert!(accepted(turned_away).is_none());
    }
    assert!(began.elapsed() < AT_ONCE, "ten answers took {:?}", began.elapsed());
    drop(busy);
    let (id, _) = post(&scene.client, "default", &json!({}));
    scene.wait_for_state(&id, &endpoint, "success");
}
