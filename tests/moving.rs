//! `cornet move` carries a store from its file to a PostgreSQL server: everything, once, whenever it is killed, and what
//! waited in the file is delivered from the server.

#[expect(dead_code, reason = "each test binary uses its own part of the support")]
mod support;

use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use support::postgres::{self, Fresh};
use support::receiver::{Gate, Receiver, Reply};
use support::scene::{Scene, array, text};
use support::server::{Launch, run};
use support::until;

/// Messages from the days before, besides those that were posted.
const OLD_MESSAGES: usize = 6_000;
/// The days that they are from.
const OLD_DAYS: i64 = 30;

/// Whether PostgreSQL is there, which it must be in `./test`.
fn has_postgres() -> bool {
    let there = postgres::is_there();
    assert!(there || std::env::var_os("CORNET_TEST_ALL").is_none(), "PostgreSQL is not installed");
    there
}

/// Whether strace is there, which it must be in `./test`.
fn has_strace() -> bool {
    let there = Command::new("strace").arg("--version").output().is_ok();
    assert!(there || std::env::var_os("CORNET_TEST_ALL").is_none(), "strace is not installed");
    there
}

/// A store in a file that holds something of everything, whose server was killed while deliveries were on their way.
struct Left {
    launch: Launch,
    data: PathBuf,
    receiver: Receiver,
    /// Messages that wait.
    waiting: HashSet<String>,
    gate: Gate,
    /// The folder of the data.
    _scene_data: tempfile::TempDir,
}

impl Left {
    fn file(&self) -> PathBuf {
        self.data.join("cornet.db")
    }

    /// `cornet move` to this database.
    fn mover(&self, fresh: &Fresh) -> Command {
        let mut command = self.launch.command_of("move");
        command.env_remove("CORNET_API_KEY").args(["--output", "json", "--to", &fresh.url()]);
        command
    }

    /// The server of the same settings, on this database.
    fn on(&self, fresh: &Fresh) -> Launch {
        self.launch.clone().with("CORNET_DATABASE_URL", &fresh.url())
    }
}

/// Posts and makes what a store can hold, over the API, and kills the server with something on its way.
fn leave() -> Left {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let data = folder.path().join("data");
    let launch = Launch::new(&data).with("CORNET_RETRY_SCHEDULE", "20ms,1h");
    let (server, receiver) = (launch.start(), Receiver::start());
    let client = server.client();
    let app = |rest: &str| format!("/api/v1/app/default{rest}");
    let endpoint = |path: &str, more: Value| {
        let mut body = json!({"url": receiver.url(path), "headers": {"x-token": "sesame"}, "metadata": {"of": "Zoë"}});
        body.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
        text(&client.post(&app("/endpoint"), &body).expect_status(201).json()["id"])
    };
    client.post("/api/v1/event-type", &json!({"name": "test.event", "description": "d"})).expect_status(201);
    let (up, down) = (endpoint("/up", json!({})), endpoint("/down", json!({"channels": ["eu"]})));
    client.post(&app(&format!("/endpoint/{up}/secret/rotate")), &json!({})).expect_status(200);
    receiver.on("/down", [Reply::status(500), Reply::status(410).body("gone")]);
    let body = json!({"eventType": "test.event", "eventId": "e-1", "channels": ["eu"], "payload": {"a": 40.0}});
    let first = client.send("POST", &app("/msg"), &[("idempotency-key", "k")], Some(body.to_string().as_bytes()));
    let first = text(&first.expect_status(202).json()["id"]);
    until("the first has ended at both", || {
        let list = client.get(&app(&format!("/msg/{first}/endpoint"))).expect_status(200).json();
        array(&list["data"]).iter().all(|one| one["statusText"] != "pending").then_some(())
    });
    let gate = Gate::default();
    receiver.on("/up", [Reply::status(200).after(&gate)]);
    let waiting = (0..5).map(|number| {
        let body = json!({"eventType": "test.event", "payload": {"waiting": number}});
        text(&client.post(&app("/msg"), &body).expect_status(202).json()["id"])
    });
    let waiting: HashSet<String> = waiting.collect();
    assert!(receiver.received("/down").len() == 2 && down.starts_with("ep_"));
    receiver.wait_for("/up", 2);
    server.kill();
    fill(&data.join("cornet.db"));
    Left { launch, data, receiver, waiting, gate, _scene_data: folder }
}

