//! Event types as an OpenAPI 3.1 document: its `webhooks`, with their schemas and examples. Reading takes the schemas'
//! references into `components` along as `$defs`, so that each schema stands alone; writing puts each schema into
//! `components` under the event type's name. Texts move as they are: key order and numbers stay. It does not know
//! whether an event type may be so.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize, Serializer};
use serde_json::json;
use serde_json::value::RawValue;

use crate::domain::event_type::{EventType, EventTypeChange, SCHEMAS_BYTES_MAX};
use crate::domain::json;
use crate::domain::name;
use crate::ops::InOrder;

/// Where the schemas of a document stand.
const COMPONENTS: &str = "#/components/schemas/";
/// How many references in a row are followed.
const REFERENCES_MAX: usize = 8;
/// How large the schemas of all event types may be together, each with all that it refers to.
const IMPORTED_BYTES_MAX: usize = 16 * 1024 * 1024;

type Members = BTreeMap<String, Box<RawValue>>;

/// A document that is read.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Document {
    webhooks: Option<InOrder>,
    /// Where they stood before OpenAPI 3.1.
    #[serde(rename = "x-webhooks")]
    old_webhooks: Option<InOrder>,
    components: BTreeMap<String, Members>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct PathItem {
    post: Option<Operation>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Operation {
    summary: Option<String>,
    description: Option<String>,
    deprecated: bool,
    tags: Vec<String>,
    request_body: Option<Box<RawValue>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct RequestBody {
    description: Option<String>,
    content: BTreeMap<String, MediaType>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct MediaType {
    schema: Option<Box<RawValue>>,
    example: Option<Box<RawValue>>,
    examples: Members,
}

/// A reference to something in the document.
#[derive(Deserialize, Serialize)]
struct Reference {
    #[serde(rename = "$ref")]
    target: String,
}

#[derive(Deserialize)]
struct Example {
    value: Option<Box<RawValue>>,
}

/// What can't be read of a document.
pub(super) struct Unreadable {
    /// Where it stands in the document.
    pub(super) place: Vec<String>,
    /// What is wrong and what to do.
    pub(super) why: String,
}

/// The event types of a document: each webhook by its name, and what it is to be.
pub(super) fn read(text: &str) -> Result<Vec<(String, EventTypeChange)>, Unreadable> {
    let document: Document =
        serde_json::from_str(text).map_err(|error| unreadable(&[], format!("is not an OpenAPI document: {error}")))?;
    let Some(webhooks) = document.webhooks.as_ref().or(document.old_webhooks.as_ref()) else {
        return Err(unreadable(&["webhooks"], "is missing: describe each event type there (OpenAPI 3.1)"));
    };
    let (mut read, mut bytes) = (Vec::with_capacity(webhooks.0.len()), 0);
    for (name, item) in &webhooks.0 {
        let change = document.change(item).map_err(|why| unreadable(&["webhooks", name], why))?;
        bytes += change.schemas.iter().flatten().map(String::len).sum::<usize>();
        if bytes > IMPORTED_BYTES_MAX {
            let why = format!("has schemas of more than {IMPORTED_BYTES_MAX} bytes: import it in parts");
            return Err(unreadable(&["webhooks"], why));
        }
        read.push((name.clone(), change));
    }
    Ok(read)
}

fn unreadable(place: &[&str], why: impl Into<String>) -> Unreadable {
    Unreadable { place: place.iter().copied().map(str::to_owned).collect(), why: why.into() }
}

impl Document {
    fn change(&self, item: &RawValue) -> Result<EventTypeChange, String> {
        let item: PathItem = self.resolved(item)?;
        let operation = item.post.ok_or("must have an operation `post`")?;
        let body: RequestBody =
            operation.request_body.map_or(Ok(RequestBody::default()), |body| self.resolved(&body))?;
        let json = body.content.into_iter().find(|(kind, _)| kind.starts_with("application/json"));
        let content = json.map(|(_, content)| content).unwrap_or_default();
        let schema = content.schema.map(|schema| self.standing_alone(&schema)).transpose()?;
        let example = match content.example {
            Some(example) => Some(example),
            None => content.examples.values().find_map(|example| self.resolved::<Example>(example).ok()?.value),
        };
        let description = operation.description.or(body.description).or(operation.summary.clone());
        Ok(EventTypeChange {
            title: Some(operation.summary),
            description: Some(description.unwrap_or_default()),
            archived: Some(false),
            deprecated: Some(operation.deprecated),
            group_name: Some(operation.tags.into_iter().find(|tag| name::event_type(tag).is_ok())),
            schemas: Some(schema.map(|schema| format!(r#"{{"1":{schema}}}"#))),
            example: Some(example.map(|raw| raw.get().to_owned()).filter(|example| example.starts_with('{'))),
            ..EventTypeChange::default()
        })
    }

    /// Reads an object, or what a reference into `components` in its place leads to.
    fn resolved<T: for<'a> Deserialize<'a>>(&self, raw: &RawValue) -> Result<T, String> {
        let mut raw = raw;
        for _ in 0..REFERENCES_MAX {
            let Ok(Reference { target }) = serde_json::from_str(raw.get()) else {
                return serde_json::from_str(raw.get()).map_err(|error| error.to_string());
            };
            raw = self.component(&target)?;
        }
        Err("refers to a reference to a reference, and so on: name the thing itself".to_owned())
    }

    fn component(&self, target: &str) -> Result<&RawValue, String> {
        let place = target.strip_prefix("#/components/").and_then(|place| place.split_once('/'));
        let found = place.and_then(|(kind, name)| self.components.get(kind)?.get(name));
        found.map(AsRef::as_ref).ok_or_else(|| format!("refers to `{target}`, which is not in the document"))
    }

    /// A schema with all that it refers to. One that is nothing but a reference is what it refers to.
    fn standing_alone(&self, schema: &RawValue) -> Result<String, String> {
        let only: Option<BTreeMap<String, String>> = serde_json::from_str(schema.get()).ok();
        let root = only.filter(|members| members.len() == 1).and_then(|mut members| members.remove("$ref"));
        let root = root.filter(|root| root.starts_with(COMPONENTS));
        let schema = root.as_deref().map_or(Ok(schema), |root| self.component(root))?.get();
        let moved = |text: &str| {
            let text = root.as_ref().map_or_else(|| text.to_owned(), |root| moved_references(text, root, "#"));
            moved_references(&text, COMPONENTS.trim_end_matches('/'), "#/$defs")
        };
        let schema = moved(schema);
        let own = own_definitions(&schema)?;
        let (mut definitions, mut bytes) = (BTreeMap::new(), schema.len());
        let mut waiting: Vec<String> = definitions_named(&schema).into_iter().collect();
        while let Some(name) = waiting.pop() {
            if own.contains_key(&name) || definitions.contains_key(&name) {
                continue;
            }
            let definition = moved(self.component(&format!("{COMPONENTS}{name}"))?.get());
            bytes += definition.len();
            if bytes > SCHEMAS_BYTES_MAX {
                return Err(format!("has a schema of more than {SCHEMAS_BYTES_MAX} bytes, with all that it refers to"));
            }
            waiting.extend(definitions_named(&definition));
            definitions.insert(name, definition);
        }
        with_definitions(&schema, own, definitions)
    }
}

/// The definitions that a schema holds itself.
fn own_definitions(schema: &str) -> Result<Members, String> {
    #[derive(Deserialize)]
    struct Holder {
        #[serde(rename = "$defs", default)]
        definitions: Members,
    }
    if !schema.trim_start().starts_with('{') {
        return Err("must have a schema that is an object".to_owned());
    }
    serde_json::from_str::<Holder>(schema).map(|holder| holder.definitions).map_err(|error| error.to_string())
}

/// The definitions that a text refers to.
fn definitions_named(text: &str) -> BTreeSet<String> {
    let name = |(_, reference): (usize, &str)| Some(reference.strip_prefix("#/$defs/")?.split('/').next()?.to_owned());
    references(text).into_iter().filter_map(name).collect()
}

/// A schema with further definitions beside its own.
fn with_definitions(schema: &str, own: Members, further: BTreeMap<String, String>) -> Result<String, String> {
    if further.is_empty() {
        return Ok(json::compact(schema));
    }
    let mut all = own;
    for (name, definition) in further {
        all.insert(name, RawValue::from_string(definition).map_err(|error| error.to_string())?);
    }
    let mut members: Members = serde_json::from_str(schema).map_err(|error| error.to_string())?;
    let all = serde_json::value::to_raw_value(&all).map_err(|error| error.to_string())?;
    members.insert("$defs".to_owned(), all);
    serde_json::to_string(&members).map(|text| json::compact(&text)).map_err(|error| error.to_string())
}

/// The text of each `$ref` in a JSON text, and where it stands. Inside a string the quotes around `$ref` would be
/// escaped, so what looks like a member is one.
fn references(text: &str) -> Vec<(usize, &str)> {
    let mut found = Vec::new();
    for (start, member) in text.match_indices("\"$ref\"") {
        let after = text[start + member.len()..].trim_start().strip_prefix(':').map(str::trim_start);
        let Some(value) = after.and_then(|after| after.strip_prefix('"')) else { continue };
        let Some((reference, _)) = value.split_once('"') else { continue };
        found.push((text.len() - value.len(), reference));
    }
    found
}

/// A JSON text whose references to `from`, and to what is in it, lead to `to` instead.
fn moved_references(text: &str, from: &str, to: &str) -> String {
    let (mut moved, mut copied) = (String::with_capacity(text.len()), 0);
    for (start, reference) in references(text) {
        let rest = reference.strip_prefix(from).filter(|rest| rest.is_empty() || rest.starts_with('/'));
        if rest.is_some() {
            moved.push_str(&text[copied..start]);
            moved.push_str(to);
            copied = start + from.len();
        }
    }
    moved.push_str(&text[copied..]);
    moved
}

/// The document of these event types.
pub(super) fn write(event_types: &[EventType]) -> Result<Vec<u8>, serde_json::Error> {
    serde_json::to_vec(&Written {
        openapi: "3.1.0",
        info: Info { title: "Webhooks", version: "1", description: "What is sent to endpoints, by event type." },
        webhooks: Webhooks(event_types),
        components: Components { parameters: Parameters, schemas: Schemas(event_types) },
    })
}

#[derive(Serialize)]
struct Written<'a> {
    openapi: &'static str,
    info: Info,
    webhooks: Webhooks<'a>,
    components: Components<'a>,
}

#[derive(Serialize)]
struct Info {
    title: &'static str,
    version: &'static str,
    description: &'static str,
}

#[derive(Serialize)]
struct Components<'a> {
    parameters: Parameters,
    schemas: Schemas<'a>,
}

/// The headers that come with every delivery (Standard Webhooks 1.0.0).
const HEADERS: [(&str, &str); 3] = [
    ("webhook-id", "The message's id: the same in every repeat, so that one that was handled is known."),
    ("webhook-timestamp", "When this attempt was made, in seconds since 1970 in UTC."),
    ("webhook-signature", "Signatures of id, timestamp and body, joined by spaces; one of them must verify."),
];

struct Parameters;

impl Serialize for Parameters {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(HEADERS.map(|(name, description)| {
            let schema = json!({ "type": "string" });
            (
                name,
                json!({ "name": name, "in": "header", "required": true, "description": description, "schema": schema }),
            )
        }))
    }
}

/// Each event type as a webhook.
struct Webhooks<'a>(&'a [EventType]);

impl Serialize for Webhooks<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|event_type| (&event_type.name, webhook(event_type))))
    }
}

