//! Idempotency keys (draft-ietf-httpapi-idempotency-key-header-07): what a request with a key made, kept in the same
//! transaction as what it made, so that its repeat makes nothing. It does not know what requests look like.

use super::connection::Connection;
use super::error::StoreError;
use crate::domain::id::EnvironmentId;

/// How long a key is remembered at least.
pub const IDEMPOTENCY_KEY_HOURS: u64 = 24;

const GET: &str = "SELECT fingerprint, made FROM idempotency_keys WHERE environment_id = ?1 AND hash = ?2";
const INSERT: &str =
    "INSERT INTO idempotency_keys (id, environment_id, hash, fingerprint, made) VALUES (?1, ?2, ?3, ?4, ?5)";
const DELETE: &str = "DELETE FROM idempotency_keys WHERE environment_id = ?1 AND hash = ?2";

/// A caller's key and the request that came with it.
#[derive(Clone, Debug)]
pub struct IdempotencyKey {
    /// Orders keys by time, so that old ones can be dropped.
    pub id: i64,
    /// SHA-256 of the key.
    pub hash: [u8; 32],
    /// SHA-256 of what the request asks for.
    pub fingerprint: [u8; 32],
}

/// Whether a request was seen before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seen {
    /// It is new; its key is now taken.
    Never,
    /// It made what has this id.
    Before(i64),
    /// Its key came with another request.
    Otherwise,
}

/// Takes a key for a request that makes what has the id `made`, unless it is taken.
pub(super) fn claim(
    connection: &Connection,
    environment_id: EnvironmentId,
    key: &IdempotencyKey,
    made: i64,
) -> Result<Seen, StoreError> {
    let place = [environment_id.into(), key.hash.as_slice().into()];
    let before = connection.first(GET, &place, |row| Ok((row.bytes(0)?, row.integer(1)?)))?;
    match before {
        Some((fingerprint, made)) if fingerprint == key.fingerprint => Ok(Seen::Before(made)),
        Some(_) => Ok(Seen::Otherwise),
        None => {
            let [environment, hash] = place;
            connection
                .execute(INSERT, &[key.id.into(), environment, hash, key.fingerprint.as_slice().into(), made.into()])?;
            Ok(Seen::Never)
        }
    }
}

/// Gives a key back whose request made nothing after all.
pub(super) fn release(
    connection: &Connection,
    environment_id: EnvironmentId,
    key: &IdempotencyKey,
) -> Result<(), StoreError> {
    connection.execute(DELETE, &[environment_id.into(), key.hash.as_slice().into()])?;
    Ok(())
}

/// What became of a noun that was handed to the store to be kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Inserted {
    /// It is kept.
    New,
    /// This request made the noun with this id before.
    Before(i64),
    /// The idempotency key belongs to another request.
    KeyReused,
    /// Another noun has its uid or name.
    Taken,
    /// Another endpoint has its event type, where only one may.
    EventTypeTaken,
    /// There are as many as there may be.
    Full,
    /// What it belongs to is gone.
    Orphaned,
}

/// Makes the noun with the id `made`, unless its request was seen before; gives the key back if nothing is made.
pub(super) fn once(
    connection: &Connection,
    environment_id: EnvironmentId,
    key: Option<&IdempotencyKey>,
    made: i64,
    insert: impl FnOnce() -> Result<Inserted, StoreError>,
) -> Result<Inserted, StoreError> {
    let Some(key) = key else {
        return insert();
    };
    match claim(connection, environment_id, key, made)? {
        Seen::Before(made) => Ok(Inserted::Before(made)),
        Seen::Otherwise => Ok(Inserted::KeyReused),
        Seen::Never => {
            let inserted = insert()?;
            if inserted != Inserted::New {
                release(connection, environment_id, key)?;
            }
            Ok(inserted)
        }
    }
}
