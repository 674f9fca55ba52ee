//! The disk rots: a byte of a page or of the log is another one, or the log has lost its end. Whatever that makes of the
//! store, nothing panics, and no body is sent that was not posted.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use tempfile::TempDir;

use crate::all;
use crate::ledger::Ledger;
use crate::support::receiver::{Gate, Reply};
use crate::support::server::run;
use crate::support::{instant, until};

/// Messages that wait in the store.
const MESSAGES: usize = 24;
/// Bytes of one: some share a page, and some need several.
const FILLING: [usize; 3] = [100, 900, 9_000];
const PAGE: usize = 4_096;
/// What is waited for when something may never come.
const ENOUGH: std::time::Duration = std::time::Duration::from_millis(1_500);

/// Leaves a store with messages that wait, most of it in its log.
fn leave(ledger: &Ledger, data: &Path) {
    let gate = Gate::default();
    ledger.receiver.on("/hook", [Reply::status(200).after(&gate)]);
    let server = Ledger::launch(data).start();
    ledger.subscribe(&server.client());
    for number in 0..MESSAGES {
        let answer = ledger.post(&server.client(), FILLING[number % FILLING.len()]);
        answer.expect("the server is there").expect_status(202);
    }
    server.kill();
    gate.open();
    ledger.receiver.on("/hook", [Reply::status(200)]);
}

/// Has the log copied into the file.
fn copy_log(data: &Path) {
    let file = rusqlite::Connection::open(data.join("cornet.db")).expect("the file opens");
    file.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).expect("the log is copied");
}

/// Makes a data directory with the same master key and these files.
fn lay_out(folder: &Path, name: &str, files: &[(&str, &[u8])]) -> PathBuf {
    let data = folder.join(name);
    std::fs::create_dir_all(&data).expect("a folder");
    std::fs::set_permissions(&data, Permissions::from_mode(0o700)).expect("it is ours");
    std::fs::copy(folder.join("data/master.key"), data.join("master.key")).expect("a copy");
    for (name, bytes) in files {
        std::fs::write(data.join(name), bytes).expect("a new file");
        std::fs::set_permissions(data.join(name), Permissions::from_mode(0o600)).expect("it is ours");
    }
    data
}

/// Whether all that came after the first so many requests is as it was posted.
#[track_caller]
fn assert_right(ledger: &Ledger, before: usize, what: &str) {
    let payloads = ledger.payloads();
    for request in &ledger.receiver.all()[before..] {
        let payload = payloads.get(request.id());
        assert_eq!(payload.map(String::as_bytes), Some(request.body.as_slice()), "{what}: {}", request.id());
    }
}

/// What became of the flips.
#[derive(Default)]
struct Seen {
    refused: AtomicUsize,
    whole: AtomicUsize,
    partial: AtomicUsize,
    found: AtomicUsize,
}

/// Flips one byte, starts a server on that, and looks.
fn flip(ledger: &Ledger, folder: &Path, bytes: &[u8], place: usize, seen: &Seen) {
    let mut flipped = bytes.to_vec();
    flipped[place] ^= 1 << (place % 8);
    let data = lay_out(folder, "flipped", &[("cornet.db", &flipped)]);
    let launch = Ledger::launch(&data);

    let mut doctor = launch.command_of("doctor");
    doctor.arg("--deep");
    let (status, said, err) = run(doctor);
    assert!(matches!(status.code(), Some(0 | 1)), "byte {place}: the doctor ended with {status}: {err}");
    let found = status.code() == Some(1);
    seen.found.fetch_add(usize::from(found), Ordering::Relaxed);

    let before = ledger.receiver.all().len();
    match launch.try_start() {
        Err((status, written)) => {
            assert_eq!(status.code(), Some(4), "byte {place}: {written}");
            assert!(written.contains("cornet: ") && !written.contains("panicked"), "byte {place}: {written}");
            seen.refused.fetch_add(1, Ordering::Relaxed);
        }
        Ok(server) => {
            let deadline = instant() + ENOUGH;
            let whole = until("all came, or enough time passed", || {
                let whole = ledger.receiver.all().len() - before >= MESSAGES;
                (whole || instant() > deadline).then_some(whole)
            });
            server.client().try_send("GET", "/api/v1/app/default/msg", &[], None).expect("it answers");
            let metrics = server.client().get("/metrics").text();
            let written = server.output();
            assert!(!written.contains("panicked"), "byte {place}: {written}");
            let failed = |line: &str| {
                line.starts_with("cornet_delivery_attempts_total{outcome=\"failed\"}") && !line.ends_with(" 0")
            };
            let is_said = found || written.contains("damaged") || metrics.lines().any(failed);
            assert!(whole || is_said, "byte {place}: nobody says what is wrong: {said}\n{written}");
            drop(server);
            let outcome = if whole { &seen.whole } else { &seen.partial };
            outcome.fetch_add(1, Ordering::Relaxed);
        }
    }
    assert_right(ledger, before, &format!("byte {place}"));
    std::fs::remove_dir_all(&data).expect("the folder goes");
}

