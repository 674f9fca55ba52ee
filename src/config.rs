//! The settings: what the command line and the variables say, read once at the start and checked whole. A flag wins
//! over its variable, and a variable over the default. Secrets have no flag, because `ps` would show them. It does
//! not know what a setting is used for.

mod shown;

use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use url::Url;
use zeroize::Zeroizing;

use crate::domain::key::API_KEY_BYTES_MIN;
use crate::domain::quota::Quotas;
use crate::domain::retry::{self, RetrySchedule};
use crate::domain::target::TargetPolicy;

pub use shown::{Origin, SECRETS, Secret, Setting};

/// The longest time that one attempt may be given.
pub const REQUEST_TIMEOUT_MAX: Duration = Duration::from_secs(60);
/// The longest time that may be given to what is in flight when the server ends.
pub const GRACE_MAX: Duration = Duration::from_secs(600);
/// The longest and the shortest time that a node may be believed to live without a word.
pub const LEASE_MAX: Duration = Duration::from_secs(600);
const LEASE_MIN: Duration = Duration::from_secs(1);
/// The largest file that a `…_FILE` variable may name.
const SECRET_FILE_BYTES_MAX: u64 = 4096;
/// Keys that are in every attacker's list, however long they are made by repetition.
const WEAK_KEY: &str = "changeme";

/// A setting that can't be used; the text names it and says what to do.
#[derive(Debug, thiserror::Error)]
#[error("{setting}: {why}")]
pub struct ConfigError {
    /// Its variable, and its flag when it has one.
    pub setting: String,
    /// What is wrong and what to do.
    pub why: String,
}

impl ConfigError {
    /// The setting of this variable can't be used.
    pub fn new(variable: &str, why: impl ToString) -> Self {
        let setting = shown::flag_of(variable).map_or(variable.to_owned(), |flag| format!("{variable} (--{flag})"));
        Self { setting, why: why.to_string() }
    }
}

