//! Messages: single occurrences, posted once and delivered to many endpoints.

use bytes::Bytes;

use super::endpoint::Verdict;
use super::id::{ApplicationId, EndpointId, EnvironmentId, MessageId};
use super::time::Timestamp;

/// The largest payload that is accepted.
pub const PAYLOAD_BYTES_MAX: usize = 1024 * 1024;
/// At most so many channels on one message.
pub const MESSAGE_CHANNELS_MAX: usize = 5;
/// The shortest time for which a caller can have a payload kept.
pub const PAYLOAD_RETENTION_DAYS_MIN: i64 = 5;
/// The longest time for which a caller can have a payload kept, and the default.
pub const PAYLOAD_RETENTION_DAYS_MAX: i64 = 90;

/// One occurrence. Its time is in its id.
#[derive(Clone, Debug)]
pub struct Message {
    /// Its id; the same in every repeat of every delivery.
    pub id: MessageId,
    /// The environment of its application.
    pub environment_id: EnvironmentId,
    /// The application whose endpoints it goes to.
    pub application_id: ApplicationId,
    /// What it tells of.
    pub event_type: String,
    /// The caller's own id for it, unique in its application.
    pub event_id: Option<String>,
    /// Narrows the endpoints that it goes to; empty is none.
    pub channels: Vec<String>,
    /// The bytes that were posted; `None` once they have been expunged or have outlived their time.
    pub payload: Option<Bytes>,
    /// When the payload is deleted.
    pub expires_at: Timestamp,
    /// What became of it at each endpoint of its application when it was accepted.
    pub verdicts: Vec<(EndpointId, Verdict)>,
}

impl Message {
    /// The endpoints that it is delivered to.
    pub fn queued(&self) -> impl Iterator<Item = EndpointId> + '_ {
        self.verdicts.iter().filter(|(_, verdict)| *verdict == Verdict::Queued).map(|(endpoint, _)| *endpoint)
    }
}

/// Which messages of a list are asked for; what is not given does not matter.
#[derive(Clone, Debug, Default)]
pub struct MessageFilter {
    /// One of these event types.
    pub event_types: Option<Vec<String>>,
    /// One of its channels.
    pub channel: Option<String>,
}

impl MessageFilter {
    /// Whether it asks for every message.
    pub fn is_empty(&self) -> bool {
        self.event_types.is_none() && self.channel.is_none()
    }

    /// Whether it asks for a message like this.
    pub fn wants(&self, event_type: &str, channels: &[String]) -> bool {
        self.event_types.as_ref().is_none_or(|wanted| wanted.iter().any(|name| name == event_type))
            && self.channel.as_ref().is_none_or(|wanted| channels.contains(wanted))
    }
}
