//! The pages of a running server, asked without a browser: what is left open does not hold up its end, nothing in an
//! address breaks it, and a form leads to no other site.

#[expect(dead_code, reason = "each test binary uses its own part of the support")]
mod support;

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::json;

use support::instant;
use support::scene::{Scene, text};
use support::server::API_KEY;

const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");
/// What nobody types into an address by mistake.
const NASTY: [&str; 12] = [
    "%00",
    "%ff",
    "-1",
    "9223372036854775808",
    "9999-12-31T23:59:60Z",
    "2026-02-30",
    "NaN",
    "%3Cscript%3E",
    "msg_7zzzzzzzzzzzzzzzzzzzzzzzzz",
    "%0d%0aX:y",
    "%E2%80%AE",
    "30d",
];

/// Signs in with the first key: the session's cookie, and the path of the dashboard.
fn sign_in(scene: &Scene) -> (String, String) {
    let form = format!("key={API_KEY}");
    let answer = scene.client.send("POST", "/sign-in", &[FORM], Some(form.as_bytes())).expect_status(303);
    let cookie = answer.header("set-cookie").and_then(|cookie| cookie.split(';').next()).expect("a cookie").to_owned();
    let start = scene.client.send("GET", "/", &[("cookie", &cookie)], None).expect_status(303);
    (cookie, start.header("location").expect("a dashboard").to_owned())
}

/// Opens a stream of news, and waits until it has begun.
fn listen(scene: &Scene, path: &str, cookie: &str) -> TcpStream {
    let mut stream = scene.client.connect().expect("a connection");
    let request = format!("{}cookie: {cookie}\r\n\r\n", scene.client.head("GET", path));
    stream.write_all(request.as_bytes()).expect("a request");
    let (mut begun, mut bytes) = (String::new(), [0; 1024]);
    while !begun.contains("\r\n\r\n") {
        let count = stream.read(&mut bytes).expect("an answer");
        assert!(count > 0, "the answer ended: {begun}");
        begun.push_str(&String::from_utf8_lossy(&bytes[..count]));
    }
    assert!(begun.starts_with("HTTP/1.1 200") && begun.contains("text/event-stream"), "{begun}");
    stream
}

#[test]
fn pages_that_are_left_open_do_not_hold_up_the_end() {
    let scene = Scene::new();
    let (cookie, home) = sign_in(&scene);
    let inbox = scene.client.post("/api/v1/inbox", &json!({})).expect_status(201).json();
    let token = text(&inbox["url"]).rsplit('/').next().map(str::to_owned).expect("a token");
    let paths = [format!("{home}/live"), format!("{home}/live"), format!("/inboxes/{token}/live")];
    let streams: Vec<_> = paths.iter().map(|path| listen(&scene, path, &cookie)).collect();
    let asked = instant();
    let (status, output) = scene.server.terminate();
    assert!(status.success() && asked.elapsed() < Duration::from_secs(2), "{:?}: {output}", asked.elapsed());
    for mut stream in streams {
        // What was on its way may still come; then it ends, and is not cut off.
        stream.read_to_end(&mut Vec::new()).expect("an end");
    }
}

#[test]
fn nothing_in_an_address_breaks_a_page() {
    let scene = Scene::new();
    let (cookie, home) = sign_in(&scene);
    let endpoint = scene.endpoint("/hook");
    let application = text(&scene.client.get(&scene.app("")).expect_status(200).json()["id"]);
    let own = format!("{home}/applications/{application}");
    let paths = [
        home.clone(),
        format!("{home}/messages"),
        format!("{home}/applications"),
        format!("{home}/endpoints"),
        format!("{home}/failing"),
        format!("{home}/inboxes"),
        format!("{home}/event-types"),
        format!("{home}/settings/audit"),
        format!("{own}/messages"),
        format!("{own}/endpoints/{endpoint}/deliveries"),
        format!("{own}/endpoints/{endpoint}/filter"),
        "/sign-in".to_owned(),
    ];
    let names = ["before", "after", "window", "event_type", "outcome", "answer", "period", "q", "id", "time", "notice"];
    for path in paths {
        for nasty in NASTY {
            let query = names.map(|name| format!("{name}={nasty}")).join("&");
            let answer = scene.client.send("GET", &format!("{path}?{query}"), &[("cookie", &cookie)], None);
            assert!(answer.status < 500, "{path} {nasty}: {}", answer.text());
            assert!(!answer.text().contains("<script>alert"), "{path}");
        }
    }
    assert!(!scene.server.output().contains("panicked"), "{}", scene.server.output());
}

#[test]
fn who_signs_in_and_changes_something_is_in_the_audit_log_with_his_address() {
    let scene = Scene::new();
    let (cookie, home) = sign_in(&scene);
    scene.endpoint("/hook");
    for (path, form) in [("/sign-in", "key=ck_guessed"), ("/sign-in/code", "code=guessed")] {
        scene.client.send("POST", path, &[FORM], Some(form.as_bytes())).expect_status(401);
    }
    let environment = home.rsplit('/').next().expect("an environment");
    let path = format!("/api/v1/management/environment/{environment}/audit-log");
    let log = scene.client.get(&path).expect_status(200).json();
    let told = |entry: &serde_json::Value| (text(&entry["action"]), entry["actor"]["address"].clone());
    let told: Vec<_> = log["data"].as_array().expect("entries").iter().map(told).collect();
    assert_eq!(told[0], ("api_key.created".to_owned(), json!(null)), "at the first start");
    for action in ["session.opened", "endpoint.created", "session.refused"] {
        assert!(told.contains(&(action.to_owned(), json!("127.0.0.1"))), "{told:?}");
    }
    let page = format!("{home}/settings/audit?action=session.refused");
    let page = scene.client.send("GET", &page, &[("cookie", &cookie)], None).expect_status(200).text();
    assert_eq!(page.matches("further ones from there").count(), 1, "{page}");
    assert!(page.contains("Somebody") && !page.contains("guessed"), "{page}");
}

