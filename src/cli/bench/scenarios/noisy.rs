//! A healthy endpoint beside a thousand that are dead, that hang, or that are slow.

use std::time::Duration;

use crate::cli::bench::report::{Goal, Reference, Row, Unit};
use crate::cli::bench::stage::{Contestant, Kind, Stage};

/// Messages a second to the healthy endpoint.
const HEALTHY_RATE: f64 = 200.0;
/// Messages a second to all of the others, each.
const NOISE_RATE: f64 = 2.0;
/// The application that the others belong to.
const OTHERS: &str = "others";
/// How long there would be noise if it were not ended: longer than any run.
const NOISE: Duration = Duration::from_secs(60 * 60);

pub(super) async fn noisy(stage: &mut Stage) -> anyhow::Result<Vec<Row>> {
    let (mut beside, mut alone) = (Vec::new(), Vec::new());
    for run in 1..=stage.plan.runs {
        stage.progress.say(&format!("noisy: run {run} of {}, alone", stage.plan.runs));
        alone.push(stage.run(Kind::Cornet, 1, Some(HEALTHY_RATE)).await?.p99_ms);
        stage.progress.say(&format!("noisy: run {run} of {}, beside {} others", stage.plan.runs, stage.plan.noisy));
        beside.push(beside_others(stage).await?);
    }
    Ok(vec![Row {
        scenario: "noisy",
        what: "p99 of a healthy endpoint beside dead, hanging and slow ones".into(),
        unit: Unit::Milliseconds,
        runs: beside,
        reference: Some(Reference { name: "alone", runs: alone, in_turns: true }),
        goal: Some(Goal::RatioAtMost(2.0)),
    }])
}

async fn beside_others(stage: &mut Stage) -> anyhow::Result<f64> {
    let contestant = stage.fresh(Kind::Cornet, 1).await?;
    register_others(stage, &contestant).await?;
    let noise = stage.post_beside(&contestant, OTHERS, NOISE_RATE, NOISE).await?;
    // By then the others hold as many places as they get.
    tokio::time::sleep(stage.plan.duration).await;
    let measured = stage.measure(&contestant, Some(HEALTHY_RATE)).await?;
    noise.end().await?;
    contestant.end().await?;
    Ok(measured.p99_ms)
}

/// A third of them each is dead, hangs and is slow.
async fn register_others(stage: &Stage, contestant: &Contestant) -> anyhow::Result<()> {
    stage.make_application(contestant, OTHERS).await?;
    for number in 0..stage.plan.noisy {
        let url = match number % 3 {
            0 => stage.dead_url(number)?,
            1 => stage.hanging_url(number),
            _ => stage.slow_url(number),
        };
        stage.register(contestant, OTHERS, &url).await?;
    }
    Ok(())
}
