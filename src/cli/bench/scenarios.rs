//! What is measured. Each scenario has its own way to set the stage, and answers with rows of the table; runs of what is
//! held against each other take turns, so that a machine that changes its pace does so for both.

mod databases;
mod growth;
mod noisy;
mod posting;
mod resting;
mod stored;

use super::plot::Curve;
use super::report::{Goal, Reference, Row, Unit};
use super::stage::{Contestant, Kind, Measured, Stage};

/// A part of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Scenario {
    /// Messages a second to one endpoint, and what each costs
    Throughput,
    /// One message to ten endpoints
    FanOut,
    /// From the post to the arrival, at half of Cornet's own maximum
    Latency,
    /// PostgreSQL in place of SQLite, where it is installed
    Postgres,
    /// One, two and three nodes on one PostgreSQL database, where it is installed
    Nodes,
    /// Throughput while much waits and is stored
    Backlog,
    /// Throughput and the time of questions, on stores of more and more messages
    Growth,
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
            Self::Postgres => databases::postgres(stage).await,
            Self::Nodes => databases::nodes(stage, known).await,
            Self::Backlog => stored::backlog(stage, known).await,
            Self::Growth => growth::growth(stage, known).await,
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
    /// What was found on stores of more and more messages.
    pub(super) growth: Vec<Curve>,
    /// What a reader must know beside the figures.
    pub(super) notes: Vec<String>,
}

/// Who is measured, and what it is called in this scenario.
type Side = (Kind, &'static str);

const CORNET: Side = (Kind::Cornet, "Cornet");
const RAW_RELAY: Side = (Kind::RawRelay, "raw relay");
const RELAY_WITH_LOG: Side = (Kind::RelayWithLog, "relay with a log");

/// Runs of Cornet and of what it is held against. All are there all the time and get the same in turns, which are short: a
/// machine that others use too changes its pace within seconds, and only what was measured side by side can be compared.
struct Series {
    cornet: Vec<Measured>,
    references: Vec<(&'static str, Vec<Measured>)>,
}

impl Series {
    async fn run(
        stage: &mut Stage,
        name: &str,
        cornet: Side,
        references: &[Side],
        endpoints: usize,
        rate: Option<f64>,
    ) -> anyhow::Result<Self> {
        let mut sides = Vec::new();
        for &(kind, side) in [cornet].iter().chain(references) {
            sides.push((side, stage.fresh(kind, endpoints).await?));
        }
        let series = Self::of(stage, name, &sides, rate).await?;
        for (_, contestant) in sides {
            contestant.end().await?;
        }
        Ok(series)
    }

    /// The same with contestants that are there already: the first is Cornet, which the others are references for.
    async fn of(
        stage: &mut Stage,
        name: &str,
        sides: &[(&'static str, Contestant)],
        rate: Option<f64>,
    ) -> anyhow::Result<Self> {
        let mut measured: Vec<_> = sides.iter().map(|(side, _)| (*side, Vec::new())).collect();
        let (turns, duration) = stage.plan.turns();
        let mut order: Vec<usize> = (0..sides.len()).collect();
        for turn in 0..turns {
            // Who is first has no advantage from it in every turn.
            order.reverse();
            for &which in &order {
                let (side, contestant) = &sides[which];
                stage.progress.say(&format!("{name}: turn {} of {turns}, {side}", turn + 1));
                measured[which].1.push(stage.measure_for(duration, contestant, rate).await?);
            }
        }
        let (_, cornet) = measured.remove(0);
        Ok(Self { cornet, references: measured })
    }

    /// A row of one of their figures, for each that Cornet is held against; the goal is that of the first.
    fn rows(
        &self,
        (scenario, what): (&'static str, &'static str),
        unit: Unit,
        figure: fn(&Measured) -> f64,
        goal: Option<Goal>,
    ) -> impl Iterator<Item = Row> {
        let runs = move |measured: &[Measured]| measured.iter().map(figure).collect::<Vec<f64>>();
        let goals = std::iter::once(goal).chain(std::iter::repeat(None));
        self.references.iter().zip(goals).map(move |((name, measured), goal)| {
            let reference = Reference { name, runs: runs(measured), in_turns: true };
            Row { scenario, what: what.into(), unit, runs: runs(&self.cornet), reference: Some(reference), goal }
        })
    }
}
