//! Several stores on one server, as several processes would have them: each has what it accepted, a late outcome is fenced
//! off, what one leaves behind another takes over, and what one changes the others forget.

use std::sync::Arc;
use std::time::Duration;

use cornet::clock::Clock as _;
use cornet::domain::delivery::{Delivery, DeliveryState, Outcome};
use cornet::domain::id::EndpointId;
use cornet::domain::key::{self, ApiKey, Scope};
use cornet::domain::node::Epoch;
use cornet::store::{Accepted, Database, Expired, Feed, IdempotencyKey, Notice, Record, Seat, Store};

use crate::bench::{Bench, Kind, open};
use crate::on;
use crate::postgres::{Fresh, Place};

/// How long a test waits for what must happen.
const PATIENCE: Duration = Duration::from_secs(30);
/// A lease that nobody waits for in a test.
const LONG: Duration = Duration::from_secs(300);
/// A lease that a test waits for.
const SHORT: Duration = Duration::from_secs(1);

fn fresh(bench: &Bench) -> &Fresh {
    match &bench.place {
        Place::Fresh(fresh) => fresh,
        Place::File(_) => panic!("it is a server"),
    }
}

/// Another node on the bench's database.
async fn node(bench: &Bench, name: &str, lease: Duration) -> (Arc<Store>, Feed) {
    let seat = Seat { name: name.to_owned(), place: name.to_owned(), lease };
    let database = Database::server(&fresh(bench).url(), false).unwrap().seated(seat);
    open(database, bench.clock.clone(), 7).await.unwrap()
}

/// Waits until the engine would be told something of this kind.
async fn told<T>(feed: &mut Feed, what: &str, wanted: impl Fn(&Notice) -> Option<T>) -> T {
    let looking = async {
        loop {
            let notice = feed.recv().await.unwrap_or_else(|| panic!("the feed ended before: {what}"));
            if let Some(found) = wanted(&notice) {
                return found;
            }
        }
    };
    tokio::time::timeout(PATIENCE, looking).await.unwrap_or_else(|_| panic!("waited in vain for: {what}"))
}

async fn told_of(feed: &mut Feed, endpoint: EndpointId) {
    told(feed, "something waits", |notice| match notice {
        Notice::Waiting { endpoint_id, .. } if *endpoint_id == endpoint => Some(()),
        _ => None,
    })
    .await;
}

async fn due(store: &Store, bench: &Bench, endpoint: EndpointId) -> Vec<Delivery> {
    let claim = store.claim(endpoint, bench.clock.now(), 1_000, Default::default()).await.unwrap();
    claim.deliveries.into_iter().map(|(delivery, _)| delivery).collect()
}

async fn accept(store: &Store, bench: &Bench, endpoint: EndpointId) {
    let message = cornet::domain::message::Message { id: store.next_id(), ..bench.message("a", &[endpoint]) };
    assert_eq!(store.accept(Arc::new(message), None).await.unwrap(), Accepted::New);
}

#[test]
fn each_node_has_what_it_accepted_and_ids_of_its_own() {
    on(Kind::Postgres, async |bench: Bench| {
        let (other, _feed) = node(&bench, "other", LONG).await;
        let endpoint: EndpointId = bench.store.next_id();
        bench.accept(bench.message("a", &[endpoint])).await;
        accept(&other, &bench, endpoint).await;
        accept(&other, &bench, endpoint).await;
        let (here, there) = (bench.due(endpoint).await, due(&other, &bench, endpoint).await);
        assert_eq!((here.len(), there.len()), (1, 2));
        assert!(bench.store.may_send(&here[0]) && !bench.store.may_send(&there[0]) && other.may_send(&there[0]));
        assert_eq!(bench.store.waiting().await.unwrap(), [(endpoint, here[0].due)]);
        let numbers: Vec<_> = bench.store.nodes().await.unwrap().iter().map(|node| node.number).collect();
        assert_eq!(numbers, [0, 1]);
        let node_of = |delivery: &Delivery| delivery.message_id.number() >> 11 & 1023;
        assert_eq!((node_of(&here[0]), node_of(&there[0])), (0, 1));
    });
}

