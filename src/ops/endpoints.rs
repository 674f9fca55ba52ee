//! What can be asked of endpoints, their headers and their secrets. Where an endpoint may be is checked here when it
//! is written, without looking anything up; the engine checks again, with addresses, whenever it sends.

use std::sync::Arc;
use std::time::Duration;

use super::applications::key_reused;
use super::{Access, IdempotencyKey, Listed, Made, OpError, Operations, Page, check};
use crate::domain::audit::{Action, Deed, bare_url, differing};
use crate::domain::endpoint::{
    ENDPOINTS_PER_APPLICATION_MAX, Endpoint, EndpointChange, Headers, HeadersChange, Rest, SECRET_GRACE_DEFAULT,
    SECRET_GRACE_MAX, SUBSCRIPTIONS_MAX,
};
use crate::domain::environment::{EndpointRules, Environment};
use crate::domain::id::{EndpointId, Id};
use crate::domain::secret::EndpointSecret;
use crate::domain::target::{Scheme, Target, TargetError};
use crate::domain::{header, name};
use crate::store::{EventTypeSharing, Inserted, Rotation, Route, Updated};

const MISSING: OpError = OpError::NotFound("endpoint");

/// What a caller wants of a new secret.
#[derive(Default)]
pub struct SecretRotation {
    /// Its text; without one a new secret of the same kind is made.
    pub key: Option<String>,
    /// How long the secret before it goes on signing.
    pub grace: Option<Duration>,
}

fn taken() -> OpError {
    OpError::conflict("uid_taken", "another endpoint of the application has this uid: choose another")
}

fn event_type_taken() -> OpError {
    let why = "another endpoint of the application that is switched on has this event type, and each event type may \
               have one: change or delete that one, or switch it off";
    OpError::conflict("event_type_taken", why)
}

/// Checks which event types are wanted of an endpoint against the rules of its environment. Whether another endpoint has
/// the event type is for the store to say, when it writes.
pub(super) fn check_rules(rules: EndpointRules, change: &EndpointChange, is_new: bool) -> Result<(), OpError> {
    let wanted = change.event_types.as_ref().map(Option::as_deref).or(is_new.then_some(None));
    match wanted {
        Some(names) if rules.one_for_each_event_type && names.is_none_or(|names| names.len() != 1) => {
            Err(OpError::invalid("eventTypes", "event_types_one", "must be exactly one event type"))
        }
        _ => Ok(()),
    }
}

fn secret(field: &str, text: &str) -> Result<EndpointSecret, OpError> {
    EndpointSecret::parse(text).map_err(|error| OpError::invalid(field, "secret", error))
}

/// What receivers verify with: the shared secret, or the public half of a pair.
fn shown(secret: &EndpointSecret) -> String {
    secret.public_key().map_or_else(|| secret.to_text().to_string(), |public| public.to_string())
}

/// Something that is done to an endpoint.
pub(super) fn deed(action: Action, endpoint: &Endpoint) -> Deed {
    Deed::new(action, endpoint.id).of(endpoint.application_id)
}

/// That an endpoint is made.
pub(super) fn made(endpoint: &Endpoint) -> Deed {
    deed(Action::EndpointCreated, endpoint).with(bare_url(&endpoint.url))
}

/// What a change makes of an endpoint, if it makes anything of it.
pub(super) fn differences(before: &Endpoint, change: &EndpointChange) -> Option<Deed> {
    let after = before.clone().changed(change, before.updated_at);
    let names = differing([
        ("uid", before.uid != after.uid),
        ("description", before.description != after.description),
        ("event types", before.event_types != after.event_types),
        ("channels", before.channels != after.channels),
        ("filter", before.filter != after.filter),
        ("metadata", before.metadata != after.metadata),
        ("headers", before.headers != after.headers),
        ("throttle rate", before.throttle_rate != after.throttle_rate),
        ("retry schedule", before.retry_schedule != after.retry_schedule),
        ("order", before.ordered != after.ordered),
        ("switched on", before.disabled.is_some() && after.disabled.is_none()),
        ("switched off", before.disabled.is_none() && after.disabled.is_some()),
    ]);
    if before.url != after.url {
        let besides = if names.is_empty() { String::new() } else { format!("; and {names}") };
        let detail = format!("{} → {}{besides}", bare_url(&before.url), bare_url(&after.url));
        return Some(deed(Action::EndpointUrlChanged, before).with(detail));
    }
    (!names.is_empty()).then(|| deed(Action::EndpointChanged, before).with(names))
}

