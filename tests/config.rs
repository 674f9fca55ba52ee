//! The settings as an operator meets them: `cornet config`, the refusals, and the page about them.

use std::process::{Command, Output};

use clap::Args as _;
use cornet::config::{Options, SECRETS};
use cornet::domain::retry::RetrySchedule;

const PAGE: &str = include_str!("../docs/configuration.md");
const KEY: &str = "0123456789abcdef0123456789abcdef";

/// Runs `cornet` with these arguments and variables and nothing of the test's own.
fn cornet(arguments: &[&str], variables: &[(&str, &str)]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cornet"));
    command.args(arguments).env_clear().env("XDG_DATA_HOME", "/data").envs(variables.iter().copied());
    command.output().expect("the cornet binary starts")
}

/// What `cornet config` says of a variable: origin and value.
fn shown(variable: &str, arguments: &[&str], variables: &[(&str, &str)]) -> (String, String) {
    let output = cornet(&[&["config"], arguments].concat(), variables);
    let text = String::from_utf8(output.stdout).expect("what is shown is UTF-8");
    let line = text.lines().find(|line| line.split_whitespace().next() == Some(variable));
    let mut words = line.unwrap_or_else(|| panic!("no {variable} in:\n{text}")).split_whitespace().skip(1);
    (words.next().unwrap_or_default().to_owned(), words.collect::<Vec<_>>().join(" "))
}

/// One row of the page's table for each setting, made from the very options that are read.
fn rows() -> Vec<String> {
    let command = Options::augment_args(clap::Command::new("cornet"));
    let options = command.get_arguments().map(|argument| {
        let text = |value: Option<&str>| value.unwrap_or_default().to_owned();
        let help = argument.get_help().map(ToString::to_string).unwrap_or_default();
        let (help, in_help) = match help.split_once(" [default: ") {
            Some((help, default)) => (help.to_owned(), default.trim_end_matches(']').to_owned()),
            None => (help, String::new()),
        };
        let values = argument.get_default_values().iter().map(|value| text(value.to_str())).collect::<String>();
        let default = match (values.as_str(), in_help.as_str()) {
            ("", "") => "—".to_owned(),
            ("", words) if words.contains(' ') => words.to_owned(),
            ("", value) | (value, _) => format!("`{value}`"),
        };
        let variable = text(argument.get_env().and_then(|name| name.to_str()));
        format!("| `{variable}` | `--{}` | {default} | {help} |", text(argument.get_long()))
    });
    let secrets = SECRETS.iter().map(|secret| format!("| `{}` | — | — | {} |", secret.variable, secret.help));
    options.chain(secrets).collect()
}

#[test]
fn the_page_about_the_settings_says_what_the_code_does() {
    let table: Vec<&str> = PAGE.lines().filter(|line| line.starts_with("| `CORNET_")).collect();
    let rows = rows();
    assert_eq!(table, rows, "docs/configuration.md must have these rows:\n{}", rows.join("\n"));
    assert!(PAGE.contains(&format!("`{}`", RetrySchedule::default())), "the default schedule");
}

#[test]
fn a_flag_wins_over_a_variable_and_a_variable_over_the_default() {
    let variable = [("CORNET_LISTEN", "127.0.0.1:1")];
    let pair = |origin: &str, value: &str| (origin.to_owned(), value.to_owned());
    assert_eq!(shown("CORNET_LISTEN", &[], &[]), pair("default", "127.0.0.1:8484"));
    assert_eq!(shown("CORNET_LISTEN", &[], &variable), pair("variable", "127.0.0.1:1"));
    assert_eq!(shown("CORNET_LISTEN", &["--listen", "127.0.0.1:2"], &variable), pair("flag", "127.0.0.1:2"));
    assert_eq!(shown("CORNET_DATABASE_URL", &[], &[]), pair("default", "sqlite:/data/cornet/cornet.db"));
}

#[test]
fn a_secret_is_never_shown() {
    let output = cornet(&["config"], &[("CORNET_API_KEY", KEY)]);
    let text = String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap();
    assert!(text.contains("(hidden)") && !text.contains(KEY), "{text}");
    let url = "postgres://ann:hunter2@db.example.com/hooks?password=hunter2";
    let output = cornet(&["config"], &[("CORNET_DATABASE_URL", url)]);
    let text = String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap();
    assert!(text.contains("postgres://…@db.example.com/hooks") && !text.contains("hunter2"), "{text}");
}

#[test]
fn what_cannot_be_used_is_refused_with_its_name_and_exit_code_3() {
    for (variable, value) in [
        ("CORNET_LISTEN", "8484"),
        ("CORNET_DATABASE_URL", "mysql://localhost/cornet"),
        ("CORNET_RETRY_SCHEDULE", "soon"),
        ("CORNET_ALLOW_NETWORKS", "everywhere"),
        ("CORNET_API_KEY", ""),
        ("CORNET_LOG", "loud"),
        ("CORNET_LOG_FORMAT", "xml"),
    ] {
        for command in ["config", "serve"] {
            let output = cornet(&[command], &[(variable, value)]);
            let stderr = String::from_utf8(output.stderr).unwrap();
            assert_eq!(output.status.code(), Some(3), "{command} with {variable}={value}: {stderr}");
            assert!(stderr.starts_with(&format!("cornet: {variable}")), "{stderr}");
        }
    }
}