/// The settings that have a flag, as they are written: everything is still text. The comments are the help.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Settings")]
pub struct Options {
    /// Address and port to serve on; 0.0.0.0:8484 for every network of the machine
    #[arg(
        long,
        value_name = "ADDRESS",
        env = "CORNET_LISTEN",
        default_value = "127.0.0.1:8484",
        hide_env_values = true
    )]
    pub listen: String,
    /// Directory for the store and the master key [default: ~/.local/share/cornet, or /var/lib/cornet for root]
    #[arg(long, value_name = "DIRECTORY", env = "CORNET_DATA_DIR", hide_env_values = true)]
    pub data_dir: Option<String>,
    /// Where the store is, as sqlite:PATH or postgres://USER@HOST/DATABASE [default: cornet.db in the data directory]
    #[arg(long, value_name = "URL", env = "CORNET_DATABASE_URL", hide_env_values = true)]
    pub database_url: Option<String>,
    /// Whether a PostgreSQL server may be used that loses accepted messages when its machine fails: true or false
    #[arg(
        long,
        value_name = "TRUTH",
        env = "CORNET_ALLOW_UNSAFE_DATABASE",
        default_value = "false",
        hide_env_values = true
    )]
    pub allow_unsafe_database: String,
    /// How long a node that shares a PostgreSQL server is believed to live when nothing is heard of it, 1s to 10m
    #[arg(long, value_name = "DURATION", env = "CORNET_LEASE", default_value = "15s", hide_env_values = true)]
    pub lease: String,
    /// Networks that deliveries may go to besides the public internet, such as 10.1.0.0/16,127.0.0.0/8
    #[arg(long, value_name = "NETWORKS", env = "CORNET_ALLOW_NETWORKS", default_value = "", hide_env_values = true)]
    #[arg(hide_default_value = true)]
    pub allow_networks: String,
    /// When failed deliveries are tried again, such as 5s,5m,2h, or none [default: 5s,5m,30m,2h,5h,10h,14h,20h,24h]
    #[arg(long, value_name = "DELAYS", env = "CORNET_RETRY_SCHEDULE", hide_env_values = true)]
    pub retry_schedule: Option<String>,
    /// Where people reach this server from outside, such as https://hooks.example.com
    #[arg(long, value_name = "URL", env = "CORNET_PUBLIC_URL", hide_env_values = true)]
    pub public_url: Option<String>,
    /// Sites that may show the consumers' portal in a frame, such as https://app.example.com,https://example.org
    #[arg(
        long,
        value_name = "ORIGINS",
        env = "CORNET_PORTAL_FRAME_ANCESTORS",
        default_value = "",
        hide_env_values = true
    )]
    #[arg(hide_default_value = true)]
    pub portal_frame_ancestors: String,
    /// How long an endpoint may take to answer, at most 60s
    #[arg(
        long,
        value_name = "DURATION",
        env = "CORNET_REQUEST_TIMEOUT",
        default_value = "15s",
        hide_env_values = true
    )]
    pub request_timeout: String,
    /// How long requests and deliveries in flight may take to finish when the server ends, at most 10m
    #[arg(long, value_name = "DURATION", env = "CORNET_GRACE", default_value = "25s", hide_env_values = true)]
    pub grace: String,
    /// How many clients may be connected at once [default: half of the open files allowed, at most 8192]
    #[arg(long, value_name = "NUMBER", env = "CORNET_CONNECTIONS_MAX", hide_env_values = true)]
    pub connections_max: Option<String>,
    /// How many messages each application may post in a second, over all nodes; not bounded when nothing is said
    #[arg(long, value_name = "NUMBER", env = "CORNET_APPLICATION_RATE", hide_env_values = true)]
    pub application_rate: Option<String>,
    /// How many deliveries of each application may wait before no more of its messages are taken; not bounded when nothing is said
    #[arg(long, value_name = "NUMBER", env = "CORNET_APPLICATION_WAITING_MAX", hide_env_values = true)]
    pub application_waiting_max: Option<String>,
    /// Whether the start of what endpoints answer is kept, for people to look at: true or false
    #[arg(
        long,
        value_name = "BOOLEAN",
        env = "CORNET_KEEP_ANSWER_BODIES",
        default_value = "true",
        hide_env_values = true
    )]
    pub keep_answer_bodies: String,
    /// What to log: error, warn, info, debug or trace, or tracing directives
    #[arg(long, value_name = "LEVEL", env = "CORNET_LOG", default_value = "info", hide_env_values = true)]
    pub log: String,
    /// How log lines look: auto (pretty on a terminal, JSON otherwise), pretty or json
    #[arg(long, value_name = "FORMAT", env = "CORNET_LOG_FORMAT", default_value = "auto", hide_env_values = true)]
    pub log_format: String,
}

/// The settings, read and checked.
#[derive(Debug)]
pub struct Config {
    /// Where to serve.
    pub listen: SocketAddr,
    /// Where the store, the master key and the lock lie.
    pub data_dir: PathBuf,
    /// Where the store is, when it is not in the data directory.
    pub database: Option<DatabaseUrl>,
    /// Whether a PostgreSQL server may be used that loses what it acknowledged.
    pub allow_unsafe_database: bool,
    /// How long a node that shares a PostgreSQL server is believed to live when nothing is heard of it.
    pub lease: Duration,
    /// The admin key that a new store begins with; one is made up when there is none.
    pub api_key: Option<SecretText>,
    /// Base64 of the master key; the file in the data directory is not used then.
    pub master_key: Option<SecretText>,
    /// Base64 of the master keys before it, while something is sealed with them.
    pub old_master_keys: Option<SecretText>,
    /// Base64 of the master key after it, which other nodes have in use already.
    pub next_master_key: Option<SecretText>,
    /// The networks that deliveries may go to besides the public internet, as they were written.
    pub allow_networks: String,
    /// Where deliveries may go.
    pub target_policy: TargetPolicy,
    /// The retry schedule of the first environment; what the store has is kept when there is none.
    pub retry_schedule: Option<RetrySchedule>,
    /// Where people reach this server from outside.
    pub public_url: Option<Url>,
    /// The sites that may show the consumers' portal in a frame, each as scheme, host and port.
    pub portal_frame_ancestors: Vec<String>,
    /// How long an endpoint may take to answer.
    pub request_timeout: Duration,
    /// How long what is in flight may take to finish when the server ends.
    pub grace: Duration,
    /// How many clients may be connected at once; found out at the start when it is not said.
    pub connections_max: Option<usize>,
    /// What each application may use up.
    pub quotas: Quotas,
    /// Whether the start of what endpoints answer is kept.
    pub keep_answer_bodies: bool,
    /// What to log.
    pub log: String,
    /// How log lines look: `auto`, `pretty` or `json`.
    pub log_format: String,
}

