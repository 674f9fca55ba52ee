//! Killed at the N-th write, for every N: of a first start, of one cycle from accepting a message over sending it to
//! recording its outcome, and of copying the log into the file.

use std::path::Path;

use tempfile::TempDir;

use crate::ledger::Ledger;
use crate::support::server::Server;
use crate::support::{instant, until};
use crate::{all, report, trace};

/// Bytes of a message that fills the log quickly.
const LARGE: usize = 900 * 1024;

/// The N that are tried: all, which `few` calls always are, or a share that grows apart.
fn tried(few: bool) -> impl Iterator<Item = usize> {
    let all = few || all();
    (1..).map(move |step: usize| if all { step } else { step * (step + 1) / 2 })
}

/// Whether the process is killed before `look` finds what it looks for.
fn dies_before(server: &mut Server, what: &str, mut look: impl FnMut() -> bool) -> bool {
    until(what, || if server.has_ended() { Some(true) } else { look().then_some(false) })
}

/// Starts, posts a message, waits until it has been delivered and recorded; says whether the server was killed.
fn cycle(ledger: &Ledger, data: &Path, wrapper: Vec<String>) -> bool {
    let Ok(mut server) = Ledger::launch(data).under(wrapper).try_start() else { return true };
    let Some(answer) = ledger.post(&server.client(), 10) else { return true };
    let id = answer.expect_status(202).json()["id"].as_str().expect("an id").to_owned();
    let client = server.client();
    dies_before(&mut server, "the delivery is recorded", || {
        let path = format!("/api/v1/app/default/msg/{id}/endpoint");
        let answer = client.try_send("GET", &path, &[], None);
        answer.is_ok_and(|answer| answer.status == 200 && answer.json()["data"][0]["statusText"] == "success")
    })
}

#[test]
fn at_every_write_of_a_cycle() {
    if !trace::is_there() {
        return;
    }
    // What goes to the log, and what goes out: answers to producers, and requests to receivers.
    for (call, to_log) in [("pwrite64", true), ("fdatasync", true), ("write,writev,sendto,sendmsg", false)] {
        let (folder, ledger) = (TempDir::new().unwrap(), Ledger::new());
        let data = folder.path().join("data");
        let launch = Ledger::launch(&data);
        let server = launch.start();
        ledger.subscribe(&server.client());
        server.kill();
        let log = Some(data.join("cornet.db-wal")).filter(|_| to_log);
        let mut kills = 0;
        for number in tried(call != "pwrite64") {
            let wrapper = trace::inject(call, log.as_deref(), &format!("signal=SIGKILL:when={number}"));
            if !cycle(&ledger, &data, wrapper) {
                break;
            }
            kills += 1;
        }
        assert!(kills >= 2, "a cycle has more calls of {call} than {kills}");
        let place = if to_log { "of the log" } else { "of a thread" };
        report(&format!("kill -9 at the N-th `{call}` {place}, accept to record"), kills, &ledger.judge(&launch));
    }
}

#[test]
fn at_every_write_of_a_first_start() {
    if !trace::is_there() {
        return;
    }
    let (ledger, began) = (Ledger::new(), instant());
    let mut kills = 0;
    let mut last = None;
    for number in tried(false) {
        let folder = TempDir::new().unwrap();
        let data = folder.path().join("data");
        let calls = "pwrite64,write,fsync,fdatasync,ftruncate,unlink,mkdir";
        let wrapper = trace::inject(calls, None, &format!("signal=SIGKILL:when={number}"));
        let came_up = Ledger::launch(&data).under(wrapper).try_start().is_ok();
        // It starts again as if nothing had been, with its key.
        let server = Ledger::launch(&data).start();
        server.client().get("/api/v1/app/default").expect_status(200);
        drop(server);
        last = Some(folder);
        if came_up {
            break;
        }
        kills += 1;
    }
    let data = last.expect("it was tried").path().join("data");
    assert!(kills >= 5, "{kills} kills in {:?}", began.elapsed());
    report("kill -9 at the N-th write of a first start", kills, &ledger.judge(&Ledger::launch(&data)));
}

/// How a log begins: with a number of its own for each time that it began anew.
fn head_of(log: &Path) -> Option<[u8; 32]> {
    use std::io::Read as _;

    let mut head = [0; 32];
    std::fs::File::open(log).ok()?.read_exact(&mut head).ok()?;
    Some(head)
}

#[test]
fn at_every_write_of_copying_the_log() {
    if !trace::is_there() {
        return;
    }
    for call in ["pwrite64", "fdatasync"] {
        let (folder, ledger) = (TempDir::new().unwrap(), Ledger::new());
        let data = folder.path().join("data");
        let (launch, file, log) = (Ledger::launch(&data), data.join("cornet.db"), data.join("cornet.db-wal"));
        let server = launch.start();
        ledger.subscribe(&server.client());
        // A log that is nearly as long as it gets before it is copied.
        for _ in 0..8 {
            ledger.post(&server.client(), LARGE).expect("the server is there").expect_status(202);
        }
        server.kill();
        let mut kills = 0;
        // There are two thousand pages, and neighbours are alike: N doubles, or grows by a half when all is tried.
        for number in std::iter::successors(Some(1), |n: &usize| Some(if all() { n + n.div_ceil(2) } else { n * 2 })) {
            let wrapper = trace::inject(call, Some(&file), &format!("signal=SIGKILL:when={number}"));
            let Ok(mut server) = launch.clone().under(wrapper).try_start() else {
                kills += 1;
                continue;
            };
            let client = server.client();
            let before = head_of(&log);
            if kills == 0 {
                (0..2).for_each(|_| drop(ledger.post(&client, LARGE)));
            }
            // Each commit has the log copied, as long as it is long; it begins anew when all of it has been.
            let killed = dies_before(&mut server, "the log is copied", || {
                ledger.post(&client, 10);
                head_of(&log) != before
            });
            if !killed {
                break;
            }
            kills += 1;
        }
        assert!(kills > 0, "no {call} was met");
        report(&format!("kill -9 at the N-th `{call}` of copying the log"), kills, &ledger.judge(&launch));
    }
}
