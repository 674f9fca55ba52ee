//! The simulated world: one process with a real store in a temporary folder, the real scheduler and courier, receivers
//! that are simulated, and a clock that is moved from one event to the next. One task does everything, a step at a
//! time, so a seed always gives the same history.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::Request;
use bytes::Bytes;
use cornet::clock::{Clock, ManualClock};
use cornet::domain::attempt::AttemptReport;
use cornet::domain::envelope::Envelope;
use cornet::domain::environment::Settings;
use cornet::domain::filter::Subject;
use cornet::domain::id::{ApplicationId, EndpointId, EnvironmentId, MessageId};
use cornet::domain::message::Message;
use cornet::domain::retry::RetrySchedule;
use cornet::domain::target::TargetPolicy;
use cornet::domain::time::Timestamp;
use cornet::engine::courier::{Courier, Prepared, Step};
use cornet::engine::scheduler::{Limits, Ready, Scheduler, Work};
use cornet::engine::sender::Sender as _;
use cornet::engine::transformer::Transformer;
use cornet::ops::Operations;
use cornet::store::{Accepted, Claim, Database, Feed, Notice, Store, Vault};
use cornet::telemetry::Metrics;
use http_body_util::BodyExt as _;
use tower::ServiceExt as _;

use crate::foundation;
use crate::ledger::Ledger;
use crate::postgres::Place;
use crate::receivers::{Manners, Receivers};

/// When every world begins.
pub const BEGIN: Timestamp = Timestamp::from_ms(1_800_000_000_000);
pub const ENDPOINTS: u16 = 8;
pub const FIRST_PORT: u16 = 20_000;

/// How long an outcome waits at most before it is written.
const RECORDS_WAIT: Duration = Duration::from_millis(50);

/// Which faults the world has besides its receivers' manners.
#[derive(Clone, Copy)]
pub struct Faults {
    /// One in so many steps, the process is killed before it; 0 is never.
    kill_one_in: u32,
}

impl Faults {
    pub fn receivers_only() -> Self {
        Self { kill_one_in: 0 }
    }

    pub fn receivers_and_kills() -> Self {
        Self { kill_one_in: 60 }
    }
}

/// What will happen at a time that is known already.
enum Event {
    Answered(Box<Ready>, Box<Prepared>, AttemptReport),
    Claimed(EndpointId, Claim),
}

/// What a kill takes away: everything but the store's file.
struct Process {
    store: Arc<Store>,
    feed: Feed,
    scheduler: Scheduler,
    courier: Courier,
    events: BTreeMap<(Timestamp, u64), Event>,
}

pub struct World {
    seed: u64,
    random: fastrand::Rng,
    faults: Faults,
    clock: Arc<ManualClock>,
    _directory: tempfile::TempDir,
    pub place: Place,
    process: Process,
    receivers: Receivers,
    application: ApplicationId,
    environment: EnvironmentId,
    settings: Settings,
    /// The text of a key that opens the environment.
    key: String,
    steps: u64,
    pub ledger: Ledger,
    pub kills: u32,
}

impl World {
    /// A world with one application and a few endpoints, whose environment retries by `schedule`.
    pub async fn new(seed: u64, schedule: &str, faults: Faults) -> Self {
        let settings = Settings { retry_schedule: schedule.parse().unwrap(), ..Settings::default() };
        Self::with(seed, settings, faults, |port, random| match port {
            // The first one always takes what it gets, so that every world delivers something.
            FIRST_PORT => Manners::Good,
            _ => Manners::draw(random),
        })
        .await
    }

    /// A world that sends as `settings` say, to receivers with these manners.
    pub async fn with(
        seed: u64,
        settings: Settings,
        faults: Faults,
        manners: impl Fn(u16, &mut fastrand::Rng) -> Manners,
    ) -> Self {
        let mut random = fastrand::Rng::with_seed(seed);
        let clock = Arc::new(ManualClock::new(BEGIN));
        let directory = tempfile::tempdir().unwrap();
        let receivers = Receivers::new(random.fork(), clock.clone());
        let place = Place::new(directory.path().join("cornet.db"));
        let process = Process::start(place.database(), &clock, random.fork()).await;
        let (environment, application, key) = foundation::found(&process.store, &settings).await;
        let mut ledger = Ledger::new(seed);
        for port in FIRST_PORT..FIRST_PORT + ENDPOINTS {
            let manners = manners(port, &mut random);
            receivers.listen(port, manners);
            let id = foundation::endpoint(&process.store, environment, application, port).await;
            ledger.endpoint(port, id, matches!(manners, Manners::Leaving(_)));
        }
        Self {
            seed,
            random,
            faults,
            clock,
            _directory: directory,
            place,
            process,
            receivers,
            application,
            environment,
            settings,
            key,
            steps: 0,
            ledger,
            kills: 0,
        }
    }

    pub fn schedule(&self) -> &RetrySchedule {
        &self.settings.retry_schedule
    }

