//! Endpoints: the URLs that an application's messages go to, and the rule that says which messages.

use std::collections::BTreeMap;
use std::time::Duration;

use super::application::{Application, Metadata};
use super::filter::{Filter, Subject};
use super::id::{ApplicationId, EndpointId, EnvironmentId};
use super::retry::RetrySchedule;
use super::time::Timestamp;

/// At most so many endpoints in one application (THREATS L01).
pub const ENDPOINTS_PER_APPLICATION_MAX: usize = 1_000;
/// At most so many event types or channels on one endpoint.
pub const SUBSCRIPTIONS_MAX: usize = 512;

/// At most so many secrets of an endpoint sign at the same time.
pub const SECRETS_MAX: usize = 3;
/// How long a replaced secret goes on signing when the caller does not say.
pub const SECRET_GRACE_DEFAULT: Duration = Duration::from_secs(24 * 60 * 60);
/// How long a replaced secret goes on signing at most.
pub const SECRET_GRACE_MAX: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// Headers that a consumer adds to requests, by lower-case name.
pub type Headers = BTreeMap<String, String>;

/// Why an endpoint is not sent to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DisabledBecause {
    /// Somebody switched it off.
    Request,
    /// It answered 410 Gone.
    Gone,
    /// It failed for too long.
    Failing,
}

impl DisabledBecause {
    /// The name in the store and on pages.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Request => "request",
            Self::Gone => "gone",
            Self::Failing => "failing",
        }
    }

    /// Reads the name in the store.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Request, Self::Gone, Self::Failing].into_iter().find(|reason| reason.as_str() == text)
    }
}

/// A URL that an application's messages go to.
#[derive(Clone, Debug)]
pub struct Endpoint {
    /// Its id.
    pub id: EndpointId,
    /// The environment of its application.
    pub environment_id: EnvironmentId,
    /// The application that it belongs to.
    pub application_id: ApplicationId,
    /// A small number, unique in its environment; 0 until the store has given it one.
    pub number: i64,
    /// The caller's own name for it, unique in its application; accepted wherever the id is.
    pub uid: Option<String>,
    /// Where messages go, as it was given.
    pub url: String,
    /// A note for people.
    pub description: String,
    /// The event types that it wants; `None` is all of them.
    pub event_types: Option<Vec<String>>,
    /// The channels that it wants; `None` is every message, with channels or without.
    pub channels: Option<Vec<String>>,
    /// What it asks of a message beside; `None` is nothing.
    pub filter: Option<Filter>,
    /// The caller's notes.
    pub metadata: Metadata,
    /// Headers that go with each request to it, by lower-case name.
    pub headers: Headers,
    /// At most so many messages a second.
    pub throttle_rate: Option<u16>,
    /// When what it did not take is tried again; `None` is as its event type or its environment says.
    pub retry_schedule: Option<RetrySchedule>,
    /// Whether it is sent one message at a time, in the order in which they were accepted: the next waits until the one
    /// before it is delivered or has ended otherwise.
    pub ordered: bool,
    /// Set while it is not sent to.
    pub disabled: Option<DisabledBecause>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// An endpoint that failed again and again is left in peace: until then nothing is sent to it, and then one message, to
/// see whether it is back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rest {
    /// When it is tried next.
    pub until: Timestamp,
    /// How many attempts in a row have found it down.
    pub failures: u32,
}

/// What a caller wants of an endpoint's headers.
#[derive(Clone, Debug)]
pub enum HeadersChange {
    /// These and no others.
    Replace(Headers),
    /// These beside those that are there.
    Merge {
        /// Headers that are new or get another value.
        set: Headers,
        /// Names of headers that go.
        remove: Vec<String>,
    },
}

/// What a caller wants of an endpoint; what is `None` stays as it is.
#[derive(Clone, Debug, Default)]
pub struct EndpointChange {
    /// Its URL.
    pub url: Option<String>,
    /// Its uid, or that it has none.
    pub uid: Option<Option<String>>,
    /// Its note for people.
    pub description: Option<String>,
    /// The event types that it wants, or that it wants all.
    pub event_types: Option<Option<Vec<String>>>,
    /// The channels that it wants, or that it wants every message.
    pub channels: Option<Option<Vec<String>>>,
    /// What it asks of a message beside, or that it asks nothing.
    pub filter: Option<Option<Filter>>,
    /// All its notes.
    pub metadata: Option<Metadata>,
    /// Its headers.
    pub headers: Option<HeadersChange>,
    /// Its throttle rate, or that it has none.
    pub throttle_rate: Option<Option<u16>>,
    /// Its retry schedule, or that it has none of its own.
    pub retry_schedule: Option<Option<RetrySchedule>>,
    /// Whether it keeps order.
    pub ordered: Option<bool>,
    /// Whether it is switched off. Switching off one that is off for another reason keeps that reason.
    pub disabled: Option<bool>,
}

