//! Transformations: code of an endpoint's owner that makes another request of a delivery. Here is what it may be, what it
//! is given and what it may answer. It does not know how code is run.

use std::collections::BTreeMap;
use std::fmt;

use serde_json::{Map, Value, json};

use super::endpoint::Headers;
use super::header;
use super::message::PAYLOAD_BYTES_MAX;
use super::name::Invalid;
use super::target::Target;
use super::time::Timestamp;

/// The shortest code that can be a handler.
pub const CODE_BYTES_MIN: usize = 10;
/// The longest code.
pub const CODE_BYTES_MAX: usize = 50 * 1024;
/// How long a run may compute, in milliseconds.
pub const CODE_MS_MAX: u64 = 50;
/// How much memory a run may take.
pub const CODE_MEMORY_BYTES_MAX: usize = 16 * 1024 * 1024;
/// How deep calls within a run may go.
pub const CODE_STACK_BYTES_MAX: usize = 256 * 1024;
/// The longest body that code makes.
pub const TRANSFORMED_BYTES_MAX: usize = PAYLOAD_BYTES_MAX;
/// How many variables code may have.
pub const VARIABLES_MAX: usize = 32;
/// How long the name of a variable may be.
pub const VARIABLE_NAME_BYTES_MAX: usize = 64;
/// How long all names and values may be together.
pub const VARIABLES_BYTES_MAX: usize = 8 * 1024;
/// How much is kept of what code says when it fails, in characters.
pub const CODE_ERROR_CHARS_MAX: usize = 500;

/// What stands in the place of a variable's value, which is written and never shown.
pub const CONCEALED: &str = "•••";
/// What a trial has in the place of a concealed value: a text that can stand anywhere, in a header too.
pub const STAND_IN: &str = "concealed";
/// A shorter value is no secret that could be told from other text.
const SECRET_BYTES_MIN: usize = 4;

/// What code may use and nobody is shown, by name.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Variables(BTreeMap<String, String>);

impl fmt::Debug for Variables {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_set().entries(self.0.keys()).finish()
    }
}

impl Variables {
    /// Those that are wanted in the place of `before`: a concealed value is the one that was there.
    ///
    /// # Errors
    /// When there are too many, or one has a name or a value that can't be.
    pub fn checked(wanted: BTreeMap<String, String>, before: &Self) -> Result<Self, Invalid> {
        if wanted.len() > VARIABLES_MAX {
            return Err(Invalid::new(format!("must have at most {VARIABLES_MAX} variables")));
        }
        let mut kept = BTreeMap::new();
        for (name, value) in wanted {
            check_name(&name)?;
            let value = match value == CONCEALED {
                false => value,
                true => before.0.get(&name).cloned().ok_or_else(|| {
                    Invalid::new(format!("`{name}` has no value yet that `{CONCEALED}` could stand for: give it one"))
                })?,
            };
            kept.insert(name, value);
        }
        let bytes: usize = kept.iter().map(|(name, value)| name.len() + value.len()).sum();
        if bytes > VARIABLES_BYTES_MAX {
            return Err(Invalid::new(format!(
                "must have at most {VARIABLES_BYTES_MAX} bytes, names and values together"
            )));
        }
        Ok(Self(kept))
    }

    /// Those that code is tried out with; [`STAND_IN`] is taken for a concealed value.
    ///
    /// # Errors
    /// As for [`Variables::checked`].
    pub fn for_trial(wanted: BTreeMap<String, String>) -> Result<Self, Invalid> {
        let stand_ins = Self(wanted.keys().map(|name| (name.clone(), STAND_IN.to_owned())).collect());
        Self::checked(wanted, &stand_ins)
    }

    /// The same names, each with [`CONCEALED`] in the place of its value.
    #[must_use]
    pub fn concealed(&self) -> Self {
        Self(self.0.keys().map(|name| (name.clone(), CONCEALED.to_owned())).collect())
    }

    /// As a JSON object.
    pub fn to_json(&self) -> String {
        json!(self.0).to_string()
    }

