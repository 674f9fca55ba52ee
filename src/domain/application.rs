//! Applications: the consumers of an environment, each with endpoints and messages of its own.

use std::collections::BTreeMap;

use super::id::{ApplicationId, EnvironmentId};
use super::time::Timestamp;

/// Free text pairs that a caller keeps with a noun.
pub type Metadata = BTreeMap<String, String>;

/// The uid of the application that every environment has from the start.
pub const DEFAULT_APPLICATION_UID: &str = "default";

/// One consumer of an environment.
#[derive(Clone, Debug)]
pub struct Application {
    /// Its id.
    pub id: ApplicationId,
    /// The environment that it belongs to.
    pub environment_id: EnvironmentId,
    /// The caller's own name for it, unique in its environment; accepted wherever the id is.
    pub uid: Option<String>,
    /// What people call it.
    pub name: String,
    /// The caller's notes.
    pub metadata: Metadata,
    /// At most so many messages a second are sent to each of its endpoints.
    pub throttle_rate: Option<u16>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// What a caller wants of an application; what is `None` stays as it is.
#[derive(Clone, Debug, Default)]
pub struct ApplicationChange {
    /// Its name.
    pub name: Option<String>,
    /// Its uid, or that it has none.
    pub uid: Option<Option<String>>,
    /// All its notes.
    pub metadata: Option<Metadata>,
    /// Its throttle rate, or that it has none.
    pub throttle_rate: Option<Option<u16>>,
}

impl Application {
    /// A new application with nothing in it yet.
    pub fn blank(id: ApplicationId, environment_id: EnvironmentId, now: Timestamp) -> Self {
        Self {
            id,
            environment_id,
            uid: None,
            name: String::new(),
            metadata: Metadata::new(),
            throttle_rate: None,
            created_at: now,
            updated_at: now,
        }
    }

    /// The application that every environment has from the start.
    pub fn first(id: ApplicationId, environment_id: EnvironmentId, now: Timestamp) -> Self {
        let (uid, name) = (Some(DEFAULT_APPLICATION_UID.to_owned()), "Default".to_owned());
        Self { uid, name, ..Self::blank(id, environment_id, now) }
    }

    /// This application as `change` wants it.
    pub fn changed(mut self, change: &ApplicationChange, now: Timestamp) -> Self {
        let ApplicationChange { name, uid, metadata, throttle_rate } = change.clone();
        self.name = name.unwrap_or(self.name);
        self.uid = uid.unwrap_or(self.uid);
        self.metadata = metadata.unwrap_or(self.metadata);
        self.throttle_rate = throttle_rate.unwrap_or(self.throttle_rate);
        self.updated_at = now;
        self
    }
}
