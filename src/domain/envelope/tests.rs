//! Every envelope byte for byte, with the payloads that the seeds print.

use super::*;
use crate::domain::id::Id;
use crate::domain::time::Timestamp;

/// What the seeds print, as they print it; ShipEngine's sales orders repaired (SEEDS C53).
const ORDER_CREATED: &str = include_str!("../../../tests/samples/shoprocket-order-created.json");
const SALES_ORDERS: &str = include_str!("../../../tests/samples/shipengine-sales-orders.json");

/// Everything that must stay as it is: key order, `40.0`, blanks, nulls and empty texts, a time's digits.
const ODD: &str =
    r#"{ "b":40.0,"id" : 7.50 , "a":null,"":"", "at":"2018-09-12T19:29:18.69Z","x":{"y":[ ]},"n":-0,"e":1E2}"#;

fn message(event_type: &str, payload: &str) -> Message {
    Message {
        id: Id::first_at(Timestamp::from_ms(1_800_000_000_000)),
        environment_id: Id::from_number(1),
        application_id: Id::from_number(2),
        event_type: event_type.to_owned(),
        event_id: None,
        channels: Vec::new(),
        payload: Some(Bytes::copy_from_slice(payload.as_bytes())),
        expires_at: Timestamp::EPOCH,
        verdicts: Vec::new(),
    }
}

fn wrapped(envelope: Envelope, message: &Message) -> String {
    let wrapped = envelope.wrap(message, true);
    assert_eq!((wrapped.content_type, wrapped.headers), ("application/json", Vec::new()));
    String::from_utf8(wrapped.body.to_vec()).unwrap()
}

fn resource(event_type: &str, payload: &str) -> String {
    assert_eq!(Envelope::Resource.check(payload.as_bytes()), Ok(()));
    wrapped(Envelope::Resource, &message(event_type, payload))
}

/// The text of a member of an object.
fn member<'a>(object: &'a str, name: &str) -> &'a str {
    members(object.as_bytes())[name].get()
}

#[test]
fn every_envelope_is_read_by_its_name() {
    for envelope in Envelope::ALL {
        assert_eq!(Envelope::parse(envelope.as_str()), Some(envelope));
    }
    assert_eq!(Envelope::parse("Raw"), None);
}

#[test]
fn raw_is_the_payload_itself_and_not_a_copy() {
    let message = message("a", ODD);
    let body = Envelope::Raw.wrap(&message, false).body;
    assert_eq!(body, ODD);
    assert_eq!(body.as_ptr(), message.payload.as_ref().unwrap().as_ptr());
}

