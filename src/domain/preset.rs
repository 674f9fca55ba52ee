//! Presets: how a known system sends webhooks, as settings that an environment starts with. Everything in a preset can
//! be changed afterwards, so nothing but the catalogue and the style of the portal asks for it by name.

use super::envelope::Envelope;
use super::environment::{EndpointRules, Settings};
use super::retry::RetrySchedule;

/// How a known system sends webhooks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Preset {
    /// No system in particular: Standard Webhooks.
    #[default]
    Standard,
    /// Rose Rocket (SEEDS A).
    RoseRocket,
    /// Shoprocket (SEEDS B).
    Shoprocket,
    /// ShipEngine (SEEDS C).
    ShipEngine,
}

impl Preset {
    /// Every preset.
    pub const ALL: [Self; 4] = [Self::Standard, Self::RoseRocket, Self::Shoprocket, Self::ShipEngine];

    /// The name in the API and in the store.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Standard => "standard",
            Self::RoseRocket => "rose-rocket",
            Self::Shoprocket => "shoprocket",
            Self::ShipEngine => "shipengine",
        }
    }

    /// Reads the name in the API or in the store.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|preset| preset.as_str() == name)
    }

    /// The settings that an environment with this preset starts with.
    pub fn settings(self) -> Settings {
        let standard = Settings {
            preset: self,
            retry_schedule: RetrySchedule::default(),
            envelope: Envelope::Raw,
            endpoint_rules: EndpointRules::default(),
            heeds_answers: true,
            checks_schemas: true,
        };
        match self {
            Self::Standard => standard,
            // One attempt, and whatever the answer says is shown and never acted on (SEEDS A16, A17).
            Self::RoseRocket => Settings {
                retry_schedule: RetrySchedule::none(),
                envelope: Envelope::EventObject,
                heeds_answers: false,
                ..standard
            },
            Self::Shoprocket => Settings { envelope: Envelope::TypedData, ..standard },
            // Three attempts, two hours apart (SEEDS C7); one endpoint for each event type (C5).
            Self::ShipEngine => Settings {
                retry_schedule: RetrySchedule::every_two_hours_twice(),
                envelope: Envelope::Resource,
                endpoint_rules: EndpointRules { one_for_each_event_type: true, https_only: false },
                ..standard
            },
        }
    }
}
