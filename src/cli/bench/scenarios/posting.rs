//! What happens to messages between their producer and their endpoints: how many, how fast, at what cost.

use super::{CORNET, Known, RAW_RELAY, Series};
use crate::cli::bench::report::{Goal, Row, Unit, median};
use crate::cli::bench::stage::{Kind, Measured, Stage};

/// Endpoints that one message fans out to.
const FAN_OUT: usize = 10;

pub(super) async fn throughput(stage: &mut Stage, known: &mut Known) -> anyhow::Result<Vec<Row>> {
    let series = Series::run(stage, "throughput", [CORNET, RAW_RELAY], 1, None).await?;
    let rates: Vec<f64> = series.cornet.iter().map(|measured| measured.rate).collect();
    known.cornet_rate = median(&rates);
    let rate = ("throughput", "messages a second, end to end");
    let cpu = ("throughput", "CPU of the server for a message");
    Ok(vec![
        series.row(rate, Unit::PerSecond, |run| run.rate, Some(Goal::RatioAtLeast(0.5))),
        series.row(cpu, Unit::Microseconds, |run| run.cpu_us, Some(Goal::RatioAtMost(3.0))),
    ])
}

pub(super) async fn fan_out(stage: &mut Stage) -> anyhow::Result<Vec<Row>> {
    let series = Series::run(stage, "fan-out", [CORNET, RAW_RELAY], FAN_OUT, None).await?;
    let rate = ("fan-out", "deliveries a second, one message to ten endpoints");
    let cpu = ("fan-out", "CPU of the server for a delivery");
    Ok(vec![
        series.row(rate, Unit::PerSecond, |run| run.rate, Some(Goal::RatioAtLeast(0.6))),
        series.row(cpu, Unit::Microseconds, |run| run.cpu_us, None),
    ])
}

pub(super) async fn latency(stage: &mut Stage, known: &mut Known) -> anyhow::Result<Vec<Row>> {
    let most = match known.cornet_rate {
        Some(rate) => rate,
        None => {
            stage.progress.say("latency: Cornet's own maximum");
            stage.run(Kind::Cornet, 1, None).await?.rate
        }
    };
    let rate = most / 2.0;
    let series = Series::run(stage, "latency", [CORNET, RAW_RELAY], 1, Some(rate)).await?;
    known.notes.push(format!("Latency was measured at {rate:.0} messages a second."));
    let figure =
        |what, figure: fn(&Measured) -> f64, goal| series.row(("latency", what), Unit::Milliseconds, figure, goal);
    Ok(vec![
        figure("p50 from post to arrival at half of Cornet's maximum", |run| run.p50_ms, None),
        figure("p99 from post to arrival at half of Cornet's maximum", |run| run.p99_ms, Some(Goal::RatioAtMost(5.0))),
    ])
}
