//! JSON Schemas: whether a schema can be used, and whether a payload fits it. A schema is its author's and not
//! trusted: it is read within limits, reaches nothing outside itself, and its patterns take linear time. It does not
//! know which event type it belongs to.

use std::collections::HashMap;

use jsonschema::paths::LocationSegment;
use jsonschema::{PatternOptions, ValidationError, Validator};
use serde_json::Value;

use super::json::{self, Rules};

/// How long an explanation may be: a schema may list any number of values that it takes.
const WHY_CHARS_MAX: usize = 500;
/// How many values a schema may have with every reference replaced by what it refers to.
const EXPANDED_MAX: usize = 100_000;
/// How deeply they may nest then: each level takes room on the stack.
const EXPANDED_DEPTH_MAX: usize = 128;
/// What all of a schema's patterns together may take in memory.
const PATTERN_BYTES_MAX: usize = 1024 * 1024;

/// A JSON Schema, ready to be held against payloads. Without `$schema` it is one of draft 2020-12.
#[derive(Debug)]
pub struct Schema(Validator);

/// Why a text is not a schema that can be used; reads after what the schema is called.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidSchema(String);

/// Where and why a payload does not fit its schema. Nothing of the payload's values is in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Misfit {
    /// The members and places that lead to the value, from the outside in.
    pub path: Vec<String>,
    /// What is expected there.
    pub why: String,
}

impl Schema {
    /// Reads a schema.
    ///
    /// # Errors
    /// When it is not strict JSON, not a schema, or refers to something outside itself.
    pub fn compile(text: &str) -> Result<Self, InvalidSchema> {
        let refused = |why: &dyn ToString| InvalidSchema(short(&why.to_string()));
        json::check(text.as_bytes(), Rules::named("schema")).map_err(|error| refused(&error))?;
        let schema: Value = serde_json::from_str(text).map_err(|error| refused(&error))?;
        if let Some(reference) = outside(&schema) {
            let why = format!("refers to `{reference}`: a schema must hold all that it needs, such as in `$defs`");
            return Err(refused(&why));
        }
        let mut expansion = Expansion { root: &schema, known: HashMap::new(), depth: 0 };
        if expansion.size(&schema) > EXPANDED_MAX {
            return Err(refused(
                &"refers to its parts so often or so deeply that checking a payload would take too long",
            ));
        }
        let patterns = PatternOptions::regex().size_limit(PATTERN_BYTES_MAX).dfa_size_limit(PATTERN_BYTES_MAX);
        let built = jsonschema::options().offline().with_pattern_options(patterns).build(&schema);
        built.map(Self).map_err(|error| refused(&format!("is not a usable JSON Schema: {error}")))
    }

    /// Whether a payload fits.
    ///
    /// # Errors
    /// The first thing that does not.
    pub fn check(&self, payload: &[u8]) -> Result<(), Misfit> {
        let value: Value = serde_json::from_slice(payload).map_err(|_| Misfit {
            path: Vec::new(),
            why: "must have only numbers that fit 64 bits, because its event type has a schema".to_owned(),
        })?;
        self.0.validate(&value).map_err(|error| misfit(&error))
    }
}

fn misfit(error: &ValidationError<'_>) -> Misfit {
    let step = |segment: LocationSegment<'_>| match segment {
        LocationSegment::Property(name) => name.into_owned(),
        LocationSegment::Index(index) => index.to_string(),
    };
    let path = error.instance_path().segments().map(step).collect();
    let why = format!("{} (the schema of its event type, at `{}`)", error.masked(), error.schema_path());
    Misfit { path, why: short(&why) }
}

/// Measures a schema with every reference replaced by what it refers to: checking a payload takes that long for each
/// of its values. A part that refers to itself is counted once.
struct Expansion<'a> {
    root: &'a Value,
    /// What each reference comes to; one that is being measured comes to nothing.
    known: HashMap<&'a str, usize>,
    depth: usize,
}

impl<'a> Expansion<'a> {
    fn size(&mut self, schema: &'a Value) -> usize {
        if self.depth == EXPANDED_DEPTH_MAX {
            return EXPANDED_MAX + 1;
        }
        self.depth += 1;
        let of_parts = match schema {
            Value::Array(items) => items.iter().fold(0, |sum: usize, item| sum.saturating_add(self.size(item))),
            Value::Object(members) => members.values().fold(0, |sum: usize, part| sum.saturating_add(self.size(part))),
            _ => 0,
        };
        let target: Option<&'a str> =
            schema.get("$ref").and_then(Value::as_str).and_then(|target| target.strip_prefix('#'));
        let size = of_parts.saturating_add(target.map_or(1, |target| self.size_of_target(target)));
        self.depth -= 1;
        size
    }

