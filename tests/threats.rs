//! Bad input changes nothing and gets an answer that says what is wrong: THREATS' parts on targets, headers, and what
//! comes in; and what Cornet writes about itself holds no secret and no payload.

#[expect(dead_code, reason = "each test binary uses its own part of the support")]
mod support;

use serde_json::{Value, json};

use support::client::Answer;
use support::receiver::Receiver;
use support::scene::{Scene, array};
use support::server::API_KEY;

/// The largest payload of a message.
const PAYLOAD_BYTES_MAX: usize = 1024 * 1024;

/// Targets on this machine, in private networks, of cloud machines, or in ranges that nobody may be sent to.
const FORBIDDEN_TARGETS: &[&str] = &[
    "http://127.0.0.1/",
    "http://127.255.255.254/",
    "http://127.1/",
    "http://2130706433/",
    "http://0x7f000001/",
    "http://017700000001/",
    "http://0/",
    "http://0.0.0.0/",
    "http://[::]/",
    "http://127%2e0%2e0%2e1/",
    "http://\u{2460}\u{2461}\u{2466}.\u{24ea}.\u{24ea}.\u{2460}/",
    "http://127.0.0.1./",
    "http://localhost./",
    "http://LOCALHOST/",
    "http://foo.localhost/",
    "http://ip6-localhost/",
    "http://10.0.0.1/",
    "http://172.16.0.1/",
    "http://172.31.255.255/",
    "http://192.168.0.1/",
    "http://100.64.0.1/",
    "http://169.254.169.254/",
    "http://168.63.129.16/",
    "http://100.100.100.200/",
    "http://192.0.0.192/",
    "http://[fd00:ec2::254]/",
    "http://0.1.2.3/",
    "http://198.18.0.1/",
    "http://224.0.0.1/",
    "http://240.0.0.1/",
    "http://255.255.255.255/",
    "http://[::1]/",
    "http://[::ffff:127.0.0.1]/",
    "http://[64:ff9b::7f00:1]/",
    "http://[2002:7f00:1::1]/",
    "http://[fe80::1]/",
    "http://[fec0::1]/",
    "http://[ff02::1]/",
    "http://[4000::1]/",
    "http://metadata.google.internal/",
    "http://metadata/",
    "http://printer.local/",
    "http://a.svc/",
];

/// URLs that are refused before anybody asks where they lead.
const BAD_URLS: &[&str] = &[
    "ftp://a.example/",
    "file:///etc/passwd",
    "gopher://a.example:25/",
    "javascript:alert(1)",
    "ws://a.example/",
    "https://user:pw@a.example/",
    "https://user@a.example/",
    "http://good.example@127.0.0.1/",
    "https://a.example/\r\nHost: x",
    "https://a.example/ b",
    " https://a.example/",
    "https://a.example:0/",
    "https://a.example:22/",
    "https://a.example:6379/",
    "https://a..example/",
    "http:a.example",
    "http:///a.example",
    "http:\\\\a.example",
    "https://[::1%25lo]/",
    "http://1.2.3.4.5/",
    "http://256.256.256.256/",
    "",
    "x",
    "/path",
];

/// How many messages are stored.
fn stored(scene: &Scene) -> usize {
    array(&scene.client.get(&scene.app("/msg?limit=100")).expect_status(200).json()["data"]).len()
}

/// ShipEngine's API.
const SHIPENGINE: &str = "/v1/environment/webhooks";

/// Checks that an answer is a 4xx with a clear detail.
#[track_caller]
fn refused(answer: Answer, what: &str) {
    assert!((400..500).contains(&answer.status), "{what}: {} {}", answer.status, answer.text());
    let status = answer.status;
    answer.expect_problem(status);
}

fn message(payload: &str) -> Vec<u8> {
    format!("{{\"eventType\":\"a.b\",\"payload\":{payload}}}").into_bytes()
}

