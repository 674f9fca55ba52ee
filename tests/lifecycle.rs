//! The life of the process as its operator sees it: the first start, the second, a second one beside it, and the end.

#[expect(dead_code, reason = "each test binary uses its own part of the support")]
mod support;

use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use serde_json::json;
use tempfile::TempDir;

use support::scene::{Scene, text};
use support::server::{API_KEY, Launch, run};

/// The file that a server says it has written its first key to.
fn key_file(written: &str) -> Option<&str> {
    written.split_once("\"key_file\":\"")?.1.split('"').next()
}

#[test]
fn the_first_start_tells_where_its_key_is_and_the_second_keeps_everything() {
    let data = TempDir::new().unwrap();
    let launch = Launch::new(&data.path().join("data")).without("CORNET_API_KEY");
    let server = launch.start();
    let path = key_file(&server.output()).expect("the log names the file with the key").to_owned();
    let key = std::fs::read_to_string(&path).unwrap().trim_end().to_owned();
    assert!(key.len() >= 32, "a key that can be guessed: {key}");
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    // Nobody is at a terminal: what is written may be kept, so the key is not in it.
    assert!(!server.output().contains(&key));
    let curl = support::until("a curl line is shown", || {
        server.output().lines().find(|line| line.starts_with("curl ")).map(str::to_owned)
    });
    assert!(curl.contains(&format!("Bearer $(cat {path})\"")), "{curl}");
    let client = server.client().with_key(Some(&key));
    let made = client.post("/api/v1/app", &serde_json::json!({"name": "Kept", "uid": "kept"})).expect_status(201);
    let (status, _) = server.terminate();
    assert!(status.success(), "{status}");
    let server = launch.start();
    assert!(key_file(&server.output()).is_none(), "the second start makes a key:\n{}", server.output());
    let client = server.client().with_key(Some(&key));
    assert_eq!(client.get("/api/v1/app/kept").expect_status(200).json(), made.json());
    let (_, written) = server.terminate();
    assert!(!written.contains(&key) && !written.contains("curl "), "{written}");
}

#[test]
fn a_given_key_is_taken_and_never_shown() {
    let data = TempDir::new().unwrap();
    let server = Launch::new(&data.path().join("data")).start();
    server.client().get("/api/v1/app/default").expect_status(200);
    assert!(!server.output().contains(API_KEY));
}

#[test]
fn a_weak_key_is_refused() {
    let data = TempDir::new().unwrap();
    for key in ["", "changeme", &API_KEY[..31]] {
        let (status, written) = Launch::new(&data.path().join("data")).with("CORNET_API_KEY", key).start_refused();
        assert!(!status.success(), "{key:?} was taken");
        assert!(written.contains("CORNET_API_KEY"), "{written}");
    }
}

#[test]
fn senseless_settings_are_refused_by_name() {
    let data = TempDir::new().unwrap();
    for (name, value) in [
        ("CORNET_RETRY_SCHEDULE", "soon"),
        ("CORNET_RETRY_SCHEDULE", "5s,,5m"),
        ("CORNET_ALLOW_NETWORKS", "127.0.0.0/33"),
        ("CORNET_ALLOW_NETWORKS", "everywhere"),
    ] {
        let (status, written) = Launch::new(&data.path().join("data")).with(name, value).start_refused();
        assert!(!status.success(), "{name}={value} was taken");
        assert!(written.contains(name), "{written}");
    }
}

#[test]
fn the_data_is_for_its_owner_only() {
    let data = TempDir::new().unwrap();
    let folder = data.path().join("data");
    let _server = Launch::new(&folder).start();
    assert_eq!(std::fs::metadata(&folder).unwrap().permissions().mode() & 0o777, 0o700);
    for entry in std::fs::read_dir(&folder).unwrap() {
        let entry = entry.unwrap();
        let mode = entry.metadata().unwrap().permissions().mode() & 0o077;
        assert_eq!(mode, 0, "others may read {}", entry.path().display());
    }
}

