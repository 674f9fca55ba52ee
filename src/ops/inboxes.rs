//! What can be asked of inboxes. A key lists, makes and deletes them; the token in an inbox's URL is itself the
//! permission to look at it and to say what it answers.

use super::applications::key_reused;
use super::{Access, IdempotencyKey, Inboxes, Listed, Made, OpError, Operations, Page, check};
use crate::domain::audit::{Action, Deed};
use crate::domain::id::{ApplicationId, Id, InboxId, InboxRequestId};
use crate::domain::inbox::{
    self, INBOX_ANSWER_BYTES_MAX, INBOX_DELAY_MAX, INBOXES_PER_ENVIRONMENT_MAX, Inbox, InboxChange, InboxRequest,
    SecretOf, SignatureChecker,
};
use crate::domain::key::Scope;
use crate::domain::name;
use crate::domain::signature::Verifier;
use crate::store::{Inserted, StoreError};

const MISSING: OpError = OpError::NotFound("inbox");
/// What an inbox is called when nobody says.
const UNNAMED: &str = "Inbox";

fn check_change(change: &InboxChange) -> Result<(), OpError> {
    check::text("name", "name", change.name.as_ref(), name::application_name)?;
    if change.status.is_some_and(|status| !(200..600).contains(&status)) {
        return Err(OpError::invalid("status", "inbox_status", "must be 200 to 599"));
    }
    let delay_ms_max = INBOX_DELAY_MAX.as_millis();
    if change.delay_ms.is_some_and(|delay| u128::from(delay) > delay_ms_max) {
        return Err(OpError::invalid("delayMs", "inbox_delay", format!("must be at most {delay_ms_max} ms")));
    }
    if change.body.as_ref().is_some_and(|body| body.len() > INBOX_ANSWER_BYTES_MAX) {
        let why = format!("must have at most {INBOX_ANSWER_BYTES_MAX} bytes");
        return Err(OpError::invalid("body", "inbox_body", why));
    }
    if let Some(Some(text)) = &change.secret {
        Verifier::parse(text).map_err(|error| OpError::invalid("secret", "secret", error))?;
    }
    Ok(())
}

/// The application to which nouns are narrowed that `access` may see.
fn own(access: &Access) -> Option<ApplicationId> {
    match access.scope {
        Scope::Application(id) => Some(id),
        Scope::Admin | Scope::Environment => None,
    }
}

impl Operations {
    /// The inboxes, as what receives.
    pub fn inboxes(&self) -> &Inboxes {
        &self.inboxes
    }

    /// Makes an inbox that answers 200 at once: of an application, or of the whole environment when none is named and
    /// `access` may see it whole.
    ///
    /// # Errors
    /// When it can't be made as it is wanted, or the store could not.
    pub async fn create_inbox(
        &self,
        access: &Access,
        application: Option<&str>,
        name: Option<String>,
        key: Option<IdempotencyKey>,
    ) -> Result<Made<Inbox>, OpError> {
        let application_id = match application {
            Some(application) => Some(self.routes(access, application).await?.application.id),
            None => own(access),
        };
        check::text("name", "name", name.as_ref(), name::application_name)?;
        let token = inbox::new_token().map_err(|error| StoreError::Unavailable(error.to_string()))?;
        let name = name.unwrap_or_else(|| UNNAMED.to_owned());
        let (id, now) = (self.store.next_id(), self.store.now());
        let inbox = Inbox::new(id, token, access.environment_id, application_id, name, now);
        let deed = Deed::new(Action::InboxCreated, inbox.id).of(application_id).with(&inbox.name);
        match self.noting(access, deed).await?.insert_inbox(inbox.clone(), key).await? {
            Inserted::New => Ok(Made::New(inbox)),
            Inserted::Before(id) => {
                let id: InboxId = Id::from_number(id);
                self.inbox(access, &id.to_string()).await.map(Made::Before)
            }
            Inserted::KeyReused => Err(key_reused()),
            Inserted::Full => {
                let why = format!("an environment has at most {INBOXES_PER_ENVIRONMENT_MAX} inboxes: delete some");
                Err(OpError::conflict("inboxes_full", why))
            }
            Inserted::Orphaned | Inserted::Taken | Inserted::EventTypeTaken => Err(OpError::NotFound("application")),
        }
    }

    /// A part of the inboxes that `access` may see.
    ///
    /// # Errors
    /// When the store can't be read.
    pub async fn list_inboxes(&self, access: &Access, page: Page<InboxId>) -> Result<Listed<Inbox>, OpError> {
        Ok(self.store.inboxes(access.environment_id, own(access), page).await?)
    }