#[test]
fn malformed_messages_are_refused_and_nothing_is_stored() {
    let scene = Scene::new();
    let deep = |count: usize| message(&format!("{{\"a\":{}{}}}", "[".repeat(count), "]".repeat(count)));
    let bad: Vec<Vec<u8>> = vec![
        b"".to_vec(),
        b"{".to_vec(),
        b"null".to_vec(),
        b"[]".to_vec(),
        b"\"text\"".to_vec(),
        b"{}".to_vec(),
        b"{\"eventType\":\"a.b\"}".to_vec(),
        b"{\"payload\":{}}".to_vec(),
        b"{\"eventType\":1,\"payload\":{}}".to_vec(),
        b"{\"eventType\":\"a.b\",\"payload\":{},}".to_vec(),
        b"{\"eventType\":\"a.b\",\"paylod\":{},\"payload\":{}}".to_vec(),
        b"{\"eventType\":\"a.b\",\"eventType\":\"c.d\",\"payload\":{}}".to_vec(),
        b"{\"eventType\":\"a.b\",\"payload\":{}} x".to_vec(),
        b"\xef\xbb\xbf{\"eventType\":\"a.b\",\"payload\":{}}".to_vec(),
        message("null"),
        message("[1]"),
        message("\"text\""),
        message("7"),
        message("{\"a\":\"\u{0}\"}"),
        message("{\"a\":\"\\ud800\"}"),
        message("{\"a\":\"\\u0000\"}"),
        message("{'a':1}"),
        message("{\"a\":01}"),
        message("{\"a\":NaN}"),
        [b"{\"eventType\":\"a.b\",\"payload\":{\"a\":\"".as_slice(), b"\xff\xfe", b"\"}}"].concat(),
        deep(129),
        deep(10_000),
        deep(100_000),
        "[".repeat(500_000).into_bytes(),
        "{\"a\":".repeat(100_000).into_bytes(),
    ];
    for body in &bad {
        let shown = String::from_utf8_lossy(&body[..body.len().min(80)]).into_owned();
        refused(scene.client.post_bytes(&scene.app("/msg"), body), &shown);
    }
    assert_eq!(stored(&scene), 0);
    scene.message(&json!({"still": "here"}));
}

#[test]
fn odd_event_types_are_refused_everywhere() {
    let scene = Scene::new();
    let long = "x".repeat(257);
    let odd = [
        "",
        "a..b",
        ".a",
        "a.",
        "a b",
        "a/../b",
        "<script>",
        "a\u{0}",
        "\u{202e}abc",
        "p\u{430}y",
        "\u{1f4ef}",
        "*",
        "%2e%2e",
        "user.created\n",
        "a\r\nb",
        "'; DROP TABLE x--",
        "${jndi:ldap://x}",
        "{{7*7}}",
        long.as_str(),
    ];
    for name in odd {
        let body = json!({"eventType": name, "payload": {}});
        refused(scene.client.post(&scene.app("/msg"), &body), name);
        let body = json!({"name": name, "description": "d"});
        refused(scene.client.post("/api/v1/event-type", &body), name);
        let body = json!({"url": scene.receiver.url("/x"), "eventTypes": [name]});
        refused(scene.client.post(&scene.app("/endpoint"), &body), name);
    }
    assert_eq!(stored(&scene), 0);
}

#[test]
fn wrong_members_of_a_message_are_refused() {
    let scene = Scene::new();
    let long = "x".repeat(257);
    for more in [
        json!({"eventId": ""}),
        json!({"eventId": "a/b"}),
        json!({"eventId": long}),
        json!({"eventId": 7}),
        json!({"channels": ["a", "b", "c", "d", "e", "f"]}),
        json!({"channels": "a"}),
        json!({"channels": [""]}),
        json!({"tags": [1]}),
        json!({"payloadRetentionPeriod": -1}),
        json!({"deliverAt": "2025-02-30T00:00:00Z"}),
        json!({"deliverAt": "0000-13-01"}),
        json!({"unknown": true}),
    ] {
        let mut body = json!({"eventType": "a.b", "payload": {}});
        if let (Some(body), Value::Object(more)) = (body.as_object_mut(), more.clone()) {
            body.extend(more);
        }
        refused(scene.client.post(&scene.app("/msg"), &body), &more.to_string());
    }
    assert_eq!(stored(&scene), 0);
}

#[test]
fn odd_ids_are_never_an_error_of_the_server() {
    let scene = Scene::new();
    let long = "a".repeat(6000);
    let ids = [
        "..",
        "..%2f..",
        "%2e%2e%2f%2e%2e%2fetc",
        "%00",
        "a%00b",
        "'%20OR%201=1--",
        "1;DROP%20TABLE%20message",
        "$%7Bjndi:ldap:%2F%2Fx%7D",
        "%7B%7B7*7%7D%7D",
        "%ff%fe",
        "%zz",
        "app_",
        "app_zzzzzzzzzzzzzzzzzzzzzzzzzz",
        "msg_01",
        "-",
        "%E2%80%AE",
        long.as_str(),
    ];
    for id in ids {
        for path in [
            format!("/api/v1/app/{id}"),
            format!("/api/v1/app/{id}/msg"),
            format!("/api/v1/app/default/msg/{id}"),
            format!("/api/v1/app/default/endpoint/{id}"),
            format!("/api/v1/app/default/attempt/endpoint/{id}"),
            format!("/api/v1/event-type/{id}"),
        ] {
            refused(scene.client.get(&path), &path);
        }
        refused(scene.client.delete(&format!("/api/v1/app/{id}")), id);
    }
    scene.client.get("/api/v1/app/default").expect_status(200);
}

