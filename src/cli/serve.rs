//! `cornet serve`: reads the settings, starts logging, and serves until it is asked to end.

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
    server::serve(config, Told::Operator)?;
    Ok(ExitCode::SUCCESS)
}

/// How log lines are to look.
pub(super) fn log_format(config: &Config) -> Result<LogFormat, ConfigError> {
    let refused =
        || ConfigError::new("CORNET_LOG_FORMAT", format!("`{}` is not auto, pretty or json", config.log_format));
    LogFormat::parse(&config.log_format).ok_or_else(refused)
}
