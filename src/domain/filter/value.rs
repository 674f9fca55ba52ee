//! A JSON text as a filter sees it. Numbers stay the texts that they are, so none is too great and none loses a digit.

use std::borrow::Cow;

use crate::domain::json::{self, JsonError, Rules};

/// One value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Value<'a> {
    Null,
    Truth(bool),
    Number(&'a str),
    Text(Cow<'a, str>),
    List(Vec<Self>),
    Object(Vec<(Cow<'a, str>, Self)>),
}

impl<'a> Value<'a> {
    /// Reads a text.
    pub(super) fn read(bytes: &'a [u8], rules: Rules) -> Result<Self, JsonError> {
        json::check(bytes, rules)?;
        // The check takes nothing but UTF-8.
        let text = str::from_utf8(bytes).unwrap_or_default();
        Ok(Reader { text, at: 0 }.value())
    }

    /// What it is, in words.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Truth(_) => "a truth value",
            Self::Number(_) => "a number",
            Self::Text(_) => "a text",
            Self::List(_) => "a list",
            Self::Object(_) => "an object",
        }
    }
}

/// Reads a text that was checked, from left to right; so it looks at nothing twice, and where something is not as the check
/// has found it, it reads something else and ends all the same.
struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Reader<'a> {
    fn value(&mut self) -> Value<'a> {
        match self.peek() {
            Some(b'{') => self.object(),
            Some(b'[') => self.list(),
            Some(b'"') => Value::Text(self.string()),
            Some(b't') => self.word("true", Value::Truth(true)),
            Some(b'f') => self.word("false", Value::Truth(false)),
            Some(b'n') => self.word("null", Value::Null),
            _ => self.number(),
        }
    }

    fn object(&mut self) -> Value<'a> {
        let mut members = Vec::new();
        self.at += 1;
        while let Some(b'"' | b',') = self.peek() {
            self.skip(b',');
            let name = self.string();
            self.skip(b':');
            members.push((name, self.value()));
        }
        self.at += 1;
        Value::Object(members)
    }

    fn list(&mut self) -> Value<'a> {
        let mut items = Vec::new();
        self.at += 1;
        while !matches!(self.peek(), Some(b']') | None) {
            self.skip(b',');
            items.push(self.value());
        }
        self.at += 1;
        Value::List(items)
    }

    fn string(&mut self) -> Cow<'a, str> {
        self.peek();
        let (start, rest) = (self.at, self.text.get(self.at + 1..).unwrap_or_default());
        let (mut escaped, mut escapes) = (false, false);
        let length = rest.bytes().position(|byte| {
            let ends = byte == b'"' && !escaped;
            escaped = byte == b'\\' && !escaped;
            escapes |= escaped;
            ends
        });
        let length = length.unwrap_or(rest.len());
        self.at += length + 2;
        match escapes {
            false => Cow::Borrowed(rest.get(..length).unwrap_or_default()),
            true => {
                let quoted = self.text.get(start..self.at).unwrap_or_default();
                Cow::Owned(serde_json::from_str(quoted).unwrap_or_default())
            }
        }
    }

    fn number(&mut self) -> Value<'a> {
        let rest = self.text.get(self.at..).unwrap_or_default();
        let part = |byte: u8| byte.is_ascii_digit() || matches!(byte, b'-' | b'+' | b'.' | b'e' | b'E');
        let length = rest.bytes().take_while(|byte| part(*byte)).count();
        self.at += length.max(1);
        Value::Number(rest.get(..length).unwrap_or_default())
    }

    fn word(&mut self, word: &str, value: Value<'a>) -> Value<'a> {
        self.at += word.len();
        value
    }

    /// The next byte that is not blank.
    fn peek(&mut self) -> Option<u8> {
        let rest = self.text.as_bytes().get(self.at..)?;
        self.at += rest.iter().take_while(|byte| matches!(byte, b' ' | b'\n' | b'\r' | b'\t')).count();
        self.text.as_bytes().get(self.at).copied()
    }

    /// Passes over this byte, if it is next.
    fn skip(&mut self, byte: u8) {
        if self.peek() == Some(byte) {
            self.at += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Value;
    use crate::domain::json::Rules;

    #[test]
    fn a_text_is_read_as_it_stands() {
        let text = r#" { "a" : [ 1e999 , -0.50, true,false , null, [], {} ] , "b\u0063": "x\"\\" , "" : {"d":"é"} } "#;
        let read = Value::read(text.as_bytes(), Rules::named("payload")).unwrap();
        let items = vec![
            Value::Number("1e999"),
            Value::Number("-0.50"),
            Value::Truth(true),
            Value::Truth(false),
            Value::Null,
            Value::List(vec![]),
            Value::Object(vec![]),
        ];
        let inner = Value::Object(vec![("d".into(), Value::Text("é".into()))]);
        let members =
            vec![("a".into(), Value::List(items)), ("bc".into(), Value::Text("x\"\\".into())), ("".into(), inner)];
        assert_eq!(read, Value::Object(members));
        assert!(Value::read(b"{", Rules::named("payload")).is_err());
    }
}
