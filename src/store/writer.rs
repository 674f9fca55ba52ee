//! One that writes: a connection, and the transaction around a batch. What a batch has of messages and outcomes is kept as a
//! whole, or else each by itself. It does not know how a batch came together, nor what a change is about.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;

use super::bulk;
use super::change::{Acceptance, Change};
use super::committer::Notice;
use super::connection::Connection;
use super::error::StoreError;
use super::fresh::{Aged, Fresh, Whose};
use super::gathering::Batch;
use super::happenings::Happenings;
use super::lease::Lease;
use super::messages::{self, Accepted, Accepting};
use super::news::News;
use super::queue::{self, Late, Record};
use super::tally::Tally;
use crate::clock::Clock;
use crate::domain::delivery::Delivery;
use crate::telemetry::Metrics;

/// Where the engine is told.
pub(super) type Told = mpsc::UnboundedSender<Notice>;

/// What those who write have in common.
#[derive(Clone)]
pub(super) struct Desk {
    pub(super) lease: Arc<Lease>,
    pub(super) told: Told,
    pub(super) happenings: Happenings,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) metrics: Arc<Metrics>,
}

/// The connection that writes, and the transaction around a batch.
pub(super) struct Writer {
    connection: Connection,
    desk: Desk,
    /// What it has committed itself; the others have counts of their own.
    tally: Tally,
    /// What waits without a row, in a file.
    fresh: Option<Fresh>,
}

impl Writer {
    pub(super) fn new(connection: Connection, desk: Desk, fresh: Option<Fresh>) -> Self {
        Self { connection, desk, tally: Tally::default(), fresh }
    }

    /// When it has something of its own to write, by the monotonic clock: what it has counted, and what has waited for long.
    pub(super) fn due(&self) -> Option<Duration> {
        self.tally.due().into_iter().chain(self.fresh.as_ref().and_then(Fresh::due)).min()
    }

    /// Writes a batch and what is due, and answers each change. Gives the records back when they could not be written.
    pub(super) fn commit(&mut self, batch: Batch) -> Vec<Record> {
        let left = self.write(batch);
        self.tally.gathered(self.desk.clock.monotonic());
        left
    }

    fn write(&mut self, batch: Batch) -> Vec<Record> {
        let Batch { mut messages, mut changes, records, settling, .. } = batch;
        let count = messages.len() + changes.len() + records.len();
        let started = self.desk.clock.monotonic();
        let counted = self.tally.due().is_some_and(|due| settling || due <= started);
        let counted = counted.then(|| self.tally.take(settling));
        let aged = self.fresh.as_mut().and_then(|fresh| fresh.take(&whose(&changes), started));
        let mut took = Duration::ZERO;
        let together = self.connection.transaction(|connection| {
            aged.iter().try_for_each(|aged| aged.queue(connection))?;
            changes.iter_mut().try_for_each(|change| change.apply(connection))?;
            self.accept_all(connection, &mut messages)?;
            let late = self.record_all(connection, &records)?;
            if let Some(counted) = &counted {
                let started = self.desk.clock.monotonic();
                counted.write(connection)?;
                took = self.desk.clock.monotonic().saturating_sub(started);
            }
            Ok(late)
        });
        if let Ok(late) = &together {
            if let Some(counted) = counted {
                self.desk.happenings.counted(|| counted.applications());
                self.tally.written(took, self.desk.clock.monotonic());
            }
            self.desk.metrics.committed(count);
            self.keep_fresh(&messages, &records);
            self.count(&records, late);
            // The engine is told first: who has an answer may rely on it.
            let mut notices = Vec::with_capacity(count);
            changes.iter_mut().for_each(|change| change.notify(&mut notices));
            messages.iter_mut().for_each(|message| message.notify(&mut notices));
            notices.extend(records.into_iter().map(Record::into_notice));
            self.tell(notices);
            changes.into_iter().for_each(|change| change.answer(Ok(())));
            messages.into_iter().for_each(|message| Box::new(message).answer(Ok(())));
            return Vec::new();
        }
        if let Some(counted) = counted {
            self.tally.put_back(counted);
        }
        self.put_back(aged, started);
        let messages = messages.into_iter().map(|message| -> Box<dyn Change> { Box::new(message) });
        self.change_singly(changes.into_iter().chain(messages));
        if matches!(together, Err(StoreError::Unavailable(_))) {
            self.desk.lease.doubt();
        }
        self.record_singly(records)
    }

