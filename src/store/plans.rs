//! A test that holds the questions which people ask of long lists to the indexes: none may read through a table that
//! grows with the traffic.

use super::connection::Connection;
use super::{
    attempts, backlog, claim, deliveries, failures, figures, inbox_requests, journeys, lasting_failure, messages,
    migrations, queue, search,
};

/// The tables that grow with the traffic, and with those who have it.
const GROWING: [&str; 9] = [
    "messages",
    "deliveries",
    "attempts",
    "queue",
    "figures",
    "failures",
    "inbox_requests",
    "applications",
    "endpoints",
];

#[test]
fn no_question_reads_through_a_growing_table() {
    let directory = tempfile::tempdir().unwrap();
    let connection = Connection::writer(&directory.path().join("plans.db")).unwrap();
    migrations::apply(&connection).unwrap();
    let queries = [
        messages::QUERIES,
        deliveries::QUERIES,
        attempts::QUERIES,
        queue::QUERIES,
        claim::QUERIES,
        journeys::QUERIES,
        figures::QUERIES,
        failures::QUERIES,
        lasting_failure::QUERIES,
        inbox_requests::QUERIES,
        search::QUERIES,
        backlog::QUERIES,
    ];
    for sql in queries.concat() {
        let steps = connection.plan(sql).unwrap();
        println!("{sql}\n    {}\n", steps.join("\n    "));
        for step in &steps {
            let scans = GROWING.iter().any(|table| step.contains(&format!("SCAN {table}")));
            assert!(!scans && !step.contains("TEMP B-TREE"), "{sql}\n{steps:#?}");
        }
    }
}
