//! The OpenAPI document is generated from the routes and checked in, so that every change of the wire is seen in review.

use std::process::Command;

#[test]
fn the_checked_in_document_is_what_the_routes_say() {
    let output = Command::new(env!("CARGO_BIN_EXE_cornet")).arg("openapi").output().expect("the cornet binary starts");
    assert!(output.status.success());
    let generated = String::from_utf8(output.stdout).expect("the document is text");
    let checked_in = include_str!("../docs/openapi.json");
    assert!(
        generated == checked_in,
        "the wire has changed: `cargo run -- openapi > docs/openapi.json`, and read the difference"
    );
}
