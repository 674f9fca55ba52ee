//! Where messages stand: an endpoint's messages, a message's endpoints, and how many went how.

use cornet::domain::delivery::{DeliveryState, Outcome};
use cornet::domain::time::Timestamp;
use serde_json::{Value, json};

use crate::world::{World, ids};

const DELIVERED: Outcome = Outcome::Ended(DeliveryState::Delivered);
const FAILED: Outcome = Outcome::Ended(DeliveryState::Failed);

fn statuses(page: &Value) -> Vec<(i64, &str, bool)> {
    let rows = page["data"].as_array().unwrap().iter();
    rows.map(|row| {
        (row["status"].as_i64().unwrap(), row["statusText"].as_str().unwrap(), row["nextAttempt"].is_string())
    })
    .collect()
}

#[tokio::test]
async fn an_endpoints_messages_come_once_each_those_that_wait_first() {
    let world = World::new().await;
    let endpoint = world.endpoint("one").await;
    let delivered = world.message("a.one", "").await;
    world.attempt(endpoint, Some(200), DELIVERED).await;
    let failed = world.message("a.two", "").await;
    world.attempt(endpoint, Some(500), FAILED).await;
    let cancelled = world.message("a.one", "").await;
    world.ended_unsent(endpoint, DeliveryState::Cancelled).await;
    let expired = world.message("a.one", r#","channels":["eu"]"#).await;
    world.pass(1);
    world.ended_unsent(endpoint, DeliveryState::Expired).await;
    // Sent once more, so it stands in the log twice and is shown by its last end.
    world.ask("POST", &format!("/app/shop/msg/{delivered}/endpoint/one/resend"), None, None).await.expect(202);
    world.attempt(endpoint, Some(500), FAILED).await;
    // Ended once and waiting again.
    world.ask("POST", &format!("/app/shop/msg/{failed}/endpoint/one/resend"), None, None).await.expect(202);
    let newest = world.message("a.two", "").await;

    let list = "/app/shop/endpoint/one/msg";
    let all = [&*newest, &*failed, &*delivered, &*expired, &*cancelled];
    assert_eq!(world.pages(list).await, all);
    let page = world.get(&format!("{list}?expanded_statuses=true")).await;
    let expected =
        [(1, "pending", true), (1, "pending", true), (2, "fail", false), (2, "fail", false), (4, "canceled", false)];
    assert_eq!(statuses(&page), expected);
    assert_eq!(page["data"][0]["payload"], json!({"n": 1}));
    let page = world.get(&format!("{list}?with_content=false")).await;
    assert_eq!((&page["data"][0]["payload"], statuses(&page)[4]), (&json!({}), (0, "success", false)));
    for (query, expected) in [
        ("status=1", &all[..2]),
        ("status=2", &all[2..4]),
        ("status=0", &[]),
        ("status=3", &[]),
        ("status=4", &all[4..]),
        ("event_types=a.two", &all[..2]),
        ("channel=eu", &all[3..4]),
        ("before=2027-01-15T08:00:05Z", &[&*failed, &*delivered]),
        ("after=2027-01-15T08:00:05Z&event_types=a.one", &[&*expired, &*cancelled]),
    ] {
        assert_eq!(world.pages(&format!("{list}?{query}")).await, expected, "{query}");
    }
    // A page that those that wait fill exactly leads on to what has ended.
    let page = world.get(&format!("{list}?limit=2")).await;
    assert_eq!((ids(&page), &page["done"]), (vec![newest.clone(), failed.clone()], &json!(false)));
    for iterator in ["msg_1.5", "x", "-"] {
        let status = world.ask("GET", &format!("{list}?iterator={iterator}"), None, None).await.status;
        assert_eq!(status, 400, "{iterator}");
    }
}

#[tokio::test]
async fn a_messages_endpoints_say_where_it_stands_at_each() {
    let world = World::new().await;
    let (one, two, three) = (world.endpoint("one").await, world.endpoint("two").await, world.endpoint("three").await);
    let off = world.endpoint("off").await;
    world.ask("PATCH", "/app/shop/endpoint/off", Some(r#"{"disabled":true}"#), None).await.expect(200);
    let message = world.message("a.one", r#","eventId":"e""#).await;
    world.attempt(one, Some(200), DELIVERED).await;
    world.attempt(two, Some(500), FAILED).await;
    world.attempt(three, Some(500), Outcome::Retry(Timestamp::from_ms(1_900_000_000_000))).await;
    let list = format!("/app/shop/msg/{message}/endpoint");
    assert_eq!(world.pages(&list).await, [one, two, three].map(|id| id.to_string()));
    let page = world.get("/app/shop/msg/e/endpoint").await;
    assert_eq!(statuses(&page), [(0, "success", false), (2, "fail", false), (1, "pending", true)]);
    let third = &page["data"][2];
    assert_eq!(third["nextAttempt"], "2030-03-17T17:46:40.000Z");
    for member in ["id", "url", "description", "createdAt", "updatedAt", "uid"] {
        assert!(third[member].is_string(), "{member}: {third}");
    }
    world.ask("PATCH", "/app/shop/endpoint/off", Some(r#"{"disabled":false}"#), None).await.expect(200);
    world.ask("POST", &format!("{list}/off/resend"), None, None).await.expect(202);
    assert_eq!(world.pages(&list).await, [one, two, three, off].map(|id| id.to_string()));
    world.ask("GET", "/app/shop/msg/unknown/endpoint", None, None).await.expect(404);
}

#[tokio::test]
async fn deliveries_are_counted_by_how_they_ended() {
    let world = World::new().await;
    let endpoint = world.endpoint("one").await;
    for outcome in [DELIVERED, DELIVERED, FAILED] {
        world.message("a.one", "").await;
        world.attempt(endpoint, Some(200), outcome).await;
    }
    for state in [DeliveryState::Cancelled, DeliveryState::Expired] {
        world.message("a.one", "").await;
        world.ended_unsent(endpoint, state).await;
    }
    world.message("a.one", "").await;
    let stats = "/app/shop/endpoint/one/stats";
    let counted = json!({"success": 2, "fail": 2, "canceled": 1, "pending": 1, "sending": 0});
    assert_eq!(world.get(stats).await, counted);
    let part = world.get(&format!("{stats}?since=2027-01-15T08:00:03Z&until=2027-01-15T08:00:06")).await;
    assert_eq!(part, json!({"success": 1, "fail": 0, "canceled": 0, "pending": 0, "sending": 0}));
    let wrong = format!("{stats}?since=2027-01-15T08:00:03Z&until=2027-01-15T08:00:03Z");
    assert_eq!(world.ask("GET", &wrong, None, None).await.refused().1, "time_range");
    world.pass(30 * 24 * 3_600);
    assert_eq!(world.get(stats).await["success"], 0);
}
