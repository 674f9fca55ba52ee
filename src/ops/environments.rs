//! What can be asked of environments, by admin keys alone.

use super::applications::key_reused;
use super::{Access, IdempotencyKey, Listed, Made, OpError, Operations, Page, check};
use crate::domain::application::Application;
use crate::domain::audit::{Action, Deed, differing};
use crate::domain::environment::{ENVIRONMENTS_MAX, Environment, EnvironmentChange};
use crate::domain::id::{EnvironmentId, Id};
use crate::domain::name;
use crate::store::{Deleted, Inserted};

const MISSING: OpError = OpError::NotFound("environment");

fn check(change: &EnvironmentChange) -> Result<(), OpError> {
    check::text("name", "name", change.name.as_ref(), name::application_name)
}

/// What a change makes of an environment, if it makes anything of it.
fn differences(before: &Environment, after: &Environment) -> Option<Deed> {
    let (old, new) = (&before.settings, &after.settings);
    let names = differing([
        ("name", before.name != after.name),
        ("type", before.environment_type != after.environment_type),
        ("preset", old.preset != new.preset),
        ("retry schedule", old.retry_schedule != new.retry_schedule),
        ("envelope", old.envelope != new.envelope),
        (
            "one endpoint for each event type",
            old.endpoint_rules.one_for_each_event_type != new.endpoint_rules.one_for_each_event_type,
        ),
        ("https only", old.endpoint_rules.https_only != new.endpoint_rules.https_only),
        ("heeds answers", old.heeds_answers != new.heeds_answers),
        ("checks schemas", old.checks_schemas != new.checks_schemas),
    ]);
    (!names.is_empty()).then(|| Deed::new(Action::EnvironmentChanged, before.id).with(&names))
}

/// Why an admin key, or the environment that it belongs to, has to stay.
pub(super) fn last_admin_key() -> OpError {
    let why = "no admin key without an end would be left, and nobody could manage this server: make another one first";
    OpError::conflict("last_admin_key", why)
}

impl Operations {
    /// The environment that `access` acts on.
    ///
    /// # Errors
    /// When it is gone, or the store can't be read.
    pub async fn own_environment(&self, access: &Access) -> Result<Environment, OpError> {
        self.store.environment(access.environment_id).await?.ok_or(OpError::NotFound("environment"))
    }

    /// A part of all environments.
    ///
    /// # Errors
    /// When `access` is not an admin's, or the store can't be read.
    pub async fn list_environments(
        &self,
        access: &Access,
        page: Page<EnvironmentId>,
    ) -> Result<Listed<Environment>, OpError> {
        access.require_admin()?;
        Ok(self.store.environments(page).await?)
    }

    /// The environment with this id.
    ///
    /// # Errors
    /// When there is none, `access` is not an admin's, or the store can't be read.
    pub async fn environment(&self, access: &Access, id: &str) -> Result<Environment, OpError> {
        access.require_admin()?;
        let id = EnvironmentId::parse(id).ok_or(MISSING)?;
        self.store.environment(id).await?.ok_or(MISSING)
    }

    /// Makes an environment with its first application. It has no key yet.
    ///
    /// # Errors
    /// When `access` is not an admin's, it can't be made as it is wanted, or the store could not.
    pub async fn create_environment(
        &self,
        access: &Access,
        change: EnvironmentChange,
        key: Option<IdempotencyKey>,
    ) -> Result<Made<Environment>, OpError> {
        access.require_admin()?;
        check(&change)?;
        let now = self.store.now();
        let environment = Environment::blank(self.store.next_id(), now).changed(&change, now);
        let application = Application::first(self.store.next_id(), environment.id, now);
        let asker = access.environment_id;
        let deed = Deed::new(Action::EnvironmentCreated, environment.id).with(&environment.name);
        let store = self.noting(access, deed).await?;
        match store.insert_environment(environment.clone(), application, asker, key).await? {
            Inserted::New => {
                self.load_catalogue(environment.id, environment.settings.preset).await?;
                Ok(Made::New(environment))
            }
            Inserted::Before(id) => {
                let before = self.store.environment(Id::from_number(id)).await?;
                before.map(Made::Before).ok_or(MISSING)
            }
            Inserted::KeyReused => Err(key_reused()),
            Inserted::Full | Inserted::Taken | Inserted::EventTypeTaken | Inserted::Orphaned => {
                let why = format!("there are at most {ENVIRONMENTS_MAX} environments: delete one that is not needed");
                Err(OpError::conflict("environments_full", why))
            }
        }
    }

    /// Changes the environment with this id. What is sent from now on follows its settings; a delivery that waits for
    /// its next attempt keeps its time.
    ///
    /// # Errors
    /// When there is none, `access` is not an admin's, it can't be as it is wanted, or the store could not.
    pub async fn change_environment(
        &self,
        access: &Access,
        id: &str,
        change: EnvironmentChange,
    ) -> Result<Environment, OpError> {
        let environment = self.environment(access, id).await?;
        check(&change)?;
        let after = environment.clone().changed(&change, environment.updated_at);
        let store = self.noting_in(environment.id, access, differences(&environment, &after)).await?;
        store.update_environment(environment.id, change).await?.ok_or(MISSING)
    }

    /// Deletes the environment with this id and all that it has; what waits for its endpoints is cancelled.
    ///
    /// # Errors
    /// When there is none, `access` is not an admin's, it has to stay, or the store could not.
    pub async fn delete_environment(&self, access: &Access, id: &str) -> Result<(), OpError> {
        let environment = self.environment(access, id).await?;
        if environment.id == access.environment_id {
            let why = "this is the environment of the API key that asks: use an admin key of another one";
            return Err(OpError::conflict("environment_own", why));
        }
        let deed = Deed::new(Action::EnvironmentDeleted, environment.id).with(&environment.name);
        match self.noting(access, deed).await?.delete_environment(environment.id).await? {
            Deleted::Done => Ok(()),
            Deleted::Missing => Err(MISSING),
            Deleted::LastAdminKey => Err(last_admin_key()),
            Deleted::Default => {
                let why = "this is the default environment, which stays: delete its applications instead";
                Err(OpError::conflict("environment_default", why))
            }
        }
    }
}
