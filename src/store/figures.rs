//! Figures in the store: a row for each stretch of time in which something happened to an environment, an application
//! or an endpoint. They are added up as things happen (`tally.rs`), and never counted from the history.

use std::collections::{BTreeMap, HashMap};
use std::ops::ControlFlow;

use super::Store;
use super::connection::{Connection, Parameter, Row};
use super::error::StoreError;
use super::reach::Reach;
use super::walk::LOOKED_AT_MAX;
use crate::domain::failing::Lately;
use crate::domain::figures::{Counts, Figures, LATENCY_COUNTS, Latencies, Resolution, Strip, Window};
use crate::domain::id::{ApplicationId, EndpointId, EnvironmentId};
use crate::domain::time::{Span, Timestamp};

const ADD: &str = "INSERT INTO figures (owner_id, resolution, bucket, accepted, delivered, failed, retried,
    within_10, within_20, within_50, within_100, within_200, within_500, within_1000, within_2000, within_5000,
    within_10000, within_30000, beyond)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19)
    ON CONFLICT (owner_id, resolution, bucket) DO UPDATE SET accepted = figures.accepted + excluded.accepted,
    delivered = figures.delivered + excluded.delivered, failed = figures.failed + excluded.failed,
    retried = figures.retried + excluded.retried, within_10 = figures.within_10 + excluded.within_10,
    within_20 = figures.within_20 + excluded.within_20, within_50 = figures.within_50 + excluded.within_50,
    within_100 = figures.within_100 + excluded.within_100, within_200 = figures.within_200 + excluded.within_200,
    within_500 = figures.within_500 + excluded.within_500, within_1000 = figures.within_1000 + excluded.within_1000,
    within_2000 = figures.within_2000 + excluded.within_2000,
    within_5000 = figures.within_5000 + excluded.within_5000,
    within_10000 = figures.within_10000 + excluded.within_10000,
    within_30000 = figures.within_30000 + excluded.within_30000, beyond = figures.beyond + excluded.beyond";
const IN_SPAN: &str =
    "SELECT bucket, accepted, delivered, failed, retried, within_10, within_20, within_50, within_100,
    within_200, within_500, within_1000, within_2000, within_5000, within_10000, within_30000, beyond
    FROM figures WHERE owner_id = ?1 AND resolution = ?2 AND bucket >= ?3 AND bucket < ?4 ORDER BY bucket";
/// The endpoints that were tried since then, in each minute, and what they took in it.
const TRIED_SINCE: &str = "SELECT figures.owner_id, figures.delivered FROM figures
    JOIN endpoints ON endpoints.id = figures.owner_id WHERE figures.resolution = ?1 AND figures.bucket >= ?2
    AND figures.delivered + figures.failed + figures.retried > 0 ORDER BY figures.bucket DESC";
const DELETE_OLDEST: &str = "DELETE FROM figures WHERE (owner_id, resolution, bucket) IN
    (SELECT owner_id, resolution, bucket FROM figures WHERE resolution = ?1 AND bucket < ?2 ORDER BY bucket LIMIT ?3)";

/// Whose figures are asked for.
#[derive(Clone, Copy, Debug)]
pub enum Owner {
    /// Those of a whole environment.
    Environment(EnvironmentId),
    /// Those of an application.
    Application(ApplicationId),
    /// Those of an endpoint.
    Endpoint(EndpointId),
}

impl Owner {
    const fn number(self) -> i64 {
        match self {
            Self::Environment(id) => id.number(),
            Self::Application(id) => id.number(),
            Self::Endpoint(id) => id.number(),
        }
    }
}

fn width(resolution: Resolution) -> Parameter<'static> {
    i64::try_from(resolution.width().as_millis()).unwrap_or(i64::MAX).into()
}

fn parameter(count: u64) -> Parameter<'static> {
    i64::try_from(count).unwrap_or(i64::MAX).into()
}

fn count(row: &Row<'_>, column: usize) -> Result<u64, StoreError> {
    Ok(row.integer(column)?.try_into().unwrap_or_default())
}

/// Adds what was counted of a stretch of time.
pub(super) fn add(
    connection: &Connection,
    owner: i64,
    resolution: Resolution,
    start: Timestamp,
    counts: &Counts,
) -> Result<(), StoreError> {
    let place = [owner.into(), width(resolution), start.into()];
    let sums = [counts.accepted, counts.delivered, counts.failed, counts.retried].map(parameter);
    connection.execute(ADD, &[&place[..], &sums, &counts.latencies.counts().map(parameter)].concat())?;
    Ok(())
}

fn read(row: &Row<'_>) -> Result<(Timestamp, Counts), StoreError> {
    let mut latencies = [0; LATENCY_COUNTS];
    for (place, latency) in latencies.iter_mut().enumerate() {
        *latency = count(row, 5 + place)?;
    }
    let counts = Counts {
        accepted: count(row, 1)?,
        delivered: count(row, 2)?,
        failed: count(row, 3)?,
        retried: count(row, 4)?,
        latencies: Latencies::from_counts(latencies),
    };
    Ok((row.time(0)?, counts))
}

