//! The functions that every message goes through, each by itself: matching, signing, wrapping, committing, claiming.
//! `cargo bench` runs them.

#![expect(clippy::unwrap_used, reason = "a benchmark fails by panicking")]

use std::collections::HashSet;
use std::hint::black_box;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use cornet::clock::{Clock, SystemClock};
use cornet::domain::delivery::{Delivery, DeliveryState, Outcome};
use cornet::domain::endpoint::{Endpoint, Verdict};
use cornet::domain::envelope::Envelope;
use cornet::domain::filter::{Filter, Subject};
use cornet::domain::id::{Id, MessageId};
use cornet::domain::json;
use cornet::domain::message::Message;
use cornet::domain::secret::EndpointSecret;
use cornet::domain::signature::{self, Signer};
use cornet::domain::time::Timestamp;
use cornet::store::{Feed, Notice, Record, Store, Vault};
use cornet::telemetry::Metrics;
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use tokio::runtime::Runtime;

/// Messages that are committed together: as many as 64 producers have under way.
const TOGETHER: usize = 64;

fn payload() -> Bytes {
    format!(r#"{{"id":"ord_0001","total":40.0,"note":"{}"}}"#, "x".repeat(980)).into()
}

fn message(id: MessageId) -> Message {
    Message {
        id,
        environment_id: Id::from_number(1),
        application_id: Id::from_number(2),
        event_type: "order.created".to_owned(),
        event_id: None,
        channels: Vec::new(),
        payload: Some(payload()),
        expires_at: Timestamp::from_ms(i64::MAX),
        verdicts: vec![(Id::from_number(3), Verdict::Queued)],
    }
}

fn endpoint(number: i64) -> Endpoint {
    Endpoint {
        id: Id::from_number(number),
        environment_id: Id::from_number(1),
        application_id: Id::from_number(2),
        number,
        uid: None,
        url: "https://receiver.example/hook".to_owned(),
        description: String::new(),
        event_types: Some((0..8).map(|kind| format!("order.{}", (kind + number) % 16)).collect()),
        channels: None,
        filter: None,
        metadata: Default::default(),
        headers: Default::default(),
        throttle_rate: None,
        retry_schedule: None,
        ordered: false,
        disabled: None,
        created_at: Timestamp::EPOCH,
        updated_at: Timestamp::EPOCH,
    }
}

fn domain(criterion: &mut Criterion) {
    let body = payload();
    let mut group = criterion.benchmark_group("domain");
    let endpoints: Vec<Endpoint> = (1..=100).map(endpoint).collect();
    group.bench_function("match 100 endpoints of 8 event types", |bencher| {
        bencher.iter(|| {
            let subject = Subject::new(black_box("order.7"), &body, Timestamp::EPOCH);
            let verdicts = endpoints.iter().map(|endpoint| endpoint.verdict(&subject));
            verdicts.filter(|verdict| *verdict == Verdict::Queued).count()
        });
    });
    let filter = Filter::parse(r#"{"type":"order.7","data":{"total":{"$gte":100}}}"#).unwrap();
    group.bench_function("hold a message of 1 KiB against 100 filters", |bencher| {
        bencher.iter(|| {
            let subject = Subject::new(black_box("order.7"), &body, Timestamp::EPOCH);
            (0..100).filter(|_| filter.lets_pass(&subject)).count()
        });
    });
    group.throughput(Throughput::Bytes(body.len() as u64));
    group.bench_function("check 1 KiB of JSON", |bencher| {
        bencher.iter(|| json::check(black_box(&body), json::Rules::named("body")).is_ok());
    });
    for secret in [EndpointSecret::generate_hmac(), EndpointSecret::generate_ed25519()] {
        let signer = Signer::new(&secret);
        let name = if secret.public_key().is_some() { "sign 1 KiB, Ed25519" } else { "sign 1 KiB, HMAC-SHA256" };
        group.bench_function(name, |bencher| {
            bencher.iter(|| signature::header([&signer], "msg_2x", Timestamp::from_ms(1_700_000_000_000), &body));
        });
    }
    let message = message(Id::from_number(1 << 40));
    for envelope in [Envelope::Raw, Envelope::Standard] {
        group.bench_function(format!("wrap 1 KiB, {}", envelope.as_str()), |bencher| {
            bencher.iter(|| envelope.wrap(black_box(&message), false));
        });
    }
    group.finish();
}

/// A store in a folder, and what comes out of it.
struct Bench {
    runtime: Runtime,
    store: Arc<Store>,
    feed: Feed,
}

impl Bench {
    fn open(folder: &Path) -> Self {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::default());
        let vault = Vault::new(&[7; 32]).unwrap();
        let (store, feed) = Store::open(&folder.join("cornet.db"), vault, clock, Arc::new(Metrics::default())).unwrap();
        Self { runtime: Runtime::new().unwrap(), store, feed }
    }

    fn messages(&self) -> Vec<Arc<Message>> {
        (0..TOGETHER).map(|_| Arc::new(message(self.store.next_id()))).collect()
    }

    /// Has messages accepted at the same time; what is to be delivered of them.
    fn accept(&mut self, messages: Vec<Arc<Message>>) -> Vec<Delivery> {
        let accepting = messages.into_iter().map(|message| self.store.accept(message, None));
        for accepted in self.runtime.block_on(futures_util::future::join_all(accepting)) {
            accepted.unwrap();
        }
        let notices = std::iter::from_fn(|| self.feed.try_recv().ok());
        let deliveries = notices.filter_map(|notice| match notice {
            Notice::Accepted { deliveries, .. } => Some(deliveries),
            _ => None,
        });
        deliveries.flatten().collect()
    }

    /// Has the outcomes of deliveries recorded.
    fn record(&self, deliveries: Vec<Delivery>) {
        for delivery in deliveries {
            let outcome = Outcome::Ended(DeliveryState::Delivered);
            self.store.record(Record { delivery, attempt: Err(self.store.next_id()), outcome });
        }
        self.runtime.block_on(self.store.settle()).unwrap();
    }
}

fn store(criterion: &mut Criterion) {
    let folder = tempfile::tempdir().unwrap();
    let mut bench = Bench::open(folder.path());
    let mut group = criterion.benchmark_group("store");
    group.throughput(Throughput::Elements(TOGETHER as u64)).sample_size(20);
    group.bench_function("commit 64 messages, then their outcomes", |bencher| {
        bencher.iter(|| {
            let deliveries = bench.accept(bench.messages());
            bench.record(deliveries);
        });
    });
    for _ in 0..16 {
        bench.accept(bench.messages());
    }
    group.bench_function("claim 64 of 1 024", |bencher| {
        let now = bench.store.now();
        bencher.iter_batched(
            HashSet::new,
            |in_hand| bench.runtime.block_on(bench.store.claim(Id::from_number(3), now, TOGETHER, in_hand)).unwrap(),
            BatchSize::SmallInput,
        );
    });
    group.finish();
    bench.store.close();
}

criterion_group!(benches, domain, store);
criterion_main!(benches);
