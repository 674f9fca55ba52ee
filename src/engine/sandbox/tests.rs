//! Runs of code by themselves: what a handler can do, which limits end it, and that nothing leads out or is left over.

use super::*;
use crate::domain::target::Target;
use crate::domain::transformation::{Change, Method, Transformed};

const WEBHOOK: &str = r#"{"method":"POST","url":"https://example.com/hook","eventType":"order.made","channels":["north"],
    "headers":{},"cancel":false,"variables":{"TOKEN":"hush-hush"},"payload":{"id": 1, "price": 40.0}}"#;
const TIME_MS: i64 = 1_700_000_000_000;

fn run_with(seed: i32, code: &str) -> Result<String, String> {
    Job { code: code.to_owned(), webhook: WEBHOOK.to_owned(), time_ms: TIME_MS, seed: [seed, 2, 3, 4] }.run()
}

fn run(code: &str) -> Result<Transformed, String> {
    let url = Target::parse("https://example.com/hook").unwrap();
    run_with(1, code).and_then(|answer| Transformed::read(&answer, &url).map_err(|error| error.why))
}

fn changed(code: &str) -> Change {
    match run(code).unwrap() {
        Transformed::Changed(change) => change,
        Transformed::Cancelled => panic!("{code} cancels"),
    }
}

/// What a handler gets that makes this the payload.
fn value(expression: &str) -> String {
    changed(&format!("function handler(webhook) {{ webhook.payload = [{expression}]; return webhook }}")).body.unwrap()
}

fn why(code: &str) -> String {
    run(code).unwrap_err()
}

#[test]
fn a_handler_changes_what_it_wants_and_nothing_else() {
    let same = changed("function handler(webhook) { return webhook }");
    assert_eq!((same.method, same.body, same.target.is_none()), (Method::Post, None, true));
    let lines = "webhook.method = 'PUT'; webhook.url += '?x=1'; webhook.headers['X-A'] = webhook.variables.TOKEN; \
        webhook.payload = { type: webhook.eventType, channels: webhook.channels, was: webhook.payload }";
    let other = changed(&format!("const handler = (webhook) => {{ {lines}; return webhook }}"));
    assert_eq!((other.method, other.target.unwrap().as_str()), (Method::Put, "https://example.com/hook?x=1"));
    assert_eq!(other.headers["x-a"], "hush-hush");
    let expected = r#"{"type":"order.made","channels":["north"],"was":{"id":1,"price":40}}"#;
    assert_eq!(other.body.as_deref(), Some(expected));
    assert!(matches!(run("function handler(w) { w.cancel = true; return w }"), Ok(Transformed::Cancelled)));
}

