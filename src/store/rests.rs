//! Which endpoints are left in peace for a while because they failed again and again: as the engine decided, here or at
//! another node. In memory only, so that pages can say so; who starts anew finds out by itself.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::Store;
use super::error::StoreError;
use super::news::News;
use crate::domain::endpoint::Rest;
use crate::domain::id::EndpointId;

/// The endpoints that rest.
#[derive(Clone, Default)]
pub(super) struct Rests(Arc<Mutex<HashMap<EndpointId, Rest>>>);

impl Rests {
    fn all(&self) -> MutexGuard<'_, HashMap<EndpointId, Rest>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// This endpoint rests, or rests no longer.
    pub(super) fn set(&self, endpoint_id: EndpointId, rest: Option<Rest>) {
        match rest {
            Some(rest) => self.all().insert(endpoint_id, rest),
            None => self.all().remove(&endpoint_id),
        };
    }
}

impl Store {
    /// How this endpoint rests, if it does.
    pub fn rest(&self, endpoint_id: EndpointId) -> Option<Rest> {
        self.memory.rests.all().get(&endpoint_id).copied()
    }

    /// How many endpoints rest.
    pub fn resting(&self) -> usize {
        self.memory.rests.all().len()
    }

    /// Remembers that an endpoint rests, or rests no longer, and tells the other nodes, if there are any.
    ///
    /// # Errors
    /// When they could not be told: then each of them finds out by itself.
    pub async fn tell_rest(&self, endpoint_id: EndpointId, rest: Option<Rest>) -> Result<(), StoreError> {
        self.memory.rests.set(endpoint_id, rest);
        if self.nodes_live() < 2 {
            return Ok(());
        }
        let (epoch, now) = (self.epoch(), self.now());
        let told = rest.map(|rest| (rest.until.since(now), rest.failures));
        let news = News::Rests { endpoint_id, rest: told };
        self.committer.write(move |connection| news.tell(connection, epoch), |(), _| {}).await
    }
}
