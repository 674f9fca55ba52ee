//! Who asks: the environment that a key acts on and what it may do there. What a key may not see is not there for it.

use std::sync::Arc;

use super::{OpError, Operations};
use crate::domain::id::{ApplicationId, EnvironmentId};
use crate::domain::key::{self, API_KEY_BYTES_MAX, Scope};
use crate::store::Routes;

/// What a key opens.
#[derive(Clone, Copy, Debug)]
pub struct Access {
    /// The environment that it acts on.
    pub environment_id: EnvironmentId,
    /// What it may do.
    pub scope: Scope,
}

impl Access {
    /// Whether nouns of this application may be seen.
    pub fn sees(&self, application: ApplicationId) -> bool {
        match self.scope {
            Scope::Admin | Scope::Environment => true,
            Scope::Application(own) => own == application,
        }
    }

    /// Whether it reaches beyond one application.
    pub fn is_environment_wide(&self) -> bool {
        matches!(self.scope, Scope::Admin | Scope::Environment)
    }

    /// Refuses every key but an admin's what concerns environments and keys.
    pub(super) fn require_admin(&self) -> Result<(), OpError> {
        if self.scope == Scope::Admin { Ok(()) } else { Err(OpError::AdminOnly) }
    }

    /// Refuses a key of one application what is the environment's business.
    pub(super) fn require_environment(&self, to_do: &'static str) -> Result<(), OpError> {
        if self.is_environment_wide() { Ok(()) } else { Err(OpError::Forbidden(to_do)) }
    }
}

impl Operations {
    /// What the key with this text opens.
    ///
    /// # Errors
    /// When it is unknown or has ended, or the store can't be read.
    pub async fn authenticate(&self, text: &str) -> Result<Access, OpError> {
        if text.is_empty() || text.len() > API_KEY_BYTES_MAX {
            return Err(OpError::Unauthenticated);
        }
        let found = self.store.api_key(key::hash(text)).await?;
        let valid = found.filter(|key| key.is_valid(self.store.now())).ok_or(OpError::Unauthenticated)?;
        Ok(Access { environment_id: valid.environment_id, scope: valid.scope })
    }

    /// The application with this id or uid and where its messages go.
    ///
    /// # Errors
    /// When there is none that `access` may see, or the store can't be read.
    pub async fn routes(&self, access: &Access, id_or_uid: &str) -> Result<Arc<Routes>, OpError> {
        let missing = OpError::NotFound("application");
        let id = match ApplicationId::parse(id_or_uid) {
            Some(id) => id,
            None => {
                let uid = id_or_uid.to_owned();
                self.store.application_id_by_uid(access.environment_id, uid).await?.ok_or(missing.clone())?
            }
        };
        let routes = self.store.routes(id).await?.ok_or(missing.clone())?;
        let visible = routes.application.environment_id == access.environment_id && access.sees(id);
        if visible { Ok(routes) } else { Err(missing) }
    }
}
