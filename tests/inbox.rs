//! Inboxes: a first delivery with nothing else at hand, while every network of the machine is shut; what came, whose
//! signature it has, and an answer of one's own choice.

#[expect(dead_code, reason = "each test binary uses its own part of the support")]
mod support;

use serde_json::{Value, json};

use support::client::Answer;
use support::scene::{Scene, array, text};
use support::until;

/// A made inbox.
struct Inbox {
    id: String,
    url: String,
    /// The path of its URL.
    path: String,
}

/// A server that may deliver to the public internet only, and tries again quickly for long enough to be watched.
fn shut() -> Scene {
    Scene::with(|launch| {
        let schedule = vec!["100ms"; 30].join(",");
        launch.without("CORNET_ALLOW_NETWORKS").with("CORNET_RETRY_SCHEDULE", &schedule)
    })
}

impl Inbox {
    fn new(scene: &Scene) -> Self {
        let made = scene.client.post("/api/v1/inbox", &json!({})).expect_status(201).json();
        let url = text(&made["url"]);
        let path = url.strip_prefix(&format!("http://{}", scene.server.address())).expect("its URL is the server's");
        Self { id: text(&made["id"]), path: path.to_owned(), url }
    }

    fn change(&self, scene: &Scene, change: &Value) {
        scene.client.patch(&format!("/api/v1/inbox/{}", self.id), change).expect_status(200);
    }

    /// What it received, newest first.
    fn requests(&self, scene: &Scene) -> Vec<Value> {
        let list = scene.client.get(&format!("/api/v1/inbox/{}/request", self.id)).expect_status(200).json();
        array(&list["data"]).clone()
    }

    /// Sends something to it from outside, as a stranger.
    fn send(&self, scene: &Scene, method: &str, rest: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        scene.client.with_key(None).send(method, &format!("{}{rest}", self.path), headers, Some(body))
    }
}

/// An endpoint at this URL, or why not.
fn endpoint_at(scene: &Scene, url: &str) -> Answer {
    scene.client.post(&scene.app("/endpoint"), &json!({ "url": url }))
}

fn endpoint(scene: &Scene, url: &str) -> String {
    text(&endpoint_at(scene, url).expect_status(201).json()["id"])
}

fn header(request: &Value, name: &str) -> Option<String> {
    let headers = array(&request["headers"]);
    headers.iter().find(|pair| pair[0] == name).map(|pair| text(&pair[1]))
}

#[test]
fn a_message_arrives_signed_while_every_network_is_shut() {
    let scene = shut();
    let inbox = Inbox::new(&scene);
    let endpoint = endpoint(&scene, &format!("{}/orders?from=cornet", inbox.url));
    inbox.change(&scene, &json!({"status": 201, "body": "taken, <b>thanks</b>"}));
    let payload = r#"{ "b" : 40.0,  "a":1e5 }"#;
    let id = scene.message_text(payload);
    scene.wait_for_state(&id, &endpoint, "success");
    let attempts = scene.attempts(&id);
    assert_eq!((attempts.len(), &attempts[0]["responseStatusCode"]), (1, &json!(201)));
    assert_eq!(attempts[0]["response"], "taken, <b>thanks</b>");
    let requests = inbox.requests(&scene);
    assert_eq!(requests.len(), 1, "{requests:?}");
    let request = &requests[0];
    assert_eq!((&request["method"], &request["body"]), (&json!("POST"), &json!(payload)));
    assert_eq!(text(&request["path"]), format!("{}/orders?from=cornet", inbox.path));
    assert_eq!((&request["status"], &request["bodyCut"]), (&json!(201), &json!(false)));
    assert_eq!(header(request, "webhook-id"), Some(id));
    assert_eq!(header(request, "host"), Some(scene.server.address().to_string()));
    assert_eq!(header(request, "content-type"), Some("application/json".to_owned()));
    assert_eq!(header(request, "content-length"), Some(payload.len().to_string()));
    assert!(header(request, "user-agent").is_some_and(|agent| agent.starts_with("Cornet/")));
    assert_eq!(request["signature"]["outcome"], "verified", "{}", request["signature"]);
    assert!(text(&request["signature"]["explanation"]).contains(&endpoint), "{}", request["signature"]);
    // The very same URL with another port of this machine is shut.
    let refused = endpoint_at(&scene, &scene.receiver.url(&inbox.path)).expect_status(422).json();
    assert_eq!(refused["detail"][0]["type"], "target_forbidden");
    assert_eq!(scene.receiver.connections(), 0);
}

