//! Tests of `extract`: how bodies and queries are read and refused.

use serde::Deserialize;

use super::*;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Sample {
    name: String,
    #[serde(default, deserialize_with = "given")]
    uid: Option<Option<String>>,
    #[serde(default)]
    items: Vec<u8>,
    payload: Option<JsonObject>,
}

fn refused(body: &str) -> String {
    let problem = read_json::<Sample>(body.as_bytes()).unwrap_err();
    format!("{problem:?}")
}

#[test]
fn a_body_is_read_and_absent_is_not_null() {
    let sample: Sample = read_json(br#"{"name":"a","uid":null,"items":[7],"payload":{"b":40.0, "a":1}}"#).unwrap();
    assert_eq!((sample.name.as_str(), sample.uid, sample.items), ("a", Some(None), vec![7]));
    assert_eq!(sample.payload.unwrap().into_bytes(), r#"{"b":40.0, "a":1}"#);
    assert_eq!(read_json::<Sample>(br#"{"name":"a"}"#).unwrap().uid, None);
}

#[test]
fn a_fault_is_named_with_its_place() {
    let cases = [
        (r#"{"name":1}"#, "wrong_type", r#"["body", "name"]"#),
        (r#"{"name":"a","items":[1,"b"]}"#, "wrong_type", r#"["body", "items", "1"]"#),
        (r#"{"name":"a","payload":[1]}"#, "wrong_type", r#"["body", "payload"]"#),
        (r#"{"name":"a","paylod":{}}"#, "unknown_member", r#"["body", "paylod"]"#),
        (r#"{}"#, "missing_member", r#"["body"]"#),
        (r#"[]"#, "wrong_type", r#"["body"]"#),
        // A list of the members' values is no object either.
        (r#" ["a",null,[],{}]"#, "wrong_type", r#"["body"]"#),
        (r#"{"name":"a","name":"b"}"#, "json_duplicate_key", r#"["body"]"#),
        (r#"{"name":"\ud800"}"#, "json_encoding", r#"["body"]"#),
        (r#"{"name":"a""#, "json_syntax", "place: None"),
        ("", "json_syntax", "place: None"),
    ];
    for (body, code, place) in cases {
        let problem = refused(body);
        assert!(problem.contains(code) && problem.contains(place), "{body}: {problem}");
    }
}

#[test]
fn only_plain_json_is_a_json_body() {
    for text in ["application/json", "Application/JSON; charset=UTF-8", "application/json;charset=\"utf-8\""] {
        assert!(is_json(text), "{text}");
    }
    for text in ["", "text/plain", "application/json; charset=utf-16", "application/jsonx", "text/json"] {
        assert!(!is_json(text), "{text}");
    }
}

#[derive(Debug, Deserialize)]
struct SampleQuery {
    limit: Option<u16>,
    #[serde(default)]
    with_content: bool,
    #[serde(default)]
    event_types: CommaList,
}

#[test]
fn lists_in_queries_are_comma_joined_or_repeated() {
    for text in ["event_types=a.b,c", "event_types=a.b&limit=5&event_types=c", "event_types=a.b%2Cc&new=1"] {
        let query: SampleQuery = read_query(text).unwrap();
        assert_eq!(query.event_types.0, ["a.b", "c"], "{text}");
    }
    let query: SampleQuery = read_query("limit=5&with_content=true").unwrap();
    assert_eq!((query.limit, query.with_content, query.event_types), (Some(5), true, CommaList::default()));
    for text in ["limit=x", "limit=-1", "limit=1&limit=2", "with_content=maybe"] {
        assert!(read_query::<SampleQuery>(text).is_err(), "{text}");
    }
}
