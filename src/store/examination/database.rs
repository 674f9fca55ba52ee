//! The database from outside: which it is, how it is set up, whether this Cornet can use it, and whether its time is
//! ours.

use std::path::Path;
use std::time::Duration;

use super::content::examine_content;
use super::secrets::examine_secrets;
use super::{Tell, bytes_shown};
use crate::clock::Clock;
use crate::domain::finding::Finding;
use crate::domain::id::Id;
use crate::domain::other_clocks as receivers_clocks;
use crate::domain::time::Timestamp;
use crate::store::connection::Connection;
use crate::store::database::{DURABLE, Database, SERVER_VERSION_MIN};
use crate::store::error::StoreError;
use crate::store::vault::Vault;
use crate::store::{GREATEST_ID, READERS, file, migrations, moving, other_clocks, seal};

const SQLITE: &str = "SELECT sqlite_version(), journal_mode FROM pragma_journal_mode";
/// A log longer than this is not being copied into the file.
const LOG_WANTED: u64 = 512 << 20;

const POSTGRES: &str = "SELECT CAST(current_setting('server_version') AS TEXT),
    CAST(current_setting('server_version_num') AS BIGINT), pg_database_size(current_database())";
const CONNECTIONS: &str = "SELECT CAST(current_setting('max_connections') AS BIGINT),
    (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'),
    (SELECT count(*) FROM pg_stat_activity WHERE application_name = 'cornet' AND datname = current_database()
        AND pid <> pg_backend_pid())";
const SERVER_TIME: &str = "SELECT CAST(extract(epoch FROM clock_timestamp()) * 1000 AS BIGINT)";
/// Connections that a node needs: those that read, and some that write.
const CONNECTIONS_WANTED: i64 = READERS as i64 + 4;

/// How far two clocks may be apart before somebody should look.
const SKEW_WANTED: Duration = Duration::from_secs(2);
/// How far they may be apart before receivers refuse what was signed.
const SKEW_MAX: Duration = Duration::from_secs(120);

/// Looks at the database and at what lies in it. `vault` is what the secrets in it should open with; `deep` reads
/// everything.
pub fn examine_database(database: &Database, vault: Option<&Vault>, clock: &dyn Clock, deep: bool, tell: Tell<'_>) {
    const SUBJECT: &str = "database";
    if let Database::File(path) = database
        && !path.exists()
    {
        return tell(Finding::fine(SUBJECT, format!("there is no {database} yet; the first start makes it")));
    }
    if let Database::File(path) = database
        && let Ok(Some(words)) = moving::moved_to(path)
    {
        let advice = "look at that one, with --database-url; this file is only what was left behind";
        tell(Finding::warning(SUBJECT, format!("{database}: {words}"), advice));
    }
    let opened = database.reader().and_then(|connection| {
        match database {
            Database::File(path) => examine_file(&connection, path, tell)?,
            Database::Server(_) => examine_server(&connection, database, clock, tell)?,
        }
        Ok(connection)
    });
    let usable = opened.and_then(|connection| {
        let usable = examine_version(&connection, tell)?;
        Ok(usable.then_some(connection))
    });
    let examined = match usable {
        Ok(None) => return,
        Ok(Some(connection)) => examine_seal(&connection, vault, tell)
            .and_then(|()| examine_clock(&connection, clock, tell))
            .and_then(|()| examine_other_clocks(&connection, clock, tell))
            .and_then(|()| examine_content(&connection, deep, tell)),
        Err(error) => Err(error),
    };
    if let Err(error) = examined {
        tell(Finding::problem(SUBJECT, format!("{database}: {error}"), advice_for(&error, database)));
    }
}

/// What to do about a store that can't be read.
fn advice_for(error: &StoreError, database: &Database) -> &'static str {
    match (error, database) {
        (StoreError::Corrupt(_), Database::File(_)) => {
            "stop the server, keep a copy of the damaged files, and restore the last backup (docs/operating.md, Backup)"
        }
        (StoreError::Corrupt(_), Database::Server(_)) => "restore the last backup (docs/operating.md, Backup)",
        (_, Database::File(_)) => "check that the file is there and that this user may read it",
        (_, Database::Server(_)) => "check that the server runs, and the URL with its user and password",
    }
}

