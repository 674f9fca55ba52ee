//! The three systems of the seeds side by side in one server, each used over HTTP as its own document says (SEEDS A–D,
//! whose numbers the tests name). Each has an environment made with its preset, a key of its own and receivers of its own.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[expect(dead_code, reason = "each test binary uses its own part of the support")]
mod support;

use std::collections::{BTreeMap, HashSet};

use serde_json::value::RawValue;
use serde_json::{Value, json};
use standardwebhooks::Webhook;

use support::receiver::Reply;
use support::scene::{array, text};
use support::systems::{ENVIRONMENTS, Seeds, System};
use support::until;

const WEBHOOKS: &str = "/v1/environment/webhooks";

/// What the documents of Shoprocket and ShipEngine print, the latter mended (C53).
const ORDER_CREATED: &str = include_str!("samples/shoprocket-order-created.json");
const SALES_ORDERS: &str = include_str!("samples/shipengine-sales-orders.json");

/// A record of Rose Rocket, whose document prints none.
const ORDER: &str = r#"{"id":"5b0a1c7e-3d4f-4c8a-9e21-7f60d2b8a914","status":"in-transit"}"#;

/// The text of a member of an object, as it stands.
fn member(object: &str, name: &str) -> String {
    let members: BTreeMap<String, Box<RawValue>> = serde_json::from_str(object).unwrap();
    members[name].get().to_owned()
}

/// A JSON text without the blanks between its tokens: what two texts share that differ in their layout alone.
fn tokens(json: &str) -> String {
    let (mut in_text, mut escaped) = (false, false);
    let mut kept = |c: &char| {
        let blank = !in_text && c.is_ascii_whitespace();
        in_text ^= *c == '"' && !escaped;
        escaped = in_text && *c == '\\' && !escaped;
        !blank
    };
    json.chars().filter(|c| kept(c)).collect()
}

/// SEEDS A1–A8, A14, A21: an event object goes by POST to every URL that chose its event, every time, and verifies.
#[test]
fn a1_to_a8_a14_a21_an_event_object_goes_to_every_url_that_chose_the_event() {
    let seeds = Seeds::new();
    let rose = &seeds.rose;
    let paths = ["/erp", "/tracking", "/erp/again"];
    let endpoints = paths.map(|path| rose.endpoint(path, &["order.status_updated"]));
    rose.endpoint("/legs", &["leg.loaded"]);
    for time in 1..=2 {
        let id = rose.message("order.status_updated", ORDER);
        for (path, endpoint) in paths.iter().zip(&endpoints) {
            let request = rose.receiver.wait_for(path, time).remove(time - 1);
            assert_eq!((request.method.as_str(), request.id()), ("POST", id.as_str()));
            rose.verify(endpoint, &request);
            let object: Value = serde_json::from_slice(&request.body).unwrap();
            assert_eq!((&object["type"], &object["id"]), (&json!("order.status_updated"), &json!(id)));
            assert_eq!(object["record_id"], "5b0a1c7e-3d4f-4c8a-9e21-7f60d2b8a914");
            assert_eq!(member(request.text(), "data"), ORDER);
        }
    }
    assert!(rose.receiver.received("/legs").is_empty(), "it chose another event");
}

/// SEEDS A15: each of the hundred 2xx statuses acknowledges.
#[test]
fn a15_any_2xx_acknowledges() {
    let seeds = Seeds::new();
    let rose = &seeds.rose;
    let endpoint = rose.endpoint("/hook", &["order.created"]);
    rose.receiver.on("/hook", (200..=299).map(Reply::status));
    let ids: HashSet<String> = (0..100).map(|_| rose.message("order.created", ORDER)).collect();
    rose.receiver.wait_for_ids(&ids);
    let stats = until("all are acknowledged", || {
        let stats = rose.get(&format!("/endpoint/{endpoint}/stats"));
        (stats["success"] == 100).then_some(stats)
    });
    assert_eq!((&stats["fail"], rose.receiver.all().len()), (&json!(0), 100), "{stats}");
}

