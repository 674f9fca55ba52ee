//! Tells the master key that the store was made with from any other, so that a node with another key does not start and
//! seal what nobody can open. It does not know the key.

use super::connection::Connection;
use super::error::StoreError;
use super::vault::Vault;

const GET: &str = "SELECT sealed FROM seal WHERE id = 1";
const SET: &str = "INSERT INTO seal (id, sealed) VALUES (1, ?1) ON CONFLICT DO NOTHING";

/// What is sealed; it is no secret.
const KNOWN: &[u8] = b"Cornet";
const PLACE: &str = "seal";

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
    let same = sealed.is_some_and(|sealed| vault.open(PLACE, &sealed).is_ok_and(|plain| plain.as_slice() == KNOWN));
    if same {
        return Ok(());
    }
    Err(StoreError::Unavailable(
        "it was made with another master key: set CORNET_MASTER_KEY to that one, or put its master.key into the data \
         directory"
            .to_owned(),
    ))
}
