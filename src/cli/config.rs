//! `cornet config`: shows what holds and why, with the secrets hidden. It is what an operator reads when a setting does
//! not do what was meant.

use std::process::ExitCode;

use clap::ArgMatches;

use super::serve::log_format;
use crate::config::{Config, ConfigError, Options, process_variable};
use crate::telemetry::check_log_filter;

/// Prints every setting; `matches` say where the options come from.
///
/// # Errors
/// When a setting can't be used.
pub fn run(options: &Options, matches: &ArgMatches) -> anyhow::Result<ExitCode> {
    let config = Config::read(options, &process_variable)?;
    log_format(&config)?;
    check_log_filter(&config.log).map_err(|error| ConfigError::new("CORNET_LOG", error))?;
    let settings = config.settings(matches);
    let widest = |text: fn(&crate::config::Setting) -> &str| {
        settings.iter().map(|setting| text(setting).chars().count()).max().unwrap_or_default()
    };
    let (names, origins) = (widest(|setting| &setting.variable), widest(|setting| setting.origin.as_str()));
    let line = |setting: &crate::config::Setting| {
        format!("{:names$}  {:origins$}  {}", setting.variable, setting.origin.as_str(), setting.value)
    };
    super::print_line(&settings.iter().map(line).collect::<Vec<_>>().join("\n"))
}