#[test]
fn unknown_paths_and_methods_are_answered_in_kind() {
    let scene = Scene::new();
    for path in ["/api/v1/nothing", "/api/v1/app/", "/api/v2/app", "/%3Cscript%3E", "/assets/../../etc/passwd"] {
        let answer = scene.client.get(path);
        assert!(!answer.text().contains("<script>"), "the page shows the path unescaped");
        refused(answer, path);
    }
    for method in ["TRACE", "PATCH", "BREW", "OPTIONS"] {
        refused(scene.client.send(method, "/api/v1/app", &[], Some(b"{}")), method);
    }
}

#[test]
fn a_payload_over_the_limit_is_refused_and_not_stored() {
    let scene = Scene::new();
    let payload_of = |bytes: usize| format!("{{\"a\":\"{}\"}}", "x".repeat(bytes - "{\"a\":\"\"}".len()));
    scene.client.post_bytes(&scene.app("/msg"), &message(&payload_of(PAYLOAD_BYTES_MAX))).expect_status(202);
    let over = message(&payload_of(PAYLOAD_BYTES_MAX + 1));
    scene.client.post_bytes(&scene.app("/msg"), &over).expect_problem(413);
    // The length alone is enough to refuse it: the body is never sent.
    let head = scene.client.head("POST", &scene.app("/msg"));
    let lie = format!("{head}content-type: application/json\r\ncontent-length: 99999999999\r\n\r\n");
    scene.client.exchange(lie.as_bytes()).unwrap().expect_problem(413);
    // Without a length it is refused as soon as it is over.
    let mut chunked =
        format!("{head}content-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n").into_bytes();
    for chunk in over.chunks(64 * 1024) {
        chunked.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
        chunked.extend_from_slice(chunk);
        chunked.extend_from_slice(b"\r\n");
    }
    chunked.extend_from_slice(b"0\r\n\r\n");
    scene.client.exchange(&chunked).unwrap().expect_problem(413);
    assert_eq!(stored(&scene), 1);
}

#[test]
fn other_content_types_are_refused() {
    let scene = Scene::new();
    let body = message("{}");
    for kind in ["text/plain", "application/x-www-form-urlencoded", "application/json; charset=utf-16", "x"] {
        let answer = scene.client.send("POST", &scene.app("/msg"), &[("content-type", kind)], Some(&body));
        answer.expect_problem(415);
    }
    for kind in ["application/json", "Application/JSON; charset=UTF-8"] {
        let answer = scene.client.send("POST", &scene.app("/msg"), &[("content-type", kind)], Some(&body));
        answer.expect_status(202);
    }
    let zipped = [("content-encoding", "gzip")];
    scene.client.send("POST", &scene.app("/msg"), &zipped, Some(b"\x1f\x8b")).expect_problem(415);
    assert_eq!(stored(&scene), 2);
}

