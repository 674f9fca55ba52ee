//! Looking for endpoints, applications and a message across an environment.

use super::{Access, OpError, Operations};
use crate::domain::application::Application;
use crate::domain::endpoint::Endpoint;
use crate::domain::id::{ApplicationId, EndpointId, MessageId};
use crate::domain::message::Message;
use crate::store::{EndpointFilter, Walked, WalkedPage};

impl Operations {
    /// The endpoints of all applications that `access` may see, each with its application, newest first.
    ///
    /// # Errors
    /// When the store can't be read.
    pub async fn endpoints_of_environment(
        &self,
        access: &Access,
        filter: EndpointFilter,
        page: WalkedPage<EndpointId>,
    ) -> Result<Walked<(Endpoint, Application), EndpointId>, OpError> {
        Ok(self.store.endpoints(access.reach(), filter, page).await?)
    }

    /// The applications that `access` may see whose name or uid has `text` in it, in capitals or not, newest first.
    ///
    /// # Errors
    /// When the store can't be read.
    pub async fn search_applications(
        &self,
        access: &Access,
        text: &str,
        page: WalkedPage<ApplicationId>,
    ) -> Result<Walked<Application, ApplicationId>, OpError> {
        Ok(self.store.applications_named(access.reach(), text.to_owned(), page).await?)
    }

    /// The message with this id, of whichever application that `access` may see, without its payload.
    ///
    /// # Errors
    /// When there is none, or the store can't be read.
    pub async fn find_message(&self, access: &Access, id: MessageId) -> Result<Message, OpError> {
        let found = self.store.message_heads([id].into()).await?.remove(&id);
        let is_seen = |message: &Message| access.reach().holds(message.environment_id, message.application_id);
        found.filter(is_seen).ok_or(OpError::NotFound("message"))
    }
}