/// SEEDS A16, A17, D7: whatever goes wrong is shown, and neither tried again nor acted on.
#[test]
fn a16_a17_a_failure_is_shown_and_never_tried_again() {
    let seeds = Seeds::new();
    let rose = &seeds.rose;
    let statuses: [u16; 5] = [500, 503, 429, 410, 302];
    let paths = statuses.map(|status| format!("/{status}"));
    let endpoints: Vec<String> = paths.iter().map(|path| rose.endpoint(path, &["order.created"])).collect();
    for (path, status) in paths.iter().zip(statuses) {
        let reply = Reply::status(status).header("retry-after", "0").header("location", &rose.receiver.url("/moved"));
        rose.receiver.on(path, [reply.body(format!("said {status}"))]);
    }
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let refused = rose.try_endpoint(&format!("http://{nobody}/"), &["order.created"]).expect_status(201).json();
    let messages = [rose.message("order.created", ORDER), rose.message("order.created", ORDER)];
    for message in &messages {
        for (endpoint, status) in endpoints.iter().zip(statuses) {
            assert_eq!(rose.ended(message, endpoint, "fail")["nextAttempt"], Value::Null, "{status}");
            let attempts = rose.attempts(message, endpoint);
            assert_eq!(attempts.len(), 1, "{status}");
            let shown = (&attempts[0]["responseStatusCode"], &attempts[0]["response"]);
            assert_eq!(shown, (&json!(status), &json!(format!("said {status}"))));
        }
        let refused = text(&refused["id"]);
        rose.ended(message, &refused, "fail");
        assert_eq!(rose.attempts(message, &refused).len(), 1);
        let why = rose.get(&format!("/msg/{message}/why"));
        assert!(array(&why["endpoints"]).iter().all(|one| one["state"] == "failed" && one["attempts"] == 1), "{why}");
    }
    // The second message went to each of them too: nothing was switched off, and nothing came twice.
    paths.iter().for_each(|path| assert_eq!(rose.receiver.received(path).len(), 2, "{path}"));
    assert!(rose.receiver.received("/moved").is_empty());
    assert!(endpoints.iter().all(|endpoint| rose.get(&format!("/endpoint/{endpoint}"))["disabled"] == false));
}

/// SEEDS A19, A20: who remembers ids recognises what comes again, also when a person sends it again.
#[test]
fn a19_a20_what_is_sent_again_by_hand_has_the_same_id_and_the_same_bytes() {
    let seeds = Seeds::new();
    let rose = &seeds.rose;
    let endpoint = rose.endpoint("/hook", &["task.completed"]);
    rose.receiver.on("/hook", [Reply::status(500), Reply::status(200)]);
    let message = rose.message("task.completed", ORDER);
    rose.ended(&message, &endpoint, "fail");
    let again = rose.app(&format!("/msg/{message}/endpoint/{endpoint}/resend"));
    rose.client.post(&again, &json!({})).expect_status(202);
    rose.ended(&message, &endpoint, "success");
    let received = rose.receiver.received("/hook");
    assert_eq!((received.len(), received[0].id(), received[1].id()), (2, message.as_str(), message.as_str()));
    assert_eq!(received[0].body, received[1].body);
    received.iter().for_each(|request| rose.verify(&endpoint, request));
}

/// SEEDS A22–A44, B14–B19, C2, C17–C22, D4: each system lists its own event types, and a URL that chose one gets the
/// type's example when it happens.
#[test]
fn a22_to_a44_b14_to_b19_c17_to_c22_every_event_type_can_be_chosen_and_arrives() {
    let seeds = Seeds::new();
    let groups = [
        json!({"Orders": 8, "Legs": 5, "Manifests": 7, "Tasks": 1}),
        json!({"Orders": 3, "Customers": 3}),
        json!({"Shipments": 3, "Carriers": 1, "Stores": 2}),
    ];
    for (system, expected) in seeds.all().into_iter().zip(groups) {
        let answer = system.client.get("/api/v1/event-type?limit=100&with_content=true").expect_status(200);
        let listed: BTreeMap<String, Box<RawValue>> = serde_json::from_str(&answer.text()).unwrap();
        let listed: Vec<Box<RawValue>> = serde_json::from_str(listed["data"].get()).unwrap();
        let mut counts: BTreeMap<String, usize> = BTreeMap::new();
        for event_type in &listed {
            let shown: Value = serde_json::from_str(event_type.get()).unwrap();
            assert!(!text(&shown["title"]).is_empty() && !text(&shown["description"]).is_empty(), "{shown}");
            *counts.entry(text(&shown["groupName"])).or_default() += 1;
            let (name, example) = (text(&shown["name"]), member(event_type.get(), "example"));
            let endpoint = system.endpoint(&format!("/{name}"), &[&name]);
            let id = system.message(&name, &example);
            let request = system.receiver.wait_for(&format!("/{name}"), 1).remove(0);
            assert_eq!(request.id(), id);
            system.verify(&endpoint, &request);
        }
        assert_eq!(json!(counts), expected);
        assert_eq!(system.receiver.all().len(), listed.len(), "each has arrived where it was chosen, and nowhere else");
    }
}

