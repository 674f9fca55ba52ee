//! Inboxes: built-in receivers for trying things out. An inbox keeps what is sent to it, for whoever has its URL to look
//! at, and answers as it was told. It does not know how requests get to it.

mod address;
mod signature_check;

pub use address::InboxAddress;
pub use signature_check::{SecretOf, SignatureCheck, SignatureChecker};

use std::time::Duration;

use aws_lc_rs::rand;
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use bytes::Bytes;

use super::id::{ApplicationId, EnvironmentId, InboxId, InboxRequestId};
use super::key::RandomnessUnavailable;
use super::message::PAYLOAD_BYTES_MAX;
use super::time::Timestamp;

/// Inboxes of an environment.
pub const INBOXES_PER_ENVIRONMENT_MAX: usize = 1_000;
/// Days that a received request is kept, and an inbox that receives nothing.
pub const INBOX_DAYS_MAX: i64 = 30;
/// Requests that an inbox keeps.
pub const INBOX_REQUESTS_MAX: usize = 500;
/// Bytes of all that an inbox keeps.
pub const INBOX_BYTES_MAX: usize = 8 * 1024 * 1024;
/// Bytes of a body that an inbox takes.
pub const INBOX_RECEIVED_BYTES_MAX: usize = PAYLOAD_BYTES_MAX + 64 * 1024;
/// Bytes of a received body that are kept.
pub const INBOX_BODY_BYTES_MAX: usize = 256 * 1024;
/// Bytes of a received request's headers that are kept, names and values together.
pub const INBOX_HEADERS_BYTES_MAX: usize = 16 * 1024;
/// Bytes of a received request's path and query that are kept.
pub const INBOX_PATH_BYTES_MAX: usize = 2 * 1024;
/// Requests that an inbox takes in a second.
pub const INBOX_RATE_MAX: u32 = 100;
/// Bytes of the body that an inbox answers with.
pub const INBOX_ANSWER_BYTES_MAX: usize = 16 * 1024;
/// How long an inbox may wait before it answers.
pub const INBOX_DELAY_MAX: Duration = Duration::from_secs(30);

/// Random bytes of a token; more than anybody can guess.
const TOKEN_BYTES: usize = 18;
/// Letters of a token: base64 has four for three bytes.
const TOKEN_CHARS: usize = TOKEN_BYTES / 3 * 4;
/// A header that a browser adds by itself and that opens its owner's sessions; an inbox shows it to whoever looks.
const COOKIE: &str = "cookie";
/// What stands in its place.
const NOT_KEPT: &str = "(not kept)";

/// A built-in receiver.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inbox {
    /// Its id.
    pub id: InboxId,
    /// What stands in its URL, and is the permission to look at it.
    pub token: String,
    /// Where it belongs.
    pub environment_id: EnvironmentId,
    /// The one application that it belongs to, or the whole environment's.
    pub application_id: Option<ApplicationId>,
    /// What people call it.
    pub name: String,
    /// What it answers.
    pub answer: InboxAnswer,
    /// Whether it has a secret of its own to check signatures with.
    pub has_secret: bool,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it last received anything.
    pub last_at: Option<Timestamp>,
}

/// What an inbox answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InboxAnswer {
    /// The HTTP status code, 200 to 599.
    pub status: u16,
    /// How long it waits first, in milliseconds.
    pub delay_ms: u32,
    /// The text that it answers with.
    pub body: String,
}

impl Default for InboxAnswer {
    fn default() -> Self {
        Self { status: 200, delay_ms: 0, body: String::new() }
    }
}

impl InboxAnswer {
    /// How long it waits first.
    pub fn delay(&self) -> Duration {
        Duration::from_millis(self.delay_ms.into())
    }

    /// The body that goes with the status; some have none (RFC 9110).
    pub fn sent_body(&self) -> &str {
        if matches!(self.status, 204 | 205 | 304) { "" } else { &self.body }
    }
}

