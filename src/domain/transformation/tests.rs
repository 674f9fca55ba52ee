//! What answers of code are taken, which variables and code may be kept, and what is shown of them.

use super::*;

fn url() -> Target {
    Target::parse("https://example.com/hook").unwrap()
}

fn change(answer: &str) -> Change {
    match Transformed::read(answer, &url()).unwrap() {
        Transformed::Changed(change) => change,
        Transformed::Cancelled => panic!("{answer} cancels"),
    }
}

fn variables(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

#[test]
fn what_an_answer_leaves_out_stays_as_it_was() {
    let left = change("{}\n");
    assert_eq!((left.method, left.body, left.headers.len()), (Method::Post, None, 0));
    assert!(left.target.is_none() && change("{\"url\":\"https://example.com/hook\"}\n").target.is_none());
    let given = change("{\"method\":\"PUT\",\"url\":\"https://b.example/\",\"headers\":{\"X-A\":\"1\"}}\n[1]");
    assert_eq!((given.method, given.body.as_deref()), (Method::Put, Some("[1]")));
    assert_eq!(given.target.unwrap().as_str(), "https://b.example/");
    assert_eq!(given.headers["x-a"], "1");
    assert!(matches!(Transformed::read("{\"cancel\":true}\n", &url()), Ok(Transformed::Cancelled)));
}

#[test]
fn nonsense_is_refused_by_its_member() {
    let long = format!("{{}}\n[\"{}\"]", "x".repeat(TRANSFORMED_BYTES_MAX));
    for (answer, member) in [
        ("{\"method\":\"GET\"}\n", "`method`"),
        ("{\"method\":7}\n", "`method`"),
        ("{\"url\":7}\n", "`url`"),
        ("{\"url\":\"ftp://a.example/\"}\n", "`url`"),
        ("{\"url\":\"https://u:p@a.example/\"}\n", "`url`"),
        ("{\"cancel\":\"yes\"}\n", "`cancel`"),
        ("{\"headers\":[]}\n", "`headers`"),
        ("{\"headers\":{\"a\":1}}\n", "`headers`"),
        ("{\"headers\":{\"Webhook-Signature\":\"v1,\"}}\n", "`headers`"),
        ("{\"headers\":{\"transfer-encoding\":\"chunked\"}}\n", "`headers`"),
        ("{\"headers\":{\"x-a\":\"a\\r\\nb\"}}\n", "`headers`"),
        ("{}\n7", "`payload`"),
        ("{}\nnull", "`payload`"),
        (&long, "`payload`"),
        ("{}", "`handler`"),
    ] {
        let why = Transformed::read(answer, &url()).unwrap_err().why;
        assert!(why.starts_with(member), "{answer:.60}: {why}");
    }
}

#[test]
fn a_concealed_variable_keeps_its_value_and_no_text_shows_it() {
    let before =
        Variables::checked(variables(&[("TOKEN", "hush-hush"), ("OLD", "gone")]), &Variables::default()).unwrap();
    let after = Variables::checked(variables(&[("TOKEN", CONCEALED), ("NEW", "1")]), &before).unwrap();
    assert_eq!(after, Variables(variables(&[("TOKEN", "hush-hush"), ("NEW", "1")])));
    assert!(Variables::checked(variables(&[("OTHER", CONCEALED)]), &before).is_err());
    assert_eq!(after.conceal_in("Error: hush-hush at 1"), "Error: ••• at 1");
    let trial = Variables::for_trial(variables(&[("TOKEN", CONCEALED), ("NEW", "1")])).unwrap();
    assert_eq!(trial, Variables(variables(&[("TOKEN", STAND_IN), ("NEW", "1")])));
    assert!(!format!("{after:?}").contains("hush"));
    assert_eq!(after.concealed(), Variables(variables(&[("TOKEN", CONCEALED), ("NEW", CONCEALED)])));
}

#[test]
fn variables_have_names_for_code_and_are_few() {
    let named = |name: &str| Variables::checked(variables(&[(name, "v")]), &Variables::default());
    for name in ["A", "_a1", "TOKEN_2"] {
        assert!(named(name).is_ok(), "{name}");
    }
    for name in ["", "1a", "a-b", "a b", "é", "a.b", &"n".repeat(VARIABLE_NAME_BYTES_MAX + 1)] {
        assert!(named(name).is_err(), "{name}");
    }
    let many = |count: usize| (0..count).map(|place| (format!("v{place}"), String::new())).collect();
    assert!(Variables::checked(many(VARIABLES_MAX), &Variables::default()).is_ok());
    assert!(Variables::checked(many(VARIABLES_MAX + 1), &Variables::default()).is_err());
    let long = "x".repeat(VARIABLES_BYTES_MAX);
    assert!(Variables::checked(variables(&[("a", &long)]), &Variables::default()).is_err());
}

#[test]
fn code_has_a_length() {
    assert!(check_code(&"x".repeat(CODE_BYTES_MIN)).is_ok() && check_code(&"x".repeat(CODE_BYTES_MAX)).is_ok());
    assert!(check_code(&"x".repeat(CODE_BYTES_MIN - 1)).is_err());
    assert!(check_code(&"x".repeat(CODE_BYTES_MAX + 1)).is_err());
}

#[test]
fn deliveries_go_through_code_that_is_there_and_switched_on() {
    let now = Timestamp::from_ms(7);
    let set = |code: Option<&str>, enabled| TransformationChange {
        code: Some(code.map(str::to_owned)),
        enabled: Some(enabled),
        variables: None,
    };
    let code = "function handler(w) { return w }";
    let on = Transformation::default().changed(set(Some(code), true), now).unwrap();
    assert_eq!((on.running(), on.updated_at), (Some(code), Some(now)));
    assert_eq!(on.changed(set(Some(code), false), now).unwrap().running(), None);
    assert_eq!(on.changed(set(None, true), now).unwrap().running(), None);
    assert_eq!(on.changed(set(Some("short"), true), now).unwrap_err().0, "code");
}

#[test]
fn code_is_given_the_payload_as_it_stands() {
    let of = |channels: &[String]| {
        let none = Variables::default();
        let (url, payload) = ("https://a.example/", "{ \"b\": 40.0 }");
        Webhook { url, event_type: "a.b", channels, variables: &none, payload }.to_json()
    };
    let given = of(&["north".to_owned()]);
    assert!(given.ends_with(",\"payload\":{ \"b\": 40.0 }}"), "{given}");
    let read: Value = serde_json::from_str(&given).unwrap();
    assert_eq!((&read["method"], &read["cancel"], &read["headers"]), (&json!("POST"), &json!(false), &json!({})));
    assert_eq!((&read["channels"], &read["variables"]), (&json!(["north"]), &json!({})));
    assert!(!of(&[]).contains("channels"));
}

#[test]
fn variables_are_written_so_that_they_are_read_alike() {
    let some = Variables(variables(&[("A", "\u{1}\"é"), ("B", "")]));
    assert_eq!(Variables::from_json(some.to_json().as_bytes()), Some(some));
    assert_eq!(Variables::from_json(b"[]"), None);
}
