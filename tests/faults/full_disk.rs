//! The disk is full, and has room again: meanwhile nothing is accepted, everything can be read, and afterwards the server
//! goes on by itself.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::Path;

use tempfile::TempDir;

use crate::disk::{self, Disk};
use crate::ledger::Ledger;
use crate::support::client::Client;
use crate::support::postgres::Cluster;
use crate::support::receiver::{Gate, Reply};
use crate::support::until;
use crate::{all, postgres_is_there, report};

/// Writes until there is no room any more.
fn fill(ballast: &Path) {
    let mut file = OpenOptions::new().append(true).create(true).open(ballast).expect("a new file");
    for size in [64 * 1024, 4_096, 512, 1] {
        while file.write_all(&vec![0; size]).is_ok() {}
    }
}

#[test]
fn a_full_disk_refuses_and_goes_on_when_there_is_room() {
    if !disk::is_allowed() {
        return;
    }
    let (ledger, disk) = (Ledger::new(), Disk::memory(24));
    let launch = Ledger::launch(&disk.data());
    let mut server = launch.start();
    ledger.subscribe(&server.client());
    let rounds = if all() { 20 } else { 3 };
    for round in 0..rounds {
        let client = server.client();
        let repeats = ledger.repeats();
        let gate = fill_up(&ledger, &disk, &client);
        let ready = until("it says that it is full", || {
            let answer = client.get("/readyz");
            (answer.status == 503).then(|| answer.json())
        });
        assert_eq!(ready["store"], "full");
        client.get("/api/v1/app/default/msg").expect_status(200);
        gate.open();
        ledger.receiver.on("/hook", [Reply::status(200)]);
        // Every other time it does not live to see the end of it.
        if round % 2 == 1 {
            server.kill();
            if let Err((status, written)) = launch.try_start() {
                assert!(status.code() == Some(4) && written.contains("full"), "{status} {written}");
            }
            std::fs::remove_file(disk.ballast()).unwrap();
            server = launch.start();
            ledger.wait_until_recorded(&launch);
        } else {
            std::fs::remove_file(disk.ballast()).unwrap();
            until("it accepts again", || (ledger.post(&client, 100)?.status == 202).then_some(()));
            // Outcomes were kept in memory, so that nothing is sent again.
            ledger.wait_until_recorded(&launch);
            assert_eq!(ledger.repeats(), repeats, "something was sent again though nobody was killed");
        }
    }
    drop(server);
    report("the disk is full and has room again, half of the times after kill -9", rounds, &ledger.judge(&launch));
}

#[test]
fn a_database_whose_disk_is_full_refuses_and_goes_on_when_there_is_room() {
    if !disk::is_allowed() || !postgres_is_there() {
        return;
    }
    let (ledger, disk, cluster) = (Ledger::new(), Disk::memory(48), Cluster::start(""));
    // Its log lies elsewhere: without room for that it would end, like one that is stopped at once.
    let (folder, url) = (TempDir::new().expect("a temporary folder"), cluster.database_in(&disk.data()));
    let launch = Ledger::launch(folder.path()).with("CORNET_DATABASE_URL", &url);
    let server = launch.start();
    let client = server.client();
    ledger.subscribe(&client);
    let rounds = if all() { 20 } else { 2 };
    for _ in 0..rounds {
        let gate = fill_up(&ledger, &disk, &client);
        client.get("/api/v1/app/default/msg").expect_status(200);
        gate.open();
        ledger.receiver.on("/hook", [Reply::status(200)]);
        std::fs::remove_file(disk.ballast()).unwrap();
        until("it accepts again", || (ledger.post(&client, 100)?.status == 202).then_some(()));
        ledger.wait_until_recorded(&launch);
        assert_eq!(ledger.repeats(), 0, "something was sent again though nobody was killed");
    }
    drop(server);
    report("the disk of PostgreSQL's tables is full and has room again", rounds, &ledger.judge(&launch));
}

/// Fills the disk while something is on its way, until a post is refused for that; the gate lets what is on its way go on.
fn fill_up(ledger: &Ledger, disk: &Disk, client: &Client) -> Gate {
    let gate = Gate::default();
    ledger.receiver.on("/hook", [Reply::status(200).after(&gate)]);
    for _ in 0..5 {
        ledger.post(client, 100).expect("the server is there").expect_status(202);
    }
    fill(&disk.ballast());
    let answer = ledger.post_until_refused(client, 20_000, 2_000).expect("the disk is full");
    assert_eq!(answer.clone().expect_problem(507)["code"], "storage_full");
    assert!(answer.header("retry-after").is_some(), "{:?}", answer.headers);
    gate
}
