//! The texts that callers choose: names, ids of their own, keys, metadata. Each check says what is wrong in words
//! that help. It does not know whether a name is taken.

/// How long the name of an event type may be (THREATS F16).
pub const EVENT_TYPE_BYTES_MAX: usize = 128;
/// How long an id that the caller chose may be (the Svix API).
pub const UID_BYTES_MAX: usize = 256;
/// How long the name of a channel may be (the Svix API).
pub const CHANNEL_BYTES_MAX: usize = 128;
/// How long a `webhook-id` may be (THREATS E08).
pub const WEBHOOK_ID_BYTES_MAX: usize = 64;
/// How long the name of an application may be.
pub const APPLICATION_NAME_CHARS_MAX: usize = 256;
/// How long a description may be.
pub const DESCRIPTION_BYTES_MAX: usize = 4096;
/// How many entries metadata may have.
pub const METADATA_ENTRIES_MAX: usize = 50;
/// How long a key of metadata may be.
pub const METADATA_KEY_BYTES_MAX: usize = 256;
/// How long a value of metadata may be.
pub const METADATA_VALUE_BYTES_MAX: usize = 4096;
/// How long all keys and values of metadata may be together.
pub const METADATA_BYTES_MAX: usize = 16 * 1024;
/// How long an idempotency key may be (THREATS H07).
pub const IDEMPOTENCY_KEY_BYTES_MAX: usize = 255;

/// What Cornet's own ids begin with; 26 characters follow.
const OWN_ID_PREFIXES: [&str; 5] = ["app_", "ep_", "msg_", "atmpt_", "env_"];
const OWN_ID_SUFFIX_BYTES: usize = 26;

/// A text that was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{why}")]
pub struct Invalid {
    /// The rule that it breaks, in words for its author; reads after the name of the field.
    pub why: String,
}

impl Invalid {
    /// A refusal for the reason `why`.
    pub fn new(why: impl Into<String>) -> Self {
        Self { why: why.into() }
    }
}

/// Checks the name of an event type, such as `order.created`: words of letters, digits, `_` and `-`, joined by
/// single dots (THREATS F16).
///
/// # Errors
/// When it is longer than [`EVENT_TYPE_BYTES_MAX`] or anything else.
pub fn event_type(text: &str) -> Result<(), Invalid> {
    let word = |word: &str| !word.is_empty() && word.bytes().all(|byte| is_id_byte(byte) && byte != b'.');
    bounded(text, EVENT_TYPE_BYTES_MAX)?;
    if text.split('.').all(word) {
        return Ok(());
    }
    Err(Invalid::new("must be words of letters, digits, `_` and `-`, joined by single dots, such as `order.created`"))
}

/// Checks an id that the caller chose (`uid`, `eventId`): letters, digits, `-`, `_` and `.`, and not of the shape of
/// Cornet's own ids, because it is accepted wherever one of them is.
///
/// # Errors
/// When it is empty, longer than [`UID_BYTES_MAX`], or breaks these rules.
pub fn uid(text: &str) -> Result<(), Invalid> {
    identifier(text, UID_BYTES_MAX)?;
    let own = OWN_ID_PREFIXES.iter().filter_map(|prefix| text.strip_prefix(prefix));
    if own.into_iter().any(|suffix| suffix.len() == OWN_ID_SUFFIX_BYTES) {
        return Err(Invalid::new("looks like an id that Cornet gives out; choose another prefix or length"));
    }
    Ok(())
}

/// Checks the name of a channel: letters, digits, `-`, `_` and `.`.
///
/// # Errors
/// When it is empty, longer than [`CHANNEL_BYTES_MAX`], or has another character.
pub fn channel(text: &str) -> Result<(), Invalid> {
    identifier(text, CHANNEL_BYTES_MAX)
}

/// Checks a `webhook-id`: letters, digits, `-` and `_`. A dot would let the boundary between id and timestamp slide
/// in what is signed (THREATS E08).
///
/// # Errors
/// When it is empty, longer than [`WEBHOOK_ID_BYTES_MAX`], or has another character.
pub fn webhook_id(text: &str) -> Result<(), Invalid> {
    bounded(text, WEBHOOK_ID_BYTES_MAX)?;
    if text.bytes().all(|byte| is_id_byte(byte) && byte != b'.') {
        return Ok(());
    }
    Err(Invalid::new("must have only letters, digits, `-` and `_`"))
}

