//! Nodes whose clocks differ by minutes. They are parts of this process, each with a clock of its own that the test sets.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use cornet::clock::{Clock, SystemClock};
use cornet::domain::attempt::{Answer, AttemptReport};
use cornet::domain::environment::Settings;
use cornet::domain::id::{ApplicationId, EndpointId, EnvironmentId, MessageId};
use cornet::domain::message::Message;
use cornet::domain::time::Timestamp;
use cornet::engine::Engine;
use cornet::engine::sender::{MayWrite, OutgoingRequest, Sender};
use cornet::engine::transformer::Transformer;
use cornet::store::{Accepted, Database, Seat, Store, Vault};
use cornet::telemetry::Metrics;
use tokio::runtime::Runtime;

use crate::ledger::Tally;
use crate::support::postgres::Fresh;
use crate::support::until;
use crate::{foundation, postgres_is_there, report};

const LEASE: Duration = Duration::from_secs(2);
/// How long after a failure a message is tried again, as setting and as time.
const PAUSE: (&str, Duration) = ("5s,5s,5s", Duration::from_secs(5));
/// How far a clock is wrong, in milliseconds.
const SKEW_MS: i64 = 5 * 60 * 1_000;
/// Messages that each node accepts at a time.
const MESSAGES: usize = 50;

/// The machine's clock, set wrong by so many milliseconds.
#[derive(Default)]
struct WrongClock {
    by_ms: AtomicI64,
}

impl Clock for WrongClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_ms(SystemClock::default().now().as_ms() + self.by_ms.load(Ordering::SeqCst))
    }

    fn monotonic(&self) -> Duration {
        SystemClock::default().monotonic()
    }
}

/// One request as it was sent.
#[derive(Clone)]
struct Sent {
    node: usize,
    /// By the machine's monotonic clock.
    at: Duration,
    body: Bytes,
}

/// What was sent of each message, by any node. A message is taken when it is sent for the second time.
#[derive(Clone, Default)]
struct Witness {
    sent: Arc<Mutex<BTreeMap<String, Vec<Sent>>>>,
}

impl Witness {
    fn sent(&self) -> BTreeMap<String, Vec<Sent>> {
        self.sent.lock().expect("nobody panics").clone()
    }

    /// Waits until each of these has been sent so often.
    fn wait_for(&self, ids: &[MessageId], times: usize) {
        until("they are sent", || {
            let sent = self.sent();
            let often = |id: &MessageId| sent.get(&id.to_string()).is_some_and(|all| all.len() >= times);
            ids.iter().all(often).then_some(())
        });
    }
}

/// The witness as one node's sender.
struct SenderOf {
    node: usize,
    witness: Witness,
}

impl Sender for SenderOf {
    async fn send(&self, request: OutgoingRequest, may_write: MayWrite<'_>) -> Option<AttemptReport> {
        may_write().then(|| {
            let id = request.headers["webhook-id"].to_str().expect("text").to_owned();
            let mut sent = self.witness.sent.lock().expect("nobody panics");
            let all = sent.entry(id).or_default();
            all.push(Sent { node: self.node, at: SystemClock::default().monotonic(), body: request.body });
            let status = if all.len() == 1 { 400 } else { 204 };
            let answer = Answer { status, ..Answer::default() };
            AttemptReport { duration_ms: 1, remote_address: None, phases: None, result: Ok(answer) }
        })
    }
}

/// A node in this process.
struct Node {
    runtime: Runtime,
    store: Arc<Store>,
    clock: Arc<WrongClock>,
    metrics: Arc<Metrics>,
    _engine: Engine,
}

impl Node {
    fn start(number: usize, database: &Fresh, by_ms: i64, witness: &Witness) -> Self {
        let clock = Arc::new(WrongClock { by_ms: AtomicI64::new(by_ms) });
        let (name, metrics) = (format!("node-{number}"), Arc::new(Metrics::default()));
        let seat = Seat { name: name.clone(), place: name, lease: LEASE };
        let database = Database::server(&database.url(), false).expect("a good URL").seated(seat);
        let vault = Vault::new(&[7; 32]).expect("a key");
        let (store, feed) = Store::open(database, vault, clock.clone(), metrics.clone()).expect("it opens");
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.expect("threads");
        let random = fastrand::Rng::with_seed(number as u64);
        let sender = SenderOf { node: number, witness: witness.clone() };
        let guard = runtime.enter();
        let transformer = Transformer::new("/nowhere".into(), clock.clone(), metrics.clone());
        let engine =
            Engine::start(store.clone(), feed, sender, clock.clone(), metrics.clone(), transformer.into(), random);
        drop(guard);
        Self { runtime, store, clock, metrics, _engine: engine }
    }

    /// Accepts so many messages.
    fn accept(&self, to: &Scene) -> Vec<MessageId> {
        let accept = |number| {
            let id: MessageId = self.store.next_id();
            let message = to.message(id, number);
            let accepted = self.runtime.block_on(self.store.accept(Arc::new(message), None));
            assert_eq!(accepted.expect("it is there"), Accepted::New);
            id
        };
        (0..MESSAGES).map(accept).collect()
    }

