//! Filters: what an endpoint asks of a message beside its event type and its channels, in JSON. A filter is its author's
//! and not trusted: it is read within limits, compiled once, has no patterns, and a message is held against it in so many
//! steps and no more. It does not know which endpoint it belongs to. `docs/filters.md` is its manual.

mod judging;
mod number;
mod reading;
mod value;

use std::cell::OnceCell;
use std::sync::Arc;

use super::json::{self, Rules};
use super::time::Timestamp;
use value::Value;

pub use judging::Miss;

/// How long a filter may be, without the blanks between its parts.
pub const FILTER_BYTES_MAX: usize = 8 * 1024;
/// How deeply objects and lists may nest in a filter.
pub const FILTER_DEPTH_MAX: usize = 16;
/// How many clauses a filter may have; each value in a list of values is one.
pub const FILTER_CLAUSES_MAX: usize = 100;
/// How many steps a message is held against one filter for; whatever takes more passes.
pub const FILTER_STEPS_MAX: usize = 10_000;

/// A filter, ready to be held against messages. A copy costs nothing.
#[derive(Clone, Debug)]
pub struct Filter(Arc<Kept>);

#[derive(Debug)]
struct Kept {
    text: String,
    condition: Condition,
}

/// Why a text is no filter, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{why}")]
pub struct InvalidFilter {
    /// The members and places that lead to what is wrong, from the outside in.
    pub path: Vec<String>,
    /// What is wrong there and what to do; the place is in it.
    pub why: String,
}

/// What is asked of a value: all of the clauses.
#[derive(Debug, Default)]
struct Condition {
    /// Those that ask for the value as it is.
    of_whole: Vec<Clause>,
    /// Those of which a list satisfies all when one and the same of its elements does.
    of_each: Vec<Clause>,
}

/// One thing that is asked.
#[derive(Debug)]
struct Clause {
    /// Where it stands in the filter.
    path: Vec<String>,
    test: Test,
}

#[derive(Debug)]
enum Test {
    /// It is there, or it is not.
    Exist(bool),
    Not(Condition),
    All(Vec<Condition>),
    Any(Vec<Condition>),
    /// It is one of these.
    In(Vec<Scalar>),
    Compare(Comparison, Scalar),
    StartsWith(Vec<String>),
    EndsWith(Vec<String>),
    Member(String, Condition),
}

impl Test {
    /// Whether it is asked of a list itself rather than of its elements.
    fn is_of_whole(&self) -> bool {
        matches!(self, Self::Exist(_) | Self::Not(_) | Self::All(_) | Self::Any(_))
    }
}

#[derive(Clone, Copy, Debug)]
enum Comparison {
    Above,
    AtLeast,
    Below,
    AtMost,
}

#[derive(Debug)]
enum Scalar {
    Null,
    Truth(bool),
    Number(String),
    Text(String),
}

/// A message as filters see it. What is in its payload is read when the first of them asks, and once.
pub struct Subject<'a> {
    event_id: Option<&'a str>,
    /// What it tells of.
    pub event_type: &'a str,
    /// Its channels; empty is none.
    pub channels: &'a [String],
    time: Timestamp,
    payload: &'a [u8],
    seen: OnceCell<Value<'a>>,
}

impl<'a> Subject<'a> {
    /// A message of `event_type` with this payload, that is accepted at `time`.
    pub fn new(event_type: &'a str, payload: &'a [u8], time: Timestamp) -> Self {
        Self { event_id: None, event_type, channels: &[], time, payload, seen: OnceCell::new() }
    }

    /// The same with the producer's own id for it.
    #[must_use]
    pub fn with_event_id(self, event_id: Option<&'a str>) -> Self {
        Self { event_id, ..self }
    }

    /// The same in these channels.
    #[must_use]
    pub fn with_channels(self, channels: &'a [String]) -> Self {
        Self { channels, ..self }
    }

    /// It as the value that a filter asks. What is not there has no member.
    fn seen(&self) -> &Value<'a> {
        self.seen.get_or_init(|| {
            let mut members = Vec::with_capacity(5);
            members.extend(self.event_id.map(|id| ("id".into(), Value::Text(id.into()))));
            members.push(("type".into(), Value::Text(self.event_type.into())));
            members.push(("time".into(), Value::Text(self.time.to_string().into())));
            if !self.channels.is_empty() {
                let channels = self.channels.iter().map(|channel| Value::Text(channel.into()));
                members.push(("channels".into(), Value::List(channels.collect())));
            }
            // What is no JSON was not accepted.
            members.extend(Value::read(self.payload, Rules::named("payload")).ok().map(|data| ("data".into(), data)));
            Value::Object(members)
        })
    }
}

impl Filter {
    /// Reads a filter.
    ///
    /// # Errors
    /// When it is not strict JSON, not a filter, or beyond a limit.
    pub fn parse(text: &str) -> Result<Self, InvalidFilter> {
        let condition = reading::read(text)?;
        Ok(Self(Arc::new(Kept { text: json::compact(text), condition })))
    }

    /// Its text, without the blanks between its parts.
    pub fn text(&self) -> &str {
        &self.0.text
    }

    /// Whether it lets a message pass.
    pub fn lets_pass(&self, subject: &Subject<'_>) -> bool {
        self.judge(subject).is_none()
    }

    /// What it misses in a message; nothing when it lets it pass.
    pub fn miss(&self, subject: &Subject<'_>) -> Option<Miss> {
        self.judge(subject).map(|missed| missed.told())
    }
}

impl PartialEq for Filter {
    fn eq(&self, other: &Self) -> bool {
        self.text() == other.text()
    }
}

impl Eq for Filter {}

#[cfg(test)]
#[path = "filter/tests.rs"]
mod tests;
