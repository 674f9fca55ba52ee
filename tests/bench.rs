//! `cornet bench`: it fills its table on any machine, and leaves neither a process nor a file behind, however it ends.

#[expect(dead_code, reason = "each test binary uses its own part of the support")]
mod support;

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;

use support::server::run_within;
use support::{PATIENCE, postgres, until};

/// Every row of the table, by how it begins; twice the same where Cornet is held against two.
const ROWS: [&str; 31] = [
    "throughput: messages",
    "throughput: messages",
    "throughput: CPU",
    "throughput: CPU",
    "fan-out: deliveries",
    "fan-out: CPU",
    "latency: p50",
    "latency: p50",
    "latency: p99",
    "latency: p99",
    "postgres: messages",
    "postgres: CPU",
    "nodes: messages a second, one",
    "nodes: messages a second, two",
    "nodes: messages a second, three",
    "backlog: messages",
    "backlog: most resident",
    "growth: messages a second on 1 stored",
    "growth: slowest of 5 questions on 1 stored",
    "growth: messages a second on 10 stored",
    "growth: slowest of 5 questions on 10 stored",
    "growth: messages a second on 100 stored",
    "growth: slowest of 5 questions on 100 stored",
    "growth: messages a second on 1 000 stored",
    "growth: slowest of 5 questions on 1 000 stored",
    "noisy: p99",
    "memory: resident",
    "drain: deliveries",
    "start: from the start",
    "idle: CPU",
    "idle: resident",
];

/// A folder that everybody reaches, as that for temporary files is: root has somebody else run PostgreSQL in it.
fn reachable() -> TempDir {
    let open = Permissions::from_mode(0o755);
    tempfile::Builder::new().permissions(open).tempdir().expect("a temporary folder")
}

/// A benchmark whose stores are in this folder, which its processes all have in their arguments or their environment.
fn bench(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cornet"));
    command.arg("bench").args(arguments).env_clear().env("TMPDIR", folder);
    command.envs(postgres::binaries().map(|programs| ("PATH", programs)));
    command
}

/// The processes that have this folder in their arguments or their environment.
fn processes(folder: &Path) -> Vec<String> {
    let folder = folder.to_str().expect("a folder's name is text");
    let entries = fs::read_dir("/proc").expect("this is Linux").filter_map(Result::ok);
    let belongs = |path: &Path| {
        // A process that has just ended, or is another's, has nothing to read.
        let of = |name| String::from_utf8_lossy(&fs::read(path.join(name)).unwrap_or_default()).replace('\0', " ");
        let (arguments, environment) = (of("cmdline"), of("environ"));
        (arguments.contains(folder) || environment.contains(folder)).then_some(arguments)
    };
    entries.filter_map(|entry| belongs(&entry.path())).collect()
}

#[test]
fn it_fills_every_row_and_leaves_nothing_behind() {
    let folder = reachable();
    let json = TempDir::new().expect("a temporary folder");
    let json = json.path().join("bench.json");
    let path = json.to_str().expect("a file's name is text");
    let (status, table, error) =
        run_within(PATIENCE * 4, bench(folder.path(), &["--quick", "--verify", "--json", path]));
    assert!(status.success(), "{table}\n{error}");
    let row_of = |line: &str| ROWS.into_iter().find(|row| line.starts_with(&format!("| {row}")));
    assert_eq!(table.lines().filter_map(row_of).collect::<Vec<_>>(), ROWS, "{table}");
    assert_eq!(table.matches("(relay with a log)").count(), 4, "{table}");
    assert!(table.contains("cores of") && table.contains("Every signature was checked"), "{table}");

    let report: Value = serde_json::from_slice(&fs::read(&json).expect("the file is there")).expect("it is JSON");
    let rows = report["rows"].as_array().expect("it has rows");
    // The kernel counts CPU time in hundredths of a second, which is much for so short a run.
    let is_cpu = |row: &Value| row["what"].as_str().is_some_and(|what| what.starts_with("CPU"));
    let on_postgres = |row: &Value| row["scenario"] == "postgres" || row["scenario"] == "nodes";
    for row in rows.iter().filter(|row| !is_cpu(row)) {
        let is_measured = row["cornet"]["median"].as_f64().is_some_and(|median| median > 0.0);
        assert_eq!(is_measured, !on_postgres(row) || postgres::is_there(), "{row}");
    }
    assert_eq!(table.contains("this machine has no PostgreSQL"), !postgres::is_there(), "{table}");
    assert_eq!(rows.len(), ROWS.len());
    assert!(report["command"].as_str().is_some_and(|command| command.starts_with("cornet bench --quick")));
    assert_eq!(fs::read_dir(folder.path()).expect("the folder is there").count(), 0);
    until("every process has ended", || processes(folder.path()).is_empty().then_some(()));
}

#[test]
fn when_it_is_interrupted_it_ends_what_it_started() {
    let arguments = ["--scenarios", "throughput", "--seconds", "600", "--connections", "1"];
    assert_interrupted(&arguments, "bench load", 4);
}

#[test]
fn when_it_is_interrupted_it_ends_postgres() {
    if postgres::is_there() {
        assert_interrupted(&["--scenarios", "postgres", "--quick", "--runs", "1000"], "listen_addresses=", 3);
    }
}

/// A benchmark that is interrupted once `under_way` is among the arguments of at least so many processes ends with all.
#[track_caller]
fn assert_interrupted(arguments: &[&str], under_way: &str, processes_min: usize) {
    let folder = reachable();
    let mut command = bench(folder.path(), arguments);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = command.spawn().expect("it starts");
    let is_under_way = |processes: &[String]| processes.iter().any(|arguments| arguments.contains(under_way));
    let started = until("it is under way", || Some(processes(folder.path())).filter(|some| is_under_way(some)));
    assert!(started.len() >= processes_min, "{started:?}");
    let id = Pid::from_raw(child.id().try_into().expect("a process id fits")).expect("a process id is not 0");
    kill_process(id, Signal::INT).expect("it is there to be signalled");
    assert_eq!(until("it ends", || child.try_wait().expect("it can be asked")).code(), Some(130));
    assert_eq!(fs::read_dir(folder.path()).expect("the folder is there").count(), 0);
    until("every process has ended", || processes(folder.path()).is_empty().then_some(()));
}
