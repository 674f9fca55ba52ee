//! The engine: takes what is due, sends it, and has the outcome recorded. The scheduler decides what is next, the
//! courier makes an attempt, the sender speaks HTTP; here they are run on the machine, with its tasks and its time.
//! It knows nothing of who posts messages or who looks at them.

pub mod connections;
pub mod connector;
pub mod courier;
mod metered;
pub mod resolver;
pub mod sandbox;
pub mod scheduler;
pub mod sender;
pub mod sliced;
pub mod tls;
pub mod transformer;

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::caught::caught;
use crate::clock::Clock;
use crate::domain::attempt::Shown;
use crate::domain::delivery::Outcome;
use crate::domain::id::EndpointId;
use crate::domain::other_clocks;
use crate::domain::time::Timestamp;
use crate::store::{Feed, Notice, Record, Resealed, Store, StoreError};
use crate::telemetry::Metrics;
use courier::{Courier, Step};
use scheduler::{Limits, Ready, Scheduler, Work};
use sender::Sender;
use transformer::Transformer;

/// Notices that are taken in at a time.
const NOTICES_MAX: usize = 1_024;
/// How long a delivery or a claim rests when the store could not be read.
const REST: Duration = Duration::from_secs(1);
/// Outcomes that wait to be recorded before nothing more is sent.
const OUTCOMES_WAITING_MAX: usize = 16_384;
/// How often old things are looked for.
const HOUSEKEEPING: Duration = Duration::from_secs(60);
/// The pause between two pieces of old things, while there are more.
const HOUSEKEEPING_BUSY: Duration = Duration::from_millis(100);

/// The running engine.
pub struct Engine {
    tasks: TaskTracker,
    stopping: CancellationToken,
    stop: Box<dyn Fn() + Send + Sync>,
}

impl Engine {
    /// Starts sending what waits in `store` and what comes out of its feed, on the runtime that is entered.
    pub fn start<S: Sender>(
        store: Arc<Store>,
        feed: Feed,
        sender: S,
        clock: Arc<dyn Clock>,
        metrics: Arc<Metrics>,
        transformer: Arc<Transformer>,
        random: fastrand::Rng,
    ) -> Self {
        let tasks = TaskTracker::new();
        let stopping = CancellationToken::new();
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let room = Arc::new(Room {
            courier: Courier::new(store.clone(), transformer, random),
            scheduler: Mutex::new(Scheduler::new(Limits::of_cores(cores))),
            store,
            sender,
            clock,
            metrics,
            tasks: tasks.clone(),
            stopping: stopping.clone(),
            sooner: Notify::new(),
            sleeps_until_ms: AtomicI64::new(i64::MAX),
        });
        tasks.spawn(room.clone().run(feed));
        tasks.spawn(keep_house(room.store.clone(), room.metrics.clone(), stopping.clone()));
        tasks.spawn(seal_anew(room.store.clone(), stopping.clone()));
        Self { tasks, stopping, stop: Box::new(move || room.scheduler().stop()) }
    }

    /// Begins nothing more and waits for what is in flight, at most `grace`; says whether all of it ended. What did
    /// not end is sent again after the next start.
    pub async fn stop(self, grace: Duration) -> bool {
        (self.stop)();
        self.stopping.cancel();
        self.tasks.close();
        tokio::time::timeout(grace, self.tasks.wait()).await.is_ok()
    }
}

/// Drops what is old, switches off what has failed for too long and looks at other clocks, now and then, until the engine
/// stops.
async fn keep_house(store: Arc<Store>, metrics: Arc<Metrics>, stopping: CancellationToken) {
    let (mut wait, mut is_wrong) = (HOUSEKEEPING, false);
    while stopping.run_until_cancelled(tokio::time::sleep(wait)).await.is_some() {
        if wait == HOUSEKEEPING {
            disable_what_fails(&store).await;
            is_wrong = compare_clocks(&store, &metrics, is_wrong).await;
        }
        wait = match store.drop_what_is_old().await {
            Ok(true) => HOUSEKEEPING_BUSY,
            Ok(false) => HOUSEKEEPING,
            Err(error) => {
                tracing::warn!(%error, "cannot drop what is old, trying again");
                HOUSEKEEPING
            }
        };
    }
}

/// Seals everything anew after the master key was replaced, until that is done or the engine stops.
async fn seal_anew(store: Arc<Store>, stopping: CancellationToken) {
    let mut so_far = Resealed::default();
    while !stopping.is_cancelled() {
        match store.reseal(so_far).await {
            Ok(Some(further)) => so_far = further,
            Ok(None) => return,
            Err(error) => {
                tracing::warn!(%error, "cannot seal everything with the new master key, trying again");
                stopping.run_until_cancelled(tokio::time::sleep(HOUSEKEEPING)).await;
            }
        }
    }
}