impl Operations {
    /// The application with this id or uid, and its endpoint with that one.
    pub(super) async fn route(
        &self,
        access: &Access,
        application: &str,
        endpoint: &str,
    ) -> Result<Arc<Route>, OpError> {
        let routes = self.routes(access, application).await?;
        routes.endpoint_by_text(endpoint).cloned().ok_or(MISSING)
    }

    /// A part of the application's endpoints.
    ///
    /// # Errors
    /// When there is no such application that `access` may see, or the store can't be read.
    pub async fn list_endpoints(
        &self,
        access: &Access,
        application: &str,
        page: Page<EndpointId>,
    ) -> Result<Listed<Endpoint>, OpError> {
        let routes = self.routes(access, application).await?;
        let picked = page.pick(&routes.endpoints, |route| route.endpoint.id);
        let items = picked.items.iter().map(|route| route.endpoint.clone()).collect();
        Ok(Listed { items, done: picked.done })
    }

    /// The endpoint with this id or uid.
    ///
    /// # Errors
    /// When there is none that `access` may see, or the store can't be read.
    pub async fn endpoint(&self, access: &Access, application: &str, endpoint: &str) -> Result<Endpoint, OpError> {
        Ok(self.route(access, application, endpoint).await?.endpoint.clone())
    }

    /// How an endpoint that failed again and again is left in peace, if it is.
    pub fn rest(&self, endpoint: &Endpoint) -> Option<Rest> {
        self.store.rest(endpoint.id)
    }

    /// Makes an endpoint; without the text of a secret it gets a new one.
    ///
    /// # Errors
    /// When it can't be made as it is wanted, or the store could not.
    pub async fn create_endpoint(
        &self,
        access: &Access,
        application: &str,
        change: EndpointChange,
        secret_text: Option<String>,
        key: Option<IdempotencyKey>,
    ) -> Result<Made<Endpoint>, OpError> {
        let routes = self.routes(access, application).await?;
        let change = self.checked(&routes.environment, change, &Headers::new()).await?;
        check_rules(routes.environment.settings.endpoint_rules, &change, true)?;
        let secret = match &secret_text {
            Some(text) => secret("secret", text)?,
            None => EndpointSecret::generate_hmac(),
        };
        let now = self.store.now();
        let endpoint = Endpoint::blank(self.store.next_id(), &routes.application, now).changed(&change, now);
        let store = self.noting(access, made(&endpoint)).await?;
        match store.insert_endpoint(endpoint.clone(), secret, key, EventTypeSharing::ByRule).await? {
            Inserted::New => Ok(Made::New(endpoint)),
            Inserted::Before(id) => {
                let id: EndpointId = Id::from_number(id);
                self.endpoint(access, application, &id.to_string()).await.map(Made::Before)
            }
            Inserted::KeyReused => Err(key_reused()),
            Inserted::Taken => Err(taken()),
            Inserted::EventTypeTaken => Err(event_type_taken()),
            Inserted::Full => {
                let why = format!("an application has at most {ENDPOINTS_PER_APPLICATION_MAX} endpoints");
                Err(OpError::conflict("endpoints_full", why))
            }
            Inserted::Orphaned => Err(OpError::NotFound("application")),
        }
    }

    /// Checks whether an endpoint could be made as `change` wants it, or the one with this id or uid be changed so, and
    /// changes nothing. What is written is checked again: somebody else may have been quicker.
    ///
    /// # Errors
    /// When it could not be so, or the store can't be read.
    pub async fn check_endpoint(
        &self,
        access: &Access,
        application: &str,
        endpoint: Option<&str>,
        change: &EndpointChange,
    ) -> Result<(), OpError> {
        let routes = self.routes(access, application).await?;
        let before = match endpoint {
            Some(endpoint) => routes.endpoint_by_text(endpoint).ok_or(MISSING)?.endpoint.clone(),
            None => Endpoint::blank(self.store.next_id(), &routes.application, self.store.now()),
        };
        let change = self.checked(&routes.environment, change.clone(), &before.headers).await?;
        let rules = routes.environment.settings.endpoint_rules;
        check_rules(rules, &change, endpoint.is_none())?;
        let wanted = before.changed(&change, self.store.now());
        let takes_one_of = |other: &Endpoint| {
            let names = wanted.event_types.as_deref().unwrap_or_default();
            let has = |name: &String| other.event_types.as_ref().is_some_and(|own| own.contains(name));
            other.id != wanted.id && other.disabled.is_none() && names.iter().any(has)
        };
        let is_shared = routes.endpoints.iter().any(|route| takes_one_of(&route.endpoint));
        if rules.one_for_each_event_type && wanted.disabled.is_none() && is_shared {
            return Err(event_type_taken());
        }
        Ok(())
    }

