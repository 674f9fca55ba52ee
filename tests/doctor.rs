//! `cornet doctor` looks at an installation beside its server and without one, finds what is wrong with it, and changes
//! nothing.

#[expect(dead_code, reason = "each test binary uses its own part of the support")]
mod support;

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use serde_json::{Value, json};

use support::postgres::{self, Fresh};
use support::receiver::Reply;
use support::scene::{Scene, array};
use support::server::{Launch, run};

/// What `cornet doctor` finds with the settings of a server, and how it ends.
struct Examined {
    code: i32,
    findings: Vec<Value>,
}

fn examine(launch: &Launch, arguments: &[&str]) -> Examined {
    let mut command = launch.command_of("doctor");
    command.arg("--json").args(arguments);
    let (status, out, err) = run(command);
    assert_eq!(err, "");
    let found: Value = serde_json::from_str(&out).unwrap_or_else(|error| panic!("{error}: {out}"));
    let code = status.code().expect("no signal ends it");
    assert_eq!(found["healthy"], json!(code == 0));
    Examined { code, findings: array(&found["findings"]).clone() }
}

impl Examined {
    /// The grade and the text of what is said of this subject, the worst first.
    #[track_caller]
    fn of(&self, subject: &str) -> (&str, &str) {
        let of = |grade| self.findings.iter().find(|one| one["subject"] == subject && one["grade"] == grade);
        let found = ["problem", "warning", "ok"].into_iter().find_map(of);
        let found = found.unwrap_or_else(|| panic!("nothing of {subject} in {:?}", self.findings));
        let text = |member: &str| found[member].as_str().expect("a text");
        (text("grade"), text("text"))
    }

    #[track_caller]
    fn says(&self, subject: &str, grade: &str, text: &str) {
        let said = self.of(subject);
        assert!(said.0 == grade && said.1.contains(text), "{subject}: {said:?}");
    }

    /// The subjects that have a problem.
    fn problems(&self) -> Vec<&str> {
        let problems = self.findings.iter().filter(|one| one["grade"] == "problem");
        problems.filter_map(|one| one["subject"].as_str()).collect()
    }
}

/// A server with one message that was delivered, one that failed and one that waits.
fn scene(change: impl FnOnce(Launch) -> Launch) -> Scene {
    let scene = Scene::with(|launch| change(launch).with("CORNET_RETRY_SCHEDULE", "1h"));
    let (up, down) = (scene.endpoint("/up"), scene.endpoint_with("/down", json!({"eventTypes": ["test.event"]})));
    scene.receiver.on("/down", [Reply::status(410), Reply::status(500)]);
    let message = scene.message(&json!({"a": 1}));
    scene.wait_for_state(&message, &up, "success");
    scene.wait_for_state(&message, &down, "fail");
    scene
}

fn in_file(path: &Path, sql: &str) {
    let connection = rusqlite::Connection::open(path).expect("the file opens");
    connection.execute_batch(sql).expect("good SQL");
}

#[test]
fn a_healthy_installation_is_well_beside_its_server_and_without_it() {
    let scene = scene(|launch| launch);
    let launch = scene.server.launch();
    let examined = examine(&launch, &["--deep"]);
    assert_eq!((examined.code, examined.problems()), (0, vec![]), "{:?}", examined.findings);
    for (subject, text) in [("deliveries", "1 messages"), ("payloads", "1 messages"), ("guard", "forbidden")] {
        examined.says(subject, "ok", text);
    }
    examined.says("server", "ok", &scene.server.address().to_string());
    examined.says("integrity", "ok", "integrity_check");
    examined.says("database", "ok", "journal_mode wal");
    let data = scene.data_dir();
    assert!(scene.server.terminate().0.success());
    let files = || {
        let names = std::fs::read_dir(&data).unwrap().map(|entry| entry.unwrap().path());
        // SQLite makes an empty log and its index for whoever reads.
        let mut names: Vec<_> = names.filter(|path| !path.to_string_lossy().contains("cornet.db-")).collect();
        names.sort();
        names.iter().map(|path| (path.clone(), std::fs::read(path).unwrap())).collect::<Vec<_>>()
    };
    let before = files();
    let examined = examine(&launch, &[]);
    assert_eq!((examined.code, examined.problems()), (0, vec![]), "{:?}", examined.findings);
    examined.says("server", "ok", "none runs");
    assert!(files() == before, "it changes nothing");
}

#[test]
fn before_the_first_start_there_is_nothing_to_complain_about_and_nothing_is_made() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let examined = examine(&Launch::new(&data), &[]);
    assert_eq!(examined.problems(), Vec::<&str>::new());
    examined.says("data directory", "ok", "first start");
    assert!(!data.exists());
}

