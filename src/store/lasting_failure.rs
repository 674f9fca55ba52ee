//! Endpoints that have failed for so long that nobody seems to mind. The figures say who has failed of late; what is
//! decided is decided by the log, which has every outcome. When most fail at once, nobody is to blame for it. It does not know
//! when it is looked.

use std::collections::BTreeSet;

use super::connection::{Connection, Row};
use super::error::StoreError;
use super::vault::Vault;
use super::{Store, endpoints, figures};
use crate::domain::delivery::DeliveryState;
use crate::domain::endpoint::{DisabledBecause, Endpoint};
use crate::domain::failing::{FAILING_FOR_MAX, FAILING_LOOKED_BACK, Lately, TRIED_LATELY};
use crate::domain::id::{AttemptId, EndpointId};
use crate::domain::time::Timestamp;

const FAILED_OF_LATE: &str = "SELECT endpoint_id FROM failures WHERE day >= ?1";
const LAST_DELIVERED: &str = "SELECT coalesce(max(id), 0) FROM deliveries WHERE endpoint_id = ?1 AND state = ?2";
// What the endpoint's own code refused says nothing of its receiver.
const FIRST_ENDED_AFTER: &str = "SELECT min(id) FROM deliveries WHERE endpoint_id = ?1 AND state = ?2 AND id > ?3
    AND (error_code IS NULL OR error_code NOT IN ('transformation', 'transformation_cancelled'))";
const FIRST_RETRIED_AFTER: &str = "SELECT min(id) FROM attempts WHERE endpoint_id = ?1 AND id > ?2
    AND (error_code IS NULL OR error_code NOT IN ('transformation', 'transformation_cancelled'))";
/// What had been delivered and was then resent stands among the attempts.
const LAST_SUCCEEDED_AFTER: &str =
    "SELECT max(id) FROM attempts WHERE endpoint_id = ?1 AND id > ?2 AND status_code BETWEEN 200 AND 299";

/// When an attempt at this endpoint failed for the first time after the one with this id.
fn first_failed_after(connection: &Connection, id: EndpointId, after: i64) -> Result<Option<Timestamp>, StoreError> {
    let read = |row: &Row<'_>| row.optional_integer(0);
    let failed = DeliveryState::Failed.code();
    let ended = connection.first(FIRST_ENDED_AFTER, &[id.into(), failed.into(), after.into()], read)?.flatten();
    let retried = connection.first(FIRST_RETRIED_AFTER, &[id.into(), after.into()], read)?.flatten();
    Ok(ended.into_iter().chain(retried).min().map(|first| AttemptId::from_number(first).time()))
}

/// Whether every attempt at this endpoint has failed since a time that is long enough ago.
fn has_only_failed(
    connection: &Connection,
    id: EndpointId,
    long_enough: impl Fn(Timestamp) -> bool,
) -> Result<bool, StoreError> {
    let read = |row: &Row<'_>| row.integer(0);
    let delivered = DeliveryState::Delivered.code();
    let last = connection.first(LAST_DELIVERED, &[id.into(), delivered.into()], read)?.unwrap_or_default();
    if !first_failed_after(connection, id, last)?.is_some_and(&long_enough) {
        return Ok(false);
    }
    // This looks at every attempt since, but is asked only of those who are about to be switched off.
    let read = |row: &Row<'_>| row.optional_integer(0);
    match connection.first(LAST_SUCCEEDED_AFTER, &[id.into(), last.into()], read)?.flatten() {
        None => Ok(true),
        Some(resent) => Ok(first_failed_after(connection, id, resent)?.is_some_and(long_enough)),
    }
}

/// The endpoints that are on, have failed of late, and have done nothing else for too long. Whoever changes an endpoint
/// minds it: its time begins anew.
fn failing_for_too_long(connection: &Connection, vault: &Vault, now: Timestamp) -> Result<Vec<Endpoint>, StoreError> {
    let of_late = now.minus(FAILING_LOOKED_BACK);
    let candidates: BTreeSet<EndpointId> =
        connection.query(FAILED_OF_LATE, &[of_late.into()], |row| row.id(0))?.into_iter().collect();
    let long_enough = |since: Timestamp| now.since(since) >= FAILING_FOR_MAX;
    let mut found = Vec::new();
    for id in candidates {
        let Some(endpoint) = endpoints::get(connection, vault, id)? else { continue };
        let is_left_alone = endpoint.disabled.is_none() && long_enough(endpoint.updated_at);
        if is_left_alone && has_only_failed(connection, id, long_enough)? {
            found.push(endpoint);
        }
    }
    Ok(found)
}

impl Store {
    /// Switches the endpoints off that have failed for [`FAILING_FOR_MAX`] without a single success, and answers which.
    /// While most of those that were tried lately fail, it leaves them all alone.
    ///
    /// # Errors
    /// When the store could not.
    pub async fn disable_what_fails(&self) -> Result<Vec<EndpointId>, StoreError> {
        let (vault, now) = (self.vault.clone(), self.now());
        let looking = self.read(move |connection| {
            let failing = failing_for_too_long(connection, &vault, now)?;
            // Seldom is there anybody to be switched off, and only then it matters how the others fare.
            let lately = if failing.is_empty() {
                Lately::default()
            } else {
                figures::lately(connection, now.minus(TRIED_LATELY))?
            };
            Ok((failing, lately))
        });
        let (failing, lately) = looking.await?;
        if lately.fault_is_likely_ours() {
            let Lately { tried, failing } = lately;
            tracing::warn!(tried, failing, "most endpoints fail, so the fault may be here: none is switched off");
            return Ok(Vec::new());
        }
        for endpoint in &failing {
            self.disable_endpoint(endpoint, DisabledBecause::Failing).await?;
        }
        Ok(failing.iter().map(|endpoint| endpoint.id).collect())
    }
}

/// Every statement, for the test of query plans.
#[cfg(test)]
pub(super) const QUERIES: &[&str] =
    &[FAILED_OF_LATE, LAST_DELIVERED, FIRST_ENDED_AFTER, FIRST_RETRIED_AFTER, LAST_SUCCEEDED_AFTER];
