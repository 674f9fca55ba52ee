//! `cornet bench`: measures what Cornet does on this machine, beside a relay that stores nothing. The load generator, the
//! receiver, the relay and the servers are processes of this same program, and end with it; so does the PostgreSQL server
//! that it starts where one is installed.

mod filling;
mod http;
mod latency;
mod load;
mod log;
mod plot;
mod postgres;
mod process;
mod progress;
mod receiver;
mod relay;
mod report;
mod role;
mod scenarios;
mod stage;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use clap::ValueEnum as _;
use tokio::signal::unix::{SignalKind, signal};

use super::print_line;
use crate::clock::SystemClock;
use process::Folder;
use progress::Progress;
use report::Report;
use scenarios::{Known, Scenario};
use stage::{Kind, Stage};

/// What a shell reports of a process that an interrupt ended.
const EXIT_INTERRUPTED: u8 = 130;

/// Measure this machine: messages a second, latency, memory and more, beside a relay that stores nothing
///
/// Takes about an hour, and some 30 GB of disk for stores with millions of messages; --quick takes seconds and shows
/// only that everything works. Nothing else should run meanwhile.
#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct BenchArgs {
    #[command(subcommand)]
    part: Option<Part>,

    /// What to measure; everything when it is not said
    #[arg(long, value_name = "NAMES", value_enum, value_delimiter = ',')]
    scenarios: Vec<Scenario>,

    /// Small sizes and one short run of each: the figures mean nothing
    #[arg(long)]
    quick: bool,

    /// Runs of each; the table shows medians [default: 5]
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..))]
    runs: Option<u32>,

    /// How long a run posts messages, in turns of a second where two are there side by side [default: 5]
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    seconds: Option<Duration>,

    /// Connections that messages are posted over [default: 64]
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u16).range(1..))]
    connections: Option<u16>,

    /// Bytes of a payload
    #[arg(long, value_name = "BYTES", default_value_t = 1024, value_parser = clap::value_parser!(u32).range(64..=1_000_000))]
    payload: u32,

    /// Deliveries that wait in `backlog`, `memory` and `start` [default: 1000000]
    #[arg(long, value_name = "NUMBER")]
    waiting: Option<u64>,

    /// Delivered messages that are stored in `backlog` and `memory` [default: 5000000]
    #[arg(long, value_name = "NUMBER")]
    stored: Option<u64>,

    /// Delivered messages that `growth` ends with; it begins with a thousandth of them [default: 10000000]
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u64).range(1_000..))]
    growth: Option<u64>,

    /// Deliveries that `drain` starts with [default: 100000]
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u64).range(1..))]
    backlog: Option<u64>,

    /// Dead, hanging and slow endpoints in `noisy` [default: 1000]
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u16).range(..=1000))]
    noisy: Option<u16>,

    /// Check every signature, in runs of their own before the others
    #[arg(long)]
    verify: bool,

    /// Where the stores are made and removed again; it should be on a disk [default: the directory for temporary files]
    #[arg(long, value_name = "DIRECTORY")]
    directory: Option<PathBuf>,

    /// Write every run to this file too
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,

    /// Draw what `growth` found into this file, as SVG
    #[arg(long, value_name = "FILE")]
    plot: Option<PathBuf>,
}

/// A part of the benchmark that runs as a process of its own, and is started by it alone.
#[derive(Clone, Copy, Debug, clap::Subcommand)]
enum Part {
    #[command(hide = true)]
    Relay,
    #[command(hide = true)]
    Receiver,
    #[command(hide = true)]
    Load,
    #[command(hide = true)]
    Fill,
}

/// The sizes of a benchmark.
#[derive(Clone, Copy, Debug)]
struct Plan {
    runs: u32,
    duration: Duration,
    connections: usize,
    payload_bytes: usize,
    waiting: u64,
    stored: u64,
    growth: u64,
    backlog: u64,
    noisy: usize,
    /// How long a server is looked at that has nothing to do.
    rest: Duration,
}

impl Plan {
    /// Into how many turns of at least a second the runs of two that are held against each other are cut, and how long each is.
    fn turns(&self) -> (u32, Duration) {
        let of_a_run = u32::try_from(self.duration.as_secs()).unwrap_or(u32::MAX).max(1);
        (self.runs.saturating_mul(of_a_run), self.duration / of_a_run)
    }
}

impl std::fmt::Display for Plan {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { runs, duration, connections, payload_bytes, waiting, stored, backlog, noisy, .. } = self;
        let (turns, turn) = self.turns();
        write!(
            f,
            "Medians of {runs} runs of {duration:?}, or {turns} turns of {turn:?} where two are there side by side, with \
             {connections} connections and payloads of {payload_bytes} bytes; \
             {waiting} deliveries wait, {stored} messages are stored, {backlog} are drained, {noisy} endpoints are noisy."
        )
    }
}

