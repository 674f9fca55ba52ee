//! Tells the master key that the store was made with from any other, so that a node with another key does not start and
//! seal what nobody can open. It does not know the key.

use super::connection::Connection;
use super::error::StoreError;
use super::vault::Vault;

const GET: &str = "SELECT sealed FROM seal WHERE id = 1";
const SET: &str = "INSERT INTO seal (id, sealed) VALUES (1, ?1) ON CONFLICT DO NOTHING";

const TRY: &str = "INSERT INTO seal (id, sealed) VALUES (2, ?1) ON CONFLICT DO NOTHING";
const TAKE_AWAY: &str = "DELETE FROM seal WHERE id = 2";

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

/// Refuses a vault with another key than the store was made with; a store that is new takes this one's.
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
    if sealed.is_some_and(|sealed| is_of(vault, &sealed)) {
        return Ok(());
    }
    Err(StoreError::Unavailable(
        "it was made with another master key: set CORNET_MASTER_KEY to that one, or put its master.key into the data \
         directory"
            .to_owned(),
    ))
}
