//! Lists in pages. A caller passes a page's `iterator` on for the next page, and its `prevIterator` for the one
//! before, which is the same with a `-` in front. Inside it is the last noun's id or name.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::error::Problem;
use crate::domain::id::{Id, Kind};
use crate::domain::name;
use crate::ops::{Listed, Page, Walked};

/// Nouns on a page when the caller does not say.
pub const PAGE_LIMIT_DEFAULT: u16 = 50;
/// The most nouns on a page.
pub const PAGE_LIMIT_MAX: u16 = 250;

/// Which way a list goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Order {
    /// Oldest, or first in the alphabet, first.
    #[default]
    Ascending,
    /// Newest, or last in the alphabet, first.
    Descending,
}

/// Which part of a list is wanted.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct PageQuery {
    /// At most so many.
    #[param(minimum = 1, maximum = 250, default = 50)]
    pub limit: Option<u16>,
    /// The `iterator` or `prevIterator` of another page.
    pub iterator: Option<String>,
}

/// A noun that stands in lists, by what its place there is called.
pub trait Place: Sized {
    /// Reads the place; `None` when no noun can stand there.
    fn from_text(text: &str) -> Option<Self>;
}

impl<K: Kind> Place for Id<K> {
    fn from_text(text: &str) -> Option<Self> {
        Self::parse(text)
    }
}

impl Place for String {
    fn from_text(text: &str) -> Option<Self> {
        name::event_type(text).is_ok().then(|| text.to_owned())
    }
}

impl PageQuery {
    /// The part of the list that is wanted, in this order.
    pub fn page<P: Place>(&self, order: Order) -> Result<Page<P>, Problem> {
        let limit = self.limit.unwrap_or(PAGE_LIMIT_DEFAULT);
        if !(1..=PAGE_LIMIT_MAX).contains(&limit) {
            let place = vec!["query".to_owned(), "limit".to_owned()];
            return Err(Problem::invalid(place, "limit_range", format!("must be 1 to {PAGE_LIMIT_MAX}")));
        }
        let (backwards, text) = match self.iterator.as_deref().filter(|text| !text.is_empty()) {
            None => (false, None),
            Some(text) => text.strip_prefix('-').map_or((false, Some(text)), |text| (true, Some(text))),
        };
        let read = |text| P::from_text(text).ok_or_else(invalid_iterator);
        let after = text.map(read).transpose()?;
        Ok(Page { limit: limit.into(), after, backwards, descending: order == Order::Descending })
    }
}

fn invalid_iterator() -> Problem {
    let why = "pass on the `iterator` or `prevIterator` of a page exactly as it was answered";
    Problem::new(axum::http::StatusCode::BAD_REQUEST, "invalid_iterator", why)
}

/// One page of a list.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ListResponse<T> {
    /// What stands on it.
    pub data: Vec<T>,
    /// Leads to the next page; null when this one is empty.
    #[schema(required)]
    pub iterator: Option<String>,
    /// Leads to the page before; null when this one is empty.
    #[schema(required)]
    pub prev_iterator: Option<String>,
    /// Whether nothing more comes, in the direction that was asked for.
    pub done: bool,
}

impl<T> ListResponse<T> {
    /// The page with these nouns, each by its `place` and as it is shown.
    pub fn new<N>(listed: Listed<N>, place: impl Fn(&N) -> String, show: impl FnMut(N) -> T) -> Self {
        let iterator = listed.items.last().map(&place);
        let prev_iterator = listed.items.first().map(|first| format!("-{}", place(first)));
        Self { data: listed.items.into_iter().map(show).collect(), iterator, prev_iterator, done: listed.done }
    }
}

impl<T> ListResponse<T> {
    /// A page of a long list that goes forwards only: `place` is how its iterator reads.
    pub fn walked<N, P>(
        walked: Walked<N, P>,
        place: impl Fn(P) -> String,
        show: impl FnMut(N) -> Result<T, Problem>,
    ) -> Result<Self, Problem> {
        let data = walked.rows.into_iter().map(show).collect::<Result<_, _>>()?;
        let iterator = walked.next.map(place);
        Ok(Self { data, done: iterator.is_none(), iterator, prev_iterator: None })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::id::{ApplicationId, IdGenerator};
    use crate::domain::time::Timestamp;

    fn page(limit: Option<u16>, iterator: &str) -> Result<Page<ApplicationId>, Problem> {
        PageQuery { limit, iterator: Some(iterator.to_owned()) }.page(Order::Ascending)
    }

    #[test]
    fn an_iterator_says_where_and_which_way() {
        let id: ApplicationId = IdGenerator::starting_after(0, 0).next(Timestamp::from_ms(1));
        let next = page(None, &id.to_string()).unwrap();
        assert_eq!((next.limit, next.after, next.backwards), (50, Some(id), false));
        let previous = page(Some(7), &format!("-{id}")).unwrap();
        assert_eq!((previous.limit, previous.after, previous.backwards), (7, Some(id), true));
        assert_eq!(page(None, "").unwrap().after, None);
    }

    #[test]
    fn what_is_not_an_iterator_or_a_limit_is_refused() {
        for text in ["app_1", "-", "--", "1 OR 1=1", "ep_01h455vb4pex5vsknk084sn02q"] {
            assert!(page(None, text).is_err(), "{text}");
        }
        assert!(page(Some(0), "").is_err() && page(Some(251), "").is_err() && page(Some(250), "").is_ok());
    }
}
