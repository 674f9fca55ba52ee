//! The parts of the benchmark that run as processes of their own talk to it over their pipes: a line of JSON with their
//! orders first, and lines of JSON back. When the pipe ends, so do they: nothing outlives the benchmark.

use std::io::{BufRead as _, Write as _};
use std::process::ExitCode;

use anyhow::Context as _;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines, Stdin};

/// Messages carry the time when they were sent behind this, as so many digits of nanoseconds.
pub(super) const SENT: &[u8] = b"\"sent\":\"";
/// Digits of the time in a message.
pub(super) const SENT_DIGITS: usize = 20;

/// Runs a part on a runtime with at most half of the machine's cores, so that it leaves room to what is measured.
pub(super) fn run<T: DeserializeOwned>(part: impl AsyncFnOnce(T) -> anyhow::Result<()>) -> anyhow::Result<ExitCode> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    run_on(cores.div_ceil(2), part)
}

/// Runs a part on a runtime with so many threads.
pub(super) fn run_on<T: DeserializeOwned>(
    threads: usize,
    part: impl AsyncFnOnce(T) -> anyhow::Result<()>,
) -> anyhow::Result<ExitCode> {
    let mut line = String::new();
    std::io::stdin().lock().read_line(&mut line).context("cannot read the orders")?;
    let orders = serde_json::from_str(&line).context("cannot understand the orders")?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(threads).enable_all().build()?;
    runtime.block_on(part(orders))?;
    runtime.shutdown_background();
    Ok(ExitCode::SUCCESS)
}

/// Says something to the benchmark.
pub(super) fn say(something: &impl Serialize) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{}", serde_json::to_string(something)?)?;
    Ok(out.flush()?)
}

/// What the benchmark says after the orders, line by line.
pub(super) fn further_orders() -> Lines<BufReader<Stdin>> {
    BufReader::new(tokio::io::stdin()).lines()
}
