//! One suite for both stores: each promise of the store is tried on SQLite and on PostgreSQL by the same function.
//! Without PostgreSQL on the machine its half passes unseen, except in `./test`, where it must be there.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod bench;
#[expect(dead_code, reason = "each test binary uses its own part of it")]
#[path = "../simulation/foundation.rs"]
mod foundation;
mod fresh;
mod nodes;
#[expect(dead_code, reason = "each test binary uses its own part of it")]
#[path = "../support/postgres.rs"]
mod postgres;
mod rotation;
mod schema;
mod servers;

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;
use std::time::Duration;

use cornet::clock::Clock as _;
use cornet::domain::audit::{Action, Actor, AuditFilter, Deed};
use cornet::domain::delivery::{AttemptFilter, DeliveryState, Outcome, Standing, Trigger};
use cornet::domain::failing::FAILING_FOR_MAX;
use cornet::domain::id::{EndpointId, EnvironmentId};
use cornet::domain::message::MessageFilter;
use cornet::domain::time::Span;
use cornet::store::{
    Accepted, AttemptsPage, Content, DestinedFilter, Inserted, MessagesPage, Notice, Page, Reach, Record, Statistics,
};
use futures_util::future::join_all;

use bench::{Bench, DAY, Kind};
use postgres::Place;

/// Runs a test on a database of this kind.
fn on(kind: Kind, test: impl AsyncFnOnce(Bench)) {
    if kind == Kind::Postgres && !postgres::is_there() {
        assert!(std::env::var_os("CORNET_TEST_ALL").is_none(), "PostgreSQL is not installed");
        return;
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async { test(Bench::new(kind).await).await });
}

