//! Every change that a person or a program can ask for, and what they may see: the only door to the store for the
//! API, the dashboard and the command line. It checks who asks and what is asked; it knows no HTTP, no JSON shapes
//! and no SQL.

mod access;
mod applications;
mod attempts;
mod catalogue;
mod check;
mod endpoints;
mod environments;
mod error;
mod event_types;
mod examples;
mod idempotency;
mod integrations;
mod keys;
mod made;
mod messages;
mod recovery;
mod schedules;
mod shipengine;
mod statistics;
mod test_attempts;
mod why;

pub use access::Access;
pub use endpoints::SecretRotation;
pub use error::OpError;
pub use examples::NewExample;
pub use keys::{NewKey, ShownKey, WantedScope};
pub use made::Made;
pub use messages::NewMessage;
pub use recovery::Task;
pub use shipengine::{Webhook, WebhookChange};
pub use test_attempts::{Reporting, TESTS_IN_FLIGHT_MAX, TestAttempt, TestSender};
pub use why::Why;

pub use crate::store::{
    ApplicationFilter, AttemptsPage, DestinedFilter, DestinedPlace, IdempotencyKey, Listed, MessagesPage, Page, Route,
    Routes, Statistics, StoreError, Walked,
};

use std::sync::Arc;

use crate::domain::target::TargetPolicy;
use crate::store::Store;
use test_attempts::TestsInFlight;

/// The operations, on one store.
pub struct Operations {
    store: Arc<Store>,
    policy: Arc<TargetPolicy>,
    test_sender: Option<Arc<dyn TestSender>>,
    tests_in_flight: TestsInFlight,
}

impl Operations {
    /// Operations on `store`; endpoints may be where `policy` allows.
    pub fn new(store: Arc<Store>, policy: Arc<TargetPolicy>) -> Self {
        Self { store, policy, test_sender: None, tests_in_flight: TestsInFlight::default() }
    }
}
