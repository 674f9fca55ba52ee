//! What is wrong with a JSON text, said so that its sender can put it right. It quotes keys, shortened and escaped,
//! and never values: an error may be logged.

use std::fmt;

/// How long a path grows before the rest is left out.
const PATH_CHARS_MAX: usize = 256;

/// How much of one key a path shows.
const PATH_KEY_CHARS_MAX: usize = 64;

/// Why a text was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JsonErrorKind {
    /// Something else was expected here.
    Syntax(&'static str),
    /// More arrays and objects inside each other than this.
    Depth(usize),
    /// The object has this key already.
    DuplicateKey,
    /// The text begins with a byte order mark.
    ByteOrderMark,
    /// The bytes are not UTF-8.
    NotUtf8,
    /// Half of a surrogate pair.
    LoneSurrogate,
    /// `\u0000`.
    Null,
    /// A number of more characters than this.
    Number(usize),
}

/// The fault that [`super::check`] found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JsonError {
    pub(super) kind: JsonErrorKind,
    pub(super) offset: usize,
    pub(super) path: String,
}

impl JsonError {
    /// The stable code of the API: `json_syntax`, `json_depth`, `json_duplicate_key`, `json_encoding`, `json_number`.
    pub fn code(&self) -> &'static str {
        match self.kind {
            JsonErrorKind::Syntax(_) => "json_syntax",
            JsonErrorKind::Depth(_) => "json_depth",
            JsonErrorKind::DuplicateKey => "json_duplicate_key",
            JsonErrorKind::ByteOrderMark
            | JsonErrorKind::NotUtf8
            | JsonErrorKind::LoneSurrogate
            | JsonErrorKind::Null => "json_encoding",
            JsonErrorKind::Number(_) => "json_number",
        }
    }

    /// What is wrong.
    pub fn kind(&self) -> JsonErrorKind {
        self.kind
    }

    /// The byte at which it is wrong, counted from 0.
    pub fn offset(&self) -> usize {
        self.offset
    }

    /// The value in which, or right after which, it is wrong, such as `payload.items[3].name`.
    pub fn path(&self) -> &str {
        &self.path
    }
}

impl fmt::Display for JsonError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at byte {}: ", self.path, self.offset)?;
        match self.kind {
            JsonErrorKind::Syntax(expected) => write!(f, "not valid JSON; expected {expected}"),
            JsonErrorKind::Depth(max) => write!(f, "nested too deeply; use at most {max} levels"),
            JsonErrorKind::DuplicateKey => write!(f, "this key is in the object twice; keep one of the two"),
            JsonErrorKind::ByteOrderMark => write!(f, "begins with a byte order mark; leave it out"),
            JsonErrorKind::NotUtf8 => write!(f, "not valid UTF-8; send the text as UTF-8"),
            JsonErrorKind::LoneSurrogate => write!(f, "half of a surrogate pair; send both halves or the character"),
            JsonErrorKind::Null => write!(f, "\\u0000 cannot be stored everywhere; leave it out"),
            JsonErrorKind::Number(max) => {
                write!(f, "number too long; use at most {max} characters, or send it as a string")
            }
        }
    }
}

impl std::error::Error for JsonError {}

/// A path under construction.
pub(super) struct Path(String);

impl Path {
    pub(super) fn new(root: &str) -> Self {
        Self(root.to_owned())
    }

    /// Goes into the member of an object.
    pub(super) fn member(&mut self, key: &[u8]) {
        let key = String::from_utf8_lossy(key);
        let short: String = key.chars().take(PATH_KEY_CHARS_MAX).collect();
        let plain =
            !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'));
        self.push(&match (plain, short.len() < key.len()) {
            (true, false) => format!(".{short}"),
            (true, true) => format!(".{short}…"),
            (false, false) => format!("[{short:?}]"),
            (false, true) => format!("[{short:?}…]"),
        });
    }

    /// Goes into the element of an array.
    pub(super) fn element(&mut self, index: usize) {
        self.push(&format!("[{index}]"));
    }

    fn push(&mut self, step: &str) {
        if self.0.ends_with('…') {
            return;
        }
        let full = self.0.len() + step.len() > PATH_CHARS_MAX;
        self.0.push_str(if full { "…" } else { step });
    }

    pub(super) fn finish(self) -> String {
        self.0
    }
}