#[test]
fn what_a_dead_node_had_is_taken_over_and_its_late_outcome_is_history() {
    on(Kind::Postgres, async |mut bench: Bench| {
        let (other, feed) = node(&bench, "other", SHORT).await;
        let endpoint: EndpointId = bench.store.next_id();
        accept(&other, &bench, endpoint).await;
        let in_flight = due(&other, &bench, endpoint).await.remove(0);
        drop((other, feed));
        told_of(&mut bench.feed, endpoint).await;
        let taken = bench.due(endpoint).await.remove(0);
        assert_eq!((taken.place(), taken.epoch == in_flight.epoch), (in_flight.place(), false));
        // The dead node's result comes all the same, as one that was paused would bring it.
        bench.record(&in_flight, 200, Outcome::Ended(DeliveryState::Delivered)).await;
        assert_eq!([bench.rows("queue"), bench.rows("deliveries"), bench.rows("attempts")], [1, 0, 1]);
        bench.record(&taken, 200, Outcome::Ended(DeliveryState::Delivered)).await;
        assert_eq!([bench.rows("queue"), bench.rows("deliveries"), bench.rows("attempts")], [0, 1, 1]);
        let delivered = "SELECT coalesce(sum(delivered), 0) FROM figures WHERE resolution = 60000";
        bench.store.settle().await.unwrap();
        bench.store.settle().await.unwrap();
        let owners = 3;
        assert_eq!(fresh(&bench).sql(delivered), owners.to_string(), "the late one is not counted too");
        // Whoever comes next does not get the number: its owner may not know yet that it is dead.
        let (_next, _feed) = node(&bench, "next", LONG).await;
        let numbers: Vec<_> = bench.store.nodes().await.unwrap().iter().map(|node| node.number).collect();
        assert_eq!(numbers, [0, 2]);
    });
}

#[test]
fn a_node_that_leaves_hands_over_at_once_and_gives_its_number_back() {
    on(Kind::Postgres, async |mut bench: Bench| {
        let (other, _feed) = node(&bench, "other", LONG).await;
        let endpoint: EndpointId = bench.store.next_id();
        accept(&other, &bench, endpoint).await;
        tokio::task::spawn_blocking(move || other.close()).await.unwrap();
        told_of(&mut bench.feed, endpoint).await;
        assert_eq!(bench.due(endpoint).await.len(), 1);
        let (_next, _feed) = node(&bench, "next", LONG).await;
        let names: Vec<_> =
            bench.store.nodes().await.unwrap().into_iter().map(|node| (node.number, node.name)).collect();
        assert_eq!(names, [(0, "unnamed".to_owned()), (1, "next".to_owned())]);
    });
}

#[test]
fn what_no_node_ever_had_is_taken_over_too() {
    on(Kind::Postgres, async |mut bench: Bench| {
        let endpoint: EndpointId = bench.store.next_id();
        bench.accept(bench.message("a", &[endpoint])).await;
        // As a Cornet from before there were nodes left it.
        fresh(&bench).sql("UPDATE queue SET epoch = 0");
        told_of(&mut bench.feed, endpoint).await;
        assert_ne!(bench.due(endpoint).await.remove(0).epoch, Epoch::ALONE);
    });
}

#[test]
fn a_node_that_was_taken_for_dead_begins_anew_with_empty_hands() {
    on(Kind::Postgres, async |mut bench: Bench| {
        let (other, mut feed) = node(&bench, "other", Duration::from_secs(5)).await;
        let endpoint: EndpointId = bench.store.next_id();
        accept(&other, &bench, endpoint).await;
        let old = due(&other, &bench, endpoint).await.remove(0);
        fresh(&bench).sql("UPDATE nodes SET free_from = 9000000000000000 WHERE name = 'other'");
        told_of(&mut bench.feed, endpoint).await;
        told(&mut feed, "nothing is its own any more", |notice| matches!(notice, Notice::Lost).then_some(())).await;
        assert!(other.holds_lease() && !other.may_send(&old));
        assert_eq!(due(&other, &bench, endpoint).await, []);
        accept(&other, &bench, endpoint).await;
        let new = due(&other, &bench, endpoint).await.remove(0);
        assert!(other.may_send(&new) && new.message_id.number() >> 11 & 1023 == 1);
        assert_eq!(bench.due(endpoint).await.len(), 1, "the old one is with who took it");
    });
}

