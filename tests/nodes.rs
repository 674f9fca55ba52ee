//! Several processes on one PostgreSQL database, and nothing else between them: nothing that any of them accepted is lost,
//! whichever of them is killed or stopped, repeats are only of what was in flight there, and what is changed at one holds
//! at all. Without PostgreSQL on the machine these pass unseen, except in `./test`, where it must be there.

#[expect(dead_code, reason = "each test binary uses its own part of the support")]
mod support;

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use cornet::domain::id::MessageId;
use rustix::process::Signal;
use serde_json::{Value, json};
use tempfile::TempDir;

use support::client::Client;
use support::postgres::{self, Fresh};
use support::receiver::{Gate, Receiver, Reply};
use support::scene::{array, text};
use support::server::{Launch, Server};
use support::{instant, until};

/// A lease that nobody waits for in a test.
const LONG: &str = "5m";
/// A lease that a test waits for.
const SHORT: &str = "2s";
/// How often a node is killed under load, unless `CORNET_NODE_KILLS` says otherwise.
const KILLS: usize = 3;
/// How often all connections to the database are cut under load.
const CUTS: usize = 8;
/// Who post at the same time at each node.
const PRODUCERS: usize = 2;
/// Messages that each of them has in a round.
const MESSAGES_PER_PRODUCER: usize = 120;

/// What several nodes share, and where they deliver to.
struct Nodes {
    database: Fresh,
    receiver: Receiver,
    folder: TempDir,
    lease: &'static str,
}

impl Nodes {
    /// `None` where there is no PostgreSQL.
    fn new(lease: &'static str) -> Option<Self> {
        if !postgres::is_there() {
            assert!(std::env::var_os("CORNET_TEST_ALL").is_none(), "PostgreSQL is not installed");
            return None;
        }
        let folder = TempDir::new().expect("a temporary folder");
        Some(Self { database: Fresh::new(), receiver: Receiver::start(), folder, lease })
    }

    fn launch(&self, name: &str) -> Launch {
        let launch = Launch::new(&self.folder.path().join(name)).with("CORNET_DATABASE_URL", &self.database.url());
        launch.with("CORNET_MASTER_KEY", &format!("{}=", "A".repeat(43))).with("CORNET_LEASE", self.lease)
    }

    fn start(&self, name: &str) -> Server {
        self.launch(name).with("CORNET_RETRY_SCHEDULE", "1s,1s,1s,1s").start()
    }

    /// Cuts every connection of every node to the database.
    fn cut(&self) {
        self.database.sql(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
             WHERE datname = current_database() AND application_name = 'cornet'",
        );
    }

    /// Registers `path` of the receiver at a node; returns the endpoint's id.
    fn endpoint(&self, node: &Server, path: &str) -> String {
        self.endpoint_with(node, path, json!({}))
    }

    fn endpoint_with(&self, node: &Server, path: &str, mut body: Value) -> String {
        body["url"] = json!(self.receiver.url(path));
        text(&node.client().post("/api/v1/app/default/endpoint", &body).expect_status(201).json()["id"])
    }
}

/// Posts a message whose payload is its own idempotency key; `None` when the node is gone.
fn try_post(client: &Client, payload: &str) -> Option<String> {
    let body = format!("{{\"eventType\":\"node.test\",\"payload\":{{\"key\" :  \"{payload}\"}}}}");
    let headers = [("idempotency-key", payload)];
    let answer = client.try_send("POST", "/api/v1/app/default/msg", &headers, Some(body.as_bytes())).ok()?;
    Some(text(&answer.expect_status(202).json()["id"]))
}

fn post(node: &Server, payload: &str) -> String {
    try_post(&node.client(), payload).expect("the node answers")
}

/// The number of the node that accepted a message.
fn node_of(id: &str) -> i64 {
    MessageId::parse(id).expect("an id").number() >> 11 & 1023
}

/// A figure of a node's own.
fn metric(node: &Server, name: &str) -> u64 {
    let text = node.client().get("/metrics").text();
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ').map(str::to_owned));
    line.unwrap_or_else(|| panic!("no {name} in:\n{text}")).parse().expect("a number")
}

