//! The master key is replaced while the store is in use (THREATS J10): everything is sealed anew, whoever is killed goes
//! on, and in the end the old key opens nothing.

use std::collections::BTreeMap;
use std::sync::Arc;

use cornet::clock::ManualClock;
use cornet::domain::application::Application;
use cornet::domain::endpoint::{Endpoint, EndpointChange, HeadersChange};
use cornet::domain::id::EndpointId;
use cornet::domain::inbox::{Inbox, InboxChange};
use cornet::domain::secret::EndpointSecret;
use cornet::domain::transformation::TransformationChange;
use cornet::store::{
    Database, EventTypeSharing, Feed, Inserted, MasterKeys, OldKeys, Resealed, Store, StoreError, Updated, Vault,
};

use crate::bench::{Bench, Kind};
use crate::on;
use crate::postgres::Place;

/// What stands in each header and inbox, in the plain.
const SECRET: &str = "hush-hush-hush";
/// Endpoints: so many that there are several pieces of work.
const ENDPOINTS: usize = 230;

fn keys(current: u8, old: &[u8], next: Option<u8>) -> Vault {
    let key = |number: u8| vec![number; 32].into();
    let old = old.iter().map(|number| key(*number)).collect();
    Vault::of(&MasterKeys { current: key(current), old, next: next.map(key) }).unwrap()
}

async fn open(database: Database, clock: &Arc<ManualClock>, vault: Vault) -> Result<(Arc<Store>, Feed), StoreError> {
    let clock = clock.clone();
    let opening = move || Store::open(database, vault, clock, Arc::default());
    tokio::task::spawn_blocking(opening).await.unwrap()
}

/// Makes an endpoint with a header that is a secret.
async fn endpoint(store: &Store, application: &Application, uid: String) -> (EndpointId, String) {
    let headers = [("authorization".to_owned(), SECRET.to_owned())].into();
    let change = EndpointChange {
        url: Some("https://example.com/".to_owned()),
        uid: Some(Some(uid)),
        headers: Some(HeadersChange::Replace(headers)),
        ..EndpointChange::default()
    };
    let made = Endpoint::blank(store.next_id(), application, store.now()).changed(&change, store.now());
    let secret = EndpointSecret::generate_hmac();
    let (id, text) = (made.id, secret.to_text().to_string());
    let inserted = store.insert_endpoint(made, secret, None, EventTypeSharing::ByRule).await.unwrap();
    assert_eq!(inserted, Inserted::New);
    (id, text)
}

/// Makes an inbox that checks with a secret.
async fn inbox(bench: &Bench) -> cornet::domain::id::InboxId {
    let (store, now) = (&bench.store, bench.store.now());
    let id = store.next_id();
    let token = cornet::domain::inbox::new_token().unwrap();
    let inbox = Inbox::new(id, token, bench.environment_id, None, "Inbox".to_owned(), now);
    assert_eq!(store.insert_inbox(inbox, None).await.unwrap(), Inserted::New);
    let change = InboxChange { secret: Some(Some(SECRET.to_owned())), ..InboxChange::default() };
    store.update_inbox(id, change).await.unwrap().unwrap();
    id
}

/// Gives an endpoint a transformation with a secret variable.
async fn transformation(bench: &Bench, id: EndpointId) -> EndpointId {
    let routes = bench.store.routes(bench.application_id).await.unwrap().unwrap();
    let change = TransformationChange {
        variables: Some([("TOKEN".to_owned(), SECRET.to_owned())].into()),
        ..TransformationChange::default()
    };
    let endpoint = &routes.endpoint(id).unwrap().endpoint;
    let updated = bench.store.update_transformation(endpoint, change).await.unwrap();
    assert!(matches!(updated, Ok(Updated::Done(_))));
    id
}

/// Asserts that everything opens, as what it was.
async fn assert_opens(store: &Store, bench: (&BTreeMap<EndpointId, String>, cornet::domain::id::InboxId)) {
    let (secrets, inbox) = bench;
    for (id, text) in secrets {
        assert_eq!(*store.endpoint_secret(*id).await.unwrap().unwrap().to_text(), *text);
    }
    assert_eq!(store.inbox_secret(inbox).await.unwrap().unwrap().as_str(), SECRET);
}

async fn assert_headers(store: &Store, application: cornet::domain::id::ApplicationId) {
    for route in &store.routes(application).await.unwrap().unwrap().endpoints {
        assert_eq!(route.endpoint.headers["authorization"], SECRET);
    }
}

