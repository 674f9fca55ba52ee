//! What a server does when much is stored: millions of messages in its log, and a million deliveries that wait.

use std::time::Duration;

use super::{Known, Series};
use crate::cli::bench::filling::State;
use crate::cli::bench::process::Folder;
use crate::cli::bench::receiver::Ask;
use crate::cli::bench::report::{Goal, Reference, Row, Unit};
use crate::cli::bench::stage::{Kind, Stage};
use crate::clock::{Clock, SystemClock};

/// What waits for a dead endpoint is due within this time, as hours into an outage.
const RETRIED_WITHIN: Duration = Duration::from_secs(5 * 60 * 60);
/// The resident memory that a server may have, in megabytes.
const MEMORY_MB: f64 = 150.0;

pub(super) async fn backlog(stage: &mut Stage, known: &mut Known) -> anyhow::Result<Vec<Row>> {
    let filled = filled(stage, known).await?;
    let sides = [("full store", stage.on(filled, 1).await?), ("empty store", stage.fresh(Kind::Cornet, 1).await?)];
    let series = Series::of(stage, "backlog", &sides, None).await?;
    let memory_mb = sides[0].1.process().memory_most_mb()?;
    for (_, contestant) in sides {
        contestant.end().await?;
    }
    let rate = ("backlog", "messages a second while much waits and is stored");
    let rates = series.rows(rate, Unit::PerSecond, |run| run.rate, Some(Goal::RatioAtLeast(0.85)));
    let memory = Row {
        scenario: "backlog",
        what: "most resident memory meanwhile".into(),
        unit: Unit::Megabytes,
        runs: vec![memory_mb],
        reference: None,
        goal: None,
    };
    Ok(rates.chain([memory]).collect())
}

pub(super) async fn memory(stage: &mut Stage, known: &mut Known) -> anyhow::Result<Vec<Row>> {
    let filled = filled(stage, known).await?;
    let mut runs = Vec::new();
    for run in 1..=stage.plan.runs {
        stage.progress.say(&format!("memory: run {run} of {}", stage.plan.runs));
        let contestant = stage.on(filled.clone(), 1).await?;
        tokio::time::sleep(stage.plan.rest).await;
        runs.push(contestant.process().memory_mb()?);
        contestant.end().await?;
    }
    Ok(vec![Row {
        scenario: "memory",
        what: "resident memory while much waits".into(),
        unit: Unit::Megabytes,
        runs,
        reference: None,
        goal: Some(Goal::AtMost(MEMORY_MB)),
    }])
}

/// A store in which much waits for a dead endpoint, and much more has been delivered to one that lives.
async fn filled(stage: &mut Stage, known: &mut Known) -> anyhow::Result<std::path::PathBuf> {
    if let Some(folder) = &known.filled {
        return Ok(folder.path().to_owned());
    }
    let folder = stage.folder()?;
    let path = folder.path().to_owned();
    let contestant = stage.on(path.clone(), 1).await?;
    let application = stage.application(&contestant).await?;
    let live = stage.register(&contestant, &application, &stage.ok_url(0)).await?;
    // The dead endpoint wants other messages than those that are posted, so they count once.
    let dead = stage.register_for(&contestant, &application, &stage.dead_url(0)?, "bench.filled").await?;
    contestant.end().await?;
    stage.progress.say(&format!("filling a store with {} messages", stage.plan.stored));
    stage.fill(path.clone(), (application.clone(), live), stage.plan.stored, State::Delivered).await?;
    stage.progress.say(&format!("filling a store with {} waiting deliveries", stage.plan.waiting));
    let state = State::Retrying(RETRIED_WITHIN);
    stage.fill(path.clone(), (application, dead), stage.plan.waiting, state).await?;
    known.filled = Some(folder);
    Ok(path)
}

/// A store in which so much waits for an endpoint that lives, and is due.
async fn due(stage: &mut Stage, messages: u64) -> anyhow::Result<Folder> {
    let folder = stage.folder()?;
    let contestant = stage.on(folder.path().to_owned(), 1).await?;
    let application = stage.application(&contestant).await?;
    let endpoint = stage.register(&contestant, &application, &stage.ok_url(0)).await?;
    contestant.end().await?;
    stage.fill(folder.path().to_owned(), (application, endpoint), messages, State::Due).await?;
    Ok(folder)
}

pub(super) async fn drain(stage: &mut Stage) -> anyhow::Result<Vec<Row>> {
    let (mut drained, mut live) = (Vec::new(), Vec::new());
    let backlog = stage.plan.backlog;
    for run in 1..=stage.plan.runs {
        stage.progress.say(&format!("drain: run {run} of {}, live", stage.plan.runs));
        live.push(stage.run(Kind::Cornet, 1, None).await?.rate);
        stage.progress.say(&format!("drain: run {run} of {}, backlog", stage.plan.runs));
        let folder = due(stage, backlog).await?;
        stage.arrivals(Ask::Take).await?;
        let contestant = stage.on(folder.path().to_owned(), 1).await?;
        stage.wait_for(backlog).await?;
        let arrivals = stage.arrivals(Ask::Take).await?;
        drained.push(arrivals.count as f64 / arrivals.last.saturating_sub(arrivals.first).as_secs_f64());
        contestant.end().await?;
    }
    Ok(vec![Row {
        scenario: "drain",
        what: "deliveries a second to an endpoint that came back".into(),
        unit: Unit::PerSecond,
        runs: drained,
        reference: Some(Reference { name: "live", runs: live, in_turns: true }),
        goal: Some(Goal::RatioAtLeast(0.9)),
    }])
}

pub(super) async fn start(stage: &mut Stage) -> anyhow::Result<Vec<Row>> {
    stage.progress.say(&format!("filling a store with {} deliveries that are due", stage.plan.waiting));
    let folder = due(stage, stage.plan.waiting).await?;
    let clock = SystemClock::default();
    let mut runs = Vec::new();
    for run in 1..=stage.plan.runs {
        stage.progress.say(&format!("start: run {run} of {}", stage.plan.runs));
        stage.arrivals(Ask::Take).await?;
        let began = clock.monotonic();
        let contestant = stage.on(folder.path().to_owned(), 1).await?;
        stage.wait_for(1).await?;
        let first = stage.arrivals(Ask::Take).await?.first;
        // At once, so that enough is left for the next run.
        contestant.kill().await?;
        runs.push(first.saturating_sub(began).as_secs_f64());
    }
    Ok(vec![Row {
        scenario: "start",
        what: "from the start to the first delivery while much waits".into(),
        unit: Unit::Seconds,
        runs,
        reference: None,
        goal: Some(Goal::AtMost(1.0)),
    }])
}
