//! What producers post. serde_json, which reads every body after Cornet's own check, is what that check is held against.

use bytes::Bytes;
use cornet::api::reading;
use cornet::domain::envelope::Envelope;
use cornet::domain::filter::{FILTER_BYTES_MAX, Filter, Subject};
use cornet::domain::id::Id;
use cornet::domain::json::{self, Rules};
use cornet::domain::message::{Message, PAYLOAD_BYTES_MAX};
use cornet::domain::schema::Schema;
use cornet::domain::time::Timestamp;
use http::StatusCode;
use serde_json::Value;
use serde_json::value::RawValue;

/// What stands between a schema or a filter and the payload that is held against it.
const BETWEEN: &str = "\n---\n";

fn checked(bytes: &[u8]) -> bool {
    json::check(bytes, Rules::named("body")).is_ok()
}

/// The JSON check: what it takes, serde_json takes too; blanks change nothing; and a fault is found within the text.
pub fn json(bytes: &[u8]) {
    if let Err(error) = json::check(bytes, Rules::named("body")) {
        assert!(error.offset() <= bytes.len() && error.path().starts_with("body"), "{error:?}");
        return;
    }
    let text = str::from_utf8(bytes).expect("what is taken is UTF-8");
    let raw: &RawValue = serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"));
    assert_eq!(raw.get(), text.trim_matches([' ', '\n', '\r', '\t']), "it is kept as it is");
    let (compact, indented) = (json::compact(text), json::indented(text));
    assert!(checked(compact.as_bytes()) && checked(indented.as_bytes()), "{text}");
    assert_eq!(json::compact(&indented), compact);
    if let Ok(value) = serde_json::from_str::<Value>(text) {
        assert_eq!(serde_json::from_str::<Value>(&compact).ok().as_ref(), Some(&value), "{text}");
        assert_eq!(serde_json::from_str::<Value>(&indented).ok().as_ref(), Some(&value), "{text}");
        assert!(!holds_nul(&value), "no store takes NUL");
    }
}

fn holds_nul(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains('\0'),
        Value::Array(items) => items.iter().any(holds_nul),
        Value::Object(members) => members.iter().any(|(name, value)| name.contains('\0') || holds_nul(value)),
        _ => false,
    }
}

fn is_refusal(status: StatusCode) -> bool {
    matches!(status, StatusCode::BAD_REQUEST | StatusCode::UNPROCESSABLE_ENTITY | StatusCode::PAYLOAD_TOO_LARGE)
}

/// The body of a posted message: its payload is a piece of the body, untouched, and an object.
pub fn message(bytes: &[u8]) {
    let message = match reading::posted_message(bytes) {
        Ok(message) => message,
        Err(status) => return assert!(is_refusal(status), "{status}"),
    };
    assert!(checked(bytes) && checked(&message.payload));
    assert!(message.payload.len() <= PAYLOAD_BYTES_MAX && message.payload.starts_with(b"{"));
    assert!(bytes.windows(message.payload.len()).any(|piece| piece == message.payload), "it is not what was posted");
    if let Ok(value) = serde_json::from_slice::<Value>(bytes) {
        assert_eq!(value["eventType"].as_str(), Some(message.event_type.as_str()));
        assert_eq!(value["eventId"].as_str(), message.event_id.as_deref());
        assert_eq!(serde_json::from_slice::<Value>(&message.payload).ok().as_ref(), Some(&value["payload"]));
    }
}

/// The body of a ShipEngine webhook: two texts and nothing else.
pub fn shipengine(bytes: &[u8]) {
    match reading::posted_webhook(bytes) {
        Ok((url, event)) => {
            let value: Value = serde_json::from_slice(bytes).expect("a body of two texts can be read");
            assert_eq!(value, serde_json::json!({"url": url, "event": event}));
        }
        Err(status) => assert!(is_refusal(status), "{status}"),
    }
}

