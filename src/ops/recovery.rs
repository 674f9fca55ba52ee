//! Recovery: everything that failed at an endpoint while it was down is sent again, in the background.

use super::attempts::{open_route, route};
use super::{Access, OpError, Operations};
use crate::domain::audit::{Action, Deed};
use crate::domain::id::TaskId;
use crate::domain::time::{Span, Timestamp};
use crate::store::Counted;

/// Work that goes on after its caller was answered.
#[derive(Clone, Copy, Debug)]
pub struct Task {
    /// Its id.
    pub id: TaskId,
    /// When it was started.
    pub started_at: Timestamp,
}

/// A time that a recovery can be asked for.
fn span(since: Timestamp, until: Option<Timestamp>) -> Result<Span, OpError> {
    let span = Span { from: since, until: until.unwrap_or(Span::ALL.until) };
    if span.until <= span.from {
        return Err(OpError::invalid("until", "time_range", "must be after `since`"));
    }
    Ok(span)
}

impl Operations {
    /// How many deliveries a recovery of an endpoint's messages between `since` and `until` would queue, counted to
    /// `at_most`.
    ///
    /// # Errors
    /// When there is no such endpoint that `access` may see, the time is empty, or the store can't be read.
    pub async fn recoverable(
        &self,
        access: &Access,
        application: &str,
        endpoint: &str,
        since: Timestamp,
        until: Option<Timestamp>,
        at_most: usize,
    ) -> Result<Counted, OpError> {
        let routes = self.routes(access, application).await?;
        let endpoint_id = route(&routes, endpoint)?.endpoint.id;
        Ok(self.store.count_failed(endpoint_id, span(since, until)?, at_most).await?)
    }

    /// Starts to queue, once more, what failed of an endpoint's messages between `since` and `until`.
    /// A recovery that is cut short, by a restart, is asked for again: what it has queued is not queued twice.
    ///
    /// # Errors
    /// When there is no such endpoint, it is disabled, or the time is empty.
    pub async fn recover(
        &self,
        access: &Access,
        application: &str,
        endpoint: &str,
        since: Timestamp,
        until: Option<Timestamp>,
    ) -> Result<Task, OpError> {
        let routes = self.routes(access, application).await?;
        let endpoint_id = open_route(&routes, endpoint)?.endpoint.id;
        let span = span(since, until)?;
        let until = until.map_or(String::new(), |until| format!(" until {until}"));
        let deed = Deed::new(Action::EndpointRecovered, endpoint_id).of(routes.application.id);
        self.noting(access, deed.with(format!("since {since}{until}"))).await?.note().await?;
        let task = Task { id: self.store.next_id(), started_at: self.store.now() };
        let store = self.store.clone();
        tokio::spawn(async move {
            match store.recover(endpoint_id, span).await {
                Ok(queued) => tracing::info!(endpoint = %endpoint_id, queued, "recovered"),
                Err(error) => tracing::warn!(endpoint = %endpoint_id, %error, "a recovery was cut short"),
            }
        });
        Ok(task)
    }
}