fn webhook(event_type: &EventType) -> BTreeMap<&'static str, Described<'_>> {
    let schema = event_type.newest_schema().map(|_| Reference { target: format!("{COMPONENTS}{}", event_type.name) });
    let example = event_type.example.as_deref().and_then(|example| serde_json::from_str(example).ok());
    let content = BTreeMap::from([("application/json", Content { schema, example })]);
    let described = Described {
        operation_id: &event_type.name,
        summary: event_type.title.as_deref(),
        description: &event_type.description,
        tags: event_type.group_name.as_deref().into_iter().collect(),
        deprecated: event_type.deprecated,
        parameters: HEADERS.map(|(name, _)| Reference { target: format!("#/components/parameters/{name}") }),
        request_body: Body { required: true, content },
        responses: json!({ "2XX": { "description": "It is taken. Anything else, and it is sent again." } }),
    };
    BTreeMap::from([("post", described)])
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Described<'a> {
    operation_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    summary: Option<&'a str>,
    description: &'a str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tags: Vec<&'a str>,
    deprecated: bool,
    parameters: [Reference; 3],
    request_body: Body<'a>,
    responses: serde_json::Value,
}

#[derive(Serialize)]
struct Body<'a> {
    required: bool,
    content: BTreeMap<&'static str, Content<'a>>,
}

#[derive(Serialize)]
struct Content<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    schema: Option<Reference>,
    #[serde(skip_serializing_if = "Option::is_none")]
    example: Option<&'a RawValue>,
}

/// The schema of each event type that has one, whose references into itself lead to where it stands now.
struct Schemas<'a>(&'a [EventType]);

impl Serialize for Schemas<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().filter_map(|event_type| {
            let place = format!("{COMPONENTS}{}", event_type.name);
            let schema = moved_references(&event_type.newest_schema()?, "#", &place);
            Some((&event_type.name, RawValue::from_string(schema).ok()?))
        }))
    }
}