/// The columns of the tables of a file: name, kind, and whether it may be empty. What is fresh is so in a file only.
fn columns_of(file: &rusqlite::Connection) -> BTreeMap<String, Vec<(String, String, bool)>> {
    let sql =
        "SELECT m.name, c.name, c.type, c.\"notnull\" + c.pk FROM sqlite_schema AS m, pragma_table_info(m.name) AS c
        WHERE m.type = 'table' AND m.name <> 'fresh' ORDER BY m.name, c.cid";
    let mut statement = file.prepare(sql).expect("good SQL");
    let mut tables = BTreeMap::<String, Vec<_>>::new();
    let rows = statement
        .query_map([], |row| Ok((row.get::<_, String>(0)?, (row.get(1)?, row.get(2)?, row.get::<_, i64>(3)? == 0))));
    rows.expect("it runs").map(|row| row.expect("texts")).for_each(|(table, column)| {
        tables.entry(table).or_default().push(column);
    });
    tables
}

/// Adds old messages, and rows to the tables that have none, so that none is forgotten, whatever it is.
fn fill(path: &Path) {
    let file = rusqlite::Connection::open(path).expect("the file opens");
    let day = (86_400_000_i64 << 21) / 200;
    file.execute_batch(&format!(
        "WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < {OLD_MESSAGES})
         INSERT INTO messages (id, environment_id, application_id, event_type, channels, verdicts, checksum, payload)
         SELECT (SELECT min(id) FROM messages) - n * {day}, environment_id, id, 'old.event', '[\"eu\"]', x'', 0, NULL
         FROM numbers, applications"
    ))
    .expect("good SQL");
    for (table, columns) in columns_of(&file) {
        let rows: i64 =
            file.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0)).expect("a number");
        if rows > 0 {
            continue;
        }
        let values = |row: usize| {
            let value = move |(place, (_, kind, may_be_empty)): (usize, &(String, String, bool))| match kind.as_str() {
                _ if *may_be_empty && row == 0 => "NULL".to_owned(),
                "INTEGER" => format!("{}", (row + 1) * (place + 1)),
                "TEXT" => format!("'{row} Zoë ''\u{1f4ef}'' {place}'"),
                _ => format!("x'00ff{row:02x}{place:02x}'"),
            };
            columns.iter().enumerate().map(value).collect::<Vec<_>>().join(", ")
        };
        for row in 0..2 {
            file.execute_batch(&format!("INSERT INTO {table} VALUES ({})", values(row))).expect("a row like that");
        }
    }
}

/// All rows of all tables, a line each, sorted; `None` when there are tables that the other does not have.
fn rows_of_file(path: &Path) -> BTreeMap<String, Vec<String>> {
    let file = rusqlite::Connection::open(path).expect("the file opens");
    let rows = |(table, columns): (String, Vec<(String, String, bool)>)| {
        let list = columns.iter().map(|(name, kind, _)| match kind.as_str() {
            "INTEGER" => format!("coalesce(CAST({name} AS TEXT), 'null')"),
            _ => format!("CASE WHEN {name} IS NULL THEN 'null' ELSE hex({name}) END"),
        });
        let sql = format!("SELECT {} FROM {table}", list.collect::<Vec<_>>().join(" || ',' || "));
        let mut statement = file.prepare(&sql).expect("good SQL");
        let lines = statement.query_map([], |row| row.get(0)).expect("it runs");
        let mut lines: Vec<String> = lines.map(|line| line.expect("a text")).collect();
        lines.sort();
        (table, lines)
    };
    columns_of(&file).into_iter().map(rows).collect()
}