#[test]
fn forbidden_targets_are_refused_when_written() {
    let scene = Scene::with(|launch| launch.without("CORNET_ALLOW_NETWORKS"));
    let long = format!("https://a.example/{}", "x".repeat(2049));
    for url in FORBIDDEN_TARGETS.iter().chain(BAD_URLS).copied().chain([long.as_str()]) {
        let problem = scene.client.post(&scene.app("/endpoint"), &json!({ "url": url }));
        assert_eq!(problem.status, 422, "{url}: {}", problem.text());
        problem.expect_problem(422);
    }
    assert_eq!(scene.client.get(&scene.app("/endpoint")).json()["data"], json!([]));
    // Every other way to write a URL is guarded alike.
    let made = scene.client.post(&scene.app("/endpoint"), &json!({"url": "https://a.example/", "uid": "there"}));
    made.expect_status(201);
    let path = scene.app("/endpoint/there");
    for url in FORBIDDEN_TARGETS.iter().chain(BAD_URLS).copied().chain([long.as_str()]) {
        scene.client.put(&path, &json!({ "url": url })).expect_problem(422);
        scene.client.patch(&path, &json!({ "url": url })).expect_problem(422);
        scene.client.put(&scene.app("/endpoint/other"), &json!({ "url": url })).expect_problem(422);
        let key = [("api-key", API_KEY)];
        let webhook = json!({"url": url, "event": "batch"}).to_string();
        let answer = scene.client.with_key(None).send("POST", SHIPENGINE, &key, Some(webhook.as_bytes()));
        assert!((400..500).contains(&answer.status), "{url}: {}", answer.text());
    }
    assert_eq!(scene.client.get(&path).json()["url"], "https://a.example/");
    for url in
        ["http://172.15.255.255/", "http://100.63.255.255/", "http://[64:ff9b::808:808]/", "https://a.example/x?y"]
    {
        scene.client.post(&scene.app("/endpoint"), &json!({ "url": url, "disabled": true })).expect_status(201);
    }
}

#[test]
fn a_target_that_became_forbidden_gets_no_connection() {
    let scene = Scene::with(|launch| launch.with("CORNET_RETRY_SCHEDULE", "none"));
    let endpoint = scene.endpoint("/hook");
    let launch = scene.server.launch().without("CORNET_ALLOW_NETWORKS");
    let before = scene.receiver.connections();
    scene.server.signal(rustix::process::Signal::TERM);
    let scene = scene.ended_and_started_as(&launch);
    let id = scene.message(&json!({"a": 1}));
    scene.wait_for_state(&id, &endpoint, "fail");
    assert_eq!(scene.receiver.connections(), before, "a connection was made to a forbidden address");
    let attempt = scene.attempts(&id).remove(0);
    assert_eq!(attempt["responseStatusCode"], 0, "{attempt}");
}

/// THREATS A44: only Cornet itself decides which way a delivery goes.
#[test]
fn proxies_in_the_environment_are_ignored() {
    let proxy = Receiver::start();
    let scene = Scene::with(|launch| {
        let names = ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"];
        names.into_iter().fold(launch, |launch, name| launch.with(name, &proxy.url("/")))
    });
    let endpoint = scene.endpoint("/hook");
    let id = scene.message(&json!({"a": 1}));
    scene.wait_for_state(&id, &endpoint, "success");
    assert_eq!(proxy.connections(), 0);
}

/// THREATS C30: an endpoint that is a Cornet's own API, this one's or another's, with a key that opens it.
#[test]
fn a_delivery_is_no_request_to_the_api() {
    let (from, to) = (Scene::with(|launch| launch.with("CORNET_RETRY_SCHEDULE", "none")), Scene::new());
    let url = format!("http://{}{}", to.server.address(), to.app("/msg"));
    let headers = json!({"authorization": format!("Bearer {API_KEY}")});
    let endpoint = from.endpoint_with("/", json!({"url": url, "headers": headers}));
    let id = from.message(&json!({"eventType": "a.b", "payload": {}}));
    from.wait_for_state(&id, &endpoint, "fail");
    let attempt = from.attempts(&id).remove(0);
    assert_eq!(attempt["responseStatusCode"], 403, "{attempt}");
    assert!(attempt["response"].as_str().unwrap().contains("delivery_loop"), "{attempt}");
    assert_eq!(stored(&to), 0);
    for hops in ["1", "4", "x"] {
        let body = message("{}");
        let answer = to.client.send("POST", &to.app("/msg"), &[("Cornet-Hop", hops)], Some(&body));
        assert_eq!(answer.expect_problem(403)["code"], "delivery_loop");
    }
}

/// THREATS A30: a rule that comes later holds for the endpoints that are there, and they are not sent to in silence.
#[test]
fn an_endpoint_with_plain_http_is_blocked_once_only_https_is_taken() {
    let scene = Scene::with(|launch| launch.with("CORNET_RETRY_SCHEDULE", "none"));
    let endpoint = scene.endpoint("/hook");
    let environments = scene.client.get("/api/v1/management/environment").expect_status(200).json();
    let path = format!("/api/v1/management/environment/{}", environments["data"][0]["id"].as_str().unwrap());
    scene.client.patch(&path, &json!({"endpointRules": {"httpsOnly": true}})).expect_status(200);
    let id = scene.message(&json!({"a": 1}));
    scene.wait_for_state(&id, &endpoint, "fail");
    let attempt = scene.attempts(&id).remove(0);
    assert_eq!(attempt["errorCode"], "target_forbidden", "{attempt}");
    assert!(attempt["errorDetail"].as_str().unwrap().contains("https://"), "{attempt}");
    assert_eq!(scene.receiver.connections(), 0);
    scene.client.patch(&path, &json!({"endpointRules": {"httpsOnly": false}})).expect_status(200);
    let id = scene.message(&json!({"a": 2}));
    scene.wait_for_state(&id, &endpoint, "success");
}