#[test]
fn what_is_wrong_around_the_store_is_found() {
    let scene = scene(|launch| launch);
    let data = scene.data_dir();
    std::fs::set_permissions(data.join("cornet.db"), Permissions::from_mode(0o644)).unwrap();
    std::fs::set_permissions(&data, Permissions::from_mode(0o755)).unwrap();
    std::fs::write(data.join("first-api-key"), "x").unwrap();
    let launch = scene.server.launch().with("CORNET_PUBLIC_URL", "http://hooks.example.com");
    let launch = launch.with("CORNET_MASTER_KEY", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=");
    let examined = examine(&launch.clone().with("CORNET_ALLOW_NETWORKS", "169.254.169.254/32"), &[]);
    assert_eq!(examined.code, 1);
    examined.says("data directory", "warning", "others may look");
    examined.says("files", "problem", "cornet.db");
    examined.says("public URL", "warning", "http://hooks");
    examined.says("master key", "problem", "another one");
    examined.says("guard", "problem", "169.254.169.254");
    // Exactly that is told to people, too.
    let (status, out, _) = run(launch.command_of("doctor"));
    assert_eq!(status.code(), Some(1));
    assert!(out.lines().any(|line| line.starts_with("problem  files ")), "{out}");
    assert!(out.contains("chmod 600") && out.trim_end().ends_with("problems"), "{out}");
}

#[test]
fn what_is_wrong_in_the_store_is_found() {
    let scene = scene(|launch| launch);
    let (data, launch) = (scene.data_dir().join("cornet.db"), scene.server.launch());
    assert!(scene.server.terminate().0.success());
    in_file(&data, "DELETE FROM deliveries WHERE state <> (SELECT min(state) FROM deliveries)");
    let examined = examine(&launch, &[]);
    assert_eq!(examined.problems(), ["deliveries"]);
    examined.says("deliveries", "problem", "1 of 1 messages neither wait nor have ended: msg_");
    in_file(&data, "UPDATE messages SET payload = x'7b7d', verdicts = x'00'");
    let examined = examine(&launch, &["--deep"]);
    assert_eq!(examined.problems(), ["payloads", "deliveries"]);
    examined.says("payloads", "problem", "1 of 1");
    in_file(&data, "UPDATE endpoint_secrets SET sealed = (SELECT sealed FROM seal)");
    examine(&launch, &[]).says("secrets", "problem", "2 of 4 do not open: endpoint_secrets of ep_");
    // A time that has not come.
    in_file(&data, "UPDATE messages SET id = id * 2");
    examine(&launch, &[]).says("clock", "problem", "the newest in the store is from");
    in_file(&data, "PRAGMA user_version = 900");
    examine(&launch, &[]).says("tables", "problem", "version 900");
    // Pages that do not hold together.
    let mut bytes = std::fs::read(&data).unwrap();
    bytes[5_000..9_000].fill(0xff);
    std::fs::write(&data, bytes).unwrap();
    assert_ne!(examine(&launch, &[]).code, 0);
}

#[test]
fn a_server_is_looked_at_as_well() {
    if !postgres::is_there() {
        assert!(std::env::var_os("CORNET_TEST_ALL").is_none(), "PostgreSQL is not installed");
        return;
    }
    let fresh = Fresh::new();
    let scene = scene(|launch| launch.with("CORNET_DATABASE_URL", &fresh.url()));
    let launch = scene.server.launch();
    let examined = examine(&launch, &["--deep"]);
    assert_eq!((examined.code, examined.problems()), (0, vec![]), "{:?}", examined.findings);
    for subject in ["database", "durability", "connections", "tables", "master key", "clock", "payloads", "deliveries"]
    {
        assert_eq!(examined.of(subject).0, "ok", "{subject}");
    }
    let name = fresh.sql("SELECT current_database()");
    fresh.sql(&format!("ALTER DATABASE {name} SET synchronous_commit = off; DELETE FROM deliveries"));
    let examined = examine(&launch, &[]);
    assert_eq!(examined.problems(), ["durability", "deliveries"]);
    examined.says("deliveries", "problem", "2 of 1 messages");
}

/// A receiver at an address of its own that answers with this date.
fn dated(address: &str, date: &str) -> std::net::SocketAddr {
    let listener = std::net::TcpListener::bind((address, 0)).expect("the whole of 127.0.0.0/8 is this machine");
    let local = listener.local_addr().expect("a bound listener has an address");
    let answer = format!("HTTP/1.1 204 Said\r\ndate: {date}\r\nconnection: close\r\n\r\n");
    std::thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            // One read takes such a small request.
            drop(std::io::Read::read(&mut stream, &mut [0; 8192]));
            drop(std::io::Write::write_all(&mut stream, answer.as_bytes()));
        }
    });
    local
}

/// THREATS J02: whoever holds signatures to their time refuses everything once our clock is wrong.
#[test]
fn a_clock_that_receivers_contradict_is_told() {
    let scene = Scene::new();
    let launch = scene.server.launch();
    let past = "Thu, 25 Feb 2021 15:03:10 GMT";
    for (count, address) in ["127.0.1.1", "127.0.2.1", "127.0.3.1"].into_iter().enumerate() {
        let findings = examine(&launch, &[]).findings;
        assert!(findings.iter().all(|one| one["subject"] != "receivers' clocks"), "{count} are believed");
        let url = format!("http://{}/", dated(address, past));
        let endpoint = scene.client.post(&scene.app("/endpoint"), &json!({"url": url})).expect_status(201).json();
        let message = scene.message(&json!({"count": count}));
        scene.wait_for_state(&message, endpoint["id"].as_str().expect("an id"), "success");
    }
    examine(&launch, &[]).says("receivers' clocks", "warning", "ahead of the clocks of most receivers");
}