/// The blobs of all columns, past the store.
fn blobs(place: &Place) -> Vec<String> {
    let sql = "SELECT hex(sealed) FROM endpoint_secrets UNION ALL SELECT hex(headers) FROM endpoints
        UNION ALL SELECT hex(secret) FROM inboxes UNION ALL SELECT hex(sealed) FROM seal
        UNION ALL SELECT hex(variables) FROM transformations";
    match place {
        Place::File(path) => {
            let connection = rusqlite::Connection::open(path).unwrap();
            let mut statement = connection.prepare(sql).unwrap();
            let rows = statement.query_map([], |row| row.get::<_, String>(0)).unwrap();
            rows.map(|row| row.unwrap().to_lowercase()).collect()
        }
        Place::Fresh(fresh) => {
            let sql = sql.replace("hex(", "encode(").replace("(sealed)", "(sealed, 'hex')");
            let sql = sql.replace("(headers)", "(headers, 'hex')").replace("(secret)", "(secret, 'hex')");
            let sql = sql.replace("(variables)", "(variables, 'hex')");
            fresh.sql(&sql).lines().map(str::to_owned).collect()
        }
    }
}

/// The name of the key that a blob was sealed with.
fn name(blob: &str) -> &str {
    assert!(blob.starts_with("02"), "{blob}");
    &blob[2..10]
}

/// Every blob of a file, whatever table and column it stands in, with their names.
fn all_blobs(path: &std::path::Path) -> Vec<(String, Vec<u8>)> {
    let connection = rusqlite::Connection::open(path).unwrap();
    let columns = "SELECT m.name, c.name FROM sqlite_schema AS m, pragma_table_info(m.name) AS c
        WHERE m.type = 'table' AND c.type = 'BLOB'";
    let mut statement = connection.prepare(columns).unwrap();
    let columns = statement.query_map([], |row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?))).unwrap();
    let mut found = Vec::new();
    for (table, column) in columns.map(Result::unwrap) {
        let sql = format!("SELECT {column} FROM {table} WHERE {column} IS NOT NULL");
        let mut statement = connection.prepare(&sql).unwrap();
        let blobs = statement.query_map([], |row| row.get::<_, Vec<u8>>(0)).unwrap();
        found.extend(blobs.map(|blob| (format!("{table}.{column}"), blob.unwrap())));
    }
    found
}

/// Everything that lies on disk or comes out of a backup.
fn bytes(place: &Place) -> Vec<u8> {
    match place {
        Place::File(path) => {
            let beside = |ending: &str| std::fs::read(format!("{}{ending}", path.display())).unwrap_or_default();
            [beside(""), beside("-wal")].concat()
        }
        Place::Fresh(fresh) => fresh.dump(),
    }
}

