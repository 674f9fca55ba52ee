//! ShipEngine's envelope: a link to what has changed, what it is, and perhaps the thing itself (SEEDS C39–C43).

use bytes::Bytes;
use serde_json::value::RawValue;

use super::object::Object;
use super::{Unfit, members};

const URL: &str = "resource_url";
const TYPE: &str = "resource_type";
const DATA: &str = "data";

/// Where an example that has no link of its own is said to be.
const EXAMPLE_URL: &str = "https://example.com/resources/example";

/// How much of a member's name an error quotes.
const NAME_CHARS_SHOWN: usize = 64;

/// A payload taken apart; each member is the text that was posted.
pub(super) struct Resource<'a> {
    url: &'a RawValue,
    kind: Option<&'a RawValue>,
    data: Option<&'a RawValue>,
}

impl<'a> Resource<'a> {
    /// Takes a payload apart, which may have these members and no others: nothing that was posted is left out.
    pub(super) fn read(payload: &'a [u8]) -> Result<Self, Unfit> {
        let mut members = members(payload);
        let url = members.remove(URL).filter(|url| is_text(url)).ok_or_else(|| unfit(URL, TEXT))?;
        let kind = members.remove(TYPE);
        if kind.is_some_and(|kind| !is_text(kind)) {
            return Err(unfit(
                TYPE,
                "must be a text such as `API_BATCH`; leave it out to have it made of the event type",
            ));
        }
        let data = members.remove(DATA);
        match members.into_keys().next() {
            Some(stranger) => Err(unfit(&shortened(stranger), "would be left out of what is sent; put it into `data`")),
            None => Ok(Self { url, kind, data }),
        }
    }

    /// The body of a message of `event_type`.
    pub(super) fn body(&self, event_type: &str) -> Bytes {
        let data = self.data.map(RawValue::get);
        let object = Object::with_room_for(data.unwrap_or_default().as_bytes()).json(URL, self.url.get().as_bytes());
        let object = match self.kind {
            Some(kind) => object.json(TYPE, kind.get().as_bytes()),
            None => object.text(TYPE, &format!("API_{}", event_type.to_ascii_uppercase())),
        };
        match data {
            Some(data) => object.json(DATA, data.as_bytes()).end(),
            None => object.end(),
        }
    }
}

/// An example that was not made for this envelope: it becomes the data behind a link.
pub(super) fn example(example: &[u8]) -> Bytes {
    Object::with_room_for(example).text(URL, EXAMPLE_URL).json(DATA, example).end()
}

const TEXT: &str =
    "must be a text: this environment sends `resource_url`, with `resource_type` and `data` if they are given";

/// Whether a value is a text with something in it.
fn is_text(value: &RawValue) -> bool {
    value.get().starts_with('"') && value.get().len() > 2
}

/// A member's name as an error quotes it.
fn shortened(name: String) -> String {
    if name.len() <= NAME_CHARS_SHOWN { name } else { name.chars().take(NAME_CHARS_SHOWN).chain(['…']).collect() }
}

fn unfit(member: &str, why: &str) -> Unfit {
    Unfit { member: member.to_owned(), why: why.to_owned() }
}
