//! What happens, as it happens, for those who look on: each sees what it may see, and nothing waits for anyone.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;

use super::{Access, Operations};
use crate::domain::happening::{Happening, HappeningKind};
use crate::store::Store;

/// How long somebody is not woken again after something that is not for them. Where one application is busy, all that
/// look at others would otherwise be woken for each of its messages, and whoever writes would pay for it.
const REST: Duration = Duration::from_millis(100);

/// What happens from now on.
pub struct Happenings {
    told: broadcast::Receiver<Happening>,
    store: Arc<Store>,
    access: Access,
    /// What was told last, until it is known whether it may be seen.
    taken: Option<Happening>,
}

impl Happenings {
    /// The next thing that happens; `None` when nothing ever will. Who asks too seldom is told once that something has
    /// changed, and goes on from there. May be given up while it waits, and loses nothing.
    pub async fn next(&mut self) -> Option<Happening> {
        loop {
            let happening = match self.taken {
                Some(taken) => taken,
                None => match self.told.recv().await {
                    Ok(happening) => happening,
                    Err(RecvError::Lagged(_)) => {
                        let kind = HappeningKind::Changed;
                        return Some(Happening { kind, application_id: None, endpoint_id: None });
                    }
                    Err(RecvError::Closed) => return None,
                },
            };
            self.taken = Some(happening);
            let sees = self.sees(&happening).await;
            self.taken = None;
            if sees {
                return Some(happening);
            }
            if self.told.is_empty() {
                tokio::time::sleep(REST).await;
            }
        }
    }

    /// Passes over what has happened up to now.
    pub fn skip(&mut self) {
        self.told = self.told.resubscribe();
    }

    /// Whether it happened where the access reaches; what is of an application that is gone is nobody's.
    async fn sees(&self, happening: &Happening) -> bool {
        let Some(application_id) = happening.application_id else {
            return true;
        };
        if !self.access.sees(application_id) {
            return false;
        }
        let routes = self.store.routes(application_id).await.ok().flatten();
        routes.is_some_and(|routes| routes.application.environment_id == self.access.environment_id)
    }
}

impl Operations {
    /// What happens from now on where `access` reaches.
    pub fn happenings(&self, access: &Access) -> Happenings {
        Happenings { told: self.store.happenings(), store: self.store.clone(), access: access.clone(), taken: None }
    }
}
