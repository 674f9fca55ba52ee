//! `cornet move`: carries the store from its file to a PostgreSQL server, and shows how far it is: a bar on a terminal,
//! a line for each table anywhere else.

use std::io::{IsTerminal as _, Write as _};
use std::process::ExitCode;

use serde_json::json;

use super::client::Output;
use super::print_line;
use super::table::aligned;
use crate::config::{Config, Options, process_variable};
use crate::server::moving::{Moved, Moving, Stage, move_to};

/// Back to the start of the line, which is wiped.
const WIPE: &str = "\r\x1b[K";
/// How wide the bar is.
const BAR_WIDTH: u64 = 30;

/// Carry the store to a PostgreSQL server, with all ids and history, and what waits
///
/// Takes the settings of the server, which must not run meanwhile. It may be interrupted and called again, and goes on
/// where it was. In the end both sides are read and compared. The file stays as it is, and is marked as left behind.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:
  cornet move --to postgres://cornet@db.example.com/cornet
  cornet serve --database-url postgres://cornet@db.example.com/cornet")]
pub struct MoveArgs {
    /// The server that is to hold the store; its database must be empty
    #[arg(long, value_name = "URL", env = "CORNET_MOVE_TO", hide_env_values = true)]
    pub to: String,

    /// What to print in the end: a table, or JSON
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t)]
    pub output: Output,

    /// The settings of the server
    #[command(flatten)]
    pub options: Options,
}

/// Moves the store, and prints what both sides have.
///
/// # Errors
/// When a setting can't be used, a server runs, or the move is not complete.
pub fn run(args: &MoveArgs) -> anyhow::Result<ExitCode> {
    let config = Config::read(&args.options, &process_variable)?;
    let mut progress = Progress::new();
    let moved = move_to(&config, &args.to, &mut |moving| progress.show(moving));
    drop(progress);
    let moved = moved?;
    print_line(&match args.output {
        Output::Table => table(&moved),
        Output::Json => serde_json::to_string_pretty(&as_json(&moved))?,
    })
}

/// What is shown while it goes on.
struct Progress {
    bar: bool,
    at: Option<(Stage, String)>,
}

impl Progress {
    fn new() -> Self {
        Self { bar: std::io::stderr().is_terminal(), at: None }
    }

    fn show(&mut self, moving: Moving<'_>) {
        let mut stderr = std::io::stderr();
        // Nobody who does not look holds the move up.
        if self.bar {
            write!(stderr, "{WIPE}{}", bar(moving)).and_then(|()| stderr.flush()).ok();
        } else if self.at.as_ref().is_none_or(|(stage, table)| (*stage, table.as_str()) != (moving.stage, moving.table))
        {
            self.at = Some((moving.stage, moving.table.to_owned()));
            writeln!(stderr, "{} {} ({} of {} rows)", verb(moving.stage), moving.table, moving.done, moving.rows).ok();
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.bar {
            write!(std::io::stderr(), "{WIPE}").ok();
        }
    }
}

fn verb(stage: Stage) -> &'static str {
    match stage {
        Stage::Copying => "copying",
        Stage::Comparing => "comparing",
    }
}

/// How far it is, in one line.
fn bar(moving: Moving<'_>) -> String {
    let Moving { stage, table, done, rows } = moving;
    let share = |of: u64| (done.min(rows) * of).checked_div(rows).unwrap_or(of);
    let full = share(BAR_WIDTH);
    let bar = "█".repeat(full as usize) + &"░".repeat((BAR_WIDTH - full) as usize);
    format!("{bar} {:3} %  {} {table}", share(100), verb(stage))
}

fn table(moved: &Moved) -> String {
    let head = ["TABLE", "ROWS", "CHECKSUM"].map(str::to_owned).to_vec();
    let rows = moved
        .tables
        .iter()
        .map(|(name, sum)| vec![name.clone(), sum.rows.to_string(), format!("{:016x}", sum.checksum)]);
    let rows: Vec<_> = std::iter::once(head).chain(rows).collect();
    let target = &moved.target;
    format!(
        "{}\n\nBoth sides are alike. The store is now in {target}: start with --database-url and the same master key.",
        aligned(&rows)
    )
}

fn as_json(moved: &Moved) -> serde_json::Value {
    let tables = moved
        .tables
        .iter()
        .map(|(name, sum)| json!({"table": name, "rows": sum.rows, "checksum": format!("{:016x}", sum.checksum)}));
    json!({"target": moved.target, "tables": tables.collect::<Vec<_>>()})
}

#[cfg(test)]
mod tests {
    use super::bar;
    use crate::server::moving::{Moving, Stage};

    #[test]
    fn the_bar_is_as_full_as_the_work_is_done() {
        let at = |done, rows| bar(Moving { stage: Stage::Copying, table: "messages", done, rows });
        assert!(at(50, 100).ends_with(" 50 %  copying messages"));
        assert_eq!(at(50, 100).matches('█').count(), 15);
        assert!(at(0, 0).contains("100 %"), "nothing to do is done");
        assert!(at(300, 100).contains("100 %"));
    }
}
