//! What a server is told in bulk: the messages and the outcomes of a batch go to it as arrays, one for each column, in a
//! few statements instead of some for each row. What comes of each is what would have come of it alone. It does not
//! decide what an outcome is.

use std::collections::HashSet;

use super::connection::{Connection, Parameter, Row};
use super::error::StoreError;
use super::idempotency;
use super::messages::{self, Accepted, Accepting};
use super::postgres::Postgres;
use super::queue::{self, Late, Record};
use crate::domain::delivery::{Delivery, DeliveryState, Outcome};
use crate::domain::id::Id;
use crate::domain::time::Timestamp;

// Two batches at once take what they both want in one order, so that neither waits for the other.
const TAKE_KEYS: &str = "INSERT INTO idempotency_keys (id, environment_id, hash, fingerprint, made)
    SELECT * FROM unnest(?1::bigint[], ?2::bigint[], ?3::bytea[], ?4::bytea[], ?5::bigint[]) ORDER BY 2, 3
    ON CONFLICT (environment_id, hash) DO NOTHING RETURNING made";
const TAKE_EVENT_IDS: &str = "INSERT INTO event_ids (application_id, event_id, message_id)
    SELECT * FROM unnest(?1::bigint[], ?2::text[], ?3::bigint[]) ORDER BY 1, 2
    ON CONFLICT (application_id, event_id) DO NOTHING RETURNING message_id";
const KEEP: &str = "WITH kept AS (
        INSERT INTO messages (id, environment_id, application_id, event_type, event_id, channels, expires_early, verdicts,
            checksum, payload)
        SELECT * FROM unnest(?1::bigint[], ?2::bigint[], ?3::bigint[], ?4::text[], ?5::text[], ?6::text[],
            ?7::bigint[], ?8::bytea[], ?9::bigint[], ?10::bytea[])
    )
    INSERT INTO queue (endpoint_id, due, message_id, application_id, attempts_made, trigger, epoch, held_until)
    SELECT * FROM unnest(?11::bigint[], ?12::bigint[], ?13::bigint[], ?14::bigint[], ?15::bigint[], ?16::bigint[],
        ?17::bigint[], ?18::bigint[])
    ON CONFLICT DO NOTHING";
// An outcome whose row of the queue is gone, or is another epoch's, is history: somebody has moved the delivery meanwhile,
// another node has taken it over, or this very outcome was committed on a connection that was lost before it could say so,
// and is not written twice. The first two are answered.
const RECORD: &str = "WITH given AS (
        SELECT * FROM unnest(?1::bigint[], ?2::bigint[], ?3::bigint[], ?4::bigint[], ?5::bigint[], ?6::bigint[],
            ?7::bigint[], ?8::bigint[], ?9::text[], ?10::bytea[], ?11::text[], ?12::text[], ?13::bigint[],
            ?14::text[], ?15::bigint[], ?16::text[], ?17::bytea[], ?18::bigint[], ?19::bigint[], ?20::bigint[],
            ?21::bigint[], ?22::bigint[], ?23::bigint[], ?24::bigint[]) WITH ORDINALITY
        AS given (id, application_id, endpoint_id, message_id, trigger, number, duration_ms, status_code, url, response,
            error_code, error_detail, sent_at, response_headers, response_truncated, remote_address, phases, state,
            due, again_due, held_until, attempts_made, attempted, epoch, place)
    ), waited AS (
        DELETE FROM queue USING given WHERE queue.endpoint_id = given.endpoint_id AND queue.due = given.due
            AND queue.message_id = given.message_id AND queue.application_id = given.application_id
            AND queue.epoch = given.epoch
        RETURNING given.*
    ), again AS (
        INSERT INTO queue (endpoint_id, due, message_id, application_id, attempts_made, trigger, epoch, held_until)
        SELECT endpoint_id, again_due, message_id, application_id, attempts_made, trigger, epoch, held_until
        FROM waited WHERE again_due IS NOT NULL
        ON CONFLICT DO NOTHING
    ), ended AS (
        INSERT INTO deliveries (id, application_id, endpoint_id, message_id, trigger, number, duration_ms, status_code,
            url, response, error_code, error_detail, sent_at, response_headers, response_truncated, remote_address,
            phases, state)
        SELECT id, application_id, endpoint_id, message_id, trigger, number, duration_ms, status_code, url, response,
            error_code, error_detail, sent_at, response_headers, response_truncated, remote_address, phases, state
        FROM waited WHERE state IS NOT NULL
    ), gone AS MATERIALIZED (
        SELECT * FROM given WHERE place NOT IN (SELECT place FROM waited)
    ), late AS MATERIALIZED (
        SELECT * FROM gone WHERE (SELECT 1 FROM deliveries WHERE deliveries.id = gone.id) IS NULL
            AND (SELECT 1 FROM attempts WHERE attempts.id = gone.id) IS NULL
    ), followed AS (
        SELECT * FROM waited WHERE state IS NULL
        UNION ALL
        SELECT * FROM late
    ), history AS (
        INSERT INTO attempts (id, application_id, endpoint_id, message_id, trigger, number, duration_ms, status_code,
            url, response, error_code, error_detail, sent_at, response_headers, response_truncated, remote_address,
            phases)
        SELECT id, application_id, endpoint_id, message_id, trigger, number, duration_ms, status_code, url, response,
            error_code, error_detail, sent_at, response_headers, response_truncated, remote_address, phases
        FROM followed WHERE attempted = 1
        ON CONFLICT DO NOTHING
    )
    SELECT id FROM late WHERE attempted = 1";