/// Waits until each node knows of so many.
fn acquainted(nodes: &[&Server], count: u64) {
    until("the nodes know each other", || nodes.iter().all(|node| metric(node, "cornet_nodes") == count).then_some(()));
}

fn attempts(node: &Server, message: &str) -> usize {
    array(&node.client().get(&format!("/api/v1/app/default/attempt/msg/{message}")).expect_status(200).json()["data"])
        .len()
}

/// What came of one round: each payload with the id that its message got, if the node still said so.
type Posted = Vec<(String, Option<String>)>;

/// Posts at every node at once, and kills one of them in the middle.
fn load_and_kill(servers: &mut [Option<Server>], victim: usize, round: usize, kill_after: usize) -> Posted {
    let acknowledged = AtomicUsize::new(0);
    let clients: Vec<_> = servers.iter().map(|server| server.as_ref().expect("it runs").client()).collect();
    let victim = servers[victim].take().expect("it runs");
    thread::scope(|scope| {
        let producers: Vec<_> = clients
            .iter()
            .enumerate()
            .flat_map(|(node, client)| (0..PRODUCERS).map(move |producer| (node, producer, client)))
            .map(|(node, producer, client)| {
                let acknowledged = &acknowledged;
                scope.spawn(move || {
                    let mut posted = Posted::new();
                    for number in 0..MESSAGES_PER_PRODUCER {
                        let payload = format!("{round}-{node}-{producer}-{number}");
                        let id = try_post(client, &payload);
                        acknowledged.fetch_add(1, Ordering::SeqCst);
                        let gone = id.is_none();
                        posted.push((payload, id));
                        if gone {
                            break;
                        }
                    }
                    posted
                })
            })
            .collect();
        until("so much is acknowledged", || (acknowledged.load(Ordering::SeqCst) >= kill_after).then_some(()));
        victim.kill();
        producers.into_iter().flat_map(|producer| producer.join().expect("no producer panics")).collect()
    })
}

#[test]
fn a_node_that_is_killed_under_load_loses_nothing_and_the_others_deliver_what_it_had() {
    let Some(nodes) = Nodes::new(SHORT) else { return };
    let kills = std::env::var("CORNET_NODE_KILLS").map_or(KILLS, |text| text.parse().expect("a number"));
    let names = ["a", "b", "c"];
    let mut servers: Vec<_> = names.iter().map(|name| Some(nodes.start(name))).collect();
    nodes.endpoint(servers[0].as_ref().expect("it runs"), "/hook");
    let mut random = fastrand::Rng::with_seed(20_261_122);
    let mut payloads: HashMap<String, String> = HashMap::new();
    let (mut repeats, mut seen) = (0, 0);
    for round in 0..kills {
        let victim = random.usize(0..names.len());
        let kill_after = random.usize(20..names.len() * PRODUCERS * MESSAGES_PER_PRODUCER / 2);
        let posted = load_and_kill(&mut servers, victim, round, kill_after);
        let survivor = servers.iter().flatten().next().expect("two are left");
        for (payload, id) in posted {
            // What was posted but not acknowledged is posted again elsewhere, as a careful producer would.
            let id = id.unwrap_or_else(|| post(survivor, &payload));
            assert!(payloads.insert(id, payload).is_none(), "two messages have one id");
        }
        nodes.receiver.wait_for_ids(&payloads.keys().cloned().collect::<HashSet<_>>());
        // What had arrived from the one killed waits for the end of its lease, and is repeated then.
        until("nothing waits", || (nodes.database.sql("SELECT count(*) FROM queue") == "0").then_some(()));
        let all = nodes.receiver.all();
        let before: HashSet<_> = all[..seen].iter().map(|request| request.id().to_owned()).collect();
        let mut ids = before.clone();
        for request in &all[seen..] {
            let payload = payloads.get(request.id()).unwrap_or_else(|| panic!("{} was never posted", request.id()));
            assert_eq!(request.text(), format!("{{\"key\" :  \"{payload}\"}}"), "a repeat differs");
            assert!(!before.contains(request.id()), "{} was delivered in an earlier round", request.id());
            if !ids.insert(request.id().to_owned()) {
                repeats += 1;
                let victim = i64::try_from(victim).expect("it fits");
                assert_eq!(node_of(request.id()), victim, "{} was not in flight at the one killed", request.id());
            }
        }
        seen = all.len();
        servers[victim] = Some(nodes.start(names[victim]));
    }
    let accepting: HashSet<_> = payloads.keys().map(|id| node_of(id)).collect();
    assert_eq!(accepting, HashSet::from([0, 1, 2]), "each has a number of its own, and keeps it over a restart");
    eprintln!("{kills} kills, {} messages, none lost, {repeats} repeats", payloads.len());
}

