//! What the store remembers of what it has read: routes, keys, uids and schemas. It forgets what news say is no longer so,
//! whether they come from this node or from another.

use std::sync::Arc;

use super::cache::Cache;
use super::news::News;
use super::rests::Rests;
use super::routing::Routes;
use super::schemas::KnownSchema;
use crate::domain::id::{ApplicationId, EnvironmentId};
use crate::domain::key::{ApiKey, KeyHash};

/// Applications and endpoints whose routes are remembered.
const ROUTES_REMEMBERED_MAX: u64 = 200_000;
/// API keys and uids that are remembered.
const NAMES_REMEMBERED_MAX: u64 = 50_000;
/// Schemas that are remembered; a large one counts for several.
const SCHEMAS_REMEMBERED_MAX: u64 = 4_096;

/// Everything that is remembered.
#[derive(Clone)]
pub(super) struct Memory {
    pub(super) routes: Arc<Cache<ApplicationId, Routes>>,
    pub(super) application_ids: Arc<Cache<(EnvironmentId, String), ApplicationId>>,
    pub(super) keys: Arc<Cache<KeyHash, ApiKey>>,
    pub(super) schemas: Arc<Cache<(EnvironmentId, String), KnownSchema>>,
    pub(super) rests: Rests,
}

impl Memory {
    /// One that remembers nothing yet.
    pub(super) fn new() -> Self {
        Self {
            routes: Arc::new(Cache::new(ROUTES_REMEMBERED_MAX)),
            application_ids: Arc::new(Cache::new(NAMES_REMEMBERED_MAX)),
            keys: Arc::new(Cache::new(NAMES_REMEMBERED_MAX)),
            schemas: Arc::new(Cache::new(SCHEMAS_REMEMBERED_MAX)),
            rests: Rests::default(),
        }
    }

    /// Forgets what these news make stale.
    pub(super) fn forget(&self, news: &News) {
        match news {
            News::Application { id, stale } => {
                self.routes.forget(id);
                if let Some(uid) = &stale.uid {
                    self.application_ids.forget(uid);
                }
                if stale.keys {
                    self.keys.forget_all();
                }
            }
            News::EventTypes { environment_id, routes_too } => {
                self.schemas.forget_where(|(environment, _), _| environment == environment_id);
                if *routes_too {
                    self.routes.forget_where(|_, routes| routes.environment.id == *environment_id);
                }
            }
            News::Key(hash) => self.keys.forget(hash),
            News::Everything(_) => self.forget_all(),
            News::Counted(_) | News::Left | News::Turn(_) | News::Rests { .. } => {}
        }
    }

    /// Forgets everything.
    pub(super) fn forget_all(&self) {
        self.routes.forget_all();
        self.application_ids.forget_all();
        self.keys.forget_all();
        self.schemas.forget_all();
    }
}
