//! Environments: isolated sets of applications, event types, settings and keys.

use super::envelope::Envelope;
use super::id::EnvironmentId;
use super::preset::Preset;
use super::retry::RetrySchedule;
use super::time::Timestamp;

/// At most so many environments in one store.
pub const ENVIRONMENTS_MAX: usize = 1_000;

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

/// What endpoints an application may have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EndpointRules {
    /// Each endpoint has exactly one event type, and an application at most one endpoint for each (SEEDS C5).
    pub one_for_each_event_type: bool,
    /// Only `https` URLs are taken (SEEDS D8).
    pub https_only: bool,
}

/// How an environment sends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// What it was modelled on: its catalogue, and the style of its portal.
    pub preset: Preset,
    /// When a failed delivery is tried again; the default of its event types and endpoints.
    pub retry_schedule: RetrySchedule,
    /// What is put around each payload.
    pub envelope: Envelope,
    /// What endpoints its applications may have.
    pub endpoint_rules: EndpointRules,
    /// Whether an answer can do more than succeed or fail: `Retry-After` moves the next attempt, 410 switches the
    /// endpoint off.
    pub heeds_answers: bool,
    /// Whether a message must fit the JSON Schema of its event type, where that has one.
    pub checks_schemas: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Preset::default().settings()
    }
}

/// What a caller wants of how an environment sends; what is `None` stays as it is.
#[derive(Clone, Debug, Default)]
pub struct SettingsChange {
    /// Another preset, which brings all its settings along; whatever else is wanted comes after it.
    pub preset: Option<Preset>,
    /// When a failed delivery is tried again.
    pub retry_schedule: Option<RetrySchedule>,
    /// What is put around each payload.
    pub envelope: Option<Envelope>,
    /// Whether each endpoint has one event type of its own.
    pub one_for_each_event_type: Option<bool>,
    /// Whether only `https` URLs are taken.
    pub https_only: Option<bool>,
    /// Whether an answer can do more than succeed or fail.
    pub heeds_answers: Option<bool>,
    /// Whether messages must fit their schemas.
    pub checks_schemas: Option<bool>,
}

impl Settings {
    /// These settings as `change` wants them.
    pub fn changed(self, change: &SettingsChange) -> Self {
        let change = change.clone();
        let start = change.preset.map_or(self, Preset::settings);
        let rules = start.endpoint_rules;
        Self {
            preset: start.preset,
            retry_schedule: change.retry_schedule.unwrap_or(start.retry_schedule),
            envelope: change.envelope.unwrap_or(start.envelope),
            endpoint_rules: EndpointRules {
                one_for_each_event_type: change.one_for_each_event_type.unwrap_or(rules.one_for_each_event_type),
                https_only: change.https_only.unwrap_or(rules.https_only),
            },
            heeds_answers: change.heeds_answers.unwrap_or(start.heeds_answers),
            checks_schemas: change.checks_schemas.unwrap_or(start.checks_schemas),
        }
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
    /// How it sends.
    pub settings: Settings,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// What a caller wants of an environment; what is `None` stays as it is.
#[derive(Clone, Debug, Default)]
pub struct EnvironmentChange {
    /// Its name.
    pub name: Option<String>,
    /// What it is used for.
    pub environment_type: Option<EnvironmentType>,
    /// How it sends.
    pub settings: SettingsChange,
}

impl Environment {
    /// A new environment with nothing in it yet: for tests, until something else is said.
    pub fn blank(id: EnvironmentId, now: Timestamp) -> Self {
        Self {
            id,
            name: String::new(),
            environment_type: EnvironmentType::Development,
            settings: Settings::default(),
            created_at: now,
            updated_at: now,
        }
    }

    /// This environment as `change` wants it.
    pub fn changed(mut self, change: &EnvironmentChange, now: Timestamp) -> Self {
        self.name = change.name.clone().unwrap_or(self.name);
        self.environment_type = change.environment_type.unwrap_or(self.environment_type);
        self.settings = self.settings.changed(&change.settings);
        self.updated_at = now;
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_preset_brings_its_settings_and_the_rest_comes_after_it() {
        let change = SettingsChange {
            preset: Some(Preset::ShipEngine),
            https_only: Some(true),
            envelope: Some(Envelope::Raw),
            ..SettingsChange::default()
        };
        let shipengine = Preset::ShipEngine.settings();
        let settings = Settings::default().changed(&change);
        assert_eq!(settings.retry_schedule, shipengine.retry_schedule);
        assert_eq!(settings.endpoint_rules, EndpointRules { one_for_each_event_type: true, https_only: true });
        assert_eq!((settings.preset, settings.envelope), (Preset::ShipEngine, Envelope::Raw));
        assert_eq!(settings.clone().changed(&SettingsChange::default()), settings, "what is left out stays");
    }
}
