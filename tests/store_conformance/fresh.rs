//! What only a file does: a delivery that was accepted a moment ago waits without a row in the queue, and is as safe as any.

use std::collections::BTreeSet;
use std::time::Duration;

use cornet::clock::Clock as _;
use cornet::domain::delivery::{Delivery, DeliveryState, Outcome, Standing};
use cornet::domain::id::{EndpointId, MessageId};
use cornet::store::{Accepted, Inserted, Notice, Record};

use crate::bench::{Bench, Kind};
use crate::on;

const DELIVERED: Outcome = Outcome::Ended(DeliveryState::Delivered);

/// What the engine is told to send of the next message.
async fn told(bench: &mut Bench) -> Vec<Delivery> {
    match bench.feed.recv().await {
        Some(Notice::Accepted { deliveries, .. }) => deliveries,
        other => panic!("{other:?}"),
    }
}

/// Has outcomes written as the engine does, without asking for anything else.
async fn written(bench: &mut Bench, records: Vec<Record>) {
    let count = records.len();
    records.into_iter().for_each(|record| bench.store.record(record));
    bench.store.hurry();
    for _ in 0..count {
        assert!(matches!(bench.feed.recv().await, Some(Notice::Recorded { .. })));
    }
}

fn rows(bench: &Bench) -> [i64; 3] {
    [bench.rows("queue"), bench.rows("deliveries"), bench.rows("attempts")]
}

/// Which messages wait for an endpoint.
async fn waiting(bench: &Bench, endpoint: EndpointId) -> BTreeSet<MessageId> {
    bench.due(endpoint).await.into_iter().map(|delivery| delivery.message_id).collect()
}

#[test]
fn what_is_over_at_once_never_has_a_row() {
    on(Kind::Sqlite, async |mut bench: Bench| {
        let endpoints: [EndpointId; 2] = [bench.store.next_id(), bench.store.next_id()];
        bench.accept(bench.message("a", &endpoints)).await;
        let deliveries = told(&mut bench).await;
        assert_eq!(rows(&bench), [0, 0, 0], "they wait without rows");
        let again = bench.clock.now().plus(Duration::from_secs(5));
        let outcomes = [DELIVERED, Outcome::Retry(again)];
        let records: Vec<_> = deliveries.iter().zip(outcomes).map(|(of, end)| bench.outcome(of, 200, end)).collect();
        written(&mut bench, records).await;
        assert_eq!(rows(&bench), [1, 1, 1], "one is over, one is tried again");

        // The same outcome once more is late, as for any delivery.
        let twice = bench.outcome(&deliveries[0], 200, DELIVERED);
        written(&mut bench, vec![twice]).await;
        assert_eq!(rows(&bench), [1, 1, 2]);
        let mut bench = bench.killed().await;
        assert_eq!(rows(&bench), [1, 1, 2], "nothing that had its row or is over waits again");
        assert_eq!(waiting(&bench, endpoints[0]).await.len(), 0);
        bench.pass(Duration::from_secs(5));
        assert_eq!(waiting(&bench, endpoints[1]).await.len(), 1);
        assert!(bench.feed.try_recv().is_err());
    });
}

#[test]
fn what_a_killed_process_leaves_without_a_row_is_found() {
    on(Kind::Sqlite, async |mut bench: Bench| {
        let endpoint: EndpointId = bench.store.next_id();
        let mut expected = BTreeSet::new();
        // More than are looked at together, every third of them over.
        for number in 0..1_200 {
            let message = bench.accept(bench.message("a", &[endpoint])).await;
            let delivery = told(&mut bench).await.remove(0);
            if number % 3 == 0 {
                let over = bench.outcome(&delivery, 200, DELIVERED);
                written(&mut bench, vec![over]).await;
            } else {
                expected.insert(message.id);
            }
        }
        assert_eq!(rows(&bench), [0, 400, 0]);
        let mut bench = bench.killed().await;
        assert_eq!(rows(&bench), [800, 400, 0]);
        assert_eq!(waiting(&bench, endpoint).await, expected);
        // What came back has a row, and is not found a second time once it is over.
        bench.end(endpoint, DeliveryState::Delivered).await;
        bench = bench.killed().await;
        assert_eq!(rows(&bench), [0, 1_200, 0]);
    });
}

#[test]
fn whoever_asks_the_queue_or_changes_something_finds_it() {
    on(Kind::Sqlite, async |mut bench: Bench| {
        let endpoint: EndpointId = bench.store.next_id();
        let asked = bench.accept(bench.message("a", &[endpoint])).await;
        let standings = bench.store.standings(asked.id).await.unwrap();
        assert!(matches!(standings.get(&endpoint), Some(Standing::Waiting(_))), "{standings:?}");

        let message = bench.accept(bench.message("a", &[endpoint])).await;
        told(&mut bench).await;
        let first = told(&mut bench).await.remove(0);
        assert_eq!(bench.rows("queue"), 1);
        assert_eq!(bench.store.resend(&message, endpoint, None).await.unwrap(), Inserted::New);
        assert_eq!(bench.rows("queue"), 2, "it is moved, not doubled");
        assert!(matches!(bench.feed.recv().await, Some(Notice::Waiting { .. })));
        // What comes of the attempt that was under way is history.
        let late = bench.outcome(&first, 200, DELIVERED);
        written(&mut bench, vec![late]).await;
        assert_eq!(rows(&bench), [2, 0, 1]);
    });
}

#[test]
fn a_claim_finds_its_endpoints_and_a_kill_after_it_the_others() {
    on(Kind::Sqlite, async |bench: Bench| {
        let [claimed, other]: [EndpointId; 2] = [bench.store.next_id(), bench.store.next_id()];
        let message = bench.accept(bench.message("a", &[claimed, other])).await;
        assert_eq!(bench.rows("queue"), 0);
        assert_eq!(waiting(&bench, claimed).await, [message.id].into());
        assert_eq!(bench.rows("queue"), 1, "who is claimed from has its row, and nobody else");
        let bench = bench.killed().await;
        assert_eq!(bench.rows("queue"), 2);
        assert_eq!(waiting(&bench, other).await, [message.id].into());
    });
}

#[test]
fn a_message_with_an_older_id_has_its_row_at_once() {
    on(Kind::Sqlite, async |bench: Bench| {
        let endpoint: EndpointId = bench.store.next_id();
        let older = bench.message("a", &[endpoint]);
        let newer = bench.accept(bench.message("a", &[endpoint])).await;
        bench.store.settle().await.unwrap();
        assert_eq!(bench.place.numbers("SELECT since FROM fresh"), [[newer.id.number() + 1]]);
        assert_eq!(bench.store.accept(std::sync::Arc::new(older), None).await.unwrap(), Accepted::New);
        assert_eq!(bench.rows("queue"), 2);
        let bench = bench.killed().await;
        assert_eq!(bench.rows("queue"), 2);
    });
}