/// The token that the forms of a page have.
fn token_of(page: &str) -> String {
    let (_, rest) = page.split_once(r#"name="csrf" value=""#).expect("a form");
    rest.split('"').next().map(str::to_owned).expect("a token")
}

#[test]
fn a_typed_payload_that_is_no_json_is_not_sent() {
    let scene = Scene::new();
    let (cookie, home) = sign_in(&scene);
    let endpoint = scene.endpoint("/hook");
    let application = text(&scene.client.get(&scene.app("")).expect_status(200).json()["id"]);
    let code = "function handler(webhook) { return webhook; }";
    for (page, further) in [("test", vec![]), ("transformation", vec![("do", "try"), ("code", code)])] {
        let page = format!("{home}/applications/{application}/endpoints/{endpoint}/{page}");
        let looked = scene.client.send("GET", &page, &[("cookie", &cookie)], None).expect_status(200).text();
        let csrf = token_of(&looked);
        for (payload, status) in [("{\"a\": nothing}", 422), ("{\"a\":1,\"a\":2}", 422), ("{\"a\": 1}", 200)] {
            let mut form = url::form_urlencoded::Serializer::new(String::new());
            let fields = [("csrf", csrf.as_str()), ("event_type", "order.paid"), ("payload", payload)];
            let form = form.extend_pairs(fields).extend_pairs(&further).finish();
            let sent = scene.client.send("POST", &page, &[FORM, ("cookie", &cookie)], Some(form.as_bytes()));
            sent.expect_status(status);
        }
    }
}

#[test]
fn a_filter_is_tried_before_it_is_saved() {
    let scene = Scene::new();
    let (cookie, home) = sign_in(&scene);
    let endpoint = scene.endpoint("/hook");
    let application = text(&scene.client.get(&scene.app("")).expect_status(200).json()["id"]);
    let message = json!({"eventType": "order.paid", "payload": {"total": 40}});
    scene.client.post(&scene.app("/msg"), &message).expect_status(202);
    let page = format!("{home}/applications/{application}/endpoints/{endpoint}");
    let look = |path: &str| {
        let answer = scene.client.send("GET", &format!("{page}{path}"), &[("cookie", &cookie)], None);
        answer.expect_status(200).text()
    };
    let csrf = token_of(&look("/filter"));
    let send = |fields: &[(&str, &str)]| {
        let mut form = url::form_urlencoded::Serializer::new(String::new());
        let form = form.append_pair("csrf", &csrf).extend_pairs(fields).finish();
        scene.client.send("POST", &format!("{page}/filter"), &[FORM, ("cookie", &cookie)], Some(form.as_bytes()))
    };
    let kept =
        || scene.client.get(&scene.app(&format!("/endpoint/{endpoint}"))).expect_status(200).json()["filter"].clone();

    let (dear, bad) = (r#"{"data":{"total":{"$gte":100}}}"#, r#"{"total":{"$gte":100}}"#);
    for action in ["try", ""] {
        let refused = send(&[("filter", bad), ("action", action)]).expect_status(422).text();
        assert!(refused.contains("`total` is nothing that a message has"), "{refused}");
    }
    send(&[("filter", ""), ("action", "try")]).expect_status(422);
    send(&[("filter", dear), ("action", "try"), ("payload", "{")]).expect_status(422);
    let latest = send(&[("filter", dear), ("action", "try")]).expect_status(200).text();
    assert!(latest.contains("data.total.$gte") && latest.contains("must be at least 100, but is 40"), "{latest}");
    let own = send(&[("filter", dear), ("action", "try"), ("payload", r#"{"total":7e2}"#)]).expect_status(200);
    assert!(own.text().contains("lets your message pass"), "{}", own.text());
    assert_eq!(kept(), json!(null), "what is tried changes nothing");

    send(&[("filter", dear)]).expect_status(303);
    assert_eq!(kept(), json!({"data": {"total": {"$gte": 100}}}));
    assert!(look("/filter").contains("must be at least 100, but is 40"), "the latest are looked at at once");
    assert!(look("").contains("{&quot;data&quot;:{&quot;total&quot;"), "the overview shows that there is a filter");
    send(&[("filter", dear), ("action", "remove")]).expect_status(303);
    assert_eq!(kept(), json!(null));
}

#[test]
fn a_form_leads_to_no_other_site() {
    let scene = Scene::new();
    for back in ["//evil.example", "/%09/evil.example", "/%5Cevil.example", "https:evil.example", "/%01", "/%00"] {
        let form = format!("key={API_KEY}&back={back}");
        let answer = scene.client.send("POST", "/sign-in", &[FORM], Some(form.as_bytes())).expect_status(303);
        assert_eq!(answer.header("location"), Some("/"), "{back}");
    }
}