/// SEEDS B1, B5, B13, B25–B30, B32: a webhook has one event or several; what arrives is what the document prints.
#[test]
fn b5_b25_to_b30_b32_the_documents_order_arrives_as_the_documents_payload() {
    let seeds = Seeds::new();
    let shop = &seeds.shop;
    let several = shop.endpoint("/several", &["order.created", "customer.deleted"]);
    shop.endpoint("/one", &["order.updated"]);
    let data = member(ORDER_CREATED, "data");
    shop.message("order.created", &data);
    let request = shop.receiver.wait_for("/several", 1).remove(0);
    assert_eq!(request.text(), format!(r#"{{"data":{data},"type":"order.created","webhook_environment":"test"}}"#));
    assert_eq!(tokens(request.text()), tokens(ORDER_CREATED), "the page's payload, but for its layout");
    shop.verify(&several, &request);
    shop.message("customer.deleted", r#"{"id":"568"}"#);
    shop.message("order.updated", &data);
    let deleted = shop.receiver.wait_for("/several", 2).remove(1);
    assert_eq!(deleted.text(), r#"{"data":{"id":"568"},"type":"customer.deleted","webhook_environment":"test"}"#);
    shop.receiver.wait_for("/one", 1);
    assert_eq!(shop.receiver.all().len(), 3);
    // A live shop says so (B27).
    shop.settings(&json!({"type": "production"}));
    shop.message("customer.deleted", r#"{"id":"569"}"#);
    let live = shop.receiver.wait_for("/several", 3).remove(2);
    assert!(live.text().ends_with(r#","webhook_environment":"live"}"#), "{}", live.text());
}

/// SEEDS B6, B7, B10–B12: a URL that is not absolute is refused in words that help; an endpoint shows its status, its
/// events and its secret.
#[test]
fn b7_b12_a_url_is_absolute_and_the_secret_can_be_read() {
    let seeds = Seeds::new();
    let shop = &seeds.shop;
    for url in ["/webhooks", "webhooks", "mysite.com/webhooks", "//mysite.com/webhooks", ""] {
        let refused = shop.try_endpoint(url, &["order.created"]).expect_problem(422);
        let detail = &refused["detail"][0];
        assert_eq!(detail["loc"], json!(["body", "url"]), "{url}");
        assert!(text(&detail["msg"]).contains("https://"), "{url:?}: {detail}");
    }
    let made = shop.try_endpoint("https://mysite.com/webhooks", &["order.created", "order.deleted"]);
    let made = made.expect_status(201).json();
    assert_eq!((&made["url"], &made["disabled"]), (&json!("https://mysite.com/webhooks"), &json!(false)));
    assert_eq!(made["eventTypes"], json!(["order.created", "order.deleted"]));
    let secret = text(&shop.get(&format!("/endpoint/{}/secret", text(&made["id"])))["key"]);
    assert!(secret.starts_with("whsec_") && Webhook::new(&secret).is_ok());
}

/// SEEDS B20–B24, D7: dummy data of the chosen event is really sent, signed, and what came of it is told.
#[test]
fn b20_to_b24_test_data_is_sent_and_the_answer_is_told() {
    let seeds = Seeds::new();
    let shop = &seeds.shop;
    let endpoint = shop.endpoint("/hook", &["customer.created"]);
    let good = Reply::status(201).header("x-shop", "1").body("thanks");
    shop.receiver.on("/hook", [good, Reply::status(404).body("no such page")]);
    let path = shop.app(&format!("/endpoint/{endpoint}/msg/test-attempt"));
    let expected = [(201, "thanks", "success"), (404, "no such page", "fail")];
    for (number, (status, body, state)) in expected.into_iter().enumerate() {
        let told = shop.client.post(&path, &json!({"eventType": "order.created"})).expect_status(201).json();
        assert_eq!((&told["responseStatusCode"], &told["response"]), (&json!(status), &json!(body)));
        assert_eq!((&told["statusText"], told["responseDurationMs"].is_u64()), (&json!(state), true));
        assert_eq!(told["responseHeaders"].get("x-shop").is_some(), status == 201, "{told}");
        let request = shop.receiver.wait_for("/hook", number + 1).remove(number);
        assert_eq!(request.id(), text(&told["msgId"]));
        shop.verify(&endpoint, &request);
        assert_eq!(tokens(request.text()), tokens(ORDER_CREATED), "the dummy data is the document's sample");
    }
    assert_eq!(array(&shop.get("/msg")["data"]).len(), 0, "a test is kept nowhere");
}

/// SEEDS C5, C23–C32: webhooks are made, listed and shown as the document says, one for each event.
#[test]
fn c5_c23_to_c32_webhooks_are_managed_as_the_document_says() {
    let seeds = Seeds::new();
    let ship = &seeds.ship;
    let create = |url: &str, event: &str| ship.ask("POST", "", Some(&json!({"url": url, "event": event})));
    let made = create("https://your-server.com", "batch").expect_status(200);
    let id = text(&made.json()["webhook_id"]);
    assert!(!id.is_empty() && id.bytes().all(|byte| byte.is_ascii_digit()), "{id}");
    assert_eq!(made.text(), format!(r#"{{"webhook_id":"{id}","url":"https://your-server.com","event":"batch"}}"#));
    let conflict = create("https://your-server.com/2", "batch").expect_problem(409);
    assert!(text(&conflict["detail"]).contains("active webhooks"), "C26: {conflict}");
    ship.try_endpoint("https://your-server.com/3", &["batch"]).expect_problem(409);
    for event in ["track", "rate"] {
        create(&format!("https://your-server.com/listener/{event}"), event).expect_status(200);
    }
    create("https://your-server.com", "order.created").expect_problem(422);
    let listed = ship.ask("GET", "", None).expect_status(200).json();
    let events: Vec<&Value> = array(&listed).iter().map(|webhook| &webhook["event"]).collect();
    assert_eq!(events, ["batch", "rate", "track"]);
    assert_eq!(listed[1]["url"], "https://your-server.com/listener/rate", "C28");
    assert_eq!(ship.ask("GET", &format!("/{id}"), None).expect_status(200).text(), made.text(), "C29");
    ship.ask("GET", "/999999", None).expect_problem(404);
    let anonymous = ship.client.with_key(None);
    for headers in [&[][..], &[("API-Key", "wrong")]] {
        let refused = anonymous.send("GET", WEBHOOKS, headers, None).expect_problem(401);
        assert!(text(&refused["detail"]).contains("API-Key"), "C31: {refused}");
    }
    // What is switched off is not active: it is not listed, and does not count (C32).
    let endpoints = ship.get("/endpoint");
    let batch = array(&endpoints["data"]).iter().find(|one| one["eventTypes"] == json!(["batch"])).unwrap();
    let path = ship.app(&format!("/endpoint/{}", text(&batch["id"])));
    ship.client.patch(&path, &json!({"disabled": true})).expect_status(200);
    assert_eq!(array(&ship.ask("GET", "", None).json()).len(), 2);
    create("https://your-server.com/2", "batch").expect_status(200);
}

/// SEEDS C1, C3, C4, C9, C33–C53: thin and full payloads arrive as the document prints them.
#[test]
fn c33_to_c53_thin_and_full_payloads_arrive_as_the_document_prints_them() {
    let seeds = Seeds::new();
    let ship = &seeds.ship;
    let thin = [
        ("rate", "shipments/se-2120221/rates", "API_RATE"),
        ("batch", "batches/se-1013119", "API_BATCH"),
        ("carrier_connected", "carriers/se-1234", "API_CARRIER_CONNECTED"),
    ];
    for (event, resource, kind) in thin {
        ship.webhook(&format!("/listener/{event}"), event);
        let url = format!(r#"{{"resource_url":"https://api.shipengine.com/v1/{resource}""#);
        let printed = format!(r#"{url},"resource_type":"{kind}"}}"#);
        for payload in [&printed, &format!("{url}}}")] {
            ship.message(event, payload);
        }
        let received = ship.receiver.wait_for(&format!("/listener/{event}"), 2);
        assert!(received.iter().all(|request| request.text() == printed), "{event}");
        assert_eq!(received[0].header("content-type"), "application/json");
    }
    ship.webhook("/orders", "sales_orders_imported");
    ship.message("sales_orders_imported", SALES_ORDERS);
    let full = ship.receiver.wait_for("/orders", 1).remove(0);
    assert!(full.text().ends_with(&format!(r#","data":{}}}"#, member(SALES_ORDERS, "data"))), "to the byte");
    assert_eq!(tokens(full.text()), tokens(SALES_ORDERS));
    assert_eq!((full.text().matches("40.0").count(), full.text().matches("0.0\n").count()), (4, 7), "C49");
    // Each tracking code is taken (C33–C38), and no other.
    ship.webhook("/track", "track");
    let track = |code: &str| format!(r#"{{"resource_url":"https://x.com/1","data":{{"status_code":"{code}"}}}}"#);
    let codes = ["AC", "IT", "DE", "EX", "UN", "AT"];
    codes.iter().for_each(|code| drop(ship.message("track", &track(code))));
    let refused = ship.try_message("track", &track("XX")).expect_problem(422);
    assert_eq!(refused["detail"][0]["loc"], json!(["body", "payload", "data", "status_code"]));
    let tracked = ship.receiver.wait_for("/track", codes.len());
    assert!(codes.iter().all(|code| tracked.iter().any(|request| member(request.text(), "data").contains(code))));
    assert!(tracked.iter().all(|request| request.text().contains(r#""resource_type":"API_TRACK""#)), "C43");
}

/// SEEDS C7, C8: two more attempts, two hours apart; what was discarded can be read. `tests/simulation` shows the two
/// hours on a clock moved by hand; here they are shortened to see the end.
#[test]
fn c7_c8_after_three_attempts_it_is_discarded_and_can_still_be_read() {
    let seeds = Seeds::new();
    let ship = &seeds.ship;
    assert_eq!(ship.settings(&json!({}))["retrySchedule"], "2h,2h");
    ship.settings(&json!({"retrySchedule": "50ms,50ms"}));
    ship.webhook("/batch", "batch");
    let endpoint = ship.only_endpoint();
    ship.receiver.on("/batch", [Reply::status(500).body("closed")]);
    let payload = r#"{"resource_url":"https://api.shipengine.com/v1/batches/se-1013119"}"#;
    let message = ship.message("batch", payload);
    assert_eq!(ship.ended(&message, &endpoint, "fail")["nextAttempt"], Value::Null);
    let received = ship.receiver.received("/batch");
    assert_eq!(received.len(), 3);
    assert!(received.iter().all(|request| request.id() == message && request.body == received[0].body));
    let answer = ship.client.get(&ship.app(&format!("/msg/{message}"))).expect_status(200);
    assert_eq!((member(&answer.text(), "payload").as_str(), &answer.json()["eventType"]), (payload, &json!("batch")));
    let attempts = ship.attempts(&message, &endpoint);
    assert_eq!(attempts.len(), 3);
    assert!(attempts.iter().all(|one| one["responseStatusCode"] == 500 && one["response"] == "closed"));
}

/// SEEDS A44, D1–D4, D7: what the documents contradict each other in holds for each system at the same time.
#[test]
fn d1_to_d4_d7_each_system_keeps_its_own_rules_beside_the_others() {
    let seeds = Seeds::new();
    let [rose, shop, ship] = seeds.all().map(|system| system.settings(&json!({})));
    let schedules = [&rose, &shop, &ship].map(|settings| text(&settings["retrySchedule"]));
    assert_eq!(schedules, ["none", "5s,5m,30m,2h,5h,10h,14h,20h,24h", "2h,2h"], "D1");
    let heeds = [&rose, &shop, &ship].map(|settings| settings["heedsAnswers"] == true);
    assert_eq!(heeds, [false, true, true], "D7");
    let envelopes = [&rose, &shop, &ship].map(|settings| text(&settings["envelope"]));
    assert_eq!(envelopes, ["event-object", "typed-data", "resource"], "D3");
    let own = ["order.created", "order.created", "sales_orders_imported"];
    let others = [["order.updated", "task.completed"], ["order.updated", "customer.created"], ["batch", "rate"]];
    let foreign = ["customer.created", "leg.loaded", "order.created"];
    let expected = [(201, 201), (201, 201), (409, 422)];
    for (at, system) in seeds.all().into_iter().enumerate() {
        system.endpoint("/hook", &[own[at]]);
        let second = system.try_endpoint(&system.receiver.url("/second"), &[own[at]]).status;
        let several = system.try_endpoint(&system.receiver.url("/several"), &others[at]).status;
        assert_eq!((second, several), expected[at], "D2");
        system.client.get(&format!("/api/v1/event-type/{}", foreign[at])).expect_problem(404);
    }
    // One event name, two systems, two bodies (A44, D3, D4); the third has no such event.
    let ids = [&seeds.rose, &seeds.shop].map(|system| system.message("order.created", ORDER));
    let object: Value = serde_json::from_str(seeds.rose.receiver.wait_for("/hook", 1)[0].text()).unwrap();
    assert_eq!((&object["id"], &object["type"]), (&json!(ids[0]), &json!("order.created")));
    let typed = format!(r#"{{"data":{ORDER},"type":"order.created","webhook_environment":"test"}}"#);
    assert_eq!(seeds.shop.receiver.wait_for("/hook", 1)[0].text(), typed);
    seeds.ship.message("sales_orders_imported", SALES_ORDERS);
    assert_eq!(tokens(seeds.ship.receiver.wait_for("/hook", 1)[0].text()), tokens(SALES_ORDERS));
}

/// SEEDS D6: a key sees its own system, and what the others have is not there for it; messages stay at home.
#[test]
fn d6_no_key_sees_anything_of_the_other_systems() {
    let seeds = Seeds::new();
    let events = ["order.created", "order.created", "batch"];
    let payloads = [ORDER, ORDER, r#"{"resource_url":"https://x.com/1"}"#];
    let mut owned = Vec::new();
    for ((system, event), payload) in seeds.all().into_iter().zip(events).zip(payloads) {
        let (endpoint, message) = (system.endpoint("/hook", &[event]), system.message(event, payload));
        system.ended(&message, &endpoint, "success");
        let attempt = text(&system.attempts(&message, &endpoint)[0]["id"]);
        owned.push((endpoint, message, attempt));
    }
    for (own, system) in seeds.all().into_iter().enumerate() {
        assert_eq!(system.only_endpoint(), owned[own].0);
        assert_eq!(array(&system.get("/msg")["data"]).len(), 1);
        assert_eq!(system.receiver.all().len(), 1, "it got its own message alone");
        let shown = array(&system.client.get("/api/v1/app").expect_status(200).json()["data"]).len();
        assert_eq!(shown, 1, "its own application");
        system.client.get(ENVIRONMENTS).expect_problem(403);
        for (endpoint, message, attempt) in owned.iter().enumerate().filter(|(at, _)| *at != own).map(|(_, ids)| ids) {
            for path in [
                format!("/endpoint/{endpoint}"),
                format!("/endpoint/{endpoint}/secret"),
                format!("/attempt/endpoint/{endpoint}"),
                format!("/msg/{message}"),
                format!("/msg/{message}/why"),
                format!("/msg/{message}/attempt/{attempt}"),
            ] {
                system.client.get(&system.app(&path)).expect_problem(404);
            }
        }
    }
    // ShipEngine's API too shows to each key its own webhook alone, though their numbers may be the same.
    let webhooks = |system: &System| array(&system.ask("GET", "", None).expect_status(200).json()).clone();
    for system in seeds.all() {
        let listed = webhooks(system);
        assert_eq!((listed.len(), &listed[0]["url"]), (1, &json!(system.receiver.url("/hook"))));
    }
    let number = text(&webhooks(&seeds.shop)[0]["webhook_id"]);
    seeds.shop.ask("DELETE", &format!("/{number}"), None).expect_status(204);
    assert_eq!(seeds.all().map(|system| webhooks(system).len()), [1, 0, 1], "nobody else's is gone");
}

/// SEEDS A13, B7, C9, D8: plain HTTP is taken by all three, until one forbids it for itself.
#[test]
fn d8_http_is_taken_and_can_be_forbidden_for_one_system() {
    let seeds = Seeds::new();
    seeds.ship.settings(&json!({"endpointRules": {"httpsOnly": true}}));
    for (system, status) in seeds.all().into_iter().zip([201, 201, 422]) {
        let event = if status == 201 { "order.created" } else { "batch" };
        assert_eq!(system.try_endpoint("http://example.com/hook", &[event]).status, status);
        system.try_endpoint("https://example.com/hook", &[event]).expect_status(201);
    }
}
