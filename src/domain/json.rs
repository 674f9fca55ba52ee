//! Checks that bytes are strict JSON (RFC 8259) which every store and every receiver can read, without building a
//! value: the bytes themselves are what Cornet keeps, signs and sends, so `1e999`, `-0` and `40.0` pass as they
//! stand (THREATS F08–F11). It does not know what the members mean, nor how large a body may be.

mod error;
mod key;

pub use error::{JsonError, JsonErrorKind};
use key::Key;

/// How deeply arrays and objects may nest (THREATS F08).
pub const JSON_DEPTH_MAX: usize = 64;

/// How many characters one number may have (THREATS F11).
pub const JSON_NUMBER_CHARS_MAX: usize = 1000;

/// What [`check`] holds a text to, beside RFC 8259.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    /// What the text is called in the paths of errors, such as `payload`.
    pub root: &'static str,
    /// How deeply arrays and objects may nest.
    pub depth_max: usize,
    /// How many characters one number may have.
    pub number_chars_max: usize,
}

impl Rules {
    /// Cornet's limits, for a text that errors call `root`.
    pub const fn named(root: &'static str) -> Self {
        Self { root, depth_max: JSON_DEPTH_MAX, number_chars_max: JSON_NUMBER_CHARS_MAX }
    }
}

/// Checks that `bytes` are one JSON value under `rules`: UTF-8 without a byte order mark, no key twice in an object
/// (compared after decoding), no lone surrogate and no `\u0000`, nesting and numbers within the limits.
///
/// # Errors
/// The first fault met, with its offset and path; of two keys that are equal, the later one.
pub fn check(bytes: &[u8], rules: Rules) -> Result<(), JsonError> {
    let mut checker = Checker { bytes, at: 0, frames: Vec::with_capacity(8), keys: Vec::with_capacity(16), rules };
    let checked = checker.encoding().and_then(|()| checker.document());
    checked.map_err(|fault| JsonError { kind: fault.kind, offset: fault.offset, path: checker.path() })
}

/// A JSON text without the spaces and line breaks between its parts; whatever stands in a string, the order of the
/// keys and the spelling of the numbers stay.
pub fn compact(text: &str) -> String {
    let (mut kept, mut in_string, mut escaped) = (String::with_capacity(text.len()), false, false);
    for character in text.chars() {
        match character {
            ' ' | '\n' | '\r' | '\t' if !in_string => continue,
            '"' if !escaped => in_string = !in_string,
            _ => {}
        }
        escaped = character == '\\' && !escaped;
        kept.push(character);
    }
    kept
}

/// A JSON text with a line for each of its parts, as people read and write it; whatever stands in a string, the order of
/// the keys and the spelling of the numbers stay.
pub fn indented(text: &str) -> String {
    let (mut shown, mut depth, mut in_string, mut escaped) = (String::with_capacity(text.len() * 2), 0, false, false);
    let new_line = |shown: &mut String, depth: usize| {
        shown.push('\n');
        shown.push_str(&"  ".repeat(depth));
    };
    let text = compact(text);
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        if in_string {
            in_string = character != '"' || escaped;
            escaped = character == '\\' && !escaped;
            shown.push(character);
            continue;
        }
        match character {
            '{' | '[' if matches!(characters.peek(), Some('}' | ']')) => shown.push(character),
            '{' | '[' => {
                depth += 1;
                shown.push(character);
                new_line(&mut shown, depth);
            }
            '}' | ']' => {
                if !shown.ends_with(['{', '[']) {
                    depth = depth.saturating_sub(1);
                    new_line(&mut shown, depth);
                }
                shown.push(character);
            }
            ',' => {
                shown.push(character);
                new_line(&mut shown, depth);
            }
            ':' => shown.push_str(": "),
            _ => {
                in_string = character == '"';
                shown.push(character);
            }
        }
    }
    shown
}

/// The lowest set bit lies in the first of the eight bytes that ends a run of plain characters in a string: a quote, a
/// backslash or a control character. Zero when all are plain. (Bits above the lowest may be set wrongly by a borrow.)
const fn string_stops(word: u64) -> u64 {
    const ONES: u64 = u64::from_le_bytes([1; 8]);
    const HIGH_BITS: u64 = u64::from_le_bytes([0x80; 8]);
    let quote = word ^ (ONES * b'"' as u64);
    let backslash = word ^ (ONES * b'\\' as u64);
    let control = word.wrapping_sub(ONES * 0x20) & !word;
    (control | quote.wrapping_sub(ONES) & !quote | backslash.wrapping_sub(ONES) & !backslash) & HIGH_BITS
}