#[test]
fn dangerous_headers_are_refused() {
    let scene = Scene::new();
    let endpoint = scene.endpoint("/hook");
    let path = scene.app(&format!("/endpoint/{endpoint}/headers"));
    let names = [
        "a b",
        "a:b",
        "X\r\nEvil",
        "",
        "\u{e9}",
        ":authority",
        "Host",
        "Content-Length",
        "Transfer-Encoding",
        "Connection",
        "TE",
        "Trailer",
        "Upgrade",
        "Keep-Alive",
        "Proxy-Authorization",
        "Expect",
        "Content-Encoding",
        "Webhook-Id",
        "webhook-signature",
        "Cornet-Hop",
        "svix-id",
        "Accept-Encoding",
        "Metadata",
        "X-aws-ec2-metadata-token",
        "Metadata-Flavor",
    ];
    for name in names {
        let body = json!({"headers": { name: "x" }});
        scene.client.put(&path, &body).expect_problem(422);
        scene.client.patch(&path, &body).expect_problem(422);
    }
    for value in ["a\r\nX: y", "a\n", "a\u{0}", "a\u{7f}", "caf\u{e9}", " a", "a "] {
        scene.client.put(&path, &json!({"headers": {"x-good": value}})).expect_problem(422);
    }
    let many: serde_json::Map<_, _> = (0..200).map(|number| (format!("x-{number}"), json!("y"))).collect();
    scene.client.put(&path, &json!({ "headers": many })).expect_problem(422);
    scene.client.put(&path, &json!({"headers": {"x-long": "y".repeat(65_536)}})).expect_problem(422);
    assert_eq!(scene.client.get(&path).expect_status(200).json()["headers"], json!({}));
}

#[test]
fn metrics_and_logs_hold_no_input_no_secret_and_no_payload() {
    let scene = Scene::with(|launch| launch.with("CORNET_LOG", "debug").with("CORNET_RETRY_SCHEDULE", "none"));
    scene
        .client
        .post("/api/v1/app", &json!({"name": "WordOfTheCustomer", "uid": "uidOfTheCustomer"}))
        .expect_status(201);
    let endpoint =
        scene.endpoint_with("/pathOfTheCustomer?token=queryOfTheCustomer", json!({"description": "WordOfTheCustomer"}));
    let headers = scene.app(&format!("/endpoint/{endpoint}/headers"));
    scene.client.put(&headers, &json!({"headers": {"authorization": "Basic headerOfTheCustomer"}})).expect_status(204);
    let secret = scene.secret(&endpoint);
    let body =
        json!({"eventType": "typeOfTheCustomer", "payload": {"payloadOfTheCustomer": "\u{1b}[31m\n{\"fake\":1}"}});
    let sent = scene.client.post(&scene.app("/msg"), &body).expect_status(202).json();
    let id = support::scene::text(&sent["id"]);
    scene.wait_for_state(&id, &endpoint, "success");
    refused(scene.client.post_bytes(&scene.app("/msg"), b"{\"payloadOfTheCustomer\":"), "half a body");
    let metrics = scene.client.with_key(None).get("/metrics").expect_status(200).text();
    assert!(metrics.contains("cornet_"), "{metrics}");
    for input in ["OfTheCustomer", endpoint.as_str(), id.as_str(), "127.0.0.1", "default"] {
        assert!(!metrics.contains(input), "the metrics hold {input}:\n{metrics}");
    }
    let written = scene.server.output();
    for input in ["payloadOfTheCustomer", "queryOfTheCustomer", "headerOfTheCustomer", &secret, &secret[6..], API_KEY] {
        assert!(!written.contains(input), "the log holds {input}:\n{written}");
    }
    for line in written.lines().filter(|line| line.starts_with('{')) {
        serde_json::from_str::<Value>(line).unwrap_or_else(|error| panic!("{error} in the log line {line}"));
    }
    assert!(!written.contains('\u{1b}'), "the log holds a control character");
}
