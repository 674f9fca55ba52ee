//! Whatever is sealed is sealed anew when the master key is replaced: no column is forgotten.

use std::collections::BTreeSet;

use super::{none, sources};

#[test]
fn every_place_that_something_is_sealed_for_is_among_those_that_are_sealed_anew() {
    let sources = sources(&["src/store"]);
    let resealing = sources.iter().find(|source| source.path.ends_with("resealing.rs")).expect("it is there");
    let places = |code: &str, before: &str| -> BTreeSet<String> {
        let after = code.split(before).skip(1);
        let name = |text: &str| text.chars().take_while(|one| one.is_alphanumeric() || *one == '_').collect();
        after.map(|text| name(text.trim_start().trim_start_matches('&'))).collect()
    };
    let anew: BTreeSet<String> = resealing
        .code
        .split("place: |id| ")
        .skip(1)
        .filter_map(|text| {
            let path = text.split('(').next()?;
            Some(path.rsplit("::").next()?.to_owned())
        })
        .collect();
    assert!(!anew.is_empty(), "where a column is sealed for stands in its `place`");
    // The vault knows no place, and what tells the key itself is sealed anew with the key.
    let own = ["vault.rs", "seal.rs"];
    let others = sources.iter().filter(|source| !own.iter().any(|name| source.path == format!("src/store/{name}")));
    let mut complaints = Vec::new();
    for source in others {
        for place in places(&source.code, ".seal(") {
            if !anew.contains(&place) {
                complaints
                    .push(format!("{}: what is sealed for `{place}` is not in COLUMNS of resealing.rs", source.path));
            }
        }
    }
    none(complaints);
}
