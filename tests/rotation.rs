//! The master key is replaced as an operator does it: with the command, and a restart between its two steps (THREATS J10).

#[expect(dead_code, reason = "each test binary uses its own part of the support")]
mod support;

use std::path::Path;

use serde_json::json;

use support::scene::text;
use support::server::{Launch, run};

fn rotate(launch: &Launch, arguments: &[&str]) -> (i32, String) {
    let mut command = launch.command_of("rotate-master-key");
    command.args(arguments);
    let (status, out, err) = run(command);
    (status.code().expect("no signal ends it"), out + &err)
}

fn keys(data_dir: &Path) -> Vec<String> {
    let file = std::fs::read_to_string(data_dir.join("master.key")).expect("there are keys");
    file.lines().map(str::to_owned).collect()
}

#[test]
fn the_master_key_is_replaced_while_the_server_serves() {
    let data = tempfile::tempdir().unwrap();
    let launch = Launch::new(&data.path().join("data"));
    assert_eq!(rotate(&launch, &[]).0, 1, "there is no key yet");
    let server = launch.start();
    let client = server.client();
    let secret_of = |server: &support::server::Server, id: &str| {
        let path = format!("/api/v1/app/default/endpoint/{id}/secret");
        text(&server.client().get(&path).expect_status(200).json()["key"])
    };
    let endpoint = json!({"url": "https://example.com/", "headers": {"x-token": "hush"}});
    let made = client.post("/api/v1/app/default/endpoint", &endpoint).expect_status(201).json();
    let id = text(&made["id"]);
    let secret = secret_of(&server, &id);

    let old = keys(launch.data_dir());
    assert_eq!(rotate(&launch, &["--finish"]).0, 1, "there is nothing to finish");
    let (code, told) = rotate(&launch, &[]);
    assert!(code == 0 && told.contains("restart the server"), "{told}");
    let both = keys(launch.data_dir());
    assert!(both.len() == 2 && both[1] == old[0] && both[0] != old[0]);
    assert!(!told.contains(&both[0]), "a key is nothing for a terminal");
    assert_eq!(rotate(&launch, &[]).0, 1, "one is under way");
    let (code, told) = rotate(&launch, &["--finish"]);
    assert!(code == 1 && told.contains("still needs the old master key"), "{told}");

    let server = server.restart();
    support::until("everything is sealed anew", || {
        server.output().contains("the old one can be taken away").then_some(())
    });
    assert_eq!(secret_of(&server, &id), secret);
    let mut doctor = launch.command_of("doctor");
    doctor.arg("--json");
    let (_, found, _) = run(doctor);
    assert!(found.contains("nothing needs it any more"), "{found}");
    let (code, told) = rotate(&launch, &["--finish"]);
    assert!(code == 0 && told.contains("the new key alone"), "{told}");
    assert_eq!(keys(launch.data_dir()), both[..1]);

    let server = server.restart();
    assert_eq!(secret_of(&server, &id), secret);
    let environments = server.client().get("/api/v1/management/environment").expect_status(200).json();
    let path = format!("/api/v1/management/environment/{}/audit-log", text(&environments["data"][0]["id"]));
    let log = server.client().get(&format!("{path}?action=master_key.replaced")).expect_status(200).json();
    assert_eq!(log["data"].as_array().map(Vec::len), Some(1), "{log}");
    server.terminate();
    let file = launch.data_dir().join("master.key");
    std::fs::write(&file, &old[0]).unwrap();
    let (status, told) = launch.start_refused();
    assert!(!status.success() && told.contains("another master key"), "{told}");
}
