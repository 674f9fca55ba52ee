//! What is tried with bytes that nobody chose: one function for each place where Cornet reads what others wrote. Each takes
//! any bytes and panics when a promise does not hold. libFuzzer calls them (`fuzz/fuzz.rs`) and so does
//! `tests/fuzz_corpus.rs`, with the corpus; they know neither.

mod answers;
mod bodies;
mod secrets;
mod texts;
mod urls;

/// Tries one input.
pub type Target = fn(&[u8]);

/// Every target, by the name of its folder in `fuzz/corpus`.
pub const ALL: [(&str, Target); 19] = [
    ("addresses", urls::addresses),
    ("cursor", texts::cursor),
    ("envelope", bodies::envelope),
    ("filter", bodies::filter),
    ("header", texts::header),
    ("json", bodies::json),
    ("message", bodies::message),
    ("name", texts::name),
    ("network", urls::network),
    ("response_head", answers::response_head),
    ("retry_after", answers::retry_after),
    ("schedule", texts::schedule),
    ("schema", bodies::schema),
    ("secret", secrets::secret),
    ("shipengine", bodies::shipengine),
    ("signature", secrets::signature),
    ("transformed", answers::transformed),
    ("url", urls::url),
    ("vault", secrets::vault),
];