/// Where a store is.
#[derive(Debug)]
pub enum DatabaseUrl {
    /// In this file.
    Sqlite(PathBuf),
    /// By the PostgreSQL server that this URL names; it may hold a password.
    Postgres(SecretText),
}

/// A secret's text: wiped from memory when it is dropped, and never shown.
pub struct SecretText(Zeroizing<String>);

impl SecretText {
    /// The text itself.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for SecretText {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("(hidden)")
    }
}

/// Looks up a variable of the process; `None` when it is not set.
pub type Variables<'a> = &'a dyn Fn(&str) -> Option<String>;

/// The variable of the process with this name.
pub fn process_variable(name: &str) -> Option<String> {
    std::env::var_os(name).map(|value| value.to_string_lossy().into_owned())
}

impl Config {
    /// Reads and checks all settings; `variables` gives those that have no flag.
    ///
    /// # Errors
    /// The first setting that can't be used.
    pub fn read(options: &Options, variables: Variables<'_>) -> Result<Self, ConfigError> {
        let database = options.database_url.as_deref().map(parse_database_url).transpose()?;
        Ok(Self {
            listen: parse_listen(&options.listen)?,
            data_dir: data_dir(options.data_dir.as_deref(), variables)?,
            database,
            allow_unsafe_database: parse_truth("CORNET_ALLOW_UNSAFE_DATABASE", &options.allow_unsafe_database)?,
            lease: lease(&options.lease)?,
            api_key: secret("CORNET_API_KEY", variables)?.map(check_api_key).transpose()?,
            master_key: secret("CORNET_MASTER_KEY", variables)?,
            old_master_keys: secret("CORNET_OLD_MASTER_KEYS", variables)?,
            next_master_key: secret("CORNET_NEXT_MASTER_KEY", variables)?,
            allow_networks: options.allow_networks.clone(),
            target_policy: TargetPolicy::allowing(&options.allow_networks)
                .map_err(|error| ConfigError::new("CORNET_ALLOW_NETWORKS", error))?,
            retry_schedule: options.retry_schedule.as_deref().map(parse_schedule).transpose()?,
            public_url: options.public_url.as_deref().map(parse_public_url).transpose()?,
            portal_frame_ancestors: parse_frame_ancestors(&options.portal_frame_ancestors)?,
            request_timeout: duration("CORNET_REQUEST_TIMEOUT", &options.request_timeout, REQUEST_TIMEOUT_MAX)?,
            grace: duration("CORNET_GRACE", &options.grace, GRACE_MAX)?,
            connections_max: count("CORNET_CONNECTIONS_MAX", options.connections_max.as_deref())?
                .map(|number: NonZeroUsize| number.get()),
            quotas: Quotas {
                rate: count("CORNET_APPLICATION_RATE", options.application_rate.as_deref())?,
                waiting_max: count("CORNET_APPLICATION_WAITING_MAX", options.application_waiting_max.as_deref())?,
            },
            keep_answer_bodies: parse_truth("CORNET_KEEP_ANSWER_BODIES", &options.keep_answer_bodies)?,
            log: options.log.clone(),
            log_format: options.log_format.clone(),
        })
    }
}

