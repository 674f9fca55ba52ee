//! The audit log: what is done through the operations is written down with whoever did it, in the same transaction. Admin
//! keys read it.

use std::net::IpAddr;
use std::sync::Arc;

use futures_util::stream::{Stream, unfold};

use super::{Access, Listed, OpError, Operations, Page};
use crate::domain::audit::{Actor, ActorKind, AuditEntry, AuditFilter, CSV_HEAD, Deed};
use crate::domain::id::{AuditEntryId, EnvironmentId};
use crate::domain::key::{ApiKey, KeyHash, Scope};
use crate::store::Store;

/// Entries that are read together for an export.
const EXPORTED_TOGETHER: usize = 500;

/// For whom an operation acts.
#[derive(Clone, Debug)]
pub enum Caller {
    /// Cornet itself.
    Cornet,
    /// A program with this key.
    Key(Arc<ApiKey>),
    /// Somebody in a session.
    Session {
        /// The key that it was opened with.
        key: Option<KeyHash>,
        /// What the session is called.
        name: Option<Arc<str>>,
    },
}

impl Operations {
    /// Who acts with `access`, as it is written down.
    async fn actor(&self, access: &Access) -> Result<Actor, OpError> {
        let address = access.address;
        let of_key = |kind, key: &ApiKey| {
            let name = format!("{} ({}…)", key.name, key.shown);
            Actor { kind, id: key.id.to_string(), name, address }
        };
        let (key, session_name) = match &access.caller {
            Caller::Cornet => return Ok(Actor { address, ..Actor::system() }),
            Caller::Key(key) => return Ok(of_key(ActorKind::Key, key)),
            Caller::Session { key, name } => (key, name.as_deref().unwrap_or_default()),
        };
        let kind = if access.is_environment_wide() { ActorKind::Operator } else { ActorKind::Consumer };
        let key = match key {
            Some(hash) => self.store.api_key(*hash).await?,
            None => None,
        };
        Ok(match (key, access.scope) {
            (Some(key), _) => of_key(kind, &key),
            (None, Scope::Application(id)) => {
                Actor { kind, id: id.to_string(), name: session_name.to_owned(), address }
            }
            (None, _) => Actor { kind, id: kind.as_str().to_owned(), name: session_name.to_owned(), address },
        })
    }

    /// The store, whose next change is written down as this deed of whoever acts with `access`; without a deed, the store
    /// as it is.
    pub(super) async fn noting(&self, access: &Access, deed: impl Into<Option<Deed>>) -> Result<Arc<Store>, OpError> {
        self.noting_in(access.environment_id, access, deed).await
    }

    /// The same, in the log of another environment than `access` acts on.
    pub(super) async fn noting_in(
        &self,
        environment_id: EnvironmentId,
        access: &Access,
        deed: impl Into<Option<Deed>>,
    ) -> Result<Arc<Store>, OpError> {
        match deed.into() {
            Some(deed) => Ok(self.store.noting(environment_id, self.actor(access).await?, deed)),
            None => Ok(self.store.clone()),
        }
    }

    /// A part of the audit log of an environment.
    ///
    /// # Errors
    /// When there is no such environment, `access` is not an admin's, or the store can't be read.
    pub async fn audit_entries(
        &self,
        access: &Access,
        environment: &str,
        filter: AuditFilter,
        page: Page<AuditEntryId>,
    ) -> Result<Listed<AuditEntry>, OpError> {
        let environment = self.environment(access, environment).await?;
        Ok(self.store.audit_entries(environment.id, filter, page).await?)
    }

    /// The whole audit log of an environment as a table for other programs (CSV), oldest first, piece by piece.
    ///
    /// # Errors
    /// When there is no such environment, `access` is not an admin's, or the store can't be read. A piece that can't be
    /// read is an error in the stream, and ends it.
    pub async fn audit_csv(
        &self,
        access: &Access,
        environment: &str,
    ) -> Result<impl Stream<Item = Result<String, OpError>> + Send + 'static, OpError> {
        let environment_id = self.environment(access, environment).await?.id;
        let store = self.store.clone();
        Ok(unfold(Some((CSV_HEAD.to_owned(), None)), move |place| {
            let store = store.clone();
            async move {
                let (mut text, after) = place?;
                let page = Page { limit: EXPORTED_TOGETHER, after, backwards: false, descending: false };
                let listed = match store.audit_entries(environment_id, AuditFilter::default(), page).await {
                    Ok(listed) => listed,
                    Err(error) => return Some((Err(error.into()), None)),
                };
                text.extend(listed.items.iter().map(AuditEntry::to_csv));
                let last = listed.items.last().filter(|_| !listed.done).map(|entry| entry.id);
                Some((Ok(text), last.map(|last| (String::new(), Some(last)))))
            }
        }))
    }
}

impl Access {
    /// The same, from this address.
    #[must_use]
    pub fn from_address(self, address: Option<IpAddr>) -> Self {
        Self { address, ..self }
    }
}
