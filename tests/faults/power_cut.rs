//! The power is cut: the server is stopped at any moment, and goes on with what had reached the disk by then. What was
//! still in the machine's memory is gone.

use std::sync::mpsc;
use std::thread;

use rustix::process::Signal;
use tempfile::TempDir;

use crate::disk::{self, Disk};
use crate::ledger::Ledger;
use crate::support::client::Client;
use crate::support::server::Launch;
use crate::{all, report, trace};

/// How large the disk is, in megabytes.
const DISK: usize = 96;
/// How often the power is cut.
const CUTS: usize = 3;
const CUTS_OF_ALL: usize = 50;
/// Who posts at the same time.
const PRODUCERS: usize = 4;
/// The cut comes after so many messages at most.
const MESSAGES_MAX: usize = 200;
/// What chance begins with.
const SEED: u64 = 20_261_122;

/// Has producers post until the server is gone, and does `cut` after so many messages were acknowledged.
fn post_until_cut(ledger: &Ledger, client: &Client, after: usize, cut: impl FnOnce()) {
    let (tell, told) = mpsc::channel();
    thread::scope(|scope| {
        for _ in 0..PRODUCERS {
            let tell = tell.clone();
            scope.spawn(move || {
                while ledger.post(client, 300).is_some_and(|answer| answer.status == 202) {
                    // Who counts may have heard enough.
                    tell.send(()).ok();
                }
            });
        }
        drop(tell);
        told.iter().take(after).for_each(drop);
        cut();
    });
}

#[test]
fn a_power_cut_at_any_moment() {
    if !disk::is_allowed() {
        return;
    }
    let (folder, ledger) = (TempDir::new().unwrap(), Ledger::new());
    let mut random = fastrand::Rng::with_seed(SEED);
    let image = |number: usize| folder.path().join(format!("{number}.img"));
    let mut disk = Disk::made(&image(0), DISK);
    let server = Ledger::launch(&disk.data()).start();
    ledger.subscribe(&server.client());
    assert!(server.terminate().0.success());
    let cuts = if all() { CUTS_OF_ALL } else { CUTS };
    for number in 1..=cuts {
        let server = Ledger::launch(&disk.data()).start();
        let client = server.client();
        post_until_cut(&ledger, &client, random.usize(1..MESSAGES_MAX), || {
            (0..random.u32(0..200_000)).for_each(|_| std::hint::spin_loop());
            server.signal(Signal::STOP);
            disk.copy(&image(number));
            server.kill();
        });
        drop(disk);
        std::fs::remove_file(image(number - 1)).unwrap();
        disk = Disk::of(&image(number));
    }
    report("power cut: only what had reached the disk is there", cuts, &ledger.judge(&Ledger::launch(&disk.data())));
}

#[test]
fn a_power_cut_after_the_disk_refused_to_sync() {
    if !disk::is_allowed() || !trace::is_there() {
        return;
    }
    let rounds = if all() { 20 } else { 3 };
    let (folder, ledger) = (TempDir::new().unwrap(), Ledger::new());
    let image = |number: usize| folder.path().join(format!("{number}.img"));
    let mut disk = Disk::made(&image(0), DISK);
    let server = Ledger::launch(&disk.data()).start();
    ledger.subscribe(&server.client());
    assert!(server.terminate().0.success());
    for number in 1..=rounds {
        // The calls that are refused are not made: nothing gets to the disk by them. Each round a single one, and all
        // from one on, in turn.
        let which = if number % 2 == 0 { format!("when={}", number + 2) } else { format!("when={}+", number + 2) };
        let wrapper = trace::inject("fdatasync,fsync", None, &format!("error=EIO:{which}"));
        let launch: Launch = Ledger::launch(&disk.data()).under(wrapper);
        if let Ok(server) = launch.try_start() {
            let client = server.client();
            for _ in 0..number + 10 {
                let answer = ledger.post(&client, 300).expect("the server is there");
                assert!(answer.status == 202 || answer.header("retry-after").is_some(), "{}", answer.text());
            }
            server.signal(Signal::STOP);
            disk.copy(&image(number));
            server.kill();
        } else {
            disk.copy(&image(number));
        }
        drop(disk);
        disk = Disk::of(&image(number));
    }
    report(
        "a sync is refused (EIO) and not made, then a power cut",
        rounds,
        &ledger.judge(&Ledger::launch(&disk.data())),
    );
}