/// A payload in every envelope: what is signed is JSON, and has the payload in it as it was posted.
pub fn envelope(bytes: &[u8]) {
    if !checked(bytes) || bytes.first() != Some(&b'{') || bytes.last() != Some(&b'}') {
        return;
    }
    let message = Message {
        id: Id::first_at(Timestamp::from_ms(1_800_000_000_000)),
        environment_id: Id::from_number(1),
        application_id: Id::from_number(2),
        event_type: "order.created".to_owned(),
        event_id: None,
        channels: Vec::new(),
        payload: Some(Bytes::copy_from_slice(bytes)),
        expires_at: Timestamp::EPOCH,
        verdicts: Vec::new(),
    };
    // What stands around a payload nests one deeper.
    let rules = Rules { depth_max: json::JSON_DEPTH_MAX + 1, ..Rules::named("body") };
    for envelope in Envelope::ALL {
        let fits = envelope.check(bytes).is_ok();
        let wrapped = envelope.wrap(&message, true);
        let shown = || format!("{envelope:?}: {}", String::from_utf8_lossy(&wrapped.body));
        assert_eq!(json::check(&wrapped.body, rules), Ok(()), "{}", shown());
        let holds_all = wrapped.body.windows(bytes.len()).any(|piece| piece == bytes);
        assert!(holds_all || (envelope == Envelope::Resource && fits), "{}", shown());
        let example = envelope.fit_example(Bytes::copy_from_slice(bytes));
        assert_eq!(envelope.check(&example), Ok(()), "{}", shown());
        for (name, value) in &wrapped.headers {
            assert!(http::HeaderName::from_bytes(name.as_bytes()).is_ok(), "{name}");
            assert!(http::HeaderValue::from_str(value).is_ok(), "{name}: {value}");
        }
    }
}

/// A schema, and behind three dashes a payload: a schema that is taken judges alike each time, and a misfit is where it is
/// said to be.
pub fn schema(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else { return };
    let (schema, payload) = text.split_once(BETWEEN).unwrap_or((text, "{}"));
    let compiled = match Schema::compile(schema) {
        Ok(compiled) => compiled,
        Err(error) => return assert!(!error.to_string().is_empty() && error.to_string().len() <= 2_100),
    };
    assert!(checked(schema.as_bytes()), "a schema is strict JSON");
    if !checked(payload.as_bytes()) {
        return;
    }
    let verdict = compiled.check(payload.as_bytes());
    assert_eq!(compiled.check(payload.as_bytes()), verdict);
    let (Err(misfit), Ok(value)) = (verdict, serde_json::from_str::<Value>(payload)) else { return };
    let place = misfit.path.iter().try_fold(&value, |place, step| match place {
        Value::Object(members) => members.get(step),
        Value::Array(items) => items.get(step.parse::<usize>().ok()?),
        _ => None,
    });
    assert!(place.is_some() && !misfit.why.is_empty(), "{misfit:?} in {payload}");
}

/// A filter, and behind three dashes a payload: a filter that is taken is read again from its own text, judges alike each time
/// and says why; and of it and its opposite at least one lets a payload pass.
pub fn filter(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else { return };
    let (filter, payload) = text.split_once(BETWEEN).unwrap_or((text, "{}"));
    let read = match Filter::parse(filter) {
        Ok(read) => read,
        Err(error) => return assert!(!error.why.is_empty() && error.why.len() <= FILTER_BYTES_MAX, "{error:?}"),
    };
    assert!(checked(filter.as_bytes()) && read.text().len() <= FILTER_BYTES_MAX, "a filter is strict JSON");
    assert_eq!(Filter::parse(read.text()).as_ref(), Ok(&read), "{filter}");
    let subject = Subject::new("order.created", payload.as_bytes(), Timestamp::from_ms(1_800_000_000_000));
    let (passes, miss) = (read.lets_pass(&subject), read.miss(&subject));
    assert_eq!(passes, miss.is_none(), "{filter}");
    if let Some(miss) = miss {
        assert!(!miss.path.is_empty() && !miss.why.is_empty() && miss.why.len() <= 2_000, "{miss:?}");
    }
    // An opposite that is too deep or too long is no filter.
    let Ok(opposite) = Filter::parse(&format!("{{\"$not\":{filter}}}")) else { return };
    assert!(passes || opposite.lets_pass(&subject), "{filter}");
}