fn examine_file(connection: &Connection, path: &Path, tell: Tell<'_>) -> Result<(), StoreError> {
    const SUBJECT: &str = "database";
    let read = connection.first(SQLITE, &[], |row| Ok((row.text(0)?, row.text(1)?)))?;
    let (version, mode) = read.unwrap_or_default();
    let size = connection.first(file::SIZE, &[], |row| row.integer(0))?.unwrap_or_default();
    let size = bytes_shown(size.try_into().unwrap_or_default());
    let mut log = path.as_os_str().to_owned();
    log.push("-wal");
    let log = std::fs::metadata(log).map_or(0, |metadata| metadata.len());
    let text =
        format!("SQLite {version}, {size} in {}, journal_mode {mode}, a log of {}", path.display(), bytes_shown(log));
    tell(if mode != "wal" {
        let advice = "start Cornet on it, which sets journal_mode to wal; whoever changed it should not again";
        Finding::warning(SUBJECT, text, advice)
    } else if log > LOG_WANTED {
        let advice = "end what has been reading the file for long, such as a copier or sqlite3: it keeps the log from \
                      beginning anew";
        Finding::warning(SUBJECT, text, advice)
    } else {
        Finding::fine(SUBJECT, text)
    });
    tell(Finding::fine("durability", "Cornet sets synchronous=FULL whenever it opens the file: each commit is synced"));
    Ok(())
}

fn examine_server(
    connection: &Connection,
    database: &Database,
    clock: &dyn Clock,
    tell: Tell<'_>,
) -> Result<(), StoreError> {
    let read = connection.first(POSTGRES, &[], |row| Ok((row.text(0)?, row.integer(1)?, row.integer(2)?)))?;
    let (version, number, size) = read.unwrap_or_default();
    let text = format!("PostgreSQL {version}, {} in {database}", bytes_shown(size.try_into().unwrap_or_default()));
    tell(if number < SERVER_VERSION_MIN {
        Finding::problem("database", text, format!("use PostgreSQL {} or newer", SERVER_VERSION_MIN / 10_000))
    } else {
        Finding::fine("database", text)
    });
    let mut off = Vec::new();
    for (setting, sql) in DURABLE {
        if connection.first(sql, &[], |row| row.boolean(0))?.unwrap_or_default() {
            off.push(format!("{setting}=off"));
        }
    }
    tell(if off.is_empty() {
        Finding::fine("durability", "neither fsync nor synchronous_commit is off")
    } else {
        let text = format!("{}: accepted messages are lost when its machine fails", off.join(" and "));
        Finding::problem("durability", text, "switch it on in postgresql.conf, or for this database and user")
    });
    let read = connection.first(CONNECTIONS, &[], |row| Ok((row.integer(0)?, row.integer(1)?, row.integer(2)?)))?;
    let (most, used, ours) = read.unwrap_or_default();
    let text = format!("{used} of {most} used, {ours} of them by Cornet servers on this database");
    tell(if most - used < CONNECTIONS_WANTED {
        let advice = format!("raise max_connections: a server needs {CONNECTIONS_WANTED}");
        Finding::warning("connections", text, advice)
    } else {
        Finding::fine("connections", text)
    });
    examine_server_clock(connection, clock, tell)
}