    /// The inbox with this id.
    ///
    /// # Errors
    /// When there is none that `access` may see, or the store can't be read.
    pub async fn inbox(&self, access: &Access, id: &str) -> Result<Inbox, OpError> {
        let id = InboxId::parse(id).ok_or(MISSING)?;
        let found = self.store.inbox(id).await?.filter(|inbox| {
            let is_own = own(access).is_none_or(|own| inbox.application_id == Some(own));
            inbox.environment_id == access.environment_id && is_own
        });
        found.ok_or(MISSING)
    }

    /// Deletes the inbox with this id and all that it received.
    ///
    /// # Errors
    /// When there is none that `access` may see, or the store could not.
    pub async fn delete_inbox(&self, access: &Access, id: &str) -> Result<(), OpError> {
        let inbox = self.inbox(access, id).await?;
        let deed = Deed::new(Action::InboxDeleted, inbox.id).of(inbox.application_id).with(&inbox.name);
        Ok(self.noting(access, deed).await?.delete_inbox(inbox.id).await?)
    }

    /// The inbox with this token.
    ///
    /// # Errors
    /// When there is none, or the store can't be read.
    pub async fn inbox_by_token(&self, token: &str) -> Result<Inbox, OpError> {
        self.inboxes.by_token(token).await
    }

    /// The URL of the inbox with this token: of its page, and for an endpoint.
    pub fn inbox_url(&self, token: &str) -> String {
        self.inboxes.url(token)
    }

    /// Changes what the inbox with this id is called, answers, or checks signatures with.
    ///
    /// # Errors
    /// When there is none that `access` may see, it can't be as it is wanted, or the store could not.
    pub async fn change_inbox(&self, access: &Access, id: &str, change: InboxChange) -> Result<Inbox, OpError> {
        let inbox = self.inbox(access, id).await?;
        check_change(&change)?;
        let deed = Deed::new(Action::InboxChanged, inbox.id).of(inbox.application_id).with(&inbox.name);
        self.noting(access, deed).await?.update_inbox(inbox.id, change).await?.ok_or(MISSING)
    }

    /// The same for the inbox with this token, which is all that its holder has: nobody knows who he is.
    ///
    /// # Errors
    /// When there is none, it can't be as it is wanted, or the store could not.
    pub async fn change_inbox_by_token(&self, token: &str, change: InboxChange) -> Result<Inbox, OpError> {
        let inbox = self.inbox_by_token(token).await?;
        check_change(&change)?;
        self.store.update_inbox(inbox.id, change).await?.ok_or(MISSING)
    }

    /// A part of what the inbox with this token received; newest first when the page is descending.
    ///
    /// # Errors
    /// When there is no such inbox, or the store can't be read.
    pub async fn requests_of_inbox(
        &self,
        token: &str,
        page: Page<InboxRequestId>,
    ) -> Result<Listed<InboxRequest>, OpError> {
        let inbox = self.inbox_by_token(token).await?;
        Ok(self.store.inbox_requests(inbox.id, page).await?)
    }

    /// The request with this id that the inbox with this token received.
    ///
    /// # Errors
    /// When there is no such inbox or request, or the store can't be read.
    pub async fn inbox_request(&self, token: &str, id: &str) -> Result<InboxRequest, OpError> {
        let inbox = self.inbox_by_token(token).await?;
        let missing = || OpError::NotFound("request");
        let id = InboxRequestId::parse(id).ok_or_else(missing)?;
        self.store.inbox_request(inbox.id, id).await?.ok_or_else(missing)
    }

    /// Drops all that the inbox with this token received.
    ///
    /// # Errors
    /// When there is no such inbox, or the store could not.
    pub async fn clear_inbox(&self, token: &str) -> Result<(), OpError> {
        let inbox = self.inbox_by_token(token).await?;
        Ok(self.store.clear_inbox(inbox.id).await?)
    }

    /// What checks the signatures of what `inbox` received: with the secrets of the endpoints that are at it, and its own.
    ///
    /// # Errors
    /// When the store can't be read.
    pub async fn signature_checker(&self, inbox: &Inbox) -> Result<SignatureChecker, OpError> {
        let mut secrets = Vec::new();
        for (id, application_id, target) in self.store.endpoints_at_inboxes(inbox.environment_id).await? {
            if !self.inboxes.is_at(inbox, &target) {
                continue;
            }
            for (place, (secret, _)) in self.store.endpoint_secrets(id).await?.iter().enumerate() {
                let of = SecretOf::Endpoint { id, application_id, is_current: place == 0 };
                secrets.push((of, Verifier::new(secret)));
            }
        }
        if let Some(text) = self.store.inbox_secret(inbox.id).await? {
            let verifier = Verifier::parse(&text).map_err(|error| StoreError::Corrupt(error.to_string()))?;
            secrets.push((SecretOf::Inbox, verifier));
        }
        Ok(SignatureChecker::new(secrets))
    }
}
