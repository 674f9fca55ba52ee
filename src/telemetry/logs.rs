//! Where log lines go and how they look: to stderr, pretty for a person at a terminal and JSON for a program. It does
//! not know what is logged.

use std::io::IsTerminal as _;
use std::panic;

use tracing_subscriber::EnvFilter;

/// How log lines look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// Pretty on a terminal, JSON otherwise.
    #[default]
    Auto,
    /// For people.
    Pretty,
    /// One JSON object a line.
    Json,
}

impl LogFormat {
    /// Reads the name in the configuration.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Auto, Self::Pretty, Self::Json].into_iter().find(|format| format.as_str() == text)
    }

    /// The name in the configuration.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Pretty => "pretty",
            Self::Json => "json",
        }
    }

    fn is_json(self) -> bool {
        match self {
            Self::Auto => !std::io::stderr().is_terminal(),
            Self::Pretty => false,
            Self::Json => true,
        }
    }
}

/// Why a filter does not say which log lines to write.
#[derive(Debug, thiserror::Error)]
#[error(
    "`{0}` is not a log level; write error, warn, info, debug or trace, or tracing directives such as info,cornet=debug"
)]
pub struct LogFilterError(String);

/// Reads a filter: a level for Cornet itself, or tracing directives. A bare level leaves the libraries below at
/// warnings, because what they tell in detail is not checked for names and addresses of customers.
///
/// # Errors
/// When it is neither.
fn parse_filter(text: &str) -> Result<EnvFilter, LogFilterError> {
    let level = text.trim().parse::<tracing::level_filters::LevelFilter>();
    let directives = match level {
        Ok(level) if !text.contains([',', '=']) => format!("warn,cornet={level}"),
        _ => text.to_owned(),
    };
    let filter = EnvFilter::builder().parse(directives);
    filter.ok().filter(|_| is_filter(text)).ok_or_else(|| LogFilterError(text.to_owned()))
}

/// Whether [`start_logging`] would take this filter.
///
/// # Errors
/// When it would not.
pub fn check_log_filter(text: &str) -> Result<(), LogFilterError> {
    parse_filter(text).map(|_| ())
}

/// A bare word is a target's name to tracing; here it is a mistyped level.
fn is_filter(text: &str) -> bool {
    let named = |directive: &str| {
        directive.contains('=') || directive.trim().parse::<tracing::level_filters::LevelFilter>().is_ok()
    };
    !text.trim().is_empty() && text.split(',').all(named)
}

/// Starts writing log lines to stderr. A panic becomes a log line too: where it happened, but not its text, which may
/// quote a request.
///
/// # Errors
/// When the filter can't be read.
pub fn start_logging(filter: &str, format: LogFormat) -> Result<(), LogFilterError> {
    let filter = parse_filter(filter)?;
    // A line that can't be written is lost; telling so on the same broken stderr would panic.
    let lines =
        tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).log_internal_errors(false);
    // Whoever has started logging before, such as a test, keeps it.
    if format.is_json() {
        lines.json().flatten_event(true).with_span_list(false).with_current_span(false).try_init().ok();
    } else {
        let colours =
            std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        lines.with_ansi(colours).with_target(false).try_init().ok();
    }
    panic::set_hook(Box::new(|panic| {
        let location = panic.location().map(ToString::to_string).unwrap_or_default();
        tracing::error!(location, "panicked; this is a fault of Cornet's");
    }));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::parse_filter;

    #[test]
    fn a_level_is_cornets_own_and_directives_are_taken_as_they_are() {
        assert_eq!(parse_filter("debug").unwrap().to_string(), "cornet=debug,warn");
        assert_eq!(parse_filter("info,hyper=debug").unwrap().to_string(), "hyper=debug,info");
        for text in ["", "loud", "info,loud", "cornet=loud"] {
            assert!(parse_filter(text).is_err(), "{text:?}");
        }
    }
}
