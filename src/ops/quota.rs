//! Holds each application to its quota of posted messages, so that one that floods leaves the others what is theirs. Everything
//! is in memory; only what waits is counted in the store, when it could be too much and now and then.

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::messages::Verdicts;
use super::{OpError, Operations};
use crate::domain::endpoint::Verdict;
use crate::domain::id::ApplicationId;
use crate::domain::quota::{Allowance, Quotas, Waiting};
use crate::store::Routes;

/// Applications that are remembered before those are forgotten that have not posted for a while.
const REMEMBERED: usize = 10_000;
/// How long that is.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(60);

/// The quotas, and what has been used up of them.
#[derive(Default)]
pub(super) struct QuotaKeeper {
    pub(super) quotas: Quotas,
    rates: Mutex<HashMap<ApplicationId, Allowance>>,
    waiting: Mutex<HashMap<ApplicationId, Arc<Counter>>>,
}

/// What waits of an application. Who counts it has the others wait.
#[derive(Default)]
struct Counter(tokio::sync::Mutex<Waiting>);

impl QuotaKeeper {
    pub(super) fn new(quotas: Quotas) -> Self {
        Self { quotas, ..Self::default() }
    }

    fn counter(&self, application_id: ApplicationId) -> Arc<Counter> {
        let mut waiting = lock(&self.waiting);
        if waiting.len() >= REMEMBERED {
            waiting.retain(|_, counter| Arc::strong_count(counter) > 1);
        }
        waiting.entry(application_id).or_default().clone()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Operations {
    /// The same operations, with bounds on what an application may use up.
    #[must_use]
    pub fn with_quotas(mut self, quotas: Quotas) -> Self {
        self.quotas = QuotaKeeper::new(quotas);
        self
    }

    /// Takes one posted message out of what its application may post in a second.
    ///
    /// # Errors
    /// When the application has used it up.
    pub(super) fn take_from_rate(&self, application_id: ApplicationId) -> Result<(), OpError> {
        let Some(rate) = self.quotas.quotas.rate else { return Ok(()) };
        let now = self.store.monotonic();
        let mut rates = lock(&self.quotas.rates);
        if rates.len() >= REMEMBERED {
            rates.retain(|_, allowance| now.saturating_sub(allowance.used_at()) < FORGOTTEN_AFTER);
        }
        let allowance = rates.entry(application_id).or_insert_with(|| Allowance::new(rate, now));
        if allowance.take(rate, self.store.nodes_live(), now) {
            return Ok(());
        }
        let why = format!("an application may post at most {rate} messages in a second; ask again");
        Err(OpError::TooMany { code: "quota_rate", why })
    }

    /// Takes the deliveries of a message out of what may wait of its application.
    ///
    /// # Errors
    /// When there is no room for them.
    pub(super) async fn take_from_waiting(&self, routes: &Routes, verdicts: &Verdicts) -> Result<(), OpError> {
        let Some(most) = self.quotas.quotas.waiting_max else { return Ok(()) };
        let deliveries = verdicts.iter().filter(|(_, verdict)| *verdict == Verdict::Queued).count();
        // In a box, as every posted message comes past here.
        Box::pin(self.take_room(routes, deliveries as u64, most)).await
    }

    async fn take_room(&self, routes: &Routes, deliveries: u64, most: NonZeroU32) -> Result<(), OpError> {
        let counter = self.quotas.counter(routes.application.id);
        let mut waiting = counter.0.lock().await;
        let now = self.store.monotonic();
        let has_room = match waiting.has_room(deliveries, most, now) {
            Some(has_room) => has_room,
            None => {
                let endpoints = routes.endpoints.iter().map(|route| route.endpoint.id).collect();
                let counted = self.store.waiting_for(endpoints, u64::from(most.get())).await?;
                waiting.counted(counted, now);
                counted + deliveries <= u64::from(most.get())
            }
        };
        if has_room {
            waiting.add(deliveries);
            return Ok(());
        }
        let why = format!("at most {most} deliveries of an application may wait; ask again when some have been made");
        Err(OpError::TooMany { code: "quota_queue_full", why })
    }
}