/// Checks the name of an application: any text that can be read on one line.
///
/// # Errors
/// When it is blank, longer than [`APPLICATION_NAME_CHARS_MAX`] characters, or has a control character.
pub fn application_name(text: &str) -> Result<(), Invalid> {
    if text.trim().is_empty() {
        return Err(Invalid::new("must not be blank"));
    }
    if text.chars().count() > APPLICATION_NAME_CHARS_MAX {
        return Err(Invalid::new(format!("must have at most {APPLICATION_NAME_CHARS_MAX} characters")));
    }
    if text.chars().any(char::is_control) {
        return Err(Invalid::new("must not have control characters, such as line breaks"));
    }
    Ok(())
}

/// Checks a description: any text, empty too, without NUL, which not every store can hold.
///
/// # Errors
/// When it is longer than [`DESCRIPTION_BYTES_MAX`] or has a NUL.
pub fn description(text: &str) -> Result<(), Invalid> {
    if text.len() > DESCRIPTION_BYTES_MAX {
        return Err(Invalid::new(format!("must have at most {DESCRIPTION_BYTES_MAX} bytes")));
    }
    without_nul(text)
}

/// Checks metadata, given as its keys and values.
///
/// # Errors
/// When there are too many entries, one is too long, all are too long together, a key is empty or a NUL is in them.
pub fn metadata<'a>(entries: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<(), Invalid> {
    let (mut count, mut bytes) = (0, 0);
    for (key, value) in entries {
        count += 1;
        bytes += key.len() + value.len();
        if count > METADATA_ENTRIES_MAX {
            return Err(Invalid::new(format!("must have at most {METADATA_ENTRIES_MAX} entries")));
        }
        bounded(key, METADATA_KEY_BYTES_MAX).map_err(|error| Invalid::new(format!("has a bad key: it {error}")))?;
        if value.len() > METADATA_VALUE_BYTES_MAX {
            return Err(Invalid::new(format!("has a value of more than {METADATA_VALUE_BYTES_MAX} bytes")));
        }
        without_nul(key).and_then(|()| without_nul(value))?;
    }
    if bytes > METADATA_BYTES_MAX {
        return Err(Invalid::new(format!("must have at most {METADATA_BYTES_MAX} bytes in all keys and values")));
    }
    Ok(())
}

/// Reads an `Idempotency-Key` header: a structured-field string (RFC 9651, as the draft of the header asks) or the
/// bare key; both spellings give the same key.
///
/// # Errors
/// When the key is empty, longer than [`IDEMPOTENCY_KEY_BYTES_MAX`], or not visible ASCII (THREATS H07).
pub fn idempotency_key(text: &str) -> Result<String, Invalid> {
    let key = match text.strip_prefix('"') {
        Some(quoted) => unquote(quoted).ok_or_else(|| Invalid::new("must end with the quote that it begins with"))?,
        None => text.to_owned(),
    };
    bounded(&key, IDEMPOTENCY_KEY_BYTES_MAX)?;
    if !key.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(Invalid::new("must have only visible ASCII characters, no spaces"));
    }
    Ok(key)
}

/// The rest of a structured-field string after its opening quote; `None` when it does not end with its quote.
fn unquote(quoted: &str) -> Option<String> {
    let mut characters = quoted.chars();
    let mut text = String::new();
    loop {
        match characters.next()? {
            '"' => return characters.next().is_none().then_some(text),
            '\\' => text.push(characters.next().filter(|next| matches!(next, '"' | '\\'))?),
            other => text.push(other),
        }
    }
}

fn identifier(text: &str, bytes_max: usize) -> Result<(), Invalid> {
    bounded(text, bytes_max)?;
    if text.bytes().all(is_id_byte) {
        return Ok(());
    }
    Err(Invalid::new("must have only letters, digits, `-`, `_` and `.`"))
}