    fn set_clock(&self, by_ms: i64) {
        self.clock.by_ms.store(by_ms, Ordering::SeqCst);
    }

    /// Ends without a word to anybody.
    fn kill(self) {
        drop((self._engine, self.store));
        self.runtime.shutdown_timeout(Duration::from_secs(10));
    }

    fn figure(&self, name: &str) -> u64 {
        let text = self.metrics.render();
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.and_then(|figure| figure.parse().ok()).unwrap_or_else(|| panic!("no {name} in:\n{text}"))
    }
}

/// What all nodes deliver for.
struct Scene {
    environment: EnvironmentId,
    application: ApplicationId,
    endpoint: EndpointId,
}

impl Scene {
    fn found(node: &Node) -> Self {
        let settings = Settings { retry_schedule: PAUSE.0.parse().expect("a schedule"), ..Settings::default() };
        node.runtime.block_on(async {
            let (environment, application, _) = foundation::found(&node.store, &settings).await;
            let endpoint = foundation::endpoint(&node.store, environment, application, 20_000).await;
            Self { environment, application, endpoint }
        })
    }

    fn message(&self, id: MessageId, number: usize) -> Message {
        Message {
            id,
            environment_id: self.environment,
            application_id: self.application,
            event_type: "fault.test".to_owned(),
            event_id: None,
            channels: Vec::new(),
            payload: Some(Bytes::from(format!("{{\"number\" : {number}}}"))),
            expires_at: id.time().plus(Duration::from_secs(90 * 24 * 3_600)),
            verdicts: vec![(self.endpoint, cornet::domain::endpoint::Verdict::Queued)],
        }
    }
}

/// Whether ids of one node grow, in the order in which they were given.
fn grow(ids: &[MessageId]) -> bool {
    ids.windows(2).all(|pair| pair[0].number() < pair[1].number())
}

#[test]
fn nodes_whose_clocks_differ_by_ten_minutes_lose_and_double_nothing() {
    if !postgres_is_there() {
        return;
    }
    let (database, witness) = (Fresh::new(), Witness::default());
    let start = |number, by_ms| Node::start(number, &database, by_ms, &witness);
    let (right, ahead, behind) = (start(0, 0), start(1, SKEW_MS), start(2, -SKEW_MS));
    let scene = Scene::found(&right);
    let mut ids = [&right, &ahead, &behind].map(|node| node.accept(&scene));
    ids.iter().for_each(|ids| witness.wait_for(ids, 2));
    // Each was tried again by who accepted it, and no sooner than the schedule says, by true time.
    for (node, ids) in ids.iter().enumerate() {
        for all in ids.iter().map(|id| witness.sent()[&id.to_string()].clone()) {
            assert!(all.len() == 2 && all.iter().all(|sent| sent.node == node) && all[1].body == all[0].body);
            assert!(all[1].at - all[0].at >= PAUSE.1, "{:?}", all[1].at - all[0].at);
        }
    }
    // For several leases nobody is taken for dead.
    let began = SystemClock::default().monotonic();
    until("three leases pass", || (SystemClock::default().monotonic() - began > LEASE * 3).then_some(()));
    for node in [&right, &ahead, &behind] {
        assert_eq!((node.figure("cornet_leases_lost_total"), node.figure("cornet_nodes")), (0, 3));
        assert!(node.store.holds_lease());
    }
    // What the one ahead leaves behind is due when it said, so that the others wait for the skew, and then send it.
    ids[1].extend(ahead.accept(&scene));
    witness.wait_for(&ids[1], 1);
    until("the failures are kept", || (database.sql("SELECT count(*) FROM attempts") == "200").then_some(()));
    ahead.kill();
    until("it is taken over", || {
        let taken = |node: &Node| node.figure("cornet_deliveries_taken_over_total");
        (taken(&right) + taken(&behind) >= MESSAGES as u64).then_some(())
    });
    assert_eq!(database.sql("SELECT count(*) FROM queue"), MESSAGES.to_string());
    [&right, &behind].iter().for_each(|node| node.set_clock(SKEW_MS + 60_000));
    witness.wait_for(&ids[1], 2);
    // Set back by an hour, a clock makes no id twice.
    right.set_clock(-3_600_000);
    ids[0].extend(right.accept(&scene));
    witness.wait_for(&ids[0], 1);
    right.set_clock(0);
    witness.wait_for(&ids[0], 2);
    until("nothing waits", || (database.sql("SELECT count(*) FROM queue") == "0").then_some(()));
    assert!(ids.iter().all(|ids| grow(ids)));
    let unique: BTreeSet<_> = ids.iter().flatten().map(ToString::to_string).collect();
    let sent = witness.sent();
    assert_eq!(unique.len(), ids.iter().map(Vec::len).sum::<usize>(), "two messages have one id");
    assert!(sent.keys().eq(unique.iter()), "all of it was sent, and nothing else");
    let repeated = sent.values().filter(|all| all.len() > 2).count();
    assert_eq!(repeated, 0, "something was sent again though it was taken");
    right.kill();
    behind.kill();
    report(
        "clocks of three nodes differ by ten minutes, jump, and go back",
        1,
        &Tally { messages: unique.len(), repeated },
    );
}
