//! A table as a move sees it: its columns and its key, read from the file's schema, and its rows as plain values.

use std::ops::ControlFlow;

use crate::domain::checksum::payload_checksum;
use crate::store::connection::{Connection, Parameter, Row};
use crate::store::error::StoreError;

/// The columns of all tables: table, column, kind, and the place in the key from 1 on. What is fresh is so in a file only.
const COLUMNS_OF_FILE: &str =
    "SELECT m.name, c.name, c.type, c.pk FROM sqlite_schema AS m, pragma_table_info(m.name) AS c
    WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite^_%' ESCAPE '^' AND m.name <> 'fresh' ORDER BY m.name, c.cid";
/// Table and column, as a server has them; parts of tables are none, nor is what only a server has.
const COLUMNS_OF_SERVER: &str = "SELECT CAST(c.table_name AS TEXT), CAST(c.column_name AS TEXT)
    FROM information_schema.columns AS c
    JOIN pg_class ON pg_class.oid = to_regclass(quote_ident(c.table_schema) || '.' || quote_ident(c.table_name))
    WHERE c.table_schema = current_schema() AND NOT pg_class.relispartition
        AND c.table_name NOT IN ('migrations', 'unfinished_move')
    ORDER BY c.table_name COLLATE \"C\", c.column_name COLLATE \"C\"";

/// Rows that are read and written together.
const ROWS_TOGETHER: i64 = 1_000;
/// Fewer rows are when they have so many bytes.
const BYTES_TOGETHER: usize = 4 * 1024 * 1024;

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Integer,
    Text,
    Blob,
}

impl Kind {
    fn parse(declared: &str) -> Result<Self, StoreError> {
        match declared {
            "INTEGER" => Ok(Self::Integer),
            "TEXT" => Ok(Self::Text),
            "BLOB" => Ok(Self::Blob),
            other => Err(StoreError::Corrupt(format!("a column is of the kind {other}, which Cornet does not use"))),
        }
    }

    /// An array of them, as a server calls it.
    const fn array(self) -> &'static str {
        match self {
            Self::Integer => "bigint[]",
            Self::Text => "text[]",
            Self::Blob => "bytea[]",
        }
    }
}

/// A value of a row.
#[derive(Clone, Debug)]
pub(super) enum Value {
    Null,
    Integer(i64),
    Text(String),
    Blob(Vec<u8>),
}

impl Value {
    fn read(row: &Row<'_>, place: usize, kind: Kind) -> Result<Self, StoreError> {
        Ok(match kind {
            Kind::Integer => row.optional_integer(place)?.map_or(Self::Null, Self::Integer),
            Kind::Text => row.optional_text(place)?.map_or(Self::Null, Self::Text),
            Kind::Blob => row.optional_bytes(place)?.map_or(Self::Null, Self::Blob),
        })
    }

    fn parameter(&self) -> Parameter<'_> {
        match self {
            Self::Null => Parameter::Null,
            Self::Integer(number) => Parameter::Integer(*number),
            Self::Text(text) => Parameter::Text(text),
            Self::Blob(bytes) => Parameter::Blob(bytes),
        }
    }

    /// About how much memory it takes.
    fn bytes(&self) -> usize {
        size_of::<Self>()
            + match self {
                Self::Null | Self::Integer(_) => 0,
                Self::Text(text) => text.len(),
                Self::Blob(bytes) => bytes.len(),
            }
    }

    /// Writes it so that no two rows are written alike.
    fn write(&self, out: &mut Vec<u8>) {
        let (mark, bytes): (u8, &[u8]) = match self {
            Self::Null => (0, &[]),
            Self::Integer(number) => (1, &number.to_be_bytes()),
            Self::Text(text) => (2, text.as_bytes()),
            Self::Blob(bytes) => (3, bytes),
        };
        out.push(mark);
        out.extend_from_slice(&bytes.len().to_be_bytes());
        out.extend_from_slice(bytes);
    }
}

