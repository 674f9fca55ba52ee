//! Endpoints in the store. Their headers, which may hold passwords, are sealed, each for its endpoint. Their secrets are
//! elsewhere.

use std::ops::ControlFlow;

use zeroize::Zeroizing;

use super::connection::{Connection, Row};
use super::error::StoreError;
use super::idempotency::{self, IdempotencyKey, Inserted};
use super::routing::Stale;
use super::vault::Vault;
use super::{Store, Updated, applications, endpoint_secrets, environments, json_list, transformations};
use crate::domain::audit::{Action, Actor, Deed};
use crate::domain::endpoint::{DisabledBecause, ENDPOINTS_PER_APPLICATION_MAX, Endpoint, EndpointChange, Headers};
use crate::domain::filter::{Filter, InvalidFilter};
use crate::domain::id::{ApplicationId, EndpointId, EnvironmentId};
use crate::domain::secret::EndpointSecret;
use crate::domain::target::Target;

const GET: &str = "SELECT id, environment_id, application_id, uid, url, description, event_types, channels, metadata,
    headers, throttle_rate, disabled, created_at, updated_at, number,
    retry_schedule, ordered, filter FROM endpoints WHERE id = ?1";
const OF_APPLICATION: &str = "SELECT id, environment_id, application_id, uid, url, description, event_types, channels,
    metadata, headers, throttle_rate, disabled, created_at, updated_at, number,
    retry_schedule, ordered, filter FROM endpoints
    WHERE application_id = ?1 ORDER BY id";
const KEEPS_ORDER: &str = "SELECT ordered FROM endpoints WHERE id = ?1";
const IDS: &str = "SELECT id FROM endpoints WHERE application_id = ?1 ORDER BY id";
const ID_BY_UID: &str = "SELECT id FROM endpoints WHERE application_id = ?1 AND uid = ?2";
const INSERT: &str = "INSERT INTO endpoints (id, environment_id, application_id, uid, url, description, event_types,
    channels, metadata, headers, throttle_rate, disabled, created_at, updated_at, number,
    retry_schedule, ordered, filter)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18)";
const NEXT_NUMBER: &str = "UPDATE environments SET endpoints_numbered = endpoints_numbered + 1 WHERE id = ?1
    RETURNING endpoints_numbered";
const SUBSCRIPTIONS: &str = "SELECT id, event_types FROM endpoints
    WHERE application_id = ?1 AND disabled IS NULL AND event_types IS NOT NULL";
const UPDATE: &str = "UPDATE endpoints SET environment_id = ?2, application_id = ?3, uid = ?4, url = ?5,
    description = ?6, event_types = ?7, channels = ?8, metadata = ?9, headers = ?10, throttle_rate = ?11,
    disabled = ?12, created_at = ?13, updated_at = ?14, number = ?15,
    retry_schedule = ?16, ordered = ?17, filter = ?18 WHERE id = ?1";
const DELETE: &str = "DELETE FROM endpoints WHERE id = ?1";
const DISABLE: &str =
    "UPDATE endpoints SET disabled = ?2, updated_at = ?3 WHERE id = ?1 AND disabled IS NULL AND url = ?4";

/// The index that answers it has the same condition.
const AT_INBOXES: &str = "SELECT id, application_id, url FROM endpoints
    WHERE environment_id = ?1 AND url GLOB '*/inbox/*' ORDER BY id";
/// Whether several endpoints of an application may have the same event type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventTypeSharing {
    /// As the environment's rules say.
    ByRule,
    /// No: each event type has one endpoint at most.
    Never,
}

/// Where the headers of an endpoint are sealed for.
pub(super) fn headers_place(id: EndpointId) -> String {
    format!("endpoints.headers|{id}")
}

fn open_headers(vault: &Vault, id: EndpointId, sealed: &[u8]) -> Result<Headers, StoreError> {
    let text = vault.open(&headers_place(id), sealed)?;
    json_list::read_map(str::from_utf8(&text).map_err(|error| StoreError::Corrupt(error.to_string()))?)
}

