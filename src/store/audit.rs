//! The audit log in the store. An entry is written in the transaction of the change that it tells of, and only if there
//! was a change. Entries are added and read; the database itself refuses to change or delete one.

use std::sync::Arc;

use super::Store;
use super::connection::{Connection, Parameter, Row};
use super::environments::Deleted;
use super::error::StoreError;
use super::idempotency::Inserted;
use super::keys::Expired;
use super::page::{Listed, Page};
use super::updated::Updated;
use crate::domain::audit::{Action, Actor, ActorKind, AuditEntry, AuditFilter, Deed};
use crate::domain::id::{AuditEntryId, EnvironmentId};

const INSERT: &str = "INSERT INTO audit_entries (environment_id, id, actor_kind, actor, actor_name, address, action,
    subject, application_id, detail) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)";

macro_rules! select {
    ($narrowed:literal, $order:literal) => {
        concat!(
            "SELECT environment_id, id, actor_kind, actor, actor_name, address, action, subject, application_id, detail
             FROM audit_entries WHERE environment_id = ?1 AND id ",
            $narrowed,
            " ORDER BY id ",
            $order,
            " LIMIT ?3"
        )
    };
}

/// Entries from a place on, upwards and downwards: all, of an action, by an actor, and both.
const RISING: [&str; 4] = [
    select!("> ?2", ""),
    select!("> ?2 AND action = ?4", ""),
    select!("> ?2 AND actor = ?4", ""),
    select!("> ?2 AND action = ?4 AND actor = ?5", ""),
];
const FALLING: [&str; 4] = [
    select!("< ?2", "DESC"),
    select!("< ?2 AND action = ?4", "DESC"),
    select!("< ?2 AND actor = ?4", "DESC"),
    select!("< ?2 AND action = ?4 AND actor = ?5", "DESC"),
];

/// Whether something that was to be changed has changed, which is then written down.
pub(super) trait Outcome {
    /// Whether it has.
    fn is_change(&self) -> bool;
}

impl Outcome for () {
    fn is_change(&self) -> bool {
        true
    }
}

impl Outcome for bool {
    fn is_change(&self) -> bool {
        *self
    }
}

impl Outcome for usize {
    fn is_change(&self) -> bool {
        *self > 0
    }
}

impl<T> Outcome for Option<T> {
    fn is_change(&self) -> bool {
        self.is_some()
    }
}

impl<T> Outcome for Updated<T> {
    fn is_change(&self) -> bool {
        matches!(self, Self::Done(_))
    }
}

impl<T: Outcome, E> Outcome for Result<T, E> {
    fn is_change(&self) -> bool {
        self.as_ref().is_ok_and(Outcome::is_change)
    }
}

impl Outcome for Inserted {
    fn is_change(&self) -> bool {
        *self == Self::New
    }
}

impl Outcome for Expired {
    fn is_change(&self) -> bool {
        *self == Self::Done
    }
}

impl Outcome for Deleted {
    fn is_change(&self) -> bool {
        *self == Self::Done
    }
}

fn insert(connection: &Connection, entry: &AuditEntry) -> Result<(), StoreError> {
    let AuditEntry { id, environment_id, actor, deed } = entry;
    let address = actor.address.map(|address| address.to_string());
    connection.execute(
        INSERT,
        &[
            (*environment_id).into(),
            (*id).into(),
            actor.kind.as_str().into(),
            (&actor.id).into(),
            (&actor.name).into(),
            address.as_ref().into(),
            deed.action.as_str().into(),
            (&deed.subject).into(),
            deed.application_id.into(),
            (&deed.detail).into(),
        ],
    )?;
    Ok(())
}

fn read(row: &Row<'_>) -> Result<AuditEntry, StoreError> {
    let damaged = |what: &str| StoreError::Corrupt(format!("audit_entries.{what}"));
    Ok(AuditEntry {
        environment_id: row.id(0)?,
        id: row.id(1)?,
        actor: Actor {
            kind: ActorKind::parse(&row.text(2)?).ok_or_else(|| damaged("actor_kind"))?,
            id: row.text(3)?,
            name: row.text(4)?,
            address: row.optional_text(5)?.and_then(|address| address.parse().ok()),
        },
        deed: Deed {
            action: Action::parse(&row.text(6)?).ok_or_else(|| damaged("action"))?,
            subject: row.text(7)?,
            application_id: row.optional_integer(8)?.map(crate::domain::id::Id::from_number),
            detail: row.text(9)?,
        },
    })
}

impl Store {
    /// The same store, whose next change is written down as this deed, if it is one.
    pub fn noting(&self, environment_id: EnvironmentId, actor: Actor, deed: Deed) -> Arc<Self> {
        let entry = AuditEntry { id: self.next_id(), environment_id, actor, deed };
        Arc::new(Self { shared: self.shared.clone(), entry: Some(entry) })
    }

    /// Writes the deed down by itself, for what changes nothing, or changes it in pieces.
    ///
    /// # Errors
    /// When the store could not.
    pub async fn note(&self) -> Result<(), StoreError> {
        self.write(|_| Ok(())).await
    }

    /// `work`, which also writes the deed down if it was one.
    pub(super) fn noted<T>(
        &self,
        mut work: impl FnMut(&Connection) -> Result<T, StoreError> + Send + 'static,
        is_change: impl Fn(&T) -> bool + Send + 'static,
    ) -> impl FnMut(&Connection) -> Result<T, StoreError> + Send + 'static {
        let entry = self.entry.clone();
        move |connection| {
            let outcome = work(connection)?;
            if let Some(entry) = entry.as_ref().filter(|_| is_change(&outcome)) {
                insert(connection, entry)?;
            }
            Ok(outcome)
        }
    }

    /// A part of the log of an environment, ordered by id.
    ///
    /// # Errors
    /// When the store can't be read.
    pub async fn audit_entries(
        &self,
        environment_id: EnvironmentId,
        filter: AuditFilter,
        page: Page<AuditEntryId>,
    ) -> Result<Listed<AuditEntry>, StoreError> {
        self.read(move |connection| {
            let statements = if page.falls() { FALLING } else { RISING };
            let mut parameters = vec![environment_id.into(), page.bound().into(), page.sql_limit().into()];
            parameters.extend(filter.action.map(|action| Parameter::Text(action.as_str())));
            parameters.extend(filter.actor.as_deref().map(Parameter::Text));
            let narrowed = usize::from(filter.action.is_some()) + 2 * usize::from(filter.actor.is_some());
            Ok(page.of(connection.query(statements[narrowed], &parameters, read)?))
        })
        .await
    }
}

/// Every question, for the test of query plans.
#[cfg(test)]
pub(super) const QUERIES: [&str; 8] =
    [RISING[0], RISING[1], RISING[2], RISING[3], FALLING[0], FALLING[1], FALLING[2], FALLING[3]];
