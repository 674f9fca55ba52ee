//! ShipEngine's document against a real server: its own curl commands with only host and key replaced (SEEDS C24–C32),
//! a race for one event (C5, C26), and a message on its way to such a webhook (C3, C4).

#[expect(dead_code, reason = "each test binary uses its own part of the support")]
mod support;

use std::process::Command;
use std::sync::Barrier;

use serde_json::{Value, json};

use support::client::{Answer, Client, read_answer};
use support::scene::Scene;
use support::server::{API_KEY, run};

const PATH: &str = "/v1/environment/webhooks";

/// The commands of the document, as it prints them.
const CREATE: &str = r#"curl -iX POST https://api.shipengine.com/v1/environment/webhooks \
-H 'Content-Type: application/json' \
-H 'API-Key: __YOUR_API_KEY_HERE__' \
-d '{
  "url": "https://your-server.com",
  "event": "batch"
}'"#;
const LIST: &str = r"curl -iX GET https://api.shipengine.com/v1/environment/webhooks \
-H 'Content-Type: application/json' \
-H 'API-Key: __YOUR_API_KEY_HERE__'";
const GET: &str = r"curl -iX GET https://api.shipengine.com/v1/environment/webhooks/5519 \
-H 'Content-Type: application/json' \
-H 'API-Key: __YOUR_API_KEY_HERE__'";

/// Types the command into a shell; answers what the server answered.
fn typed(command: &str) -> Answer {
    let mut shell = Command::new("sh");
    shell.arg("-c").arg(command);
    let (status, answer, error) = run(shell);
    assert!(status.success(), "{command}: {error}");
    read_answer(answer.as_bytes()).expect("curl shows the whole answer")
}

/// The command with another host and key.
fn at(scene: &Scene, command: &str) -> String {
    let host = format!("http://{}", scene.server.address());
    command.replace("https://api.shipengine.com", &host).replace("__YOUR_API_KEY_HERE__", API_KEY)
}

fn has_curl() -> bool {
    Command::new("curl").arg("--version").output().is_ok_and(|output| output.status.success())
}

fn create(client: &Client, url: &str, event: &str) -> Answer {
    let body = json!({"url": url, "event": event}).to_string();
    client.send("POST", PATH, &[("API-Key", API_KEY)], Some(body.as_bytes()))
}

#[test]
fn c24_to_c32_the_curl_commands_of_the_document_work() {
    if !has_curl() {
        eprintln!("skipped: there is no curl on this machine");
        return;
    }
    let scene = Scene::new();
    let made = typed(&at(&scene, CREATE)).expect_status(200);
    assert_eq!(made.header("content-type"), Some("application/json"));
    let id = made.json()["webhook_id"].as_str().unwrap().to_owned();
    assert!(id.bytes().all(|byte| byte.is_ascii_digit()), "{id}");
    let text = format!(r#"{{"webhook_id":"{id}","url":"https://your-server.com","event":"batch"}}"#);
    assert_eq!(made.text(), text);

    let conflict = typed(&at(&scene, CREATE)).expect_problem(409);
    assert!(conflict["detail"].as_str().unwrap().contains("active webhooks"), "{conflict}");
    for (url, event) in
        [("https://your-server.com/listener/track", "track"), ("https://your-server.com/listener/rate", "rate")]
    {
        create(&scene.client, url, event).expect_status(200);
    }
    let listed = typed(&at(&scene, LIST)).expect_status(200).json();
    let events: Vec<&Value> = listed.as_array().unwrap().iter().map(|webhook| &webhook["event"]).collect();
    assert_eq!(events, ["batch", "rate", "track"]);
    assert_eq!(listed[0], made.json());
    assert_eq!(typed(&at(&scene, GET).replace("5519", &id)).expect_status(200).text(), text);
    typed(&at(&scene, GET)).expect_problem(404);

    // The document as it stands, with its placeholder for a key.
    let unknown = at(&scene, LIST).replace(API_KEY, "__YOUR_API_KEY_HERE__");
    assert!(typed(&unknown).expect_problem(401)["detail"].as_str().unwrap().contains("API-Key"));
}

#[test]
fn c5_c26_of_fifty_clients_at_once_exactly_one_makes_the_webhook() {
    let scene = Scene::new();
    let start = Barrier::new(50);
    let statuses: Vec<u16> = std::thread::scope(|scope| {
        let clients: Vec<_> = (0..50)
            .map(|number| {
                let (start, client) = (&start, &scene.client);
                scope.spawn(move || {
                    start.wait();
                    create(client, &format!("https://your-server.com/{number}"), "batch").status
                })
            })
            .collect();
        clients.into_iter().map(|client| client.join().unwrap()).collect()
    });
    assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 1, "{statuses:?}");
    assert_eq!(statuses.iter().filter(|status| **status == 409).count(), 49, "{statuses:?}");
}

#[test]
fn c3_c4_an_event_reaches_its_webhook_and_no_other() {
    let scene = Scene::new();
    create(&scene.client, &scene.receiver.url("/batch"), "batch").expect_status(200);
    create(&scene.client, &scene.receiver.url("/rate"), "rate").expect_status(200);
    for event in ["rate", "batch"] {
        let body = json!({"eventType": event, "payload": {"resource_url": event}});
        scene.client.post(&scene.app("/msg"), &body).expect_status(202);
    }
    assert_eq!(scene.receiver.wait_for("/batch", 1)[0].text(), r#"{"resource_url":"batch"}"#);
    assert_eq!(scene.receiver.wait_for("/rate", 1).len(), 1);
    assert_eq!(scene.receiver.all().len(), 2);
}