    /// Makes the endpoint with this id or uid what `change` says, all of it but headers and secret; makes a new one
    /// when no endpoint has the uid, as [`Operations::put_application`] does.
    ///
    /// # Errors
    /// When it can't be as it is wanted, or the store could not.
    pub async fn put_endpoint(
        &self,
        access: &Access,
        application: &str,
        endpoint: &str,
        mut change: EndpointChange,
    ) -> Result<Made<Endpoint>, OpError> {
        if name::uid(endpoint).is_ok() && change.uid.as_ref().is_none_or(Option::is_none) {
            change.uid = Some(Some(endpoint.to_owned()));
        }
        match self.patch_endpoint(access, application, endpoint, change.clone()).await {
            Err(OpError::NotFound("endpoint")) if name::uid(endpoint).is_ok() => {
                self.create_endpoint(access, application, change, None, None).await
            }
            changed => changed.map(Made::Existing),
        }
    }

    /// Changes the endpoint with this id or uid.
    ///
    /// # Errors
    /// When there is none that `access` may see, it can't be as it is wanted, or the store could not.
    pub async fn patch_endpoint(
        &self,
        access: &Access,
        application: &str,
        endpoint: &str,
        change: EndpointChange,
    ) -> Result<Endpoint, OpError> {
        let routes = self.routes(access, application).await?;
        let before = &routes.endpoint_by_text(endpoint).ok_or(MISSING)?.endpoint;
        let change = self.checked(&routes.environment, change, &before.headers).await?;
        check_rules(routes.environment.settings.endpoint_rules, &change, false)?;
        let store = self.noting(access, differences(before, &change)).await?;
        match store.update_endpoint(before.application_id, before.id, change, EventTypeSharing::ByRule).await? {
            Updated::Done(endpoint) => Ok(endpoint),
            Updated::Missing => Err(MISSING),
            Updated::Taken => Err(taken()),
            Updated::EventTypeTaken => Err(event_type_taken()),
        }
    }

    /// Deletes the endpoint with this id or uid and its secrets; what waits for it is cancelled.
    ///
    /// # Errors
    /// When there is none that `access` may see, or the store could not.
    pub async fn delete_endpoint(&self, access: &Access, application: &str, endpoint: &str) -> Result<(), OpError> {
        let endpoint = self.endpoint(access, application, endpoint).await?;
        let store = self.noting(access, deed(Action::EndpointDeleted, &endpoint).with(bare_url(&endpoint.url))).await?;
        Ok(store.delete_endpoint(endpoint.application_id, endpoint.id).await?)
    }

    /// Changes the headers that go with each request to the endpoint.
    ///
    /// # Errors
    /// When there is no such endpoint, a header can't be taken, or the store could not.
    pub async fn change_headers(
        &self,
        access: &Access,
        application: &str,
        endpoint: &str,
        headers: HeadersChange,
    ) -> Result<(), OpError> {
        let change = EndpointChange { headers: Some(headers), ..EndpointChange::default() };
        self.patch_endpoint(access, application, endpoint, change).await.map(|_| ())
    }

    /// What receivers of the endpoint verify with now.
    ///
    /// # Errors
    /// When there is no such endpoint, `access` may only look, or the store can't be read.
    pub async fn endpoint_secret(&self, access: &Access, application: &str, endpoint: &str) -> Result<String, OpError> {
        let endpoint = self.endpoint(access, application, endpoint).await?;
        access.require_writing()?;
        let secret = self.store.endpoint_secret(endpoint.id).await?.ok_or(MISSING)?;
        // Nobody sees a secret before it is durable that he did.
        self.noting(access, deed(Action::SecretRevealed, &endpoint)).await?.note().await?;
        Ok(shown(&secret))
    }