fn examine_server_clock(connection: &Connection, clock: &dyn Clock, tell: Tell<'_>) -> Result<(), StoreError> {
    let (before, began) = (clock.now(), clock.monotonic());
    let theirs = connection.first(SERVER_TIME, &[], |row| row.time(0))?.unwrap_or(before);
    let ours = before.plus(clock.monotonic().saturating_sub(began) / 2);
    let skew = Duration::from_millis((theirs.as_ms() - ours.as_ms()).unsigned_abs());
    let text = format!("{skew:?} apart from the database's");
    let advice = "let both machines follow a time server (chrony, systemd-timesyncd)";
    tell(if skew > SKEW_MAX {
        Finding::problem("clock", text, advice)
    } else if skew > SKEW_WANTED {
        Finding::warning("clock", text, advice)
    } else {
        Finding::fine("clock", text)
    });
    Ok(())
}

/// Whether this Cornet knows the tables; without that nothing more can be read.
fn examine_version(connection: &Connection, tell: Tell<'_>) -> Result<bool, StoreError> {
    const SUBJECT: &str = "tables";
    let (done, known) = (migrations::done(connection)?, migrations::known());
    let (finding, usable) = if done > known {
        let text = format!("they are of version {done}, this Cornet knows {known}");
        (Finding::problem(SUBJECT, text, "use the newer Cornet that wrote them"), false)
    } else if done < known {
        let text = format!("they are of version {done}, and the next start brings them to {known}");
        (Finding::fine(SUBJECT, text), false)
    } else {
        (Finding::fine(SUBJECT, format!("they are of version {done}, this Cornet's")), true)
    };
    tell(finding);
    Ok(usable)
}

fn examine_seal(connection: &Connection, vault: Option<&Vault>, tell: Tell<'_>) -> Result<(), StoreError> {
    const SUBJECT: &str = "master key";
    let Some(vault) = vault else { return Ok(()) };
    match seal::opens(connection, vault)? {
        Some(true) => {
            tell(Finding::fine(SUBJECT, "it is the one that the store was made with"));
            examine_secrets(connection, vault, tell)?;
        }
        None => tell(Finding::fine(SUBJECT, "nothing is sealed in the store yet")),
        Some(false) => {
            let advice = "set CORNET_MASTER_KEY to the key that the store was made with, or put its master.key back";
            tell(Finding::problem(SUBJECT, "it is another one than the store was made with", advice));
        }
    }
    Ok(())
}

/// Whether the store knows of a time that has not come: the clock was set back, or was ahead.
fn examine_clock(connection: &Connection, clock: &dyn Clock, tell: Tell<'_>) -> Result<(), StoreError> {
    const SUBJECT: &str = "clock";
    let newest = connection.first(GREATEST_ID, &[], |row| row.id::<()>(0))?.unwrap_or(Id::from_number(0)).time();
    let now = clock.now();
    let ahead = newest.since(now);
    let text = format!("it is {now}");
    tell(if ahead > SKEW_WANTED {
        let text = format!("{text}, and the newest in the store is from {newest}");
        let advice = "the clock was set back, or was ahead before: set it right, and let it follow a time server";
        if ahead > SKEW_MAX { Finding::problem(SUBJECT, text, advice) } else { Finding::warning(SUBJECT, text, advice) }
    } else if newest <= Timestamp::EPOCH {
        Finding::fine(SUBJECT, format!("{text}; nothing is in the store yet"))
    } else {
        Finding::fine(SUBJECT, format!("{text}; the newest in the store is from {newest}"))
    });
    Ok(())
}

/// What receivers' clocks say, where enough have answered lately.
fn examine_other_clocks(connection: &Connection, clock: &dyn Clock, tell: Tell<'_>) -> Result<(), StoreError> {
    const SUBJECT: &str = "receivers' clocks";
    let Some(ahead) = other_clocks::ahead_seconds(connection, clock.now())? else { return Ok(()) };
    let text = receivers_clocks::in_words(ahead);
    tell(if receivers_clocks::is_wrong(ahead) {
        let advice = "receivers refuse signatures of another time: have the clock follow a time server";
        Finding::warning(SUBJECT, text, advice)
    } else {
        Finding::fine(SUBJECT, text)
    });
    Ok(())
}
