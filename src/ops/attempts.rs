//! Attempts and where messages stand: what was sent to an endpoint, what came of it, and asking for it again.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::applications::key_reused;
use super::{Access, Made, OpError, Operations};
use crate::domain::audit::{Action, Deed};
use crate::domain::delivery::{Attempt, AttemptFilter, Standing};
use crate::domain::id::{AttemptId, EndpointId, MessageId};
use crate::domain::message::Message;
use crate::store::{
    AttemptsPage, DestinedFilter, DestinedPlace, IdempotencyKey, Inserted, Listed, MessagesPage, Page, Route, Routes,
    Walked,
};

/// The endpoint of an application that is seen, by id or uid.
pub(super) fn route<'a>(routes: &'a Routes, id_or_uid: &str) -> Result<&'a Arc<Route>, OpError> {
    routes.endpoint_by_text(id_or_uid).ok_or(OpError::NotFound("endpoint"))
}

/// The endpoint of an application that is seen, if it is sent to.
pub(super) fn open_route<'a>(routes: &'a Routes, id_or_uid: &str) -> Result<&'a Arc<Route>, OpError> {
    let found = route(routes, id_or_uid)?;
    if found.endpoint.disabled.is_some() {
        let why = "the endpoint is disabled and is not sent to; enable it first";
        return Err(OpError::conflict("endpoint_disabled", why));
    }
    Ok(found)
}

impl Operations {
    /// The attempts at an endpoint, newest first.
    ///
    /// # Errors
    /// When there is no such endpoint that `access` may see, or the store can't be read.
    pub async fn attempts_of_endpoint(
        &self,
        access: &Access,
        application: &str,
        endpoint: &str,
        filter: AttemptFilter,
        page: AttemptsPage,
    ) -> Result<Walked<Attempt, AttemptId>, OpError> {
        let routes = self.routes(access, application).await?;
        let endpoint_id = route(&routes, endpoint)?.endpoint.id;
        Ok(self.store.attempts_of_endpoint(endpoint_id, filter, page).await?)
    }

    /// The newest attempts of all applications that `access` may see, or of one, the latest first; each with the event
    /// type of its message, if that is still there.
    ///
    /// # Errors
    /// When there is no such application that `access` may see, or the store can't be read.
    pub async fn recent_attempts(
        &self,
        access: &Access,
        application: Option<&str>,
        limit: usize,
    ) -> Result<Vec<(Attempt, Option<String>)>, OpError> {
        let reach = self.reach(access, application).await?;
        Ok(self.store.newest_attempts(reach, limit).await?)
    }

    /// The messages that these attempts sent, by id, without their payloads; one that is gone is not among them.
    ///
    /// # Errors
    /// When the store can't be read.
    pub async fn messages_of(&self, attempts: &[Attempt]) -> Result<BTreeMap<MessageId, Message>, OpError> {
        let ids = attempts.iter().map(|attempt| attempt.message_id).collect();
        Ok(self.store.message_heads(ids).await?)
    }

    /// The attempts to deliver a message, newest first; those at one endpoint if `endpoint` is given.
    ///
    /// # Errors
    /// When there is no such message or endpoint that `access` may see, or the store can't be read.
    pub async fn attempts_of_message(
        &self,
        access: &Access,
        application: &str,
        message: &str,
        endpoint: Option<&str>,
        filter: AttemptFilter,
        page: AttemptsPage,
    ) -> Result<Walked<Attempt, AttemptId>, OpError> {
        let routes = self.routes(access, application).await?;
        let endpoint_id = endpoint.map(|text| route(&routes, text).map(|found| found.endpoint.id)).transpose()?;
        let found = self.message_of(&routes, message, false).await?;
        Ok(self.store.attempts_of_message(found.id, AttemptFilter { endpoint_id, ..filter }, page).await?)
    }

