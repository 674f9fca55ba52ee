//! The settings as people see them: `cornet config` and the page docs/configuration.md. Secrets are masked here and
//! nowhere else.

use clap::parser::ValueSource;
use clap::{ArgMatches, Args as _, Command};

use super::{Config, DatabaseUrl, Options};

/// A setting that has a variable but no flag.
pub struct Secret {
    /// Its variable; the same with `_FILE` after it names a file that holds it.
    pub variable: &'static str,
    /// What it is for.
    pub help: &'static str,
}

/// Every secret.
pub const SECRETS: [Secret; 4] = [
    Secret {
        variable: "CORNET_API_KEY",
        help: "The admin key that a new store begins with, at least 32 characters; one is made up when there is none",
    },
    Secret {
        variable: "CORNET_MASTER_KEY",
        help: "Base64 of the 32 bytes that seal the secrets in the store, instead of the file in the data directory",
    },
    Secret {
        variable: "CORNET_OLD_MASTER_KEYS",
        help: "The master keys before it, with commas between them; what they have sealed is sealed anew",
    },
    Secret {
        variable: "CORNET_NEXT_MASTER_KEY",
        help: "The master key that is to come, which opens what other nodes seal with it already",
    },
];

/// Where a setting's value comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The command line.
    Flag,
    /// A variable.
    Variable,
    /// Nobody has said anything.
    Default,
}

impl Origin {
    /// The word that `cornet config` shows.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Flag => "flag",
            Self::Variable => "variable",
            Self::Default => "default",
        }
    }
}

/// One setting with the value that holds.
#[derive(Debug)]
pub struct Setting {
    /// Its variable.
    pub variable: String,
    /// Its value, or that it is hidden.
    pub value: String,
    /// Where the value comes from.
    pub origin: Origin,
}

/// The options as a command of their own, to look at.
pub(super) fn command() -> Command {
    Options::augment_args(Command::new("cornet"))
}

/// The flag of a variable, without dashes.
pub(super) fn flag_of(variable: &str) -> Option<String> {
    let command = command();
    let argument = command.get_arguments().find(|argument| argument.get_env().is_some_and(|env| env == variable))?;
    argument.get_long().map(str::to_owned)
}

/// A database's URL as it may be shown: without what its user proves itself by, and without its parameters.
fn without_password(url: &str) -> String {
    let shown = url.split('?').next().unwrap_or_default();
    match (shown.split_once("://"), shown.rsplit_once('@')) {
        (Some((scheme, _)), Some((_, place))) => format!("{scheme}://…@{place}"),
        _ => shown.to_owned(),
    }
}

impl Config {
    /// Every setting with the value that holds and where it comes from; `matches` are those of the options that the
    /// configuration was read from.
    pub fn settings(&self, matches: &ArgMatches) -> Vec<Setting> {
        let mut settings = Vec::new();
        for argument in command().get_arguments() {
            let id = argument.get_id().as_str();
            let origin = match matches.value_source(id) {
                Some(ValueSource::CommandLine) => Origin::Flag,
                Some(ValueSource::EnvVariable) => Origin::Variable,
                _ => Origin::Default,
            };
            if let (Some(variable), Some(value)) = (argument.get_env(), self.value(id)) {
                settings.push(Setting { variable: variable.to_string_lossy().into_owned(), value, origin });
            }
        }
        let values = [&self.api_key, &self.master_key, &self.old_master_keys, &self.next_master_key];
        for (secret, is_set) in SECRETS.iter().zip(values.map(Option::is_some)) {
            let (value, origin) = if is_set { ("(hidden)", Origin::Variable) } else { ("(not set)", Origin::Default) };
            settings.push(Setting { variable: secret.variable.to_owned(), value: value.to_owned(), origin });
        }
        settings
    }

    /// The value that holds of the option with this id.
    fn value(&self, id: &str) -> Option<String> {
        let or = |value: Option<String>, otherwise: &str| value.unwrap_or_else(|| otherwise.to_owned());
        Some(match id {
            "listen" => self.listen.to_string(),
            "data_dir" => self.data_dir.display().to_string(),
            "database_url" => match &self.database {
                None => format!("sqlite:{}", self.data_dir.join("cornet.db").display()),
                Some(DatabaseUrl::Sqlite(path)) => format!("sqlite:{}", path.display()),
                Some(DatabaseUrl::Postgres(url)) => without_password(url.reveal()),
            },
            "allow_unsafe_database" => self.allow_unsafe_database.to_string(),
            "lease" => format!("{:?}", self.lease),
            "allow_networks" => or(Some(self.allow_networks.clone()).filter(|text| !text.is_empty()), "(none)"),
            "retry_schedule" => or(
                self.retry_schedule.as_ref().map(ToString::to_string),
                "(the store's; 5s,5m,30m,2h,5h,10h,14h,20h,24h when it is new)",
            ),
            "public_url" => or(self.public_url.as_ref().map(ToString::to_string), "(not set)"),
            "portal_frame_ancestors" => {
                or(Some(self.portal_frame_ancestors.join(",")).filter(|text| !text.is_empty()), "(none)")
            }
            "request_timeout" => format!("{:?}", self.request_timeout),
            "grace" => format!("{:?}", self.grace),
            "connections_max" => {
                or(self.connections_max.map(|number| number.to_string()), "(by the limit of open files)")
            }
            "application_rate" => or(self.quotas.rate.map(|number| number.to_string()), "(not bounded)"),
            "application_waiting_max" => or(self.quotas.waiting_max.map(|number| number.to_string()), "(not bounded)"),
            "keep_answer_bodies" => self.keep_answer_bodies.to_string(),
            "log" => self.log.clone(),
            "log_format" => self.log_format.clone(),
            _ => return None,
        })
    }
}
