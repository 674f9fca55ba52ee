//! What the checker accepts and refuses, and that it agrees with serde_json about what JSON is.

use proptest::prelude::*;

use super::{Rules, check};

const RULES: Rules = Rules::named("payload");

fn refused(text: impl AsRef<[u8]>) -> (String, String) {
    let error = check(text.as_ref(), RULES).unwrap_err();
    (error.code().to_owned(), error.path().to_owned())
}

#[test]
fn json_passes_as_it_stands() {
    let long_number = "9".repeat(1000);
    let deep = "[".repeat(64) + &"]".repeat(64);
    for text in [
        "0",
        "-0",
        "1e999",
        "1E-999",
        "40.0",
        "12345678901234567890123",
        &long_number,
        &deep,
        "\"\"",
        " [ ] ",
        "{}",
        "\t{\"a\" : [ true , false,null ], \"\": {\"a\":1}}\r\n",
        r#""\u00e9\ud83d\ude00\"\\\/\b\f\n\r\t é 😀""#,
        r#"{"a":1,"A":2,"a\u0301":3,"á":4}"#,
        "\"\u{7f}\u{2028}\"",
    ] {
        assert_eq!(check(text.as_bytes(), RULES), Ok(()), "{text}");
    }
}

#[test]
fn what_is_not_json_is_refused() {
    for text in [
        "",
        " ",
        "nul",
        "True",
        "[1,]",
        "[1 2]",
        "[,]",
        "{\"a\":1,}",
        "{\"a\" 1}",
        "{a:1}",
        "{\"a\"}",
        "[1}",
        "{\"a\":1]",
        "[",
        "{",
        "1 2",
        "01",
        "-",
        "1.",
        ".5",
        "+1",
        "1e",
        "1e+",
        "0x1",
        "NaN",
        "\"",
        "\"a",
        "\"\n\"",
        "\"\\x\"",
        "\"\\",
        "\"\\u12\"",
        "\"\\u12g4\"",
        "\"\\u+123\"",
        "'a'",
        "[1]//",
        "\u{a0}1",
        "]",
        "}",
        ",",
        ":",
    ] {
        assert_eq!(refused(text).0, "json_syntax", "{text}");
    }
}

