//! `cornet doctor`: shows what an examination of this installation finds, a line for each thing, and what to do.

use std::process::ExitCode;

use serde_json::json;

use super::client::Output;
use super::{print_line, shown};
use crate::config::{Config, Options, process_variable};
use crate::domain::finding::{Finding, Grade};
use crate::server::examining::examine;

/// How wide the columns before the text are.
const GRADE_WIDTH: usize = 7;
const SUBJECT_WIDTH: usize = 14;

/// Look whether all is well: permissions, keys, disk, clock, database, what lies in it, and the guard
///
/// Takes the settings of the server, changes nothing, and may run beside it. Ends with 1 when there is a problem.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  cornet doctor\n  cornet doctor --deep\n  cornet doctor --json | jq '.findings[] | select(.grade != \"ok\")'"
)]
pub struct DoctorArgs {
    /// Read the whole store: every page, index, payload and delivery
    #[arg(long)]
    pub deep: bool,

    /// What to print: lines as they are found, or JSON at the end
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t)]
    pub output: Output,

    /// The same as --output json
    #[arg(long, conflicts_with = "output")]
    pub json: bool,

    /// The settings of the server
    #[command(flatten)]
    pub options: Options,
}

/// Prints what is found.
///
/// # Errors
/// When a setting can't be used.
pub fn run(args: &DoctorArgs) -> anyhow::Result<ExitCode> {
    let config = Config::read(&args.options, &process_variable)?;
    let is_json = args.json || args.output == Output::Json;
    let mut findings = Vec::new();
    let mut printed = Ok(ExitCode::SUCCESS);
    examine(&config, args.deep, &mut |finding| {
        if !is_json && printed.is_ok() {
            printed = print_line(&lines(&finding));
        }
        findings.push(finding);
    });
    printed?;
    let count = |grade| findings.iter().filter(|finding| finding.grade == grade).count();
    let (warnings, problems) = (count(Grade::Warning), count(Grade::Problem));
    if is_json {
        let list: Vec<_> = findings.iter().map(as_json).collect();
        let all = json!({"healthy": problems == 0, "warnings": warnings, "problems": problems, "findings": list});
        print_line(&serde_json::to_string_pretty(&all)?)?;
    } else {
        print_line(&format!("\n{} ok, {warnings} warnings, {problems} problems", count(Grade::Fine)))?;
    }
    Ok(if problems == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// A finding as people read it: its line, and what to do under it.
fn lines(finding: &Finding) -> String {
    let Finding { subject, grade, text, advice } = finding;
    let line = format!("{:GRADE_WIDTH$}  {subject:SUBJECT_WIDTH$}  {}", grade.as_str(), shown(text));
    match advice {
        None => line,
        Some(advice) => format!("{line}\n{:indent$}{}", "", shown(advice), indent = GRADE_WIDTH + SUBJECT_WIDTH + 4),
    }
}

fn as_json(finding: &Finding) -> serde_json::Value {
    let Finding { subject, grade, text, advice } = finding;
    json!({"subject": subject, "grade": grade.as_str(), "text": text, "advice": advice})
}

#[cfg(test)]
mod tests {
    use super::lines;
    use crate::domain::finding::Finding;

    #[test]
    fn what_to_do_stands_under_what_was_found() {
        assert_eq!(lines(&Finding::fine("clock", "it is noon")), "ok       clock           it is noon");
        let finding = Finding::warning("disk space", "1 MB\u{1b}", "make room");
        assert_eq!(lines(&finding), "warning  disk space      1 MB\u{fffd}\n                         make room");
    }
}
