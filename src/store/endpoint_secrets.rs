//! The secrets of endpoints in the store: the one in use, and those before it that still sign. They are sealed, each for its
//! endpoint; in memory a secret's text lives only as long as it is read.

use std::time::Duration;

use super::connection::Connection;
use super::error::StoreError;
use super::idempotency::{self, IdempotencyKey, Inserted};
use super::routing::Stale;
use super::vault::Vault;
use super::{Store, endpoints};
use crate::domain::endpoint::{Endpoint, SECRETS_MAX};
use crate::domain::id::EndpointId;
use crate::domain::secret::EndpointSecret;
use crate::domain::signature::Signer;
use crate::domain::time::Timestamp;

const SECRETS: &str =
    "SELECT sealed, expires_at, created_at FROM endpoint_secrets WHERE endpoint_id = ?1 ORDER BY id DESC";
const INSERT_SECRET: &str =
    "INSERT INTO endpoint_secrets (id, endpoint_id, sealed, created_at, expires_at) VALUES (?1, ?2, ?3, ?4, NULL)";
const END_SECRET: &str = "UPDATE endpoint_secrets SET expires_at = ?2 WHERE endpoint_id = ?1 AND expires_at IS NULL";
/// Secrets that sign no more, and those beyond the newest that may.
const DELETE_SECRETS: &str = "DELETE FROM endpoint_secrets WHERE endpoint_id = ?1 AND (expires_at <= ?2 OR id NOT IN
    (SELECT id FROM endpoint_secrets WHERE endpoint_id = ?1 ORDER BY id DESC LIMIT ?3))";
const DELETE_ALL_SECRETS: &str = "DELETE FROM endpoint_secrets WHERE endpoint_id = ?1";

/// A secret that takes the place of the one in use.
pub struct Rotation {
    /// Orders it among the endpoint's secrets.
    pub id: EndpointId,
    /// The new secret.
    pub secret: EndpointSecret,
    /// How long the one before goes on signing.
    pub grace: Duration,
}

/// A secret of an endpoint, and when it signs.
pub(super) struct Kept {
    /// The secret.
    pub(super) secret: EndpointSecret,
    /// Since when.
    pub(super) since: Timestamp,
    /// Until when; `None` is that it is in use.
    pub(super) until: Option<Timestamp>,
}

impl Kept {
    fn signs_at(&self, time: Timestamp) -> bool {
        self.since <= time && self.until.is_none_or(|end| time < end)
    }
}

/// What signed for an endpoint at a time in the past.
pub struct SignersThen {
    /// Those that are still there, newest first.
    pub signers: Vec<Signer>,
    /// Whether the secret was replaced since. What replacing has deleted is not among them.
    pub replaced: bool,
}

/// Where the secret of an endpoint is sealed for.
pub(super) fn secrets_place(id: EndpointId) -> String {
    format!("endpoint_secrets|{id}")
}

/// The secrets of an endpoint, newest first.
pub(super) fn secrets(
    connection: &Connection,
    vault: &Vault,
    endpoint_id: EndpointId,
) -> Result<Vec<Kept>, StoreError> {
    let place = secrets_place(endpoint_id);
    connection.query(SECRETS, &[endpoint_id.into()], |row| {
        let damaged = || StoreError::Corrupt(place.clone());
        let text = vault.open(&place, &row.bytes(0)?)?;
        let text = str::from_utf8(&text).map_err(|_| damaged())?;
        let secret = EndpointSecret::parse(text).map_err(|_| damaged())?;
        Ok(Kept { secret, since: row.time(2)?, until: row.optional_integer(1)?.map(Timestamp::from_ms) })
    })
}