#[test]
fn what_one_node_changes_the_others_forget() {
    on(Kind::Postgres, async |bench: Bench| {
        let (other, mut feed) = node(&bench, "other", LONG).await;
        let text = key::generate().unwrap();
        let (id, now) = (bench.store.next_id(), bench.clock.now());
        let key = ApiKey::new(id, bench.environment_id, Scope::Environment, "k".to_owned(), &text, now);
        bench.store.add_key(key.clone()).await.unwrap();
        assert_eq!(other.api_key(key.hash).await.unwrap().unwrap().expires_at, None);
        assert!(other.routes(bench.application_id).await.unwrap().is_some());
        assert_eq!(bench.store.expire_key(bench.environment_id, id, now).await.unwrap(), Expired::Done);
        assert!(bench.store.delete_application(bench.application_id).await.unwrap());
        let looking = async {
            loop {
                let ended = other.api_key(key.hash).await.unwrap().unwrap().expires_at == Some(now);
                let gone = other.routes(bench.application_id).await.unwrap().is_none();
                if ended && gone {
                    return;
                }
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(PATIENCE, looking).await.expect("the other node still remembers");
        // While nobody could tell it anything, it may have missed some news.
        fresh(&bench).sql(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()
             AND application_name = 'cornet'",
        );
        told(&mut feed, "it looks at everything", |notice| matches!(notice, Notice::LookAgain).then_some(())).await;
    });
}

#[test]
fn two_nodes_that_want_the_same_at_once_do_not_both_get_it() {
    on(Kind::Postgres, async |bench: Bench| {
        let (other, _feed) = node(&bench, "other", LONG).await;
        let endpoint: EndpointId = bench.store.next_id();
        for round in 0..20 {
            let key = |id: i64| Some(IdempotencyKey { id, hash: [round; 32], fingerprint: [1; 32] });
            let keys = [key(bench.store.next_id::<()>().number()), key(other.next_id::<()>().number())];
            let [here, there] = keys;
            let message = |store: &Store| {
                let id = store.next_id();
                Arc::new(cornet::domain::message::Message { id, ..bench.message("a", &[endpoint]) })
            };
            let (ours, theirs) = (message(&bench.store), message(&other));
            let answers = tokio::join!(bench.store.accept(ours.clone(), here), other.accept(theirs.clone(), there));
            match (answers.0.unwrap(), answers.1.unwrap()) {
                (Accepted::New, Accepted::Before(id)) => assert_eq!(id, ours.id),
                (Accepted::Before(id), Accepted::New) => assert_eq!(id, theirs.id),
                both => panic!("{both:?}"),
            }
        }
        assert_eq!(bench.rows("messages"), 20);
    });
}

#[test]
fn in_an_order_only_the_first_of_all_nodes_is_sent_and_the_next_node_is_told() {
    on(Kind::Postgres, async |mut bench: Bench| {
        let (other, mut feed) = node(&bench, "other", LONG).await;
        let endpoint: EndpointId = bench.store.next_id();
        let acquainted = async {
            while bench.store.nodes_live() < 2 || other.nodes_live() < 2 {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(PATIENCE, acquainted).await.expect("the nodes do not know each other");
        for store in [&bench.store, &other, &bench.store] {
            accept(store, &bench, endpoint).await;
            bench.pass(Duration::from_millis(3));
        }
        let claim = async |store: &Store| store.claim_in_order(endpoint, bench.clock.now(), 10).await.unwrap();
        let here = claim(&bench.store).await;
        let soon = bench.clock.now().plus(Duration::from_secs(1));
        assert_eq!((here.deliveries.len(), here.next_due), (1, Some(soon)), "the second is another's");
        assert_eq!(claim(&other).await.deliveries.len(), 0);
        let at = bench.clock.now().plus(Duration::from_secs(5));
        bench.record(&here.deliveries[0].0, 500, Outcome::Retry(at)).await;
        told_of(&mut feed, endpoint).await;
        let there = claim(&other).await;
        assert_eq!(
            (there.deliveries.len(), there.next_due),
            (0, Some(at)),
            "a held one is not looked at before its time"
        );
        bench.clock.set(at);
        let again = claim(&bench.store).await.deliveries.remove(0).0;
        bench.record(&again, 200, Outcome::Ended(DeliveryState::Delivered)).await;
        told_of(&mut feed, endpoint).await;
        while bench.feed.try_recv().is_ok() {}
        let next = claim(&other).await.deliveries.remove(0).0;
        assert_eq!(claim(&bench.store).await.deliveries.len(), 0);
        let attempt = Ok(bench.attempt(&next, 200));
        other.record(Record { delivery: next, attempt, outcome: Outcome::Ended(DeliveryState::Delivered) });
        other.settle().await.unwrap();
        told_of(&mut bench.feed, endpoint).await;
        assert_eq!(claim(&bench.store).await.deliveries.len(), 1);
    });
}