#[test]
fn a_node_that_was_stopped_for_longer_than_its_lease_sends_nothing_more_of_what_it_had() {
    let Some(nodes) = Nodes::new(SHORT) else { return };
    let (here, there) = (nodes.start("here"), nodes.start("there"));
    nodes.endpoint(&here, "/hook");
    let gate = Gate::default();
    // An endpoint that has not answered yet is sent four at a time.
    let held = (0..4).map(|_| Reply::status(200).after(&gate));
    nodes.receiver.on("/hook", held.chain([Reply::status(204)]));
    let ids: HashSet<_> = (0..20).map(|number| post(&there, &number.to_string())).collect();
    let in_flight: HashSet<_> =
        nodes.receiver.wait_for("/hook", 4).iter().map(|request| request.id().to_owned()).collect();
    there.signal(Signal::STOP);
    let all = nodes.receiver.wait_for("/hook", 24);
    let by_here: HashSet<_> = all[4..].iter().map(|request| request.id().to_owned()).collect();
    assert_eq!((by_here == ids, in_flight.len()), (true, 4), "the other delivers all of it");
    gate.open();
    there.signal(Signal::CONT);
    until("its late outcomes are fenced off", || (metric(&there, "cornet_outcomes_late_total") == 4).then_some(()));
    until("it knows that it was dead", || (metric(&there, "cornet_leases_lost_total") == 1).then_some(()));
    let last =
        until("it is ready again", || (there.client().get("/readyz").status == 200).then(|| post(&there, "last")));
    let all = nodes.receiver.wait_for("/hook", 25);
    assert_eq!((all.len(), all[24].id()), (25, last.as_str()));
    until("nothing waits", || (nodes.database.sql("SELECT count(*) FROM queue") == "0").then_some(()));
    for id in &ids {
        let expected = if in_flight.contains(id) { 2 } else { 1 };
        assert_eq!(attempts(&here, id), expected, "each attempt that was made is in the history of {id}");
    }
}

#[test]
fn a_node_that_is_asked_to_end_hands_over_at_once_and_nothing_is_repeated() {
    let Some(nodes) = Nodes::new(LONG) else { return };
    let (here, there) = (nodes.start("here"), nodes.start("there"));
    nodes.endpoint(&here, "/held");
    nodes.endpoint(&here, "/later");
    let gate = Gate::default();
    nodes.receiver.on("/held", [Reply::status(200).after(&gate)]);
    nodes.receiver.on("/later", [Reply::status(500), Reply::status(200)]);
    let id = post(&there, "one");
    nodes.receiver.wait_for("/held", 1);
    until("the first attempt is recorded", || (attempts(&there, &id) == 1).then_some(()));
    there.signal(Signal::TERM);
    gate.open();
    let (status, output) = there.wait();
    assert!(status.success(), "{output}");
    let later = nodes.receiver.wait_for("/later", 2);
    assert_eq!((later.len(), nodes.receiver.received("/held").len()), (2, 1));
    until("all is recorded", || (attempts(&here, &id) == 3).then_some(()));
    assert_eq!(metric(&here, "cornet_deliveries_taken_over_total"), 1);
}

#[test]
fn a_node_that_is_killed_and_started_again_in_its_place_goes_on_at_once() {
    let Some(nodes) = Nodes::new(LONG) else { return };
    let node = nodes.start("one");
    nodes.endpoint(&node, "/hook");
    let gate = Gate::default();
    nodes.receiver.on("/hook", [Reply::status(200).after(&gate), Reply::status(204)]);
    post(&node, "one");
    nodes.receiver.wait_for("/hook", 1);
    let node = node.kill().start();
    let all = nodes.receiver.wait_for("/hook", 2);
    assert_eq!(all[0].id(), all[1].id());
    assert_eq!((all[0].body == all[1].body, metric(&node, "cornet_deliveries_taken_over_total")), (true, 0));
    gate.open();
}

