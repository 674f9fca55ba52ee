//! What is sealed in the database: whether each of it opens with the master key, in its place, and whether an old master key
//! is still needed.

use super::Tell;
use crate::domain::finding::Finding;
use crate::store::connection::Connection;
use crate::store::error::StoreError;
use crate::store::resealing::COLUMNS;
use crate::store::seal;
use crate::store::vault::Vault;

/// How many of those that do not open are named.
const NAMED: usize = 5;

/// Opens everything that is sealed, and forgets it again.
pub(super) fn examine_secrets(connection: &Connection, vault: &Vault, tell: Tell<'_>) -> Result<(), StoreError> {
    const SUBJECT: &str = "secrets";
    let (mut looked_at, mut damaged) = (0, Vec::new());
    let mut old = seal::with_old_keys(connection, vault)?;
    for column in &COLUMNS {
        column.visit(connection, |place, sealed| {
            looked_at += 1;
            match vault.sealed_anew(place, sealed) {
                Ok(None) => {}
                Ok(Some(_)) => old += 1,
                Err(_) => damaged.push(place.replace('|', " of ")),
            }
        })?;
    }
    if vault.has_old() {
        tell(old_keys(old));
    }
    tell(if damaged.is_empty() {
        Finding::fine(SUBJECT, format!("{looked_at} open with the master key"))
    } else {
        let names = damaged.iter().take(NAMED).cloned().collect::<Vec<_>>().join(", ");
        let text = format!("{} of {looked_at} do not open: {names}", damaged.len());
        let advice = "nothing is sent to these endpoints: rotate their secrets, set their headers anew, or restore the \
                      last backup (docs/operating.md, Backup)";
        Finding::problem(SUBJECT, text, advice)
    });
    Ok(())
}

/// Whether the old master keys are still needed.
fn old_keys(needed: u64) -> Finding {
    const SUBJECT: &str = "old master key";
    match needed {
        0 => Finding::fine(SUBJECT, "nothing needs it any more; it can be taken away once every node uses the new one"),
        needed => {
            let text = format!("{needed} of what is sealed still needs it");
            Finding::warning(
                SUBJECT,
                text,
                "keep it: a server that has both keys seals everything anew, and says when it is done",
            )
        }
    }
}