/// How many rows there are and what they add up to, in whatever order they are read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sum {
    /// Rows.
    pub rows: u64,
    /// The sum of their checksums.
    pub checksum: u64,
}

impl Sum {
    fn add(&mut self, row: &[Value], bytes: &mut Vec<u8>) {
        bytes.clear();
        row.iter().for_each(|value| value.write(bytes));
        self.rows += 1;
        self.checksum = self.checksum.wrapping_add(payload_checksum(bytes).cast_unsigned());
    }
}

/// Rows of a table that are read and written together, and the key of the last of them.
pub(super) struct Piece {
    pub(super) rows: Vec<Vec<Value>>,
    pub(super) last: Vec<Value>,
}

/// What a table is made of.
struct Shape {
    name: String,
    columns: Vec<(String, Kind)>,
    /// Places in the key, from 1 on, with the places of their columns.
    key: Vec<(i64, usize)>,
}

/// A table with the statements that move it. They live as long as the process, which ends with the move.
pub(super) struct Table {
    pub(super) name: String,
    columns: Vec<(String, Kind)>,
    key: Vec<usize>,
    count: &'static str,
    first: &'static str,
    next: &'static str,
    last: &'static str,
    insert: &'static str,
    empty: String,
}

impl Table {
    fn new(Shape { name, columns, mut key }: Shape) -> Self {
        key.sort_unstable();
        let key: Vec<usize> = key.into_iter().map(|(_, place)| place).collect();
        let quoted = |place: &usize| format!("\"{}\"", columns[*place].0);
        let list = |places: &[usize]| places.iter().map(quoted).collect::<Vec<_>>().join(", ");
        let numbered = |count: usize| (1..=count).map(|number| format!("?{number}")).collect::<Vec<_>>();
        let all = list(&(0..columns.len()).collect::<Vec<_>>());
        let (keys, limit) = (list(&key), key.len() + 1);
        let falling = key.iter().map(|place| format!("{} DESC", quoted(place))).collect::<Vec<_>>().join(", ");
        let arrays = columns.iter().zip(numbered(columns.len()));
        let arrays = arrays.map(|((_, kind), number)| format!("{number}::{}", kind.array())).collect::<Vec<_>>();
        let statement = |text: String| -> &'static str { text.leak() };
        Self {
            count: statement(format!("SELECT count(*) FROM \"{name}\"")),
            first: statement(format!("SELECT {all} FROM \"{name}\" ORDER BY {keys} LIMIT ?1")),
            next: statement(format!(
                "SELECT {all} FROM \"{name}\" WHERE ({keys}) > ({}) ORDER BY {keys} LIMIT ?{limit}",
                numbered(key.len()).join(", ")
            )),
            last: statement(format!("SELECT {all} FROM \"{name}\" ORDER BY {falling} LIMIT 1")),
            insert: statement(format!("INSERT INTO \"{name}\" ({all}) SELECT * FROM unnest({})", arrays.join(", "))),
            empty: format!("TRUNCATE \"{name}\""),
            name,
            columns,
            key,
        }
    }

    fn read(&self, row: &Row<'_>) -> Result<Vec<Value>, StoreError> {
        self.columns.iter().enumerate().map(|(place, (_, kind))| Value::read(row, place, *kind)).collect()
    }

    fn key_of(&self, row: &[Value]) -> Vec<Value> {
        self.key.iter().map(|place| row[*place].clone()).collect()
    }

    /// How many rows it has.
    pub(super) fn count(&self, connection: &Connection) -> Result<u64, StoreError> {
        let count = connection.first(self.count, &[], |row| row.integer(0))?.unwrap_or_default();
        Ok(count.try_into().unwrap_or_default())
    }

    /// The key of its last row.
    pub(super) fn last_key(&self, connection: &Connection) -> Result<Option<Vec<Value>>, StoreError> {
        Ok(connection.first(self.last, &[], |row| self.read(row))?.map(|row| self.key_of(&row)))
    }