/// Posts until the node says that it has it, however often it says that it can't.
fn insist(client: &Client, payload: &str) -> String {
    let body = format!("{{\"eventType\":\"node.test\",\"payload\":{{\"key\" :  \"{payload}\"}}}}");
    let post =
        || client.send("POST", "/api/v1/app/default/msg", &[("idempotency-key", payload)], Some(body.as_bytes()));
    until("it is accepted", || {
        let answer = post();
        assert!([202, 503].contains(&answer.status), "{}", answer.text());
        (answer.status == 202).then(|| text(&answer.json()["id"]))
    })
}

#[test]
fn connections_to_the_database_that_are_cut_under_load_lose_and_repeat_nothing() {
    let Some(nodes) = Nodes::new(LONG) else { return };
    let servers = ["here", "there"].map(|name| nodes.start(name));
    nodes.endpoint(&servers[0], "/hook");
    let accepted = AtomicUsize::new(0);
    let ids: HashSet<String> = thread::scope(|scope| {
        let producers: Vec<_> = (0..4)
            .map(|producer| {
                let (client, accepted) = (servers[producer % 2].client(), &accepted);
                scope.spawn(move || {
                    let post = |number: usize| {
                        let id = insist(&client, &format!("{producer}-{number}"));
                        accepted.fetch_add(1, Ordering::SeqCst);
                        id
                    };
                    (0..MESSAGES_PER_PRODUCER).map(post).collect::<Vec<_>>()
                })
            })
            .collect();
        for cut in 1..=CUTS {
            let enough = cut * 4 * MESSAGES_PER_PRODUCER / (CUTS + 1);
            until("so much is accepted", || (accepted.load(Ordering::SeqCst) >= enough).then_some(()));
            nodes.cut();
        }
        producers.into_iter().flat_map(|producer| producer.join().expect("no producer panics")).collect()
    });
    assert_eq!(ids.len(), 4 * MESSAGES_PER_PRODUCER);
    nodes.receiver.wait_for_ids(&ids);
    until("nothing waits", || (nodes.database.sql("SELECT count(*) FROM queue") == "0").then_some(()));
    assert_eq!(nodes.receiver.all().len(), ids.len(), "nothing is repeated");
    assert!(servers.iter().all(|node| metric(node, "cornet_leases_lost_total") == 0));
}

#[test]
fn a_key_that_ends_at_one_node_is_refused_by_all_within_a_second() {
    let Some(nodes) = Nodes::new(LONG) else { return };
    let (here, there) = (nodes.start("here"), nodes.start("there"));
    let environments = here.client().get("/api/v1/management/environment").expect_status(200).json();
    let environment = text(&array(&environments["data"])[0]["id"]);
    let tokens = format!("/api/v1/management/authentication/{environment}/api-token");
    for connected in [true, false] {
        let made = here.client().post(&tokens, &json!({"name": "short-lived"})).expect_status(200).json();
        let (id, token) = (text(&made["id"]), text(&made["token"]));
        let client = there.client().with_key(Some(&token));
        client.get("/api/v1/app").expect_status(200);
        if !connected {
            // Nobody can be told anything for a moment.
            nodes.cut();
        }
        here.client().post(&format!("{tokens}/{id}/expire"), &json!({})).expect_status(204);
        let ended = instant();
        until("the other node refuses it", || (client.get("/api/v1/app").status == 401).then_some(()));
        assert!(ended.elapsed() < Duration::from_secs(1), "it took {:?}", ended.elapsed());
    }
}

