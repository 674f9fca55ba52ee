//! Runs one target of the fuzz targets under libFuzzer: the one that `CORNET_FUZZ_TARGET` names. `fuzz/README.md` says how.

#![no_main]

use std::sync::OnceLock;

use libfuzzer_sys::fuzz_target;

#[path = "targets/mod.rs"]
mod targets;

static TARGET: OnceLock<targets::Target> = OnceLock::new();

fn named_target() -> targets::Target {
    let name = std::env::var("CORNET_FUZZ_TARGET").unwrap_or_default();
    let target = targets::ALL.iter().find(|(known, _)| *known == name);
    target.unwrap_or_else(|| panic!("set CORNET_FUZZ_TARGET to a folder of fuzz/corpus, not to {name:?}")).1
}

fuzz_target!(|bytes: &[u8]| TARGET.get_or_init(named_target)(bytes));