fn read(vault: &Vault, row: &Row<'_>) -> Result<Endpoint, StoreError> {
    let id = row.id(0)?;
    let disabled = row
        .optional_text(11)?
        .map(|text| DisabledBecause::parse(&text).ok_or_else(|| StoreError::Corrupt("endpoints.disabled".to_owned())));
    let damaged = |_| StoreError::Corrupt("endpoints.retry_schedule".to_owned());
    let unreadable = |error: InvalidFilter| StoreError::Corrupt(format!("the filter of {id}: {error}"));
    Ok(Endpoint {
        id,
        environment_id: row.id(1)?,
        application_id: row.id(2)?,
        number: row.integer(14)?,
        uid: row.optional_text(3)?,
        url: row.text(4)?,
        description: row.text(5)?,
        event_types: json_list::read(row.optional_text(6)?)?,
        channels: json_list::read(row.optional_text(7)?)?,
        metadata: json_list::read_map(&row.text(8)?)?,
        headers: open_headers(vault, id, &row.bytes(9)?)?,
        throttle_rate: row.optional_integer(10)?.and_then(|rate| rate.try_into().ok()),
        retry_schedule: row.optional_text(15)?.map(|text| text.parse().map_err(damaged)).transpose()?,
        ordered: row.integer(16)? != 0,
        filter: row.optional_text(17)?.map(|text| Filter::parse(&text).map_err(unreadable)).transpose()?,
        disabled: disabled.transpose()?,
        created_at: row.time(12)?,
        updated_at: row.time(13)?,
    })
}

/// Writes a whole row with `INSERT` or `UPDATE`, which number their columns alike.
fn write(connection: &Connection, vault: &Vault, sql: &'static str, endpoint: &Endpoint) -> Result<(), StoreError> {
    let headers = Zeroizing::new(json_list::write_map(&endpoint.headers));
    connection.execute(
        sql,
        &[
            endpoint.id.into(),
            endpoint.environment_id.into(),
            endpoint.application_id.into(),
            endpoint.uid.as_ref().into(),
            (&endpoint.url).into(),
            (&endpoint.description).into(),
            json_list::write(endpoint.event_types.as_ref()).as_ref().into(),
            json_list::write(endpoint.channels.as_ref()).as_ref().into(),
            (&json_list::write_map(&endpoint.metadata)).into(),
            vault.seal(&headers_place(endpoint.id), headers.as_bytes())?.as_slice().into(),
            endpoint.throttle_rate.map(u32::from).into(),
            endpoint.disabled.map(DisabledBecause::as_str).into(),
            endpoint.created_at.into(),
            endpoint.updated_at.into(),
            endpoint.number.into(),
            endpoint.retry_schedule.as_ref().map(ToString::to_string).as_ref().into(),
            endpoint.ordered.into(),
            endpoint.filter.as_ref().map(Filter::text).into(),
        ],
    )?;
    Ok(())
}

/// The endpoint with this id.
pub(super) fn get(connection: &Connection, vault: &Vault, id: EndpointId) -> Result<Option<Endpoint>, StoreError> {
    connection.first(GET, &[id.into()], |row| read(vault, row))
}

/// Whether an endpoint keeps order.
pub(super) fn keeps_order(connection: &Connection, id: EndpointId) -> Result<bool, StoreError> {
    Ok(connection.first(KEEPS_ORDER, &[id.into()], |row| row.integer(0))?.is_some_and(|ordered| ordered != 0))
}

/// The endpoints of an application, ordered by id.
pub(super) fn of_application(
    connection: &Connection,
    vault: &Vault,
    application_id: ApplicationId,
) -> Result<Vec<Endpoint>, StoreError> {
    connection.query(OF_APPLICATION, &[application_id.into()], |row| read(vault, row))
}

/// The ids of an application's endpoints.
pub(super) fn ids(connection: &Connection, application_id: ApplicationId) -> Result<Vec<EndpointId>, StoreError> {
    connection.query(IDS, &[application_id.into()], |row| row.id(0))
}