/// Warns once when receivers say that our clock is wrong; says whether they do, as far as is known.
async fn compare_clocks(store: &Store, metrics: &Metrics, was_wrong: bool) -> bool {
    match store.ahead_of_other_clocks().await {
        Ok(Some(ahead)) => {
            metrics.ahead_of_other_clocks(ahead);
            let is_wrong = other_clocks::is_wrong(ahead);
            if is_wrong && !was_wrong {
                let what = other_clocks::in_words(ahead);
                tracing::warn!("{what}: they refuse signatures of another time; have it follow a time server");
            }
            is_wrong
        }
        Ok(None) => was_wrong,
        Err(error) => {
            tracing::warn!(%error, "cannot compare the clock with receivers', trying again");
            was_wrong
        }
    }
}

async fn disable_what_fails(store: &Store) {
    match store.disable_what_fails().await {
        Ok(endpoints) => {
            for endpoint_id in endpoints {
                tracing::warn!(%endpoint_id, "switched an endpoint off: every attempt at it has failed for days");
            }
        }
        Err(error) => tracing::warn!(%error, "cannot look which endpoints have failed for too long, trying again"),
    }
}

/// What the engine's tasks share.
struct Room<S> {
    store: Arc<Store>,
    courier: Courier,
    sender: S,
    scheduler: Mutex<Scheduler>,
    clock: Arc<dyn Clock>,
    metrics: Arc<Metrics>,
    tasks: TaskTracker,
    stopping: CancellationToken,
    /// Rings when something is due sooner than the main task thinks.
    sooner: Notify,
    sleeps_until_ms: AtomicI64,
}

impl<S: Sender> Room<S> {
    fn scheduler(&self) -> MutexGuard<'_, Scheduler> {
        self.scheduler.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The main task: takes in notices and wakes for what is due.
    async fn run(self: Arc<Self>, mut feed: Feed) {
        if self.stopping.run_until_cancelled(self.find_what_waits()).await.is_none() {
            return;
        }
        let mut notices = Vec::with_capacity(NOTICES_MAX);
        loop {
            self.dispatch();
            let wait = self.until_next();
            tokio::select! {
                () = self.stopping.cancelled() => return,
                count = feed.recv_many(&mut notices, NOTICES_MAX) => {
                    if count == 0 {
                        return;
                    }
                    self.take_in(&mut notices);
                }
                () = tokio::time::sleep(wait) => {}
                () = self.sooner.notified() => {}
            }
        }
    }

    /// Looks up every endpoint that something waits for, and has it looked at.
    async fn find_what_waits(&self) {
        let waiting = loop {
            match self.store.waiting().await {
                Ok(waiting) => break waiting,
                Err(error) => {
                    tracing::error!(%error, "cannot see what waits to be delivered, trying again");
                    tokio::time::sleep(REST).await;
                }
            }
        };
        let now = self.clock.now();
        let mut scheduler = self.scheduler();
        for (endpoint_id, due) in waiting {
            scheduler.waiting(endpoint_id, due, now);
        }
    }

    /// The same, beside everything else.
    async fn look_again(self: Arc<Self>) {
        if self.stopping.run_until_cancelled(self.find_what_waits()).await.is_some() {
            self.sooner.notify_one();
        }
    }

    fn take_in(self: &Arc<Self>, notices: &mut Vec<Notice>) {
        let now = self.clock.now();
        let mut scheduler = self.scheduler();
        for notice in notices.drain(..) {
            match notice {
                Notice::Accepted { message, deliveries } => scheduler.accepted(&message, deliveries, now),
                Notice::Recorded { delivery, retry } => scheduler.recorded(&delivery, retry, now),
                Notice::Waiting { endpoint_id, due } => scheduler.waiting(endpoint_id, due, now),
                Notice::Changed { endpoint_id } => {
                    scheduler.changed(endpoint_id, now);
                    self.metrics.endpoints_resting(self.store.resting());
                }
                Notice::Rests { endpoint_id, rest } => {
                    scheduler.heard_of_rest(endpoint_id, rest, now);
                    self.metrics.endpoints_resting(self.store.resting());
                }
                Notice::LookAgain => _ = self.tasks.spawn(self.clone().look_again()),
                Notice::Lost => scheduler.forget(),
            }
        }
    }

    fn until_next(&self) -> Duration {
        let wake_at = self.scheduler().wake_at();
        self.sleeps_until_ms.store(wake_at.map_or(i64::MAX, Timestamp::as_ms), Ordering::Relaxed);
        // Without anything due it still wakes now and then, in case the machine's clock is set forward.
        wake_at.map_or(REST, |at| at.since(self.clock.now()).min(REST))
    }

    /// Begins everything that can be begun now.
    fn dispatch(self: &Arc<Self>) {
        let now = self.clock.now();
        loop {
            match self.next(now) {
                Some(work) => self.begin(work),
                None => return,
            }
        }
    }