#[test]
fn an_endpoint_that_is_switched_off_at_one_node_is_left_alone_by_all() {
    let Some(nodes) = Nodes::new(LONG) else { return };
    let (here, there) = (nodes.start("here"), nodes.start("there"));
    let off = nodes.endpoint(&here, "/off");
    nodes.endpoint(&here, "/on");
    for path in ["/off", "/on"] {
        nodes.receiver.on(path, [Reply::status(500)]);
    }
    let id = post(&there, "one");
    until("both have failed once", || (attempts(&there, &id) == 2).then_some(()));
    let path = format!("/api/v1/app/default/endpoint/{off}");
    here.client().patch(&path, &json!({"disabled": true})).expect_status(200);
    // Both are tried again every second; when the one is for the third time, the other would have been for the second.
    nodes.receiver.wait_for("/on", 3);
    assert_eq!(nodes.receiver.received("/off").len(), 1);
    here.client().patch(&path, &json!({"disabled": false})).expect_status(200);
    nodes.receiver.wait_for("/off", 2);
}

#[test]
fn ids_never_meet_and_figures_add_up() {
    let Some(nodes) = Nodes::new(LONG) else { return };
    let servers = ["a", "b", "c"].map(|name| nodes.start(name));
    nodes.endpoint(&servers[0], "/hook");
    let ids: Vec<String> = thread::scope(|scope| {
        let posting = servers.iter().enumerate().map(|(node, server)| {
            scope.spawn(move || (0..100).map(|number| post(server, &format!("{node}-{number}"))).collect::<Vec<_>>())
        });
        let posting: Vec<_> = posting.collect();
        posting.into_iter().flat_map(|posting| posting.join().expect("no producer panics")).collect()
    });
    let unique: HashSet<_> = ids.iter().cloned().collect();
    assert_eq!(unique.len(), 300);
    for node in 0..3 {
        assert_eq!(ids.iter().filter(|id| node_of(id) == node).count(), 100);
    }
    nodes.receiver.wait_for_ids(&unique);
    until("every message and attempt is counted once", || {
        let counted = nodes.database.sql(
            "SELECT sum(accepted), sum(delivered), sum(failed + retried) FROM figures
             JOIN environments ON environments.id = owner_id WHERE resolution = 60000",
        );
        (counted == "300|300|0").then_some(())
    });
    assert_eq!(nodes.receiver.all().len(), 300, "nothing is repeated");
}

#[test]
fn a_rate_holds_over_all_nodes_together() {
    let Some(nodes) = Nodes::new(LONG) else { return };
    let (here, there) = (nodes.start("here"), nodes.start("there"));
    acquainted(&[&here, &there], 2);
    nodes.endpoint_with(&here, "/hook", json!({"throttleRate": 10}));
    for number in 0..15 {
        post(&here, &format!("here-{number}"));
        post(&there, &format!("there-{number}"));
    }
    let all = nodes.receiver.wait_for("/hook", 30);
    let took = all[29].arrived - all[0].arrived;
    // Each sends the first few before it knows that there is a rate; two nodes that did not share it would take half.
    assert!(took >= Duration::from_millis(1_800), "30 messages at 10 a second took {took:?}");
}

/// Waits for the next millisecond: two nodes have no other order for what they accept within one.
fn next_millisecond() {
    let begun = instant();
    until("a millisecond passes", || (begun.elapsed() > Duration::from_millis(1)).then_some(()));
}

#[test]
fn order_holds_over_all_nodes_also_when_one_is_killed_and_one_is_stopped() {
    let Some(nodes) = Nodes::new(SHORT) else { return };
    let (here, killed, stopped) = (nodes.start("here"), nodes.start("killed"), nodes.start("stopped"));
    acquainted(&[&here, &killed, &stopped], 3);
    nodes.endpoint_with(&here, "/hook", json!({"fifo": true}));
    // Some are not taken at first.
    let replies = (0..120).map(|number| Reply::status(if number % 17 == 3 { 500 } else { 204 }));
    nodes.receiver.on("/hook", replies.chain([Reply::status(204)]));
    let mut ids = Vec::new();
    let mut post_in_turn = |among: &[&Server], count: usize| {
        for number in 0..count {
            next_millisecond();
            let payload = format!("{}", ids.len());
            ids.push(post(among[number % among.len()], &payload));
        }
    };
    post_in_turn(&[&here, &killed, &stopped], 30);
    drop(killed.kill());
    post_in_turn(&[&here, &stopped], 20);
    stopped.signal(Signal::STOP);
    post_in_turn(&[&here], 10);
    nodes.receiver.wait_for_ids(&ids.iter().cloned().collect());
    stopped.signal(Signal::CONT);
    until("it knows that it was dead", || (metric(&stopped, "cornet_leases_lost_total") == 1).then_some(()));
    until("nothing waits", || (nodes.database.sql("SELECT count(*) FROM queue") == "0").then_some(()));
    let mut seen = HashSet::new();
    let all = nodes.receiver.all();
    let firsts: Vec<_> = all.iter().map(|request| request.id()).filter(|id| seen.insert(id.to_owned())).collect();
    assert_eq!(firsts, ids, "each came for the first time after all that were accepted before it");
}

