//! Webhooks as ShipEngine has them: a URL for one event, at most one that is active for each event, known by a small
//! number (SEEDS C5, C23–C32). Such a webhook is an endpoint with exactly one event type, however it was made; an
//! endpoint with several or all event types is not seen here, and one that names an event still takes it.

use std::sync::Arc;

use super::endpoints::{check_rules, differences, made};
use super::{Access, OpError, Operations, Page};
use crate::domain::application::DEFAULT_APPLICATION_UID;
use crate::domain::audit::{Action, Deed, bare_url};
use crate::domain::endpoint::{ENDPOINTS_PER_APPLICATION_MAX, Endpoint, EndpointChange, Headers};
use crate::domain::id::EndpointId;
use crate::domain::key::Scope;
use crate::domain::name;
use crate::domain::secret::EndpointSecret;
use crate::store::{EventTypeSharing, Inserted, Routes, Updated};

/// The events of ShipEngine, for an environment that has no catalogue of its own (SEEDS C17–C22).
const EVENTS: [&str; 6] =
    ["batch", "rate", "track", "carrier_connected", "sales_orders_imported", "order_source_refresh_complete"];
/// How many events are listed to somebody who named another.
const EVENTS_TOLD: usize = 50;

const MISSING: OpError = OpError::NotFound("webhook");

/// A URL that one event goes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Webhook {
    /// Its number.
    pub number: i64,
    /// Where the event goes, as it was given.
    pub url: String,
    /// The event.
    pub event: String,
    id: EndpointId,
    active: bool,
}

/// What is to be different about a webhook; what is `None` stays as it is.
#[derive(Clone, Debug, Default)]
pub struct WebhookChange {
    /// Where the event goes.
    pub url: Option<String>,
    /// The event.
    pub event: Option<String>,
}

impl Webhook {
    fn of(endpoint: &Endpoint) -> Option<Self> {
        let [event] = endpoint.event_types.as_deref()? else {
            return None;
        };
        Some(Self {
            number: endpoint.number,
            url: endpoint.url.clone(),
            event: event.clone(),
            id: endpoint.id,
            active: endpoint.disabled.is_none(),
        })
    }
}

impl From<WebhookChange> for EndpointChange {
    fn from(wanted: WebhookChange) -> Self {
        let event_types = wanted.event.map(|event| Some(vec![event]));
        Self { url: wanted.url, event_types, ..Self::default() }
    }
}

fn webhooks(routes: &Routes) -> impl Iterator<Item = Webhook> + '_ {
    routes.endpoints.iter().filter_map(|route| Webhook::of(&route.endpoint))
}

/// The webhook with this number, given as it is shown.
fn numbered(routes: &Routes, number: &str) -> Result<Webhook, OpError> {
    webhooks(routes).find(|webhook| webhook.number.to_string() == number).ok_or(MISSING)
}

fn taken() -> OpError {
    let why = "this event has an active webhook already, and can have only one: list the active webhooks, then change \
               or delete that one";
    OpError::conflict("event_type_taken", why)
}

impl Operations {
    /// The application that a key manages webhooks of: its own, or the environment's default one.
    async fn webhook_routes(&self, access: &Access) -> Result<Arc<Routes>, OpError> {
        match access.scope {
            Scope::Application(id) => self.routes(access, &id.to_string()).await,
            _ => self.routes(access, DEFAULT_APPLICATION_UID).await,
        }
    }

    /// The active webhooks, ordered by event.
    ///
    /// # Errors
    /// When there is no application to have any, or the store can't be read.
    pub async fn webhooks(&self, access: &Access) -> Result<Vec<Webhook>, OpError> {
        let routes = self.webhook_routes(access).await?;
        let mut active: Vec<Webhook> = webhooks(&routes).filter(|webhook| webhook.active).collect();
        active.sort_by(|one, other| (&one.event, one.number).cmp(&(&other.event, other.number)));
        Ok(active)
    }

    /// The webhook with this number, active or not.
    ///
    /// # Errors
    /// When there is none that `access` may see, or the store can't be read.
    pub async fn webhook(&self, access: &Access, number: &str) -> Result<Webhook, OpError> {
        numbered(&*self.webhook_routes(access).await?, number)
    }

