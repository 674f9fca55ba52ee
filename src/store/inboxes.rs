//! Inboxes in the store, and what they received.

use zeroize::Zeroizing;

use super::connection::{Connection, Row};
use super::error::StoreError;
use super::idempotency::{self, IdempotencyKey, Inserted};
use super::page::{Listed, Page};
use super::vault::Vault;
use super::{Store, applications, environments};
use crate::domain::id::{ApplicationId, EnvironmentId, InboxId};
use crate::domain::inbox::{INBOXES_PER_ENVIRONMENT_MAX, Inbox, InboxAnswer, InboxChange};

const BY_TOKEN: &str = "SELECT id, token, environment_id, application_id, name, status, delay_ms, body,
    secret IS NOT NULL, created_at, last_at FROM inboxes WHERE token = ?1";
const GET: &str = "SELECT id, token, environment_id, application_id, name, status, delay_ms, body,
    secret IS NOT NULL, created_at, last_at FROM inboxes WHERE id = ?1";
const RISING: &str = "SELECT id, token, environment_id, application_id, name, status, delay_ms, body,
    secret IS NOT NULL, created_at, last_at FROM inboxes
    WHERE environment_id = ?1 AND id > ?2 AND (application_id = ?4 OR ?4 IS NULL) ORDER BY id LIMIT ?3";
const FALLING: &str = "SELECT id, token, environment_id, application_id, name, status, delay_ms, body,
    secret IS NOT NULL, created_at, last_at FROM inboxes
    WHERE environment_id = ?1 AND id < ?2 AND (application_id = ?4 OR ?4 IS NULL) ORDER BY id DESC LIMIT ?3";
const COUNT: &str = "SELECT count(*) FROM inboxes WHERE environment_id = ?1";
const INSERT: &str = "INSERT INTO inboxes (id, token, environment_id, application_id, name, status, delay_ms, body,
    created_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";
const UPDATE: &str = "UPDATE inboxes SET name = ?2, status = ?3, delay_ms = ?4, body = ?5 WHERE id = ?1";
const SET_SECRET: &str = "UPDATE inboxes SET secret = ?2 WHERE id = ?1";
const SECRET: &str = "SELECT secret FROM inboxes WHERE id = ?1 AND secret IS NOT NULL";
const DELETE: &str = "DELETE FROM inboxes WHERE id = ?1";
const DELETE_REQUESTS: &str = "DELETE FROM inbox_requests WHERE inbox_id = ?1";
/// Those of an application that goes; what they received goes when its time is over.
const DELETE_OF_APPLICATION: &str = "DELETE FROM inboxes WHERE application_id = ?1";

/// Where the secret of an inbox is sealed for.
pub(super) fn secret_place(id: InboxId) -> String {
    format!("inboxes.secret|{id}")
}

fn read(row: &Row<'_>) -> Result<Inbox, StoreError> {
    let damaged = |what: &str| StoreError::Corrupt(format!("inboxes.{what}"));
    let answer = InboxAnswer {
        status: u16::try_from(row.integer(5)?).map_err(|_| damaged("status"))?,
        delay_ms: u32::try_from(row.integer(6)?).map_err(|_| damaged("delay_ms"))?,
        body: row.text(7)?,
    };
    Ok(Inbox {
        id: row.id(0)?,
        token: row.text(1)?,
        environment_id: row.id(2)?,
        application_id: row.optional_integer(3)?.map(ApplicationId::from_number),
        name: row.text(4)?,
        answer,
        has_secret: row.boolean(8)?,
        created_at: row.time(9)?,
        last_at: row.optional_integer(10)?.map(crate::domain::time::Timestamp::from_ms),
    })
}

fn get(connection: &Connection, id: InboxId) -> Result<Option<Inbox>, StoreError> {
    connection.first(GET, &[id.into()], read)
}

/// Keeps a new inbox if what it belongs to is still there and there is room.
fn insert(connection: &Connection, inbox: &Inbox) -> Result<Inserted, StoreError> {
    let is_home = match inbox.application_id {
        Some(id) => applications::get(connection, id)?.is_some(),
        None => environments::exists(connection, inbox.environment_id)?,
    };
    if !is_home {
        return Ok(Inserted::Orphaned);
    }
    let count = connection.first(COUNT, &[inbox.environment_id.into()], |row| row.integer(0))?.unwrap_or_default();
    if usize::try_from(count).unwrap_or_default() >= INBOXES_PER_ENVIRONMENT_MAX {
        return Ok(Inserted::Full);
    }
    connection.execute(
        INSERT,
        &[
            inbox.id.into(),
            (&inbox.token).into(),
            inbox.environment_id.into(),
            inbox.application_id.into(),
            (&inbox.name).into(),
            u32::from(inbox.answer.status).into(),
            inbox.answer.delay_ms.into(),
            (&inbox.answer.body).into(),
            inbox.created_at.into(),
        ],
    )?;
    Ok(Inserted::New)
}

