//! Every change that a person or a program can ask for, and what they may see: the only door to the store for the
//! API, the dashboard and the command line. It checks who asks and what is asked; it knows no HTTP, no JSON shapes
//! and no SQL.

mod access;
mod applications;
mod attempts;
mod check;
mod endpoints;
mod error;
mod event_types;
mod examples;
mod idempotency;
mod made;
mod messages;
mod recovery;
mod statistics;

pub use access::Access;
pub use endpoints::SecretRotation;
pub use error::OpError;
pub use examples::NewExample;
pub use made::Made;
pub use messages::NewMessage;
pub use recovery::Task;

pub use crate::store::{
    ApplicationFilter, AttemptsPage, DestinedFilter, DestinedPlace, IdempotencyKey, Listed, MessagesPage, Page, Route,
    Statistics, StoreError, Walked,
};

use std::sync::Arc;

use crate::domain::target::TargetPolicy;
use crate::store::Store;

/// The operations, on one store.
pub struct Operations {
    store: Arc<Store>,
    policy: Arc<TargetPolicy>,
}

impl Operations {
    /// Operations on `store`; endpoints may be where `policy` allows.
    pub fn new(store: Arc<Store>, policy: Arc<TargetPolicy>) -> Self {
        Self { store, policy }
    }
}
