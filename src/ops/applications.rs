//! What can be asked of applications. A key of one application sees that one alone and can't change it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::{Access, ApplicationFilter, IdempotencyKey, Listed, Made, OpError, Operations, Page, check};
use crate::domain::application::{Application, ApplicationChange};
use crate::domain::audit::{Action, Deed, differing};
use crate::domain::id::{ApplicationId, Id};
use crate::domain::key::Scope;
use crate::domain::name;
use crate::store::{Inserted, Routes, Updated};

const MISSING: OpError = OpError::NotFound("application");
const TO_DO: &str = "make, change or delete applications";

fn taken() -> OpError {
    OpError::conflict("uid_taken", "another application has this uid: choose another, or change that one")
}

pub(super) fn key_reused() -> OpError {
    OpError::conflict("idempotency_key_reused", "this idempotency key came with another request: use a new one")
}

fn check(change: &ApplicationChange) -> Result<(), OpError> {
    check::text("name", "name", change.name.as_ref(), name::application_name)?;
    check::uid(change.uid.as_ref())?;
    check::metadata(change.metadata.as_ref())?;
    check::throttle_rate(change.throttle_rate.as_ref())
}

/// What a change makes of an application, if it makes anything of it.
fn differences(before: &Application, after: &Application) -> Option<Deed> {
    let names = differing([
        ("name", before.name != after.name),
        ("uid", before.uid != after.uid),
        ("metadata", before.metadata != after.metadata),
        ("throttle rate", before.throttle_rate != after.throttle_rate),
    ]);
    let deed = || Deed::new(Action::ApplicationChanged, before.id).of(before.id).with(&names);
    (!names.is_empty()).then(deed)
}

impl Operations {
    /// A part of the applications that `access` may see.
    ///
    /// # Errors
    /// When the store can't be read.
    pub async fn list_applications(
        &self,
        access: &Access,
        filter: ApplicationFilter,
        page: Page<ApplicationId>,
    ) -> Result<Listed<Application>, OpError> {
        match access.scope {
            Scope::Application(own) => {
                let own = self.store.application(own).await?.into_iter().collect::<Vec<_>>();
                Ok(page.pick(&own, |application| application.id))
            }
            Scope::Admin | Scope::Environment => {
                Ok(self.store.applications(access.environment_id, filter, page).await?)
            }
        }
    }

