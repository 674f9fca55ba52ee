//! `cornet link`: asks a running server for a link that signs its operator in to the dashboard.

use std::process::ExitCode;

use anyhow::Context as _;
use serde_json::Value;

use super::client::{Client, ServerArgs};
use super::{print_line, shown};

/// Print a link that opens the dashboard, once and within 15 minutes; takes an admin key
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  cornet link\n  xdg-open \"$(cornet link)\"")]
pub struct LinkArgs {
    /// The server
    #[command(flatten)]
    pub server: ServerArgs,
}

/// Prints the link.
///
/// # Errors
/// When the server can't be reached, or it refuses.
pub fn run(args: &LinkArgs) -> anyhow::Result<ExitCode> {
    let answer = Client::new(&args.server)?.post(&["api", "v1", "auth", "dashboard-access"], String::new())?;
    let answer: Value = serde_json::from_str(&answer).context("the answer is not JSON")?;
    print_line(&shown(answer["url"].as_str().context("the answer has no url")?))
}
