//! The `cornet` binary.

fn main() {}