    /// Reads what [`Variables::to_json`] has written.
    pub fn from_json(text: &[u8]) -> Option<Self> {
        serde_json::from_slice(text).ok().map(Self)
    }

    /// Their names.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// `text` without any of the values.
    pub fn conceal_in(&self, text: &str) -> String {
        let secrets = self.0.values().filter(|value| value.len() >= SECRET_BYTES_MIN && *value != CONCEALED);
        secrets.fold(text.to_owned(), |text, secret| text.replace(secret.as_str(), CONCEALED))
    }
}

/// A name is one that code can write behind a dot.
fn check_name(name: &str) -> Result<(), Invalid> {
    let is_word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    let starts = name.bytes().next().is_some_and(|byte| !byte.is_ascii_digit());
    if !starts || !name.bytes().all(is_word) || name.len() > VARIABLE_NAME_BYTES_MAX {
        let why = format!(
            "{name:?} is not the name of a variable: use at most {VARIABLE_NAME_BYTES_MAX} letters, digits and `_`, \
             and no digit first"
        );
        return Err(Invalid::new(why));
    }
    Ok(())
}

/// Checks code by its length. Whether it can be run is seen when it is.
///
/// # Errors
/// When it is too short to be a handler, or too long.
pub fn check_code(code: &str) -> Result<(), Invalid> {
    if (CODE_BYTES_MIN..=CODE_BYTES_MAX).contains(&code.len()) {
        return Ok(());
    }
    Err(Invalid::new(format!("must have from {CODE_BYTES_MIN} to {CODE_BYTES_MAX} bytes")))
}

/// What an endpoint's owner wants to be done with its deliveries.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Transformation {
    /// JavaScript with a function `handler`.
    pub code: Option<String>,
    /// Whether deliveries go through it.
    pub enabled: bool,
    /// What the code may use.
    pub variables: Variables,
    /// When it was last changed, if ever.
    pub updated_at: Option<Timestamp>,
}

/// What a caller wants of a transformation; what is `None` stays as it is.
#[derive(Clone, Debug, Default)]
pub struct TransformationChange {
    /// Its code, or that it has none.
    pub code: Option<Option<String>>,
    /// Whether deliveries go through it.
    pub enabled: Option<bool>,
    /// All its variables; a concealed value stays as it was.
    pub variables: Option<BTreeMap<String, String>>,
}

impl Transformation {
    /// The code that deliveries go through.
    pub fn running(&self) -> Option<&str> {
        self.code.as_deref().filter(|_| self.enabled)
    }

    /// This transformation as `change` wants it.
    ///
    /// # Errors
    /// The member that can't be as it is wanted, and why.
    pub fn changed(&self, change: TransformationChange, now: Timestamp) -> Result<Self, (&'static str, Invalid)> {
        let code = change.code.unwrap_or_else(|| self.code.clone());
        code.as_deref().map_or(Ok(()), check_code).map_err(|why| ("code", why))?;
        let enabled = change.enabled.unwrap_or(self.enabled);
        let variables = match change.variables {
            None => self.variables.clone(),
            Some(wanted) => Variables::checked(wanted, &self.variables).map_err(|why| ("variables", why))?,
        };
        Ok(Self { code, enabled, variables, updated_at: Some(now) })
    }
}

/// The methods that a transformed request may have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Method {
    /// As without a transformation.
    #[default]
    Post,
    /// PUT.
    Put,
    /// PATCH.
    Patch,
}

impl Method {
    /// Every method.
    pub const ALL: [Self; 3] = [Self::Post, Self::Put, Self::Patch];

    /// As it stands in a request.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
        }
    }
}

/// What code is given: the request as it would be sent without it.
pub struct Webhook<'a> {
    /// Where it goes.
    pub url: &'a str,
    /// What the message tells of.
    pub event_type: &'a str,
    /// The message's channels, if it has any.
    pub channels: &'a [String],
    /// What the code may use.
    pub variables: &'a Variables,
    /// The body, in its envelope; it is JSON.
    pub payload: &'a str,
}

