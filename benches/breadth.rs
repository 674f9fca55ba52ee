//! Very many applications with very many endpoints, of which a twentieth is dead: what routing remembers of them on a real
//! store, and what the scheduler makes of them on an imagined clock. `docs/scaling.md` has the figures.
//!
//!     cargo bench --bench breadth -- APPLICATIONS ENDPOINTS MINUTES

#![expect(clippy::unwrap_used, reason = "a benchmark fails by panicking")]

#[path = "../tests/simulation/foundation.rs"]
#[expect(dead_code, reason = "the endpoints are made many at a time")]
mod foundation;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use cornet::clock::{Clock as _, SystemClock};
use cornet::domain::application::Application;
use cornet::domain::attempt::Shown;
use cornet::domain::delivery::{Delivery, Place, Trigger};
use cornet::domain::endpoint::Endpoint;
use cornet::domain::environment::Settings;
use cornet::domain::id::{ApplicationId, EndpointId, EnvironmentId, Id, MessageId};
use cornet::domain::message::Message;
use cornet::domain::node::Epoch;
use cornet::domain::retry::RetrySchedule;
use cornet::domain::secret::EndpointSecret;
use cornet::domain::time::Timestamp;
use cornet::engine::scheduler::{Limits, Ready, Scheduler, Work};
use cornet::store::{Claim, Content, EventTypeSharing, Store, Vault};
use tokio::task::JoinSet;

/// One endpoint in so many is dead.
const DEAD_ONE_IN: i64 = 20;
/// How long a healthy endpoint takes to answer, and how long a dead one is waited for.
const ANSWERS: Duration = Duration::from_millis(50);
const DEADLINE: Duration = Duration::from_secs(15);
/// How often each application has a message.
const PERIOD: Duration = Duration::from_secs(60);
/// Endpoints that the store is filled with at most: what routing remembers is bounded.
const FILLED_MAX: i64 = 100_000;
/// Applications whose endpoints are made at a time.
const TOGETHER: usize = 40;

fn main() {
    // Cargo adds words of its own.
    let mut words = std::env::args().skip(1).filter_map(|word| word.parse().ok());
    let (applications, endpoints) = (words.next().unwrap_or(1_000), words.next().unwrap_or(100));
    let minutes = words.next().unwrap_or(15);
    println!("{applications} applications with {endpoints} endpoints each, {minutes} minutes");
    hold(applications * endpoints);
    World::new(applications, endpoints).live(minutes);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(remember(applications.min(FILLED_MAX / endpoints), endpoints));
}

/// How much memory this process has.
fn resident_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

fn seconds() -> f64 {
    SystemClock::default().monotonic().as_secs_f64()
}

fn endpoint(store: &Store, environment_id: EnvironmentId, application_id: ApplicationId, number: i64) -> Endpoint {
    Endpoint {
        id: store.next_id(),
        environment_id,
        application_id,
        number,
        uid: None,
        url: format!("https://receiver-{number}.example/hooks/orders"),
        description: "Orders".to_owned(),
        event_types: Some(vec!["order.created".to_owned(), "order.changed".to_owned()]),
        channels: None,
        filter: None,
        metadata: Default::default(),
        headers: Default::default(),
        throttle_rate: None,
        retry_schedule: None,
        ordered: false,
        disabled: None,
        created_at: store.now(),
        updated_at: store.now(),
    }
}

/// Has routing remember all applications, and says what that took.
async fn remember(applications: i64, endpoints: i64) {
    let directory = tempfile::tempdir().unwrap();
    let (file, vault) = (directory.path().join("cornet.db"), Vault::new(&[7; 32]).unwrap());
    let clock = Arc::new(SystemClock::default());
    let (store, _feed) = Store::open(&file, vault, clock, Arc::default()).unwrap();
    let (environment, _, _) = foundation::found(&store, &Settings::default()).await;
    let began = seconds();
    let ids: Vec<ApplicationId> = (0..applications).map(|_| store.next_id()).collect();
    for chunk in ids.chunks(TOGETHER) {
        for id in chunk {
            store.insert_application(Application::blank(*id, environment, store.now()), None).await.unwrap();
        }
        let mut making = JoinSet::new();
        for (application, number) in chunk.iter().flat_map(|id| (0..endpoints).map(move |number| (*id, number))) {
            let store = store.clone();
            making.spawn(async move {
                let endpoint = endpoint(&store, environment, application, number);
                let sharing = EventTypeSharing::ByRule;
                store.insert_endpoint(endpoint, EndpointSecret::generate_hmac(), None, sharing).await.unwrap()
            });
        }
        while making.join_next().await.is_some() {}
    }
    println!("made them in {:.0} s", seconds() - began);
    let (before, began) = (resident_kib(), seconds());
    let mut read = 0;
    for id in &ids {
        read += store.routes(*id).await.unwrap().unwrap().endpoints.len();
    }
    let each_ms = (seconds() - began) * 1_000.0 / applications as f64;
    let grown = resident_kib() - before;
    println!(
        "routing: read {read} endpoints, {each_ms:.2} ms for an application, and holds {grown} KiB for what it remembers"
    );
    let began = seconds();
    // Those that were read last are remembered in any case.
    let known = &ids[ids.len().saturating_sub(500)..];
    for id in known {
        store.routes(*id).await.unwrap();
    }
    println!("routing: {:.1} us for an application that is remembered", (seconds() - began) * 1e6 / known.len() as f64);
}

