//! A JSON object that is written member by member, so that their order is that of the calls and bytes stay what they are.

use bytes::Bytes;
use serde_json::Value;

/// Room for what stands around a payload.
const FRAME_BYTES: usize = 512;

/// A JSON object that is not closed yet.
pub(super) struct Object(Vec<u8>);

impl Object {
    /// An object without members, with room for `payload` and a frame.
    pub(super) fn with_room_for(payload: &[u8]) -> Self {
        let mut bytes = Vec::with_capacity(payload.len() + FRAME_BYTES);
        bytes.push(b'{');
        Self(bytes)
    }

    /// With one more member, whose value is a text.
    pub(super) fn text(self, name: &str, text: &str) -> Self {
        self.json(name, Value::from(text).to_string().as_bytes())
    }

    /// With one more member, whose value is JSON already.
    pub(super) fn json(mut self, name: &str, value: &[u8]) -> Self {
        if self.0.len() > 1 {
            self.0.push(b',');
        }
        self.0.extend_from_slice(Value::from(name).to_string().as_bytes());
        self.0.push(b':');
        self.0.extend_from_slice(value);
        self
    }

    /// The text of the whole.
    pub(super) fn end(mut self) -> Bytes {
        self.0.push(b'}');
        self.0.into()
    }
}
