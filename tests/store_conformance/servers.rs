//! What only a server does: it can be lost and come back, be set up so that it forgets, hold another key's secrets, and
//! keep its history in parts.

use cornet::domain::delivery::DeliveryState;
use cornet::domain::id::EndpointId;
use cornet::store::{Database, Reach, StoreError};
use futures_util::future::join_all;

use crate::bench::{Bench, DAY, Kind, open};
use crate::on;
use crate::postgres::{Fresh, Place};

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