    /// Gives the endpoint a new secret and answers what its receivers verify with from now on. The secret before it
    /// signs too until its grace is over.
    ///
    /// # Errors
    /// When there is no such endpoint, the secret can't be taken, or the store could not.
    pub async fn rotate_secret(
        &self,
        access: &Access,
        application: &str,
        endpoint: &str,
        wanted: SecretRotation,
        key: Option<IdempotencyKey>,
    ) -> Result<String, OpError> {
        let endpoint = self.endpoint(access, application, endpoint).await?;
        let grace = wanted.grace.unwrap_or(SECRET_GRACE_DEFAULT);
        if grace > SECRET_GRACE_MAX {
            let why = format!("must be at most {} seconds", SECRET_GRACE_MAX.as_secs());
            return Err(OpError::invalid("gracePeriodSeconds", "grace_period", why));
        }
        let secret = match wanted.key {
            Some(text) => secret("key", &text)?,
            None => match self.store.endpoint_secret(endpoint.id).await? {
                Some(EndpointSecret::Ed25519(_)) => EndpointSecret::generate_ed25519(),
                _ => EndpointSecret::generate_hmac(),
            },
        };
        let shown_secret = shown(&secret);
        let rotation = Rotation { id: self.store.next_id(), secret, grace };
        let id = endpoint.id;
        let grace = format!("the one before signs for {} more seconds", grace.as_secs());
        let store = self.noting(access, deed(Action::SecretRotated, &endpoint).with(grace)).await?;
        match store.rotate_secret(endpoint, rotation, key).await? {
            Inserted::New => Ok(shown_secret),
            Inserted::Before(_) => {
                let secret = self.store.endpoint_secret(id).await?.ok_or(MISSING)?;
                Ok(shown(&secret))
            }
            Inserted::KeyReused => Err(key_reused()),
            Inserted::Taken | Inserted::EventTypeTaken | Inserted::Full | Inserted::Orphaned => Err(MISSING),
        }
    }

    /// Checks where an endpoint is to be. What is sent to an inbox of the same environment stays inside; anything else
    /// must be where the policy and the environment's rules allow.
    async fn check_url(&self, environment: &Environment, url: &str) -> Result<(), OpError> {
        let refused = |error: TargetError| OpError::invalid("url", error.code(), error);
        let target = Target::parse(url).map_err(refused)?;
        if self.inboxes.at(&target).await?.is_some_and(|inbox| inbox.environment_id == environment.id) {
            return Ok(());
        }
        self.policy.check_literal(&target).map_err(refused)?;
        if environment.settings.endpoint_rules.https_only && target.scheme() != Scheme::Https {
            let why = "must start with https://: plain HTTP is not allowed here";
            return Err(OpError::invalid("url", "url_scheme", why));
        }
        Ok(())
    }

    /// Checks what is wanted of an endpoint of this environment that has these headers now.
    pub(super) async fn checked(
        &self,
        environment: &Environment,
        mut change: EndpointChange,
        headers: &Headers,
    ) -> Result<EndpointChange, OpError> {
        if let Some(url) = &change.url {
            self.check_url(environment, url).await?;
        }
        check::uid(change.uid.as_ref())?;
        check::text("description", "description", change.description.as_ref(), name::description)?;
        check::metadata(change.metadata.as_ref())?;
        check::throttle_rate(change.throttle_rate.as_ref())?;
        if let Some(headers_change) = &change.headers {
            check_headers(headers_change, headers)?;
        }
        change.event_types = subscriptions("eventTypes", "event_type_name", change.event_types, name::event_type)?;
        change.channels = subscriptions("channels", "channel", change.channels, name::channel)?;
        Ok(change)
    }
}

fn subscriptions(
    field: &str,
    code: &'static str,
    wanted: Option<Option<Vec<String>>>,
    rule: check::Rule,
) -> Result<Option<Option<Vec<String>>>, OpError> {
    wanted.map(|list| check::names(field, code, list, SUBSCRIPTIONS_MAX, rule)).transpose()
}

/// Checks what was given by itself, so that no name is there twice, and what comes of it, so that it is not too much.
fn check_headers(change: &HeadersChange, before: &Headers) -> Result<(), OpError> {
    fn pairs(headers: &Headers) -> impl Iterator<Item = (&str, &str)> {
        headers.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }
    let (HeadersChange::Replace(given) | HeadersChange::Merge { set: given, .. }) = change;
    header::check(pairs(given))
        .and_then(|()| header::check(pairs(&change.applied_to(before))))
        .map_err(|error| OpError::invalid("headers", "header", error))
}