/// What will happen at a time that is known already.
enum Event {
    Posted(i64),
    Answered(Ready),
}

/// What waits for an endpoint, by when it is due.
type Queue = BTreeMap<(Timestamp, MessageId), (Delivery, Arc<Message>)>;

/// The scheduler among endpoints that answer or do not, on an imagined clock.
struct World {
    endpoints: i64,
    now: Timestamp,
    scheduler: Scheduler,
    /// By time and order.
    events: BTreeMap<(Timestamp, u64), Event>,
    steps: u64,
    /// What waits to be tried again, by endpoint, as the store would have it.
    waiting: HashMap<EndpointId, Queue>,
    random: fastrand::Rng,
    schedule: RetrySchedule,
    /// How long healthy endpoints waited for their messages, in milliseconds, by the minute in which they were accepted.
    waits: Vec<Vec<u32>>,
    sent_to_dead: u64,
    /// How often something had to be fetched from the store for a healthy endpoint, in this period.
    claims: u64,
}

impl World {
    fn new(applications: i64, endpoints: i64) -> Self {
        let mut random = fastrand::Rng::with_seed(1);
        let start = Timestamp::from_ms(1_800_000_000_000);
        let at = |_| start.plus(PERIOD.mul_f64(random.f64()));
        let posts: Vec<_> = (0..applications).map(at).collect();
        let mut events = BTreeMap::new();
        for (application, at) in (0..applications).zip(posts) {
            events.insert((at, u64::try_from(application).unwrap()), Event::Posted(application));
        }
        Self {
            endpoints,
            now: start,
            scheduler: Scheduler::new(Limits::default()),
            events,
            steps: u64::try_from(applications).unwrap(),
            waiting: HashMap::new(),
            random,
            schedule: RetrySchedule::default(),
            waits: Vec::new(),
            sent_to_dead: 0,
            claims: 0,
        }
    }

    fn is_dead(id: EndpointId) -> bool {
        id.number() % DEAD_ONE_IN == 0
    }

    fn live(mut self, minutes: i64) {
        let (start, began) = (self.now, seconds());
        let end = start.plus(PERIOD * u32::try_from(minutes).unwrap());
        let mut period_began = (began, self.steps);
        let mut until = start;
        while until < end {
            until = until.plus(PERIOD);
            self.waits.push(Vec::new());
            while let Some((at, _)) = self.events.first_key_value().map(|(key, _)| *key)
                && at <= until
            {
                // Alarms are heard at the next event: there are many of them in each millisecond.
                self.now = at;
                let (_, event) = self.events.pop_first().unwrap();
                self.happen(event, end);
                self.work(start);
            }
            let steps = (self.steps - period_began.1).max(1);
            let step_us = (seconds() - period_began.0) * 1e6 / steps as f64;
            period_began = (seconds(), self.steps);
            self.tell(step_us);
        }
        println!("scheduler: {} attempts at dead ones; {:.0} s in all", self.sent_to_dead, seconds() - began);
    }

    /// Says how healthy endpoints fared whose messages came in this period, as far as they have been sent.
    fn tell(&mut self, step_us: f64) {
        let minute = self.waits.len();
        let Some(waits) = self.waits.last_mut() else { return };
        waits.sort_unstable();
        let at = |share: f64| waits.get((waits.len() as f64 * share) as usize).copied().unwrap_or_default();
        println!(
            "minute {minute}: {} sent to healthy ones, waited {} ms (half), {} ms (99 %), {} ms (longest); {} in flight, {} KiB \
             in memory, {} claims for healthy ones, {step_us:.1} us a step",
            waits.len(),
            at(0.5),
            at(0.99),
            waits.last().copied().unwrap_or_default(),
            self.scheduler.in_flight(),
            self.scheduler.ready_bytes() / 1_024,
            std::mem::take(&mut self.claims),
        );
    }

    fn happen(&mut self, event: Event, end: Timestamp) {
        match event {
            Event::Posted(application) => {
                self.post(application);
                let next = self.now.plus(PERIOD);
                if next < end {
                    self.events.insert((next, self.steps), Event::Posted(application));
                }
            }
            Event::Answered(ready) => {
                let dead = Self::is_dead(ready.delivery.endpoint_id);
                let shown = if dead { Shown::Down } else { Shown::Took };
                self.scheduler.finished(&ready, Some(shown), self.now);
                let retry = self.conclude(&ready.delivery, dead);
                self.scheduler.recorded(&ready.delivery, retry, self.now);
            }
        }
        self.steps += 1;
    }

