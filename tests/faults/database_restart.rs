//! The database is stopped at once, as if its machine had lost power, and started again, while producers go on posting.

use std::time::Duration;

use tempfile::TempDir;

use crate::ledger::Ledger;
use crate::support::postgres::Cluster;
use crate::support::{instant, until};
use crate::{all, load, postgres_is_there, report};

/// Messages that each producer has in a round.
const MESSAGES_EACH: usize = 40;
/// How long it may take from the database's return to the next message that is accepted.
const RESUMES_WITHIN: Duration = Duration::from_secs(5);
/// How long a refusal may take.
const REFUSES_WITHIN: Duration = Duration::from_secs(2);

#[test]
fn a_database_that_is_stopped_under_load_and_comes_back_loses_and_repeats_nothing() {
    if !postgres_is_there() {
        return;
    }
    let (ledger, folder, cluster) = (Ledger::new(), TempDir::new().expect("a temporary folder"), Cluster::start(""));
    let launch = Ledger::launch(folder.path()).with("CORNET_DATABASE_URL", &cluster.url());
    let mut server = launch.start();
    let client = server.client();
    ledger.subscribe(&client);
    let mut random = fastrand::Rng::with_seed(20_261_122);
    let pauses = [0, 1, 3].map(Duration::from_secs);
    let rounds = if all() { 50 } else { 3 };
    let (mut slowest_return, mut slowest_refusal) = (Duration::ZERO, Duration::ZERO);
    for pause in pauses.into_iter().cycle().take(rounds) {
        let strikes_at = random.usize(1..load::together(MESSAGES_EACH) / 2);
        let (back, refusal) = load::during(&ledger, &client, MESSAGES_EACH, |load| {
            load.reach(strikes_at);
            cluster.stop();
            let stopped = instant();
            until("it says so", || (client.get("/readyz").status == 503).then_some(()));
            assert_eq!(client.get("/healthz").status, 200);
            until("the pause is over", || (stopped.elapsed() >= pause).then_some(()));
            cluster.start_again();
            let back = instant();
            ledger.insist(&client);
            back.elapsed()
        });
        slowest_return = slowest_return.max(back);
        slowest_refusal = slowest_refusal.max(refusal);
        assert!(!server.has_ended(), "{}", server.output());
    }
    eprintln!("the slowest return took {slowest_return:?}, the slowest refusal {slowest_refusal:?}");
    assert!(slowest_return < RESUMES_WITHIN && slowest_refusal < REFUSES_WITHIN);
    ledger.wait_until_recorded(&launch);
    assert_eq!(ledger.repeats(), 0, "nobody was killed, so that nothing need be repeated");
    drop(server);
    report("PostgreSQL is stopped at once and started again under load", rounds, &ledger.judge(&launch));
}