fn parse_listen(text: &str) -> Result<SocketAddr, ConfigError> {
    let what = format!("`{text}` is not an IP address and a port; write one such as 127.0.0.1:8484 or [::1]:8484");
    text.parse().map_err(|_| ConfigError::new("CORNET_LISTEN", what))
}

/// The directory that is asked for, or where the system would have such data.
fn data_dir(given: Option<&str>, variables: Variables<'_>) -> Result<PathBuf, ConfigError> {
    let set = |name: &str| variables(name).filter(|value| !value.is_empty());
    if let Some(path) = given {
        return match path {
            "" => Err(ConfigError::new("CORNET_DATA_DIR", "it is empty; name a directory or unset it")),
            path => Ok(PathBuf::from(path)),
        };
    }
    // systemd gives a list when a unit has several.
    if let Some(path) = set("STATE_DIRECTORY").and_then(|list| list.split(':').next().map(PathBuf::from)) {
        return Ok(path);
    }
    // The XDG specification has relative paths ignored.
    if let Some(path) = set("XDG_DATA_HOME").map(PathBuf::from).filter(|path| path.is_absolute()) {
        return Ok(path.join("cornet"));
    }
    if rustix::process::geteuid().is_root() {
        return Ok(PathBuf::from("/var/lib/cornet"));
    }
    let home = set("HOME").ok_or_else(|| ConfigError::new("CORNET_DATA_DIR", "name a directory; there is no HOME"))?;
    Ok(Path::new(&home).join(".local/share/cornet"))
}

fn parse_database_url(text: &str) -> Result<DatabaseUrl, ConfigError> {
    let refused = |why: &str| Err(ConfigError::new("CORNET_DATABASE_URL", why));
    match text.split_once(':') {
        Some(("sqlite", path)) => match path.strip_prefix("//").unwrap_or(path) {
            "" | ":memory:" => refused("name a file, such as sqlite:/var/lib/cornet/cornet.db"),
            path if path.contains('?') => refused("write the path alone, without parameters after `?`"),
            path => Ok(DatabaseUrl::Sqlite(PathBuf::from(path))),
        },
        Some(("postgres" | "postgresql", rest)) if rest.starts_with("//") => {
            Ok(DatabaseUrl::Postgres(SecretText(Zeroizing::new(text.to_owned()))))
        }
        // The text is not quoted: it may hold a password.
        _ => refused(
            "it is not a database URL; write sqlite:PATH or postgres://USER@HOST/DATABASE, or unset it for the data \
             directory's store",
        ),
    }
}

fn parse_truth(variable: &str, text: &str) -> Result<bool, ConfigError> {
    text.parse().map_err(|_| ConfigError::new(variable, format!("`{text}` is neither true nor false")))
}

fn parse_schedule(text: &str) -> Result<RetrySchedule, ConfigError> {
    let refused = |error| format!("{error}; write delays such as 5s,5m,2h, or none");
    text.parse().map_err(|error| ConfigError::new("CORNET_RETRY_SCHEDULE", refused(error)))
}

fn parse_public_url(text: &str) -> Result<Url, ConfigError> {
    let refused = || {
        let what =
            format!("`{text}` is not where a server is; write scheme and host, such as https://hooks.example.com");
        ConfigError::new("CORNET_PUBLIC_URL", what)
    };
    let url = Url::parse(text).map_err(|_| refused())?;
    let plain = url.username().is_empty() && url.password().is_none() && url.query().is_none();
    let is_web = matches!(url.scheme(), "http" | "https") && url.has_host();
    // Paths are not rewritten, so a server behind a prefix would link to the wrong place.
    if is_web && plain && url.path() == "/" && url.fragment().is_none() { Ok(url) } else { Err(refused()) }
}

