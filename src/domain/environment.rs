//! Environments: isolated sets of applications, event types, settings and keys.

use super::id::EnvironmentId;
use super::retry::RetrySchedule;
use super::time::Timestamp;

/// What an environment is used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EnvironmentType {
    /// Live traffic.
    Production,
    /// Tests and trials.
    Development,
}

impl EnvironmentType {
    /// The name in the API and in the store.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Production => "production",
            Self::Development => "development",
        }
    }

    /// Reads the name in the API or in the store.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Production, Self::Development].into_iter().find(|kind| kind.as_str() == text)
    }
}

/// An isolated set of applications, event types, settings and keys.
#[derive(Clone, Debug)]
pub struct Environment {
    /// Its id.
    pub id: EnvironmentId,
    /// What people call it.
    pub name: String,
    /// What it is used for.
    pub environment_type: EnvironmentType,
    /// When a failed delivery is tried again; the default of its event types and endpoints.
    pub retry_schedule: RetrySchedule,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}