#[test]
fn what_only_looks_like_an_inbox_is_refused() {
    let scene = shut();
    let inbox = Inbox::new(&scene);
    let address = scene.server.address();
    let (token, port) = (inbox.path.trim_start_matches("/inbox/"), address.port());
    let lookalikes = [
        format!("http://localhost:{port}/inbox/{token}"),
        format!("http://127.0.0.2:{port}/inbox/{token}"),
        format!("http://[::1]:{port}/inbox/{token}"),
        format!("https://{address}/inbox/{token}"),
        format!("http://127.0.0.1:{}/inbox/{token}", if port == 8_000 { 8_001 } else { 8_000 }),
        format!("http://{address}/inbox/../{token}"),
        format!("http://{address}/inbox/{token}/../../readyz"),
        format!("http://{address}/inbox/{token}x"),
        format!("http://{address}/inbox/{}", "A".repeat(token.len())),
        format!("http://{address}/x/inbox/{token}"),
        format!("http://{address}/"),
    ];
    for url in lookalikes {
        let refused = endpoint_at(&scene, &url).expect_status(422).json();
        assert_eq!(refused["detail"][0]["type"], "target_forbidden", "{url}");
    }
    let endpoint = endpoint(&scene, &inbox.url);
    let path = scene.app(&format!("/endpoint/{endpoint}"));
    let elsewhere = json!({"url": format!("http://{address}/metrics")});
    scene.client.patch(&path, &elsewhere).expect_problem(422);
    // An inbox that is gone is a place of this machine like any other.
    scene.client.delete(&format!("/api/v1/inbox/{}", inbox.id)).expect_status(204);
    let id = scene.message(&json!({"a": 1}));
    let attempt = until("an attempt was made", || scene.attempts(&id).into_iter().next());
    assert_eq!(attempt["errorCode"], "target_forbidden", "{attempt}");
}

#[test]
fn an_inbox_of_another_environment_is_no_place_for_an_endpoint() {
    let scene = shut();
    let made = scene.client.post("/api/v1/management/environment", &json!({"name": "Other"})).expect_status(201).json();
    let tokens = format!("/api/v1/management/authentication/{}/api-token", text(&made["id"]));
    let key = scene.client.post(&tokens, &json!({"name": "Other"})).expect_status(200).json();
    let other = scene.client.with_key(Some(&text(&key["token"])));
    let inbox = Inbox::new(&scene);
    let wanted = json!({ "url": inbox.url });
    let refused = other.post("/api/v1/app/default/endpoint", &wanted).expect_problem(422);
    assert_eq!(refused["detail"][0]["type"], "target_forbidden");
    other.get(&format!("/api/v1/inbox/{}/request", inbox.id)).expect_problem(404);
}

#[test]
fn an_inbox_may_be_reached_by_plain_http_where_only_https_is_allowed() {
    let scene = shut();
    let inbox = Inbox::new(&scene);
    let listed = scene.client.get("/api/v1/management/environment").expect_status(200).json();
    let path = format!("/api/v1/management/environment/{}", text(&listed["data"][0]["id"]));
    scene.client.patch(&path, &json!({"endpointRules": {"httpsOnly": true}})).expect_status(200);
    endpoint_at(&scene, "http://example.com/").expect_problem(422);
    endpoint(&scene, &inbox.url);
}

#[test]
fn an_answer_of_ones_own_choice_makes_the_retries() {
    let scene = shut();
    let inbox = Inbox::new(&scene);
    let endpoint = endpoint(&scene, &inbox.url);
    inbox.change(&scene, &json!({"status": 503}));
    let id = scene.message(&json!({"a": 1}));
    until("it was tried again", || (inbox.requests(&scene).len() >= 2).then_some(()));
    inbox.change(&scene, &json!({"status": 200}));
    scene.wait_for_state(&id, &endpoint, "success");
    let requests = inbox.requests(&scene);
    assert_eq!((&requests[0]["status"], &requests[1]["status"]), (&json!(200), &json!(503)));
    assert!(requests.iter().all(|request| request["signature"]["outcome"] == "verified"), "{requests:?}");
    assert!(requests.iter().all(|request| header(request, "webhook-id").as_deref() == Some(&id)));
    assert_eq!(scene.attempts(&id).len(), requests.len());
}

#[test]
fn an_answer_that_comes_too_late_is_a_timeout() {
    let scene = Scene::with(|launch| {
        let launch = launch.without("CORNET_ALLOW_NETWORKS").with("CORNET_REQUEST_TIMEOUT", "200ms");
        launch.with("CORNET_RETRY_SCHEDULE", "none")
    });
    let inbox = Inbox::new(&scene);
    let endpoint = endpoint(&scene, &inbox.url);
    inbox.change(&scene, &json!({"delayMs": 20_000}));
    let id = scene.message(&json!({"a": 1}));
    scene.wait_for_state(&id, &endpoint, "fail");
    let attempts = scene.attempts(&id);
    assert_eq!((attempts.len(), &attempts[0]["errorCode"]), (1, &json!("timeout")), "{attempts:?}");
    assert_eq!(inbox.requests(&scene)[0]["delayMs"], 20_000);
    inbox.change(&scene, &json!({"delayMs": 20}));
    let id = scene.message(&json!({"a": 1}));
    scene.wait_for_state(&id, &endpoint, "success");
    assert!(scene.attempts(&id)[0]["responseDurationMs"].as_u64().is_some_and(|duration| duration >= 20));
}

