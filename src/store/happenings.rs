//! Tells those who look on what has just been committed. It costs nothing while nobody does, and never waits for
//! anyone: who is too slow learns only that something has happened.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::broadcast;

use super::Store;
use super::committer::Notice;
use crate::domain::happening::{Happening, HappeningKind};
use crate::domain::id::{ApplicationId, EndpointId};

/// Happenings that are kept for those who look on and have not seen them yet.
const HAPPENINGS_KEPT: usize = 1_024;

/// Applications whose figures have changed and that the other nodes have not been told of; there they stand for all.
const UNTOLD_MAX: usize = 200;

/// Where what has happened is told.
#[derive(Clone)]
pub(super) struct Happenings {
    here: broadcast::Sender<Happening>,
    /// Whose figures have changed since the other nodes were told, where there may be others.
    untold: Option<Arc<Mutex<BTreeSet<ApplicationId>>>>,
}

impl Happenings {
    /// `shared` is whether other nodes may want to know.
    pub(super) fn new(shared: bool) -> Self {
        Self { here: broadcast::Sender::new(HAPPENINGS_KEPT), untold: shared.then(Arc::default) }
    }

    fn tell(&self, kind: HappeningKind, application_id: ApplicationId, endpoint_id: Option<EndpointId>) {
        // The last who looked on may have gone meanwhile.
        self.here.send(Happening { kind, application_id: Some(application_id), endpoint_id }).ok();
    }

    /// Tells what the engine is told, as far as it is of interest to people.
    pub(super) fn noticed(&self, notices: &[Notice]) {
        if self.here.receiver_count() == 0 {
            return;
        }
        for notice in notices {
            match notice {
                Notice::Accepted { message, .. } => self.tell(HappeningKind::Accepted, message.application_id, None),
                Notice::Recorded { delivery, .. } => {
                    self.tell(HappeningKind::Attempted, delivery.application_id, Some(delivery.endpoint_id));
                }
                Notice::Waiting { .. }
                | Notice::Changed { .. }
                | Notice::Rests { .. }
                | Notice::LookAgain
                | Notice::Lost => {}
            }
        }
    }

    /// Tells that the figures of these applications have changed; they are asked for only if somebody looks on.
    pub(super) fn counted(&self, applications: impl FnOnce() -> BTreeSet<ApplicationId>) {
        let watched = self.here.receiver_count() > 0;
        if !watched && self.untold.is_none() {
            return;
        }
        let applications = applications();
        if watched {
            applications.iter().for_each(|id| self.tell(HappeningKind::Counted, *id, None));
        }
        if let Some(untold) = &self.untold {
            let mut untold = untold.lock().unwrap_or_else(PoisonError::into_inner);
            let room = UNTOLD_MAX.saturating_sub(untold.len());
            untold.extend(applications.into_iter().take(room));
        }
    }

    /// Tells those who look on here that the figures of these applications have changed at another node.
    pub(super) fn counted_elsewhere(&self, applications: &[ApplicationId]) {
        applications.iter().for_each(|id| self.tell(HappeningKind::Counted, *id, None));
    }

    /// Whose figures have changed since this was asked last.
    pub(super) fn take_untold(&self) -> Vec<ApplicationId> {
        let untold = self.untold.as_ref().map(|untold| untold.lock().unwrap_or_else(PoisonError::into_inner));
        untold.map(|mut untold| std::mem::take(&mut *untold).into_iter().collect()).unwrap_or_default()
    }

    /// Tells that an application, or something of it, has changed.
    pub(super) fn changed(&self, application_id: ApplicationId) {
        self.tell(HappeningKind::Changed, application_id, None);
    }
}

impl Store {
    /// What happens from now on, in every environment.
    pub fn happenings(&self) -> broadcast::Receiver<Happening> {
        self.happenings.here.subscribe()
    }
}
