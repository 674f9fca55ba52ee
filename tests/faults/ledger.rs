//! What was posted, what of it was acknowledged, and what a receiver got: the judge of every fault.

use std::collections::{BTreeMap, HashSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use serde_json::json;

use crate::support::client::{Answer, Client};
use crate::support::postgres;
use crate::support::receiver::{Received, Receiver};
use crate::support::scene::{array, text};
use crate::support::server::{Launch, run};
use crate::support::{instant, until};

/// Messages that were posted, by their idempotency keys, and who received them.
pub struct Ledger {
    pub receiver: Receiver,
    posted: Mutex<BTreeMap<String, Posted>>,
    next: AtomicUsize,
}

/// One message.
struct Posted {
    payload: String,
    /// As it was acknowledged.
    id: Option<String>,
}

/// How much waits in a store, if it can be asked. In a file, what was accepted a moment ago may wait without being in the
/// queue; there each message is for one endpoint.
fn waiting(launch: &Launch) -> Option<i64> {
    if let Some(url) = launch.value_of("CORNET_DATABASE_URL") {
        return postgres::number_at(url, "SELECT count(*) FROM queue");
    }
    let file = rusqlite::Connection::open(launch.data_dir().join("cornet.db")).ok()?;
    let waiting = "SELECT (SELECT count(*) FROM messages) - (SELECT count(*) FROM deliveries)";
    file.query_row(waiting, [], |row| row.get(0)).ok()
}

/// What a fault came to; that nothing was lost has been seen.
pub struct Tally {
    pub messages: usize,
    pub repeated: usize,
}

impl Ledger {
    pub fn new() -> Self {
        Self { receiver: Receiver::start(), posted: Mutex::default(), next: AtomicUsize::new(0) }
    }

    /// How the servers of a fault are started: with short pauses between many tries.
    pub fn launch(data: &std::path::Path) -> Launch {
        Launch::new(data).with("CORNET_RETRY_SCHEDULE", &["50ms"; 15].join(","))
    }

    /// Makes the endpoint that everything goes to.
    pub fn subscribe(&self, client: &Client) {
        let endpoint = json!({"url": self.receiver.url("/hook")});
        client.post("/api/v1/app/default/endpoint", &endpoint).expect_status(201);
    }

    fn posted(&self) -> MutexGuard<'_, BTreeMap<String, Posted>> {
        self.posted.lock().expect("no producer panics")
    }

    /// Posts a new message with so many bytes of filling; `None` when the server is gone.
    pub fn post(&self, client: &Client, filling: usize) -> Option<Answer> {
        self.send(client, &self.write_down(filling))
    }

    /// Thinks a message out; answers its key.
    fn write_down(&self, filling: usize) -> String {
        let key = format!("key-{}", self.next.fetch_add(1, Ordering::SeqCst));
        let payload = format!("{{\"key\" :  \"{key}\", \"filling\": \"{}\"}}", "x".repeat(filling));
        self.posted().insert(key.clone(), Posted { payload, id: None });
        key
    }

    fn send(&self, client: &Client, key: &str) -> Option<Answer> {
        let payload = self.posted()[key].payload.clone();
        let body = format!("{{\"eventType\":\"fault.test\",\"payload\":{payload}}}");
        let headers = [("idempotency-key", key)];
        let answer = client.try_send("POST", "/api/v1/app/default/msg", &headers, Some(body.as_bytes())).ok()?;
        if answer.status == 202 {
            let id = text(&answer.json()["id"]);
            if let Some(posted) = self.posted().get_mut(key) {
                posted.id = Some(id);
            }
        }
        Some(answer)
    }

    /// Posts a new message until it is accepted, however often the server says that it can't, as a careful producer does.
    /// Answers how long the longest refusal took.
    pub fn insist(&self, client: &Client) -> Duration {
        let key = self.write_down(100);
        let mut longest = Duration::ZERO;
        until("it is accepted", || {
            let asked = instant();
            let answer = self.send(client, &key).expect("the server is there");
            if answer.status == 202 {
                return Some(());
            }
            longest = longest.max(asked.elapsed());
            assert!(answer.header("retry-after").is_some(), "{:?}", answer.headers);
            answer.expect_problem(503);
            None
        });
        longest
    }

    /// Posts until one is not accepted, at most so many; answers with that refusal.
    pub fn post_until_refused(&self, client: &Client, filling: usize, most: usize) -> Option<Answer> {
        (0..most).find_map(|_| {
            let answer = self.post(client, filling).expect("the server is there");
            (answer.status != 202).then_some(answer)
        })
    }

    /// The acknowledged ids with their payloads.
    pub fn payloads(&self) -> BTreeMap<String, String> {
        let posted = self.posted();
        posted.values().filter_map(|posted| Some((posted.id.clone()?, posted.payload.clone()))).collect()
    }

    /// Waits until all that was acknowledged has arrived, and has its final state in the store, too.
    #[track_caller]
    pub fn wait_until_recorded(&self, launch: &Launch) {
        self.receiver.wait_for_ids(&self.payloads().into_keys().collect::<HashSet<_>>());
        until("nothing waits any more", || (waiting(launch)? == 0).then_some(()));
    }

    /// How many requests came that had come before.
    pub fn repeats(&self) -> usize {
        let requests = self.receiver.all();
        requests.len() - requests.iter().map(Received::id).collect::<HashSet<_>>().len()
    }

    /// Judges, on a server that nothing is wrong with any more: what was not acknowledged is posted again, as a careful
    /// producer would, then everything must arrive, alike each time, and nothing else.
    #[track_caller]
    pub fn judge(&self, launch: &Launch) -> Tally {
        let server = launch.start();
        let client = server.client();
        let open: Vec<String> = {
            let posted = self.posted();
            posted.iter().filter(|(_, posted)| posted.id.is_none()).map(|(key, _)| key.clone()).collect()
        };
        for key in open {
            self.send(&client, &key).expect("the server is back").expect_status(202);
        }
        let payloads = self.payloads();
        assert_eq!(payloads.len(), self.posted().len(), "two messages have one id");
        self.wait_until_recorded(launch);
        let mut doctor = launch.command_of("doctor");
        doctor.args(["--deep", "--json"]);
        let found: serde_json::Value = serde_json::from_str(&run(doctor).1).expect("JSON");
        // The disks of some faults are small.
        let is_bad = |one: &&serde_json::Value| one["grade"] == "problem" && one["subject"] != "disk space";
        let bad: Vec<_> = array(&found["findings"]).iter().filter(is_bad).collect();
        assert!(bad.is_empty(), "{bad:?}");
        let requests = self.receiver.all();
        for request in &requests {
            let payload = payloads.get(request.id());
            let payload = payload.unwrap_or_else(|| panic!("{} was never posted: {}", request.id(), request.text()));
            assert_eq!(request.text(), payload, "a repeat differs");
        }
        Tally { messages: payloads.len(), repeated: self.repeats() }
    }
}
