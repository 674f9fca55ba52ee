//! The disk refuses: a sync fails once or for good, or the file system turns read-only. What can't be kept is not
//! acknowledged, what was kept can be read, and nothing spins.

use tempfile::TempDir;

use crate::disk::{self, Disk};
use crate::ledger::Ledger;
use crate::support::until;
use crate::{all, report, trace};

#[test]
fn a_sync_that_fails_is_never_taken_for_one_that_did_not() {
    if !trace::is_there() {
        return;
    }
    let (folder, ledger) = (TempDir::new().unwrap(), Ledger::new());
    let data = folder.path().join("data");
    let launch = Ledger::launch(&data);
    let server = launch.start();
    ledger.subscribe(&server.client());
    assert!(server.terminate().0.success());
    let rounds = if all() { 30 } else { 4 };
    let (mut tried, mut refused) = (0, 0);
    for number in 1..=rounds {
        for what in [format!("error=EIO:when={number}"), format!("error=EIO:when={number}+")] {
            tried += 1;
            let wrapper = trace::inject("fdatasync,fsync", Some(&data.join("cornet.db-wal")), &what);
            // It may refuse to start, and says why.
            let server = match launch.clone().under(wrapper).try_start() {
                Ok(server) => server,
                Err((status, written)) => {
                    assert!(
                        status.code() == Some(4) && written.contains("cannot open the store"),
                        "{status} {written}"
                    );
                    continue;
                }
            };
            let client = server.client();
            for _ in 0..number + 2 {
                let answer = ledger.post(&client, 10).expect("the server is there");
                if answer.status != 202 {
                    refused += 1;
                    answer.clone().expect_problem(503);
                    assert!(answer.header("retry-after").is_some(), "{:?}", answer.headers);
                }
            }
            client.get("/api/v1/app/default/msg").expect_status(200);
            assert!(!server.output().contains("panicked"), "{}", server.output());
            server.kill();
        }
    }
    assert!(refused > 0, "nothing was refused");
    report("EIO on the N-th sync of the log, once or from then on; kill -9", tried, &ledger.judge(&launch));
}

#[test]
fn a_disk_that_turns_read_only_is_said_to_be_and_read() {
    if !disk::is_allowed() {
        return;
    }
    let (folder, ledger) = (TempDir::new().unwrap(), Ledger::new());
    let image = folder.path().join("disk.img");
    let rounds = if all() { 10 } else { 2 };
    let mut disk = Disk::made(&image, 64);
    let server = Ledger::launch(&disk.data()).start();
    ledger.subscribe(&server.client());
    assert!(server.terminate().0.success());
    for _ in 0..rounds {
        let server = Ledger::launch(&disk.data()).start();
        let client = server.client();
        for _ in 0..20 {
            ledger.post(&client, 100).expect("the server is there").expect_status(202);
        }
        disk.turn_read_only();
        let answer = ledger.post_until_refused(&client, 100, 5).expect("nothing can be kept");
        answer.clone().expect_problem(503);
        assert!(answer.header("retry-after").is_some(), "{:?}", answer.headers);
        let ready = until("it says that it is not ready", || {
            let answer = client.get("/readyz");
            (answer.status == 503).then(|| answer.json())
        });
        assert_eq!(ready["store"], "unavailable");
        client.get("/api/v1/app/default/msg").expect_status(200);
        server.kill();
        // No server starts on it, and says why.
        let (status, written) = Ledger::launch(&disk.data()).start_refused();
        assert!(status.code() == Some(4) && written.to_lowercase().contains("read-only"), "{status} {written}");
        drop(disk);
        disk = Disk::of(&image);
    }
    report("the file system turns read-only under load", rounds, &ledger.judge(&Ledger::launch(&disk.data())));
}