#[test]
fn a_flipped_byte_in_any_page_sends_nothing_wrong() {
    let (folder, ledger) = (TempDir::new().unwrap(), Ledger::new());
    let data = folder.path().join("data");
    leave(&ledger, &data);
    copy_log(&data);
    let bytes = std::fs::read(data.join("cornet.db")).unwrap();
    let seen = Seen::default();
    let mut random = fastrand::Rng::with_seed(20_261_122);
    // The head of a page, where its cells begin, and somewhere in it; and the first page, which everything hangs on, closely.
    let (step, places) = if all() { (1, 3) } else { (6, 1) };
    let mut tried = 0;
    for page in (0..bytes.len() / PAGE).step_by(step) {
        let somewhere = [random.usize(0..PAGE), random.usize(0..16), PAGE - 1 - random.usize(0..600)];
        for within in somewhere.into_iter().take(places) {
            flip(&ledger, folder.path(), &bytes, page * PAGE + within, &seen);
            tried += 1;
        }
    }
    for place in (0..100).step_by(if all() { 1 } else { 25 }) {
        flip(&ledger, folder.path(), &bytes, place, &seen);
        tried += 1;
    }
    let of = |count: &AtomicUsize| count.load(Ordering::Relaxed);
    let (refused, whole, partial, found) = (of(&seen.refused), of(&seen.whole), of(&seen.partial), of(&seen.found));
    eprintln!(
        "| a flipped byte in each page | {tried} | refused to start {refused}, all sent {whole}, some sent {partial} | \
         0 wrong | the doctor found {found} |"
    );
}

/// How many messages are in a store whose log is damaged, as SQLite itself reads it; all of them wait.
fn waiting_in(data: &Path) -> usize {
    let file = rusqlite::Connection::open(data.join("cornet.db")).expect("the file opens");
    let waiting: i64 = file.query_row("SELECT count(*) FROM messages", [], |row| row.get(0)).unwrap_or_default();
    waiting.try_into().expect("a count")
}

#[test]
fn a_log_that_is_damaged_or_cut_off_holds_what_came_before_and_nothing_wrong() {
    let (folder, ledger) = (TempDir::new().unwrap(), Ledger::new());
    let data = folder.path().join("data");
    leave(&ledger, &data);
    let read = |name: &str| std::fs::read(data.join(name)).unwrap();
    let (file, log) = (read("cornet.db"), read("cornet.db-wal"));
    let steps = if all() { 100 } else { 6 };
    let (mut tried, mut least, mut most) = (0, MESSAGES, 0);
    for step in 0..steps {
        let place = (log.len() - 1) * step / (steps - 1);
        let mut flipped = log.clone();
        flipped[place] ^= 1 << (step % 8);
        for (what, damaged) in [("flipped", flipped.as_slice()), ("cut", &log[..place])] {
            let files = [("cornet.db", file.as_slice()), ("cornet.db-wal", damaged)];
            let wanted = waiting_in(&lay_out(folder.path(), "looked-at", &files));
            let data = lay_out(folder.path(), "damaged", &files);
            let before = ledger.receiver.all().len();
            // What there is of the store may be nothing; then it begins anew.
            let server = Ledger::launch(&data).start();
            until("what is left of the log is sent", || (ledger.receiver.all().len() - before >= wanted).then_some(()));
            assert!(!server.output().contains("panicked"), "{what} at {place}: {}", server.output());
            drop(server);
            assert_right(&ledger, before, &format!("{what} at {place}"));
            for name in ["looked-at", "damaged"] {
                std::fs::remove_dir_all(folder.path().join(name)).unwrap();
            }
            (tried, least, most) = (tried + 1, least.min(wanted), most.max(wanted));
        }
    }
    assert!(least == 0 && most > MESSAGES / 2, "{least} to {most} of {MESSAGES} were left");
    eprintln!("| the log has a flipped byte, or has lost its end | {tried} | all before the place sent | 0 wrong | |");
}