    /// One attempt to deliver a message.
    ///
    /// # Errors
    /// When there is none that `access` may see, or the store can't be read.
    pub async fn attempt(
        &self,
        access: &Access,
        application: &str,
        message: &str,
        attempt: &str,
    ) -> Result<Attempt, OpError> {
        let missing = OpError::NotFound("attempt");
        let found = self.message(access, application, message, false).await?;
        let id = AttemptId::parse(attempt).ok_or(missing.clone())?;
        self.store.attempt(found.id, id).await?.ok_or(missing)
    }

    /// Deletes what was kept of an attempt's answer.
    ///
    /// # Errors
    /// When there is no such attempt that `access` may see, or the store could not.
    pub async fn expunge_attempt(
        &self,
        access: &Access,
        application: &str,
        message: &str,
        attempt: &str,
    ) -> Result<(), OpError> {
        let missing = OpError::NotFound("attempt");
        let found = self.message(access, application, message, false).await?;
        let id = AttemptId::parse(attempt).ok_or(missing.clone())?;
        let store = self.noting(access, Deed::new(Action::AttemptExpunged, id).of(found.application_id)).await?;
        if store.expunge_attempt(found.id, id).await? { Ok(()) } else { Err(missing) }
    }

    /// The messages that an endpoint is or was to get, with where each stands: first those that wait.
    ///
    /// # Errors
    /// When there is no such endpoint that `access` may see, or the store can't be read.
    pub async fn destined_for(
        &self,
        access: &Access,
        application: &str,
        endpoint: &str,
        filter: DestinedFilter,
        page: MessagesPage<DestinedPlace>,
    ) -> Result<Walked<(Message, Standing), DestinedPlace>, OpError> {
        let routes = self.routes(access, application).await?;
        let endpoint_id = route(&routes, endpoint)?.endpoint.id;
        Ok(self.store.destined_for(endpoint_id, filter, page).await?)
    }

    /// The endpoints that a message goes, or went, to, with where it stands at each, by id. An endpoint that has been
    /// deleted is not among them.
    ///
    /// # Errors
    /// When there is no such message that `access` may see, or the store can't be read.
    pub async fn destinations(
        &self,
        access: &Access,
        application: &str,
        message: &str,
        page: Page<EndpointId>,
    ) -> Result<Listed<(Arc<Route>, Standing)>, OpError> {
        let routes = self.routes(access, application).await?;
        let found = self.message_of(&routes, message, false).await?;
        let standings = self.store.standings(found.id).await?;
        let known = |(id, standing)| routes.endpoint(id).map(|route| (route.clone(), standing));
        let all: Vec<_> = standings.into_iter().filter_map(known).collect();
        Ok(page.pick(&all, |(route, _)| route.endpoint.id))
    }

    /// Has a message sent to an endpoint again, now.
    ///
    /// # Errors
    /// When there is no such message or endpoint, it can't be sent any more, or the store could not.
    pub async fn resend(
        &self,
        access: &Access,
        application: &str,
        message: &str,
        endpoint: &str,
        key: Option<IdempotencyKey>,
    ) -> Result<Made<()>, OpError> {
        let routes = self.routes(access, application).await?;
        let endpoint_id = open_route(&routes, endpoint)?.endpoint.id;
        let found = self.message_of(&routes, message, true).await?;
        if found.payload.is_none() {
            let why = "the payload has been deleted and can't be sent again; post the message anew";
            return Err(OpError::conflict("payload_expunged", why));
        }
        let deed = Deed::new(Action::MessageResent, found.id).of(found.application_id);
        let store = self.noting(access, deed.with(format!("to {endpoint_id}"))).await?;
        match store.resend(&found, endpoint_id, key).await? {
            Inserted::Before(_) => Ok(Made::Before(())),
            Inserted::KeyReused => Err(key_reused()),
            Inserted::New | Inserted::Taken | Inserted::EventTypeTaken | Inserted::Full | Inserted::Orphaned => {
                Ok(Made::New(()))
            }
        }
    }
}