fn update(
    connection: &Connection,
    vault: &Vault,
    id: InboxId,
    change: &InboxChange,
) -> Result<Option<Inbox>, StoreError> {
    let Some(inbox) = get(connection, id)?.map(|before| before.changed(change)) else {
        return Ok(None);
    };
    let InboxAnswer { status, delay_ms, body } = &inbox.answer;
    let status = u32::from(*status).into();
    connection.execute(UPDATE, &[id.into(), (&inbox.name).into(), status, (*delay_ms).into(), body.into()])?;
    if let Some(secret) = &change.secret {
        let seal = |text: &String| vault.seal(&secret_place(id), text.as_bytes());
        let sealed = secret.as_ref().map(seal).transpose()?;
        connection.execute(SET_SECRET, &[id.into(), sealed.as_deref().into()])?;
    }
    Ok(Some(inbox))
}

/// Deletes the inboxes of an application that goes.
pub(super) fn delete_of_application(connection: &Connection, id: ApplicationId) -> Result<(), StoreError> {
    connection.execute(DELETE_OF_APPLICATION, &[id.into()]).map(|_| ())
}

impl Store {
    /// The inbox with this token.
    ///
    /// # Errors
    /// When the store can't be read.
    pub async fn inbox_by_token(&self, token: String) -> Result<Option<Inbox>, StoreError> {
        self.read(move |connection| connection.first(BY_TOKEN, &[(&token).into()], read)).await
    }

    /// The inbox with this id.
    ///
    /// # Errors
    /// When the store can't be read.
    pub async fn inbox(&self, id: InboxId) -> Result<Option<Inbox>, StoreError> {
        self.read(move |connection| get(connection, id)).await
    }

    /// A part of the environment's inboxes, ordered by id; with an application, of its own.
    ///
    /// # Errors
    /// When the store can't be read.
    pub async fn inboxes(
        &self,
        environment_id: EnvironmentId,
        application_id: Option<ApplicationId>,
        page: Page<InboxId>,
    ) -> Result<Listed<Inbox>, StoreError> {
        self.read(move |connection| {
            let sql = if page.falls() { FALLING } else { RISING };
            let parameters =
                [environment_id.into(), page.bound().into(), page.sql_limit().into(), application_id.into()];
            Ok(page.of(connection.query(sql, &parameters, read)?))
        })
        .await
    }

    /// Keeps a new inbox, if there is room.
    ///
    /// # Errors
    /// When the store could not.
    pub async fn insert_inbox(&self, inbox: Inbox, key: Option<IdempotencyKey>) -> Result<Inserted, StoreError> {
        self.write(move |connection| {
            let made = inbox.id.number();
            idempotency::once(connection, inbox.environment_id, key.as_ref(), made, || insert(connection, &inbox))
        })
        .await
    }

    /// Changes an inbox, and answers it as it is now; `None` when there is no such inbox.
    ///
    /// # Errors
    /// When the store could not.
    pub async fn update_inbox(&self, id: InboxId, change: InboxChange) -> Result<Option<Inbox>, StoreError> {
        let vault = self.vault.clone();
        self.write(move |connection| update(connection, &vault, id, &change)).await
    }

    /// The text of the secret that the inbox was given.
    ///
    /// # Errors
    /// When the store can't be read.
    pub async fn inbox_secret(&self, id: InboxId) -> Result<Option<Zeroizing<String>>, StoreError> {
        let vault = self.vault.clone();
        self.read(move |connection| {
            let Some(sealed) = connection.first(SECRET, &[id.into()], |row| row.bytes(0))? else {
                return Ok(None);
            };
            let place = secret_place(id);
            let plain = vault.open(&place, &sealed)?;
            let text = str::from_utf8(&plain).map_err(|_| StoreError::Corrupt(place))?;
            Ok(Some(Zeroizing::new(text.to_owned())))
        })
        .await
    }

    /// Deletes an inbox with all that it received.
    ///
    /// # Errors
    /// When the store could not.
    pub async fn delete_inbox(&self, id: InboxId) -> Result<(), StoreError> {
        self.write(move |connection| {
            connection.execute(DELETE_REQUESTS, &[id.into()])?;
            connection.execute(DELETE, &[id.into()]).map(|_| ())
        })
        .await
    }
}