impl Webhook<'_> {
    /// As a JSON object. The payload stands in it as it is.
    pub fn to_json(&self) -> String {
        let mut members = Map::new();
        members.insert("method".to_owned(), Method::Post.as_str().into());
        members.insert("url".to_owned(), self.url.into());
        members.insert("eventType".to_owned(), self.event_type.into());
        if !self.channels.is_empty() {
            members.insert("channels".to_owned(), self.channels.into());
        }
        members.insert("headers".to_owned(), json!({}));
        members.insert("cancel".to_owned(), false.into());
        members.insert("variables".to_owned(), json!(self.variables.0));
        let mut text = Value::Object(members).to_string();
        // The brace that closes it comes after the payload.
        text.pop();
        text.push_str(",\"payload\":");
        text.push_str(self.payload);
        text.push('}');
        text
    }
}

/// What code makes of a request.
#[derive(Clone, Debug)]
pub enum Transformed {
    /// It is sent like this.
    Changed(Change),
    /// It is not sent.
    Cancelled,
}

/// What is different about a request.
#[derive(Clone, Debug)]
pub struct Change {
    /// How it is sent.
    pub method: Method,
    /// Where it goes; `None` is where it went.
    pub target: Option<Target>,
    /// Its body; `None` is the one that it had, byte for byte.
    pub body: Option<String>,
    /// Headers that it gets, by lower-case name.
    pub headers: Headers,
}

impl Transformed {
    /// Reads what code answers: a JSON object in the first line, and the body in the second, which is empty where the body
    /// stays as it was. What is left out stays as it was too.
    ///
    /// # Errors
    /// What is wrong with it, for who wrote the code.
    pub fn read(answer: &str, url: &Target) -> Result<Self, Invalid> {
        let (head, body) = answer.split_once('\n').ok_or_else(|| Invalid::new("`handler` returned nothing"))?;
        let mut head: Map<String, Value> =
            serde_json::from_str(head).map_err(|error| Invalid::new(error.to_string()))?;
        match head.remove("cancel") {
            None | Some(Value::Bool(false)) => {}
            Some(Value::Bool(true)) => return Ok(Self::Cancelled),
            Some(_) => return Err(Invalid::new("`cancel` must be true or false")),
        }
        let method = head.remove("method").map_or(Ok(Method::Post), read_method)?;
        let target = match head.remove("url") {
            None => None,
            Some(Value::String(text)) if text == url.as_str() => None,
            Some(Value::String(text)) => {
                let target = Target::parse(&text).map_err(|error| Invalid::new(format!("`url`: {error}")))?;
                Some(target)
            }
            Some(_) => return Err(Invalid::new("`url` must be a text")),
        };
        let headers = head.remove("headers").map_or(Ok(Headers::new()), read_headers)?;
        Ok(Self::Changed(Change { method, target, body: read_body(body)?, headers }))
    }
}

fn read_method(wanted: Value) -> Result<Method, Invalid> {
    let known = Method::ALL.into_iter().find(|method| wanted.as_str() == Some(method.as_str()));
    known.ok_or_else(|| Invalid::new("`method` must be `POST`, `PUT` or `PATCH`"))
}

fn read_body(text: &str) -> Result<Option<String>, Invalid> {
    if text.is_empty() {
        return Ok(None);
    }
    if !text.starts_with(['{', '[']) {
        return Err(Invalid::new("`payload` must be an object or a list"));
    }
    if text.len() > TRANSFORMED_BYTES_MAX {
        return Err(Invalid::new(format!("`payload` must have at most {TRANSFORMED_BYTES_MAX} bytes as JSON")));
    }
    Ok(Some(text.to_owned()))
}

fn read_headers(wanted: Value) -> Result<Headers, Invalid> {
    let headers: Headers = serde_json::from_value(wanted)
        .map_err(|_| Invalid::new("`headers` must be an object whose values are texts"))?;
    header::check(headers.iter().map(|(name, value)| (name.as_str(), value.as_str())))
        .map_err(|error| Invalid::new(format!("`headers`: {error}")))?;
    Ok(headers.into_iter().map(|(name, value)| (name.to_ascii_lowercase(), value)).collect())
}

#[cfg(test)]
#[path = "transformation/tests.rs"]
mod tests;