/// What is to be different about an inbox; `None` stays as it is.
#[derive(Clone, Default)]
pub struct InboxChange {
    /// What people call it.
    pub name: Option<String>,
    /// The status that it answers.
    pub status: Option<u16>,
    /// How long it waits first, in milliseconds.
    pub delay_ms: Option<u32>,
    /// The text that it answers with.
    pub body: Option<String>,
    /// The text of a secret to check signatures with besides those of the endpoints that are there; `Some(None)` is
    /// none.
    pub secret: Option<Option<String>>,
}

impl Inbox {
    /// A new inbox that answers 200 at once.
    pub fn new(
        id: InboxId,
        token: String,
        environment_id: EnvironmentId,
        application_id: Option<ApplicationId>,
        name: String,
        now: Timestamp,
    ) -> Self {
        let answer = InboxAnswer::default();
        let (has_secret, created_at, last_at) = (false, now, None);
        Self { id, token, environment_id, application_id, name, answer, has_secret, created_at, last_at }
    }

    /// The inbox with this change made to it.
    #[must_use]
    pub fn changed(&self, change: &InboxChange) -> Self {
        let before = &self.answer;
        let answer = InboxAnswer {
            status: change.status.unwrap_or(before.status),
            delay_ms: change.delay_ms.unwrap_or(before.delay_ms),
            body: change.body.as_ref().unwrap_or(&before.body).clone(),
        };
        let name = change.name.as_ref().unwrap_or(&self.name).clone();
        let has_secret = change.secret.as_ref().map_or(self.has_secret, Option::is_some);
        Self { name, answer, has_secret, ..self.clone() }
    }
}

/// A request as it came to an inbox.
#[derive(Clone, Debug)]
pub struct Received {
    /// The HTTP method.
    pub method: String,
    /// Path and query.
    pub path: String,
    /// The headers in order, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The whole body.
    pub body: Bytes,
}

/// A request that an inbox received, as far as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InboxRequest {
    /// Its id; also says when it came.
    pub id: InboxRequestId,
    /// Who received it.
    pub inbox_id: InboxId,
    /// The HTTP method.
    pub method: String,
    /// Path and query, at most [`INBOX_PATH_BYTES_MAX`].
    pub path: String,
    /// The headers in order, at most [`INBOX_HEADERS_BYTES_MAX`]; cookies without their values.
    pub headers: Vec<(String, String)>,
    /// The start of the body, at most [`INBOX_BODY_BYTES_MAX`].
    pub body: Bytes,
    /// Bytes of the whole body.
    pub body_bytes: u64,
    /// The status that was answered.
    pub status: u16,
    /// How long the answer was put off, in milliseconds.
    pub delay_ms: u32,
}

impl InboxRequest {
    /// What `inbox` keeps of a request and answers to it.
    pub fn new(id: InboxRequestId, inbox: &Inbox, received: Received) -> Self {
        let Received { method, mut path, headers, body } = received;
        let fitting = (0..=path.len().min(INBOX_PATH_BYTES_MAX)).rev().find(|&end| path.is_char_boundary(end));
        path.truncate(fitting.unwrap_or_default());
        Self {
            id,
            inbox_id: inbox.id,
            method,
            path,
            headers: kept(headers),
            body_bytes: body.len() as u64,
            body: body.slice(..body.len().min(INBOX_BODY_BYTES_MAX)),
            status: inbox.answer.status,
            delay_ms: inbox.answer.delay_ms,
        }
    }

    /// When it came.
    pub fn received_at(&self) -> Timestamp {
        self.id.time()
    }

    /// Whether the body was longer than what is kept of it.
    pub fn is_cut(&self) -> bool {
        self.body.len() as u64 != self.body_bytes
    }

    /// Bytes of all that is kept.
    pub fn size(&self) -> usize {
        let headers: usize = self.headers.iter().map(|(name, value)| name.len() + value.len()).sum();
        self.method.len() + self.path.len() + headers + self.body.len()
    }