    /// One of them spoiled it for all: each gets a transaction of its own, as long as there is a database.
    fn change_singly(&mut self, changes: impl Iterator<Item = Box<dyn Change>>) {
        // What they may change must be there.
        let now = self.desk.clock.monotonic();
        let aged = self.fresh.as_mut().and_then(|fresh| fresh.take(&Whose::All, now));
        let queued = self.connection.transaction(|connection| aged.iter().try_for_each(|aged| aged.queue(connection)));
        if let Err(error) = queued {
            self.put_back(aged, now);
            return changes.for_each(|change| change.answer(Err(error.clone())));
        }
        self.keep_fresh(&[], &[]);
        let mut lost = None;
        for mut change in changes {
            let alone = match &lost {
                None => self.connection.transaction(|connection| change.apply(connection)),
                Some(why) => Err(StoreError::clone(why)),
            };
            lost = alone.as_ref().err().filter(|error| matches!(error, StoreError::Unavailable(_))).cloned();
            let mut notices = Vec::new();
            if alone.is_ok() {
                change.notify(&mut notices);
            }
            self.tell(notices);
            change.answer(alone);
        }
    }

    /// Those have no rows after all.
    fn put_back(&mut self, aged: Option<Aged>, now: Duration) {
        if let (Some(fresh), Some(aged)) = (&mut self.fresh, aged) {
            fresh.put_back(aged, now);
        }
    }

    /// These have been committed, with the rows of those that are fresh no longer.
    fn keep_fresh(&mut self, messages: &[Acceptance], records: &[Record]) {
        let Some(fresh) = &mut self.fresh else { return };
        fresh.queued();
        records.iter().for_each(|record| fresh.remove(&record.delivery));
        let is_fresh = |message: &&Acceptance| message.is_fresh && message.result == Some(Accepted::New);
        for Acceptance { accepting, .. } in messages.iter().filter(is_fresh) {
            fresh.add(accepting.message.id, &accepting.deliveries);
        }
    }

    /// Keeps messages: a server takes all at once, and a file without the rows of their deliveries as far as there is room.
    fn accept_all(&self, connection: &Connection, messages: &mut [Acceptance]) -> Result<(), StoreError> {
        let Some(fresh) = &self.fresh else {
            let accepting: Vec<&Accepting> = messages.iter().map(|message| &message.accepting).collect();
            let results = bulk::accept(connection, &accepting)?;
            messages.iter_mut().zip(results).for_each(|(message, result)| message.result = Some(result));
            return Ok(());
        };
        for message in messages {
            let Accepting { message: content, deliveries, key } = &message.accepting;
            message.is_fresh = fresh.takes(content.id);
            let rows = if message.is_fresh { &[] } else { deliveries.as_slice() };
            message.result = Some(messages::accept(connection, content, rows, key.as_ref())?);
        }
        Ok(())
    }

    fn record_all(&self, connection: &Connection, records: &[Record]) -> Result<Late, StoreError> {
        let is_fresh = |delivery: &Delivery| self.fresh.as_ref().is_some_and(|fresh| fresh.holds(delivery));
        let late = queue::record_all(connection, records, is_fresh)?;
        News::tell_turns(connection, &self.desk.lease, records)?;
        Ok(late)
    }

    /// Writes each outcome by itself, so that one that can't be written holds up no other; gives back what is left.
    fn record_singly(&mut self, records: Vec<Record>) -> Vec<Record> {
        let mut left = Vec::new();
        let mut rest = records.into_iter();
        for record in rest.by_ref() {
            let alone = std::slice::from_ref(&record);
            match self.connection.transaction(|connection| self.record_all(connection, alone)) {
                Ok(late) => {
                    self.keep_fresh(&[], alone);
                    self.count(alone, &late);
                    self.tell(vec![record.into_notice()]);
                }
                Err(error) => {
                    tracing::error!(%error, "cannot record an outcome, trying again");
                    left.push(record);
                    if matches!(error, StoreError::Full | StoreError::Unavailable(_)) {
                        break;
                    }
                }
            }
        }
        left.extend(rest);
        left
    }

    /// Counts outcomes; those that came late are history, and were counted by whoever was in time.
    fn count(&mut self, records: &[Record], late: &Late) {
        let in_time = |record: &&Record| record.attempt.as_ref().is_ok_and(|attempt| !late.contains(&attempt.id));
        for record in records.iter().filter(|record| record.attempt.is_err() || in_time(record)) {
            self.tally.recorded(record);
        }
        if !late.is_empty() {
            let attempts = late.len();
            tracing::warn!(attempts, "outcomes came after their deliveries had been moved: each may be a repeat");
            self.desk.metrics.late(attempts);
        }
    }

    fn tell(&mut self, notices: Vec<Notice>) {
        self.desk.happenings.noticed(&notices);
        for notice in notices {
            if let Notice::Accepted { message, .. } = &notice {
                self.tally.accepted(message);
            }
            // Nobody listens while the server stops; what waits is found again at the next start.
            self.desk.told.send(notice).ok();
        }
    }
}

/// Whose deliveries must have their rows before these changes are made.
fn whose(changes: &[Box<dyn Change>]) -> Whose {
    let endpoints = || changes.iter().map(|change| change.endpoint()).collect::<Option<_>>();
    match changes {
        [] => Whose::Due,
        _ => endpoints().map_or(Whose::All, Whose::Endpoints),
    }
}
