//! A JSON Schema as people read it: which members a payload has, of what kind they are, and what they mean. What a
//! schema says besides stands in its text, which is shown beside this.

use maud::{Markup, html};
use serde_json::value::RawValue;

use crate::dashboard::components::data::outside;
use crate::ops::InOrder;

/// Members that are listed; a schema may refer to itself.
const MEMBERS_SHOWN: usize = 300;
/// How deeply members within members are listed.
const LEVELS_SHOWN: usize = 6;
/// References in a row that are followed.
const REFERENCES_FOLLOWED: usize = 8;
/// Values of an enumeration that are listed.
const VALUES_SHOWN: usize = 8;
/// The longest value that is shown.
const VALUE_CHARS_SHOWN: usize = 60;

/// The members that a payload has by its schema; `None` when it describes none.
pub(super) fn tree(schema: &str) -> Option<Markup> {
    let root: InOrder = serde_json::from_str(schema).ok()?;
    let mut reading = Reading { root: &root, left: MEMBERS_SHOWN };
    let listed = reading.members(schema, 0)?;
    Some(html! {
        (listed)
        @if reading.left == 0 { p.muted { "There are more: the schema's text has them all." } }
    })
}

struct Reading<'a> {
    root: &'a InOrder,
    left: usize,
}

impl Reading<'_> {
    /// The members of what this schema describes: an object's, or those of a list's items.
    fn members(&mut self, schema: &str, level: usize) -> Option<Markup> {
        let schema = self.resolved(schema)?;
        let properties: Option<InOrder> = schema.read("properties");
        let Some(properties) = properties.filter(|properties| !properties.0.is_empty()) else {
            let items = schema.get("items").filter(|_| level < LEVELS_SHOWN)?;
            return self.members(items.get(), level + 1);
        };
        if level == LEVELS_SHOWN {
            return None;
        }
        let required: Vec<String> = schema.read("required").unwrap_or_default();
        Some(html! {
            ul.schema {
                @for (name, described) in &properties.0 {
                    @if self.left > 0 { (self.member(name, described, required.contains(name), level)) }
                }
            }
        })
    }

    fn member(&mut self, name: &str, described: &RawValue, is_required: bool, level: usize) -> Markup {
        self.left -= 1;
        let schema = self.resolved(described.get()).unwrap_or_default();
        let description: Option<String> = schema.read("description");
        html! {
            li {
                div.row {
                    code.key { (outside(name)) }
                    span.muted.small { (outside(&self.kind(&schema))) }
                    @if is_required { span.tag { "required" } }
                }
                @if let Some(description) = description { p.muted { (outside(&description)) } }
                @if let Some(inner) = self.members(described.get(), level + 1) { (inner) }
            }
        }
    }

    /// A schema, or the one that it refers to.
    fn resolved(&self, schema: &str) -> Option<InOrder> {
        let mut schema: InOrder = serde_json::from_str(schema).ok()?;
        for _ in 0..REFERENCES_FOLLOWED {
            let Some(target) = schema.read::<String>("$ref") else { break };
            let (kept, name) = target.strip_prefix("#/")?.split_once('/')?;
            let definitions: InOrder = self.root.read(kept)?;
            schema = definitions.read(name)?;
        }
        Some(schema)
    }

    /// The kind of value that a schema asks for, in a few words.
    fn kind(&self, schema: &InOrder) -> String {
        if let Some(value) = schema.get("const") {
            return format!("always {}", short(value));
        }
        if let Some(values) = schema.read::<Vec<Box<RawValue>>>("enum") {
            let shown: Vec<_> = values.iter().take(VALUES_SHOWN).map(|value| short(value)).collect();
            let more = if values.len() > VALUES_SHOWN { ", …" } else { "" };
            return format!("one of {}{more}", shown.join(", "));
        }
        let one: Option<String> = schema.read("type");
        let kinds = one.map(|kind| vec![kind]).or_else(|| schema.read("type")).unwrap_or_default();
        let named: Vec<_> = kinds.iter().map(|kind| self.kind_named(kind, schema)).collect();
        let alternatives = ["oneOf", "anyOf"].iter().any(|member| schema.get(member).is_some());
        let name = match (named.is_empty(), alternatives) {
            (false, _) => named.join(" or "),
            (true, true) => "one of several".to_owned(),
            (true, false) if schema.get("properties").is_some() => "object".to_owned(),
            (true, false) => "anything".to_owned(),
        };
        match schema.read::<String>("format") {
            Some(format) => format!("{name}, {}", cut(&format)),
            None => name,
        }
    }

    fn kind_named(&self, kind: &str, schema: &InOrder) -> String {
        match kind {
            "array" => {
                let items = schema.get("items").and_then(|items| self.resolved(items.get()));
                let one: Option<String> = items.and_then(|items| items.read("type"));
                one.map_or_else(|| "list".to_owned(), |one| format!("list of {}s", cut(&one)))
            }
            known => cut(known),
        }
    }
}

fn short(value: &RawValue) -> String {
    cut(value.get())
}

fn cut(text: &str) -> String {
    if text.chars().count() <= VALUE_CHARS_SHOWN {
        return text.to_owned();
    }
    text.chars().take(VALUE_CHARS_SHOWN).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(schema: &str) -> String {
        tree(schema).map(Markup::into_string).unwrap_or_default()
    }

    #[test]
    fn members_stand_in_order_with_their_kind_and_what_they_mean() {
        let schema = r##"{"required":["id"],"properties":{
            "id":{"type":["string","integer"],"description":"The <b>order</b>."},
            "at":{"type":"string","format":"date-time"},
            "items":{"type":"array","items":{"$ref":"#/$defs/item"}},
            "kind":{"enum":["a","b"]}},
            "$defs":{"item":{"type":"object","properties":{"sku":{"const":"X"}}}}}"##;
        let shown = shown(schema);
        let places: Vec<_> = [
            "string or integer",
            "required",
            "&lt;b&gt;order",
            "string, date-time",
            "list of objects",
            "always &quot;X&quot;",
            "one of &quot;a&quot;, &quot;b&quot;",
        ]
        .map(|text| shown.find(text).unwrap_or_else(|| panic!("{text}: {shown}")))
        .to_vec();
        assert!(places.is_sorted(), "{places:?}");
    }

    #[test]
    fn a_schema_without_members_and_one_without_end_are_shown_within_bounds() {
        assert_eq!(shown("{}"), "");
        assert_eq!(shown("true"), "");
        let endless = r##"{"properties":{"a":{"$ref":"#/$defs/n"},"b":{"$ref":"#/$defs/n"}},
            "$defs":{"n":{"properties":{"a":{"$ref":"#/$defs/n"},"b":{"$ref":"#/$defs/n"},"c":{"$ref":"#/$defs/n"}}}}}"##;
        assert_eq!(shown(endless).matches("<li>").count(), MEMBERS_SHOWN);
        assert!(
            shown(
                r##"{"properties":{"a":{"items":{"$ref":"#/$defs/l"}}},"$defs":{"l":{"items":{"$ref":"#/$defs/l"}}}}"##
            )
            .contains("<code")
        );
    }
}