/// The same of a server, in the tables of the file.
fn rows_of_server(fresh: &Fresh, path: &Path) -> BTreeMap<String, Vec<String>> {
    let file = rusqlite::Connection::open(path).expect("the file opens");
    let rows = |(table, columns): (String, Vec<(String, String, bool)>)| {
        let list = columns.iter().map(|(name, kind, _)| match kind.as_str() {
            "INTEGER" => format!("coalesce({name}::text, 'null')"),
            "TEXT" => format!("coalesce(upper(encode(convert_to({name}, 'UTF8'), 'hex')), 'null')"),
            _ => format!("coalesce(upper(encode({name}, 'hex')), 'null')"),
        });
        let found = fresh.sql(&format!("SELECT {} FROM {table}", list.collect::<Vec<_>>().join(" || ',' || ")));
        let mut lines: Vec<String> = found.lines().map(str::to_owned).collect();
        lines.sort();
        (table, lines)
    };
    columns_of(&file).into_iter().map(rows).collect()
}

#[track_caller]
fn assert_alike(left: &Left, fresh: &Fresh) {
    let (here, there) = (rows_of_file(&left.file()), rows_of_server(fresh, &left.file()));
    for (table, rows) in &here {
        assert!(!rows.is_empty(), "nothing was in {table}: have this test put something there");
        assert_eq!(Some(rows), there.get(table), "{table}");
    }
}

#[test]
fn everything_goes_over_and_what_waited_is_delivered() {
    if !has_postgres() {
        return;
    }
    let (left, fresh) = (leave(), Fresh::new());
    let before = std::fs::read(left.file()).unwrap();
    let (status, out, err) = run(left.mover(&fresh));
    assert!(status.success(), "{err}");
    assert_eq!(std::fs::read(left.file()).unwrap(), before, "the file is left as it was");
    let said: Value = serde_json::from_str(&out).unwrap();
    let messages = array(&said["tables"]).iter().find(|one| one["table"] == "messages").unwrap();
    assert_eq!(messages["rows"], OLD_MESSAGES + 6);
    assert!(err.contains("copying messages (") && err.contains("comparing queue ("), "{err}");
    assert_alike(&left, &fresh);
    assert_eq!(fresh.sql("SELECT count(*) FROM messages_rest"), "0", "each day has its part");
    let parts = "SELECT count(*) FROM pg_inherits WHERE inhparent = 'messages'::regclass";
    assert!(fresh.sql(parts).parse::<i64>().unwrap() > OLD_DAYS, "{}", fresh.sql(parts));

    // The file is not started on again by mistake, and a second move has nothing to do.
    let (status, output) = left.launch.start_refused();
    assert_eq!(status.code(), Some(4));
    assert!(output.contains("this store was moved to postgres://") && output.contains("cornet.db.moved"), "{output}");
    let (status, _, err) = run(left.mover(&fresh));
    assert!(!status.success() && err.contains("nothing is left to do"), "{err}");

    // The server goes on where the file was left.
    left.gate.open();
    let server = left.on(&fresh).start();
    left.receiver.wait_for_ids(&left.waiting);
    until("nothing waits any more", || (fresh.sql("SELECT count(*) FROM queue") == "0").then_some(()));
    let client = server.client();
    let page = client.get("/api/v1/app/default/msg?limit=10").expect_status(200).json();
    assert_eq!(array(&page["data"]).len(), 10);
    let repeat = json!({"eventType": "test.event", "eventId": "e-1", "payload": {}});
    client.post("/api/v1/app/default/msg", &repeat).expect_status(409);
    let mut doctor = left.on(&fresh).command_of("doctor");
    doctor.arg("--deep");
    let (_, out, _) = run(doctor);
    // One inbox and two transformations were made up, and what is sealed in them was, too.
    let problems: Vec<&str> = out.lines().filter(|line| line.starts_with("problem ")).collect();
    assert!(matches!(problems[..], [line] if line.contains(" 3 of 8 do not open: inboxes")), "{out}");
}

