//! Tests that hold the questions which people ask of long lists, and on a server all that is done for each message, to
//! the indexes: nothing may read through a table that grows with the traffic.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use super::connection::Connection;
use super::postgres::{PostgresAddress, Use};
use super::{
    attempts, audit, backlog, bulk, claim, deliveries, failures, figures, fresh, inbox_requests, journeys,
    lasting_failure, messages, migrations, nodes, other_clocks, partitions, queue, resealing, search,
};
use crate::clock::{Clock, SystemClock};
use crate::domain::id::MessageId;

#[expect(dead_code, reason = "each test binary uses its own part of it")]
#[path = "../../tests/support/postgres.rs"]
mod cluster;

/// The tables that grow with the traffic, and with those who have it.
const GROWING: [&str; 10] = [
    "messages",
    "deliveries",
    "attempts",
    "queue",
    "figures",
    "failures",
    "inbox_requests",
    "applications",
    "endpoints",
    "audit_entries",
];
/// How many rows each of them has on the server.
const ROWS: u32 = 20_000;

/// What is asked by people, and for the sake of what waits.
const QUESTIONS: [&[&str]; 16] = [
    messages::QUERIES,
    deliveries::QUERIES,
    attempts::QUERIES,
    queue::QUERIES,
    fresh::QUERIES,
    claim::QUERIES,
    journeys::QUERIES,
    figures::QUERIES,
    failures::QUERIES,
    lasting_failure::QUERIES,
    inbox_requests::QUERIES,
    search::QUERIES,
    backlog::QUERIES,
    &audit::QUERIES,
    &resealing::QUERIES,
    other_clocks::QUERIES,
];

#[test]
fn no_question_reads_through_a_growing_table() {
    let directory = tempfile::tempdir().unwrap();
    let connection = Connection::writer(&directory.path().join("plans.db")).unwrap();
    migrations::apply(&connection).unwrap();
    for sql in QUESTIONS.concat() {
        let steps = connection.plan(sql).unwrap();
        println!("{sql}\n    {}\n", steps.join("\n    "));
        for step in &steps {
            let scans = GROWING.iter().any(|table| step.contains(&format!("SCAN {table}")));
            assert!(!scans && !step.contains("TEMP B-TREE"), "{sql}\n{steps:#?}");
        }
    }
}

/// Gives a table rows that are all different, of which some hundred belong to each owner.
fn fill(database: &cluster::Fresh, table: &str, first: MessageId) {
    let columns = database.sql(&format!(
        "SELECT column_name, data_type FROM information_schema.columns
         WHERE table_name = '{table}' AND is_nullable = 'NO' ORDER BY ordinal_position"
    ));
    let value = |name: &str, kind: &str| match (name, kind) {
        ("id" | "message_id", _) if table != "applications" && table != "endpoints" => {
            format!("{} + row", first.number())
        }
        ("endpoint_id" | "application_id" | "environment_id" | "inbox_id", _) => "row % 200".to_owned(),
        (_, "bigint") => "row".to_owned(),
        (_, "bytea") => "decode(md5(row::text), 'hex')".to_owned(),
        _ => "row::text".to_owned(),
    };
    let (names, values): (Vec<_>, Vec<_>) =
        columns.lines().map(|line| line.split_once('|').unwrap()).map(|(name, kind)| (name, value(name, kind))).unzip();
    database.sql(&format!(
        "INSERT INTO {table} ({}) SELECT {} FROM generate_series(1, {ROWS}) AS row",
        names.join(", "),
        values.join(", "),
    ));
}

#[test]
fn no_statement_on_a_server_reads_through_a_growing_table() {
    if !cluster::is_there() {
        assert!(std::env::var_os("CORNET_TEST_ALL").is_none(), "PostgreSQL is not installed");
        return;
    }
    let database = cluster::Fresh::new();
    let address = Arc::new(PostgresAddress::parse(&database.url()).unwrap());
    let connect = |for_use| Connection::to_server(address.clone(), for_use, Duration::from_secs(15)).unwrap();
    let shaping = connect(Use::Shaping);
    migrations::apply(&shaping).unwrap();
    let now = SystemClock::default().now();
    shaping.transaction(|connection| partitions::make_ahead(connection, now)).unwrap();
    let first = crate::domain::id::IdGenerator::starting_after(0, 0).next(now);
    for table in GROWING.into_iter().chain(["event_ids", "idempotency_keys"]) {
        fill(&database, table, first);
    }
    database.sql("ANALYZE");
    // Parts of days to come are empty, and may be looked through.
    let filled = database.sql("SELECT relname FROM pg_class WHERE reltuples > 0 AND relkind = 'r'");
    let filled: HashSet<&str> = filled.lines().collect();
    let part = |table: &&str| filled.iter().any(|name| name.starts_with(&format!("{table}_2")) || name == table);
    assert!(GROWING.iter().all(part), "{filled:?}");
    let all = [QUESTIONS.concat(), bulk::STATEMENTS.to_vec(), nodes::STATEMENTS.to_vec()].concat();
    let changes = |sql: &&str| ["INSERT", "UPDATE", "DELETE"].iter().any(|word| sql.contains(word));
    // Who writes asks, too.
    let kinds =
        [(Use::Reading, all.iter().copied().filter(|sql| !changes(sql)).collect()), (Use::Writing, all.clone())];
    for (for_use, statements) in kinds {
        let connection = connect(for_use);
        // The planner is not told which rows are wanted, as where it has made its plan once for all.
        connection.run("SET plan_cache_mode = force_generic_plan").unwrap();
        for sql in statements {
            let steps = connection.plan(sql).unwrap();
            println!("{for_use:?} {sql}\n    {}\n", steps.join("\n    "));
            let scanned = |step: &String| {
                let (_, rest) = step.split_once("Seq Scan on ")?;
                rest.split(' ').next().map(str::to_owned)
            };
            let grows =
                |name: &String| filled.contains(name.as_str()) && GROWING.iter().any(|table| name.starts_with(table));
            let scanned: Vec<_> = steps.iter().filter_map(scanned).filter(grows).collect();
            assert!(scanned.is_empty(), "{for_use:?} reads through {scanned:?}: {sql}\n{steps:#?}");
        }
    }
}