    /// The next rows after a key, in the order of the keys; `None` when there are none.
    pub(super) fn rows_after(
        &self,
        connection: &Connection,
        key: Option<&[Value]>,
    ) -> Result<Option<Piece>, StoreError> {
        let mut parameters: Vec<Parameter<'_>> = key.unwrap_or_default().iter().map(Value::parameter).collect();
        parameters.push(ROWS_TOGETHER.into());
        let (mut rows, mut bytes) = (Vec::new(), 0);
        connection.visit(if key.is_some() { self.next } else { self.first }, &parameters, |row| {
            let row = self.read(row)?;
            bytes += row.iter().map(Value::bytes).sum::<usize>();
            rows.push(row);
            Ok(if bytes < BYTES_TOGETHER { ControlFlow::Continue(()) } else { ControlFlow::Break(()) })
        })?;
        let last = rows.last().map(|row| self.key_of(row));
        Ok(last.map(|last| Piece { rows, last }))
    }

    /// Writes rows to a server, all or none.
    pub(super) fn insert(&self, target: &Connection, rows: &[Vec<Value>]) -> Result<(), StoreError> {
        let mut columns: Vec<Vec<Parameter<'_>>> = vec![Vec::with_capacity(rows.len()); self.columns.len()];
        for row in rows {
            columns.iter_mut().zip(row).for_each(|(column, value)| column.push(value.parameter()));
        }
        target.transaction(|target| match target {
            Connection::Postgres(postgres) => postgres.query_columns(self.insert, &columns).map(|_| ()),
            Connection::Sqlite(_) => Err(StoreError::Database("a move ends on a server".to_owned())),
        })
    }

    /// Takes all its rows away from a server.
    pub(super) fn empty(&self, target: &Connection) -> Result<(), StoreError> {
        target.run(&self.empty)
    }

    /// Adds its rows up; `tell` learns of each piece how many they were.
    pub(super) fn sum(&self, connection: &Connection, mut tell: impl FnMut(u64)) -> Result<Sum, StoreError> {
        let (mut sum, mut key, mut bytes) = (Sum::default(), None::<Vec<Value>>, Vec::new());
        while let Some(Piece { rows, last }) = self.rows_after(connection, key.as_deref())? {
            rows.iter().for_each(|row| sum.add(row, &mut bytes));
            tell(rows.len() as u64);
            key = Some(last);
        }
        Ok(sum)
    }
}

/// The tables of a file, and that a server has the same with the same columns.
pub(super) fn tables(source: &Connection, target: &Connection) -> Result<Vec<Table>, StoreError> {
    let columns = source.query(COLUMNS_OF_FILE, &[], |row| {
        Ok((row.text(0)?, row.text(1)?, Kind::parse(&row.text(2)?)?, row.integer(3)?))
    })?;
    let mut here: Vec<(String, String)> =
        columns.iter().map(|(table, column, ..)| (table.clone(), column.clone())).collect();
    here.sort_unstable();
    let there = target.query(COLUMNS_OF_SERVER, &[], |row| Ok((row.text(0)?, row.text(1)?)))?;
    let only = |one: &&(String, String)| here.binary_search(one).is_err() || !there.contains(one);
    if let Some((table, column)) = here.iter().chain(&there).find(only) {
        let why = format!("only one of the two has the column {column} of the table {table}");
        return Err(StoreError::Unavailable(why));
    }
    let mut shapes: Vec<Shape> = Vec::new();
    for (name, column, kind, place_in_key) in columns {
        if shapes.last().is_none_or(|shape| shape.name != name) {
            shapes.push(Shape { name, columns: Vec::new(), key: Vec::new() });
        }
        let Some(Shape { columns, key, .. }) = shapes.last_mut() else { continue };
        if place_in_key > 0 {
            key.push((place_in_key, columns.len()));
        }
        columns.push((column, kind));
    }
    Ok(shapes.into_iter().map(Table::new).collect())
}