/// What is wrong and where; the path is added when it leaves [`check`]. Boxed, so that success stays small.
struct Fault {
    kind: JsonErrorKind,
    offset: usize,
}

/// An array or object that is not closed yet.
struct Frame {
    object: bool,
    /// Where this object's keys begin in `Checker::keys`.
    first_key: usize,
    /// Which element of this array is being read.
    index: usize,
}

/// Reads the text once, from left to right; open containers are kept in a list, so depth costs no stack.
struct Checker<'a> {
    bytes: &'a [u8],
    at: usize,
    frames: Vec<Frame>,
    /// The keys of all open objects, outermost first.
    keys: Vec<Key>,
    rules: Rules,
}

impl Checker<'_> {
    /// Refuses a byte order mark and whatever is not UTF-8, so that the rest may look at single bytes.
    fn encoding(&mut self) -> Result<(), Box<Fault>> {
        if self.bytes.starts_with(b"\xEF\xBB\xBF") {
            return Err(Box::new(Fault { kind: JsonErrorKind::ByteOrderMark, offset: 0 }));
        }
        match std::str::from_utf8(self.bytes) {
            Ok(_) => Ok(()),
            Err(error) => Err(Box::new(Fault { kind: JsonErrorKind::NotUtf8, offset: error.valid_up_to() })),
        }
    }

    fn document(&mut self) -> Result<(), Box<Fault>> {
        self.skip_space();
        loop {
            let opened = match self.peek() {
                Some(b'"') => self.string().map(|_| false)?,
                Some(b'{') => self.open(true)?,
                Some(b'[') => self.open(false)?,
                Some(b'-' | b'0'..=b'9') => self.number().map(|()| false)?,
                Some(b't') => self.literal(b"true").map(|()| false)?,
                Some(b'f') => self.literal(b"false").map(|()| false)?,
                Some(b'n') => self.literal(b"null").map(|()| false)?,
                _ => return Err(self.expected("a value")),
            };
            if !opened && self.after_value()? {
                return Ok(());
            }
        }
    }

    /// Enters a container and, in an object, reads its first key; false when it is empty and so over already.
    fn open(&mut self, object: bool) -> Result<bool, Box<Fault>> {
        if self.frames.len() == self.rules.depth_max {
            return Err(self.fault(JsonErrorKind::Depth(self.rules.depth_max)));
        }
        self.at += 1;
        self.skip_space();
        if self.peek() == Some(if object { b'}' } else { b']' }) {
            self.at += 1;
            return Ok(false);
        }
        self.frames.push(Frame { object, first_key: self.keys.len(), index: 0 });
        if object {
            self.key()?;
        }
        Ok(true)
    }

    /// Closes every container that ends here and goes on to the next value; true at the end of the text.
    fn after_value(&mut self) -> Result<bool, Box<Fault>> {
        loop {
            self.skip_space();
            let next = self.bytes.get(self.at).copied();
            let Some(frame) = self.frames.last_mut() else {
                return if next.is_none() { Ok(true) } else { Err(self.expected("nothing more after the value")) };
            };
            match (next, frame.object) {
                (Some(b','), object) => {
                    frame.index += 1;
                    self.at += 1;
                    self.skip_space();
                    if object {
                        self.key()?;
                    }
                    return Ok(false);
                }
                (Some(b'}'), true) => {
                    self.close_object()?;
                    self.at += 1;
                }
                (Some(b']'), false) => {
                    self.frames.pop();
                    self.at += 1;
                }
                (_, true) => return Err(self.expected("`,` or `}`")),
                (_, false) => return Err(self.expected("`,` or `]`")),
            }
        }
    }

    /// Reads a key and its colon.
    fn key(&mut self) -> Result<(), Box<Fault>> {
        if self.peek() != Some(b'"') {
            return Err(self.expected("a key in double quotes"));
        }
        let start = self.at + 1;
        let escaped = self.string()?;
        self.keys.push(Key::new(self.bytes, start..self.at - 1, escaped));
        self.skip_space();
        if self.peek() != Some(b':') {
            return Err(self.expected("`:` after the key"));
        }
        self.at += 1;
        self.skip_space();
        Ok(())
    }

    /// Leaves an object after looking for equal keys.
    fn close_object(&mut self) -> Result<(), Box<Fault>> {
        let first_key = self.frames.last().map_or(0, |frame| frame.first_key);
        if let Some(later) = key::find_duplicate(&mut self.keys[first_key..], self.bytes) {
            let fault = Box::new(Fault { kind: JsonErrorKind::DuplicateKey, offset: later.start() - 1 });
            // The path is read from the last key of each object.
            self.keys.push(later);
            return Err(fault);
        }
        self.keys.truncate(first_key);
        self.frames.pop();
        Ok(())
    }

    /// Reads a string with its quotes; true when it holds escapes.
    fn string(&mut self) -> Result<bool, Box<Fault>> {
        self.at += 1;
        let mut escaped = false;
        loop {
            self.skip_plain();
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(escaped);
                }
                Some(b'\\') => {
                    escaped = true;
                    self.escape()?;
                }
                Some(_) => return Err(self.expected("an escape such as `\\n` instead of a raw control character")),
                None => return Err(self.expected("`\"` at the end of the string")),
            }
        }
    }

    /// Goes to the next byte of a string that is not plain, eight bytes at a time.
    fn skip_plain(&mut self) {
        let mut rest = self.bytes.get(self.at..).unwrap_or_default();
        while let Some((word, after)) = rest.split_first_chunk::<8>() {
            let stops = string_stops(u64::from_le_bytes(*word));
            if stops != 0 {
                self.at = self.bytes.len() - rest.len() + stops.trailing_zeros() as usize / 8;
                return;
            }
            rest = after;
        }
        let plain = rest.iter().take_while(|&&byte| byte >= 0x20 && byte != b'"' && byte != b'\\').count();
        self.at = self.bytes.len() - rest.len() + plain;
    }

    /// Reads one escape, or two that make a surrogate pair.
    fn escape(&mut self) -> Result<(), Box<Fault>> {
        match self.bytes.get(self.at + 1) {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => {
                self.at += 2;
                Ok(())
            }
            Some(b'u') => match self.unit(self.at) {
                Some(0) => Err(self.fault(JsonErrorKind::Null)),
                Some(0xD800..=0xDBFF) if matches!(self.unit(self.at + 6), Some(0xDC00..=0xDFFF)) => {
                    self.at += 12;
                    Ok(())
                }
                Some(0xD800..=0xDFFF) => Err(self.fault(JsonErrorKind::LoneSurrogate)),
                Some(_) => {
                    self.at += 6;
                    Ok(())
                }
                None => Err(self.expected("four hexadecimal digits after `\\u`")),
            },
            _ => Err(self.expected("an escape that JSON knows after `\\`")),
        }
    }

    /// The UTF-16 unit that `\uXXXX` at `at` stands for.
    fn unit(&self, at: usize) -> Option<u16> {
        key::utf16_unit(self.bytes.get(at..at + 6)?)
    }

    fn number(&mut self) -> Result<(), Box<Fault>> {
        let start = self.at;
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        match self.peek() {
            Some(b'0') => self.at += 1,
            _ => self.digits()?,
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.digits()?;
        }
        if self.at - start > self.rules.number_chars_max {
            return Err(Box::new(Fault { kind: JsonErrorKind::Number(self.rules.number_chars_max), offset: start }));
        }
        Ok(())
    }

    /// Reads one or more digits.
    fn digits(&mut self) -> Result<(), Box<Fault>> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let count = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        self.at += count;
        if count == 0 { Err(self.expected("a digit")) } else { Ok(()) }
    }

    fn literal(&mut self, word: &'static [u8]) -> Result<(), Box<Fault>> {
        if !self.bytes[self.at..].starts_with(word) {
            return Err(self.expected("`true`, `false` or `null`"));
        }
        self.at += word.len();
        Ok(())
    }

    #[inline]
    fn skip_space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\n' | b'\r' | b'\t')) {
            self.at += 1;
        }
    }

    #[inline]
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    #[cold]
    fn expected(&self, what: &'static str) -> Box<Fault> {
        self.fault(JsonErrorKind::Syntax(what))
    }

    #[cold]
    fn fault(&self, kind: JsonErrorKind) -> Box<Fault> {
        Box::new(Fault { kind, offset: self.at })
    }

    /// Where the checker stands, as `payload.items[3].name`.
    fn path(&self) -> String {
        let mut path = error::Path::new(self.rules.root);
        for (depth, frame) in self.frames.iter().enumerate() {
            let keys_end = self.frames.get(depth + 1).map_or(self.keys.len(), |next| next.first_key);
            match self.keys[frame.first_key..keys_end].last() {
                _ if !frame.object => path.element(frame.index),
                Some(key) => path.member(&key.decoded(self.bytes)),
                None => {}
            }
        }
        path.finish()
    }
}

#[cfg(test)]
#[path = "json/tests.rs"]
mod tests;