/// Reads origins just as they go into a policy, so nothing else can slip in with them.
fn parse_frame_ancestors(text: &str) -> Result<Vec<String>, ConfigError> {
    let origin = |text: &str| {
        let is_web = |url: &Url| matches!(url.scheme(), "http" | "https");
        let url = Url::parse(text).ok().filter(is_web);
        let is_origin = url.is_some_and(|url| url.origin().ascii_serialization() == text) && !text.contains('*');
        if is_origin { Ok(text.to_owned()) } else { Err(text.to_owned()) }
    };
    let origins = text.split(',').map(str::trim).filter(|part| !part.is_empty()).map(origin);
    origins.collect::<Result<_, _>>().map_err(|text| {
        let what =
            format!("`{text}` is not a site; write scheme, host and port alone, such as https://app.example.com");
        ConfigError::new("CORNET_PORTAL_FRAME_ANCESTORS", what)
    })
}

fn duration(variable: &str, text: &str, most: Duration) -> Result<Duration, ConfigError> {
    let duration = retry::parse_duration(text).map_err(|error| ConfigError::new(variable, error))?;
    if duration.is_zero() || duration > most {
        return Err(ConfigError::new(variable, format!("write a duration of more than 0s and at most {most:?}")));
    }
    Ok(duration)
}

fn lease(text: &str) -> Result<Duration, ConfigError> {
    let lease = duration("CORNET_LEASE", text, LEASE_MAX)?;
    if lease < LEASE_MIN {
        return Err(ConfigError::new(
            "CORNET_LEASE",
            format!("a node could not renew it in time: write {LEASE_MIN:?} or more"),
        ));
    }
    Ok(lease)
}

/// A number from 1 up, if there is one.
fn count<T: FromStr>(variable: &str, text: Option<&str>) -> Result<Option<T>, ConfigError> {
    let refused = |text: &str| ConfigError::new(variable, format!("`{text}` is not a number from 1 up"));
    text.map(|text| text.parse().map_err(|_| refused(text))).transpose()
}

fn check_api_key(key: SecretText) -> Result<SecretText, ConfigError> {
    let text = key.reveal();
    let refused = |why: String| Err(ConfigError::new("CORNET_API_KEY", why));
    if text.len() < API_KEY_BYTES_MIN {
        return refused(format!(
            "it is shorter than {API_KEY_BYTES_MIN} characters and could be guessed; make one with `openssl rand -hex 32`"
        ));
    }
    if text.to_ascii_lowercase().contains(WEAK_KEY) {
        return refused("it is an example and could be guessed; make one with `openssl rand -hex 32`".to_owned());
    }
    if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return refused("it holds a space or a character that no header can carry; use letters and digits".to_owned());
    }
    Ok(key)
}

/// A secret from its variable, or from the file that its `…_FILE` variable names.
///
/// # Errors
/// When both are set, or the file can't be used.
pub fn secret(variable: &str, variables: Variables<'_>) -> Result<Option<SecretText>, ConfigError> {
    let file_variable = format!("{variable}_FILE");
    match (variables(variable), variables(&file_variable)) {
        (None, None) => Ok(None),
        (Some(_), Some(_)) => Err(ConfigError::new(variable, format!("{file_variable} is set too; unset one of them"))),
        (Some(text), None) => Ok(Some(SecretText(Zeroizing::new(text)))),
        (None, Some(path)) => {
            let text = read_secret_file(Path::new(&path));
            text.map(Some).map_err(|error| ConfigError::new(&file_variable, format!("cannot read {path}: {error}")))
        }
    }
}

fn read_secret_file(path: &Path) -> std::io::Result<SecretText> {
    use std::io::Read as _;

    let mut text = Zeroizing::new(String::new());
    std::fs::File::open(path)?.take(SECRET_FILE_BYTES_MAX).read_to_string(&mut text)?;
    Ok(SecretText(Zeroizing::new(text.trim_end().to_owned())))
}

#[cfg(test)]
#[path = "config/tests.rs"]
mod tests;