/// SEEDS B25–B27.
#[test]
fn b25_typed_data_has_three_members_in_this_order() {
    let message = message("order.created", ODD);
    let expected =
        |environment: &str| format!(r#"{{"data":{ODD},"type":"order.created","webhook_environment":"{environment}"}}"#);
    assert_eq!(wrapped(Envelope::TypedData, &message), expected("test"));
    assert_eq!(Envelope::TypedData.wrap(&message, false).body, expected("live"));
}

/// SEEDS B28–B32: when the `data` that the document prints is posted, the payload that it prints arrives; between the
/// members there are no blanks, and within `data` every byte is the document's.
#[test]
fn b28_the_documents_order_arrives_as_the_document_prints_it() {
    let data = member(ORDER_CREATED, "data");
    let body = wrapped(Envelope::TypedData, &message("order.created", data));
    let around: Vec<&str> = ORDER_CREATED.split(data).map(str::trim).collect();
    let around: Vec<String> = around.iter().map(|part| part.replace(['\n', ' '], "")).collect();
    assert_eq!(body, around.join(data));
    assert_eq!(members(data.as_bytes()).len(), 44);
}

/// SEEDS C39–C41: link and type.
#[test]
fn c39_a_thin_resource_is_sent_as_it_is_printed() {
    for (event_type, url, kind) in [
        ("rate", "https://api.shipengine.com/v1/shipments/se-2120221/rates", "API_RATE"),
        ("batch", "https://api.shipengine.com/v1/batches/se-1013119", "API_BATCH"),
        ("carrier_connected", "https://api.shipengine.com/v1/carriers/se-1234", "API_CARRIER_CONNECTED"),
    ] {
        let printed = format!(r#"{{"resource_url":"{url}","resource_type":"{kind}"}}"#);
        assert_eq!(resource(event_type, &printed), printed);
        assert_eq!(resource(event_type, &format!(r#"{{"resource_url":"{url}"}}"#)), printed);
    }
}

/// SEEDS C43: what the document does not print is made of the event type.
#[test]
fn c43_a_type_that_is_left_out_comes_from_the_event_type() {
    for (event_type, kind) in [
        ("track", "API_TRACK"),
        ("sales_orders_imported", "API_SALES_ORDERS_IMPORTED"),
        ("order_source_refresh_complete", "API_ORDER_SOURCE_REFRESH_COMPLETE"),
        ("label.made", "API_LABEL.MADE"),
    ] {
        let body = resource(event_type, r#"{"data":{"n":40.0 },"resource_url":"u"}"#);
        assert_eq!(body, format!(r#"{{"resource_url":"u","resource_type":"{kind}","data":{{"n":40.0 }}}}"#));
    }
    assert_eq!(
        resource("track", r#"{"resource_url":"u","data":null}"#),
        r#"{"resource_url":"u","resource_type":"API_TRACK","data":null}"#
    );
}

/// SEEDS C42, C44–C53: link and full data in one body, each byte of the data as it was posted.
#[test]
fn c42_the_documents_sales_orders_arrive_byte_for_byte() {
    let body = resource("sales_orders_imported", SALES_ORDERS);
    let data = member(SALES_ORDERS, "data");
    let link = r#""resource_url":"https://api.shipengine.com/v-beta/sales_orders""#;
    assert_eq!(body, format!(r#"{{{link},"resource_type":"API_SALES_ORDERS_IMPORTED","data":{data}}}"#));
    for text in
        [r#""amount": 40.0"#, r#""value": 2.8"#, "19:29:21.657Z", "19:18:12Z", "19:29:18.69Z", "a842-d6e89a5b5b26"]
    {
        assert!(data.contains(text), "{text}");
    }
}

#[test]
fn a_payload_that_is_no_resource_is_refused_by_its_member() {
    for (payload, refused) in [
        (r#"{}"#, "resource_url"),
        (r#"{"url":"u"}"#, "resource_url"),
        (r#"{"resource_url":null}"#, "resource_url"),
        (r#"{"resource_url":""}"#, "resource_url"),
        (r#"{"resource_url":["u"]}"#, "resource_url"),
        (r#"{"resource_url":"u","resource_type":7}"#, "resource_type"),
        (r#"{"resource_url":"u","resource_type":null}"#, "resource_type"),
        (r#"{"resource_url":"u","date":[]}"#, "date"),
    ] {
        let unfit = Envelope::Resource.check(payload.as_bytes()).unwrap_err();
        assert_eq!(unfit.member, refused, "{payload}");
        assert!(!unfit.to_string().is_empty());
        // One that was accepted under another envelope is sent as it is.
        assert_eq!(wrapped(Envelope::Resource, &message("batch", payload)), payload);
    }
    for envelope in Envelope::ALL.into_iter().filter(|envelope| *envelope != Envelope::Resource) {
        assert_eq!(envelope.check(b"{}"), Ok(()));
    }
}

#[test]
fn an_example_is_made_to_fit() {
    let example = Bytes::from_static(br#"{"example":true}"#);
    for envelope in Envelope::ALL {
        let fit = envelope.fit_example(example.clone());
        assert_eq!(envelope.check(&fit), Ok(()));
        let expected: &[u8] = match envelope {
            Envelope::Resource => {
                br#"{"resource_url":"https://example.com/resources/example","data":{"example":true}}"#
            }
            _ => &example,
        };
        assert_eq!(fit, expected);
    }
}

/// SEEDS A3–A5, A19: the type of event, the id of the record, and an id and a time that are the same in every repeat.
#[test]
fn a3_an_event_object_names_the_event_and_its_record() {
    let id = message("a", "{}").id;
    for (payload, record_id) in
        [(ODD, "7.50"), (r#"{"id":"716"}"#, r#""716""#), (r#"{"x":{"id":1}}"#, "null"), ("{}", "null")]
    {
        let body = wrapped(Envelope::EventObject, &message("order.in_transit", payload));
        let expected = format!(
            r#"{{"id":"{id}","type":"order.in_transit","created_at":"2027-01-15T08:00:00.000Z","record_id":{record_id},"data":{payload}}}"#
        );
        assert_eq!(body, expected);
    }
}

#[test]
fn standard_has_type_time_and_data() {
    let expected = format!(r#"{{"type":"a.b","timestamp":"2027-01-15T08:00:00.000Z","data":{ODD}}}"#);
    assert_eq!(wrapped(Envelope::Standard, &message("a.b", ODD)), expected);
}

#[test]
fn a_structured_cloud_event_is_one_object() {
    let message = message("a.b", ODD);
    let wrapped = Envelope::CloudEventsStructured.wrap(&message, false);
    let source = format!("/environments/{}/applications/{}", message.environment_id, message.application_id);
    let expected = format!(
        r#"{{"specversion":"1.0","id":"{}","source":"{source}","type":"a.b","time":"2027-01-15T08:00:00.000Z","datacontenttype":"application/json","data":{ODD}}}"#,
        message.id
    );
    assert_eq!(wrapped.body, expected);
    assert_eq!(wrapped.content_type, "application/cloudevents+json; charset=utf-8");
    assert!(wrapped.headers.is_empty() && source.starts_with("/environments/env_") && source.contains("/app_"));
}

#[test]
fn a_binary_cloud_event_has_its_attributes_in_headers() {
    let message = message("a.b", ODD);
    let wrapped = Envelope::CloudEventsBinary.wrap(&message, false);
    assert_eq!((wrapped.body.as_ref(), wrapped.content_type), (ODD.as_bytes(), "application/json"));
    let headers: Vec<(&str, &str)> = wrapped.headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let source = format!("/environments/{}/applications/{}", message.environment_id, message.application_id);
    assert_eq!(
        headers,
        [
            ("ce-specversion", "1.0"),
            ("ce-id", message.id.to_string().as_str()),
            ("ce-source", source.as_str()),
            ("ce-type", "a.b"),
            ("ce-time", "2027-01-15T08:00:00.000Z"),
        ]
    );
}

/// The document shows what is sent.
#[test]
fn the_page_shows_each_envelope() {
    let page = include_str!("../../../docs/envelopes.md");
    let morning = Timestamp::from_ms(1_800_000_000_000);
    let message = Message {
        environment_id: Id::from_number(Id::<()>::first_at(morning).number() + 1),
        application_id: Id::from_number(Id::<()>::first_at(morning).number() + 2),
        ..message("order.created", r#"{"id":"716","total":40.0}"#)
    };
    for envelope in Envelope::ALL {
        let sent = envelope.wrap(&message, false);
        let text = String::from_utf8(sent.body.to_vec()).unwrap();
        assert!(page.contains(&format!("## {}\n", envelope.as_str())), "{envelope:?}");
        // The example under that heading is another.
        if envelope != Envelope::Resource {
            assert!(page.contains(&text), "{text}");
        }
        for (name, value) in sent.headers {
            assert!(page.contains(&format!("{name}: {value}\n")), "{name}: {value}");
        }
    }
}

#[test]
fn header_values_are_percent_encoded() {
    assert_eq!(cloud_events::encoded("Euro € 😀"), "Euro%20%E2%82%AC%20%F0%9F%98%80");
    assert_eq!(cloud_events::encoded("a\"%b\r\n\u{7f}~!"), "a%22%25b%0D%0A%7F~!");
}

#[test]
fn names_are_texts_in_json_whatever_they_hold() {
    let body = wrapped(Envelope::TypedData, &message("a\"b\\\n", "{}"));
    assert_eq!(body, r#"{"data":{},"type":"a\"b\\\n","webhook_environment":"test"}"#);
}
