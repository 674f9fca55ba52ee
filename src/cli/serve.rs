//! `cornet serve`: reads the settings, starts logging and the runtime, and serves until it is asked to end.

use std::process::ExitCode;

use crate::config::{Config, ConfigError, Options, process_variable};
use crate::server::{self, Told};
use crate::telemetry::{LogFormat, start_logging};

/// Serves until SIGTERM or SIGINT.
///
/// # Errors
/// When a setting can't be used or the server can't be started.
pub fn run(options: &Options) -> anyhow::Result<ExitCode> {
    let config = Config::read(options, &process_variable)?;
    let format = log_format(&config)?;
    start_logging(&config.log, format).map_err(|error| ConfigError::new("CORNET_LOG", error))?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(server::serve(config, Told::Operator))?;
    // What still runs in the background, such as a look-up of a name, is not waited for.
    runtime.shutdown_background();
    Ok(ExitCode::SUCCESS)
}

/// How log lines are to look.
pub(super) fn log_format(config: &Config) -> Result<LogFormat, ConfigError> {
    let refused =
        || ConfigError::new("CORNET_LOG_FORMAT", format!("`{}` is not auto, pretty or json", config.log_format));
    LogFormat::parse(&config.log_format).ok_or_else(refused)
}
