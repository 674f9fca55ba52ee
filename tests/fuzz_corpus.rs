//! Plays the corpus of the fuzz targets, and each of its inputs again and again with a few seeded faults, so that what
//! fuzzing has found stays found, without the tools for it.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::fs;
use std::panic::{self, AssertUnwindSafe};
use std::path::{Path, PathBuf};

#[path = "../fuzz/targets/mod.rs"]
mod targets;

/// How often each input is played with faults.
const FAULTY_PLAYS: u64 = 100;
/// The longest input: the corpus is to be read.
const INPUT_BYTES_MAX: usize = 4 * 1024;
/// How many inputs a target has at least.
const INPUTS_MIN: usize = 10;

/// Bytes that parsers look at.
const TELLING: &[u8] = b"\0\t\n\r \"#%&'*+,-./019:;<=>?@[\\]^_`aezAZ{|}~\x7f\x80\xc3\xef\xff";

fn corpus() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus")
}

/// What stands in a folder, in the order of the names.
fn entries(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut entries: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    entries
}

/// The input with up to four faults.
fn faulty(input: &[u8], random: &mut fastrand::Rng) -> Vec<u8> {
    let mut bytes = input.to_vec();
    for _ in 0..random.u8(1..=4) {
        let at = random.usize(..=bytes.len());
        let telling = TELLING[random.usize(..TELLING.len())];
        match random.u8(..5) {
            0 if at < bytes.len() => bytes[at] = telling,
            1 if at < bytes.len() => bytes[at] ^= 1 << random.u8(..8),
            2 if at < bytes.len() => drop(bytes.remove(at)),
            3 => {
                let piece = bytes[at..].to_vec();
                bytes.extend_from_slice(&piece);
            }
            _ => bytes.insert(at, telling),
        }
        bytes.truncate(INPUT_BYTES_MAX);
    }
    bytes
}

/// Plays an input; whoever fails is told which bytes it was.
fn play(name: &str, target: targets::Target, input: &[u8], origin: &str) {
    if let Err(failure) = panic::catch_unwind(AssertUnwindSafe(|| target(input))) {
        eprintln!("the target {name} failed at {origin}: \"{}\"", input.escape_ascii());
        panic::resume_unwind(failure);
    }
}

#[test]
fn every_target_has_a_corpus_and_every_corpus_a_target() {
    let folders: BTreeSet<String> =
        entries(&corpus()).iter().map(|path| path.file_name().unwrap().to_str().unwrap().to_owned()).collect();
    let names: BTreeSet<String> = targets::ALL.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(folders, names);
    for name in names {
        let inputs = entries(&corpus().join(&name));
        assert!(inputs.len() >= INPUTS_MIN, "{name} has {} inputs", inputs.len());
        for input in inputs {
            assert!(fs::metadata(&input).unwrap().len() <= INPUT_BYTES_MAX as u64, "{}", input.display());
        }
    }
}

#[test]
fn the_corpus_breaks_no_promise() {
    for (name, target) in targets::ALL {
        for path in entries(&corpus().join(name)) {
            play(name, target, &fs::read(&path).unwrap(), &path.display().to_string());
        }
    }
}

#[test]
fn the_corpus_with_faults_breaks_no_promise() {
    for (name, target) in targets::ALL {
        for path in entries(&corpus().join(name)) {
            let input = fs::read(&path).unwrap();
            for seed in 0..FAULTY_PLAYS {
                let input = faulty(&input, &mut fastrand::Rng::with_seed(seed));
                play(name, target, &input, &format!("{} with seed {seed}", path.display()));
            }
        }
    }
}