macro_rules! on_both {
    ($($test:ident),* $(,)?) => {
        mod sqlite {
            $(#[test] fn $test() { super::on(super::Kind::Sqlite, super::$test); })*
        }
        mod on_postgres {
            $(#[test] fn $test() { super::on(super::Kind::Postgres, super::$test); })*
        }
    };
}

on_both!(
    a_message_is_accepted_claimed_and_delivered,
    a_failure_is_tried_again_and_ends_and_is_recovered,
    an_outcome_that_comes_late_does_not_take_the_new_place,
    an_outcome_that_comes_twice_is_kept_once,
    what_waits_is_cancelled_expired_and_expunged,
    the_first_of_equal_requests_wins_and_the_others_see_it,
    an_event_id_is_given_once,
    lists_are_whole_while_others_write,
    a_long_list_is_read_in_pieces_with_questions_in_between,
    what_was_acknowledged_outlives_the_process,
    what_is_old_goes,
    what_was_delivered_is_counted_alike_from_figures_and_from_history,
    what_was_delivered_is_counted_at_once_and_without_its_rows,
    what_failed_in_an_order_keeps_its_place,
    nobody_is_switched_off_while_most_endpoints_fail,
    entries_of_the_audit_log_are_kept_with_their_change_and_stay,
);

fn page(limit: usize) -> AttemptsPage {
    AttemptsPage { before: None, limit, with_content: true }
}

fn every_attempt() -> AttemptFilter {
    AttemptFilter {
        endpoint_id: None,
        succeeded: None,
        status_class: None,
        made: Span::ALL,
        messages: MessageFilter::default(),
    }
}

async fn a_message_is_accepted_claimed_and_delivered(mut bench: Bench) {
    let endpoint: EndpointId = bench.store.next_id();
    let message = bench.accept(bench.message("a", &[endpoint])).await;
    let Some(Notice::Accepted { message: told, deliveries }) = bench.feed.recv().await else {
        panic!("the engine is not told");
    };
    assert_eq!((told.id, deliveries.len()), (message.id, 1));
    let claim = bench.store.claim(endpoint, bench.clock.now(), 10, HashSet::new()).await.unwrap();
    let [(delivery, Content::Kept(kept))] = claim.deliveries.as_slice() else { panic!("{claim:?}") };
    assert_eq!(
        (&kept.payload, &kept.channels, &kept.verdicts),
        (&message.payload, &message.channels, &message.verdicts)
    );
    assert_eq!((kept.expires_at, kept.event_type.as_str()), (message.expires_at, "a"));
    assert_eq!(bench.store.waiting().await.unwrap(), [(endpoint, delivery.due)]);
    let in_hand = HashSet::from([delivery.place()]);
    assert!(bench.store.claim(endpoint, bench.clock.now(), 10, in_hand).await.unwrap().deliveries.is_empty());

    bench.record(delivery, 200, Outcome::Ended(DeliveryState::Delivered)).await;
    assert!(matches!(bench.feed.recv().await, Some(Notice::Recorded { retry: None, .. })));
    assert!(bench.due(endpoint).await.is_empty());
    let standings = bench.store.standings(message.id).await.unwrap();
    assert_eq!(standings.into_iter().collect::<Vec<_>>(), [(endpoint, Standing::Ended(DeliveryState::Delivered))]);
    let statistics = bench.store.statistics(endpoint, Span::ALL).await.unwrap();
    assert_eq!(statistics, Statistics { delivered: 1, ..Statistics::default() });
    let attempts = bench.store.attempts_of_message(message.id, every_attempt(), page(10)).await.unwrap().rows;
    let answer = attempts[0].result.as_ref().unwrap();
    assert_eq!((attempts.len(), answer.status, answer.body.as_slice()), (1, 200, b"\x00thanks\xff".as_slice()));
    assert_eq!(answer.headers, [("content-type".to_owned(), "text/plain".to_owned())]);
    assert_eq!([bench.rows("queue"), bench.rows("deliveries"), bench.rows("attempts")], [0, 1, 0]);
}

async fn a_failure_is_tried_again_and_ends_and_is_recovered(mut bench: Bench) {
    let endpoint: EndpointId = bench.store.next_id();
    let message = bench.accept(bench.message("a", &[endpoint])).await;
    let first = bench.due(endpoint).await.remove(0);
    let later = bench.clock.now().plus(Duration::from_secs(5));
    bench.record(&first, 500, Outcome::Retry(later)).await;
    assert!(bench.due(endpoint).await.is_empty(), "it is not due yet");
    bench.pass(Duration::from_secs(5));
    let second = bench.due(endpoint).await.remove(0);
    assert_eq!((second.due, second.attempts_made), (later, 1));
    bench.record(&second, 500, Outcome::Ended(DeliveryState::Failed)).await;
    assert_eq!([bench.rows("queue"), bench.rows("deliveries"), bench.rows("attempts")], [0, 1, 1]);

    let counted = bench.store.count_failed(endpoint, Span::ALL, 10).await.unwrap();
    assert_eq!((counted.number, counted.more), (1, false));
    while bench.feed.try_recv().is_ok() {}
    assert_eq!(bench.store.recover(endpoint, Span::ALL).await.unwrap(), 1);
    assert!(matches!(bench.feed.recv().await, Some(Notice::Waiting { endpoint_id, .. }) if endpoint_id == endpoint));
    assert_eq!([bench.rows("queue"), bench.rows("deliveries"), bench.rows("attempts")], [1, 0, 2]);
    let again = bench.due(endpoint).await.remove(0);
    assert_eq!((again.trigger, again.attempts_made), (Trigger::Manual, 0));
    bench.record(&again, 200, Outcome::Ended(DeliveryState::Delivered)).await;
    let journey = bench.store.journeys(message.id).await.unwrap().remove(&endpoint).unwrap();
    assert_eq!((journey.attempts, journey.last.unwrap().message_id), (3, message.id));
}

async fn an_outcome_that_comes_late_does_not_take_the_new_place(bench: Bench) {
    let endpoint: EndpointId = bench.store.next_id();
    let message = bench.accept(bench.message("a", &[endpoint])).await;
    let in_flight = bench.due(endpoint).await.remove(0);
    let key = Some(bench.key(1, 1));
    assert_eq!(bench.store.resend(&message, endpoint, key).await.unwrap(), Inserted::New);
    bench.record(&in_flight, 200, Outcome::Ended(DeliveryState::Delivered)).await;
    bench.pass(Duration::from_secs(1));
    assert_eq!(bench.due(endpoint).await.len(), 1, "the resend still waits");
    assert_eq!([bench.rows("queue"), bench.rows("deliveries"), bench.rows("attempts")], [1, 0, 1]);
    bench.end(endpoint, DeliveryState::Delivered).await;
    assert_eq!([bench.rows("queue"), bench.rows("deliveries"), bench.rows("attempts")], [0, 1, 1]);
}

async fn an_outcome_that_comes_twice_is_kept_once(bench: Bench) {
    let endpoint: EndpointId = bench.store.next_id();
    bench.accept(bench.message("a", &[endpoint])).await;
    let delivery = bench.due(endpoint).await.remove(0);
    // Two ends of one delivery in one batch: one of them is its end, the other is history.
    bench.store.record(bench.outcome(&delivery, 500, Outcome::Ended(DeliveryState::Failed)));
    bench.store.record(bench.outcome(&delivery, 200, Outcome::Ended(DeliveryState::Delivered)));
    bench.store.settle().await.unwrap();
    assert_eq!([bench.rows("queue"), bench.rows("deliveries"), bench.rows("attempts")], [0, 1, 1]);
    assert_eq!(bench.store.outcomes_waiting(), 0);
}

async fn what_waits_is_cancelled_expired_and_expunged(bench: Bench) {
    let endpoint: EndpointId = bench.store.next_id();
    for state in [DeliveryState::Cancelled, DeliveryState::Expired] {
        let message = bench.accept(bench.message("a", &[endpoint])).await;
        let delivery = bench.due(endpoint).await.remove(0);
        let attempt = Err(bench.store.next_id());
        bench.store.record(Record { delivery, attempt, outcome: Outcome::Ended(state) });
        bench.store.settle().await.unwrap();
        let standings = bench.store.standings(message.id).await.unwrap();
        assert_eq!(standings[&endpoint], Standing::Ended(state));
        assert!(bench.store.attempts_of_message(message.id, every_attempt(), page(9)).await.unwrap().rows.is_empty());
    }
    let message = bench.accept(bench.message("a", &[endpoint])).await;
    assert!(bench.store.expunge_message(bench.application_id, message.id).await.unwrap());
    let claim = bench.store.claim(endpoint, bench.clock.now(), 10, HashSet::new()).await.unwrap();
    assert!(matches!(claim.deliveries.as_slice(), [(_, Content::Deleted)]), "{claim:?}");
    bench.end(endpoint, DeliveryState::Delivered).await;
    let made = bench.store.attempts_of_message(message.id, every_attempt(), page(9)).await.unwrap().rows.remove(0);
    assert!(bench.store.expunge_attempt(message.id, made.id).await.unwrap());
    let kept = bench.store.attempt(message.id, made.id).await.unwrap().unwrap();
    assert_eq!(kept.result.unwrap().body, b"EXPUNGED");
}

async fn the_first_of_equal_requests_wins_and_the_others_see_it(bench: Bench) {
    let endpoint: EndpointId = bench.store.next_id();
    for hash in 0..4 {
        let requests = (0..40).map(|number| {
            let message = Arc::new(bench.message("a", &[endpoint]));
            let key = bench.key(hash, u8::from(number == 39));
            let store = bench.store.clone();
            async move { (message.id, store.accept(message, Some(key)).await.unwrap()) }
        });
        let answers = join_all(requests).await;
        let (winner, _) = answers.iter().find(|(_, answer)| *answer == Accepted::New).unwrap();
        let new = answers.iter().filter(|(_, answer)| *answer == Accepted::New).count();
        let before = answers.iter().filter(|(_, answer)| *answer == Accepted::Before(*winner)).count();
        let reused = answers.iter().filter(|(_, answer)| *answer == Accepted::KeyReused).count();
        assert_eq!(new, 1);
        assert!([(38, 1), (0, 39)].contains(&(before, reused)), "{before} {reused}");
    }
    bench.store.settle().await.unwrap();
    assert_eq!([bench.rows("messages"), bench.rows("queue"), bench.rows("idempotency_keys")], [4, 4, 4]);
}

async fn an_event_id_is_given_once(bench: Bench) {
    let requests = (0..30).map(|number| {
        let message = bench.message("a", &[]);
        let message = Arc::new(cornet::domain::message::Message { event_id: Some("e-1".to_owned()), ..message });
        let (key, store) = (bench.key(number, 0), bench.store.clone());
        async move { (message.id, store.accept(message, Some(key)).await.unwrap()) }
    });
    let answers = join_all(requests).await;
    let kept: Vec<_> = answers.iter().filter(|(_, answer)| *answer == Accepted::New).collect();
    assert_eq!(kept.len(), 1);
    assert!(answers.iter().all(|(_, answer)| matches!(answer, Accepted::New | Accepted::EventIdTaken)));
    let found = bench.store.message_id_by_event_id(bench.application_id, "e-1".to_owned()).await.unwrap();
    assert_eq!(found, Some(kept[0].0));
    // The keys of those that made nothing were given back.
    assert_eq!([bench.rows("messages"), bench.rows("idempotency_keys")], [1, 1]);
}

async fn lists_are_whole_while_others_write(bench: Bench) {
    let endpoint: EndpointId = bench.store.next_id();
    let mut before = BTreeSet::new();
    for number in 0..60 {
        let event_type = if number % 3 == 0 { "rare" } else { "usual" };
        before.insert((bench.accept(bench.message(event_type, &[endpoint])).await.id, event_type == "rare"));
    }
    let reach = Reach { environment_id: bench.environment_id, application_id: Some(bench.application_id) };
    let filters = [None, Some(vec!["rare".to_owned()])];
    for event_types in filters {
        let only_rare = event_types.is_some();
        let filter = MessageFilter { event_types, channel: None };
        let (mut seen, mut place) = (Vec::new(), None);
        let newest = before.last().unwrap().0;
        loop {
            let page = MessagesPage { before: place, limit: 7, with_content: false };
            let listed = bench.store.messages(reach, Span::ALL, filter.clone(), page).await.unwrap();
            seen.extend(listed.rows.iter().map(|message| message.id));
            bench.accept(bench.message("rare", &[endpoint])).await;
            bench.end(endpoint, DeliveryState::Delivered).await;
            place = listed.next;
            if place.is_none() {
                break;
            }
        }
        assert!(seen.is_sorted_by(|newer, older| newer > older), "newest first, and none twice");
        let wanted: Vec<_> = before.iter().rev().filter(|(_, rare)| *rare || !only_rare).map(|(id, _)| *id).collect();
        seen.retain(|id| *id <= newest);
        assert_eq!(seen, wanted);
    }
}

async fn a_long_list_is_read_in_pieces_with_questions_in_between(bench: Bench) {
    let endpoint: EndpointId = bench.store.next_id();
    join_all((0..700).map(|_| bench.accept(bench.message("a", &[endpoint])))).await;
    let filter = DestinedFilter {
        accepted: Span::ALL,
        waiting: true,
        ended: DeliveryState::ALL.to_vec(),
        messages: MessageFilter { event_types: Some(vec!["a".to_owned()]), channel: None },
    };
    let page = || MessagesPage { before: None, limit: 1_000, with_content: false };
    let waiting = bench.store.destined_for(endpoint, filter.clone(), page()).await.unwrap();
    assert_eq!((waiting.rows.len(), waiting.next.is_none()), (700, true));
    bench.end(endpoint, DeliveryState::Failed).await;
    let ended = bench.store.destined_for(endpoint, filter, page()).await.unwrap();
    assert_eq!((ended.rows.len(), ended.next.is_none()), (700, true));
    assert!(ended.rows.is_sorted_by(|(newer, _), (older, _)| newer.id != older.id));
    assert_eq!(bench.store.count_failed(endpoint, Span::ALL, 250).await.unwrap().number, 250);
    assert_eq!(bench.store.recover(endpoint, Span::ALL).await.unwrap(), 700);
}

async fn what_was_acknowledged_outlives_the_process(bench: Bench) {
    let endpoint: EndpointId = bench.store.next_id();
    let messages = join_all((0..50).map(|_| bench.accept(bench.message("a", &[endpoint])))).await;
    let bench = bench.killed().await;
    assert_eq!(bench.due(endpoint).await.len(), messages.len());
    let next: EndpointId = bench.store.next_id();
    assert!(messages.iter().all(|message| message.id.number() < next.number()), "an id was given twice");
}

async fn what_is_old_goes(bench: Bench) {
    let (taken, off): (EndpointId, EndpointId) = (bench.store.next_id(), bench.store.next_id());
    let message = bench.message("a", &[taken, off]);
    let message = cornet::domain::message::Message { event_id: Some("e".to_owned()), ..message };
    let key = Some(bench.key(1, 1));
    assert_eq!(bench.store.accept(Arc::new(message), key).await.unwrap(), Accepted::New);
    let first = bench.due(taken).await.remove(0);
    bench.record(&first, 500, Outcome::Retry(bench.clock.now())).await;
    bench.end(taken, DeliveryState::Delivered).await;
    bench.pass(DAY * 88);
    let young = bench.accept(bench.message("a", &[])).await;
    while bench.store.drop_what_is_old().await.unwrap() {}
    assert_eq!([bench.rows("messages"), bench.rows("deliveries"), bench.rows("attempts")], [2, 1, 1]);
    bench.pass(DAY * 4);
    while bench.store.drop_what_is_old().await.unwrap() {}
    // The delivery that had waited all the time has just ended as expired.
    let tables = ["queue", "deliveries", "attempts", "event_ids", "idempotency_keys"];
    assert_eq!(tables.map(|table| bench.rows(table)), [0, 1, 0, 0, 0]);
    assert_eq!(bench.place.numbers("SELECT id FROM messages"), [[young.id.number()]]);
}

async fn what_was_delivered_is_counted_alike_from_figures_and_from_history(bench: Bench) {
    let endpoint: EndpointId = bench.store.next_id();
    let begin = bench.clock.now();
    let tenth = Duration::from_secs(600);
    for _ in 0..30 {
        bench.accept(bench.message("a", &[endpoint])).await;
        bench.end(endpoint, DeliveryState::Delivered).await;
        bench.pass(tenth);
    }
    bench.store.settle().await.unwrap();
    // Half hours, minutes that are kept, and ends within either.
    let odd = Duration::from_millis(17);
    for (from, until, expected) in [(0, 30, 30), (1, 29, 28), (2, 3, 1), (25, 30, 5), (4, 28, 24)] {
        let span = Span { from: begin.plus(tenth * from).minus(odd), until: begin.plus(tenth * until).minus(odd) };
        let counted = bench.store.statistics(endpoint, span).await.unwrap();
        assert_eq!(counted, Statistics { delivered: expected, ..Statistics::default() }, "{from} to {until}");
    }
    assert_eq!(bench.store.statistics(endpoint, Span::ALL).await.unwrap().delivered, 30);
}

async fn what_was_delivered_is_counted_at_once_and_without_its_rows(bench: Bench) {
    let endpoint: EndpointId = bench.store.next_id();
    let message = bench.accept(bench.message("a", &[endpoint])).await;
    bench.end(endpoint, DeliveryState::Delivered).await;
    assert_eq!(bench.store.resend(&message, endpoint, Some(bench.key(1, 1))).await.unwrap(), Inserted::New);
    bench.pass(Duration::from_millis(7));
    bench.end(endpoint, DeliveryState::Delivered).await;
    assert_eq!(bench.rows("deliveries"), 1);
    assert_eq!(bench.store.statistics(endpoint, Span::ALL).await.unwrap().delivered, 2);
}

async fn what_failed_in_an_order_keeps_its_place(bench: Bench) {
    let endpoint: EndpointId = bench.store.next_id();
    let claim = async || bench.store.claim_in_order(endpoint, bench.clock.now(), 10).await.unwrap();
    let ids = |claim: &cornet::store::Claim| -> Vec<_> {
        claim.deliveries.iter().map(|(delivery, _)| delivery.message_id).collect()
    };
    let first = bench.accept(bench.message("a", &[endpoint])).await;
    bench.pass(Duration::from_millis(7));
    let second = bench.accept(bench.message("a", &[endpoint])).await;
    let due = claim().await;
    assert_eq!(ids(&due), [first.id, second.id]);
    let at = bench.clock.now().plus(Duration::from_secs(5));
    bench.record(&due.deliveries[0].0, 500, Outcome::Retry(at)).await;
    let held = claim().await;
    assert_eq!((ids(&held), held.next_due), (vec![], Some(at)), "the second waits too");
    assert_eq!(bench.store.standings(first.id).await.unwrap()[&endpoint], Standing::Waiting(at));
    let journey = bench.store.journeys(second.id).await.unwrap().remove(&endpoint).unwrap();
    assert_eq!(journey.behind, Some(first.id));
    // Who does not keep order does not come too early either.
    let regardless = bench.store.claim(endpoint, bench.clock.now(), 10, HashSet::new()).await.unwrap();
    assert_eq!((ids(&regardless), regardless.next_due), (vec![second.id], Some(at)));
    // A resend lets it go at once, and before the other.
    assert_eq!(bench.store.resend(&first, endpoint, Some(bench.key(1, 1))).await.unwrap(), Inserted::New);
    let again = claim().await;
    assert_eq!(ids(&again), [first.id, second.id]);
    let resent = &again.deliveries[0].0;
    assert_eq!((resent.trigger, resent.attempts_made, resent.held_until), (Trigger::Manual, 1, None));
    // It is recorded again and again in its place, each time as an attempt of its own.
    bench.record(resent, 500, Outcome::Retry(bench.clock.now())).await;
    let tried = claim().await.deliveries.remove(0).0;
    assert_eq!((tried.message_id, tried.due, tried.attempts_made), (first.id, resent.due, 2));
    bench.record(&tried, 500, Outcome::Ended(DeliveryState::Failed)).await;
    assert_eq!(ids(&claim().await), [second.id]);
    assert_eq!([bench.rows("queue"), bench.rows("deliveries"), bench.rows("attempts")], [1, 1, 2]);
}

async fn nobody_is_switched_off_while_most_endpoints_fail(bench: Bench) {
    let mut endpoints = Vec::new();
    for port in 20_000..20_005 {
        let (environment, application) = (bench.environment_id, bench.application_id);
        endpoints.push(foundation::endpoint(&bench.store, environment, application, port).await);
    }
    let all = async |state, endpoints: &[EndpointId]| {
        for endpoint in endpoints {
            bench.accept(bench.message("a", &[*endpoint])).await;
            bench.end(*endpoint, state).await;
        }
        bench.store.settle().await.unwrap();
    };
    let (failed, delivered) = (DeliveryState::Failed, DeliveryState::Delivered);
    all(failed, &endpoints[..1]).await;
    bench.pass(FAILING_FOR_MAX);
    // One has failed for days, and now two more of five fail.
    all(delivered, &endpoints[1..]).await;
    bench.pass(Duration::from_secs(60));
    all(failed, &endpoints[..3]).await;
    assert_eq!(bench.store.disable_what_fails().await.unwrap(), [], "the fault may be here");
    bench.pass(Duration::from_secs(60));
    all(delivered, &endpoints[2..3]).await;
    assert_eq!(bench.store.disable_what_fails().await.unwrap(), endpoints[..1], "it is its own fault");
}

/// Past the store, as somebody does who has got hold of the database itself (THREATS G18).
async fn entries_of_the_audit_log_are_kept_with_their_change_and_stay(bench: Bench) {
    let note = |detail: &str| {
        let deed = Deed::new(Action::ApplicationDeleted, bench.application_id).with(detail);
        bench.store.noting(bench.environment_id, Actor::system(), deed)
    };
    let missing = bench.store.next_id();
    assert!(!note("nothing").delete_application(missing).await.unwrap());
    assert!(note("deleted").delete_application(bench.application_id).await.unwrap());
    let killed = bench.killed().await;
    let whole = Page { limit: 9, after: None, backwards: false, descending: false };
    let entries = killed.store.audit_entries(killed.environment_id, AuditFilter::default(), whole).await.unwrap();
    let details: Vec<_> = entries.items.iter().map(|entry| entry.deed.detail.as_str()).collect();
    assert_eq!(details, ["deleted"], "what changed nothing is not written down");
    let other: EnvironmentId = killed.store.next_id();
    let whole = Page { limit: 9, after: None, backwards: false, descending: true };
    assert!(killed.store.audit_entries(other, AuditFilter::default(), whole).await.unwrap().items.is_empty());

    for sql in ["UPDATE audit_entries SET detail = 'nothing'", "DELETE FROM audit_entries"] {
        let refused = match &killed.place {
            Place::File(path) => rusqlite::Connection::open(path).unwrap().execute_batch(sql).is_err(),
            // The block ends well only if the statement was refused.
            Place::Fresh(fresh) => {
                let block = format!("DO $$ BEGIN {sql}; ASSERT FALSE; EXCEPTION WHEN raise_exception THEN END $$");
                fresh.sql(&block).is_empty()
            }
        };
        assert!(refused, "{sql}");
    }
    assert_eq!(killed.place.numbers("SELECT count(*) FROM audit_entries WHERE detail = 'deleted'"), [[1]]);
}