    /// Lets `span` pass while `messages` are posted at random times.
    pub async fn live(&mut self, span: Duration, messages: u64) {
        let start = self.clock.now();
        let end = start.plus(span);
        let mut posts: Vec<Timestamp> = (0..messages).map(|_| start.plus(span.mul_f64(self.random.f64()))).collect();
        // Some come in bursts.
        let burst = posts[0];
        posts.iter_mut().take(10).for_each(|post| *post = burst);
        posts.sort();
        for post in posts {
            self.run_until(post).await;
            self.post().await;
        }
        self.run_until(end).await;
    }

    /// Ends the faults and lets time pass until nothing waits; what waits for an endpoint that has left expires.
    pub async fn run_out(&mut self) {
        self.faults = Faults::receivers_only();
        let end = self.clock.now().plus(Duration::from_secs(30 * 24 * 3_600));
        self.run_until(end).await;
        self.clock.set(self.clock.now().plus(Duration::from_secs(90 * 24 * 3_600)));
        while self.process.store.expire_what_waits().await.unwrap() {}
        self.process.store.settle().await.unwrap();
        let waiting = self.process.store.waiting().await.unwrap();
        assert!(waiting.is_empty(), "seed {}: {} endpoints still wait", self.seed, waiting.len());
        self.process.store.close();
    }

    /// Lets `span` pass, and has everything written.
    pub async fn pass(&mut self, span: Duration) {
        self.run_until(self.clock.now().plus(span)).await;
        self.process.store.settle().await.unwrap();
    }

    /// Has every endpoint keep order from here on, or not.
    pub async fn keep_order(&mut self, ordered: bool) {
        foundation::keep_order(&self.process.store, self.environment, self.application, ordered).await;
    }

    /// Asks the API on the world's store.
    pub async fn get(&self, path: &str) -> serde_json::Value {
        let policy = Arc::new(TargetPolicy::public_only());
        let operations = Arc::new(Operations::new(self.process.store.clone(), policy));
        let api = cornet::api::router(cornet::api::ApiState::new(
            operations,
            Arc::new(Metrics::default()),
            "https://cornet.example",
        ));
        let path = format!("/api/v1/app/{}{path}", self.application);
        let request = Request::get(path).header("authorization", format!("Bearer {}", self.key));
        let response = api.oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
        assert_eq!(response.status(), 200);
        serde_json::from_slice(&response.into_body().collect().await.unwrap().to_bytes()).unwrap()
    }

    async fn post(&mut self) {
        let id: MessageId = self.process.store.next_id();
        let data = format!("{{ \"n\": {}, \"price\": 40.0 }}", self.random.u64(..));
        let payload = match self.settings.envelope {
            Envelope::Resource => format!("{{\"resource_url\":\"https://api.example.com/1\",\"data\":{data}}}"),
            _ => data,
        };
        let routes = self.process.store.routes(self.application).await.unwrap().unwrap();
        let subject = Subject::new("a.b", payload.as_bytes(), id.time());
        let verdict = |route: &Arc<cornet::store::Route>| (route.endpoint.id, route.endpoint.verdict(&subject));
        let verdicts = routes.endpoints.iter().map(verdict).collect();
        let message = Message {
            id,
            environment_id: self.environment,
            application_id: self.application,
            event_type: "a.b".to_owned(),
            event_id: None,
            channels: Vec::new(),
            payload: Some(Bytes::from(payload)),
            expires_at: id.time().plus(Duration::from_secs(90 * 24 * 3_600)),
            verdicts,
        };
        let queued = message.queued().collect();
        let body = self.settings.envelope.wrap(&message, true).body;
        let accepted = self.process.store.accept(Arc::new(message), None).await.unwrap();
        assert_eq!(accepted, Accepted::New);
        self.ledger.accepted(id, body.to_vec(), queued);
        self.maybe_kill().await;
    }

    /// Does everything that is to be done until `end`.
    async fn run_until(&mut self, end: Timestamp) {
        loop {
            self.maybe_kill().await;
            if self.step().await {
                continue;
            }
            let next_event = self.process.events.keys().next().map(|(at, _)| *at);
            let next = next_event.into_iter().chain(self.process.scheduler.wake_at()).min();
            let near = self.clock.now().plus(RECORDS_WAIT);
            match next.filter(|at| *at <= end) {
                Some(at) if at <= near => self.clock.set(at.max(self.clock.now())),
                far => {
                    // Outcomes do not wait so long for company.
                    self.process.store.settle().await.unwrap();
                    if self.process.take_notices(self.clock.now()) {
                        continue;
                    }
                    match far {
                        Some(at) => self.clock.set(at),
                        None => break,
                    }
                }
            }
        }
        self.clock.set(end.max(self.clock.now()));
    }

    /// One step, if there is one to do now.
    async fn step(&mut self) -> bool {
        self.steps += 1;
        let now = self.clock.now();
        if self.random.u32(0..8) == 0 {
            self.process.store.settle().await.unwrap();
        }
        if self.process.take_notices(now) {
            return true;
        }
        let event_is_due = self.process.events.first_entry().filter(|entry| entry.key().0 <= now);
        if let Some(entry) = event_is_due {
            let event = entry.remove();
            self.process.happen(event, now).await;
            return true;
        }
        match self.process.scheduler.next(now) {
            Some(work) => {
                self.work(work, now).await;
                true
            }
            None => false,
        }
    }

