//! Examples: a message of an event type, made up and sent to one endpoint, so that its owner sees one arrive.

use std::sync::Arc;

use bytes::Bytes;

use super::attempts::open_route;
use super::{Access, Made, NewMessage, OpError, Operations};
use crate::domain::endpoint::Verdict;
use crate::domain::message::Message;
use crate::store::{IdempotencyKey, Routes};

/// What a caller wants sent as an example.
#[derive(Clone, Debug)]
pub struct NewExample {
    /// The name of the event type.
    pub event_type: String,
    /// Which of the event type's examples, from 0.
    pub index: usize,
    /// This instead of an example.
    pub payload: Option<Bytes>,
}

impl Operations {
    /// The message that shows an event type: with the payload that is given, or else an example of a type that is known.
    pub(super) async fn example(
        &self,
        access: &Access,
        routes: &Routes,
        wanted: NewExample,
    ) -> Result<NewMessage, OpError> {
        let envelope = routes.environment.settings.envelope;
        let payload = match wanted.payload {
            Some(payload) => payload,
            None => {
                let event_type = self.event_type(access, &wanted.event_type).await?;
                envelope.fit_example(event_type.example(wanted.index).into())
            }
        };
        let new = NewMessage {
            event_type: wanted.event_type,
            event_id: None,
            channels: Vec::new(),
            payload,
            payload_retention_days: None,
        };
        new.check_typed()?;
        new.check_fits(envelope)?;
        Ok(new)
    }

    /// Sends an example of an event type to one endpoint, whether it wants it or not.
    ///
    /// # Errors
    /// When there is no such endpoint or event type, or as for any message.
    pub async fn send_example(
        &self,
        access: &Access,
        application: &str,
        endpoint: &str,
        wanted: NewExample,
        key: Option<IdempotencyKey>,
    ) -> Result<Made<Arc<Message>>, OpError> {
        let routes = self.routes(access, application).await?;
        let endpoint_id = open_route(&routes, endpoint)?.endpoint.id;
        // Also with a payload that is given, it is an example of something known.
        self.event_type(access, &wanted.event_type).await?;
        let new = self.example(access, &routes, wanted).await?;
        let verdicts = vec![(endpoint_id, Verdict::Queued)];
        self.accept_for(&routes, verdicts, new, key).await
    }
}
