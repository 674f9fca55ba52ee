//! Trying a filter: what it says of a message that is made up, or of the latest that there were. Nothing is kept.

use super::attempts::route;
use super::{Access, MessagesPage, NewMessage, OpError, Operations};
use crate::domain::endpoint::{Endpoint, Verdict};
use crate::domain::filter::{Filter, InvalidFilter, Miss, Subject};
use crate::domain::message::{Message, MessageFilter};
use crate::domain::time::Span;

/// What came of trying a filter on a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trial {
    /// It lets it pass.
    Passes,
    /// It does not, because of this.
    Stopped(Miss),
    /// The endpoint does not want its event type or its channels, whatever the filter says.
    Unwanted(Verdict),
    /// Its payload is no longer there.
    Expunged,
}

/// Reads a filter from the member `filter` of a body.
///
/// # Errors
/// When it is none, with the place in it.
pub fn read_filter(text: &str) -> Result<Filter, OpError> {
    Filter::parse(text).map_err(|InvalidFilter { path, why }| {
        let field = ["body", "filter"].into_iter().map(str::to_owned).chain(path).collect();
        OpError::Invalid { field, code: "filter", why }
    })
}

fn tried(endpoint: &Endpoint, message: &Message, filter: &Filter) -> Trial {
    let Some(payload) = &message.payload else { return Trial::Expunged };
    let subject = Subject::new(&message.event_type, payload, message.id.time());
    let subject = subject.with_event_id(message.event_id.as_deref()).with_channels(&message.channels);
    // A filter is also made ready while its endpoint is switched off.
    let unfiltered = Endpoint { filter: None, disabled: None, ..endpoint.clone() };
    match (unfiltered.verdict(&subject), filter.miss(&subject)) {
        (Verdict::Queued, None) => Trial::Passes,
        (Verdict::Queued, Some(miss)) => Trial::Stopped(miss),
        (unwanted, _) => Trial::Unwanted(unwanted),
    }
}

impl Operations {
    /// What a filter misses in a message that could be posted now; nothing when it lets it pass.
    ///
    /// # Errors
    /// When no such message could be posted.
    pub fn try_filter(&self, filter: &Filter, new: &NewMessage) -> Result<Option<Miss>, OpError> {
        new.check_typed()?;
        Ok(filter.miss(&new.subject(self.store.now())))
    }

    /// What a filter would say of the latest messages of an endpoint's application, newest first.
    ///
    /// # Errors
    /// When there is no such endpoint that `access` may see, or the store can't be read.
    pub async fn try_filter_on_latest(
        &self,
        access: &Access,
        application: &str,
        endpoint: &str,
        filter: &Filter,
        limit: usize,
    ) -> Result<Vec<(Message, Trial)>, OpError> {
        let routes = self.routes(access, application).await?;
        let endpoint = &route(&routes, endpoint)?.endpoint;
        let page = MessagesPage { before: None, limit, with_content: true };
        let latest = self.messages(access, application, Span::ALL, MessageFilter::default(), page).await?;
        let trial = |message: Message| {
            let trial = tried(endpoint, &message, filter);
            (message, trial)
        };
        Ok(latest.rows.into_iter().map(trial).collect())
    }
}
