//! Event types: what an environment can tell its consumers about.

use std::collections::BTreeMap;

use serde_json::value::RawValue;

use super::id::EnvironmentId;
use super::time::Timestamp;

/// At most so many event types in one environment (THREATS L01).
pub const EVENT_TYPES_PER_ENVIRONMENT_MAX: usize = 1_000;
/// At most so many bytes of JSON Schema with one event type.
pub const SCHEMAS_BYTES_MAX: usize = 256 * 1024;

/// At most so many bytes in the example of an event type.
pub const EXAMPLE_BYTES_MAX: usize = 64 * 1024;

/// At most so many feature flags on one event type.
pub const FEATURE_FLAGS_MAX: usize = 50;

/// A kind of occurrence that messages tell of.
#[derive(Clone, Debug)]
pub struct EventType {
    /// The environment that it belongs to.
    pub environment_id: EnvironmentId,
    /// Its name, such as `order.created`; unique in its environment.
    pub name: String,
    /// Its name for people.
    pub title: Option<String>,
    /// What it means, for people.
    pub description: String,
    /// Hidden from consumers, and kept for the messages that have it.
    pub archived: bool,
    /// Still sent, and no longer to be built on.
    pub deprecated: bool,
    /// The group that people find it in.
    pub group_name: Option<String>,
    /// Shown only to consumers who have one of these flags; none is for everybody.
    pub feature_flags: Vec<String>,
    /// JSON Schemas by version, as JSON text.
    pub schemas: Option<String>,
    /// A payload as a producer might post it: a JSON object, as it was written.
    pub example: Option<String>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// What a caller wants of an event type; what is `None` stays as it is.
#[derive(Clone, Debug, Default)]
pub struct EventTypeChange {
    /// Its name for people, or that it has none.
    pub title: Option<Option<String>>,
    /// What it means.
    pub description: Option<String>,
    /// Whether it is hidden.
    pub archived: Option<bool>,
    /// Whether it is no longer to be built on.
    pub deprecated: Option<bool>,
    /// Its group, or that it has none.
    pub group_name: Option<Option<String>>,
    /// All its flags.
    pub feature_flags: Option<Vec<String>>,
    /// Its schemas, or that it has none.
    pub schemas: Option<Option<String>>,
    /// Its example, or that it has none.
    pub example: Option<Option<String>>,
}

impl EventType {
    /// A new event type with nothing in it yet.
    pub fn blank(environment_id: EnvironmentId, name: String, now: Timestamp) -> Self {
        Self {
            environment_id,
            name,
            title: None,
            description: String::new(),
            archived: false,
            deprecated: false,
            group_name: None,
            feature_flags: Vec::new(),
            schemas: None,
            example: None,
            created_at: now,
            updated_at: now,
        }
    }

    /// This event type as `change` wants it.
    pub fn changed(mut self, change: &EventTypeChange, now: Timestamp) -> Self {
        let change = change.clone();
        self.title = change.title.unwrap_or(self.title);
        self.description = change.description.unwrap_or(self.description);
        self.archived = change.archived.unwrap_or(self.archived);
        self.deprecated = change.deprecated.unwrap_or(self.deprecated);
        self.group_name = change.group_name.unwrap_or(self.group_name);
        self.feature_flags = change.feature_flags.unwrap_or(self.feature_flags);
        self.schemas = change.schemas.unwrap_or(self.schemas);
        self.example = change.example.unwrap_or(self.example);
        self.updated_at = now;
        self
    }

    /// The payload of an example, a JSON object: of its own example and those in the newest of its schemas the one at
    /// `index`, or the last when there are fewer; a made-up one when there is none.
    pub fn example(&self, index: usize) -> String {
        let in_schema = self.written_examples().unwrap_or_default();
        let in_schema = in_schema.iter().map(|example| example.get()).filter(|example| example.starts_with('{'));
        let written: Vec<&str> = self.example.as_deref().into_iter().chain(in_schema).collect();
        let place = index.min(written.len().saturating_sub(1));
        let made_up = || serde_json::json!({ "example": true, "eventType": self.name }).to_string();
        written.get(place).map_or_else(made_up, |example| (*example).to_owned())
    }

