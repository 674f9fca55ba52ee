//! Who asks: the environment that a key acts on and what it may do there. What a key may not see is not there for it.

use std::net::IpAddr;
use std::sync::Arc;

use super::{Caller, OpError, Operations};
use crate::domain::event_type::EventType;
use crate::domain::id::{ApplicationId, EnvironmentId};
use crate::domain::key::{self, API_KEY_BYTES_MAX, ApiKey, Scope};
use crate::domain::session::{PORTAL_TOKEN_PREFIX, Session};
use crate::store::{Reach, Routes};

/// What a key or a session opens.
#[derive(Clone, Debug)]
pub struct Access {
    /// The environment that it acts on.
    pub environment_id: EnvironmentId,
    /// What it may do.
    pub scope: Scope,
    /// Whether it may only look, and at no secret.
    pub read_only: bool,
    /// The feature flags of a consumer; `None` is whoever sees every event type.
    pub feature_flags: Option<Arc<[String]>>,
    /// For whom it acts.
    pub caller: Caller,
    /// From where it is asked, if that is known.
    pub address: Option<IpAddr>,
}

impl From<&Session> for Access {
    fn from(session: &Session) -> Self {
        let grant = session.grant.clone();
        let feature_flags = grant.feature_flags.map(Into::into);
        let caller = Caller::Session { key: session.key, name: session.name.as_deref().map(Into::into) };
        let read_only = grant.read_only;
        Self { feature_flags, read_only, caller, ..Self::new(grant.environment_id, grant.scope) }
    }
}

impl Access {
    /// All that a key with this scope opens, for Cornet itself.
    pub fn new(environment_id: EnvironmentId, scope: Scope) -> Self {
        Self { environment_id, scope, read_only: false, feature_flags: None, caller: Caller::Cornet, address: None }
    }

    /// Whether an event type is there for it.
    pub fn sees_event_type(&self, event_type: &EventType) -> bool {
        let flags = &event_type.feature_flags;
        flags.is_empty() || self.feature_flags.as_ref().is_none_or(|own| flags.iter().any(|flag| own.contains(flag)))
    }

    /// Refuses whoever may only look.
    ///
    /// # Errors
    /// When that is so.
    pub fn require_writing(&self) -> Result<(), OpError> {
        if self.read_only { Err(OpError::ReadOnly) } else { Ok(()) }
    }

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

    /// What of its environment it sees.
    pub(super) fn reach(&self) -> Reach {
        let application_id = match self.scope {
            Scope::Admin | Scope::Environment => None,
            Scope::Application(own) => Some(own),
        };
        Reach { environment_id: self.environment_id, application_id }
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
    /// What the key with this text opens, or the token of the portal.
    ///
    /// # Errors
    /// When it is unknown or has ended, or the store can't be read.
    pub async fn authenticate(&self, text: &str) -> Result<Access, OpError> {
        if text.starts_with(PORTAL_TOKEN_PREFIX) {
            match Box::pin(self.session_of(text)).await {
                // A key that an operator brought may begin with anything.
                Err(OpError::Unauthenticated) => {}
                session => return Ok(Access::from(&session?)),
            }
        }
        let key = self.valid_key(text).await?;
        Ok(Access { caller: Caller::Key(key.clone()), ..Access::new(key.environment_id, key.scope) })
    }

    /// The key with this text.
    pub(super) async fn valid_key(&self, text: &str) -> Result<Arc<ApiKey>, OpError> {
        if text.is_empty() || text.len() > API_KEY_BYTES_MAX {
            return Err(OpError::Unauthenticated);
        }
        let found = self.store.api_key(key::hash(text)).await?;
        found.filter(|key| key.is_valid(self.store.now())).ok_or(OpError::Unauthenticated)
    }

    /// What `access` sees, or what it sees of one application.
    pub(super) async fn reach(&self, access: &Access, application: Option<&str>) -> Result<Reach, OpError> {
        let mut reach = access.reach();
        if let Some(application) = application {
            reach.application_id = Some(self.routes(access, application).await?.application.id);
        }
        Ok(reach)
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