    /// Makes a webhook.
    ///
    /// # Errors
    /// When the URL or the event can't be taken, the event has an active webhook, or the store could not.
    pub async fn create_webhook(&self, access: &Access, url: String, event: String) -> Result<Webhook, OpError> {
        let routes = self.webhook_routes(access).await?;
        self.check_event(access, &event).await?;
        let change = WebhookChange { url: Some(url), event: Some(event) };
        let change = self.checked(&routes.environment, change.into(), &Headers::new()).await?;
        check_rules(routes.environment.settings.endpoint_rules, &change, true)?;
        let now = self.store.now();
        let endpoint = Endpoint::blank(self.store.next_id(), &routes.application, now).changed(&change, now);
        let id = endpoint.id;
        let secret = EndpointSecret::generate_hmac();
        let store = self.noting(access, made(&endpoint)).await?;
        match store.insert_endpoint(endpoint, secret, None, EventTypeSharing::Never).await? {
            Inserted::EventTypeTaken => Err(taken()),
            Inserted::Full => {
                let why = format!("an application has at most {ENDPOINTS_PER_APPLICATION_MAX} endpoints: delete one");
                Err(OpError::conflict("endpoints_full", why))
            }
            Inserted::Orphaned => Err(OpError::NotFound("application")),
            Inserted::New | Inserted::Before(_) | Inserted::KeyReused | Inserted::Taken => {
                let routes = self.webhook_routes(access).await?;
                routes.endpoint(id).and_then(|route| Webhook::of(&route.endpoint)).ok_or(MISSING)
            }
        }
    }

    /// Changes the webhook with this number; whether it is active stays as it is.
    ///
    /// # Errors
    /// When there is none that `access` may see, it can't be as it is wanted, or the store could not.
    pub async fn change_webhook(
        &self,
        access: &Access,
        number: &str,
        change: WebhookChange,
    ) -> Result<Webhook, OpError> {
        let routes = self.webhook_routes(access).await?;
        let before = numbered(&routes, number)?;
        if let Some(event) = &change.event {
            self.check_event(access, event).await?;
        }
        let change = self.checked(&routes.environment, change.into(), &Headers::new()).await?;
        check_rules(routes.environment.settings.endpoint_rules, &change, false)?;
        let application_id = routes.application.id;
        let deed = routes.endpoint(before.id).and_then(|route| differences(&route.endpoint, &change));
        let store = self.noting(access, deed).await?;
        match store.update_endpoint(application_id, before.id, change, EventTypeSharing::Never).await? {
            Updated::Done(endpoint) => Webhook::of(&endpoint).ok_or(MISSING),
            Updated::Missing | Updated::Taken => Err(MISSING),
            Updated::EventTypeTaken => Err(taken()),
        }
    }

    /// Deletes the webhook with this number; what waits for it is cancelled.
    ///
    /// # Errors
    /// When there is none that `access` may see, or the store could not.
    pub async fn delete_webhook(&self, access: &Access, number: &str) -> Result<(), OpError> {
        let routes = self.webhook_routes(access).await?;
        let webhook = numbered(&routes, number)?;
        let deed = Deed::new(Action::EndpointDeleted, webhook.id).of(routes.application.id);
        let store = self.noting(access, deed.with(bare_url(&webhook.url))).await?;
        Ok(store.delete_endpoint(routes.application.id, webhook.id).await?)
    }

    /// Refuses an event that the environment's catalogue does not have; an environment without a catalogue has
    /// ShipEngine's events.
    async fn check_event(&self, access: &Access, event: &str) -> Result<(), OpError> {
        if name::event_type(event).is_ok() {
            let found = self.store.event_type(access.environment_id, event.to_owned()).await?;
            if found.is_some_and(|event_type| !event_type.archived) {
                return Ok(());
            }
        }
        let page = Page { limit: EVENTS_TOLD, after: None, backwards: false, descending: false };
        let catalogue = self.list_event_types(access, false, page).await?;
        let names: Vec<&str> = match catalogue.items.as_slice() {
            [] => EVENTS.to_vec(),
            known => known.iter().map(|event_type| event_type.name.as_str()).collect(),
        };
        if catalogue.items.is_empty() && names.contains(&event) {
            return Ok(());
        }
        let more = if catalogue.done { "" } else { ", …" };
        Err(OpError::invalid("event", "event_unknown", format!("must be one of: {}{more}", names.join(", "))))
    }
}