#[test]
fn in_an_order_a_node_does_not_keep_the_next_one_waiting() {
    let Some(nodes) = Nodes::new(LONG) else { return };
    let (here, there) = (nodes.start("here"), nodes.start("there"));
    acquainted(&[&here, &there], 2);
    nodes.endpoint_with(&here, "/hook", json!({"fifo": true}));
    let gate = Gate::default();
    nodes.receiver.on("/hook", [Reply::status(204).after(&gate), Reply::status(204)]);
    let count = 40;
    for number in 0..count {
        next_millisecond();
        post([&here, &there][number % 2], &number.to_string());
    }
    gate.open();
    let all = nodes.receiver.wait_for("/hook", count);
    let mut pauses: Vec<_> = all.windows(2).skip(1).map(|pair| pair[1].arrived - pair[0].arrived).collect();
    pauses.sort_unstable();
    eprintln!("{count} messages changed hands, half of them within {:?}", pauses[count / 2]);
    // An outcome that waits for company waits for 50 ms, however fast the machine is.
    assert!(pauses[0] < Duration::from_millis(50), "no outcome was written at once: {pauses:?}");
}

#[test]
fn an_endpoint_that_is_down_is_left_in_peace_by_all_nodes_and_tried_by_one() {
    let Some(nodes) = Nodes::new(LONG) else { return };
    let (here, there) = (nodes.start("here"), nodes.start("there"));
    acquainted(&[&here, &there], 2);
    let down = nodes.endpoint(&here, "/down");
    nodes.receiver.on("/down", [Reply::status(503)]);
    let mut ids: HashSet<_> = (0..10).map(|number| post(&here, &format!("here-{number}"))).collect();
    let resting = |count: u64| {
        let rests = |node: &Server| metric(node, "cornet_endpoints_resting") == count;
        until("all know whether it rests", || [&here, &there].into_iter().all(rests).then_some(()));
    };
    resting(1);
    ids.extend((0..10).map(|number| post(&there, &format!("there-{number}"))));
    let id = ids.iter().next().expect("some were posted");
    let why = there.client().get(&format!("/api/v1/app/default/msg/{id}/why")).expect_status(200).json();
    let explained = text(&array(&why["endpoints"])[0]["explanation"]);
    let path = format!("/api/v1/app/default/endpoint/{down}");
    let rests_until = |node: &Server| node.client().get(&path).expect_status(200).json()["restingUntil"].clone();
    assert!(rests_until(&here).is_string() && rests_until(&there).is_string());
    assert!(explained.contains("one message is tried now and then"), "{explained}");
    let before = nodes.receiver.received("/down").len();
    let all = nodes.receiver.wait_for("/down", before + 1);
    nodes.receiver.on("/down", [Reply::status(204)]);
    assert!(all.len() <= before + 1, "one message alone is tried");
    let tried = nodes.receiver.wait_for("/down", before + 2);
    let pause = tried[before + 1].arrived - tried[before].arrived;
    assert!(pause >= Duration::from_secs(9), "the second was tried {pause:?} after the first");
    resting(0);
    assert!(rests_until(&here).is_null() && rests_until(&there).is_null());
    until("nothing waits", || (nodes.database.sql("SELECT count(*) FROM queue") == "0").then_some(()));
    for id in &ids {
        assert!(nodes.receiver.all().iter().any(|request| request.id() == id), "{id} did not arrive");
    }
    let failed = nodes.database.sql("SELECT count(*) FROM deliveries WHERE state <> 0");
    assert_eq!(failed, "0", "the schedule of what waits is not used up meanwhile");
}