impl HeadersChange {
    /// `headers` as this change wants them.
    pub fn applied_to(&self, headers: &Headers) -> Headers {
        let lower = |(name, value): (&String, &String)| (name.to_ascii_lowercase(), value.clone());
        match self {
            Self::Replace(all) => all.iter().map(lower).collect(),
            Self::Merge { set, remove } => {
                let goes = |name: &str| remove.iter().any(|gone| gone.eq_ignore_ascii_case(name));
                let stays = headers.iter().filter(|(name, _)| !goes(name));
                stays.chain(set).map(lower).collect()
            }
        }
    }
}

/// What became of a message at one endpoint when it was accepted: why, or why not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is delivered to the endpoint.
    Queued,
    /// The endpoint does not want this event type.
    EventType,
    /// The endpoint does not want any of the message's channels.
    Channel,
    /// The endpoint is switched off.
    Disabled,
    /// The endpoint's filter does not let the message pass.
    Filter,
}

impl Verdict {
    const ALL: [Self; 5] = [Self::Queued, Self::EventType, Self::Channel, Self::Disabled, Self::Filter];

    /// The name in the API and on pages.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::EventType => "event_type",
            Self::Channel => "channel",
            Self::Disabled => "disabled",
            Self::Filter => "filter",
        }
    }

    /// The byte that stands for it in the store.
    pub const fn code(self) -> u8 {
        match self {
            Self::Queued => 0,
            Self::EventType => 1,
            Self::Channel => 2,
            Self::Disabled => 3,
            Self::Filter => 4,
        }
    }

    /// Reads the byte in the store.
    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|verdict| verdict.code() == code)
    }

    /// What it says of the endpoint, in one sentence for people.
    pub const fn explanation(self) -> &'static str {
        match self {
            Self::Queued => "It was queued for the endpoint.",
            Self::EventType => "The endpoint is not subscribed to the message's event type.",
            Self::Channel => "The endpoint wants other channels than the message has.",
            Self::Disabled => "The endpoint was switched off when the message was accepted.",
            Self::Filter => "The endpoint's filter said no.",
        }
    }
}

impl Endpoint {
    /// A new endpoint with nothing in it yet.
    pub fn blank(id: EndpointId, application: &Application, now: Timestamp) -> Self {
        Self {
            id,
            environment_id: application.environment_id,
            application_id: application.id,
            number: 0,
            uid: None,
            url: String::new(),
            description: String::new(),
            event_types: None,
            channels: None,
            filter: None,
            metadata: Metadata::new(),
            headers: Headers::new(),
            throttle_rate: None,
            retry_schedule: None,
            ordered: false,
            disabled: None,
            created_at: now,
            updated_at: now,
        }
    }

    /// This endpoint as `change` wants it.
    pub fn changed(mut self, change: &EndpointChange, now: Timestamp) -> Self {
        let change = change.clone();
        self.headers = change.headers.map_or(self.headers.clone(), |headers| headers.applied_to(&self.headers));
        self.disabled = match change.disabled {
            None => self.disabled,
            Some(true) => self.disabled.or(Some(DisabledBecause::Request)),
            Some(false) => None,
        };
        self.url = change.url.unwrap_or(self.url);
        self.uid = change.uid.unwrap_or(self.uid);
        self.description = change.description.unwrap_or(self.description);
        self.event_types = change.event_types.unwrap_or(self.event_types);
        self.channels = change.channels.unwrap_or(self.channels);
        self.filter = change.filter.unwrap_or(self.filter);
        self.metadata = change.metadata.unwrap_or(self.metadata);
        self.throttle_rate = change.throttle_rate.unwrap_or(self.throttle_rate);
        self.retry_schedule = change.retry_schedule.unwrap_or(self.retry_schedule);
        self.ordered = change.ordered.unwrap_or(self.ordered);
        self.updated_at = now;
        self
    }

    /// Whether a message is delivered to this endpoint, and if not, why not. The filter is asked last, because only it needs
    /// the payload.
    pub fn verdict(&self, subject: &Subject<'_>) -> Verdict {
        let (event_type, channels) = (subject.event_type, subject.channels);
        let wants_type = self.event_types.as_ref().is_none_or(|wanted| wanted.iter().any(|name| name == event_type));
        let wants_channel =
            self.channels.as_ref().is_none_or(|wanted| wanted.iter().any(|channel| channels.contains(channel)));
        match (self.disabled, wants_type, wants_channel) {
            (Some(_), _, _) => Verdict::Disabled,
            (None, false, _) => Verdict::EventType,
            (None, true, false) => Verdict::Channel,
            (None, true, true) if self.filter.as_ref().is_none_or(|filter| filter.lets_pass(subject)) => {
                Verdict::Queued
            }
            (None, true, true) => Verdict::Filter,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&str, &str)]) -> Headers {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn headers_change_without_regard_to_case() {
        let before = headers(&[("x-a", "1"), ("x-b", "2")]);
        let change = HeadersChange::Merge { set: headers(&[("X-A", "3")]), remove: vec!["X-B".to_owned()] };
        assert_eq!(change.applied_to(&before), headers(&[("x-a", "3")]));
        let change = HeadersChange::Replace(headers(&[("X-C", "4")]));
        assert_eq!(change.applied_to(&before), headers(&[("x-c", "4")]));
    }
}