impl BenchArgs {
    fn plan(&self) -> Plan {
        fn size<T>(given: Option<T>, (quick, usual): (T, T), is_quick: bool) -> T {
            given.unwrap_or(if is_quick { quick } else { usual })
        }
        let quick = self.quick;
        Plan {
            runs: size(self.runs, (1, 5), quick),
            duration: size(self.seconds, (Duration::from_millis(100), Duration::from_secs(5)), quick),
            connections: size(self.connections, (8, 64), quick).into(),
            payload_bytes: usize::try_from(self.payload).unwrap_or_default(),
            waiting: size(self.waiting, (300, 1_000_000), quick),
            stored: size(self.stored, (300, 5_000_000), quick),
            growth: size(self.growth, (1_000, 10_000_000), quick),
            backlog: size(self.backlog, (300, 100_000), quick),
            noisy: size(self.noisy, (6, 1_000), quick).into(),
            rest: if quick { Duration::from_millis(200) } else { Duration::from_secs(10) },
        }
    }
}

fn seconds(text: &str) -> Result<Duration, String> {
    let number = text.parse().ok().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    number.filter(|duration| !duration.is_zero()).ok_or_else(|| "write a number of seconds, such as 2.5".to_owned())
}

/// Measures, and prints what was found.
///
/// # Errors
/// When a part can't be started. A scenario that fails is noted, and the others go on.
pub fn run(args: &BenchArgs) -> anyhow::Result<ExitCode> {
    match args.part {
        Some(Part::Relay) => relay::run(),
        Some(Part::Receiver) => receiver::run(),
        Some(Part::Load) => load::run(),
        Some(Part::Fill) => filling::run(),
        None => {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(until_interrupted(args))
        }
    }
}

/// Measures until it is done or somebody wants it to end; what was started ends with what is dropped then.
async fn until_interrupted(args: &BenchArgs) -> anyhow::Result<ExitCode> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hang_up = signal(SignalKind::hangup())?;
    tokio::select! {
        done = measure(args) => done,
        _ = interrupt.recv() => Ok(ExitCode::from(EXIT_INTERRUPTED)),
        _ = terminate.recv() => Ok(ExitCode::from(EXIT_INTERRUPTED)),
        _ = hang_up.recv() => Ok(ExitCode::from(EXIT_INTERRUPTED)),
    }
}

async fn measure(args: &BenchArgs) -> anyhow::Result<ExitCode> {
    let scenarios = match args.scenarios.as_slice() {
        [] => Scenario::value_variants(),
        some => some,
    };
    let within = args.directory.clone().unwrap_or_else(std::env::temp_dir);
    let folder = Folder::new(&within, &format!("cornet-bench-{}", std::process::id()))?;
    let mut report = Report::new(folder.path(), &SystemClock::default());
    let mut stage = Stage::new(args.plan(), folder, Progress::new(scenarios.len())).await?;
    if args.verify {
        report.notes.push(verify(&stage.plan, &within).await?);
    }
    let mut known = Known::default();
    let mut failed = false;
    for scenario in scenarios {
        stage.progress.next();
        match scenario.run(&mut stage, &mut known).await {
            Ok(rows) => report.rows.extend(rows),
            Err(error) => {
                failed = true;
                report.notes.push(format!("{scenario:?} failed: {error:#}"));
            }
        }
    }
    report.notes.append(&mut known.notes);
    let growth = std::mem::take(&mut known.growth);
    report.notes.push(stage.plan.to_string());
    drop((known, stage));
    let write = |path: &Path, text: String| {
        std::fs::write(path, text + "\n").with_context(|| format!("cannot write {}", path.display()))
    };
    if let Some(path) = &args.json {
        write(path, serde_json::to_string_pretty(&report.json())?)?;
    }
    if let Some(path) = &args.plot {
        write(path, plot::draw(&growth))?;
    }
    print_line(&report.table())?;
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// Runs in which the receiver checks every signature; what they found.
async fn verify(plan: &Plan, within: &std::path::Path) -> anyhow::Result<String> {
    let folder = Folder::new(within, &format!("cornet-bench-{}-verify", std::process::id()))?;
    let mut stage = Stage::new(*plan, folder, Progress::new(0)).await?;
    stage.verify().await?;
    for (kind, endpoints) in [(Kind::RawRelay, 1), (Kind::RelayWithLog, 1), (Kind::Cornet, 1), (Kind::Cornet, 10)] {
        stage.run(kind, endpoints, None).await?;
    }
    Ok("Every signature was checked in runs of their own, and was right.".to_owned())
}
