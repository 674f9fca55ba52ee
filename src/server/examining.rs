//! Looks whether an installation is well, from outside and without changing anything, beside a running server or without
//! one: what the settings mean, then the directory, the disk, the key, the database, and the guard.

use std::path::Path;
use std::sync::Arc;

use rustix::process::{Resource, getrlimit};

use super::{connections, database, given_master_key, old_and_next};
use crate::clock::{Clock, SystemClock};
use crate::config::Config;
use crate::domain::finding::Finding;
use crate::ops::examine_guard;
use crate::store::{
    DataDirectoryError, Database, MasterKeys, Tell, Vault, examine_database, examine_directory, examine_disk,
};

/// Looks at everything that these settings name, and tells what it finds as it finds it; `deep` reads the whole store.
pub fn examine(config: &Config, deep: bool, tell: Tell<'_>) {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::default());
    tell(public_url(config));
    tell(open_files(config));
    examine_directory(&config.data_dir, tell);
    let vault = examine_master_key(config, tell);
    match database(config) {
        Ok(database) => {
            if let Database::File(path) = &database {
                let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
                examine_disk(folder.unwrap_or(Path::new(".")), &*clock, tell);
            }
            examine_database(&database, vault.as_ref(), &*clock, deep, tell);
        }
        Err(error) => tell(Finding::problem("database", error.to_string(), "correct the setting")),
    }
    examine_guard(&config.target_policy).into_iter().for_each(tell);
}

fn public_url(config: &Config) -> Finding {
    const SUBJECT: &str = "public URL";
    match &config.public_url {
        Some(url) if url.scheme() == "https" => Finding::fine(SUBJECT, url.as_str()),
        Some(url) if config.listen.ip().is_loopback() && is_here(url) => Finding::fine(SUBJECT, url.as_str()),
        Some(url) => {
            let advice = "put a proxy with TLS in front, and say https in CORNET_PUBLIC_URL";
            Finding::warning(SUBJECT, format!("{url} shows keys and payloads to whoever is in between"), advice)
        }
        None if config.listen.ip().is_loopback() => {
            Finding::fine(SUBJECT, format!("not set; only this machine reaches {}", config.listen))
        }
        None => {
            let text = format!("not set, and {} is served to other machines", config.listen);
            Finding::warning(SUBJECT, text, "set CORNET_PUBLIC_URL, or links in the dashboard lead to this machine")
        }
    }
}

fn is_here(url: &url::Url) -> bool {
    match url.host() {
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        Some(url::Host::Domain(name)) => crate::domain::target::is_loopback_name(name),
        None => false,
    }
}

fn open_files(config: &Config) -> Finding {
    const SUBJECT: &str = "open files";
    let allowed = getrlimit(Resource::Nofile).maximum;
    let clients = config.connections_max.unwrap_or(connections::CONNECTIONS_MAX);
    let wanted = u64::try_from(clients).unwrap_or(u64::MAX).saturating_mul(2);
    match allowed {
        Some(allowed) if allowed < wanted => {
            let text = format!(
                "this user's processes may open {allowed}, so a server started so takes fewer than {clients} clients"
            );
            Finding::warning(SUBJECT, text, format!("allow {wanted} (LimitNOFILE= in the unit, or ulimit -n)"))
        }
        Some(allowed) => Finding::fine(SUBJECT, format!("this user's processes may open {allowed}")),
        None => Finding::fine(SUBJECT, "this user's processes may open any number"),
    }
}

/// Looks for the master key; the vault that it makes is `None` when there is no key that could be used.
fn examine_master_key(config: &Config, tell: Tell<'_>) -> Option<Vault> {
    const SUBJECT: &str = "master key";
    let found: Result<Option<MasterKeys>, String> = match &config.master_key {
        Some(text) => given_master_key("CORNET_MASTER_KEY", text)
            .map(|key| Some(MasterKeys::only(key)))
            .map_err(|error| error.to_string()),
        None => MasterKeys::in_directory(&config.data_dir).map_err(|error| match error {
            DataDirectoryError::Refused { path, error } => format!("cannot read {}: {error}", path.display()),
            other => other.to_string(),
        }),
    };
    let place = if config.master_key.is_some() { "CORNET_MASTER_KEY" } else { "master.key in the data directory" };
    let with_others = |keys| old_and_next(keys, config).map_err(|error| error.to_string());
    match found.and_then(|keys| keys.map(with_others).transpose()) {
        Ok(Some(keys)) => {
            let vault = Vault::of(&keys).ok();
            tell(Finding::fine(SUBJECT, format!("{place} holds one; keep a copy of it, and not beside the store")));
            vault
        }
        Ok(None) => {
            tell(Finding::fine(SUBJECT, "there is none yet; the first start makes it"));
            None
        }
        Err(why) => {
            tell(Finding::problem(SUBJECT, why, "without it no secret in the store can be opened: put it right"));
            None
        }
    }
}