/// Deletes an endpoint with its secrets and its transformation.
pub(super) fn delete(connection: &Connection, id: EndpointId) -> Result<(), StoreError> {
    endpoint_secrets::delete_all(connection, id)?;
    transformations::delete(connection, id)?;
    connection.execute(DELETE, &[id.into()])?;
    Ok(())
}

/// Whether another endpoint of the application has this one's uid.
fn is_taken(connection: &Connection, endpoint: &Endpoint) -> Result<bool, StoreError> {
    let Some(uid) = &endpoint.uid else {
        return Ok(false);
    };
    let owner = connection.first(ID_BY_UID, &[endpoint.application_id.into(), uid.into()], |row| row.id(0))?;
    Ok(owner.is_some_and(|owner: EndpointId| owner != endpoint.id))
}

/// Whether an endpoint of the application other than `except` names this event type and is sent to.
fn event_type_taken(
    connection: &Connection,
    application_id: ApplicationId,
    event_type: &str,
    except: Option<EndpointId>,
) -> Result<bool, StoreError> {
    let mut taken = false;
    connection.visit(SUBSCRIPTIONS, &[application_id.into()], |row| {
        let names = json_list::read(row.optional_text(1)?)?.unwrap_or_default();
        taken = Some(row.id(0)?) != except && names.iter().any(|name| name == event_type);
        Ok(if taken { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
    })?;
    Ok(taken)
}

/// Whether an endpoint has an event type that another of its application has, where each has one endpoint at most
/// (SEEDS C5). One that is switched off does not count. It is asked in the very transaction that takes the event type,
/// so of many endpoints that want it at once exactly one gets it.
fn is_event_type_taken(
    connection: &Connection,
    endpoint: &Endpoint,
    sharing: EventTypeSharing,
) -> Result<bool, StoreError> {
    let shared = match sharing {
        EventTypeSharing::Never => false,
        EventTypeSharing::ByRule => {
            let environment = environments::get(connection, endpoint.environment_id)?;
            environment.is_none_or(|found| !found.settings.endpoint_rules.one_for_each_event_type)
        }
    };
    if shared || endpoint.disabled.is_some() {
        return Ok(false);
    }
    for name in endpoint.event_types.iter().flatten() {
        if event_type_taken(connection, endpoint.application_id, name, Some(endpoint.id))? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The number of the environment's next endpoint.
fn next_number(connection: &Connection, environment_id: EnvironmentId) -> Result<i64, StoreError> {
    let next = connection.first(NEXT_NUMBER, &[environment_id.into()], |row| row.integer(0))?;
    next.ok_or_else(|| StoreError::Corrupt(format!("{environment_id} is missing")))
}

/// Keeps a new endpoint with its secret and gives it its number, if there is room.
fn insert(
    connection: &Connection,
    vault: &Vault,
    endpoint: &Endpoint,
    secret: &EndpointSecret,
    sharing: EventTypeSharing,
) -> Result<Inserted, StoreError> {
    if applications::get(connection, endpoint.application_id)?.is_none() {
        return Ok(Inserted::Orphaned);
    }
    if is_taken(connection, endpoint)? {
        return Ok(Inserted::Taken);
    }
    if ids(connection, endpoint.application_id)?.len() >= ENDPOINTS_PER_APPLICATION_MAX {
        return Ok(Inserted::Full);
    }
    if is_event_type_taken(connection, endpoint, sharing)? {
        return Ok(Inserted::EventTypeTaken);
    }
    let number = next_number(connection, endpoint.environment_id)?;
    write(connection, vault, INSERT, &Endpoint { number, ..endpoint.clone() })?;
    endpoint_secrets::insert(connection, vault, endpoint.id, endpoint.id, secret, endpoint.created_at)?;
    Ok(Inserted::New)
}

impl Store {
    /// The endpoints of the environment whose URLs look like an inbox's: their ids, applications and targets.
    ///
    /// # Errors
    /// When the store can't be read.
    pub async fn endpoints_at_inboxes(
        &self,
        environment_id: EnvironmentId,
    ) -> Result<Vec<(EndpointId, ApplicationId, Target)>, StoreError> {
        let read = |row: &Row<'_>| {
            let damaged = |error| StoreError::Corrupt(format!("endpoints.url: {error}"));
            Ok((row.id(0)?, row.id(1)?, Target::parse(&row.text(2)?).map_err(damaged)?))
        };
        self.read(move |connection| connection.query(AT_INBOXES, &[environment_id.into()], read)).await
    }

    /// Keeps a new endpoint with its secret.
    ///
    /// # Errors
    /// When the store could not.
    pub async fn insert_endpoint(
        &self,
        endpoint: Endpoint,
        secret: EndpointSecret,
        key: Option<IdempotencyKey>,
        sharing: EventTypeSharing,
    ) -> Result<Inserted, StoreError> {
        let vault = self.vault.clone();
        self.change(endpoint.application_id, move |connection| {
            let made = endpoint.id.number();
            let inserted = idempotency::once(connection, endpoint.environment_id, key.as_ref(), made, || {
                insert(connection, &vault, &endpoint, &secret, sharing)
            })?;
            Ok((inserted, Stale::default()))
        })
        .await
    }

    /// Changes an endpoint of this application.
    ///
    /// # Errors
    /// When the store could not.
    pub async fn update_endpoint(
        &self,
        application_id: ApplicationId,
        id: EndpointId,
        change: EndpointChange,
        sharing: EventTypeSharing,
    ) -> Result<Updated<Endpoint>, StoreError> {
        let (vault, now) = (self.vault.clone(), self.now());
        self.change(application_id, move |connection| {
            let found = get(connection, &vault, id)?;
            let Some(before) = found.filter(|endpoint| endpoint.application_id == application_id) else {
                return Ok((Updated::Missing, Stale::default()));
            };
            // What the change does not touch may be older than the rule.
            let (types, disabled) = (before.event_types.clone(), before.disabled);
            let after = before.changed(&change, now);
            if is_taken(connection, &after)? {
                return Ok((Updated::Taken, Stale::default()));
            }
            let takes_more = after.event_types != types || (after.disabled != disabled);
            if takes_more && is_event_type_taken(connection, &after, sharing)? {
                return Ok((Updated::EventTypeTaken, Stale::default()));
            }
            write(connection, &vault, UPDATE, &after)?;
            Ok((Updated::Done(after), Stale { endpoints: vec![id], ..Stale::default() }))
        })
        .await
    }

    /// Switches an endpoint off because of how it answered; one that is off already keeps its reason, and one that has
    /// another URL by now did not give that answer.
    ///
    /// # Errors
    /// When the store could not.
    pub async fn disable_endpoint(&self, endpoint: &Endpoint, reason: DisabledBecause) -> Result<(), StoreError> {
        let (id, url, now) = (endpoint.id, endpoint.url.clone(), self.now());
        let because = match reason {
            DisabledBecause::Request => "by request",
            DisabledBecause::Gone => "it answered 410 Gone",
            DisabledBecause::Failing => "every attempt failed for days",
        };
        let deed = Deed::new(Action::EndpointDisabled, id).of(endpoint.application_id).with(because);
        let noting = self.noting(endpoint.environment_id, Actor::system(), deed);
        let work = move |connection: &Connection| {
            let parameters = [id.into(), reason.as_str().into(), now.into(), (&url).into()];
            let was_on = connection.execute(DISABLE, &parameters)? > 0;
            Ok((was_on, Stale { endpoints: vec![id], ..Stale::default() }))
        };
        noting.change(endpoint.application_id, work).await.map(|_| ())
    }

    /// Deletes an endpoint of this application with its secrets; what waits for it is cancelled.
    ///
    /// # Errors
    /// When the store could not.
    pub async fn delete_endpoint(&self, application_id: ApplicationId, id: EndpointId) -> Result<(), StoreError> {
        self.change(application_id, move |connection| {
            delete(connection, id)?;
            Ok(((), Stale { endpoints: vec![id], ..Stale::default() }))
        })
        .await
    }
}
