//! JSON as people look at it: as a tree that opens and closes, and as the text that it is. Numbers and strings stay as
//! they were written, `40.0` too. What is too much for a page is cut, and the page says so.

use maud::{Markup, html};

use super::data;
use super::form::nothing;
use crate::domain::json::{self, Rules};

/// Values of a text that a tree shows; what follows is in the text.
const TREE_VALUES: usize = 2_000;
/// How much a tree shows of a key or a value that is long.
const TREE_TEXT_BYTES: usize = 1_024;
/// How much of the text a tree shows in all.
const TREE_BYTES: usize = 128 * 1024;
/// How much of a text is shown.
const RAW_BYTES: usize = 256 * 1024;
/// How much of a page that may fill: characters of markup are written longer than they are.
const RAW_SHOWN_BYTES: usize = 512 * 1024;
/// Containers down to this depth are open at first.
const OPEN_DEPTH: usize = 3;

/// A JSON text as a tree; `None` when it is not strict JSON.
pub fn tree(text: &str) -> Option<Markup> {
    json::check(text.as_bytes(), Rules::named("text")).ok()?;
    let mut walk = Walk { rest: text.trim_start(), values: 0, bytes: 0 };
    let value = walk.value(None, 0);
    Some(html! {
        div.json dir="ltr" {
            (value)
            @if walk.is_full() { p.faint.small { "The rest is too long for a tree; look at the text." } }
        }
    })
}

/// A text as it is, with a button that copies what is shown; `id` is its own on the page.
pub fn raw(id: &str, text: &str) -> Markup {
    let shown = cut(text);
    html! {
        (data::block(id, shown))
        @if shown.len() < text.len() {
            p.faint.small { "The first " (shown.len()) " of " (text.len()) " bytes." }
        }
    }
}

/// The start of a text that a page has room for.
fn cut(text: &str) -> &str {
    let mut filled = 0;
    let end = text.char_indices().find(|(place, character)| {
        filled += match character {
            '"' => "&quot;".len(),
            '&' => "&amp;".len(),
            '<' | '>' => "&lt;".len(),
            other => other.len_utf8(),
        };
        *place >= RAW_BYTES || filled > RAW_SHOWN_BYTES
    });
    end.map_or(text, |(place, _)| &text[..place])
}

/// The start of a text, at most so many bytes.
fn start(text: &str, bytes: usize) -> &str {
    let end = (0..=bytes.min(text.len())).rev().find(|place| text.is_char_boundary(*place));
    &text[..end.unwrap_or_default()]
}

/// Goes through a text that was found to be strict JSON.
struct Walk<'a> {
    rest: &'a str,
    values: usize,
    bytes: usize,
}

impl<'a> Walk<'a> {
    fn is_full(&self) -> bool {
        self.values >= TREE_VALUES || self.bytes >= TREE_BYTES
    }

    /// The next value, which has this key.
    fn value(&mut self, key: Option<&str>, depth: usize) -> Markup {
        self.values += 1;
        match self.rest.as_bytes().first() {
            Some(b'{') => self.container(key, depth, "{", "}"),
            Some(b'[') => self.container(key, depth, "[", "]"),
            _ => {
                let scalar = self.scalar();
                html! { (self.named(key)) (self.shown(class_of(scalar), scalar)) }
            }
        }
    }

    fn container(&mut self, key: Option<&str>, depth: usize, opening: &'static str, closing: &'static str) -> Markup {
        let name = self.named(key);
        self.skip(1);
        let mut members = Vec::new();
        while !self.rest.starts_with(closing) && !self.is_full() {
            let member = (opening == "{").then(|| self.key());
            members.push(self.value(member, depth + 1));
            self.skip(usize::from(self.rest.starts_with(',')));
        }
        let whole = self.rest.starts_with(closing);
        if whole {
            self.skip(1);
        }
        if members.is_empty() && whole {
            return html! { (name) (opening) (closing) };
        }
        let more = if whole { "" } else { " or more" };
        html! {
            details open[depth < OPEN_DEPTH] {
                summary { (name) (opening) span.faint { " " (members.len()) (more) " " } (closing) }
                ul { @for member in &members { li { (member) } } }
            }
        }
    }

    /// A key as it was written, without its quotes.
    fn key(&mut self) -> &'a str {
        let key = self.scalar();
        self.skip(1);
        &key[1..key.len() - 1]
    }

    /// A string with its quotes, a number or a literal.
    fn scalar(&mut self) -> &'a str {
        let mut escaped = false;
        let is_string = self.rest.starts_with('"');
        let end = self.rest.bytes().enumerate().skip(1).find(|(_, byte)| {
            let ends = match is_string {
                true => *byte == b'"' && !escaped,
                false => matches!(byte, b',' | b']' | b'}' | b' ' | b'\n' | b'\r' | b'\t'),
            };
            escaped = *byte == b'\\' && !escaped;
            ends
        });
        let end = end.map_or(self.rest.len(), |(place, _)| place + usize::from(is_string));
        let scalar = &self.rest[..end];
        self.skip(end);
        scalar
    }

    /// Goes on, past the space that follows.
    fn skip(&mut self, bytes: usize) {
        self.rest = self.rest[bytes..].trim_start_matches([' ', '\n', '\r', '\t']);
    }

    fn named(&mut self, key: Option<&str>) -> Markup {
        key.map_or_else(nothing, |key| html! { (self.shown("key", key)) ": " })
    }

    fn shown(&mut self, class: &str, text: &str) -> Markup {
        let shown = start(text, TREE_TEXT_BYTES);
        self.bytes += shown.len();
        html! {
            span.(class) { (data::outside(shown)) }
            @if shown.len() < text.len() { span.faint { "… (" (text.len()) " bytes)" } }
        }
    }
}

fn class_of(scalar: &str) -> &'static str {
    match scalar.as_bytes().first() {
        Some(b'"') => "string",
        Some(b'-' | b'0'..=b'9') => "numeral",
        _ => "literal",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        tree(text).unwrap().into_string()
    }

    #[test]
    fn values_stay_as_they_were_written() {
        let told = shown(r#" { "total" : 40.0, "big":1e999 ,"a\"b":"x\\", "none":[ ], "list":[true,{"deep":-0}]}"#);
        for part in [">40.0<", ">1e999<", ">a\\&quot;b<", ">&quot;x\\\\&quot;<", ">true<", ">-0<", "[]"] {
            assert!(told.contains(part), "{part} in {told}");
        }
        assert!(told.contains("{<span class=\"faint\"> 5 </span>}"), "{told}");
        assert!(tree("{\"a\":01}").is_none());
    }

    #[test]
    fn text_from_outside_stays_text() {
        let told = shown("{\"<script>\":\"</script><b>\u{202e}\"}");
        assert!(!told.contains("<script>") && !told.contains("<b>") && !told.contains('\u{202e}'), "{told}");
    }

    #[test]
    fn a_giant_text_makes_a_page_of_bounded_size() {
        let many = format!("[{}1]", "1,".repeat(200_000));
        let long = format!("{{\"a\":\"{}\"}}", "\\\"".repeat(500_000));
        let deep = format!("{}{}", "[".repeat(64), "]".repeat(64));
        for text in [&many, &long, &deep] {
            let page = shown(text) + &raw("text", text).into_string();
            assert!(page.len() < 1024 * 1024, "{}", page.len());
        }
        assert!(shown(&many).contains("too long for a tree"));
        assert!(raw("text", &many).into_string().contains("The first"));
        assert!(!raw("text", "{}").into_string().contains("The first"));
    }
}
