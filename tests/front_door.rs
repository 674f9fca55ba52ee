//! The front door: requests that are broken, slow, too long or for somebody else get an answer that says so, hurt
//! nobody, and every answer has the headers that protect whoever looks at it (THREATS F01–F07, F22, G09, I02).

#[expect(dead_code, reason = "each test binary uses its own part of the support")]
mod support;

use std::io::{Read, Write};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde_json::json;

use support::client::read_answer;
use support::scene::{Scene, text};
use support::server::API_KEY;

/// How much memory a slow client may cost.
const SLOW_CLIENT_KIB_MAX: u64 = 32;

/// How long a client may take over the head of a request, with some room.
const SLOW_HEAD_SECONDS: u64 = 25;

#[test]
fn broken_requests_do_not_hurt_the_others() {
    let scene = Scene::new();
    for bytes in [
        b"GET\r\n\r\n".as_slice(),
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET / HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n",
        b"POST /api/v1/app HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\nffffffffffffffffff\r\n",
        b"GET / HTTP/1.1\r\nhost: a\r\nbad header\r\n\r\n",
    ] {
        let stream = scene.client.connect().unwrap();
        (&stream).write_all(bytes).unwrap();
        stream.shutdown(std::net::Shutdown::Write).unwrap();
        if let Ok(answer) = read_answer(&stream) {
            assert!((400..500).contains(&answer.status), "{}", answer.status);
        }
    }
    let many = scene.client.head("GET", "/api/v1/app") + &"x-header: y\r\n".repeat(2000) + "\r\n";
    if let Ok(answer) = scene.client.exchange(many.as_bytes()) {
        assert!((400..500).contains(&answer.status), "{}", answer.status);
    }
    scene.client.get("/api/v1/app/default").expect_status(200);
}

#[test]
fn a_slow_client_is_closed() {
    let scene = Scene::new();
    let patience = std::time::Duration::from_secs(SLOW_HEAD_SECONDS);
    let silent = scene.client.connect().unwrap();
    let half = scene.client.connect().unwrap();
    (&half).write_all(b"POST /api/v1/app HTTP/1.1\r\nhost: a\r\nx-slow: ").unwrap();
    let half_a_body = scene.client.connect().unwrap();
    let head = scene.client.head("POST", "/api/v1/app") + "content-type: application/json\r\ncontent-length: 99\r\n";
    (&half_a_body).write_all(format!("{head}x-request-id: mine-1\r\n\r\n{{").as_bytes()).unwrap();
    for (name, mut stream) in [("silent", silent), ("half a head", half)] {
        stream.set_read_timeout(Some(patience)).unwrap();
        let mut rest = Vec::new();
        // The server may answer 408 first; what counts is that the connection ends.
        stream.read_to_end(&mut rest).unwrap_or_else(|error| panic!("the {name} client was left open: {error}"));
    }
    half_a_body.set_read_timeout(Some(patience)).unwrap();
    let problem = read_answer(&half_a_body).unwrap().expect_problem(408);
    assert_eq!((&problem["code"], &problem["requestId"]), (&json!("body_timeout"), &json!("mine-1")));
    scene.client.get("/api/v1/app/default").expect_status(200);
}

/// Requests that nobody thought of: good ones with bytes changed, doubled and left out by seeded chance.
#[test]
fn no_request_does_more_than_be_refused() {
    let scene = Scene::new();
    let payload = r#"{"eventType":"a.b","payload":{"a":[1,2.50,"\u00e9"]},"channels":["x"]}"#;
    let heads =
        [("POST", scene.app("/msg?with_content=false")), ("PUT", scene.app("")), ("GET", scene.app("/msg?limit=5"))];
    let good: Vec<Vec<u8>> = heads
        .iter()
        .map(|(method, path)| {
            let head = scene.client.head(method, path);
            let length = payload.len();
            format!("{head}content-type: application/json\r\ncontent-length: {length}\r\n\r\n{payload}").into_bytes()
        })
        .collect();
    let telling = b"\r\n :;,-0123456789\t\0\xff/{}[]\"%?&=HTPax";
    for seed in 0..600 {
        let mut random = fastrand::Rng::with_seed(seed);
        let mut request = good[random.usize(..good.len())].clone();
        for _ in 0..random.u8(1..=6) {
            let at = random.usize(..request.len());
            match random.u8(..3) {
                0 => request[at] = telling[random.usize(..telling.len())],
                1 => request.insert(at, telling[random.usize(..telling.len())]),
                _ => drop(request.remove(at)),
            }
        }
        let stream = scene.client.connect().unwrap();
        // The server may have had enough before the end, and closes what it cannot read.
        drop((&stream).write_all(&request).and_then(|()| stream.shutdown(std::net::Shutdown::Write)));
        if let Ok(answer) = read_answer(&stream) {
            let shown = String::from_utf8_lossy(&request).into_owned();
            assert!((200..500).contains(&answer.status), "seed {seed}: {} for {shown:?}", answer.text());
        }
    }
    scene.client.get("/api/v1/app/default").expect_status(200);
    let metrics = scene.client.get("/metrics").expect_status(200).text();
    assert!(metrics.contains("cornet_http_requests_panicked_total 0"), "{metrics}");
}