    /// The schema that payloads must fit: the newest of its schemas, as it was written.
    pub fn newest_schema(&self) -> Option<String> {
        newest(self.schemas.as_deref()?).map(|schema| schema.get().to_owned())
    }

    /// The examples that stand in the newest schema, as they were written.
    fn written_examples(&self) -> Option<Vec<Box<RawValue>>> {
        let newest = newest(self.schemas.as_deref()?)?;
        let mut schema: BTreeMap<String, Box<RawValue>> = serde_json::from_str(newest.get()).ok()?;
        let several = schema.remove("examples").and_then(|list| serde_json::from_str(list.get()).ok());
        several.or_else(|| schema.remove("example").map(|one| vec![one]))
    }
}

/// Schemas by version, as JSON text, with `schema` in the place of the newest; it is the first where there are none.
///
/// # Errors
/// When `schema` is not JSON.
pub fn with_newest_schema(schemas: Option<&str>, schema: &str) -> Result<String, serde_json::Error> {
    let schema = RawValue::from_string(schema.to_owned())?;
    let known = schemas.and_then(|schemas| serde_json::from_str(schemas).ok());
    let mut schemas: BTreeMap<String, Box<RawValue>> = known.unwrap_or_default();
    let newest = schemas.keys().max_by_key(|version| version.parse::<u64>().unwrap_or_default());
    let newest = newest.map_or_else(|| "1".to_owned(), Clone::clone);
    schemas.insert(newest, schema);
    serde_json::to_string(&schemas)
}

/// Of schemas by version, as JSON text, the one with the greatest version.
fn newest(schemas: &str) -> Option<Box<RawValue>> {
    let schemas: BTreeMap<String, Box<RawValue>> = serde_json::from_str(schemas).ok()?;
    Some(schemas.into_iter().max_by_key(|(version, _)| version.parse::<u64>().unwrap_or_default())?.1)
}

#[cfg(test)]
mod tests {
    use super::{EnvironmentId, EventType, Timestamp, with_newest_schema};

    fn example(schemas: Option<&str>, index: usize) -> String {
        let name = "order.created".to_owned();
        let mut event_type = EventType::blank(EnvironmentId::from_number(1), name, Timestamp::EPOCH);
        event_type.schemas = schemas.map(str::to_owned);
        event_type.example(index)
    }

    #[test]
    fn an_example_is_taken_from_the_newest_schema_as_it_was_written() {
        let schemas = r#"{"9":{"example":{"old":1}},"10":{"type":"object","examples":[{"b": 40.0, "a":1},7,{"c":2}]}}"#;
        assert_eq!(example(Some(schemas), 0), r#"{"b": 40.0, "a":1}"#);
        assert_eq!(example(Some(schemas), 1), r#"{"c":2}"#);
        assert_eq!(example(Some(schemas), 99), r#"{"c":2}"#);
        assert_eq!(example(Some(r#"{"1":{"example":{"x":1}}}"#), 0), r#"{"x":1}"#);
    }

    #[test]
    fn another_newest_schema_leaves_the_older_ones() {
        assert_eq!(with_newest_schema(None, r#"{"b":4.0,"a":1}"#).unwrap(), r#"{"1":{"b":4.0,"a":1}}"#);
        let schemas = Some(r#"{"9":{"old":1},"10":{"new":1}}"#);
        assert_eq!(with_newest_schema(schemas, "{}").unwrap(), r#"{"10":{},"9":{"old":1}}"#);
        for broken in ["", "{", r#"{},"11":{}"#] {
            assert!(with_newest_schema(schemas, broken).is_err(), "{broken}");
        }
    }

    #[test]
    fn without_one_it_is_made_up() {
        for schemas in [None, Some("{}"), Some("[]"), Some(r#"{"1":{"examples":[]}}"#), Some(r#"{"1":{"example":3}}"#)]
        {
            assert_eq!(example(schemas, 0), r#"{"eventType":"order.created","example":true}"#);
        }
    }
}
