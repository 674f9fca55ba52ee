//! What is sealed in the database: whether each of it opens with the master key, in its place.

use std::ops::ControlFlow;

use super::Tell;
use crate::domain::finding::Finding;
use crate::store::connection::{Connection, Row};
use crate::store::error::StoreError;
use crate::store::vault::Vault;
use crate::store::{endpoint_secrets, endpoints, inboxes};

const SIGNING_SECRETS: &str = "SELECT endpoint_id, sealed FROM endpoint_secrets";
const HEADERS: &str = "SELECT id, headers FROM endpoints";
const INBOX_SECRETS: &str = "SELECT id, secret FROM inboxes WHERE secret IS NOT NULL";

/// How many of those that do not open are named.
const NAMED: usize = 5;

/// Where a row's sealed bytes belong.
type Place = fn(&Row<'_>) -> Result<String, StoreError>;

/// Opens everything that is sealed, and forgets it again.
pub(super) fn examine_secrets(connection: &Connection, vault: &Vault, tell: Tell<'_>) -> Result<(), StoreError> {
    const SUBJECT: &str = "secrets";
    let sealed: [(&'static str, Place); 3] = [
        (SIGNING_SECRETS, |row| Ok(endpoint_secrets::secrets_place(row.id(0)?))),
        (HEADERS, |row| Ok(endpoints::headers_place(row.id(0)?))),
        (INBOX_SECRETS, |row| Ok(inboxes::secret_place(row.id(0)?))),
    ];
    let (mut looked_at, mut damaged) = (0, Vec::new());
    for (sql, place) in sealed {
        connection.visit(sql, &[], |row| {
            let place = place(row)?;
            looked_at += 1;
            if row.bytes(1).and_then(|sealed| vault.open(&place, &sealed)).is_err() {
                damaged.push(place.replace('|', " of "));
            }
            Ok(ControlFlow::Continue(()))
        })?;
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