async fn rotated(bench: Bench) {
    let application = bench.store.application(bench.application_id).await.unwrap().unwrap();
    let mut secrets = BTreeMap::new();
    for number in 0..ENDPOINTS {
        let (id, text) = endpoint(&bench.store, &application, format!("e{number}")).await;
        secrets.insert(id, text);
    }
    let inbox = inbox(&bench).await;
    let transformed = transformation(&bench, *secrets.keys().next().unwrap()).await;
    let Bench { place, clock, store, feed, .. } = bench;
    drop((store, feed));
    let old_name = name(&blobs(&place)[0]).to_owned();
    let open = async |vault| open(place.database(), &clock, vault).await;

    // Killed after two pieces: neither key is enough then.
    let (store, feed) = open(keys(8, &[7], None)).await.unwrap();
    assert_eq!(store.old_keys().await.unwrap(), OldKeys::Needed);
    let first = store.reseal(Resealed::default()).await.unwrap().unwrap();
    assert_eq!(store.reseal(first).await.unwrap().unwrap().count, 200);
    assert_opens(&store, (&secrets, inbox)).await;
    let (late, text) = endpoint(&store, &application, "late".to_owned()).await;
    secrets.insert(late, text);
    drop((store, feed));
    for vault in [keys(8, &[], None), keys(7, &[], None)] {
        let refused = open(vault).await.err();
        assert!(matches!(&refused, Some(StoreError::Unavailable(why)) if why.contains("CORNET_")), "{refused:?}");
    }

    let (store, feed) = open(keys(8, &[7], None)).await.unwrap();
    let mut so_far = Some(Resealed::default());
    let mut count = 0;
    while let Some(further) = so_far {
        count = further.count;
        so_far = store.reseal(further).await.unwrap();
    }
    assert_eq!(count, 30 + 230 + 1 + 1, "what was done before the kill is not done again");
    assert_eq!(store.old_keys().await.unwrap(), OldKeys::Spent);
    assert_opens(&store, (&secrets, inbox)).await;
    drop((store, feed));

    let refused = open(keys(7, &[], None)).await.err();
    assert!(refused.is_some(), "the old key opens nothing");
    for blob in blobs(&place) {
        assert_ne!(name(&blob), old_name);
    }
    if let Place::File(path) = &place {
        for (column, blob) in all_blobs(path) {
            let hex: String = blob.iter().take(5).map(|byte| format!("{byte:02x}")).collect();
            assert_ne!(hex, format!("02{old_name}"), "{column} is not among the columns that are sealed anew");
        }
    }
    let (store, _feed) = open(keys(8, &[], None)).await.unwrap();
    assert_eq!(store.old_keys().await.unwrap(), OldKeys::None);
    assert_opens(&store, (&secrets, inbox)).await;
    assert_headers(&store, application.id).await;
    let opened = store.transformation(transformed).await.unwrap().variables;
    assert_eq!(opened.conceal_in(SECRET), "\u{2022}\u{2022}\u{2022}", "it opens as what it was");
    let everything = bytes(&place);
    let contains = |needle: &[u8]| everything.windows(needle.len()).any(|window| window == needle);
    for key in [[7; 32], [8; 32]] {
        assert!(!contains(&key));
    }
    for secret in secrets.values().map(String::as_str).take(3).chain([SECRET]) {
        assert!(!contains(secret.as_bytes()), "in the plain");
    }
}

#[test]
fn in_a_file_a_rotation_that_is_killed_goes_on_and_ends() {
    on(Kind::Sqlite, rotated);
}

#[test]
fn on_a_server_a_rotation_that_is_killed_goes_on_and_ends() {
    on(Kind::Postgres, rotated);
}

/// Each node is given the next key first; then one after the other has it in use.
#[test]
fn nodes_change_over_one_after_the_other_and_none_is_without_a_key() {
    on(Kind::Postgres, async |bench: Bench| {
        let Place::Fresh(fresh) = &bench.place else { panic!("it is a server") };
        let application = bench.store.application(bench.application_id).await.unwrap().unwrap();
        let database = || Database::server(&fresh.url(), false).unwrap();
        let (slow, _slow_feed) = open(database(), &bench.clock, keys(7, &[], Some(8))).await.unwrap();
        let (quick, _quick_feed) = open(database(), &bench.clock, keys(8, &[7], None)).await.unwrap();
        let reseal = async |store: &Store| {
            let mut so_far = Some(Resealed::default());
            while let Some(further) = so_far {
                so_far = store.reseal(further).await.unwrap();
            }
        };
        let (by_slow, first) = endpoint(&slow, &application, "slow".to_owned()).await;
        reseal(&quick).await;
        let (by_quick, second) = endpoint(&quick, &application, "quick".to_owned()).await;
        let (too_late, third) = endpoint(&slow, &application, "late".to_owned()).await;
        let secrets: BTreeMap<_, _> = [(by_slow, first), (by_quick, second), (too_late, third)].into();
        for store in [&slow, &quick] {
            for (id, text) in &secrets {
                assert_eq!(*store.endpoint_secret(*id).await.unwrap().unwrap().to_text(), *text);
            }
        }
        drop((slow, _slow_feed));
        // It is behind and does not seal backwards; then it is given the new key to use, and finds what it left.
        let (behind, _feed) = open(database(), &bench.clock, keys(7, &[], Some(8))).await.unwrap();
        assert!(behind.reseal(Resealed::default()).await.unwrap().is_none());
        drop((behind, _feed));
        let (changed, _feed) = open(database(), &bench.clock, keys(8, &[7], None)).await.unwrap();
        reseal(&changed).await;
        drop((changed, _feed, quick, _quick_feed));
        let (last, _feed) = open(database(), &bench.clock, keys(8, &[], None)).await.unwrap();
        for (id, text) in &secrets {
            assert_eq!(*last.endpoint_secret(*id).await.unwrap().unwrap().to_text(), *text);
        }
    });
}