    fn begin(self: &Arc<Self>, work: Work) {
        let room = self.clone();
        match work {
            Work::Send(ready) => self.tasks.spawn(room.send_in_turn(ready)),
            Work::TellRest { endpoint_id, rest } => self.tasks.spawn(async move {
                if let Err(error) = room.store.tell_rest(endpoint_id, rest).await {
                    tracing::warn!(%error, "cannot tell the other nodes whether an endpoint is left in peace");
                }
                room.metrics.endpoints_resting(room.store.resting());
            }),
            Work::Claim { endpoint_id, wanted, in_hand, in_order } => self.tasks.spawn(async move {
                let now = room.clock.now();
                let claim = match in_order {
                    true => room.store.claim_in_order(endpoint_id, now, wanted).await,
                    false => room.store.claim(endpoint_id, now, wanted, in_hand).await,
                };
                room.claimed(endpoint_id, claim);
                room.dispatch();
            }),
        };
    }

    fn claimed(&self, endpoint_id: EndpointId, claim: Result<crate::store::Claim, StoreError>) {
        let now = self.clock.now();
        match claim {
            Ok(claim) => self.scheduler().claimed(endpoint_id, claim, now),
            Err(error) => {
                tracing::error!(%error, "cannot claim deliveries, trying again");
                self.scheduler().claim_failed(endpoint_id, now.plus(REST), now);
            }
        }
        self.sooner.notify_one();
    }

    /// What is next, unless so much waits to be recorded that sending more would only mean repeating more, or another node
    /// may be sending it.
    fn next(&self, now: Timestamp) -> Option<Work> {
        if self.store.outcomes_waiting() >= OUTCOMES_WAITING_MAX || !self.store.holds_lease() {
            return None;
        }
        self.scheduler().next(now)
    }

    /// Sends one delivery after another, whichever is next, until there is none.
    async fn send_in_turn(self: Arc<Self>, first: Ready) {
        let mut next = Some(first);
        while let Some(ready) = next.take() {
            // In a box, so that starting a task does not copy the room of everything that a request may need.
            if caught(Box::pin(self.send(&ready))).await.is_none() {
                let now = self.clock.now();
                self.scheduler().put_back(&ready, Some(now.plus(REST)), now);
            }
            let now = self.clock.now();
            loop {
                match self.next(now) {
                    Some(Work::Send(ready)) if next.is_none() => next = Some(ready),
                    Some(work) => self.begin(work),
                    None => break,
                }
            }
            let wake_at = self.scheduler().wake_at();
            if wake_at.is_some_and(|at| at.as_ms() < self.sleeps_until_ms.load(Ordering::Relaxed)) {
                self.sooner.notify_one();
            }
        }
    }

    async fn send(&self, ready: &Ready) {
        match self.courier.prepare(ready).await {
            // It may have been in hand for longer than the lease holds.
            Ok(Step::Send(..)) if !self.store.may_send(&ready.delivery) => {
                let now = self.clock.now();
                self.scheduler().put_back(ready, Some(now.plus(REST)), now);
            }
            Ok(Step::Send(request, prepared)) => {
                let lag = self.clock.now().since(ready.delivery.next_attempt());
                self.metrics.attempt_started(lag);
                self.scheduler().pace(ready.delivery.endpoint_id, prepared.throttle, prepared.ordered);
                let may_write = || self.store.may_send(&ready.delivery);
                let Some(report) = self.sender.send(request, &may_write).await else {
                    self.metrics.attempt_withdrawn();
                    let now = self.clock.now();
                    return self.scheduler().put_back(ready, Some(now.plus(REST)), now);
                };
                self.metrics.attempt_ended(&report);
                let concluded = self.courier.conclude(ready, &prepared, report);
                if concluded.gone
                    && let Err(error) = Box::pin(self.courier.retire(&prepared)).await
                {
                    tracing::error!(%error, "cannot switch off an endpoint that is gone");
                }
                self.finish(ready, concluded.record, Some(concluded.shown));
            }
            Ok(Step::Fail(report, prepared)) => {
                self.metrics.attempt_started(self.clock.now().since(ready.delivery.next_attempt()));
                self.metrics.attempt_ended(&report);
                let concluded = self.courier.conclude(ready, &prepared, report);
                self.finish(ready, concluded.record, Some(concluded.shown));
            }
            // What ends without being sent says nothing against the endpoint.
            Ok(Step::Record(record)) => self.finish(ready, record, None),
            Ok(Step::KeepOrder) => self.scheduler().put_in_order(ready, self.clock.now()),
            Ok(Step::Pause) => self.scheduler().put_back(ready, None, self.clock.now()),
            Err(error) => {
                tracing::error!(%error, "cannot prepare a delivery, trying again");
                let now = self.clock.now();
                self.scheduler().put_back(ready, Some(now.plus(REST)), now);
            }
        }
    }

    fn finish(&self, ready: &Ready, record: Record, shown: Option<Shown>) {
        if let Outcome::Ended(state) = record.outcome {
            self.metrics.delivery_ended(state);
        }
        // Recorded before its place is free: a stop that finds nothing in flight finds everything recorded.
        self.store.record(record);
        let is_waited_for = {
            let mut scheduler = self.scheduler();
            scheduler.finished(ready, shown, self.clock.now());
            ready.delivery.in_order && scheduler.waits_for_outcomes(ready.delivery.endpoint_id)
        };
        if is_waited_for {
            self.store.hurry();
        }
    }
}