#[test]
fn a_fault_has_its_code_and_its_place() {
    let long_number = format!(r#"{{"n":[1,{}]}}"#, "9".repeat(1001));
    let cases: [(&[u8], &str, &str, usize); 17] = [
        (br#"{"items":[1,{"name":tru}]}"#, "json_syntax", "payload.items[1].name", 20),
        (br#"{"a":1,}"#, "json_syntax", "payload.a", 7),
        (br#"{"a":1,"b" 2}"#, "json_syntax", "payload.b", 11),
        (br#"{"a":1 "b":2}"#, "json_syntax", "payload.a", 7),
        (br#"{"a b":["x",?]}"#, "json_syntax", "payload[\"a b\"][1]", 12),
        (b"[1,2", "json_syntax", "payload[1]", 4),
        (br#"{"a":1,"b":2,"a":3}"#, "json_duplicate_key", "payload.a", 13),
        (br#"{"o":[{"a":1,"\u0061":3}]}"#, "json_duplicate_key", "payload.o[0].a", 13),
        (br#"{"\ud83d\ude00":1,"n":{"x":1,"y":2},"\uD83D\uDE00":2}"#, "json_duplicate_key", "payload[\"😀\"]", 36),
        (br#"{"a/":1,"a\/":2}"#, "json_duplicate_key", "payload[\"a/\"]", 8),
        (b"\xEF\xBB\xBF{}", "json_encoding", "payload", 0),
        (b"{\"a\":\"\xff\"}", "json_encoding", "payload", 6),
        (br#"{"a":"\ud800"}"#, "json_encoding", "payload.a", 6),
        (br#"["\ude00\ud83d"]"#, "json_encoding", "payload[0]", 2),
        (br#"["\ud83d\u0041"]"#, "json_encoding", "payload[0]", 2),
        (br#"{"a":["x\u0000"]}"#, "json_encoding", "payload.a[0]", 8),
        (long_number.as_bytes(), "json_number", "payload.n[1]", 8),
    ];
    for (text, code, path, offset) in cases {
        let error = check(text, RULES).unwrap_err();
        let text = String::from_utf8_lossy(text);
        assert_eq!((error.code(), error.path(), error.offset()), (code, path, offset), "{text}: {error}");
    }
    let error = check(br#"{"a":1,"a":2}"#, RULES).unwrap_err();
    assert_eq!(error.to_string(), "payload.a at byte 7: this key is in the object twice; keep one of the two");
}

#[test]
fn every_byte_is_seen_wherever_it_stands_in_a_string() {
    for filler in ["x", "é", "\u{7f}", "!"] {
        for byte in 0..=0x7f_u8 {
            for before in 0..20 {
                let text = format!("\"{}{}{}\"", filler.repeat(before), char::from(byte), filler.repeat(20 - before));
                let serde = serde_json::from_str::<serde::de::IgnoredAny>(&text).is_ok();
                assert_eq!(check(text.as_bytes(), RULES).is_ok(), serde, "{text:?}");
            }
        }
    }
}

#[test]
fn depth_is_bounded_without_recursion() {
    for depth in [65, 129, 10_000, 100_000] {
        assert_eq!(refused("[".repeat(depth)).0, "json_depth");
        let (code, path) = refused("{\"a\":".repeat(depth));
        assert_eq!(code, "json_depth");
        assert!(path.starts_with("payload.a.a") && path.len() < 300, "{path}");
    }
}

#[test]
fn many_keys_are_compared_in_little_time() {
    let object = |count: usize, last: &str| {
        let keys: Vec<String> = (0..count).map(|n| format!("\"key{n}\":{n}")).collect();
        format!("{{{},\"{last}\":0}}", keys.join(","))
    };
    assert_eq!(check(object(100_000, "other").as_bytes(), RULES), Ok(()));
    assert_eq!(refused(object(100_000, "key5")), ("json_duplicate_key".to_owned(), "payload.key5".to_owned()));
}

/// Texts that are nearly JSON, so that both outcomes are common.
fn nearly_json() -> impl Strategy<Value = String> {
    const TOKENS: [&str; 28] = [
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        "\"a\"",
        "\"b\"",
        "\"\\u0061\"",
        "\"",
        "\\",
        "\\u00e9",
        "true",
        "false",
        "null",
        "0",
        "-1",
        "1.5",
        "1e9",
        "e",
        ".",
        "-",
        " ",
        "\n",
        "x",
        "é",
        "\u{1}",
        "\\ud83d\\ude00",
    ];
    let noise = prop::collection::vec(prop::sample::select(TOKENS.to_vec()), 0..24).prop_map(|tokens| tokens.concat());
    let leaf = prop_oneof![
        prop::sample::select(vec!["true", "null", "0", "-1.5e+3", "\"s\"", "\"\\n\"", " 7 ", "01", "\"\t\""])
            .prop_map(str::to_owned),
        any::<f64>().prop_map(|number| number.to_string()),
        any::<String>().prop_map(|text| serde_json::to_string(&text).unwrap()),
    ];
    let value = leaf.prop_recursive(6, 64, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(|items| format!("[{}]", items.join(","))),
            prop::collection::vec(("[a-z\"]{1,3}", inner), 0..6).prop_map(|members| {
                let members: Vec<String> = members.iter().map(|(key, value)| format!("\"{key}\": {value}")).collect();
                format!("{{{}}}", members.join(" ,"))
            }),
        ]
    });
    prop_oneof![noise, value]
}

/// Few letters, spelt plainly or as escapes, so that equal keys are common.
const KEY: &str = r"(a|b|\\u0061|\\u00e9|é|\\/|/|long part){0,4}";

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn serde_json_agrees_about_what_json_is(text in nearly_json()) {
        let serde = serde_json::from_str::<serde::de::IgnoredAny>(&text).is_ok();
        match check(text.as_bytes(), RULES) {
            Ok(()) => prop_assert!(serde, "{text}"),
            Err(error) if error.code() == "json_syntax" => prop_assert!(!serde, "{text}: {error}"),
            Err(_) => {}
        }
    }

    #[test]
    fn keys_are_compared_as_serde_json_reads_them(keys in prop::collection::vec(KEY, 0..40)) {
        let members: Vec<String> = keys.iter().map(|key| format!("\"{key}\":0")).collect();
        let text = format!("{{{}}}", members.join(","));
        let map: serde_json::Map<String, serde_json::Value> = serde_json::from_str(&text).unwrap();
        prop_assert_eq!(check(text.as_bytes(), RULES).is_ok(), map.len() == keys.len());
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..200), start in 0..4usize) {
        let text = [[&b""[..], b"{\"a\":\"", b"[\"\\u", b"{\""][start], &bytes].concat();
        if let Err(error) = check(&text, RULES) {
            prop_assert!(error.offset() <= text.len());
            prop_assert!(!error.to_string().contains('\n'));
        }
    }
}
