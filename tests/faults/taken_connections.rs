//! Others have taken every connection that the database has to give.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::Duration;

use tempfile::TempDir;

use crate::ledger::Ledger;
use crate::support::postgres::Cluster;
use crate::support::{instant, until};
use crate::{all, load, postgres_is_there, report};

/// Connections that the database has.
const CONNECTIONS: usize = 12;
/// Messages that each producer has in a round.
const MESSAGES_EACH: usize = 40;
/// How long it may take from the first free connection to the next message that is accepted.
const RESUMES_WITHIN: Duration = Duration::from_secs(10);
/// Version 3.0 of the protocol.
const VERSION: u32 = 196_608;

/// Somebody who takes connections and never gives one back.
struct Taker {
    socket: PathBuf,
    taken: Vec<UnixStream>,
}

impl Taker {
    /// Takes one; says whether there was any.
    fn take(&mut self) -> bool {
        let mut stream = UnixStream::connect(&self.socket).expect("the server listens");
        let words = b"user\0cornet\0database\0postgres\0\0";
        let length = u32::try_from(8 + words.len()).expect("it is short");
        let message = [&length.to_be_bytes()[..], &VERSION.to_be_bytes(), words].concat();
        stream.write_all(&message).expect("the server reads");
        let is_ready = said(&mut stream).last() == Some(&b'Z');
        if is_ready {
            self.taken.push(stream);
        }
        is_ready
    }

    /// Takes all of them, those of the node too.
    fn take_all(&mut self) {
        const KILL: &str = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'cornet'";
        // A connection that is being made is not seen by name yet, so they are counted.
        while self.take() {}
        until("the node has none", || {
            self.ask(KILL);
            while self.take() {}
            (self.taken.len() == CONNECTIONS).then_some(())
        });
    }

    /// How many rows a query finds, asked over a connection that was taken.
    fn ask(&self, sql: &str) -> usize {
        let mut stream = self.taken.first().expect("one was taken");
        let length = u32::try_from(sql.len() + 5).expect("it is short");
        let message = [b"Q", &length.to_be_bytes()[..], sql.as_bytes(), b"\0"].concat();
        stream.write_all(&message).expect("the server reads");
        said(&mut stream).iter().filter(|tag| **tag == b'D').count()
    }
}

/// The first bytes of all messages until the server waits for one, or hangs up.
fn said(stream: &mut impl Read) -> Vec<u8> {
    let mut tags = Vec::new();
    let mut head = [0; 5];
    while tags.last() != Some(&b'Z') && stream.read_exact(&mut head).is_ok() {
        let length = u32::from_be_bytes([head[1], head[2], head[3], head[4]]);
        let mut body = vec![0; length as usize - 4];
        stream.read_exact(&mut body).expect("a whole message");
        tags.push(head[0]);
    }
    tags
}

#[test]
fn a_database_whose_connections_are_all_taken_is_waited_for() {
    if !postgres_is_there() {
        return;
    }
    let (ledger, folder) = (Ledger::new(), TempDir::new().expect("a temporary folder"));
    let cluster = Cluster::start(&format!("-c max_connections={CONNECTIONS} -c superuser_reserved_connections=0"));
    let launch = Ledger::launch(folder.path()).with("CORNET_DATABASE_URL", &cluster.url());
    let launch = launch.with("CORNET_LEASE", "1s");
    let taker = || Taker { socket: cluster.socket(), taken: Vec::new() };
    let mut first = taker();
    while first.take() {}
    let (status, written) = launch.start_refused();
    assert!(status.code() == Some(4) && written.contains("too many clients"), "{status} {written}");
    drop(first);
    let mut server = until("a connection is free", || launch.try_start().ok());
    let client = server.client();
    ledger.subscribe(&client);
    let rounds = if all() { 10 } else { 2 };
    let mut slowest = Duration::ZERO;
    for _ in 0..rounds {
        let (back, refusal) = load::during(&ledger, &client, MESSAGES_EACH, |load| {
            load.reach(MESSAGES_EACH);
            let mut taker = taker();
            taker.take_all();
            ledger.post(&client, 100).expect("the server is there").expect_problem(503);
            until("it says so", || (client.get("/readyz").status == 503).then_some(()));
            assert_eq!(client.get("/healthz").status, 200);
            until("the log says why", || server.output().contains("too many clients").then_some(()));
            drop(taker);
            let free = instant();
            ledger.insist(&client);
            free.elapsed()
        });
        slowest = slowest.max(back).max(refusal);
        assert!(!server.has_ended(), "{}", server.output());
    }
    eprintln!("the slowest return or refusal took {slowest:?}");
    assert!(slowest < RESUMES_WITHIN);
    ledger.wait_until_recorded(&launch);
    assert_eq!(ledger.repeats(), 0, "nobody was killed, so that nothing need be repeated");
    drop(server);
    report("others take all connections of PostgreSQL", rounds, &ledger.judge(&launch));
}