    fn post(&mut self, application: i64) {
        let id: MessageId = Id::from_number((self.now.as_ms() << 21) + i64::try_from(self.steps).unwrap() % (1 << 21));
        let application_id = Id::from_number(application + 1);
        let message = Arc::new(Message {
            id,
            environment_id: Id::from_number(1),
            application_id,
            event_type: "order.created".to_owned(),
            event_id: None,
            channels: Vec::new(),
            payload: Some(Bytes::from_static(&[b'x'; 1_024])),
            expires_at: Timestamp::from_ms(i64::MAX),
            verdicts: Vec::new(),
        });
        let delivery = |number| Delivery {
            message_id: id,
            endpoint_id: Id::from_number(application * self.endpoints + number + 1),
            application_id,
            due: self.now,
            attempts_made: 0,
            trigger: Trigger::Scheduled,
            epoch: Epoch::ALONE,
            held_until: None,
            in_order: false,
        };
        let deliveries: Vec<_> = (0..self.endpoints).map(delivery).collect();
        for delivery in &deliveries {
            self.keep(delivery.clone(), message.clone());
        }
        self.scheduler.accepted(&message, deliveries, self.now);
    }

    fn keep(&mut self, delivery: Delivery, message: Arc<Message>) {
        let queue = self.waiting.entry(delivery.endpoint_id).or_default();
        queue.insert((delivery.due, delivery.message_id), (delivery, message));
    }

    /// Takes a delivery out of what waits, unless it failed: then it waits for its next time, which is answered.
    fn conclude(&mut self, delivery: &Delivery, failed: bool) -> Option<Timestamp> {
        let queue = self.waiting.get_mut(&delivery.endpoint_id)?;
        let (_, message) = queue.remove(&(delivery.due, delivery.message_id))?;
        let delay = failed.then(|| self.schedule.next_delay(delivery.attempts_made, &mut self.random)).flatten()?;
        let due = self.now.plus(delay);
        self.keep(Delivery { due, attempts_made: delivery.attempts_made + 1, ..delivery.clone() }, message);
        Some(due)
    }

    /// Does all that is to be done now.
    fn work(&mut self, start: Timestamp) {
        while let Some(work) = self.scheduler.next(self.now) {
            self.steps += 1;
            match work {
                Work::TellRest { .. } => {}
                Work::Claim { endpoint_id, wanted, in_hand, .. } => {
                    self.claims += u64::from(!Self::is_dead(endpoint_id));
                    let claim = self.claim(endpoint_id, wanted, &in_hand);
                    self.scheduler.claimed(endpoint_id, claim, self.now);
                }
                Work::Send(ready) => {
                    let dead = Self::is_dead(ready.delivery.endpoint_id);
                    if dead {
                        self.sent_to_dead += 1;
                    } else {
                        let accepted = ready.delivery.message_id.number() >> 21;
                        let period = (accepted - start.as_ms()) / i64::try_from(PERIOD.as_millis()).unwrap();
                        let waited = u32::try_from(self.now.as_ms() - accepted).unwrap();
                        self.waits[usize::try_from(period).unwrap()].push(waited);
                    }
                    let at = self.now.plus(if dead { DEADLINE } else { ANSWERS });
                    self.events.insert((at, self.steps), Event::Answered(ready));
                }
            }
        }
    }

    fn claim(&self, endpoint_id: EndpointId, wanted: usize, in_hand: &HashSet<Place>) -> Claim {
        let Some(queue) = self.waiting.get(&endpoint_id) else { return Claim::default() };
        let mut claim = Claim::default();
        for (delivery, message) in queue.values().filter(|(delivery, _)| !in_hand.contains(&delivery.place())) {
            if delivery.due > self.now || claim.deliveries.len() == wanted {
                claim.next_due = Some(delivery.due);
                break;
            }
            claim.deliveries.push((delivery.clone(), Content::Kept(message.clone())));
        }
        claim
    }
}

/// How much memory the scheduler needs for so many endpoints that something waits for in the store.
fn hold(endpoints: i64) {
    let (before, began) = (resident_kib(), seconds());
    let now = Timestamp::from_ms(1_800_000_000_000);
    let mut scheduler = Scheduler::new(Limits::default());
    for number in 0..endpoints {
        scheduler.waiting(Id::from_number(number), now.plus(Duration::from_secs(3_600)), now);
    }
    let (grown, took) = (resident_kib() - before, seconds() - began);
    println!("scheduler: {grown} KiB and {took:.1} s for {endpoints} endpoints that something waits for");
}
