//! On a server the history is kept in parts by day: parts are made ahead, and dropped whole when their day is too old
//! to keep. What belongs to a day without a part is in the rest, and goes row by row. It knows no noun.

use std::time::Duration;

use super::connection::Connection;
use super::error::StoreError;
use crate::domain::id::MessageId;
use crate::domain::time::Timestamp;

/// The tables that are kept in parts; each has one more for the rest.
const TABLES: [&str; 3] = ["messages", "deliveries", "attempts"];
/// For so many days parts are made, today's among them.
const DAYS_AHEAD: u32 = 4;
const DAY: Duration = Duration::from_secs(24 * 3_600);

/// The parts of a table by name, which begins like the table's.
const PARTS: &str = "SELECT CAST(relname AS TEXT) FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid
    WHERE inhparent = to_regclass(?1) ORDER BY 1";
/// Whether any row of a day is in the rest already; for each table.
const IN_REST: [&str; 3] = [
    "SELECT 1 FROM messages_rest WHERE id >= ?1 AND id < ?2 LIMIT 1",
    "SELECT 1 FROM deliveries_rest WHERE id >= ?1 AND id < ?2 LIMIT 1",
    "SELECT 1 FROM attempts_rest WHERE id >= ?1 AND id < ?2 LIMIT 1",
];

/// When the day of a time begins.
pub(super) fn day_of(time: Timestamp) -> Timestamp {
    crate::domain::figures::start_of(time, DAY)
}

/// The name of a table's part for a day; in the order of the names the days follow each other.
fn name_of(table: &str, day: Timestamp) -> String {
    let date: String = day.to_string().chars().take(10).filter(char::is_ascii_digit).collect();
    format!("{table}_{date}")
}

fn parts(connection: &Connection, table: &str) -> Result<Vec<String>, StoreError> {
    connection.query(PARTS, &[table.into()], |row| row.text(0))
}

/// Makes the parts for today and the days to come.
pub(super) fn make_ahead(connection: &Connection, now: Timestamp) -> Result<(), StoreError> {
    make_between(connection, now, now.plus(DAY * (DAYS_AHEAD - 1)))
}

/// Makes the parts for the days from `first` to `last`, as far as they are not there.
pub(super) fn make_between(connection: &Connection, first: Timestamp, last: Timestamp) -> Result<(), StoreError> {
    let days = || std::iter::successors(Some(day_of(first)), |day| Some(day.plus(DAY))).take_while(|day| *day <= last);
    for (table, in_rest) in TABLES.into_iter().zip(IN_REST) {
        let there = parts(connection, table)?;
        for day in days() {
            let (first, end) = (MessageId::first_at(day), MessageId::first_at(day.plus(DAY)));
            let name = name_of(table, day);
            if there.contains(&name) || connection.first(in_rest, &[first.into(), end.into()], |_| Ok(()))?.is_some() {
                continue;
            }
            let (first, end) = (first.number(), end.number());
            connection.run(&format!(
                "CREATE TABLE IF NOT EXISTS {name} PARTITION OF {table} FOR VALUES FROM ({first}) TO ({end})"
            ))?;
        }
    }
    Ok(())
}

/// Drops the parts of days before that of `oldest`, and answers how many they were.
pub(super) fn drop_before(connection: &Connection, oldest: Timestamp) -> Result<usize, StoreError> {
    let mut gone = 0;
    for table in TABLES {
        let first_kept = name_of(table, day_of(oldest));
        for name in parts(connection, table)?.into_iter().filter(|name| *name < first_kept) {
            connection.run(&format!("DROP TABLE IF EXISTS {name}"))?;
            gone += 1;
        }
    }
    Ok(gone)
}