/// The columns of these rows.
fn columns<'a, const WIDTH: usize>(rows: impl Iterator<Item = [Parameter<'a>; WIDTH]>) -> Vec<Vec<Parameter<'a>>> {
    let mut columns = vec![Vec::new(); WIDTH];
    for row in rows {
        columns.iter_mut().zip(row).for_each(|(column, value)| column.push(value));
    }
    columns
}

/// The numbers that a statement answers for the rows that it took.
fn taken(postgres: &Postgres, sql: &'static str, columns: &[Vec<Parameter<'_>>]) -> Result<HashSet<i64>, StoreError> {
    if columns.iter().all(Vec::is_empty) {
        return Ok(HashSet::new());
    }
    postgres.query_columns(sql, columns)?.iter().map(|row| Row::Postgres(row).integer(0)).collect()
}

/// Keeps messages with their deliveries, each all or nothing, and answers what came of each.
pub(super) fn accept(connection: &Connection, accepting: &[&Accepting]) -> Result<Vec<Accepted>, StoreError> {
    let Connection::Postgres(postgres) = connection else {
        return accepting.iter().map(|each| messages::accept_singly(connection, each)).collect();
    };
    let keys = accepting.iter().filter_map(|each| {
        let (key, message) = (each.key.as_ref()?, &each.message);
        let (hash, fingerprint) = (key.hash.as_slice().into(), key.fingerprint.as_slice().into());
        Some([key.id.into(), message.environment_id.into(), hash, fingerprint, message.id.into()])
    });
    let keys = taken(postgres, TAKE_KEYS, &columns(keys))?;
    let is_new = |each: &Accepting| each.key.is_none() || keys.contains(&each.message.id.number());
    let event_ids = accepting.iter().filter(|each| is_new(each)).filter_map(|each| {
        let message = &each.message;
        Some([message.application_id.into(), message.event_id.as_ref()?.into(), message.id.into()])
    });
    let event_ids = taken(postgres, TAKE_EVENT_IDS, &columns(event_ids))?;
    let is_kept = |each: &Accepting| {
        is_new(each) && (each.message.event_id.is_none() || event_ids.contains(&each.message.id.number()))
    };
    let kept: Vec<&Accepting> = accepting.iter().copied().filter(|each| is_kept(each)).collect();
    insert(postgres, &kept)?;
    for each in accepting.iter().filter(|each| is_new(each) && !is_kept(each)) {
        if let Some(key) = &each.key {
            idempotency::release(connection, each.message.environment_id, key)?;
        }
    }
    // Whose key was taken already is compared with what took it, which may be in this very batch.
    let result = |each: &&Accepting| match (is_new(each), is_kept(each)) {
        (_, true) => Ok(Accepted::New),
        (true, false) => Ok(Accepted::EventIdTaken),
        (false, false) => messages::accept_singly(connection, each),
    };
    accepting.iter().map(result).collect()
}

fn insert(postgres: &Postgres, kept: &[&Accepting]) -> Result<(), StoreError> {
    let entries: Vec<_> = kept.iter().map(|each| messages::Entry::of(&each.message)).collect();
    let mut rows = columns(entries.iter().map(messages::Entry::values));
    rows.extend(columns(kept.iter().flat_map(|each| &each.deliveries).map(queue::values)));
    taken(postgres, KEEP, &rows).map(|_| ())
}

/// Writes outcomes: each delivery leaves its place in the queue for a later one, or for the log. Answers whose came late.
pub(super) fn record(postgres: &Postgres, records: &[Record]) -> Result<Late, StoreError> {
    let entries: Vec<_> = records.iter().map(queue::Entry::of).collect();
    let mut rows = columns(entries.iter().zip(records).map(|(entry, record)| {
        let (state, _) = ends(record);
        entry.values(state)
    }));
    rows.extend(columns(records.iter().map(|record| {
        let Delivery { due, attempts_made, epoch, .. } = &record.delivery;
        let (_, again_at) = ends(record);
        let again = again_at.map(|at| record.delivery.again(at));
        [
            (*due).into(),
            again.as_ref().map(|again| again.due).into(),
            again.as_ref().and_then(|again| again.held_until).into(),
            (attempts_made + 1).into(),
            record.attempt.is_ok().into(),
            epoch.0.into(),
        ]
    })));
    Ok(taken(postgres, RECORD, &rows)?.into_iter().map(Id::from_number).collect())
}

/// The state that an outcome is the end in, or when the delivery is tried again.
fn ends(record: &Record) -> (Option<DeliveryState>, Option<Timestamp>) {
    match record.outcome {
        Outcome::Ended(state) => (Some(state), None),
        Outcome::Retry(at) => (None, Some(at)),
    }
}

/// Every statement, for the test of query plans.
#[cfg(test)]
pub(super) const STATEMENTS: &[&str] = &[TAKE_KEYS, TAKE_EVENT_IDS, KEEP, RECORD];
