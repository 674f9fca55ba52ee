//! What can be asked of API keys, by admin keys alone. The text of a key is known here only while it is being made.

use std::time::Duration;

use zeroize::Zeroizing;

use super::applications::key_reused;
use super::environments::last_admin_key;
use super::{Access, IdempotencyKey, Listed, OpError, Operations, Page, check};
use crate::domain::audit::{Action, Deed};
use crate::domain::id::{ApiKeyId, EnvironmentId, Id};
use crate::domain::key::{self, API_KEY_GRACE_MAX, API_KEYS_PER_ENVIRONMENT_MAX, ApiKey, Scope};
use crate::domain::name;
use crate::store::{Expired, Inserted, StoreError};

const MISSING: OpError = OpError::NotFound("API key");

/// What a new key is to open.
#[derive(Clone, Debug)]
pub enum WantedScope {
    /// Everything, in every environment.
    Admin,
    /// Everything in its environment.
    Environment,
    /// The application with this id or uid.
    Application(String),
}

/// What a new key is to be.
#[derive(Clone, Debug)]
pub struct NewKey {
    /// What people call it.
    pub name: String,
    /// What it opens.
    pub scope: WantedScope,
}

/// A key with its text, which nobody can read again.
pub struct ShownKey {
    /// The key.
    pub key: ApiKey,
    /// Its text.
    pub text: Zeroizing<String>,
}

/// The text of a new key.
pub(super) fn new_text() -> Result<Zeroizing<String>, OpError> {
    let text = key::generate().map_err(|error| StoreError::Unavailable(error.to_string()))?;
    Ok(Zeroizing::new(text))
}

/// Something that is done to a key.
pub(super) fn deed(action: Action, key: &ApiKey) -> Deed {
    let (opens, application_id) = match key.scope {
        Scope::Admin => ("opens everything", None),
        Scope::Environment => ("opens the environment", None),
        Scope::Application(id) => ("opens the application", Some(id)),
    };
    Deed::new(action, key.id).of(application_id).with(format_args!("{} ({}…) {opens}", key.name, key.shown))
}

impl Operations {
    /// A part of the keys of an environment, also those that have ended lately.
    ///
    /// # Errors
    /// When there is no such environment, `access` is not an admin's, or the store can't be read.
    pub async fn list_keys(
        &self,
        access: &Access,
        environment: &str,
        page: Page<ApiKeyId>,
    ) -> Result<Listed<ApiKey>, OpError> {
        let environment = self.environment(access, environment).await?;
        Ok(self.store.api_keys(environment.id, None, page).await?)
    }

    /// The key of an environment with this id.
    ///
    /// # Errors
    /// When there is none, `access` is not an admin's, or the store can't be read.
    pub async fn key(&self, access: &Access, environment: &str, id: &str) -> Result<ApiKey, OpError> {
        let environment = self.environment(access, environment).await?;
        let id = ApiKeyId::parse(id).ok_or(MISSING)?;
        self.store.api_key_by_id(environment.id, id).await?.ok_or(MISSING)
    }

    /// Makes a key of an environment, and shows its text this once: a repeat of the request is told which key it made.
    ///
    /// # Errors
    /// When there is no such environment or application, `access` is not an admin's, the key can't be as it is wanted,
    /// or the store could not.
    pub async fn create_key(
        &self,
        access: &Access,
        environment: &str,
        wanted: NewKey,
        idempotency_key: Option<IdempotencyKey>,
    ) -> Result<ShownKey, OpError> {
        let environment = self.environment(access, environment).await?;
        let scope = match &wanted.scope {
            WantedScope::Admin => Scope::Admin,
            WantedScope::Environment => Scope::Environment,
            WantedScope::Application(id_or_uid) => {
                let there = Access::new(environment.id, Scope::Environment);
                Scope::Application(self.application(&there, id_or_uid).await?.id)
            }
        };
        self.make_key(access, environment.id, scope, wanted.name, idempotency_key).await
    }

    /// Makes a key with this scope, for whoever was found to be allowed it.
    pub(super) async fn make_key(
        &self,
        access: &Access,
        environment_id: EnvironmentId,
        scope: Scope,
        name: String,
        idempotency_key: Option<IdempotencyKey>,
    ) -> Result<ShownKey, OpError> {
        check::text("name", "name", Some(&name), name::application_name)?;
        let text = new_text()?;
        let now = self.store.now();
        let key = ApiKey::new(self.store.next_id(), environment_id, scope, name, &text, now);
        let deed = deed(Action::KeyCreated, &key);
        let store = self.noting_in(environment_id, access, deed).await?;
        match store.insert_key(key.clone(), access.environment_id, idempotency_key).await? {
            Inserted::New => Ok(ShownKey { key, text }),
            Inserted::Before(id) => {
                let id: ApiKeyId = Id::from_number(id);
                let why = format!("this request made {id} before, and a key is shown once: expire it and make another");
                Err(OpError::conflict("key_made_before", why))
            }
            Inserted::KeyReused => Err(key_reused()),
            Inserted::Orphaned => Err(OpError::NotFound("environment")),
            Inserted::Full | Inserted::Taken | Inserted::EventTypeTaken => {
                let why = format!("an environment has at most {API_KEYS_PER_ENVIRONMENT_MAX} keys: expire some first");
                Err(OpError::conflict("keys_full", why))
            }
        }
    }

    /// Lets the key of an environment with this id end after `grace`, if it does not end sooner.
    ///
    /// # Errors
    /// When there is none, `access` is not an admin's, it is the last of its kind, or the store could not.
    pub async fn expire_key(
        &self,
        access: &Access,
        environment: &str,
        id: &str,
        grace: Duration,
    ) -> Result<(), OpError> {
        let key = self.key(access, environment, id).await?;
        if grace > API_KEY_GRACE_MAX {
            let why = format!("must be at most {} seconds", API_KEY_GRACE_MAX.as_secs());
            return Err(OpError::invalid("expiry", "expiry", why));
        }
        let end = self.store.now().plus(grace);
        let store = self.noting_in(key.environment_id, access, deed(Action::KeyRevoked, &key)).await?;
        match store.expire_key(key.environment_id, key.id, end).await? {
            Expired::Done => Ok(()),
            Expired::Missing => Err(MISSING),
            Expired::LastAdminKey => Err(last_admin_key()),
        }
    }
}