fn bounded(text: &str, bytes_max: usize) -> Result<(), Invalid> {
    match text.len() {
        0 => Err(Invalid::new("must not be empty")),
        length if length > bytes_max => Err(Invalid::new(format!("must have at most {bytes_max} bytes"))),
        _ => Ok(()),
    }
}

fn without_nul(text: &str) -> Result<(), Invalid> {
    if text.contains('\0') { Err(Invalid::new("must not have a NUL character")) } else { Ok(()) }
}

fn is_id_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn event_types_are_dotted_words() {
        for text in ["a", "order.created", "Order-2.line_item.v1", "__proto__", &"a".repeat(128)] {
            assert_eq!(event_type(text), Ok(()), "{text}");
        }
        let long = "a".repeat(129);
        for text in [
            "",
            "a..b",
            ".a",
            "a.",
            "a b",
            "a/../b",
            "<script>",
            "a\0",
            &long,
            "a\u{202e}b",
            "ordеr",
            "🎉",
            "*",
            "%2e%2e",
            "user.created\n",
            "a\r\nb",
        ] {
            assert!(event_type(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn uids_are_not_mistaken_for_own_ids() {
        for text in ["a", "-_.", "customer.42", "app_short", "user_01h455vb4pex5vsknk084sn02q", &"a".repeat(256)] {
            assert_eq!(uid(text), Ok(()), "{text}");
        }
        let long = "a".repeat(257);
        for text in
            ["", "a b", "a/b", "é", "a\n", &long, "app_01h455vb4pex5vsknk084sn02q", "ep_01H455VB4PEX5VSKNK084SN02Q"]
        {
            assert!(uid(text).is_err(), "{text:?}");
        }
        assert_eq!(channel(&"a".repeat(128)), Ok(()));
        assert!(channel(&"a".repeat(129)).is_err() && channel("a b").is_err());
        assert_eq!(webhook_id("msg_p5jXN8AQM9LWM0D4loKWxJek"), Ok(()));
        assert!(webhook_id("a.1").is_err() && webhook_id("").is_err() && webhook_id(&"a".repeat(65)).is_err());
    }

    #[test]
    fn texts_for_people_are_bounded() {
        assert_eq!(application_name("Ä & B 🎺"), Ok(()));
        assert_eq!(application_name(&"é".repeat(256)), Ok(()));
        for text in ["", " \t", "a\nb", "\u{85}x", &"a".repeat(257)] {
            assert!(application_name(text).is_err(), "{text:?}");
        }
        assert_eq!(description("two\nlines").and(description("")), Ok(()));
        assert!(description("\0").is_err() && description(&"a".repeat(4097)).is_err());
    }

    #[test]
    fn metadata_is_bounded() {
        let many: Vec<String> = (0..51).map(|n| n.to_string()).collect();
        let value = "v".repeat(4096);
        let entries = |count: usize, value| many.iter().take(count).map(move |key| (key.as_str(), value));
        assert_eq!(metadata(entries(50, "")), Ok(()));
        assert!(metadata(entries(51, "")).is_err());
        assert_eq!(metadata(entries(3, &value)), Ok(()));
        assert!(metadata(entries(4, &value)).is_err());
        let error = metadata([("", "x")]).unwrap_err();
        assert_eq!(error.to_string(), "has a bad key: it must not be empty");
        assert!(metadata([("a", "\0")]).is_err() && metadata([(value.as_str(), "")]).is_err());
        assert!(metadata([("a", format!("{value}v").as_str())]).is_err());
    }

    #[test]
    fn idempotency_keys_come_bare_or_quoted() {
        for (text, key) in [("k", "k"), ("\"k\"", "k"), (r#""a\"b\\""#, r#"a"b\"#), ("a\"b", "a\"b")] {
            assert_eq!(idempotency_key(text).as_deref(), Ok(key));
        }
        let longest = "k".repeat(255);
        assert_eq!(idempotency_key(&format!("\"{longest}\"")), Ok(longest.clone()));
        for text in ["", "\"\"", "\"k", "\"k\"x", "\"k\\n\"", "a b", "a\r\nb", "é", "\u{7f}", &format!("{longest}k")] {
            assert!(idempotency_key(text).is_err(), "{text:?}");
        }
    }
}