#[test]
fn a_test_is_handed_over_and_verified_too() {
    let scene = shut();
    let inbox = Inbox::new(&scene);
    let endpoint = endpoint(&scene, &inbox.url);
    let path = scene.app(&format!("/endpoint/{endpoint}/msg/test-attempt"));
    let wanted = json!({"eventType": "test.event", "payload": {"a": 1}});
    let attempt = scene.client.post(&path, &wanted).expect_status(201).json();
    assert_eq!(attempt["responseStatusCode"], 200, "{attempt}");
    assert_eq!(inbox.requests(&scene)[0]["signature"]["outcome"], "verified");
}

#[test]
fn each_signature_is_explained() {
    let scene = shut();
    let inbox = Inbox::new(&scene);
    let outcome = |inbox: &Inbox| {
        let signature = inbox.requests(&scene)[0]["signature"].clone();
        (text(&signature["outcome"]), text(&signature["explanation"]))
    };
    inbox.send(&scene, "POST", "", &[], b"{}").expect_status(200);
    assert_eq!(outcome(&inbox), ("unsigned".to_owned(), "the header `webhook-id` is missing".to_owned()));
    let now = support::unix_seconds().to_string();
    let signature = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
    let signed = |timestamp: &str| {
        let headers = [("webhook-id", "msg_1"), ("webhook-timestamp", timestamp), ("webhook-signature", signature)];
        inbox.send(&scene, "POST", "", &headers, b"{}").expect_status(200);
    };
    signed(&now);
    assert_eq!(outcome(&inbox).0, "no_secret");
    signed("1614265330");
    assert!(outcome(&inbox).1.contains("an old request"), "{:?}", outcome(&inbox));
    inbox.change(&scene, &json!({"secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"}));
    signed(&now);
    let (name, why) = outcome(&inbox);
    assert_eq!(name, "wrong");
    assert!(why.contains("no signature matches"), "{why}");
    // What Cornet delivers verifies with the secret that the inbox was given, and with the endpoint's.
    let endpoint = endpoint(&scene, &inbox.url);
    let id = scene.message(&json!({"a": 1}));
    scene.wait_for_state(&id, &endpoint, "success");
    assert_eq!(outcome(&inbox).0, "verified");
    let own = scene.secret(&endpoint);
    scene.client.delete(&scene.app(&format!("/endpoint/{endpoint}"))).expect_status(204);
    assert_eq!(outcome(&inbox).0, "wrong", "the endpoint took its secret along");
    inbox.change(&scene, &json!({ "secret": own }));
    assert!(outcome(&inbox).1.contains("the inbox's own secret"), "{:?}", outcome(&inbox));
}

#[test]
fn anybody_may_send_and_nothing_but_text_comes_back() {
    let scene = shut();
    let inbox = Inbox::new(&scene);
    inbox.change(&scene, &json!({"status": 202, "body": "<script>alert(1)</script>"}));
    let headers = [("cookie", "session=secret"), ("x-from", "outside")];
    for (method, rest) in
        [("POST", ""), ("PUT", ""), ("DELETE", ""), ("PATCH", "/"), ("GET", "/a/b?c=d"), ("QUERY", "/x")]
    {
        let answer = inbox.send(&scene, method, rest, &headers, b"\xff\x00body").expect_status(202);
        assert_eq!(answer.header("content-type"), Some("text/plain; charset=utf-8"), "{method} {rest}");
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
        assert_eq!(answer.header("content-security-policy"), Some("default-src 'none'; sandbox"));
        assert_eq!(answer.text(), "<script>alert(1)</script>");
        let request = inbox.requests(&scene).remove(0);
        assert_eq!((&request["method"], text(&request["path"])), (&json!(method), format!("{}{rest}", inbox.path)));
        assert_eq!(
            (header(&request, "x-from").as_deref(), &request["bodyBase64"]),
            (Some("outside"), &json!("/wBib2R5"))
        );
        assert_eq!(header(&request, "cookie").as_deref(), Some("(not kept)"));
    }
    let stranger = scene.client.with_key(None);
    for path in [format!("{}x", inbox.path), format!("/inbox/{}", "A".repeat(24)), "/inbox/x/y".to_owned()] {
        stranger.send("POST", &path, &[], Some(b"{}")).expect_problem(404);
    }
    let huge = vec![b'x'; 1024 * 1024 + 64 * 1024 + 1];
    inbox.send(&scene, "POST", "", &[], &huge).expect_problem(413);
    inbox.send(&scene, "POST", "", &[], &huge[..300 * 1024]).expect_status(202);
    assert_eq!(inbox.requests(&scene)[0]["bodyCut"], true);
    // It is all still there after a restart.
    let scene = scene.restarted();
    let list = scene.client.get(&format!("/api/v1/inbox/{}/request", inbox.id)).expect_status(200).json();
    assert_eq!(array(&list["data"]).len(), 7);
}
