//! What can be asked of integrations: the keys of one application that have no end. A key of the application itself
//! can't make or see others.

use super::keys::{deed, new_text};
use super::{Access, IdempotencyKey, Listed, OpError, Operations, Page, ShownKey, check};
use crate::domain::audit::Action;
use crate::domain::id::{ApiKeyId, ApplicationId};
use crate::domain::key::{self, ApiKey, Scope};
use crate::domain::name;
use crate::store::KeyChange;

const MISSING: OpError = OpError::NotFound("integration");

impl Operations {
    /// The application whose integrations are managed.
    async fn integrated(&self, access: &Access, application: &str) -> Result<ApplicationId, OpError> {
        let application = self.application(access, application).await?;
        access.require_environment("manage integrations")?;
        Ok(application.id)
    }

    /// A part of the application's integrations.
    ///
    /// # Errors
    /// When there is no such application that `access` may manage, or the store can't be read.
    pub async fn list_integrations(
        &self,
        access: &Access,
        application: &str,
        page: Page<ApiKeyId>,
    ) -> Result<Listed<ApiKey>, OpError> {
        let application = self.integrated(access, application).await?;
        Ok(self.store.api_keys(access.environment_id, Some(application), page).await?)
    }

    /// The application's integration with this id.
    ///
    /// # Errors
    /// When there is none that `access` may manage, or the store can't be read.
    pub async fn integration(&self, access: &Access, application: &str, id: &str) -> Result<ApiKey, OpError> {
        let application = self.integrated(access, application).await?;
        let id = ApiKeyId::parse(id).ok_or(MISSING)?;
        let found = self.store.api_key_by_id(access.environment_id, id).await?;
        let is_own = |key: &ApiKey| key.scope == Scope::Application(application) && key.expires_at.is_none();
        found.filter(is_own).ok_or(MISSING)
    }

    /// Makes an integration, and shows its key this once.
    ///
    /// # Errors
    /// When there is no such application that `access` may manage, it can't be made, or the store could not.
    pub async fn create_integration(
        &self,
        access: &Access,
        application: &str,
        name: String,
        idempotency_key: Option<IdempotencyKey>,
    ) -> Result<ShownKey, OpError> {
        let scope = Scope::Application(self.integrated(access, application).await?);
        self.make_key(access, access.environment_id, scope, name, idempotency_key).await
    }

    /// Gives an integration another name.
    ///
    /// # Errors
    /// When there is none that `access` may manage, the name can't be taken, or the store could not.
    pub async fn rename_integration(
        &self,
        access: &Access,
        application: &str,
        id: &str,
        name: String,
    ) -> Result<ApiKey, OpError> {
        let integration = self.integration(access, application, id).await?;
        check::text("name", "name", Some(&name), name::application_name)?;
        let change = KeyChange::Name(name);
        let store = self.noting(access, deed(Action::KeyChanged, &integration)).await?;
        store.change_key(access.environment_id, integration.id, change).await?.ok_or(MISSING)
    }

    /// Gives an integration a new key and shows it this once; the one before is refused from now on.
    ///
    /// # Errors
    /// When there is none that `access` may manage, or the store could not.
    pub async fn rotate_integration(&self, access: &Access, application: &str, id: &str) -> Result<ShownKey, OpError> {
        let integration = self.integration(access, application, id).await?;
        let text = new_text()?;
        let change = KeyChange::Text(key::hash(&text), key::shown(&text));
        let store = self.noting(access, deed(Action::KeyChanged, &integration)).await?;
        let key = store.change_key(access.environment_id, integration.id, change).await?.ok_or(MISSING)?;
        Ok(ShownKey { key, text })
    }

    /// Deletes an integration, whose key is refused from now on.
    ///
    /// # Errors
    /// When there is none that `access` may manage, or the store could not.
    pub async fn delete_integration(&self, access: &Access, application: &str, id: &str) -> Result<(), OpError> {
        let integration = self.integration(access, application, id).await?;
        let store = self.noting(access, deed(Action::KeyRevoked, &integration)).await?;
        let gone = store.change_key(access.environment_id, integration.id, KeyChange::Gone).await?;
        gone.map(|_| ()).ok_or(MISSING)
    }
}
