//! What happens to messages between their producer and their endpoints: how many, how fast, at what cost.

use super::{CORNET, Known, RAW_RELAY, RELAY_WITH_LOG, Series};
use crate::cli::bench::report::{Goal, Row, Unit, median};
use crate::cli::bench::stage::{Kind, Stage};

/// Endpoints that one message fans out to.
const FAN_OUT: usize = 10;

pub(super) async fn throughput(stage: &mut Stage, known: &mut Known) -> anyhow::Result<Vec<Row>> {
    let series = Series::run(stage, "throughput", CORNET, &[RAW_RELAY, RELAY_WITH_LOG], 1, None).await?;
    let rates: Vec<f64> = series.cornet.iter().map(|measured| measured.rate).collect();
    known.cornet_rate = median(&rates);
    let rate = ("throughput", "messages a second, end to end");
    let cpu = ("throughput", "CPU of the server for a message");
    let rates = series.rows(rate, Unit::PerSecond, |run| run.rate, Some(Goal::RatioAtLeast(0.5)));
    Ok(rates.chain(series.rows(cpu, Unit::Microseconds, |run| run.cpu_us, Some(Goal::RatioAtMost(3.0)))).collect())
}

pub(super) async fn fan_out(stage: &mut Stage) -> anyhow::Result<Vec<Row>> {
    let series = Series::run(stage, "fan-out", CORNET, &[RAW_RELAY], FAN_OUT, None).await?;
    let rate = ("fan-out", "deliveries a second, one message to ten endpoints");
    let cpu = ("fan-out", "CPU of the server for a delivery");
    let rates = series.rows(rate, Unit::PerSecond, |run| run.rate, Some(Goal::RatioAtLeast(0.6)));
    Ok(rates.chain(series.rows(cpu, Unit::Microseconds, |run| run.cpu_us, None)).collect())
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
    let series = Series::run(stage, "latency", CORNET, &[RAW_RELAY, RELAY_WITH_LOG], 1, Some(rate)).await?;
    known.notes.push(format!("Latency was measured at {rate:.0} messages a second."));
    let p50 = ("latency", "p50 from post to arrival at half of Cornet's maximum");
    let p99 = ("latency", "p99 from post to arrival at half of Cornet's maximum");
    let p50s = series.rows(p50, Unit::Milliseconds, |run| run.p50_ms, None);
    let p99s = series.rows(p99, Unit::Milliseconds, |run| run.p99_ms, Some(Goal::RatioAtMost(5.0)));
    Ok(p50s.chain(p99s).collect())
}
