//! One node with its store in a PostgreSQL server, held against one with its store in a file.

use super::{Series, Side};
use crate::cli::bench::postgres;
use crate::cli::bench::report::{Goal, Row, Unit};
use crate::cli::bench::stage::{Kind, Stage};

const POSTGRES: Side = (Kind::CornetOnPostgres, "PostgreSQL");
const SQLITE: Side = (Kind::Cornet, "SQLite");
const RATE_GOAL: Option<Goal> = Some(Goal::RatioAtLeast(0.6));

pub(super) async fn postgres(stage: &mut Stage) -> anyhow::Result<Vec<Row>> {
    if !postgres::is_installed() {
        return Ok(vec![
            missing("messages a second; this machine has no PostgreSQL", Unit::PerSecond, RATE_GOAL),
            missing("CPU for a message; this machine has no PostgreSQL", Unit::Microseconds, None),
        ]);
    }
    let series = Series::run(stage, "postgres", [POSTGRES, SQLITE], 1, None).await?;
    let rate = ("postgres", "messages a second, one node");
    let cpu = ("postgres", "CPU of the server and its database for a message");
    Ok(vec![
        series.row(rate, Unit::PerSecond, |run| run.rate, RATE_GOAL),
        series.row(cpu, Unit::Microseconds, |run| run.cpu_us, None),
    ])
}

fn missing(what: &'static str, unit: Unit, goal: Option<Goal>) -> Row {
    Row { scenario: "postgres", what, unit, runs: Vec::new(), reference: None, goal }
}