    async fn work(&mut self, work: Work, now: Timestamp) {
        let process = &mut self.process;
        match work {
            Work::TellRest { endpoint_id, rest } => process.store.tell_rest(endpoint_id, rest).await.unwrap(),
            Work::Claim { endpoint_id, wanted, in_hand, in_order } => {
                // The claim looks now and is answered a little later, when other things may have happened.
                let claim = match in_order {
                    true => process.store.claim_in_order(endpoint_id, now, wanted).await.unwrap(),
                    false => process.store.claim(endpoint_id, now, wanted, in_hand).await.unwrap(),
                };
                let at = now.plus(Duration::from_millis(self.random.u64(0..400)));
                process.events.insert((at, self.steps), Event::Claimed(endpoint_id, claim));
            }
            Work::Send(ready) => match process.courier.prepare(&ready).await.unwrap() {
                Step::Send(request, prepared) => {
                    process.scheduler.pace(ready.delivery.endpoint_id, prepared.throttle, prepared.ordered);
                    let report = self.receivers.send(request, &|| true).await.unwrap();
                    self.receivers.take_arrivals().into_iter().for_each(|arrival| self.ledger.arrived(arrival));
                    let at = now.plus(Duration::from_millis(report.duration_ms));
                    process
                        .events
                        .insert((at, self.steps), Event::Answered(Box::new(ready), Box::new(prepared), report));
                }
                Step::Record(record) => {
                    process.store.record(record);
                    process.scheduler.finished(&ready, None, now);
                }
                Step::Fail(report, _) => panic!("no endpoint here has code: {report:?}"),
                Step::KeepOrder => process.scheduler.put_in_order(&ready, now),
                Step::Pause => process.scheduler.put_back(&ready, None, now),
            },
        }
    }

    async fn maybe_kill(&mut self) {
        if self.faults.kill_one_in == 0 || self.random.u32(0..self.faults.kill_one_in) != 0 {
            return;
        }
        self.kills += 1;
        // Sometimes the outcomes have been written just before, sometimes they are lost.
        if self.random.bool() {
            self.process.store.settle().await.unwrap();
        }
        self.clock.set(self.clock.now().plus(Duration::from_millis(self.random.u64(1..20_000))));
        let random = self.random.fork();
        // The old process is gone, with all that it held, before the new one opens the file.
        let nobody = Process::nobody(&self.clock).await;
        drop(std::mem::replace(&mut self.process, nobody));
        self.process = Process::start(self.place.database(), &self.clock, random).await;
    }
}

impl Process {
    async fn start(database: Database, clock: &Arc<ManualClock>, random: fastrand::Rng) -> Self {
        let vault = Vault::new(&[7; 32]).unwrap();
        let metrics = Arc::new(Metrics::default());
        let opening = {
            let clock = clock.clone();
            move || Store::open(database, vault, clock, metrics).unwrap()
        };
        let (store, feed) = tokio::task::spawn_blocking(opening).await.unwrap();
        let mut scheduler = Scheduler::new(Limits::default());
        for (endpoint_id, due) in store.waiting().await.unwrap() {
            scheduler.waiting(endpoint_id, due, clock.now());
        }
        let transformer = Transformer::new("/nowhere".into(), clock.clone(), Arc::default());
        let courier = Courier::new(store.clone(), transformer.into(), random);
        Self { store, feed, scheduler, courier, events: BTreeMap::new() }
    }

    /// What is there while no process is: an empty one, on a store of its own.
    async fn nobody(clock: &Arc<ManualClock>) -> Self {
        let directory = tempfile::tempdir().unwrap();
        Self::start(Database::from(&directory.path().join("nobody.db")), clock, fastrand::Rng::with_seed(0)).await
    }

    fn take_notices(&mut self, now: Timestamp) -> bool {
        let mut any = false;
        while let Ok(notice) = self.feed.try_recv() {
            any = true;
            match notice {
                Notice::Accepted { message, deliveries } => self.scheduler.accepted(&message, deliveries, now),
                Notice::Recorded { delivery, retry } => self.scheduler.recorded(&delivery, retry, now),
                Notice::Waiting { endpoint_id, due } => self.scheduler.waiting(endpoint_id, due, now),
                Notice::Changed { endpoint_id } => self.scheduler.changed(endpoint_id, now),
                // Nobody shares what it has, and its connections are never lost.
                Notice::LookAgain | Notice::Lost | Notice::Rests { .. } => {}
            }
        }
        any
    }

    async fn happen(&mut self, event: Event, now: Timestamp) {
        match event {
            Event::Claimed(endpoint_id, claim) => self.scheduler.claimed(endpoint_id, claim, now),
            Event::Answered(ready, prepared, report) => {
                let concluded = self.courier.conclude(&ready, &prepared, report);
                if concluded.gone {
                    self.courier.retire(&prepared).await.unwrap();
                }
                self.store.record(concluded.record);
                self.scheduler.finished(&ready, Some(concluded.shown), now);
            }
        }
    }
}
