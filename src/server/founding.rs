//! The first start: what a new store begins with. Later starts find it and change only what a setting says.

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::ServeError;
use crate::config::Config;
use crate::domain::application::Application;
use crate::domain::audit::{Action, Actor, Deed};
use crate::domain::environment::{Environment, EnvironmentType, Settings};
use crate::domain::id::EnvironmentId;
use crate::domain::key::{self, ApiKey, Scope};
use crate::domain::time::Timestamp;
use crate::store::{DataDirectoryError, Store};

/// The file in the data directory that a new key is written to when nobody looks at a terminal.
const KEY_FILE: &str = "first-api-key";

/// The admin key of a store that is new.
pub(super) enum FirstKey {
    /// There is nothing to tell: the store is not new, or the operator brought the key.
    Known,
    /// It was made up, and is to be shown once.
    Shown(Zeroizing<String>),
    /// It was made up, and lies in this file.
    Kept(PathBuf),
}

/// Makes what a new store begins with, or brings an older one in line with the settings. With `into_file` a made-up
/// key is written to a file, before the store knows it: a crash must not leave a store that nobody can open.
pub(super) async fn found(store: &Store, config: &Config, into_file: bool) -> Result<FirstKey, ServeError> {
    if let Some(environment_id) = store.default_environment().await? {
        update(store, config, environment_id).await?;
        return Ok(FirstKey::Known);
    }
    let (text, first) = match &config.api_key {
        Some(key) => (Zeroizing::new(key.reveal().to_owned()), FirstKey::Known),
        None => {
            let text = Zeroizing::new(key::generate()?);
            let first = if into_file {
                FirstKey::Kept(write_key_file(&config.data_dir, &text)?)
            } else {
                FirstKey::Shown(text.clone())
            };
            (text, first)
        }
    };
    let now = store.now();
    let environment = Environment {
        id: store.next_id(),
        name: "Default".to_owned(),
        environment_type: EnvironmentType::Production,
        settings: Settings { retry_schedule: config.retry_schedule.clone().unwrap_or_default(), ..Settings::default() },
        created_at: now,
        updated_at: now,
    };
    let application = Application::first(store.next_id(), environment.id, now);
    let key = admin_key(store, environment.id, &text, now);
    let deed = Deed::new(Action::KeyCreated, key.id).with(format!("{} ({}…), at the first start", key.name, key.shown));
    store.noting(environment.id, Actor::system(), deed).found(environment, application, key).await?;
    Ok(first)
}

async fn update(store: &Store, config: &Config, environment_id: EnvironmentId) -> Result<(), ServeError> {
    let environment = store.environment(environment_id).await?;
    let schedule_now = environment.map(|environment| environment.settings.retry_schedule);
    if let Some(schedule) = config.retry_schedule.as_ref().filter(|schedule| schedule_now.as_ref() != Some(*schedule)) {
        let deed =
            Deed::new(Action::EnvironmentChanged, environment_id).with("retry schedule, by CORNET_RETRY_SCHEDULE");
        store
            .noting(environment_id, Actor::system(), deed)
            .set_retry_schedule(environment_id, schedule.clone())
            .await?;
    }
    if let Some(given) = &config.api_key
        && store.api_key(key::hash(given.reveal())).await?.is_none()
    {
        tracing::warn!(
            "CORNET_API_KEY is not a key of this store, which keeps those that it has; only a new store takes it"
        );
    }
    Ok(())
}

fn admin_key(store: &Store, environment_id: EnvironmentId, text: &str, now: Timestamp) -> ApiKey {
    ApiKey::new(store.next_id(), environment_id, Scope::Admin, "First key".to_owned(), text, now)
}

/// Writes the key for its owner only, and makes sure that it is on disk.
fn write_key_file(directory: &Path, key: &str) -> Result<PathBuf, DataDirectoryError> {
    let path = directory.join(KEY_FILE);
    let write = || -> std::io::Result<()> {
        // What a failed first start left behind may have other permissions.
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
        writeln!(file, "{key}")?;
        file.sync_all()?;
        File::open(directory)?.sync_all()
    };
    write().map_err(|error| DataDirectoryError::Refused { path: path.clone(), error })?;
    Ok(path)
}