fn in_span(
    connection: &Connection,
    owner: Owner,
    resolution: Resolution,
    span: Span,
) -> Result<Vec<(Timestamp, Counts)>, StoreError> {
    connection.query(IN_SPAN, &[owner.number().into(), width(resolution), span.from.into(), span.until.into()], read)
}

fn strip(connection: &Connection, owner: Owner, now: Timestamp) -> Result<Strip, StoreError> {
    Ok(Strip::of(now, &in_span(connection, owner, Resolution::HalfHour, Strip::span(now))?))
}

/// How many attempts delivered to an endpoint in as much of `span` as there are figures of, and the times of it that are
/// left to be counted from the history.
pub(super) fn delivered(
    connection: &Connection,
    endpoint_id: EndpointId,
    span: Span,
    now: Timestamp,
) -> Result<(u64, Vec<Span>), StoreError> {
    let (mut sum, mut left) = (0, vec![span]);
    for resolution in [Resolution::HalfHour, Resolution::Minute] {
        let mut rest = Vec::new();
        for span in left {
            let Some(whole) = resolution.whole(span, now) else {
                rest.push(span);
                continue;
            };
            let counted = in_span(connection, Owner::Endpoint(endpoint_id), resolution, whole)?;
            sum += counted.iter().map(|(_, counts)| counts.delivered).sum::<u64>();
            rest.extend([Span { until: whole.from, ..span }, Span { from: whole.until, ..span }]);
        }
        left = rest;
    }
    Ok((sum, left))
}

/// How those endpoints fare that were tried since then. Of very many, those that were tried last stand for all.
pub(super) fn lately(connection: &Connection, since: Timestamp) -> Result<Lately, StoreError> {
    let (mut takes, mut looked_at) = (HashMap::new(), 0);
    connection.visit(TRIED_SINCE, &[width(Resolution::Minute), since.into()], |row| {
        let (endpoint, delivered): (EndpointId, i64) = (row.id(0)?, row.integer(1)?);
        takes.entry(endpoint).or_insert(delivered > 0);
        looked_at += 1;
        Ok(if looked_at < LOOKED_AT_MAX { ControlFlow::Continue(()) } else { ControlFlow::Break(()) })
    })?;
    let failing = takes.values().filter(|takes| !**takes).count();
    Ok(Lately { tried: takes.len(), failing })
}

/// Drops at most `chunk` rows of each resolution that have been kept for long enough.
pub(super) fn drop_chunk(connection: &Connection, now: Timestamp, chunk: i64) -> Result<usize, StoreError> {
    Resolution::ALL.into_iter().try_fold(0, |gone, resolution| {
        let oldest = now.minus(resolution.kept_for());
        Ok(gone + connection.execute(DELETE_OLDEST, &[width(resolution), oldest.into(), chunk.into()])?)
    })
}

impl Store {
    /// The figures of a window up to now.
    ///
    /// # Errors
    /// When the store can't be read.
    pub async fn figures(&self, owner: Owner, window: Window) -> Result<Figures, StoreError> {
        let now = self.now();
        self.read(move |connection| {
            let resolution = window.resolution();
            let counted = in_span(connection, owner, resolution, window.span(now))?;
            let before = window.span_before(now).map(|span| in_span(connection, owner, resolution, span));
            let before = before.transpose()?.map(|counted| {
                counted.iter().fold(Counts::default(), |mut sum, (_, counts)| {
                    sum.add(counts);
                    sum
                })
            });
            Ok(Figures::of(window, now, &counted, before))
        })
        .await
    }

    /// The strips of these endpoints, as far as they are within `reach`.
    ///
    /// # Errors
    /// When the store can't be read.
    pub async fn strips_of_endpoints(
        &self,
        reach: Reach,
        ids: Vec<EndpointId>,
    ) -> Result<BTreeMap<EndpointId, Strip>, StoreError> {
        let now = self.now();
        self.read(move |connection| {
            let mut strips = BTreeMap::new();
            for id in ids {
                if reach.holds_endpoint(connection, id)? {
                    strips.insert(id, strip(connection, Owner::Endpoint(id), now)?);
                }
            }
            Ok(strips)
        })
        .await
    }

    /// The strips of these applications, as far as they are within `reach`.
    ///
    /// # Errors
    /// When the store can't be read.
    pub async fn strips_of_applications(
        &self,
        reach: Reach,
        ids: Vec<ApplicationId>,
    ) -> Result<BTreeMap<ApplicationId, Strip>, StoreError> {
        let now = self.now();
        self.read(move |connection| {
            let mut strips = BTreeMap::new();
            for id in ids {
                if reach.holds_application(connection, id)? {
                    strips.insert(id, strip(connection, Owner::Application(id), now)?);
                }
            }
            Ok(strips)
        })
        .await
    }
}

/// Every statement, for the test of query plans.
#[cfg(test)]
pub(super) const QUERIES: &[&str] = &[IN_SPAN, TRIED_SINCE, DELETE_OLDEST];
