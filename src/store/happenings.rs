//! Tells those who look on what has just been committed. It costs nothing while nobody does, and never waits for
//! anyone: who is too slow learns only that something has happened.

use std::collections::BTreeSet;

use tokio::sync::broadcast;

use super::Store;
use super::committer::Notice;
use crate::domain::happening::{Happening, HappeningKind};
use crate::domain::id::{ApplicationId, EndpointId};

/// Happenings that are kept for those who look on and have not seen them yet.
const HAPPENINGS_KEPT: usize = 1_024;

/// Where what has happened is told.
#[derive(Clone)]
pub(super) struct Happenings(broadcast::Sender<Happening>);

impl Happenings {
    pub(super) fn new() -> Self {
        Self(broadcast::Sender::new(HAPPENINGS_KEPT))
    }

    fn tell(&self, kind: HappeningKind, application_id: ApplicationId, endpoint_id: Option<EndpointId>) {
        // The last who looked on may have gone meanwhile.
        self.0.send(Happening { kind, application_id: Some(application_id), endpoint_id }).ok();
    }

    /// Tells what the engine is told, as far as it is of interest to people.
    pub(super) fn noticed(&self, notices: &[Notice]) {
        if self.0.receiver_count() == 0 {
            return;
        }
        for notice in notices {
            match notice {
                Notice::Accepted { message, .. } => self.tell(HappeningKind::Accepted, message.application_id, None),
                Notice::Recorded { delivery, .. } => {
                    self.tell(HappeningKind::Attempted, delivery.application_id, Some(delivery.endpoint_id));
                }
                Notice::Waiting { .. } => {}
            }
        }
    }

    /// Tells that the figures of these applications have changed; they are asked for only if somebody looks on.
    pub(super) fn counted(&self, applications: impl FnOnce() -> BTreeSet<ApplicationId>) {
        if self.0.receiver_count() > 0 {
            applications().into_iter().for_each(|id| self.tell(HappeningKind::Counted, id, None));
        }
    }

    /// Tells that an application, or something of it, has changed.
    pub(super) fn changed(&self, application_id: ApplicationId) {
        self.tell(HappeningKind::Changed, application_id, None);
    }
}

impl Store {
    /// What happens from now on, in every environment.
    pub fn happenings(&self) -> broadcast::Receiver<Happening> {
        self.happenings.0.subscribe()
    }
}
