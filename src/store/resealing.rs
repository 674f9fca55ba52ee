//! Seals everything anew after the master key was replaced, while the store is in use: a few rows in a transaction, each
//! only if nobody has written it meanwhile. Who is killed begins from the start, and finds less to do.

use super::connection::Connection;
use super::database::Database;
use super::error::StoreError;
use super::master_keys::MasterKeys;
use super::vault::Vault;
use super::{Store, endpoint_secrets, endpoints, inboxes, seal, transformations};
use crate::domain::audit::{Action, Actor, Deed};
use crate::domain::id::Id;

/// Rows that are looked at together.
const ROWS: i64 = 100;

/// A column that holds what is sealed.
pub(super) struct Column {
    /// From a row on: its id, that of what it was sealed for, and what is sealed.
    rows: &'static str,
    /// Writes a blob in the place of another.
    replace: &'static str,
    /// Where the row of this id is sealed for.
    place: fn(i64) -> String,
}

/// Everything that is sealed, but for what tells the master key itself.
pub(super) const COLUMNS: [Column; 4] = [
    Column {
        rows: "SELECT id, endpoint_id, sealed FROM endpoint_secrets WHERE id > ?1 ORDER BY id LIMIT ?2",
        replace: "UPDATE endpoint_secrets SET sealed = ?2 WHERE id = ?1 AND sealed = ?3",
        place: |id| endpoint_secrets::secrets_place(Id::from_number(id)),
    },
    Column {
        rows: "SELECT id, id, headers FROM endpoints WHERE id > ?1 ORDER BY id LIMIT ?2",
        replace: "UPDATE endpoints SET headers = ?2 WHERE id = ?1 AND headers = ?3",
        place: |id| endpoints::headers_place(Id::from_number(id)),
    },
    Column {
        rows: "SELECT id, id, secret FROM inboxes WHERE id > ?1 AND secret IS NOT NULL ORDER BY id LIMIT ?2",
        replace: "UPDATE inboxes SET secret = ?2 WHERE id = ?1 AND secret = ?3",
        place: |id| inboxes::secret_place(Id::from_number(id)),
    },
    Column {
        rows: "SELECT endpoint_id, endpoint_id, variables FROM transformations WHERE endpoint_id > ?1
            ORDER BY endpoint_id LIMIT ?2",
        replace: "UPDATE transformations SET variables = ?2 WHERE endpoint_id = ?1 AND variables = ?3",
        place: |id| transformations::variables_place(Id::from_number(id)),
    },
];

/// How far sealing anew has come.
#[derive(Clone, Copy, Debug, Default)]
pub struct Resealed {
    column: usize,
    after: i64,
    /// Blobs that were sealed anew so far.
    pub count: u64,
}

/// Whether old master keys are still needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OldKeys {
    /// There are none.
    None,
    /// Something is sealed with them.
    Needed,
    /// Nothing is.
    Spent,
}

/// A row of a column.
pub(super) struct SealedRow {
    id: i64,
    pub(super) place: String,
    pub(super) sealed: Vec<u8>,
}

impl Column {
    /// Shows all rows to `look`: where each is sealed for, and what is sealed.
    pub(super) fn visit(&self, connection: &Connection, mut look: impl FnMut(&str, &[u8])) -> Result<(), StoreError> {
        let mut after = 0;
        loop {
            let rows = self.rows_after(connection, after)?;
            let Some(last) = rows.last() else { return Ok(()) };
            after = last.id;
            rows.iter().for_each(|row| look(&row.place, &row.sealed));
        }
    }

    /// The next rows.
    pub(super) fn rows_after(&self, connection: &Connection, after: i64) -> Result<Vec<SealedRow>, StoreError> {
        connection.query(self.rows, &[after.into(), ROWS.into()], |row| {
            Ok(SealedRow { id: row.integer(0)?, place: (self.place)(row.integer(1)?), sealed: row.bytes(2)? })
        })
    }
}

/// A row that is sealed anew.
struct Anew {
    id: i64,
    before: Vec<u8>,
    after: Vec<u8>,
}

