//! Recovery: everything that failed at an endpoint while it was down is sent again, in the background.

use super::attempts::open_route;
use super::{Access, OpError, Operations};
use crate::domain::id::TaskId;
use crate::domain::time::{Span, Timestamp};

/// Work that goes on after its caller was answered.
#[derive(Clone, Copy, Debug)]
pub struct Task {
    /// Its id.
    pub id: TaskId,
    /// When it was started.
    pub started_at: Timestamp,
}

impl Operations {
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
        let span = Span { from: since, until: until.unwrap_or(Span::ALL.until) };
        if span.until <= span.from {
            return Err(OpError::invalid("until", "time_range", "must be after `since`"));
        }
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
