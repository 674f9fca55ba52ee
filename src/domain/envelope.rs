//! Envelopes: what is put around a payload before it is sent. Whatever was posted goes into a body as the very bytes
//! it was posted in, and a body depends on the message alone, so every repeat is the same. It knows neither the endpoint
//! nor the attempt, and signs nothing.

mod cloud_events;
mod object;
mod resource;

use std::collections::BTreeMap;

use bytes::Bytes;
use serde_json::value::RawValue;

use super::message::Message;
use object::Object;
use resource::Resource;

const JSON: &str = "application/json";

/// What a delivery's body is made of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Envelope {
    /// The payload itself, byte for byte.
    #[default]
    Raw,
    /// Rose Rocket's event object: the type of event, the id of the record, the event's own id and time (SEEDS A3–A5).
    EventObject,
    /// Shoprocket's `{data, type, webhook_environment}` (SEEDS B25).
    TypedData,
    /// ShipEngine's `{resource_url, resource_type[, data]}` (SEEDS C39–C42).
    Resource,
    /// Standard Webhooks' `{type, timestamp, data}`.
    Standard,
    /// A CloudEvent as one JSON object (CloudEvents 1.0.2, structured mode).
    CloudEventsStructured,
    /// A CloudEvent whose attributes are headers (CloudEvents 1.0.2, binary mode).
    CloudEventsBinary,
}

impl Envelope {
    /// Every envelope.
    pub const ALL: [Self; 7] = [
        Self::Raw,
        Self::EventObject,
        Self::TypedData,
        Self::Resource,
        Self::Standard,
        Self::CloudEventsStructured,
        Self::CloudEventsBinary,
    ];

    /// The name in the API and in the store.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Raw => "raw",
            Self::EventObject => "event-object",
            Self::TypedData => "typed-data",
            Self::Resource => "resource",
            Self::Standard => "standard",
            Self::CloudEventsStructured => "cloudevents-structured",
            Self::CloudEventsBinary => "cloudevents-binary",
        }
    }

    /// Reads the name in the API or in the store.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|envelope| envelope.as_str() == name)
    }

    /// What is sent of a message. `is_test` says so where the envelope has a place for it.
    ///
    /// A payload that does not fit, because it was accepted while the environment had another envelope, is sent as it is.
    pub fn wrap(self, message: &Message, is_test: bool) -> Wrapped {
        let payload = message.payload.clone().unwrap_or_default();
        let (content_type, headers) = match self {
            Self::CloudEventsStructured => (cloud_events::STRUCTURED, Vec::new()),
            Self::CloudEventsBinary => (JSON, cloud_events::headers(message)),
            _ => (JSON, Vec::new()),
        };
        let body = match self {
            Self::Raw | Self::CloudEventsBinary => payload,
            Self::EventObject => event_object(message, &payload),
            Self::TypedData => typed_data(message, &payload, is_test),
            Self::Resource => match Resource::read(&payload) {
                Ok(resource) => resource.body(&message.event_type),
                Err(_) => payload,
            },
            Self::Standard => standard(message, &payload),
            Self::CloudEventsStructured => cloud_events::structured(message, &payload),
        };
        Wrapped { body, content_type, headers }
    }

    /// Checks that a payload, a JSON object, can be sent in this envelope.
    ///
    /// # Errors
    /// The member that is missing, is of another kind, or would be left out.
    pub fn check(self, payload: &[u8]) -> Result<(), Unfit> {
        match self {
            Self::Resource => Resource::read(payload).map(|_| ()),
            _ => Ok(()),
        }
    }

    /// An example of a payload, a JSON object, so that it can be sent in this envelope.
    pub fn fit_example(self, example: Bytes) -> Bytes {
        if self.check(&example).is_ok() { example } else { resource::example(&example) }
    }
}

/// A message as it is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wrapped {
    /// The bytes that are signed.
    pub body: Bytes,
    /// What they are.
    pub content_type: &'static str,
    /// Headers that belong to the envelope, by lower-case name.
    pub headers: Vec<(&'static str, String)>,
}

/// Why a payload can't be sent in an envelope.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{why}")]
pub struct Unfit {
    /// The member of the payload.
    pub member: String,
    /// What is wrong with it and what to do.
    pub why: String,
}

/// The members of an object as they were posted. The payload was checked when it was accepted.
fn members(payload: &[u8]) -> BTreeMap<String, &RawValue> {
    serde_json::from_slice(payload).unwrap_or_default()
}

/// `{id, type, created_at, record_id, data}`: what happened, and the `id` of the record that it happened to.
fn event_object(message: &Message, payload: &[u8]) -> Bytes {
    let members = members(payload);
    let record_id = members.get("id").map_or("null", |id| id.get());
    Object::with_room_for(payload)
        .text("id", &message.id.to_string())
        .text("type", &message.event_type)
        .text("created_at", &message.id.time().to_string())
        .json("record_id", record_id.as_bytes())
        .json("data", payload)
        .end()
}

/// `{data, type, webhook_environment}`.
fn typed_data(message: &Message, payload: &[u8], is_test: bool) -> Bytes {
    let object = Object::with_room_for(payload).json("data", payload).text("type", &message.event_type);
    object.text("webhook_environment", if is_test { "test" } else { "live" }).end()
}

/// `{type, timestamp, data}`.
fn standard(message: &Message, payload: &[u8]) -> Bytes {
    let object = Object::with_room_for(payload).text("type", &message.event_type);
    object.text("timestamp", &message.id.time().to_string()).json("data", payload).end()
}

#[cfg(test)]
mod tests;
