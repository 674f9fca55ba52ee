//! What lies in the database: whether its pages hold together, whether each payload is what was written, and whether
//! every delivery that a message was to have is somewhere.

use std::ops::ControlFlow;

use super::Tell;
use crate::domain::finding::Finding;
use crate::domain::id::{Id, MessageId};
use crate::store::connection::Connection;
use crate::store::error::StoreError;
use crate::store::fresh::{self, Unplaced};
use crate::store::messages;

const QUICK_CHECK: &str = "PRAGMA quick_check(3)";
const INTEGRITY_CHECK: &str = "PRAGMA integrity_check(3)";
/// What a check of the pages says when there is nothing to say.
const WHOLE: &str = "ok";

const PAYLOADS: &str = "SELECT id, environment_id, application_id, event_type, event_id, channels, expires_early,
    verdicts, checksum, payload FROM messages WHERE id > ?1 ORDER BY id LIMIT ?2";
const NEWEST: &str = "SELECT id FROM messages ORDER BY id DESC LIMIT 1 OFFSET ?1";
/// One statement, so that a delivery which moves meanwhile is seen at one of its places.
const IS_LOST: &str = "SELECT 1 FROM messages WHERE id = ?1
    AND NOT EXISTS (SELECT 1 FROM queue WHERE message_id = ?1 AND endpoint_id = ?2)
    AND NOT EXISTS (SELECT 1 FROM deliveries WHERE message_id = ?1 AND endpoint_id = ?2)";

/// Messages that are looked at together.
const CHUNK: i64 = 500;
/// How many of the newest messages are asked for their deliveries when not everything is read.
const NEWEST_LOOKED_AT: i64 = 100_000;
/// How many of those that are damaged or lost are named.
const NAMED: usize = 5;

/// Looks at what lies in the database; `deep` reads every page, index and payload.
pub(super) fn examine_content(connection: &Connection, deep: bool, tell: Tell<'_>) -> Result<(), StoreError> {
    if matches!(connection, Connection::Sqlite(_)) {
        examine_pages(connection, deep, tell)?;
    }
    if deep {
        examine_payloads(connection, tell)?;
    }
    examine_deliveries(connection, deep, tell)
}

fn examine_pages(connection: &Connection, deep: bool, tell: Tell<'_>) -> Result<(), StoreError> {
    const SUBJECT: &str = "integrity";
    let (name, check) = if deep { ("integrity_check", INTEGRITY_CHECK) } else { ("quick_check", QUICK_CHECK) };
    let said = connection.query(check, &[], |row| row.text(0))?;
    tell(if said == [WHOLE] {
        Finding::fine(SUBJECT, format!("{name} finds nothing"))
    } else {
        let advice = "stop the server, keep a copy of the damaged files, and restore the last backup \
                      (docs/operating.md, Backup)";
        Finding::problem(SUBJECT, format!("{name}: {}", said.join("; ").replace('\n', " ")), advice)
    });
    Ok(())
}

/// So many of something, with the names of the first.
fn named(ids: &[MessageId]) -> String {
    let names: Vec<String> = ids.iter().take(NAMED).map(ToString::to_string).collect();
    let more = if ids.len() > NAMED { " …" } else { "" };
    format!("{}{more}", names.join(", "))
}

fn examine_payloads(connection: &Connection, tell: Tell<'_>) -> Result<(), StoreError> {
    const SUBJECT: &str = "payloads";
    let (mut last, mut read, mut damaged) = (0, 0_u64, Vec::new());
    loop {
        let before = read;
        connection.visit(PAYLOADS, &[last.into(), CHUNK.into()], |row| {
            last = row.integer(0)?;
            read += 1;
            if let Err(StoreError::Corrupt(_)) = messages::read(row) {
                damaged.push(Id::from_number(last));
            }
            Ok(ControlFlow::Continue(()))
        })?;
        if read == before {
            break;
        }
    }
    tell(if damaged.is_empty() {
        Finding::fine(SUBJECT, format!("{read} messages are what was written"))
    } else {
        let text = format!("{} of {read} messages are not what was written: {}", damaged.len(), named(&damaged));
        Finding::problem(SUBJECT, text, "they are not sent; post them again, and have a look at the disk")
    });
    Ok(())
}

fn examine_deliveries(connection: &Connection, deep: bool, tell: Tell<'_>) -> Result<(), StoreError> {
    const SUBJECT: &str = "deliveries";
    let oldest = connection.first(NEWEST, &[NEWEST_LOOKED_AT.into()], |row| row.integer(0))?;
    let mut last: MessageId = Id::from_number(oldest.filter(|_| !deep).unwrap_or_default());
    // What was accepted a moment ago may wait without being in the queue.
    let fresh_since = match connection {
        Connection::Sqlite(_) => fresh::since(connection)?,
        Connection::Postgres(_) => Id::from_number(i64::MAX),
    };
    let (mut looked_at, mut lost, mut unreadable) = (0, Vec::new(), Vec::new());
    loop {
        let chunk = fresh::unplaced_after(connection, last)?;
        let Some(newest) = chunk.last() else { break };
        last = newest.message_id;
        for Unplaced { message_id, endpoints, .. } in chunk {
            looked_at += 1;
            let Ok(endpoints) = endpoints else {
                unreadable.push(message_id);
                continue;
            };
            for endpoint_id in endpoints.into_iter().filter(|_| message_id < fresh_since) {
                // It may have been accepted, moved or dropped while we looked.
                if connection.first(IS_LOST, &[message_id.into(), endpoint_id.into()], |_| Ok(()))?.is_some() {
                    lost.push(message_id);
                }
            }
        }
    }
    let of = format!("{looked_at} {}messages", if deep || oldest.is_none() { "" } else { "newest " });
    let is_whole = lost.is_empty() && unreadable.is_empty();
    if is_whole {
        tell(Finding::fine(SUBJECT, format!("each that {of} were to have waits or has ended")));
    }
    if !lost.is_empty() {
        let text = format!("{} of {of} neither wait nor have ended: {}", lost.len(), named(&lost));
        tell(Finding::problem(SUBJECT, text, "resend these messages to their endpoints, and report it"));
    }
    if !unreadable.is_empty() {
        let text = format!("the verdicts of {} of {of} can't be read: {}", unreadable.len(), named(&unreadable));
        tell(Finding::problem(SUBJECT, text, "restore the last backup (docs/operating.md, Backup)"));
    }
    Ok(())
}
