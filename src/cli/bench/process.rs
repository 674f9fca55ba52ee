//! The processes of a benchmark as their starter sees them: what they say, the CPU time and the memory that they use
//! (as Linux tells it), and their end: none outlives the value that stands for it.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, bail};
use rustix::process::{Pid, Signal, kill_process};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command};

/// Lines of a server's log that are kept, in case something goes wrong.
const LOG_LINES: usize = 20;
/// How long a server may take until it serves.
const START_MAX: Duration = Duration::from_secs(120);

/// A process whose costs can be asked for.
pub(super) struct Process(Child);

impl Process {
    /// Starts a command of this very program. It is out of the reach of the terminal's Ctrl-C: its starter ends it.
    fn start(mut command: Command) -> anyhow::Result<Self> {
        let child = command.process_group(0).kill_on_drop(true).spawn();
        child.map(Self).context("cannot start a process of the benchmark")
    }

    fn command(arguments: &[&str]) -> anyhow::Result<Command> {
        let mut command = Command::new(std::env::current_exe()?);
        command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped());
        Ok(command)
    }

    fn id(&self) -> anyhow::Result<u32> {
        self.0.id().context("a process of the benchmark has ended")
    }

    /// The CPU time that it has used so far, its own and the kernel's for it.
    pub(super) fn cpu(&self) -> anyhow::Result<Duration> {
        Ok(Usage::of(self.id()?)?.own)
    }

    /// The memory that it has now, in megabytes.
    pub(super) fn memory_mb(&self) -> anyhow::Result<f64> {
        self.status_mb("VmRSS:")
    }

    /// The most memory that it ever had, in megabytes.
    pub(super) fn memory_most_mb(&self) -> anyhow::Result<f64> {
        self.status_mb("VmHWM:")
    }

    fn status_mb(&self, name: &str) -> anyhow::Result<f64> {
        let text = file(self.id()?, "status")?;
        let value = text.lines().find_map(|line| line.strip_prefix(name)?.split_whitespace().next()?.parse().ok());
        value.map(|kibibytes: f64| kibibytes * 1024.0 / 1e6).with_context(|| format!("there is no {name}"))
    }

    /// Asks it to end, and waits until it has.
    async fn finish(mut self) -> anyhow::Result<()> {
        if let Some(id) = self.0.id().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?)) {
            kill_process(id, Signal::TERM)?;
        }
        let status = self.0.wait().await?;
        if status.success() { Ok(()) } else { bail!("the server ended with {status}") }
    }

    /// Ends it at once, as a power cut would.
    async fn kill(mut self) -> anyhow::Result<()> {
        Ok(self.0.kill().await?)
    }
}

/// What Linux tells of a process in this file.
fn file(id: u32, name: &str) -> anyhow::Result<String> {
    let path = format!("/proc/{id}/{name}");
    std::fs::read_to_string(&path).with_context(|| format!("cannot read {path}, which only Linux has"))
}

/// The CPU time that a process has used so far, its own and the kernel's for it.
struct Usage {
    parent: u32,
    own: Duration,
    /// That of its children which have ended.
    ended: Duration,
}

impl Usage {
    fn of(id: u32) -> anyhow::Result<Self> {
        let text = file(id, "stat")?;
        // The name of the program stands in brackets before, and may hold anything.
        let fields: Vec<&str> = text.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
        let field = |index: usize| fields.get(index).and_then(|field| field.parse::<u32>().ok()).unwrap_or_default();
        let time = |index| f64::from(field(index)) / rustix::param::clock_ticks_per_second() as f64;
        let sum = |index| Duration::from_secs_f64(time(index) + time(index + 1));
        Ok(Self { parent: field(1), own: sum(11), ended: sum(13) })
    }
}

/// The CPU time that a process and its children have used so far.
pub(super) fn cpu_of_family(id: u32) -> anyhow::Result<Duration> {
    let Usage { own, ended, .. } = Usage::of(id)?;
    let names = std::fs::read_dir("/proc")?.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    // One that has ended meanwhile is among its parent's next time.
    let others = names.filter_map(|name| Usage::of(name.parse().ok()?).ok());
    let children: Duration = others.filter(|other| other.parent == id).map(|child| child.own).sum();
    Ok(own + ended + children)
}

/// A part of the benchmark in a process of its own. It ends when it is dropped.
pub(super) struct Part {
    pub(super) process: Process,
    orders: ChildStdin,
    says: Lines<BufReader<ChildStdout>>,
}

impl Part {
    /// Starts the part with this name, and gives it its orders.
    pub(super) async fn start(name: &str, orders: &impl Serialize) -> anyhow::Result<Self> {
        let mut process = Process::start(Process::command(&["bench", name])?)?;
        let input = process.0.stdin.take().context("there is no pipe to a part")?;
        let output = process.0.stdout.take().context("there is no pipe from a part")?;
        let mut part = Self { process, orders: input, says: BufReader::new(output).lines() };
        part.tell(orders).await?;
        Ok(part)
    }

