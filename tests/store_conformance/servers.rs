//! What only a server does: it can be lost and come back, be set up so that it forgets, hold another key's secrets, and
//! keep its history in parts.

use std::sync::Arc;
use std::time::Duration;

use cornet::domain::application::ApplicationChange;
use cornet::domain::delivery::{DeliveryState, Outcome};
use cornet::domain::id::{EndpointId, Id};
use cornet::store::{Accepted, Database, Reach, StoreError, Updated};
use futures_util::future::join_all;
use tokio_postgres::NoTls;

use crate::bench::{Bench, DAY, Kind, open};
use crate::on;
use crate::postgres::{Fresh, Place};

/// How long a test waits for what must happen.
const PATIENCE: Duration = Duration::from_secs(30);

fn fresh(bench: &Bench) -> &Fresh {
    match &bench.place {
        Place::Fresh(fresh) => fresh,
        Place::File(_) => panic!("it is a server"),
    }
}

#[test]
fn lost_connections_are_opened_anew_and_nothing_is_lost_or_doubled() {
    on(Kind::Postgres, async |bench: Bench| {
        let endpoint: EndpointId = bench.store.next_id();
        let mut kept = 0;
        for _ in 0..5 {
            bench.accept(bench.message("a", &[endpoint])).await;
            bench.end(endpoint, DeliveryState::Delivered).await;
            fresh(&bench).sql(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                 WHERE datname = current_database() AND application_name = 'cornet'",
            );
            // Nobody who asks afterwards learns of it, whether it is a change or a question.
            bench.accept(bench.message("a", &[])).await;
            let reach = Reach { environment_id: bench.environment_id, application_id: None };
            assert!(join_all((0..9).map(|_| bench.store.backlog(reach))).await.iter().all(Result::is_ok));
            kept += 2;
        }
        bench.store.settle().await.unwrap();
        assert_eq!([bench.rows("messages"), bench.rows("queue"), bench.rows("deliveries")], [kept, 0, 5]);
    });
}

