//! The commands that talk to a running server, as a person or a script types them: `cornet send` and `cornet why`.

#[expect(dead_code, reason = "each test binary uses its own part of the support")]
mod support;

use std::net::TcpListener;
use std::process::Command;

use serde_json::{Value, json};

use support::receiver::Reply;
use support::scene::Scene;
use support::server::{API_KEY, run};

/// How a command ended: its exit code, its stdout and its stderr.
struct Ended {
    code: i32,
    out: String,
    err: String,
}

impl Ended {
    #[track_caller]
    fn well(self) -> String {
        assert_eq!(self.code, 0, "{}", self.err);
        assert_eq!(self.err, "");
        self.out
    }

    #[track_caller]
    fn badly(self, code: i32) -> String {
        assert_eq!((self.code, self.out.as_str()), (code, ""), "{}", self.err);
        self.err
    }
}

fn cornet(server: &str, key: Option<&str>, arguments: &[&str]) -> Ended {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cornet"));
    command.env_clear().env("CORNET_SERVER", server).envs(key.map(|key| ("CORNET_API_KEY", key))).args(arguments);
    let (status, out, err) = run(command);
    Ended { code: status.code().expect("no signal ends it"), out, err }
}

/// A command with the server's address and key.
fn at(scene: &Scene, arguments: &[&str]) -> Ended {
    cornet(&format!("http://{}", scene.server.address()), Some(API_KEY), arguments)
}

#[test]
fn send_posts_the_payload_as_it_is_written_and_prints_the_id() {
    let scene = Scene::new();
    scene.endpoint("/hook");
    let payload = r#"{ "total": 40.0, "a": null }"#;
    let id = at(&scene, &["send", "--type", "order.created", "--payload", payload]).well();
    let received = scene.receiver.wait_for("/hook", 1);
    assert_eq!((received[0].text(), received[0].id()), (payload, id.trim_end()));

    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("payload.json");
    std::fs::write(&file, r#"{"from":"file"}"#).unwrap();
    let argument = format!("@{}", file.display());
    let shown = at(&scene, &["send", "--type", "order.created", "--payload", &argument, "--output", "json"]).well();
    let shown: Value = serde_json::from_str(&shown).unwrap();
    assert_eq!((&shown["eventType"], &shown["payload"]), (&json!("order.created"), &json!({"from": "file"})));
    assert_eq!(scene.receiver.wait_for("/hook", 2)[1].text(), r#"{"from":"file"}"#);

    let refused = at(&scene, &["send", "--type", "not a type"]).badly(1);
    assert!(refused.contains("body.eventType: "), "{refused}");
    assert!(at(&scene, &["send", "--type", "a", "--payload", "{"]).badly(1).contains("--payload"));
    at(&scene, &["send", "--type", "a", "--app", "none of mine"]).badly(5);
}

#[test]
fn why_prints_a_line_for_each_endpoint_with_its_reason() {
    let scene = Scene::new();
    scene.receiver.on("/down", [Reply::status(503)]);
    let down = scene.endpoint("/down");
    let other = scene.endpoint_with("/other", json!({"eventTypes": ["a.b"]}));
    let message = scene.message(&json!({}));
    scene.wait_for_state(&message, &down, "fail");
    let shown = at(&scene, &["why", &message]).well();
    let line = |id: &str| shown.lines().find(|line| line.starts_with(id)).unwrap_or_else(|| panic!("{id}: {shown}"));
    assert!(line(&message).contains("test.event"), "{shown}");
    let words: Vec<&str> = line(&down).split_whitespace().collect();
    assert_eq!(words[2..7], ["queued", "failed", "3", "-", "503"], "{shown}");
    assert!(line(&down).ends_with("Your server failed; its log says why."), "{shown}");
    assert!(line(&other).contains("event_type") && line(&other).contains("not subscribed"), "{shown}");

    let shown: Value = serde_json::from_str(&at(&scene, &["why", &message, "--output", "json"]).well()).unwrap();
    let api = scene.client.get(&scene.app(&format!("/msg/{message}/why"))).expect_status(200).json();
    assert_eq!(shown, api);
}

#[test]
fn each_kind_of_failure_has_its_exit_code_and_says_what_to_do() {
    let scene = Scene::new();
    let server = format!("http://{}", scene.server.address());
    let why = ["why", "msg_none"];
    assert!(at(&scene, &why).badly(5).contains("there is no such message"));
    assert!(cornet(&server, None, &why).badly(6).contains("CORNET_API_KEY"));
    assert!(cornet(&server, Some("wrong"), &why).badly(6).contains("API key"));
    // A port that was free a moment ago.
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    assert!(cornet(&format!("http://{free}"), Some(API_KEY), &why).badly(7).contains("CORNET_SERVER"));
    assert!(cornet(&format!("https://{}", scene.server.address()), Some(API_KEY), &why).badly(7).contains("reach"));
    assert!(cornet("ftp://localhost", Some(API_KEY), &why).badly(1).contains("http://HOST:PORT"));
    // Only what a key may be goes into a header, and no key is shown.
    let odd = cornet(&server, Some("se\ncret"), &why).badly(1);
    assert!(odd.contains("CORNET_API_KEY") && !odd.contains("cret"), "{odd}");
}

#[test]
fn the_key_may_be_in_a_file() {
    let scene = Scene::new();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("key");
    std::fs::write(&file, format!("{API_KEY}\n")).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_cornet"));
    command.env_clear().env("CORNET_API_KEY_FILE", &file).args(["send", "--type", "a.b", "--server"]);
    command.arg(format!("http://{}/", scene.server.address()));
    let (status, id, error) = run(command);
    assert!(status.success() && id.starts_with("msg_"), "{error}");
}