/// THREATS L07, C23: clients get half of the few files that there are, so that deliveries go on while they hold theirs.
#[test]
fn where_files_are_few_clients_get_half_of_them() {
    let scene = Scene::with(|launch| launch.limited("ulimit -n 64"));
    let endpoint = scene.endpoint("/hook");
    assert!(scene.server.output().contains("\"connections_max\":32"), "{}", scene.server.output());
    let held: Vec<_> = (0..40).map(|_| scene.client.connect().unwrap()).collect();
    scene.client.get("/healthz").expect_status(200);
    // Nobody has been silent for long; until then others are told to come back.
    let body = json!({"eventType": "test.event", "payload": {"a": 1}});
    let id = support::until("a place", || {
        let answer = scene.client.post(&scene.app("/msg"), &body);
        assert!(answer.status == 202 || answer.header("retry-after") == Some("1"), "{}", answer.text());
        (answer.status == 202).then(|| text(&answer.json()["id"]))
    });
    scene.wait_for_state(&id, &endpoint, "success");
    drop(held);
}

#[test]
fn a_crash_leaves_no_dump_of_its_memory() {
    let data = TempDir::new().unwrap();
    let server = Launch::new(&data.path().join("data")).start();
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", server.process_id())).unwrap();
    let line = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
    assert_eq!(line.split_whitespace().skip(4).take(2).collect::<Vec<_>>(), ["0", "0"], "{line}");
}

#[test]
fn a_second_server_on_the_same_data_refuses_and_names_the_first() {
    let data = TempDir::new().unwrap();
    let launch = Launch::new(&data.path().join("data"));
    let first = launch.start();
    let (status, written) = launch.start_refused();
    assert!(!status.success());
    assert!(written.contains(&first.process_id().to_string()), "it does not say who holds the data:\n{written}");
    first.client().get("/api/v1/app/default").expect_status(200);
    // A holder that is gone holds nothing.
    let launch = first.kill();
    launch.start().client().get("/api/v1/app/default").expect_status(200);
}

#[test]
fn asked_to_end_it_ends_well() {
    let data = TempDir::new().unwrap();
    let server = Launch::new(&data.path().join("data")).start();
    let (status, written) = server.terminate();
    assert_eq!(status.code(), Some(0), "{written}");
}

#[test]
fn the_secrets_are_not_in_the_files_in_plain() {
    let data = TempDir::new().unwrap();
    let folder = data.path().join("data");
    let server = Launch::new(&folder).start();
    let endpoint = serde_json::json!({"url": "http://127.0.0.1:8999/x"});
    let made = server.client().post("/api/v1/app/default/endpoint", &endpoint).expect_status(201).json();
    let path = format!("/api/v1/app/default/endpoint/{}/secret", made["id"].as_str().unwrap());
    let secret = server.client().get(&path).expect_status(200).json()["key"].as_str().unwrap().to_owned();
    server.kill();
    for entry in std::fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        let Ok(bytes) = std::fs::read(&path) else { continue };
        for plain in [&secret[6..], API_KEY] {
            let found = bytes.windows(plain.len()).any(|window| window == plain.as_bytes());
            assert!(!found, "{} holds a secret in plain", path.display());
        }
    }
}

#[test]
fn help_tells_a_newcomer_what_to_do() {
    for arguments in [["--help"].as_slice(), &["serve", "--help"]] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_cornet"));
        command.args(arguments).env_clear();
        let (status, stdout, stderr) = run(command);
        assert!(status.success(), "{stderr}");
        for word in ["serve", "CORNET_DATA_DIR", "127.0.0.1:8484"] {
            let wanted = word == "serve" || arguments.len() == 2;
            assert!(!wanted || stdout.contains(word), "{arguments:?} does not tell of {word}:\n{stdout}");
        }
    }
    let mut command = Command::new(env!("CARGO_BIN_EXE_cornet"));
    command.arg("--no-such-flag").env_clear();
    let (status, _, stderr) = run(command);
    assert_eq!(status.code(), Some(2));
    assert!(stderr.contains("--help"), "{stderr}");
}