/// THREATS F05: whoever holds every place and says nothing has to leave for others.
#[test]
fn who_rests_makes_place_for_others() {
    let scene = Scene::with(|launch| launch.with("CORNET_CONNECTIONS_MAX", "4"));
    let host = "host: 127.0.0.1\r\n\r\n";
    let resting: Vec<_> = (0..3).map(|_| scene.client.connect().unwrap()).collect();
    for stream in &resting {
        // Kept open after an answer, it may rest for more than a minute where there is place.
        (&*stream).write_all(format!("GET /healthz HTTP/1.1\r\n{host}").as_bytes()).unwrap();
        read_answer(stream).unwrap().expect_status(200);
    }
    let began = support::instant();
    for _ in 0..3 {
        scene.client.get("/api/v1/app/default").expect_status(200);
    }
    let silent: Vec<_> = (0..4).map(|_| scene.client.connect().unwrap()).collect();
    // Nobody has been silent for long; until then others are told to come back.
    support::until("a place", || {
        let answer = scene.client.get("/api/v1/app/default");
        assert!(answer.status == 200 || answer.header("retry-after") == Some("1"), "{}", answer.text());
        (answer.status == 200).then_some(())
    });
    assert!(began.elapsed().as_secs() < SLOW_HEAD_SECONDS, "{:?}", began.elapsed());
    drop((resting, silent));
}

/// THREATS F05, L07: thousands who say nothing, half a head or half a body cost little and keep nobody out.
#[test]
fn thousands_of_slow_clients_cost_little_and_keep_nobody_out() {
    let most = getrlimit(Resource::Nofile).maximum;
    setrlimit(Resource::Nofile, Rlimit { current: most, maximum: most }).unwrap();
    let scene = Scene::with(|launch| launch.with("CORNET_CONNECTIONS_MAX", "2000"));
    let endpoint = scene.endpoint("/hook");
    let before_kib = scene.server.resident_kib();
    let head = scene.client.head("POST", "/api/v1/app/default/msg");
    let half_a_body = format!("{head}content-type: application/json\r\ncontent-length: 1000000\r\n\r\n{{");
    let says = ["", "POST /api/v1/app HTTP/1.1\r\nhost: a\r\nx-slow: ", half_a_body.as_str()];
    let slow: Vec<_> = (0..3_000)
        .map(|number| {
            let stream = scene.client.connect().unwrap();
            (&stream).write_all(says[number % says.len()].as_bytes()).unwrap();
            stream
        })
        .collect();
    // The places are taken; all the same these come in, as soon as one of the others has been silent for a second.
    let body = |number| json!({"eventType": "test.event", "payload": {"n": number}});
    let accepted = |number| {
        let answer = scene.client.post(&scene.app("/msg"), &body(number));
        if answer.status == 503 {
            assert_eq!(answer.header("retry-after"), Some("1"));
            return None;
        }
        Some(text(&answer.expect_status(202).json()["id"]))
    };
    let ids: Vec<_> = (0..5).map(|number| support::until("a place", || accepted(number))).collect();
    let grown_kib = scene.server.resident_kib().saturating_sub(before_kib);
    assert!(grown_kib < 2_000 * SLOW_CLIENT_KIB_MAX, "{grown_kib} KiB for 2000 clients");
    for id in &ids {
        scene.wait_for_state(id, &endpoint, "success");
    }
    drop(slow);
}