/// Keeps a secret of an endpoint.
pub(super) fn insert(
    connection: &Connection,
    vault: &Vault,
    endpoint_id: EndpointId,
    id: EndpointId,
    secret: &EndpointSecret,
    now: Timestamp,
) -> Result<(), StoreError> {
    let sealed = vault.seal(&secrets_place(endpoint_id), secret.to_text().as_bytes())?;
    connection.execute(INSERT_SECRET, &[id.into(), endpoint_id.into(), sealed.as_slice().into(), now.into()])?;
    Ok(())
}

/// Deletes every secret of an endpoint.
pub(super) fn delete_all(connection: &Connection, endpoint_id: EndpointId) -> Result<(), StoreError> {
    connection.execute(DELETE_ALL_SECRETS, &[endpoint_id.into()])?;
    Ok(())
}

/// Puts a new secret in the place of the one in use, which signs until its grace is over. A leaked secret must always
/// be replaceable, so of too many the oldest goes, rather than the change being refused.
fn rotate(
    connection: &Connection,
    vault: &Vault,
    endpoint_id: EndpointId,
    rotation: &Rotation,
    now: Timestamp,
) -> Result<(), StoreError> {
    connection.execute(END_SECRET, &[endpoint_id.into(), now.plus(rotation.grace).into()])?;
    insert(connection, vault, endpoint_id, rotation.id, &rotation.secret, now)?;
    let newest = i64::try_from(SECRETS_MAX).unwrap_or(i64::MAX);
    connection.execute(DELETE_SECRETS, &[endpoint_id.into(), now.into(), newest.into()])?;
    Ok(())
}

impl Store {
    /// The secret of an endpoint that is in use.
    ///
    /// # Errors
    /// When the store can't be read.
    pub async fn endpoint_secret(&self, id: EndpointId) -> Result<Option<EndpointSecret>, StoreError> {
        let vault = self.vault.clone();
        let found = self.read(move |connection| secrets(connection, &vault, id)).await?;
        Ok(found.into_iter().next().map(|kept| kept.secret))
    }

    /// What signed for an endpoint at `time`.
    ///
    /// # Errors
    /// When the store can't be read.
    pub async fn signers_at(&self, id: EndpointId, time: Timestamp) -> Result<SignersThen, StoreError> {
        let vault = self.vault.clone();
        let found = self.read(move |connection| secrets(connection, &vault, id)).await?;
        let signed = found.iter().filter(|kept| kept.signs_at(time));
        Ok(SignersThen {
            signers: signed.map(|kept| Signer::new(&kept.secret)).collect(),
            replaced: found.first().is_none_or(|newest| newest.since > time),
        })
    }

    /// The secrets of an endpoint, newest first, each with when it stops signing.
    ///
    /// # Errors
    /// When the store can't be read.
    pub async fn endpoint_secrets(
        &self,
        id: EndpointId,
    ) -> Result<Vec<(EndpointSecret, Option<Timestamp>)>, StoreError> {
        let vault = self.vault.clone();
        let found = self.read(move |connection| secrets(connection, &vault, id)).await?;
        Ok(found.into_iter().map(|kept| (kept.secret, kept.until)).collect())
    }

    /// Gives an endpoint a new secret, once for each idempotency key.
    ///
    /// # Errors
    /// When the store could not.
    pub async fn rotate_secret(
        &self,
        endpoint: Endpoint,
        rotation: Rotation,
        key: Option<IdempotencyKey>,
    ) -> Result<Inserted, StoreError> {
        let (vault, now) = (self.vault.clone(), self.now());
        self.change(endpoint.application_id, move |connection| {
            let made = rotation.id.number();
            let inserted = idempotency::once(connection, endpoint.environment_id, key.as_ref(), made, || {
                if endpoints::get(connection, &vault, endpoint.id)?.is_none() {
                    return Ok(Inserted::Orphaned);
                }
                rotate(connection, &vault, endpoint.id, &rotation, now)?;
                Ok(Inserted::New)
            })?;
            Ok((inserted, Stale { endpoints: vec![endpoint.id], ..Stale::default() }))
        })
        .await
    }
}
