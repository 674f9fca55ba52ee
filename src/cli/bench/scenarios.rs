//! What is measured. Each scenario has its own way to set the stage, and answers with rows of the table; runs of what is
//! held against each other take turns, so that a machine that changes its pace does so for both.

mod noisy;
mod posting;
mod resting;
mod stored;

use super::report::{Goal, Row, Unit};
use super::stage::{Kind, Measured, Stage};

/// A part of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Scenario {
    /// Messages a second to one endpoint, and what each costs
    Throughput,
    /// One message to ten endpoints
    FanOut,
    /// From the post to the arrival, at half of Cornet's own maximum
    Latency,
    /// PostgreSQL in place of SQLite
    Postgres,
    /// Throughput while much waits and is stored
    Backlog,
    /// A healthy endpoint beside dead, hanging and slow ones
    Noisy,
    /// Memory while much waits
    Memory,
    /// A backlog to an endpoint that came back
    Drain,
    /// From the start to the first delivery, while much waits
    Start,
    /// What a server costs that has nothing to do
    Idle,
}

impl Scenario {
    /// Measures it.
    pub(super) async fn run(self, stage: &mut Stage, known: &mut Known) -> anyhow::Result<Vec<Row>> {
        match self {
            Self::Throughput => posting::throughput(stage, known).await,
            Self::FanOut => posting::fan_out(stage).await,
            Self::Latency => posting::latency(stage, known).await,
            Self::Postgres => Ok(vec![postgres()]),
            Self::Backlog => stored::backlog(stage, known).await,
            Self::Noisy => noisy::noisy(stage).await,
            Self::Memory => stored::memory(stage, known).await,
            Self::Drain => stored::drain(stage).await,
            Self::Start => stored::start(stage).await,
            Self::Idle => resting::idle(stage).await,
        }
    }
}

/// What one scenario has found or made that another can use.
#[derive(Default)]
pub(super) struct Known {
    /// Cornet's messages a second.
    cornet_rate: Option<f64>,
    /// A store in which much waits and is stored.
    filled: Option<super::process::Folder>,
    /// What a reader must know beside the figures.
    pub(super) notes: Vec<String>,
}

/// PostgreSQL cannot be chosen as a store yet.
fn postgres() -> Row {
    Row {
        scenario: "postgres",
        what: "messages a second, one node",
        unit: Unit::PerSecond,
        runs: Vec::new(),
        reference: None,
        goal: Some(Goal::RatioAtLeast(0.6)),
    }
}

/// Runs of Cornet and of the raw relay that took turns.
struct Series {
    cornet: Vec<Measured>,
    relay: Vec<Measured>,
}

impl Series {
    async fn run(stage: &mut Stage, name: &str, endpoints: usize, rate: Option<f64>) -> anyhow::Result<Self> {
        let mut series = Self { cornet: Vec::new(), relay: Vec::new() };
        for run in 1..=stage.plan.runs {
            stage.progress.say(&format!("{name}: run {run} of {}, raw relay", stage.plan.runs));
            series.relay.push(stage.run(Kind::RawRelay, endpoints, rate).await?);
            stage.progress.say(&format!("{name}: run {run} of {}, Cornet", stage.plan.runs));
            series.cornet.push(stage.run(Kind::Cornet, endpoints, rate).await?);
        }
        Ok(series)
    }

    /// A row of one of their figures.
    fn row(
        &self,
        (scenario, what): (&'static str, &'static str),
        unit: Unit,
        figure: fn(&Measured) -> f64,
        goal: Option<Goal>,
    ) -> Row {
        let runs = |measured: &[Measured]| measured.iter().map(figure).collect();
        let reference = super::report::Reference { name: "raw relay", runs: runs(&self.relay) };
        Row { scenario, what, unit, runs: runs(&self.cornet), reference: Some(reference), goal }
    }
}