/// What is refused by its head alone is told why, in the words of the API, and which request it was.
#[test]
fn a_request_is_refused_by_its_head_with_a_reason() {
    let scene = Scene::new();
    let host = |host: &str| format!("host: {host}\r\nconnection: close\r\n\r\n");
    let line = |path: &str| format!("GET {path} HTTP/1.1\r\n");
    let long_path = format!("/{}", "a".repeat(16 * 1024));
    let cases = [
        (line("/healthz") + "host: 127.0.0.1\r\n" + &host("evil.example"), 400, "host_invalid"),
        (line("/healthz") + "connection: close\r\n\r\n", 400, "host_invalid"),
        (line("/metrics") + &host("evil.example"), 421, "host_unknown"),
        (line("/readyz") + &host("evil.example:8484"), 421, "host_unknown"),
        (line("/openapi.json") + &host("localhost.evil.example"), 421, "host_unknown"),
        (line("/api/v1/app") + &"x: y\r\n".repeat(101) + &host("a"), 431, "head_too_large"),
        (line("/api/v1/app") + &format!("x: {}\r\n", "a".repeat(64 * 1024)) + &host("a"), 431, "head_too_large"),
        (line("/api/v1/app") + &format!("x: {}\r\n", "a".repeat(99 * 1024)) + &host("a"), 431, "head_too_large"),
        (line(&long_path) + &host("a"), 414, "uri_too_long"),
    ];
    for (request, status, code) in cases {
        let answer = scene.client.exchange(request.as_bytes()).unwrap();
        let id = answer.header("x-request-id").map(str::to_owned);
        let problem = answer.expect_problem(status);
        assert_eq!(problem["code"], code, "{}", &request[..60]);
        assert_eq!(problem["requestId"].as_str(), id.as_deref());
        assert!(id.is_some());
    }
    for path in ["/metrics", "/readyz", "/openapi.json"] {
        for name in ["127.0.0.1", "localhost", "cornet", "cornet.hooks.svc.cluster.local:8484"] {
            scene.client.exchange((line(path) + &host(name)).as_bytes()).unwrap().expect_status(200);
        }
    }
}

/// Many clients read nothing before they have said everything: they learn all the same why nobody listened.
#[test]
fn who_is_refused_in_the_middle_of_a_body_learns_why() {
    let scene = Scene::new();
    let body = format!("{{\"eventType\":\"a.b\",\"payload\":{{\"a\":\"{}\"}}}}", "x".repeat(4 * 1024 * 1024));
    let stranger = scene.client.with_key(Some("a-key-that-nobody-ever-gave-to-anybody"));
    for (client, status) in [(&scene.client, 413), (&stranger, 401)] {
        for _ in 0..20 {
            client.post_bytes(&scene.app("/msg"), body.as_bytes()).expect_problem(status);
        }
    }
}

/// A browser that is led to any answer of Cornet's runs nothing of it, frames it nowhere and keeps no copy.
#[test]
fn every_answer_has_the_headers_that_protect_it() {
    let scene = Scene::new();
    let anybody = scene.client.with_key(None);
    let paths = ["/nowhere", "/%3Cscript%3E", "/healthz", "/metrics", "/openapi.json", "/api/v1/app", "/", "/sign-in"];
    for path in paths.into_iter().chain(["/inbox/none", "/portal/app_1/", "/environments/env_1/", "/assets/none.css"]) {
        let answer = anybody.get(path);
        let policy = answer.header("content-security-policy").unwrap_or_else(|| panic!("{path} has no policy"));
        assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe"), "{path}: {policy}");
        assert!(policy.contains("frame-ancestors 'none'") || policy.contains("sandbox"), "{path}: {policy}");
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"), "{path}");
        assert!(answer.header("cache-control").is_some_and(|how| how.contains("no-store")), "{path}");
        assert_eq!(answer.header("access-control-allow-origin"), None, "{path}");
        assert!(!answer.text().contains("<script>"), "{path} shows its path unescaped");
    }
}

#[test]
fn a_key_in_a_url_is_refused_and_not_logged() {
    let scene = Scene::with(|launch| launch.with("CORNET_LOG", "debug"));
    let anybody = scene.client.with_key(None);
    for name in ["api_key", "apiKey", "API-Key", "access_token", "token", "key", "authorization", "Bearer"] {
        for path in ["/api/v1/app", "/api/v1/app/default/msg", "/v1/environment/webhooks", "/api/v1/event-type"] {
            let problem = anybody.get(&format!("{path}?limit=1&{name}={API_KEY}")).expect_problem(400);
            assert_eq!(problem["code"], "key_in_url", "{name} {path}");
        }
    }
    anybody.get("/api/v1/app?x=ck_abcdefghijklmnopqrstuvwxyz0123456789").expect_problem(400);
    scene.client.get("/api/v1/app?limit=1").expect_status(200);
    assert!(!scene.server.output().contains(API_KEY), "the log holds the key");
}