#[test]
fn a_move_that_is_killed_goes_on_when_it_is_called_again() {
    if !has_postgres() || !has_strace() {
        return;
    }
    let (left, fresh) = (leave(), Fresh::new());
    // What it says to the server takes some hundreds of writes; it is killed at ever later ones until it comes through.
    let mut kills = 0;
    for write in (1..).map(|step: usize| step * step / 2 + step) {
        let inject = format!("inject=sendto,sendmsg,write,writev:signal=SIGKILL:when={write}");
        let mover = left.mover(&fresh);
        let mut command = Command::new("strace");
        command.args(["-f", "-qq", "-o", "/dev/null", "-e", &inject, "--"]).arg(mover.get_program());
        command
            .args(mover.get_args())
            .env_clear()
            .envs(mover.get_envs().filter_map(|(name, value)| Some((name, value?))));
        if run(command).0.success() {
            break;
        }
        kills += 1;
        // Until it is complete, nobody works with half of it.
        let unfinished = fresh.sql("SELECT to_regclass('unfinished_move') IS NOT NULL") == "t";
        if unfinished && kills % 5 == 0 {
            let (status, output) = left.on(&fresh).start_refused();
            assert_eq!(status.code(), Some(4));
            assert!(output.contains("call `cornet move` again"), "{output}");
        }
    }
    eprintln!("killed {kills} times");
    assert!(kills > 10, "only {kills} kills");
    assert_alike(&left, &fresh);
    assert_eq!(fresh.sql("SELECT to_regclass('unfinished_move') IS NULL"), "t");
    left.gate.open();
    let _server = left.on(&fresh).start();
    left.receiver.wait_for_ids(&left.waiting);
}

#[test]
fn what_has_changed_between_two_calls_is_carried_over_too() {
    if !has_postgres() {
        return;
    }
    let (left, fresh) = (leave(), Fresh::new());
    let (status, _, err) = run(left.mover(&fresh));
    assert!(status.success(), "{err}");
    // As if it had been killed just before the end, and the old server had been used once more.
    let seal = fresh.sql("SELECT encode(sealed, 'hex') FROM seal");
    fresh
        .sql(&format!("CREATE TABLE unfinished_move (source BYTEA); INSERT INTO unfinished_move VALUES ('\\x{seal}')"));
    let file = rusqlite::Connection::open(left.file()).unwrap();
    file.execute_batch("DELETE FROM queue; UPDATE applications SET name = 'other'").unwrap();
    file.execute_batch("INSERT INTO queue VALUES (1, 2, 3, 4, 5, 0, 0, NULL); DELETE FROM attempts").unwrap();
    file.execute_batch(
        "INSERT INTO attempts SELECT id, 1, 2, 3, 4, 5, 6, 7, 'u', x'', '', '', 8, '', 0, '', x'' FROM deliveries",
    )
    .unwrap();
    drop(file);
    let (status, _, err) = run(left.mover(&fresh));
    assert!(status.success(), "{err}");
    assert_alike(&left, &fresh);
}

#[test]
fn what_is_in_use_and_what_holds_something_else_is_refused() {
    if !has_postgres() {
        return;
    }
    let scene = Scene::new();
    let (launch, fresh, file) = (scene.server.launch(), Fresh::new(), scene.data_dir().join("cornet.db"));
    let moving = |to: &str| {
        let mut command = launch.command_of("move");
        command.args(["--to", to]);
        let (status, _, err) = run(command);
        (status.code(), err)
    };
    let (code, err) = moving(&fresh.url());
    assert!(code == Some(4) && err.contains("in use by another Cornet"), "{err}");
    assert!(scene.server.terminate().0.success());
    // Something else than a server may have it open.
    let other = rusqlite::Connection::open(&file).unwrap();
    other.execute_batch("SELECT 1 FROM messages").unwrap();
    let (code, err) = moving(&fresh.url());
    assert!(code == Some(4) && err.contains("cornet.db is in use"), "{err}");
    drop(other);
    for (sql, why) in [
        ("CREATE TABLE guests (name TEXT)", "tables of another program"),
        (
            "DROP TABLE guests; CREATE TABLE unfinished_move (source BYTEA); INSERT INTO unfinished_move VALUES ('a')",
            "another store",
        ),
    ] {
        fresh.sql(sql);
        let (code, err) = moving(&fresh.url());
        assert!(code == Some(4) && err.contains(why), "{err}");
    }
    let other = Fresh::new();
    let used = launch.clone().with("CORNET_DATABASE_URL", &other.url());
    assert!(used.start().terminate().0.success());
    let (code, err) = moving(&other.url());
    assert!(code == Some(4) && err.contains("has rows in"), "{err}");
    assert_eq!(moving("mysql://x").0, Some(3));
    assert_eq!(moving("postgres://nobody@127.0.0.1:1/x").0, Some(4));
}
