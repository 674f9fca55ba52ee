//! Canaries on every address: in a network of its own, where all addresses there are lead to this machine, whatever Cornet
//! connects to is seen, and it may be one public address only (THREATS A and B, "zero connects"). It needs root, for the
//! network.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[expect(dead_code, reason = "each test binary uses its own part of the support")]
mod support;

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::{IpAddr, TcpListener};
use std::process::Command;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use support::scene::{Scene, array, text};
use support::server::run;
use support::until;

/// Set for the process that is in the network of its own.
const INSIDE: &str = "CORNET_TEST_CANARY";
/// Set when no test may be left out.
const ALL: &str = "CORNET_TEST_ALL";
/// Makes every address lead to this machine, and names lead where the test says, before it becomes the test itself.
const MAKE_NETWORK: &str = "ip link set lo up && ip route add local default dev lo && ip -6 route add local default dev lo \
                            && mount --bind \"$HOSTS\" /etc/hosts && mount --bind /dev/null /etc/resolv.conf && exec \"$@\"";
/// A public address, and another.
const PUBLIC: &str = "93.184.216.34";
const PUBLIC_V6: &str = "2606:2800:220:1:248:1893:25c8:1946";
/// Where the canaries sit; a URL may name each.
const PORTS: [u16; 3] = [80, 443, 8080];

/// Addresses that nothing may be sent to, though this network would lead there.
const FORBIDDEN: [&str; 40] = [
    "0.0.0.0",
    "0.1.2.3",
    "10.0.0.5",
    "100.64.0.1",
    "100.100.100.200",
    "127.0.0.1",
    "127.9.9.9",
    "168.63.129.16",
    "169.254.169.254",
    "169.254.170.2",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.1",
    "192.0.0.192",
    "192.0.2.1",
    "192.88.99.1",
    "192.168.0.1",
    "198.18.0.1",
    "198.19.255.255",
    "198.51.100.1",
    "203.0.113.1",
    "240.0.0.1",
    "::",
    "::1",
    "::ffff:10.0.0.5",
    "::127.0.0.1",
    "64:ff9b::7f00:1",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b:1::7f00:1",
    "100::1",
    "2001::1",
    "2001:2::1",
    "2001:10::1",
    "2001:db8::1",
    "2002:7f00:1::1",
    "2606:4700::5efe:10.0.0.5",
    "3fff::1",
    "5f00::1",
    "fd00:ec2::254",
    "fec0::1",
];

/// Names, and the addresses that each leads to.
fn names() -> BTreeMap<String, Vec<&'static str>> {
    let forbidden =
        FORBIDDEN.iter().enumerate().map(|(number, address)| (format!("f{number}.example"), vec![*address]));
    let mixed = [
        ("mixed.example", vec![PUBLIC, "10.0.0.5"]),
        ("families.example", vec![PUBLIC, "::1"]),
        ("last.example", vec![PUBLIC, PUBLIC_V6, "169.254.169.254"]),
    ];
    forbidden.chain(mixed.map(|(name, addresses)| (name.to_owned(), addresses))).collect()
}

#[test]
fn nothing_forbidden_is_ever_connected_to() {
    if std::env::var_os(INSIDE).is_some() {
        return inside();
    }
    if !rustix::process::geteuid().is_root() {
        assert!(std::env::var_os(ALL).is_none(), "only root can make a network of its own");
        eprintln!("left out: only root can make a network of its own");
        return;
    }
    let mut hosts = tempfile::NamedTempFile::new().unwrap();
    let open = [("open.example".to_owned(), vec![PUBLIC])];
    for (name, addresses) in names().into_iter().chain(open) {
        addresses.iter().for_each(|address| writeln!(hosts, "{address} {name}").unwrap());
    }
    let mut command = Command::new("unshare");
    command.args(["--net", "--mount", "sh", "-c", MAKE_NETWORK, "sh"]).arg(std::env::current_exe().unwrap());
    command.args(["--exact", "nothing_forbidden_is_ever_connected_to", "--nocapture"]);
    command.env(INSIDE, "1").env("HOSTS", hosts.path());
    let (status, out, err) = run(command);
    assert!(status.success(), "{out}\n{err}");
    assert!(out.contains("1 passed"), "the test did not run inside: {out}");
}

/// The addresses that were connected to.
type Seen = Arc<Mutex<Vec<IpAddr>>>;

/// Listens on every address, and leads whoever comes to where nobody may go.
fn sit() -> Seen {
    let seen = Seen::default();
    for port in PORTS {
        let listener = TcpListener::bind(("::", port)).unwrap();
        let seen = seen.clone();
        std::thread::spawn(move || {
            for mut stream in listener.incoming().map_while(Result::ok) {
                seen.lock().unwrap().push(stream.local_addr().unwrap().ip().to_canonical());
                drop(stream.read(&mut [0; 64 * 1024]));
                let answer = "HTTP/1.1 302 Found\r\nlocation: http://169.254.169.254/\r\ncontent-length: 0\r\n\r\n";
                drop(stream.write_all(answer.as_bytes()));
            }
        });
    }
    seen
}

fn inside() {
    let seen = sit();
    let scene = Scene::with(|launch| launch.without("CORNET_ALLOW_NETWORKS").with("CORNET_RETRY_SCHEDULE", "none"));
    for address in FORBIDDEN {
        let host = if address.contains(':') { format!("[{address}]") } else { address.to_owned() };
        let answer = scene.client.post(&scene.app("/endpoint"), &json!({"url": format!("http://{host}/")}));
        assert_eq!(answer.expect_problem(422)["detail"][0]["type"], "target_forbidden", "{address}");
    }
    let urls = names()
        .into_keys()
        .flat_map(|name| [format!("http://{name}/"), format!("https://{name}/"), format!("http://{name}:8080/")]);
    let refused: Vec<String> = urls.map(|url| scene.endpoint_with("/", json!({"url": url}))).collect();
    let open = scene.endpoint_with("/", json!({"url": "http://open.example/"}));
    let id = scene.message(&json!({}));
    let expected = refused.len() + 1;
    let path = scene.app(&format!("/attempt/msg/{id}?limit=250"));
    let attempts = until("each endpoint had its attempt", || {
        let found = array(&scene.client.get(&path).expect_status(200).json()["data"]).clone();
        (found.len() == expected).then_some(found)
    });
    for attempt in &attempts {
        if attempt["endpointId"] == *open {
            assert_eq!(attempt["responseStatusCode"], 302, "the control must be reached: {attempt}");
            continue;
        }
        assert_eq!(attempt["errorCode"], "target_forbidden", "{attempt}");
    }
    // All are refused in the same words, and none of them tells an address (C27).
    let mut details: Vec<&Value> = attempts.iter().map(|attempt| &attempt["errorDetail"]).collect();
    details.retain(|detail| detail.is_string());
    details.dedup();
    assert_eq!(details.len(), 1, "{details:?}");
    assert!(!text(details[0]).contains("169.254"));
    // A person's own try of an endpoint goes the same way.
    scene.client.post("/api/v1/event-type", &json!({"name": "test.event", "description": ""})).expect_status(201);
    for endpoint in refused.iter().step_by(7) {
        let path = scene.app(&format!("/endpoint/{endpoint}/msg/test-attempt"));
        let tried = scene.client.post(&path, &json!({"eventType": "test.event"})).expect_status(201).json();
        assert_eq!(tried["errorCode"], "target_forbidden", "{tried}");
    }
    let seen = seen.lock().unwrap().clone();
    assert_eq!(seen, [PUBLIC.parse::<IpAddr>().unwrap()], "whoever was connected to");
}