/// Waits until so many wait for a lock in the database.
async fn waiting_for_locks(bench: &Bench, count: &str) {
    let waiting = "SELECT count(*) FROM pg_locks JOIN pg_stat_activity USING (pid)
        WHERE NOT granted AND datname = current_database()";
    let looking = async {
        while fresh(bench).sql(waiting) != count {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, looking).await.expect("somebody waits");
}

#[test]
fn one_batch_waits_for_a_lock_and_others_are_written_meanwhile() {
    on(Kind::Postgres, async |bench: Bench| {
        let (holder, line) = tokio_postgres::connect(&fresh(&bench).url(), NoTls).await.unwrap();
        let line = tokio::spawn(line);
        let held = bench.application_id.number();
        holder.execute("SELECT pg_advisory_lock($1)", &[&held]).await.unwrap();
        let (store, id) = (bench.store.clone(), bench.application_id);
        let change = tokio::spawn(async move { store.update_application(id, ApplicationChange::default()).await });
        waiting_for_locks(&bench, "1").await;
        // A second change of it waits for the first, and keeps nobody else from writing.
        let (store, id) = (bench.store.clone(), bench.application_id);
        let second = tokio::spawn(async move { store.update_application(id, ApplicationChange::default()).await });
        let endpoint: EndpointId = bench.store.next_id();
        for _ in 0..5 {
            bench.accept(bench.message("a", &[endpoint])).await;
        }
        for delivery in bench.due(endpoint).await {
            bench.store.record(bench.outcome(&delivery, 200, Outcome::Ended(DeliveryState::Delivered)));
        }
        bench.store.hurry();
        let recorded = async {
            while bench.rows("deliveries") < 5 {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(PATIENCE, recorded).await.expect("outcomes are written");
        assert!(!change.is_finished() && !second.is_finished());
        waiting_for_locks(&bench, "1").await;
        drop(holder);
        line.await.unwrap().unwrap();
        assert!(matches!(change.await.unwrap(), Ok(Updated::Done(_))));
        assert!(matches!(second.await.unwrap(), Ok(Updated::Done(_))));
        // Who settles waits for all who write.
        bench.store.settle().await.unwrap();
        bench.store.settle().await.unwrap();
        let counted = "SELECT sum(accepted), sum(delivered) FROM figures WHERE resolution = 60000 AND owner_id = ";
        assert_eq!(bench.place.numbers(&format!("{counted}{held}")), [[5, 5]]);
    });
}

#[test]
fn one_key_in_two_batches_at_once_makes_one_message() {
    on(Kind::Postgres, async |bench: Bench| {
        let (holder, line) = tokio_postgres::connect(&fresh(&bench).url(), NoTls).await.unwrap();
        let line = tokio::spawn(line);
        let taken = "BEGIN; INSERT INTO idempotency_keys (id, environment_id, hash, fingerprint, made) VALUES (1, ";
        let digits = "07".repeat(32);
        let taken = format!("{taken}{}, '\\x{digits}', '', 1)", bench.environment_id.number());
        holder.batch_execute(&taken).await.unwrap();
        let accept = || {
            let (store, message, key) = (bench.store.clone(), bench.message("a", &[]), bench.key(7, 1));
            tokio::spawn(async move { store.accept(Arc::new(message), Some(key)).await })
        };
        let first = accept();
        waiting_for_locks(&bench, "1").await;
        let second = accept();
        waiting_for_locks(&bench, "2").await;
        holder.batch_execute("ROLLBACK").await.unwrap();
        drop(holder);
        line.await.unwrap().unwrap();
        let outcomes = [first.await.unwrap().unwrap(), second.await.unwrap().unwrap()];
        let kept = bench.place.numbers("SELECT id FROM messages")[0][0];
        let expected = [Accepted::New, Accepted::Before(Id::from_number(kept))];
        assert!(outcomes == expected || outcomes == [expected[1], expected[0]], "{outcomes:?}");
        assert_eq!(bench.rows("messages"), 1);
    });
}

#[test]
fn a_server_that_would_forget_is_refused_unless_that_is_wanted() {
    on(Kind::Postgres, async |bench: Bench| {
        let name = fresh(&bench).sql("SELECT current_database()");
        fresh(&bench).sql(&format!("ALTER DATABASE {name} SET synchronous_commit = off"));
        let url = fresh(&bench).url();
        let opened = |allowed| open(Database::server(&url, allowed).unwrap(), bench.clock.clone(), 7);
        let refused = opened(false).await.err();
        let why = |why: &String| why.contains("synchronous_commit=off") && why.contains("--allow-unsafe-database");
        assert!(matches!(&refused, Some(StoreError::Unavailable(text)) if why(text)), "{refused:?}");
        assert!(opened(true).await.is_ok());
    });
}

#[test]
fn a_node_with_another_master_key_is_refused() {
    for kind in [Kind::Sqlite, Kind::Postgres] {
        on(kind, async |bench: Bench| {
            let refused = open(bench.place.database(), bench.clock.clone(), 8).await.err();
            assert!(matches!(&refused, Some(StoreError::Unavailable(why)) if why.contains("CORNET_MASTER_KEY")));
            assert!(open(bench.place.database(), bench.clock.clone(), 7).await.is_ok());
        });
    }
}

#[test]
fn history_lies_in_parts_by_day_that_go_whole() {
    on(Kind::Postgres, async |bench: Bench| {
        let parts = || {
            fresh(&bench).sql(
                "SELECT inhrelid::regclass FROM pg_inherits JOIN pg_class ON oid = inhparent
            WHERE relname = 'messages' AND relkind = 'p' ORDER BY 1",
            )
        };
        let today = "messages_20270115";
        assert!(parts().contains(today) && parts().contains("messages_20270118"), "{}", parts());
        bench.accept(bench.message("a", &[])).await;
        assert_eq!(fresh(&bench).sql(&format!("SELECT count(*) FROM {today}")), "1");
        // A week without housekeeping: what comes has no part of its own, and is kept all the same.
        bench.pass(DAY * 7);
        bench.accept(bench.message("a", &[])).await;
        assert_eq!(bench.rows("messages_rest"), 1);
        while bench.store.drop_what_is_old().await.unwrap() {}
        assert!(parts().contains("messages_20270123") && !parts().contains("messages_20270122"), "{}", parts());
        bench.pass(DAY * 85);
        while bench.store.drop_what_is_old().await.unwrap() {}
        assert!(!parts().contains(today), "{}", parts());
        assert_eq!(bench.rows("messages"), 1);
        bench.pass(DAY * 10);
        while bench.store.drop_what_is_old().await.unwrap() {}
        assert_eq!(bench.rows("messages"), 0, "the rest goes too");
    });
}
