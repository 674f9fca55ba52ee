//! Tells the master key that the store is sealed with from any other, so that a node with another key does not start and
//! seal what nobody can open; and that an old one is still needed. It does not know the keys.

use super::connection::Connection;
use super::error::StoreError;
use super::vault::Vault;

const GET: &str = "SELECT sealed FROM seal WHERE id = 1";
const SET: &str = "INSERT INTO seal (id, sealed) VALUES (1, ?1) ON CONFLICT DO NOTHING";

const TRY: &str = "INSERT INTO seal (id, sealed) VALUES (2, ?1) ON CONFLICT DO NOTHING";
const TAKE_AWAY: &str = "DELETE FROM seal WHERE id = 2";

/// Marks what is still sealed with an old master key: something sealed with it.
const MARKS: &str = "SELECT sealed FROM seal WHERE id > 2";
const ALL: &str = "SELECT sealed FROM seal WHERE id <> 2";
const MARK: &str = "INSERT INTO seal (id, sealed) SELECT greatest_id + 1, ?1 FROM
    (SELECT CASE WHEN max(id) > 2 THEN max(id) ELSE 2 END AS greatest_id FROM seal) AS greatest";
const TAKE_MARKS_AWAY: &str = "DELETE FROM seal WHERE id > 2";
const REPLACE: &str = "UPDATE seal SET sealed = ?1 WHERE id = 1 AND sealed = ?2";

/// What is sealed; it is no secret.
const KNOWN: &[u8] = b"Cornet";
const PLACE: &str = "seal";

fn is_of(vault: &Vault, sealed: &[u8]) -> bool {
    vault.open(PLACE, sealed).is_ok_and(|plain| plain.as_slice() == KNOWN)
}

/// What tells a store from any other: no two are sealed alike, not even with one key. `None` when it has not been used.
pub(super) fn identity(connection: &Connection) -> Result<Option<Vec<u8>>, StoreError> {
    connection.first(GET, &[], |row| row.bytes(0))
}

/// Whether the store was made with this vault's key; `None` when it has not been used with any.
pub(super) fn opens(connection: &Connection, vault: &Vault) -> Result<Option<bool>, StoreError> {
    Ok(connection.first(GET, &[], |row| row.bytes(0))?.map(|sealed| is_of(vault, &sealed)))
}

/// Writes something and takes it away again, which has to reach the disk all the same.
pub(super) fn try_writing(connection: &Connection) -> Result<(), StoreError> {
    connection.execute(TRY, &[KNOWN.into()])?;
    connection.execute(TAKE_AWAY, &[]).map(|_| ())
}

/// Whether something may be sealed with an old master key.
pub(super) fn has_marks(connection: &Connection) -> Result<bool, StoreError> {
    Ok(connection.first(MARKS, &[], |row| row.bytes(0))?.is_some())
}

/// How much here was sealed with an old key.
pub(super) fn with_old_keys(connection: &Connection, vault: &Vault) -> Result<u64, StoreError> {
    let all = connection.query(ALL, &[], |row| row.bytes(0))?;
    let is_old = |sealed: &&Vec<u8>| matches!(vault.sealed_anew(PLACE, sealed), Ok(Some(_)));
    Ok(all.iter().filter(is_old).count() as u64)
}

/// Notes that nothing is sealed with an old master key any more; says whether anything was.
pub(super) fn take_marks_away(connection: &Connection) -> Result<bool, StoreError> {
    Ok(connection.execute(TAKE_MARKS_AWAY, &[])? > 0)
}

/// Refuses a vault that lacks a key which something in the store may be sealed with; a store that is new takes the vault's
/// own. Where that has replaced another, the store is from now on one of the new key, and marked with the old.
pub(super) fn check(connection: &Connection, vault: &Vault) -> Result<(), StoreError> {
    let look = || connection.first(GET, &[], |row| row.bytes(0));
    let sealed = match look()? {
        Some(sealed) => Some(sealed),
        None => {
            connection.execute(SET, &[vault.seal(PLACE, KNOWN)?.as_slice().into()])?;
            // Another node may have been first.
            look()?
        }
    };
    let Some(sealed) = sealed.filter(|sealed| is_of(vault, sealed)) else {
        return Err(another_key());
    };
    if connection.query(MARKS, &[], |row| row.bytes(0))?.iter().any(|mark| !is_of(vault, mark)) {
        return Err(StoreError::Unavailable(
            "not everything in it is sealed with the new master key yet: set CORNET_OLD_MASTER_KEYS to the one before, or \
             keep it in master.key below the new one, until the server has said that it is needed no more"
                .to_owned(),
        ));
    }
    let Some(anew) = vault.sealed_anew(PLACE, &sealed)? else {
        return Ok(());
    };
    connection.transaction(|connection| {
        // Another node may have been first.
        if connection.execute(REPLACE, &[anew.as_slice().into(), sealed.as_slice().into()])? > 0 {
            connection.execute(MARK, &[sealed.as_slice().into()])?;
        }
        Ok(())
    })
}

fn another_key() -> StoreError {
    StoreError::Unavailable(
        "it was made with another master key: set CORNET_MASTER_KEY to that one, or put its master.key into the data \
         directory"
            .to_owned(),
    )
}
