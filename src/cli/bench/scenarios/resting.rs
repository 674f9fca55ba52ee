//! What a server costs that has nothing to do.

use std::borrow::Cow;

use crate::cli::bench::report::{Goal, Row, Unit};
use crate::cli::bench::stage::{Kind, Stage};
use crate::clock::{Clock, SystemClock};

/// The CPU that it may use, in percent of a core.
const CPU_PERCENT: f64 = 0.2;
/// The resident memory that it may have, in megabytes.
const MEMORY_MB: f64 = 30.0;

pub(super) async fn idle(stage: &mut Stage) -> anyhow::Result<Vec<Row>> {
    let clock = SystemClock::default();
    let (mut cpu, mut memory) = (Vec::new(), Vec::new());
    for run in 1..=stage.plan.runs {
        stage.progress.say(&format!("idle: run {run} of {}", stage.plan.runs));
        let contestant = stage.fresh(Kind::Cornet, 1).await?;
        // What belongs to the start is over by then.
        tokio::time::sleep(stage.plan.rest / 5).await;
        let (began, used) = (clock.monotonic(), contestant.process().cpu()?);
        tokio::time::sleep(stage.plan.rest).await;
        let used = contestant.process().cpu()?.saturating_sub(used);
        cpu.push(100.0 * used.as_secs_f64() / clock.monotonic().saturating_sub(began).as_secs_f64());
        memory.push(contestant.process().memory_mb()?);
        contestant.end().await?;
    }
    let row = |what, unit, runs, most| Row {
        scenario: "idle",
        what: Cow::from(what),
        unit,
        runs,
        reference: None,
        goal: Some(Goal::AtMost(most)),
    };
    Ok(vec![
        row("CPU, of one core", Unit::Percent, cpu, CPU_PERCENT),
        row("resident memory", Unit::Megabytes, memory, MEMORY_MB),
    ])
}
