//! CloudEvents 1.0.2 over HTTP: the attributes as members beside the data, or as headers beside the payload. The source
//! of an event is its application, as a path without a host: `/environments/env_…/applications/app_…`.

use std::fmt::Write as _;

use bytes::Bytes;

use super::object::Object;
use crate::domain::message::Message;

/// The content type of an event that is one JSON object.
pub(super) const STRUCTURED: &str = "application/cloudevents+json; charset=utf-8";

const VERSION: &str = "1.0";

fn source(message: &Message) -> String {
    format!("/environments/{}/applications/{}", message.environment_id, message.application_id)
}

/// The event as one JSON object.
pub(super) fn structured(message: &Message, payload: &[u8]) -> Bytes {
    Object::with_room_for(payload)
        .text("specversion", VERSION)
        .text("id", &message.id.to_string())
        .text("source", &source(message))
        .text("type", &message.event_type)
        .text("time", &message.id.time().to_string())
        .text("datacontenttype", super::JSON)
        .json("data", payload)
        .end()
}

/// The event's attributes as headers; its content type is that of the request.
pub(super) fn headers(message: &Message) -> Vec<(&'static str, String)> {
    let attributes = [
        ("ce-specversion", VERSION.to_owned()),
        ("ce-id", message.id.to_string()),
        ("ce-source", source(message)),
        ("ce-type", message.event_type.clone()),
        ("ce-time", message.id.time().to_string()),
    ];
    attributes.into_iter().map(|(name, value)| (name, encoded(&value))).collect()
}

/// A text as the value of a header (HTTP binding, 3.1.3.2): blanks, quotes, percent signs and all that is not visible
/// ASCII become the percent-encoded bytes of their UTF-8.
pub(super) fn encoded(text: &str) -> String {
    let mut value = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_graphic() && !matches!(byte, b'"' | b'%') {
            value.push(char::from(byte));
        } else {
            // Writing to a text never fails.
            let _ = write!(value, "%{byte:02X}");
        }
    }
    value
}
