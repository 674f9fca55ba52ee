//! Parts of lists. Every list asks the database for one row more than it shows, to learn whether there is more.

use crate::domain::id::Id;

/// Which part of a list is wanted; `P` is what its order goes by, an id or a name.
#[derive(Clone, Debug)]
pub struct Page<P> {
    /// At most so many nouns.
    pub limit: usize,
    /// It starts beyond the noun in this place.
    pub after: Option<P>,
    /// It goes back from there, to what stands before.
    pub backwards: bool,
    /// The list goes from the greatest place to the least.
    pub descending: bool,
}

/// A part of a list.
#[derive(Clone, Debug)]
pub struct Listed<T> {
    /// The nouns, in the order of the list.
    pub items: Vec<T>,
    /// Whether there is no more, in the direction that was asked for.
    pub done: bool,
}

impl<P> Page<P> {
    /// Whether places are walked from great to little.
    pub(super) fn falls(&self) -> bool {
        self.descending != self.backwards
    }

    /// Rows to ask for: what is shown and one more.
    pub(super) fn rows(&self) -> usize {
        self.limit.saturating_add(1)
    }

    /// [`Page::rows`] as SQL takes it.
    pub(super) fn sql_limit(&self) -> i64 {
        i64::try_from(self.rows()).unwrap_or(i64::MAX)
    }

    /// Makes the page of at most `rows` rows that were walked.
    pub fn of<T>(&self, mut rows: Vec<T>) -> Listed<T> {
        let done = rows.len() <= self.limit;
        rows.truncate(self.limit);
        if self.backwards {
            rows.reverse();
        }
        Listed { items: rows, done }
    }
}

impl<K> Page<Id<K>> {
    /// Where the walk starts: beyond this number, which has no noun of the page.
    pub(super) fn bound(&self) -> i64 {
        self.after.map_or(if self.falls() { i64::MAX } else { -1 }, Id::number)
    }

    /// The page of a list that is in memory, ordered by id.
    pub fn pick<T: Clone>(&self, all: &[T], id: impl Fn(&T) -> Id<K>) -> Listed<T> {
        let bound = self.bound();
        let rows = if self.falls() {
            let end = all.partition_point(|item| id(item).number() < bound);
            all.iter().take(end).rev().take(self.rows()).cloned().collect()
        } else {
            let start = all.partition_point(|item| id(item).number() <= bound);
            all.iter().skip(start).take(self.rows()).cloned().collect()
        };
        self.of(rows)
    }
}

#[cfg(test)]
mod tests {
    use super::Page;
    use crate::domain::id::{EndpointId, Id};

    fn pick(after: Option<i64>, backwards: bool, descending: bool) -> (Vec<i64>, bool) {
        let all: Vec<EndpointId> = (1..=5).map(Id::from_number).collect();
        let listed = Page { limit: 2, after: after.map(Id::from_number), backwards, descending }.pick(&all, |id| *id);
        (listed.items.into_iter().map(Id::number).collect(), listed.done)
    }

    #[test]
    fn a_list_is_walked_both_ways_in_both_orders() {
        assert_eq!(pick(None, false, false), (vec![1, 2], false));
        assert_eq!(pick(Some(2), false, false), (vec![3, 4], false));
        assert_eq!(pick(Some(4), false, false), (vec![5], true));
        assert_eq!(pick(Some(5), true, false), (vec![3, 4], false));
        assert_eq!(pick(Some(3), true, false), (vec![1, 2], true));
        assert_eq!(pick(None, false, true), (vec![5, 4], false));
        assert_eq!(pick(Some(4), false, true), (vec![3, 2], false));
        assert_eq!(pick(Some(2), true, true), (vec![4, 3], false));
        assert_eq!(pick(Some(9), false, false), (vec![], true));
    }
}