#[test]
fn every_limit_ends_a_run_with_its_own_words() {
    let time = too_long();
    let memory = out_of_memory();
    for (lines, expected) in [
        ("for (;;);", &time),
        ("for (;;) { try { for (;;); } catch {} }", &time),
        ("try { for (;;); } finally { for (;;); }", &time),
        (r#"/^(a+)+$/.test("a".repeat(40) + "!")"#, &time),
        ("const p = new Proxy({}, { get: () => { for (;;); } }); return p", &time),
        ("return { get payload() { for (;;); } }", &time),
        ("return { payload: { toJSON() { for (;;); } } }", &time),
        ("Array.prototype.indexOf.call({ length: 2 ** 53 - 1 }, 1)", &time),
        ("Array.prototype.includes.call({ length: 2 ** 53 - 1 }, 1)", &time),
        ("const all = []; for (;;) all.push(new Uint8Array(1e6))", &memory),
        ("for (;;) { try { for (const all = []; ; ) all.push(new Uint8Array(1e6)) } catch {} }", &time),
        ("return { payload: { a: 'x'.repeat(5e6) } }", &"`payload` must have at most 1048576 bytes as JSON".to_owned()),
    ] {
        let why = why(&format!("function handler(webhook) {{ {lines} }}"));
        assert!(why == *expected, "{lines}: {why}");
    }
    let deep = why("function handler(webhook) {\n  return handler(webhook) }");
    assert!(deep.starts_with("RangeError: Maximum call stack size exceeded"), "{deep}");
    let long = why("function handler(webhook) {\n  return 'x'.repeat(1e9) }");
    assert!(long == memory || long.contains("(line 2)"), "{long}");
}

#[test]
fn an_error_is_told_with_its_line() {
    for (code, expected) in [
        ("function handler(webhook) {\n\n  return webhook.nothing.there }", "(line 3)"),
        ("function handler(webhook) {\n  throw new Error('no such order') }", "Error: no such order (line 2)"),
        ("function handler(webhook) {\n  retrun webhook }", "SyntaxError"),
        ("function handler(webhook) {\n  retrun webhook }", "(line 2)"),
        ("throw 'early'; function handler() {}", "the code threw \"early\""),
        ("function other(webhook) { return webhook }", "there is no function `handler`"),
        ("function handler(webhook) { }", "must return the webhook, and returned undefined"),
        ("async function handler(webhook) { return webhook }", "must not be async"),
        ("function handler(webhook) { return { ...webhook, payload: 7 } }", "`payload` must be an object"),
        ("function handler(webhook) { return { payload: () => 1 } }", "`payload` must be an object"),
        ("function handler(webhook) { return { payload: { n: 1n } } }", "TypeError"),
        ("const c = {}; c.c = c; function handler(webhook) { return { payload: c } }", "circular"),
    ] {
        let why = why(code);
        assert!(why.contains(expected), "{code}: {why}");
    }
}

#[test]
fn there_is_no_way_out() {
    let names = "['fetch', 'require', 'process', 'setTimeout', 'console', 'XMLHttpRequest', 'WebSocket', 'Deno', 'os', \
        'std', 'scriptArgs', 'performance', 'Atomics', 'SharedArrayBuffer', 'WeakRef', 'queueMicrotask']";
    assert_eq!(value(&format!("...{names}.filter((name) => name in globalThis)")), "[]");
    let imports = "function handler(webhook) { import('fs'); return webhook }";
    assert!(changed(imports).body.is_none(), "nothing is there to be imported");
    assert!(why("import fs from 'fs'; function handler(w) { return w }").starts_with("SyntaxError"));
}

#[test]
fn nothing_is_left_for_the_next_run() {
    let pollutes = "Object.prototype.polluted = 1; Array.prototype.map = null; JSON.stringify = () => 'no'; \
        globalThis.left = 1; Date.now = () => 0; function handler(webhook) { webhook.payload.a = 1; return webhook }";
    assert_eq!(changed(pollutes).body.as_deref(), Some(r#"{"id":1,"price":40,"a":1}"#));
    assert_eq!(
        value("({}).polluted, typeof left, typeof [].map, Date.now()"),
        "[null,\"undefined\",\"function\",1700000000000]"
    );
}

#[test]
fn the_same_job_gives_the_same_answer_and_another_message_another() {
    let code = "function handler(webhook) { webhook.payload = [Math.random(), Math.random(), Date.now(), \
        new Date(), Date(), new (new Date().constructor)().getTime(), new Date(2020, 0, 31).toISOString()]; return webhook }";
    let first = run_with(1, code).unwrap();
    assert_eq!(first, run_with(1, code).unwrap());
    assert_ne!(first, run_with(5, code).unwrap());
    for part in ["1700000000000,\"2023-11-14T22:13:20.000Z\"", "\"2020-01-31T00:00:00.000Z\""] {
        assert!(first.contains(part), "{first}");
    }
    assert_eq!(value("Math.random() < 1, Math.random() >= 0, Math.random() === Math.random()"), "[true,true,false]");
}

#[test]
fn times_are_in_utc() {
    for (expression, expected) in [
        ("new Date(0).getHours(), new Date(0).getTimezoneOffset()", "[0,0]"),
        ("Date.parse('2020-01-31T10:00:00'), Date.parse('2020-01-31')", "[1580464800000,1580428800000]"),
        (
            "Date.parse('2020-01-31T10:00:00+01:00'), new Date('2020-01-31T10:00:00Z').getTime()",
            "[1580461200000,1580464800000]",
        ),
        (
            "Date.parse('Fri, 31 Jan 2020 10:00:00 GMT'), Date.parse('31 Jan 2020 10:00:00')",
            "[1580464800000,1580464800000]",
        ),
        (
            "new Date(0) instanceof Date, typeof Date(), String(new Date(0))",
            "[true,\"string\",\"Thu, 01 Jan 1970 00:00:00 GMT\"]",
        ),
        ("class extends Date {}, new (class extends Date {})() instanceof Date", "[null,true]"),
    ] {
        assert_eq!(value(expression), expected, "{expression}");
    }
}

#[test]
fn jobs_come_and_go_in_frames() {
    let mut frames = Vec::new();
    write_frame(&mut frames, b"one").unwrap();
    write_frame(&mut frames, b"").unwrap();
    let mut from = frames.as_slice();
    assert_eq!(read_frame(&mut from).unwrap().as_deref(), Some(b"one".as_slice()));
    assert_eq!(read_frame(&mut from).unwrap().as_deref(), Some(b"".as_slice()));
    assert_eq!(read_frame(&mut from).unwrap(), None);
    assert!(read_frame(&mut [9, 0, 0, 0, 1].as_slice()).is_err());
}
