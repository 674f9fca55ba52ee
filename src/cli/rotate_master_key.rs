//! `cornet rotate-master-key`: replaces the master key in the data directory, in two steps with a restart between them.

use std::process::ExitCode;

use super::print_line;
use crate::config::{Config, Options, process_variable};
use crate::server::rotating;

const BEGUN: &str = "\
master.key holds a new key, and the old one below it. Now
  1. copy master.key to where its copy is kept;
  2. restart the server: it seals everything anew while it serves, and its log says when the old key is needed no
     more. Several nodes are given the new key first, as docs/operating.md says (Replacing the master key);
  3. call `cornet rotate-master-key --finish`.
Backups of the store from before then need the old key.";
const FINISHED: &str = "\
master.key holds the new key alone. Keep the old one as long as backups that were made with it.";

/// Replace the master key in the data directory, while the server serves
///
/// Puts a new key before the old one, which goes on opening what it has sealed until the server has sealed all of it anew.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:
  cornet rotate-master-key
  systemctl restart cornet
  cornet rotate-master-key --finish")]
pub struct RotateMasterKeyArgs {
    /// Take the old key away, if nothing in the store needs it any more
    #[arg(long)]
    pub finish: bool,

    /// The settings of the server
    #[command(flatten)]
    pub options: Options,
}

/// Takes one of the steps.
///
/// # Errors
/// When it can't be taken now; then nothing has changed.
pub fn run(args: &RotateMasterKeyArgs) -> anyhow::Result<ExitCode> {
    let config = Config::read(&args.options, &process_variable)?;
    if args.finish {
        rotating::finish(&config)?;
        return print_line(FINISHED);
    }
    rotating::begin(&config)?;
    print_line(BEGUN)
}
