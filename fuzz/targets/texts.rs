//! Short texts: what is read is shown as it was written, and what is taken fits where it is put.

use cornet::domain::header;
use cornet::domain::id::{ApplicationId, AttemptId, EndpointId, MessageId};
use cornet::domain::name;
use cornet::domain::retry::{RETRIES_MAX, RETRY_TOTAL_MAX, RetrySchedule, parse_duration};
use cornet::domain::time::Timestamp;
use http::{HeaderName, HeaderValue};

/// An iterator of a page: an id is read only as it is written, and as one kind of thing.
pub fn cursor(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else { return };
    let text = text.strip_prefix('-').unwrap_or(text);
    let read = [
        ApplicationId::parse(text).map(|id| (id.number(), id.to_string())),
        AttemptId::parse(text).map(|id| (id.number(), id.to_string())),
        EndpointId::parse(text).map(|id| (id.number(), id.to_string())),
        MessageId::parse(text).map(|id| (id.number(), id.to_string())),
    ];
    assert!(read.iter().flatten().count() <= 1, "{text}");
    for (number, shown) in read.into_iter().flatten() {
        assert!(number >= 0 && shown == text, "{text} is number {number}, {shown}");
        assert!(name::uid(text).is_err(), "nobody may choose {text}");
    }
    if let Some(point) = Timestamp::parse(text) {
        assert_eq!(Timestamp::parse(&point.to_string()), Some(point), "{text}");
    }
}

/// Names and ids that callers choose: they stay in one line, one part of a path, one word of a signature.
pub fn name(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else { return };
    let is_word = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic());
    let in_path = |text: &str| is_word(text) && !text.contains(['/', '?', '#', '%', '\\', '"', '\'', '<', '>', '&']);
    if name::event_type(text).is_ok() {
        assert!(in_path(text) && !text.contains("..") && !text.starts_with('.') && !text.ends_with('.'), "{text}");
    }
    assert!(name::uid(text).is_err() || in_path(text), "{text}");
    assert!(name::channel(text).is_err() || in_path(text), "{text}");
    assert!(name::webhook_id(text).is_err() || in_path(text) && !text.contains('.'), "{text}");
    if name::idempotency_key(text).is_ok() {
        assert!(!text.trim().is_empty() && HeaderValue::from_str(text).is_ok(), "{text}");
    }
    if name::application_name(text).is_ok() {
        assert!(!text.trim().is_empty() && !text.contains(char::is_control), "{text}");
    }
    assert!(name::description(text).is_err() || !text.contains('\0'), "{text}");
    assert!(name::metadata([(text, text)]).is_err() || !text.is_empty() && !text.contains('\0'), "{text}");
}

/// The headers of an endpoint, a line for each: what is taken can be sent, and none comes from it that was not written.
pub fn header(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else { return };
    let headers: Vec<(&str, &str)> = text.split('\n').filter_map(|line| line.split_once(": ")).collect();
    if header::check(headers.iter().copied()).is_err() {
        return;
    }
    let mut sent = http::HeaderMap::new();
    for (name, value) in &headers {
        let name: HeaderName = name.parse().expect("a name that is taken can be sent");
        let sent_value = HeaderValue::from_str(value).expect("a value that is taken can be sent");
        assert!(!header::is_reserved(name.as_str()) && sent_value.as_bytes() == value.as_bytes());
        assert!(!["host", "content-length", "transfer-encoding", "connection"].contains(&name.as_str()));
        assert!(sent.insert(name, sent_value).is_none(), "no header is there twice");
    }
}

/// A retry schedule: it is shown as it is read, and never longer than it may be.
pub fn schedule(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else { return };
    parse_duration(text).ok();
    let Ok(schedule) = text.parse::<RetrySchedule>() else { return };
    assert_eq!(schedule.to_string().parse().as_ref(), Ok(&schedule), "{text}");
    assert!(schedule.delays().len() <= RETRIES_MAX);
    assert!(schedule.delays().iter().sum::<std::time::Duration>() <= RETRY_TOTAL_MAX);
    let attempts = schedule.attempts_to_come(1, Timestamp::EPOCH);
    assert!(attempts.is_sorted() && attempts.len() <= RETRIES_MAX + 1, "{text}");
}
