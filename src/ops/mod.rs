//! Every change that a person or a program can ask for, and what they may see: the only door to the store for the
//! API, the dashboard and the command line. It checks who asks and what is asked; it knows no HTTP, no JSON shapes
//! and no SQL.

mod access;
mod applications;
mod attempts;
mod audit;
mod catalogue;
mod check;
mod endpoints;
mod environments;
mod error;
mod event_types;
mod examples;
mod figures;
mod filters;
mod guard;
mod happenings;
mod idempotency;
mod in_order;
mod inboxes;
mod integrations;
mod keys;
mod made;
mod messages;
mod portal_looks;
mod quota;
mod receiving;
mod recovery;
mod schedules;
mod search;
mod sent_requests;
mod sessions;
mod shipengine;
mod sign_in_limit;
mod statistics;
mod system;
mod test_attempts;
#[cfg(test)]
mod tests;
mod transformations;
mod why;

pub use access::Access;
pub use audit::Caller;
pub use endpoints::SecretRotation;
pub use error::OpError;
pub use examples::NewExample;
pub use figures::{FailingGroup, FiguresOf};
pub use filters::{Trial, read_filter};
pub use guard::examine_guard;
pub use happenings::Happenings;
pub use in_order::InOrder;
pub use keys::{NewKey, ShownKey, WantedScope};
pub use made::Made;
pub use messages::NewMessage;
pub use portal_looks::WantedLook;
pub use receiving::{InboxWatch, Inboxes};
pub use recovery::Task;
pub use sent_requests::{Difference, FormedRequest, HIDDEN, SentRequest};
pub use sessions::{NewSession, PortalAccess, PortalEntry};
pub use shipengine::{Webhook, WebhookChange};
pub use sign_in_limit::{SIGN_IN_FAILURES_MAX, SIGN_IN_REFUSALS_NOTED_MAX};
pub use system::SystemState;
pub use test_attempts::{TESTS_IN_FLIGHT_MAX, TestAttempt, TestSender, UnderWay};
pub use transformations::{Simulated, Simulation};
pub use why::Why;

pub use crate::store::{
    ApplicationFilter, AttemptsPage, Backlog, Counted, DestinedFilter, DestinedPlace, EndpointFilter, IdempotencyKey,
    Listed, MessagesPage, OldKeys, Page, Route, Routes, Statistics, StoreError, StoreFile, Walked, WalkedPage,
};

use std::sync::Arc;

use crate::domain::target::TargetPolicy;
use crate::domain::time::Timestamp;
use crate::store::Store;
use quota::QuotaKeeper;
use sign_in_limit::{RefusalsNoted, SignInLimit};
use test_attempts::TestsInFlight;

/// The operations, on one store.
pub struct Operations {
    store: Arc<Store>,
    policy: Arc<TargetPolicy>,
    test_sender: Option<Arc<dyn TestSender>>,
    tests_in_flight: TestsInFlight,
    sign_ins: SignInLimit,
    refusals_noted: RefusalsNoted,
    quotas: QuotaKeeper,
    inboxes: Arc<Inboxes>,
    since: Timestamp,
}

impl Operations {
    /// Operations on `store`; endpoints may be where `policy` allows.
    pub fn new(store: Arc<Store>, policy: Arc<TargetPolicy>) -> Self {
        let (tests_in_flight, sign_ins) = (TestsInFlight::default(), SignInLimit::default());
        let inboxes = Arc::new(Inboxes::new(store.clone(), ""));
        let since = store.now();
        let quotas = QuotaKeeper::default();
        let refusals_noted = RefusalsNoted::default();
        Self { store, policy, test_sender: None, tests_in_flight, sign_ins, refusals_noted, quotas, inboxes, since }
    }

    /// The time that everything goes by.
    pub fn now(&self) -> Timestamp {
        self.store.now()
    }

    /// The same operations, with inboxes that are reached somewhere; before, no URL is an inbox's.
    #[must_use]
    pub fn with_inboxes(mut self, inboxes: Arc<Inboxes>) -> Self {
        self.inboxes = inboxes;
        self
    }
}
