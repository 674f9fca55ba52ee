//! Messages: accepting them and looking at them. A message is checked, matched to the endpoints of its application,
//! and kept with a verdict for each; what happens to it then is the engine's.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::applications::key_reused;
use super::{Access, Made, OpError, Operations};
use crate::domain::application::ApplicationChange;
use crate::domain::audit::{Action, Deed};
use crate::domain::delivery::Stage;
use crate::domain::endpoint::Verdict;
use crate::domain::envelope::Envelope;
use crate::domain::filter::Subject;
use crate::domain::id::{EndpointId, MessageId};
use crate::domain::json::{self, Rules};
use crate::domain::message::{
    MESSAGE_CHANNELS_MAX, Message, MessageFilter, PAYLOAD_BYTES_MAX, PAYLOAD_RETENTION_DAYS_MAX,
    PAYLOAD_RETENTION_DAYS_MIN,
};
use crate::domain::name;
use crate::domain::time::{Span, Timestamp};
use crate::store::{Accepted, IdempotencyKey, MessagesPage, Routes, Walked};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// What becomes of a message at each endpoint that it is looked at for.
pub(super) type Verdicts = Vec<(EndpointId, Verdict)>;

/// A message that a caller wants accepted.
#[derive(Clone, Debug)]
pub struct NewMessage {
    /// What it tells of.
    pub event_type: String,
    /// The caller's own id for it.
    pub event_id: Option<String>,
    /// Narrows the endpoints that it goes to; empty is none.
    pub channels: Vec<String>,
    /// A JSON object that `domain::json::check` has taken, alone or within a request, as it was posted.
    pub payload: Bytes,
    /// For how many days the payload is kept.
    pub payload_retention_days: Option<i64>,
}

impl NewMessage {
    /// Whether it can be taken as it is.
    pub(super) fn check(&self) -> Result<(), OpError> {
        let refused = |field, code| move |why| OpError::invalid(field, code, name::Invalid::to_string(&why));
        name::event_type(&self.event_type).map_err(refused("eventType", "event_type_name"))?;
        if let Some(event_id) = &self.event_id {
            name::uid(event_id).map_err(refused("eventId", "event_id"))?;
        }
        if self.channels.len() > MESSAGE_CHANNELS_MAX {
            let why = format!("must be at most {MESSAGE_CHANNELS_MAX} channels");
            return Err(OpError::invalid("channels", "channels_count", why));
        }
        for channel in &self.channels {
            name::channel(channel).map_err(refused("channels", "channel_name"))?;
        }
        if let Some(days) = self.payload_retention_days
            && !(PAYLOAD_RETENTION_DAYS_MIN..=PAYLOAD_RETENTION_DAYS_MAX).contains(&days)
        {
            let why = format!("must be {PAYLOAD_RETENTION_DAYS_MIN} to {PAYLOAD_RETENTION_DAYS_MAX} days");
            return Err(OpError::invalid("payloadRetentionPeriod", "retention_range", why));
        }
        self.check_payload()
    }

    /// It as filters see it.
    pub(super) fn subject(&self, now: Timestamp) -> Subject<'_> {
        let subject = Subject::new(&self.event_type, &self.payload, now);
        subject.with_event_id(self.event_id.as_deref()).with_channels(&self.channels)
    }

    /// What becomes of it at each endpoint.
    fn verdicts(&self, routes: &Routes, now: Timestamp) -> Verdicts {
        let subject = self.subject(now);
        routes.endpoints.iter().map(|route| (route.endpoint.id, route.endpoint.verdict(&subject))).collect()
    }

    /// The same for one whose payload was typed, and so not held to be strict JSON by anything before.
    pub(super) fn check_typed(&self) -> Result<(), OpError> {
        self.check()?;
        json::check(&self.payload, Rules::named("payload"))
            .map_err(|error| OpError::invalid("payload", error.code(), error))
    }

    fn check_payload(&self) -> Result<(), OpError> {
        if self.payload.len() > PAYLOAD_BYTES_MAX {
            let why = format!("must have at most {PAYLOAD_BYTES_MAX} bytes");
            return Err(OpError::invalid("payload", "payload_too_large", why));
        }
        if self.payload.trim_ascii_start().first() != Some(&b'{') {
            return Err(OpError::invalid("payload", "payload_object", "must be a JSON object"));
        }
        Ok(())
    }

    /// Whether its payload can be sent in this envelope: nothing is accepted that could not be.
    pub(super) fn check_fits(&self, envelope: Envelope) -> Result<(), OpError> {
        envelope.check(&self.payload).map_err(|unfit| {
            let field = ["body", "payload", unfit.member.as_str()].map(str::to_owned).to_vec();
            OpError::Invalid { field, code: "envelope", why: unfit.why }
        })
    }
}

impl Operations {
    /// Keeps a message durably, with a delivery for each endpoint of the application that wants it. When no
    /// application has the uid `application`, it is made as `its_application` says, if that is given.
    ///
    /// # Errors
    /// When it can't be taken as it is, contradicts what is there, or the store could not.
    pub async fn accept(
        &self,
        access: &Access,
        application: &str,
        its_application: Option<ApplicationChange>,
        new: NewMessage,
        key: Option<IdempotencyKey>,
    ) -> Result<Made<Arc<Message>>, OpError> {
        new.check()?;
        let routes = self.routes_or_new(access, application, its_application).await?;
        new.check_fits(routes.environment.settings.envelope)?;
        self.take_from_rate(routes.application.id)?;
        let verdicts = new.verdicts(&routes, self.store.now());
        self.take_from_waiting(&routes, &verdicts).await?;
        if routes.checks_schemas {
            Box::pin(self.check_schema(&routes, &new)).await?;
        }
        self.accept_for(&routes, verdicts, new, key).await
    }

