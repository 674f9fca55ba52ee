//! The line to the database fails in the middle of every kind of message. A node that hears nothing stops sending before
//! its lease ends, and goes on by itself when the line is back.

use std::collections::HashSet;
use std::time::Duration;

use serde_json::json;
use tempfile::TempDir;

use crate::ledger::Ledger;
use crate::line::{Failure, KINDS, Kind, Line};
use crate::support::client::Client;
use crate::support::postgres::Cluster;
use crate::support::receiver::{Received, Receiver};
use crate::support::scene::text;
use crate::support::{instant, until};
use crate::{all, load, postgres_is_there, report};

/// Messages that each producer has while the line fails once.
const MESSAGES_EACH: usize = 40;
/// The shortest lease, and for how long the line is silent.
const LEASE: (&str, Duration) = ("1s", Duration::from_secs(1));
const SILENCE: Duration = Duration::from_millis(1_500);
/// How many messages a second the endpoint takes that always has something waiting.
const SLOW: u16 = 60;
/// How long it may take until the node accepts again.
const RESUMES_WITHIN: Duration = Duration::from_secs(10);

/// A node whose line to its database can fail, and an endpoint that it always has something for.
struct Silence {
    ledger: Ledger,
    cluster: Cluster,
    line: Line,
    slow: Receiver,
    /// Requests that came while the line was silent and the lease still held.
    sent_meanwhile: usize,
}

impl Silence {
    fn new() -> Self {
        let (cluster, slow) = (Cluster::start(""), Receiver::start());
        Self { ledger: Ledger::new(), line: Line::to(&cluster.socket()), cluster, slow, sent_meanwhile: 0 }
    }

    /// Has the line fail under load; answers how long it took until a message was accepted again.
    fn fail(&mut self, client: &Client, kind: Kind, failure: Failure) -> Duration {
        let Self { ledger, cluster, line, slow, .. } = self;
        let ((failed, mended, took), _) = load::during(ledger, client, MESSAGES_EACH, |load| {
            load.reach(MESSAGES_EACH);
            line.fail_at(kind, failure);
            // Everything is begun anew, so that there are messages of every kind.
            cluster.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'cornet'");
            let failed = until(kind.name, || {
                cluster.sql("NOTIFY cornet, '0'");
                line.failed_at()
            });
            if failure != Failure::Cut {
                until("the lease is over", || (failed.elapsed() >= SILENCE).then_some(()));
            }
            let mended = instant();
            line.mend();
            ledger.insist(client);
            (failed, mended, mended.elapsed())
        });
        if failure != Failure::Cut {
            let meanwhile = |one: &&Received| one.arrived > failed && one.arrived < mended;
            let meanwhile: Vec<_> = slow.all().iter().filter(meanwhile).map(|one| one.arrived - failed).collect();
            let latest = meanwhile.iter().max().copied().unwrap_or_default();
            assert!(latest < LEASE.1, "{failure:?} at {}: it sent {latest:?} after it", kind.name);
            self.sent_meanwhile += meanwhile.len();
        }
        took
    }
}

#[test]
fn a_line_to_the_database_that_fails_within_any_message_loses_and_repeats_nothing() {
    if !postgres_is_there() {
        return;
    }
    let (mut silence, folder) = (Silence::new(), TempDir::new().expect("a temporary folder"));
    let launch = Ledger::launch(folder.path()).with("CORNET_LEASE", LEASE.0);
    let launch = launch.with("CORNET_DATABASE_URL", &silence.line.url());
    let mut server = launch.start();
    let client = server.client();
    silence.ledger.subscribe(&client);
    let body = json!({"url": silence.slow.url("/slow"), "throttleRate": SLOW});
    let endpoint = client.post("/api/v1/app/default/endpoint", &body).expect_status(201).json();
    let failures = [Failure::Cut, Failure::Pause, Failure::Reset, Failure::Loss];
    let every: Vec<_> = KINDS.into_iter().flat_map(|kind| failures.map(|failure| (kind, failure))).collect();
    // The share has each way to fail, each at another kind.
    let tried: Vec<_> = if all() { every } else { every.into_iter().step_by(13).collect() };
    let mut slowest = (Duration::ZERO, None);
    for (kind, failure) in &tried {
        let took = silence.fail(&client, *kind, *failure);
        slowest = slowest.max((took, Some(format!("{failure:?} at {}", kind.name))));
        assert!(!server.has_ended(), "{}", server.output());
    }
    eprintln!("the slowest return took {slowest:?}; {} requests were sent in silence", silence.sent_meanwhile);
    assert!(slowest.0 < RESUMES_WITHIN && silence.sent_meanwhile > 0);
    let path = format!("/api/v1/app/default/endpoint/{}", text(&endpoint["id"]));
    client.patch(&path, &json!({"throttleRate": null})).expect_status(200);
    let Silence { ledger, slow, .. } = &silence;
    ledger.wait_until_recorded(&launch);
    let ids: HashSet<String> = ledger.payloads().into_keys().collect();
    slow.wait_for_ids(&ids);
    assert_eq!((ledger.repeats(), slow.all().len()), (0, ids.len()), "nothing need be repeated");
    drop(server);
    report("the line to PostgreSQL fails within a message", tried.len(), &ledger.judge(&launch));
}
