//! What the settings take and refuse, and that nothing secret is shown.

use clap::FromArgMatches as _;

use super::{Config, Options, shown};

const KEY: &str = "0123456789abcdef0123456789abcdef";

/// Reads a configuration from flags and variables; the process' own variables play no part.
fn read(flags: &[&str], variables: &[(&str, &str)]) -> Result<Config, String> {
    let command = shown::command().mut_args(|argument| argument.env(None));
    let matches = command.try_get_matches_from([&["cornet"], flags].concat()).map_err(|error| error.to_string())?;
    let options = Options::from_arg_matches(&matches).map_err(|error| error.to_string())?;
    let variable =
        |name: &str| variables.iter().find(|(other, _)| *other == name).map(|(_, value)| (*value).to_owned());
    Config::read(&options, &variable).map_err(|error| error.to_string())
}

#[test]
fn nothing_said_is_enough() {
    let config = read(&[], &[("XDG_DATA_HOME", "/data")]).unwrap();
    assert_eq!(config.listen.to_string(), "127.0.0.1:8484");
    assert_eq!(config.data_dir.to_str(), Some("/data/cornet"));
    assert_eq!(config.request_timeout.as_secs(), 15);
    assert!(config.api_key.is_none() && config.retry_schedule.is_none() && config.database.is_none());
}

#[test]
fn the_data_directory_is_where_the_system_keeps_such_data() {
    let directory = |variables| read(&[], variables).unwrap().data_dir.display().to_string();
    assert_eq!(directory(&[("STATE_DIRECTORY", "/a:/b"), ("XDG_DATA_HOME", "/c")]), "/a");
    assert_eq!(directory(&[("STATE_DIRECTORY", ""), ("XDG_DATA_HOME", "/c")]), "/c/cornet");
    let relative = directory(&[("XDG_DATA_HOME", "c"), ("HOME", "/home/ada")]);
    assert!(["/home/ada/.local/share/cornet", "/var/lib/cornet"].contains(&relative.as_str()), "{relative}");
    let config = read(&["--data-dir", "here"], &[("STATE_DIRECTORY", "/a")]).unwrap();
    assert_eq!(config.data_dir.to_str(), Some("here"));
}

#[test]
fn what_cannot_be_used_is_refused_by_name() {
    for (flag, value) in [
        ("--listen", "8484"),
        ("--listen", ""),
        ("--data-dir", ""),
        ("--database-url", "postgres:user:hunter2@host/db"),
        ("--allow-unsafe-database", "perhaps"),
        ("--database-url", "mysql://user:hunter2@host/db"),
        ("--database-url", "sqlite::memory:"),
        ("--allow-networks", "10.0.0.0/33"),
        ("--retry-schedule", "5s,,5m"),
        ("--public-url", "hooks.example.com"),
        ("--public-url", "https://hooks.example.com/cornet"),
        ("--portal-frame-ancestors", "app.example.com"),
        ("--portal-frame-ancestors", "https://app.example.com/"),
        ("--portal-frame-ancestors", "https://app.example.com/path"),
        ("--portal-frame-ancestors", "https://user@app.example.com"),
        ("--portal-frame-ancestors", "https://*.example.com"),
        ("--portal-frame-ancestors", "https://app.example.com; script-src *"),
        ("--portal-frame-ancestors", "javascript:alert(1)"),
        ("--portal-frame-ancestors", "'self'"),
        ("--request-timeout", "15"),
        ("--request-timeout", "61s"),
        ("--request-timeout", "0s"),
        ("--grace", "1d"),
        ("--connections-max", "0"),
    ] {
        let refusal = read(&[flag, value], &[("HOME", "/home/ada")]).unwrap_err();
        assert!(refusal.contains(flag), "{flag} {value}: {refusal}");
        assert!(refusal.starts_with("CORNET_"), "{flag} {value}: {refusal}");
        assert!(!refusal.contains("hunter2"), "the password is shown: {refusal}");
    }
}

#[test]
fn a_key_that_could_be_guessed_is_refused() {
    for key in ["", "changeme", &KEY[1..], "changeme-changeme-changeme-changeme", "a key with spaces and so on and on"]
    {
        let refusal = read(&[], &[("HOME", "/"), ("CORNET_API_KEY", key)]).unwrap_err();
        assert!(refusal.starts_with("CORNET_API_KEY: "), "{refusal}");
        assert!(key.is_empty() || !refusal.contains(key), "the key is shown: {refusal}");
    }
}

#[test]
fn a_secret_comes_from_its_variable_or_a_file_and_is_never_shown() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), format!("{KEY}\n")).unwrap();
    let path = file.path().to_str().unwrap();
    let config = read(&[], &[("HOME", "/"), ("CORNET_API_KEY_FILE", path)]).unwrap();
    assert_eq!(config.api_key.as_ref().map(|key| key.reveal()), Some(KEY));
    assert!(!format!("{config:?}").contains(KEY));
    let both = read(&[], &[("HOME", "/"), ("CORNET_API_KEY_FILE", path), ("CORNET_API_KEY", KEY)]).unwrap_err();
    assert!(both.contains("CORNET_API_KEY_FILE is set too"), "{both}");
    let missing = read(&[], &[("HOME", "/"), ("CORNET_MASTER_KEY_FILE", "/nowhere")]).unwrap_err();
    assert!(missing.starts_with("CORNET_MASTER_KEY_FILE: cannot read /nowhere"), "{missing}");
}

#[test]
fn sites_that_may_frame_the_portal_are_kept_as_they_are_written() {
    let read = |value: &str| read(&["--portal-frame-ancestors", value], &[("HOME", "/home/ada")]).unwrap();
    assert_eq!(read("").portal_frame_ancestors, Vec::<String>::new());
    let sites = ["https://app.example.com", "http://127.0.0.1:3000"];
    assert_eq!(read("https://app.example.com, http://127.0.0.1:3000,").portal_frame_ancestors, sites);
}
