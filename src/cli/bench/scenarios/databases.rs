//! Cornet with its store in a PostgreSQL server, one node and several, held against one with its store in a file.

use super::{Known, Series, Side};
use crate::cli::bench::postgres;
use crate::cli::bench::report::{Goal, Row, Unit};
use crate::cli::bench::stage::{Kind, Stage};

const SQLITE: Side = (Kind::Cornet, "SQLite");
const RATE_GOAL: Option<Goal> = Some(Goal::RatioAtLeast(0.6));
/// What is measured of so many nodes that share one database.
const NODES: [(usize, &str); 3] = [
    (1, "messages a second, one node on one database"),
    (2, "messages a second, two nodes on one database"),
    (3, "messages a second, three nodes on one database"),
];

pub(super) async fn postgres(stage: &mut Stage) -> anyhow::Result<Vec<Row>> {
    if !postgres::is_installed() {
        return Ok(vec![
            missing("postgres", "messages a second; this machine has no PostgreSQL", Unit::PerSecond, RATE_GOAL),
            missing("postgres", "CPU for a message; this machine has no PostgreSQL", Unit::Microseconds, None),
        ]);
    }
    let series = Series::run(stage, "postgres", on_postgres(1), &[SQLITE], 1, None).await?;
    let rate = ("postgres", "messages a second, one node");
    let cpu = ("postgres", "CPU of the server and its database for a message");
    let rates = series.rows(rate, Unit::PerSecond, |run| run.rate, RATE_GOAL);
    Ok(rates.chain(series.rows(cpu, Unit::Microseconds, |run| run.cpu_us, None)).collect())
}

pub(super) async fn nodes(stage: &mut Stage, known: &mut Known) -> anyhow::Result<Vec<Row>> {
    if !postgres::is_installed() {
        known.notes.push("No nodes were measured: this machine has no PostgreSQL.".to_owned());
        return Ok(NODES.map(|(_, what)| missing("nodes", what, Unit::PerSecond, None)).into());
    }
    let mut rows = Vec::new();
    for (nodes, what) in NODES {
        let series = Series::run(stage, what, on_postgres(nodes), &[SQLITE], 1, None).await?;
        rows.extend(series.rows(("nodes", what), Unit::PerSecond, |run| run.rate, None));
    }
    Ok(rows)
}

fn on_postgres(nodes: usize) -> Side {
    (Kind::CornetOnPostgres(nodes), "PostgreSQL")
}

fn missing(scenario: &'static str, what: &'static str, unit: Unit, goal: Option<Goal>) -> Row {
    Row { scenario, what: what.into(), unit, runs: Vec::new(), reference: None, goal }
}