    /// Tells it something.
    pub(super) async fn tell(&mut self, something: &impl Serialize) -> anyhow::Result<()> {
        let line = format!("{}\n", serde_json::to_string(something)?);
        self.orders.write_all(line.as_bytes()).await.context("a part of the benchmark has ended")
    }

    /// Ends it at once, and waits until it has: it has nothing to lose.
    pub(super) async fn end(self) -> anyhow::Result<()> {
        self.process.kill().await
    }

    /// Waits for what it says next.
    pub(super) async fn hear<T: DeserializeOwned>(&mut self) -> anyhow::Result<T> {
        let line = self.says.next_line().await?.context("a part of the benchmark has ended; it says why above")?;
        Ok(serde_json::from_str(&line)?)
    }
}

/// A `cornet serve` with its default settings, but for the key and for the network that it may deliver to.
pub(super) struct Server {
    pub(super) process: Process,
    /// Where it serves.
    pub(super) address: SocketAddr,
    warnings: Warnings,
}

/// The first of each warning and error in a server's log after its start.
type Warnings = Arc<Mutex<Vec<Value>>>;

impl Server {
    /// Starts one on this data directory, or on a PostgreSQL database beside it, and waits until it serves.
    pub(super) async fn start(data_dir: &Path, database_url: Option<&str>, key: &str) -> anyhow::Result<Self> {
        let mut command = Process::command(&["serve", "--listen", "127.0.0.1:0", "--data-dir"])?;
        command.arg(data_dir).env_clear().env("CORNET_API_KEY", key).env("CORNET_ALLOW_NETWORKS", "127.0.0.0/8");
        command.envs(database_url.map(|url| ("CORNET_DATABASE_URL", url)));
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut process = Process::start(command)?;
        let log = BufReader::new(process.0.stderr.take().context("there is no pipe from the server")?).lines();
        let warnings = Warnings::default();
        let started = tokio::time::timeout(START_MAX, follow(log, warnings.clone())).await;
        let address = started.context("the server does not start")??;
        Ok(Self { process, address, warnings })
    }

    /// What its log warned of since it started, a line each.
    pub(super) fn warnings(&self) -> String {
        let warnings = self.warnings.lock().unwrap_or_else(PoisonError::into_inner);
        warnings.iter().map(Value::to_string).collect::<Vec<_>>().join("\n")
    }

    /// Asks it to end, and waits until all is written.
    pub(super) async fn finish(self) -> anyhow::Result<()> {
        self.process.finish().await
    }

    /// Ends it at once.
    pub(super) async fn kill(self) -> anyhow::Result<()> {
        self.process.kill().await
    }
}

/// Reads the log until it says where the server serves; what comes then is read too, so that it never blocks.
async fn follow(mut log: Lines<BufReader<ChildStderr>>, warnings: Warnings) -> anyhow::Result<SocketAddr> {
    let mut lines = VecDeque::new();
    while let Some(line) = log.next_line().await? {
        if let Some(address) = serving_address(&line) {
            tokio::spawn(async move {
                while let Ok(Some(line)) = log.next_line().await {
                    let line: Value = serde_json::from_str(&line).unwrap_or(Value::String(line));
                    let mut warnings = warnings.lock().unwrap_or_else(PoisonError::into_inner);
                    let is_new = || warnings.iter().all(|other| other["message"] != line["message"]);
                    if line["level"] != "INFO" && warnings.len() < LOG_LINES && is_new() {
                        warnings.push(line);
                    }
                }
            });
            return Ok(address);
        }
        lines.push_back(line);
        if lines.len() > LOG_LINES {
            lines.pop_front();
        }
    }
    bail!("the server did not start:\n{}", lines.into_iter().collect::<Vec<_>>().join("\n"))
}

/// The address in the line that says that the server serves.
fn serving_address(line: &str) -> Option<SocketAddr> {
    let line: Value = serde_json::from_str(line).ok()?;
    line["address"].as_str().filter(|_| line["message"] == "serving")?.parse().ok()
}

/// A folder that goes with everything in it.
pub(super) struct Folder(PathBuf);

impl Folder {
    /// A new one within another.
    pub(super) fn new(within: &Path, name: &str) -> anyhow::Result<Self> {
        let path = within.join(name);
        std::fs::create_dir_all(&path).with_context(|| format!("cannot make {}", path.display()))?;
        Ok(Self(path))
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.0) {
            eprintln!("cornet: cannot remove {}: {error}", self.0.display());
        }
    }
}
