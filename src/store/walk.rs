//! Pages of long lists: rows are looked at in the order of an index, from where the page before ended, until the page
//! is full. A page looks at a bounded number of rows, so that a filter which hardly anything passes does not read a
//! whole history; such a page may be short, even empty, with more to come. It knows no noun.

use std::ops::ControlFlow;

use super::connection::{Connection, Parameter, Row};
use super::error::StoreError;
use crate::domain::id::Id;

/// Rows that are looked at for one page.
pub(super) const LOOKED_AT_MAX: usize = 10_000;

/// One page of a list.
#[derive(Clone, Debug)]
pub struct Walked<T, P> {
    /// What is on it.
    pub rows: Vec<T>,
    /// Where the next page begins, if there is more to see.
    pub next: Option<P>,
}

/// Which page of such a list is wanted, when it goes by id from the newest on.
#[derive(Clone, Copy, Debug)]
pub struct WalkedPage<P> {
    /// Only those with a smaller id.
    pub before: Option<P>,
    /// At most so many.
    pub limit: usize,
}

impl<K> WalkedPage<Id<K>> {
    /// Ids below this one are on the page.
    pub(super) fn below(&self) -> Id<K> {
        self.before.unwrap_or(Id::from_number(i64::MAX))
    }
}

impl<T, P> Walked<T, P> {
    /// The same page with each row made into something else.
    pub(super) fn with<U>(
        self,
        make: impl FnMut(T) -> Result<Option<U>, StoreError>,
    ) -> Result<Walked<U, P>, StoreError> {
        let rows = self.rows.into_iter().map(make).filter_map(Result::transpose).collect::<Result<_, _>>()?;
        Ok(Walked { rows, next: self.next })
    }
}

/// Looks at the rows of `sql` until `limit` of them are on the page; `look` answers a row's place in the list, and
/// what the page shows of it if it is asked for.
pub(super) fn walk<T, P: Copy>(
    connection: &Connection,
    sql: &'static str,
    parameters: &[Parameter<'_>],
    limit: usize,
    mut look: impl FnMut(&Row<'_>) -> Result<(P, Option<T>), StoreError>,
) -> Result<Walked<T, P>, StoreError> {
    let mut listed = Walked { rows: Vec::new(), next: None };
    let (mut reached, mut looked_at) = (None, 0);
    connection.visit(sql, parameters, |row| {
        let full = listed.rows.len() >= limit;
        let (place, found) = look(row)?;
        looked_at += 1;
        if full && found.is_some() {
            listed.next = reached;
            return Ok(ControlFlow::Break(()));
        }
        listed.rows.extend(found);
        if !full {
            reached = Some(place);
        }
        if looked_at == LOOKED_AT_MAX {
            listed.next = reached;
            return Ok(ControlFlow::Break(()));
        }
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(listed)
}

#[cfg(test)]
mod tests {
    use super::{LOOKED_AT_MAX, Walked, walk};
    use crate::store::connection::Connection;

    const DOWN: &str = "SELECT id FROM numbers WHERE id < ?1 ORDER BY id DESC";

    fn page(connection: &Connection, below: i64, limit: usize, wanted: fn(i64) -> bool) -> Walked<i64, i64> {
        walk(connection, DOWN, &[below.into()], limit, |row| {
            let id = row.integer(0)?;
            Ok((id, wanted(id).then_some(id)))
        })
        .unwrap()
    }

    #[test]
    fn a_page_ends_when_it_is_full_or_has_looked_at_enough() {
        let directory = tempfile::tempdir().unwrap();
        let connection = Connection::writer(&directory.path().join("walk.db")).unwrap();
        let last = i64::try_from(LOOKED_AT_MAX).unwrap() + 1;
        let fill = format!(
            "CREATE TABLE numbers (id INTEGER PRIMARY KEY); INSERT INTO numbers WITH RECURSIVE up (n) AS
             (VALUES (1) UNION ALL SELECT n + 1 FROM up WHERE n < {last}) SELECT n FROM up"
        );
        connection.run(&fill).unwrap();
        let full = page(&connection, i64::MAX, 2, |id| id % 10 == 0);
        assert_eq!((full.rows, full.next), (vec![10_000, 9_990], Some(9_990)));
        let exact = page(&connection, 30, 2, |id| id % 10 == 0);
        assert_eq!((exact.rows, exact.next), (vec![20, 10], None));
        let rare = page(&connection, i64::MAX, 2, |id| id == 1);
        assert_eq!((rare.rows, rare.next), (vec![], Some(2)));
        let rest = page(&connection, 2, 2, |id| id == 1);
        assert_eq!((rest.rows, rest.next), (vec![1], None));
    }
}