/// The rows that were sealed with an old key, sealed anew.
fn anew(vault: &Vault, rows: Vec<SealedRow>) -> Result<Vec<Anew>, StoreError> {
    let mut found = Vec::new();
    for SealedRow { id, place, sealed } in rows {
        match vault.sealed_anew(&place, &sealed) {
            Ok(None) => {}
            Ok(Some(after)) => found.push(Anew { id, before: sealed, after }),
            // One that no key opens is no worse for it, and `cornet doctor` names it.
            Err(StoreError::Corrupt(why)) => tracing::warn!(why, "cannot seal anew"),
            Err(error) => return Err(error),
        }
    }
    Ok(found)
}

/// Writes what nobody has written meanwhile, and says how many rows those were.
fn replace(connection: &Connection, column: &Column, rows: &[Anew]) -> Result<usize, StoreError> {
    let write = |Anew { id, before, after }: &Anew| {
        connection.execute(column.replace, &[(*id).into(), after.as_slice().into(), before.as_slice().into()])
    };
    rows.iter().map(write).sum()
}

/// How much in a store was sealed with the old ones of these keys.
///
/// # Errors
/// When the store can't be read.
pub fn sealed_with_old_keys(database: &Database, keys: &MasterKeys) -> Result<u64, StoreError> {
    let (connection, vault) = (database.reader()?, Vault::of(keys)?);
    let mut count = seal::with_old_keys(&connection, &vault)?;
    for column in &COLUMNS {
        column.visit(&connection, |place, sealed| {
            if matches!(vault.sealed_anew(place, sealed), Ok(Some(_))) {
                count += 1;
            }
        })?;
    }
    Ok(count)
}

impl Store {
    /// Whether old master keys are still needed.
    ///
    /// # Errors
    /// When the store can't be read.
    pub async fn old_keys(&self) -> Result<OldKeys, StoreError> {
        if !self.vault.has_old() {
            return Ok(OldKeys::None);
        }
        let is_marked = self.read(seal::has_marks).await?;
        Ok(if is_marked { OldKeys::Needed } else { OldKeys::Spent })
    }

    /// Seals a few more things anew with the master key in use; `None` when all are.
    ///
    /// # Errors
    /// When the store could not.
    pub async fn reseal(&self, so_far: Resealed) -> Result<Option<Resealed>, StoreError> {
        if !self.vault.has_old() {
            return Ok(None);
        }
        let Some(column) = COLUMNS.get(so_far.column) else {
            self.finish_resealing(so_far.count).await?;
            tracing::info!(
                sealed_anew = so_far.count,
                "everything is sealed with the master key in use: once every node uses it, the old one can be taken away"
            );
            return Ok(None);
        };
        let rows = self.read(move |connection| column.rows_after(connection, so_far.after)).await?;
        let Some(last) = rows.last().map(|row| row.id) else {
            return Ok(Some(Resealed { column: so_far.column + 1, after: 0, ..so_far }));
        };
        let rows = anew(&self.vault, rows)?;
        let count =
            if rows.is_empty() { 0 } else { self.write(move |connection| replace(connection, column, &rows)).await? };
        Ok(Some(Resealed { after: last, count: so_far.count + count as u64, ..so_far }))
    }

    async fn finish_resealing(&self, count: u64) -> Result<(), StoreError> {
        let Some(environment_id) = self.default_environment().await? else {
            return self.write(|connection| seal::take_marks_away(connection).map(|_| ())).await;
        };
        let deed = Deed::new(Action::MasterKeyReplaced, "master key").with(format!("{count} secrets were sealed anew"));
        let noting = self.noting(environment_id, Actor::system(), deed);
        noting.write(seal::take_marks_away).await.map(|_| ())
    }
}

/// Every question, for the test of query plans.
#[cfg(test)]
pub(super) const QUERIES: [&str; 4] = [COLUMNS[0].rows, COLUMNS[1].rows, COLUMNS[2].rows, COLUMNS[3].rows];