    fn size_of_target(&mut self, target: &'a str) -> usize {
        if let Some(known) = self.known.get(target) {
            return *known;
        }
        self.known.insert(target, 1);
        let size = self.root.pointer(target).map_or(1, |part| self.size(part));
        self.known.insert(target, size);
        size
    }
}

/// A reference that does not begin in the schema itself, if there is one.
fn outside(schema: &Value) -> Option<&str> {
    match schema {
        Value::Array(items) => items.iter().find_map(outside),
        Value::Object(members) => {
            let reference = ["$ref", "$dynamicRef"].iter().find_map(|name| members.get(*name)?.as_str());
            let remote = reference.filter(|reference| reference.contains("://"));
            remote.or_else(|| members.values().find_map(outside))
        }
        _ => None,
    }
}

fn short(why: &str) -> String {
    match why.char_indices().nth(WHY_CHARS_MAX) {
        Some((end, _)) => format!("{}…", &why[..end]),
        None => why.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::Schema;

    fn refusal(schema: &str) -> String {
        Schema::compile(schema).unwrap_err().to_string()
    }

    #[test]
    fn a_misfit_says_where_it_is_and_what_is_expected_without_the_value() {
        let schema = r##"{"properties":{"items":{"items":{"$ref":"#/$defs/item"}}},"required":["items"],
            "$defs":{"item":{"properties":{"state":{"enum":["AC","IT"]}}}}}"##;
        let schema = Schema::compile(schema).unwrap();
        assert_eq!(schema.check(br#"{"items":[{"state":"AC"}]}"#), Ok(()));
        let misfit = schema.check(br#"{"items":[{},{"state":"geheim"}]}"#).unwrap_err();
        assert_eq!(misfit.path, ["items", "1", "state"]);
        assert!(misfit.why.contains(r#""AC""#) && !misfit.why.contains("geheim"), "{}", misfit.why);
        assert!(schema.check(b"{}").unwrap_err().why.contains(r#""items" is a required property"#));
        assert!(schema.check(br#"{"items":[],"much":1e999}"#).unwrap_err().why.contains("64 bits"));
    }

    #[test]
    fn references_that_double_again_and_again_are_refused() {
        let part = |n: usize| {
            format!(r##""{n}":{{"allOf":[{{"$ref":"#/$defs/{next}"}},{{"$ref":"#/$defs/{next}"}}]}}"##, next = n + 1)
        };
        let parts = |count: usize| (0..count).map(part).collect::<Vec<_>>().join(",");
        let schema = |count: usize| format!(r##"{{"$ref":"#/$defs/0","$defs":{{{},"{count}":{{}}}}}}"##, parts(count));
        assert!(Schema::compile(&schema(5)).is_ok());
        assert!(refusal(&schema(40)).contains("too long"));
        let chain = |n: usize| format!(r##""{n}":{{"$ref":"#/$defs/{}"}}"##, n + 1);
        let chain = (0..10_000).map(chain).collect::<Vec<_>>().join(",");
        refusal(&format!(r##"{{"$ref":"#/$defs/0","$defs":{{{chain}}}}}"##));
        let tree = r##"{"properties":{"left":{"$ref":"#"},"right":{"$ref":"#"}}}"##;
        assert_eq!(Schema::compile(tree).unwrap().check(br#"{"left":{"left":{}},"right":{}}"#), Ok(()));
    }

    #[test]
    fn a_schema_is_refused_that_can_not_be_used_or_reaches_outside() {
        assert!(refusal(r#"{"type":"strange"}"#).contains("not a usable JSON Schema"));
        for remote in ["http://127.0.0.1:1/x.json", "file:///etc/passwd"] {
            assert!(refusal(&format!(r#"{{"items":{{"$ref":"{remote}"}}}}"#)).contains(remote));
        }
        refusal(r##"{"$ref":"#/$defs/missing"}"##);
        refusal(r#"{"$ref":"other.json"}"#);
        refusal(&format!("{}{}{}", r#"{"not":"#.repeat(70), "{}", "}".repeat(70)));
        refusal(r#"{"pattern":"("}"#);
        refusal(r#"{"pattern":"(?=look)ahead"}"#);
        refusal(r#"{"pattern":"(((a{1,1000}){1,1000}){1,1000}){1,1000}"}"#);
    }
}
