//! How the deliveries of an endpoint went, and what waits.

use std::time::Duration;

use super::attempts::route;
use super::{Access, OpError, Operations};
use crate::domain::figures::{Resolution, start_of};
use crate::domain::time::{Span, Timestamp};
use crate::store::{Backlog, Statistics};

/// How far back figures go when the caller does not say, to the start of a half hour: a part of one is not kept as a figure.
const PERIOD_DEFAULT: Duration = Duration::from_secs(28 * 24 * 60 * 60);

impl Operations {
    /// How the deliveries of an endpoint went that ended between `since` and `until`, and what waits of that time.
    ///
    /// # Errors
    /// When there is no such endpoint that `access` may see, the time is empty, or the store can't be read.
    pub async fn statistics(
        &self,
        access: &Access,
        application: &str,
        endpoint: &str,
        since: Option<Timestamp>,
        until: Option<Timestamp>,
    ) -> Result<Statistics, OpError> {
        let routes = self.routes(access, application).await?;
        let endpoint_id = route(&routes, endpoint)?.endpoint.id;
        let end = until.unwrap_or_else(|| self.store.now());
        let from = since.unwrap_or_else(|| start_of(end.minus(PERIOD_DEFAULT), Resolution::HalfHour.width()));
        let span = Span { from, until: until.unwrap_or(Span::ALL.until) };
        if span.until <= span.from {
            let field = vec!["query".to_owned(), "until".to_owned()];
            return Err(OpError::Invalid { field, code: "time_range", why: "must be after `since`".to_owned() });
        }
        Ok(self.store.statistics(endpoint_id, span).await?)
    }

    /// What waits in the queues of all endpoints that `access` may see.
    ///
    /// # Errors
    /// When the store can't be read.
    pub async fn backlog(&self, access: &Access) -> Result<Backlog, OpError> {
        Ok(self.store.backlog(access.reach()).await?)
    }
}