    /// The applications with these ids, by id; one that is gone, or that `access` does not see, is not among them.
    ///
    /// # Errors
    /// When the store can't be read.
    pub async fn applications_of(
        &self,
        access: &Access,
        ids: impl IntoIterator<Item = ApplicationId>,
    ) -> Result<BTreeMap<ApplicationId, Application>, OpError> {
        let mut found = BTreeMap::new();
        for id in ids.into_iter().collect::<BTreeSet<_>>() {
            match self.application(access, &id.to_string()).await {
                Ok(application) => drop(found.insert(id, application)),
                Err(OpError::NotFound(_)) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(found)
    }

    /// The application with this id or uid.
    ///
    /// # Errors
    /// When there is none that `access` may see, or the store can't be read.
    pub async fn application(&self, access: &Access, id_or_uid: &str) -> Result<Application, OpError> {
        Ok(self.routes(access, id_or_uid).await?.application.clone())
    }

    /// Makes an application; with `get_if_exists`, answers the one that has its uid already, as it is.
    ///
    /// # Errors
    /// When it can't be made as it is wanted, or the store could not.
    pub async fn create_application(
        &self,
        access: &Access,
        change: ApplicationChange,
        get_if_exists: bool,
        key: Option<IdempotencyKey>,
    ) -> Result<Made<Application>, OpError> {
        access.require_environment(TO_DO)?;
        check(&change)?;
        let now = self.store.now();
        let application = Application::blank(self.store.next_id(), access.environment_id, now).changed(&change, now);
        let deed = Deed::new(Action::ApplicationCreated, application.id).of(application.id).with(&application.name);
        match self.noting(access, deed).await?.insert_application(application.clone(), key).await? {
            Inserted::New => Ok(Made::New(application)),
            Inserted::Before(id) => {
                let before = self.store.application(Id::from_number(id)).await?;
                before.map(Made::Before).ok_or(MISSING)
            }
            Inserted::KeyReused => Err(key_reused()),
            Inserted::Taken if get_if_exists => {
                let uid = application.uid.unwrap_or_default();
                self.application(access, &uid).await.map(Made::Existing)
            }
            // The environment has just been deleted, and the caller's key with it.
            Inserted::Orphaned => Err(OpError::Unauthenticated),
            Inserted::Taken | Inserted::EventTypeTaken | Inserted::Full => Err(taken()),
        }
    }

    /// The application with this id or uid and where its messages go. When no application has the uid, it is made as
    /// `wanted` says, if that is given.
    ///
    /// # Errors
    /// When there is none that `access` may see, it can't be made as it is wanted, or the store could not.
    pub async fn routes_or_new(
        &self,
        access: &Access,
        id_or_uid: &str,
        wanted: Option<ApplicationChange>,
    ) -> Result<Arc<Routes>, OpError> {
        let found = self.routes(access, id_or_uid).await;
        let Some(mut wanted) = wanted.filter(|_| matches!(found, Err(OpError::NotFound(_)))) else {
            return found;
        };
        if name::uid(id_or_uid).is_err() {
            return found;
        }
        if wanted.uid.take().flatten().is_some_and(|uid| uid != id_or_uid) {
            let field = ["body", "application", "uid"].map(str::to_owned).to_vec();
            let why = "must be the uid in the path, or be left out".to_owned();
            return Err(OpError::Invalid { field, code: "uid_mismatch", why });
        }
        wanted.uid = Some(Some(id_or_uid.to_owned()));
        // In a box, as every posted message comes past here.
        Box::pin(self.create_application(access, wanted, true, None)).await?;
        self.routes(access, id_or_uid).await
    }

    /// Makes the application with this id or uid what `change` says, all of it; makes a new one when no application
    /// has the uid. Ids are never chosen, so an unknown one is not found. The uid in the path stays the application's
    /// unless `change` has another: a repeat must find the same one.
    ///
    /// # Errors
    /// When there is none that `access` may see, it can't be as it is wanted, or the store could not.
    pub async fn put_application(
        &self,
        access: &Access,
        id_or_uid: &str,
        mut change: ApplicationChange,
    ) -> Result<Made<Application>, OpError> {
        if name::uid(id_or_uid).is_ok() && change.uid.as_ref().is_none_or(Option::is_none) {
            change.uid = Some(Some(id_or_uid.to_owned()));
        }
        match self.patch_application(access, id_or_uid, change.clone()).await {
            Err(OpError::NotFound(_)) if name::uid(id_or_uid).is_ok() && access.is_environment_wide() => {
                self.create_application(access, change, false, None).await
            }
            changed => changed.map(Made::Existing),
        }
    }

    /// Changes the application with this id or uid.
    ///
    /// # Errors
    /// When there is none that `access` may see, it can't be as it is wanted, or the store could not.
    pub async fn patch_application(
        &self,
        access: &Access,
        id_or_uid: &str,
        change: ApplicationChange,
    ) -> Result<Application, OpError> {
        let application = self.application(access, id_or_uid).await?;
        access.require_environment(TO_DO)?;
        check(&change)?;
        let deed = differences(&application, &application.clone().changed(&change, application.updated_at));
        match self.noting(access, deed).await?.update_application(application.id, change).await? {
            Updated::Done(application) => Ok(application),
            Updated::Missing => Err(MISSING),
            Updated::Taken | Updated::EventTypeTaken => Err(taken()),
        }
    }

    /// Deletes the application with this id or uid, its endpoints and its keys; what waits for them is cancelled.
    ///
    /// # Errors
    /// When there is none that `access` may see, or the store could not.
    pub async fn delete_application(&self, access: &Access, id_or_uid: &str) -> Result<(), OpError> {
        let application = self.application(access, id_or_uid).await?;
        access.require_environment(TO_DO)?;
        let deed = Deed::new(Action::ApplicationDeleted, application.id).of(application.id).with(&application.name);
        let store = self.noting(access, deed).await?;
        if store.delete_application(application.id).await? { Ok(()) } else { Err(MISSING) }
    }
}