    /// Refuses a payload that does not fit the schema of its event type; one that is not known takes anything.
    async fn check_schema(&self, routes: &Routes, new: &NewMessage) -> Result<(), OpError> {
        let known = self.store.schema(routes.environment.id, &new.event_type).await?;
        let checked = known.schema.as_ref().map_or(Ok(()), |schema| schema.check(&new.payload));
        checked.map_err(|misfit| {
            let field = ["body", "payload"].into_iter().map(str::to_owned).chain(misfit.path).collect();
            OpError::Invalid { field, code: "payload_schema", why: misfit.why }
        })
    }

    /// Keeps a message that was checked, with what becomes of it at each endpoint.
    pub(super) async fn accept_for(
        &self,
        routes: &Routes,
        verdicts: Verdicts,
        new: NewMessage,
        key: Option<IdempotencyKey>,
    ) -> Result<Made<Arc<Message>>, OpError> {
        let id: MessageId = self.store.next_id();
        let days = new.payload_retention_days.unwrap_or(PAYLOAD_RETENTION_DAYS_MAX);
        let message = Arc::new(Message {
            id,
            environment_id: routes.application.environment_id,
            application_id: routes.application.id,
            event_type: new.event_type,
            event_id: new.event_id,
            channels: new.channels,
            payload: Some(new.payload),
            expires_at: id.time().plus(DAY * u32::try_from(days).unwrap_or_default()),
            verdicts,
        });
        match self.store.accept(message.clone(), key).await? {
            Accepted::New => Ok(Made::New(message)),
            Accepted::Before(id) => {
                let before = Box::pin(self.store.message(routes.application.id, id, true)).await?;
                Ok(Made::Before(before.map(Arc::new).ok_or(OpError::NotFound("message"))?))
            }
            Accepted::KeyReused => Err(key_reused()),
            Accepted::EventIdTaken => {
                let why = "another message of the application has this eventId; each occurrence is posted once";
                Err(OpError::conflict("event_id_taken", why))
            }
        }
    }

    /// The message with this id or event id.
    ///
    /// # Errors
    /// When there is none that `access` may see, or the store can't be read.
    pub async fn message(
        &self,
        access: &Access,
        application: &str,
        message: &str,
        with_content: bool,
    ) -> Result<Message, OpError> {
        let routes = self.routes(access, application).await?;
        self.message_of(&routes, message, with_content).await
    }

    /// The message of an application that is seen, by id or event id.
    pub(super) async fn message_of(
        &self,
        routes: &Routes,
        id_or_event_id: &str,
        with_content: bool,
    ) -> Result<Message, OpError> {
        let application_id = routes.application.id;
        let missing = OpError::NotFound("message");
        let id = match MessageId::parse(id_or_event_id) {
            Some(id) => id,
            None => {
                let event_id = id_or_event_id.to_owned();
                self.store.message_id_by_event_id(application_id, event_id).await?.ok_or(missing.clone())?
            }
        };
        self.store.message(application_id, id, with_content).await?.ok_or(missing)
    }

    /// The messages of an application that were accepted in `span`, newest first.
    ///
    /// # Errors
    /// When there is no such application that `access` may see, or the store can't be read.
    pub async fn messages(
        &self,
        access: &Access,
        application: &str,
        span: Span,
        filter: MessageFilter,
        page: MessagesPage,
    ) -> Result<Walked<Message, MessageId>, OpError> {
        let reach = self.reach(access, Some(application)).await?;
        Ok(self.store.messages(reach, span, filter, page).await?)
    }

    /// The messages of all applications that `access` may see, or of one, that were accepted in `span`, newest first.
    ///
    /// # Errors
    /// When there is no such application that `access` may see, or the store can't be read.
    pub async fn messages_of_environment(
        &self,
        access: &Access,
        application: Option<&str>,
        span: Span,
        filter: MessageFilter,
        page: MessagesPage,
    ) -> Result<Walked<Message, MessageId>, OpError> {
        Ok(self.store.messages(self.reach(access, application).await?, span, filter, page).await?)
    }

    /// Where each message of a list stands at each endpoint that it goes, or went, to.
    ///
    /// # Errors
    /// When the store can't be read.
    pub async fn standings_of(
        &self,
        messages: &[Message],
    ) -> Result<BTreeMap<MessageId, BTreeMap<EndpointId, Stage>>, OpError> {
        Ok(self.store.stages(messages.iter().map(|message| message.id).collect()).await?)
    }

    /// Deletes the payload of a message; what has not been delivered of it expires.
    ///
    /// # Errors
    /// When there is no such message that `access` may see, or the store could not.
    pub async fn expunge_message(&self, access: &Access, application: &str, message: &str) -> Result<(), OpError> {
        let found = self.message(access, application, message, false).await?;
        let deed = Deed::new(Action::MessageExpunged, found.id).of(found.application_id);
        let there = self.noting(access, deed).await?.expunge_message(found.application_id, found.id).await?;
        if there { Ok(()) } else { Err(OpError::NotFound("message")) }
    }
}