    /// The value of the first header with this lower-case name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// The headers as far as there is room for them.
fn kept(headers: Vec<(String, String)>) -> Vec<(String, String)> {
    let mut room = INBOX_HEADERS_BYTES_MAX;
    let hidden = headers.into_iter().map(|(name, value)| match name.as_str() {
        COOKIE => (name, NOT_KEPT.to_owned()),
        _ => (name, value),
    });
    let fits = |(name, value): &(String, String)| match room.checked_sub(name.len() + value.len()) {
        Some(left) => {
            room = left;
            true
        }
        None => false,
    };
    hidden.take_while(fits).collect()
}

/// A new token: 144 bits from the operating system.
///
/// # Errors
/// When the operating system has no randomness to give.
pub fn new_token() -> Result<String, RandomnessUnavailable> {
    let mut bits = [0u8; TOKEN_BYTES];
    rand::fill(&mut bits).map_err(|_| RandomnessUnavailable)?;
    Ok(BASE64_URL_SAFE_NO_PAD.encode(bits))
}

/// Whether a text can be a token; any other is not looked for.
pub fn is_token(text: &str) -> bool {
    text.len() == TOKEN_CHARS && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::id::Id;

    fn inbox() -> Inbox {
        let (id, environment_id) = (Id::from_number(1), Id::from_number(2));
        Inbox::new(id, new_token().unwrap(), environment_id, None, "Inbox".to_owned(), Timestamp::from_ms(0))
    }

    fn received(headers: &[(&str, &str)], body: Vec<u8>) -> Received {
        let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Received { method: "POST".to_owned(), path: "/inbox/x".to_owned(), headers, body: body.into() }
    }

    #[test]
    fn tokens_differ_and_are_known_as_such() {
        let (one, other) = (new_token().unwrap(), new_token().unwrap());
        assert!(one != other && is_token(&one) && is_token(&other), "{one} {other}");
        for text in ["", "..", "short", &format!("{one}x"), &one.replacen(&one[..1], "%", 1)] {
            assert!(!is_token(text), "{text}");
        }
    }

    #[test]
    fn what_is_too_long_is_cut_and_said_to_be() {
        let long = "v".repeat(INBOX_HEADERS_BYTES_MAX);
        let headers = [("a", "1"), ("long", long.as_str()), ("b", "2")];
        let request = InboxRequest::new(
            Id::from_number(3),
            &inbox(),
            Received {
                path: "é".repeat(INBOX_PATH_BYTES_MAX),
                ..received(&headers, vec![7; INBOX_BODY_BYTES_MAX + 1])
            },
        );
        assert_eq!((request.body.len(), request.is_cut()), (INBOX_BODY_BYTES_MAX, true));
        assert_eq!(request.body_bytes, INBOX_BODY_BYTES_MAX as u64 + 1);
        assert_eq!(request.headers, [("a".to_owned(), "1".to_owned())]);
        assert_eq!(request.path.len(), INBOX_PATH_BYTES_MAX);
        let whole = InboxRequest::new(Id::from_number(4), &inbox(), received(&[], vec![7; INBOX_BODY_BYTES_MAX]));
        assert!(!whole.is_cut());
    }

    #[test]
    fn cookies_are_not_kept() {
        let headers = [("cookie", "session=secret"), ("accept", "*/*")];
        let request = InboxRequest::new(Id::from_number(3), &inbox(), received(&headers, Vec::new()));
        assert_eq!(request.header("cookie"), Some("(not kept)"));
        assert_eq!(request.header("accept"), Some("*/*"));
    }

    #[test]
    fn a_change_leaves_alone_what_it_does_not_name() {
        let before = inbox();
        let slower = before.changed(&InboxChange { delay_ms: Some(5), ..InboxChange::default() });
        assert_eq!(slower.answer, InboxAnswer { delay_ms: 5, ..InboxAnswer::default() });
        let secret = Some(Some("whsec_x".to_owned()));
        let named = slower.changed(&InboxChange { name: Some("B".to_owned()), secret, ..InboxChange::default() });
        assert_eq!((named.name.as_str(), named.has_secret, named.answer.delay_ms), ("B", true, 5));
        let empty = named.changed(&InboxChange { status: Some(204), body: Some("x".to_owned()), ..Default::default() });
        assert!(empty.has_secret && empty.answer.sent_body().is_empty());
    }
}
