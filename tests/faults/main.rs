//! Faults, injected into a real server on a real disk: it is killed at every write, its disk loses power, fills up,
//! refuses, turns read-only and rots. A ledger of what was posted and what was received decides each time: nothing that
//! was acknowledged is lost, nothing is delivered that was not posted, and repeats are alike.
//!
//! Plain runs try a share of each; with `CORNET_TEST_FAULTS=all`, as in `./test --faults`, all of it. What needs strace
//! or root says so where there is none. docs/faults.md has the table.

mod clock_skew;
mod database_restart;
mod disk;
mod flipped_byte;
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
#[expect(dead_code, reason = "each test binary uses its own part of it")]
#[path = "../simulation/foundation.rs"]
mod foundation;
mod full_disk;
mod kill_at_write;
mod late_connection;
mod ledger;
mod line;
mod load;
mod power_cut;
mod refused_sync;
mod silent_line;
#[expect(dead_code, reason = "each test binary uses its own part of the support")]
#[path = "../support/mod.rs"]
mod support;
mod taken_connections;
mod trace;

/// Whether everything is tried, not just a share of it.
fn all() -> bool {
    std::env::var_os("CORNET_TEST_FAULTS").is_some_and(|wanted| wanted == "all")
}

/// Whether this machine has a PostgreSQL server that could be started, which it says when it has none.
fn postgres_is_there() -> bool {
    let is_there = support::postgres::is_there();
    assert!(is_there || std::env::var_os("CORNET_TEST_ALL").is_none(), "PostgreSQL is not installed");
    if !is_there {
        eprintln!("not tried: there is no PostgreSQL on this machine");
    }
    is_there
}

/// Says what came of a fault, in the columns of docs/faults.md.
fn report(fault: &str, tried: usize, tally: &ledger::Tally) {
    let ledger::Tally { messages, repeated } = tally;
    eprintln!("| {fault} | {tried} | {messages} | 0 | {repeated} |");
}
