//! Both databases take the same steps and come out alike, from whatever version they start.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use cornet::clock::ManualClock;
use cornet::domain::id::{ApplicationId, MessageId};
use cornet::domain::time::Timestamp;
use cornet::store::{Database, StoreError};

use crate::bench::{Bench, Kind, open};
use crate::on;
use crate::postgres::{Fresh, Place};

/// What a database is made of: the columns of each table, in their order.
type Tables = BTreeMap<String, Vec<String>>;

fn clock() -> Arc<ManualClock> {
    Arc::new(ManualClock::new(Timestamp::from_ms(1_800_000_000_000)))
}

/// The steps of a kind of database by name, each with its text.
fn steps(kind: &str) -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations").join(kind);
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().path()).collect();
    files.sort();
    let name = |path: &Path| path.file_stem().unwrap().to_string_lossy().into_owned();
    files.iter().map(|path| (name(path), std::fs::read_to_string(path).unwrap())).collect()
}

fn tables_of_file(path: &Path) -> Tables {
    let connection = rusqlite::Connection::open(path).unwrap();
    // On a server nothing waits without a row in the queue.
    let sql = "SELECT m.name, c.name FROM sqlite_schema AS m, pragma_table_info(m.name) AS c
        WHERE m.type = 'table' AND m.name <> 'fresh' ORDER BY m.name, c.cid";
    let mut statement = connection.prepare(sql).unwrap();
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    gathered(rows.map(Result::unwrap))
}

fn tables_of_server(fresh: &Fresh) -> Tables {
    let found = fresh.sql(
        "SELECT c.table_name, c.column_name FROM information_schema.columns AS c
         JOIN pg_class ON pg_class.oid = to_regclass(c.table_name)
         WHERE c.table_schema = 'public' AND NOT pg_class.relispartition AND c.table_name <> 'migrations'
         ORDER BY c.table_name, c.ordinal_position",
    );
    let row = |line: &str| line.split_once('|').map(|(table, column)| (table.to_owned(), column.to_owned())).unwrap();
    gathered(found.lines().map(row))
}

fn gathered(rows: impl Iterator<Item = (String, String)>) -> Tables {
    let mut tables = Tables::new();
    rows.for_each(|(table, column)| tables.entry(table).or_default().push(column));
    tables
}

#[test]
fn both_have_the_same_tables_and_columns() {
    on(Kind::Postgres, async |server: Bench| {
        let Place::Fresh(fresh) = &server.place else { panic!("it is a server") };
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("cornet.db");
        drop(open(Database::from(&file), clock(), 7).await.unwrap());
        assert_eq!(tables_of_file(&file), tables_of_server(fresh));
        let names = |kind| steps(kind).into_iter().map(|(name, _)| name).collect::<Vec<_>>();
        assert_eq!(names("sqlite"), names("postgres"));
        let kinds = fresh
            .sql("SELECT DISTINCT data_type FROM information_schema.columns WHERE table_schema = 'public' ORDER BY 1");
        assert_eq!(kinds, "bigint\nbytea\ntext", "the same reads work on both");
        let outside = "SELECT count(*) FROM pg_constraint WHERE contype = 'f'";
        assert_eq!(fresh.sql(outside), "0", "a foreign key could not be spread over machines");
        assert_eq!(fresh.sql("SELECT count(*) FROM pg_sequences"), "0");
    });
}

/// A message with an event id, as the first step's tables keep it.
const MESSAGE: &str =
    "INSERT INTO messages (id, environment_id, application_id, event_type, event_id, verdicts, checksum)
    VALUES (77, 1, 5, 'a', 'e-1', '', 0);";

#[test]
fn a_file_of_every_version_is_brought_up_to_date_with_what_is_in_it() {
    let directory = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let steps = steps("sqlite");
    let mut shapes = Vec::new();
    for done in 0..=steps.len() {
        let file = directory.path().join(format!("{done}.db"));
        let connection = rusqlite::Connection::open(&file).unwrap();
        for (place, (_, sql)) in steps.iter().take(done).enumerate() {
            connection.execute_batch(sql).unwrap();
            if place == 0 {
                connection.execute_batch(MESSAGE).unwrap();
            }
        }
        connection.execute_batch(&format!("PRAGMA user_version = {done}")).unwrap();
        drop(connection);
        let (store, _) = runtime.block_on(open(Database::from(&file), clock(), 7)).unwrap();
        let found = store.message_id_by_event_id(ApplicationId::from_number(5), "e-1".to_owned());
        let kept = (done > 0).then_some(MessageId::from_number(77));
        assert_eq!(runtime.block_on(found).unwrap(), kept, "{done} steps");
        drop(store);
        shapes.push(tables_of_file(&file));
    }
    assert!(shapes.windows(2).all(|pair| pair[0] == pair[1]));
}

#[test]
fn a_server_of_every_version_is_brought_up_to_date_with_what_is_in_it() {
    on(Kind::Postgres, async |latest: Bench| {
        let Place::Fresh(latest) = &latest.place else { panic!("it is a server") };
        let steps = steps("postgres");
        for done in 0..steps.len() {
            let fresh = Fresh::new();
            fresh.sql("CREATE TABLE migrations (step BIGINT PRIMARY KEY, name TEXT NOT NULL, checksum BYTEA NOT NULL)");
            for (place, (name, sql)) in steps.iter().take(done).enumerate() {
                fresh.sql(sql);
                let remembered = format!("VALUES ({place}, '{name}', sha256(convert_to($step${sql}$step$, 'UTF8')))");
                fresh.sql(&format!("INSERT INTO migrations {remembered}"));
                if place == 0 {
                    fresh.sql(MESSAGE);
                }
            }
            let database = Database::server(&fresh.url(), false).unwrap();
            drop(open(database, clock(), 7).await.unwrap());
            assert_eq!(tables_of_server(&fresh), tables_of_server(latest), "{done} steps");
            assert_eq!(fresh.sql("SELECT count(*) FROM messages"), u8::from(done > 0).to_string());
        }
    });
}

#[test]
fn a_database_of_a_newer_or_another_program_is_refused() {
    on(Kind::Postgres, async |bench: Bench| {
        let Place::Fresh(fresh) = &bench.place else { panic!("it is a server") };
        let again = || async { open(bench.place.database(), clock(), 7).await.err() };
        fresh.sql("UPDATE migrations SET checksum = '' WHERE step = 0");
        let other = again().await;
        assert!(matches!(&other, Some(StoreError::Unavailable(why)) if why.contains("another program")), "{other:?}");
        fresh.sql("INSERT INTO migrations VALUES (900, '0900_later', '')");
        let newer = again().await;
        assert!(matches!(&newer, Some(StoreError::Unavailable(why)) if why.contains("newer Cornet")), "{newer:?}");
    });
}
