//! What a filter asks, what it refuses, and that it ends.

use super::*;

const TIME: Timestamp = Timestamp::from_ms(1_800_000_000_000);

fn filter(text: &str) -> Filter {
    Filter::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn passes(text: &str, payload: &str) -> bool {
    let (filter, subject) = (filter(text), Subject::new("order.created", payload.as_bytes(), TIME));
    assert_eq!(filter.lets_pass(&subject), filter.miss(&subject).is_none(), "{text}");
    filter.lets_pass(&subject)
}

fn miss(text: &str, payload: &str) -> String {
    let miss = filter(text).miss(&Subject::new("order.created", payload.as_bytes(), TIME)).unwrap();
    format!("{}: {}", miss.path.join("."), miss.why)
}

fn refusal(text: &str) -> String {
    Filter::parse(text).unwrap_err().to_string()
}

#[test]
fn each_operator_says_what_the_manual_says() {
    let payload = r#"{"n":40.0,"t":"DHL Express","none":null,"yes":true,"big":9007199254740993,"in":{"a":1}}"#;
    for (condition, holds) in [
        (r#"{"n":40}"#, true),
        (r#"{"n":{"$eq":4e1}}"#, true),
        (r#"{"n":"40"}"#, false),
        (r#"{"n":{"$neq":40}}"#, false),
        (r#"{"missing":{"$neq":40}}"#, true),
        (r#"{"big":9007199254740992}"#, false),
        (r#"{"n":{"$gt":39.99,"$lte":40}}"#, true),
        (r#"{"n":{"$lt":40}}"#, false),
        (r#"{"n":{"$gte":"4"}}"#, false),
        (r#"{"missing":{"$lt":1}}"#, false),
        (r#"{"t":{"$gte":"DHL","$lt":"DHM"}}"#, true),
        (r#"{"t":{"$in":["UPS","DHL Express"]}}"#, true),
        (r#"{"t":{"$nin":["UPS","DHL Express"]}}"#, false),
        (r#"{"missing":{"$nin":["UPS"]}}"#, true),
        (r#"{"t":{"$startsWith":"DHL"}}"#, true),
        (r#"{"t":{"$startsWith":["UPS","DPD"]}}"#, false),
        (r#"{"t":{"$endsWith":["Express","Ground"]}}"#, true),
        (r#"{"n":{"$startsWith":"4"}}"#, false),
        (r#"{"none":null}"#, true),
        (r#"{"missing":null}"#, false),
        (r#"{"none":{"$exist":true},"missing":{"$exist":false}}"#, true),
        (r#"{"none":{"$exist":false}}"#, false),
        (r#"{"yes":true}"#, true),
        (r#"{"yes":{"$not":true}}"#, false),
        (r#"{"in":{"a":1}}"#, true),
        (r#"{"in":{"a":{"b":1}}}"#, false),
        (r#"{"in":{"a":{"b":{"$exist":false}}}}"#, true),
        (r#"{"$or":[{"n":1},{"in":{"a":1}}]}"#, true),
        (r#"{"$and":[{"n":40},{"in":{"a":2}}]}"#, false),
        (r#"{"n":{"$or":[{"$lt":3},{"$gt":39}]}}"#, true),
        (r#"{"$not":{"n":40,"yes":false}}"#, true),
    ] {
        assert_eq!(passes(&format!(r#"{{"data":{condition}}}"#), payload), holds, "{condition}");
    }
}

#[test]
fn a_list_satisfies_what_one_of_its_elements_does() {
    let payload = r#"{"tags":["a","b"],"items":[{"sku":"x","n":1},{"sku":"y","n":9}],"deep":[[1],[2,3]],"none":[]}"#;
    for (condition, holds) in [
        (r#"{"tags":"b"}"#, true),
        (r#"{"tags":"c"}"#, false),
        (r#"{"tags":{"$neq":"b"}}"#, false),
        (r#"{"tags":{"$nin":["c","d"]}}"#, true),
        (r#"{"items":{"sku":"x","n":1}}"#, true),
        (r#"{"items":{"sku":"x","n":9}}"#, false),
        (r#"{"items":{"n":{"$gt":1,"$lt":9}}}"#, false),
        (r#"{"items":{"sku":{"$neq":"x"}}}"#, true),
        (r#"{"items":{"$not":{"sku":"x"}}}"#, false),
        (r#"{"items":{"$and":[{"sku":"x"},{"n":9}]}}"#, true),
        (r#"{"deep":3}"#, true),
        (r#"{"none":{"$exist":true}}"#, true),
        (r#"{"none":{"x":{"$exist":false}}}"#, false),
        (r#"{"none":{"$neq":1}}"#, true),
    ] {
        assert_eq!(passes(&format!(r#"{{"data":{condition}}}"#), payload), holds, "{condition}");
    }
}

#[test]
fn a_message_is_more_than_its_payload() {
    let channels = ["eu".to_owned(), "vip".to_owned()];
    let bare = || Subject::new("order.created", b"{}", TIME);
    let judged = |text: &str| {
        let named = bare().with_event_id(Some("order-7")).with_channels(&channels);
        (filter(text).lets_pass(&named), filter(text).lets_pass(&bare()))
    };
    assert_eq!(judged(r#"{"id":{"$startsWith":"order-"}}"#), (true, false));
    assert_eq!(judged(r#"{"channels":"vip"}"#), (true, false));
    assert_eq!(judged(r#"{"channels":{"$exist":false},"id":{"$exist":false}}"#), (false, true));
    assert_eq!(judged(r#"{"type":{"$in":["order.created"]}}"#), (true, true));
    assert_eq!(judged(r#"{"time":{"$gte":"2027-01-15","$lt":"2027-01-16"}}"#), (true, true));
    assert_eq!(judged(r#"{"data":{"$exist":true}}"#), (true, true));
}

#[test]
fn what_is_missed_is_told_with_its_place_and_what_is_there() {
    let payload = r#"{"total":40,"country":"FR","tags":["a"],"note":"ä"}"#;
    for (text, told) in [
        (r#"{"data":{"total":{"$gt":100}}}"#, "data.total.$gt: must be greater than 100, but is 40"),
        (r#"{"data":{"country":"DE"}}"#, r#"data.country: must be "DE", but is "FR""#),
        (
            r#"{"data":{"country":{"$nin":["FR","IT"]}}}"#,
            r#"data.country.$nin: must not be one of "FR" or "IT", but is "FR""#,
        ),
        (
            r#"{"data":{"city":{"$in":[1,2,3,4,5,6,7]}}}"#,
            "data.city.$in: must be one of 1, 2, 3, 4, 5 or 2 more, but is missing",
        ),
        (r#"{"data":{"tags":"b"}}"#, r#"data.tags: must be "b", but no element is so"#),
        (r#"{"data":{"total":{"$exist":false}}}"#, "data.total.$exist: must not be there, but is 40"),
        (r#"{"$or":[{"type":"a"},{"type":"b"}]}"#, "$or: one of these 2 must hold, but none does"),
        (r#"{"data":{"$not":{"total":40}}}"#, "data.$not: must not hold, but does"),
        (r#"{"data":{"tags":{"x":1}}}"#, "data.tags.x: must be 1, but no element is so"),
        (
            r#"{"data":{"tags":{"x":{"a":1,"b":2}}}}"#,
            "data.tags.x: must hold for an element of the list, but no element is so",
        ),
        (r#"{"data":{"items":{"x":1,"y":2}}}"#, "data.items.x: must be 1, but is missing"),
        (
            r#"{"data":{"tags":{"$gt":"a","$lt":"b"}}}"#,
            "data.tags: must hold as a whole for one element of the list, but holds for none",
        ),
    ] {
        assert_eq!(miss(text, payload), told);
    }
    let long = format!(r#"{{"note":"{}"}}"#, "ä".repeat(1_000));
    assert!(miss(r#"{"data":{"note":"b"}}"#, &long).chars().count() < 120);
}

#[test]
fn a_bad_filter_is_refused_with_the_place_and_what_to_do() {
    for (text, told) in [
        ("", "expected a value"),
        ("[]", "must be an object"),
        ("{}", "must ask for something"),
        (r#"{"data":{}}"#, "`data` must ask for something"),
        (r#"{"total":1}"#, "`total` is nothing that a message has"),
        (r#"{"$gt":1}"#, "`$gt` can't be asked of a message as a whole"),
        (r#"{"$not":{"total":1}}"#, "`$not.total` is nothing"),
        (r#"{"data":{"a":{"$regex":"x"}}}"#, "`data.a.$regex` is no operator: use `$eq`"),
        (r#"{"data":{"a":[1]}}"#, "`data.a` is a list: ask for one of several values with `$in`"),
        (r#"{"data":{"a":{"$in":[]}}}"#, "`data.a.$in` must be a list of values"),
        (r#"{"data":{"a":{"$in":[1,{}]}}}"#, "`data.a.$in.1` must be a text, a number"),
        (r#"{"data":{"a":{"$gt":true}}}"#, "`data.a.$gt` must be a number or a text"),
        (r#"{"data":{"a":{"$startsWith":1}}}"#, "`data.a.$startsWith` must be a text"),
        (r#"{"data":{"a":{"$exist":1}}}"#, "`data.a.$exist` must be true or false"),
        (r#"{"$or":[]}"#, "`$or` must be a list of conditions"),
        (r#"{"$or":[{"x":1}]}"#, "`$or.0.x` is nothing that a message has"),
        (r#"{"data":{"a":1e999999}}"#, "`data.a` is a number with so great an exponent"),
        (r#"{"data":{"a":1,"a":2}}"#, "in the object twice"),
    ] {
        assert!(refusal(text).contains(told), "{text}: {}", refusal(text));
    }
    let path = Filter::parse(r#"{"data":{"a":{"$in":[1,[]]}}}"#).unwrap_err().path;
    assert_eq!(path, ["data", "a", "$in", "1"]);
}

#[test]
fn a_filter_is_bounded_in_size_depth_and_clauses() {
    let nested = |depth: usize| format!("{}1{}", r#"{"data":"#.repeat(depth), "}".repeat(depth));
    filter(&nested(FILTER_DEPTH_MAX));
    assert!(refusal(&nested(FILTER_DEPTH_MAX + 1)).contains("nested too deeply"));
    let values = |count: usize| format!(r#"{{"data":{{"a":{{"$in":[{}1]}}}}}}"#, "1,".repeat(count - 1));
    filter(&values(FILTER_CLAUSES_MAX - 3));
    assert!(refusal(&values(FILTER_CLAUSES_MAX - 2)).contains("at most 100 clauses"));
    let long = |bytes: usize| format!(r#" {{"data": "{}"}} "#, "x".repeat(bytes - r#"{"data":""}"#.len()));
    filter(&long(FILTER_BYTES_MAX));
    assert!(refusal(&long(FILTER_BYTES_MAX + 1)).contains("at most 8192 bytes"));
    assert_eq!(filter(r#" { "type" : "a b" } "#).text(), r#"{"type":"a b"}"#);
}

#[test]
fn what_takes_too_many_steps_passes() {
    let list = |items: usize| format!(r#"{{"a":[{}2]}}"#, "1,".repeat(items));
    assert!(!passes(r#"{"data":{"a":3}}"#, &list(1_000)));
    assert!(passes(r#"{"data":{"a":3}}"#, &list(FILTER_STEPS_MAX)));
    // Nor does its opposite stop it, or a branch that is done.
    assert!(passes(r#"{"data":{"$not":{"a":{"$neq":3}}}}"#, &list(FILTER_STEPS_MAX)));
    assert!(passes(r#"{"$or":[{"data":{"a":3}},{"type":"other"}]}"#, &list(FILTER_STEPS_MAX)));
    let wide: String = (0..200_000).map(|member| format!(r#""{member}":1,"#)).collect();
    assert!(passes(r#"{"data":{"a":3}}"#, &format!(r#"{{{wide}"a":1}}"#)));
}
