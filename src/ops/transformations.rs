//! What can be asked of the transformation of an endpoint: to see it, to change it, and to try code out without sending or
//! keeping anything. Values of variables go in and never come out. Who runs code is given to the operations.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;

use super::sent_requests::FormedRequest;
use super::{Access, NewMessage, OpError, Operations};
use crate::domain::attempt::AttemptErrorCode;
use crate::domain::audit::{Action, Deed, differing};
use crate::domain::endpoint::{Endpoint, Headers};
use crate::domain::transformation::{CONCEALED, Transformation, TransformationChange, Variables, check_code};
use crate::store::{Route, Updated};

const MISSING: OpError = OpError::NotFound("endpoint");

/// Code that is to be tried out, and what on.
pub struct Simulation {
    /// The code.
    pub code: String,
    /// What it may use. Those of the endpoint are not given to it, so that nobody reads them this way.
    pub variables: BTreeMap<String, String>,
    /// What the message tells of.
    pub event_type: String,
    /// Its channels.
    pub channels: Vec<String>,
    /// Its payload, a JSON object.
    pub payload: Bytes,
}

/// What would be sent.
#[derive(Clone, Debug)]
pub struct Simulated {
    /// Whether the code wants nothing to be sent; the rest is as it would be without code then.
    pub cancelled: bool,
    /// How.
    pub method: String,
    /// Where.
    pub url: String,
    /// Headers that the code adds, by lower-case name.
    pub headers: Headers,
    /// The body.
    pub body: Bytes,
}

impl Simulated {
    fn new(formed: FormedRequest, cancelled: bool) -> Self {
        let FormedRequest { method, url, headers, added, body } = formed;
        let headers = headers.into_iter().filter(|(name, _)| added.contains(name)).collect();
        Self { cancelled, method, url, headers, body }
    }
}

/// The same without the values of its variables.
fn shown(transformation: Transformation) -> Transformation {
    Transformation { variables: transformation.variables.concealed(), ..transformation }
}

/// What a change makes of a transformation, if it makes anything of it. Variables are named only.
fn differences(endpoint: &Endpoint, before: &Transformation, change: &TransformationChange) -> Option<Deed> {
    let sets = |wanted: &BTreeMap<String, String>| {
        let is_kept = |(name, value): (&String, &String)| {
            value == CONCEALED && before.variables.names().any(|known| known == name)
        };
        wanted.len() != before.variables.names().count() || !wanted.iter().all(is_kept)
    };
    let names = differing([
        ("code", change.code.as_ref().is_some_and(|code| *code != before.code)),
        ("switched on", change.enabled == Some(true) && !before.enabled),
        ("switched off", change.enabled == Some(false) && before.enabled),
        ("variables", change.variables.as_ref().is_some_and(sets)),
    ]);
    let deed = || Deed::new(Action::TransformationChanged, endpoint.id).of(endpoint.application_id).with(&names);
    (!names.is_empty()).then(deed)
}

impl Operations {
    /// The transformation of the endpoint with this id or uid, with concealed variables.
    ///
    /// # Errors
    /// When there is no such endpoint that `access` may see, or the store can't be read.
    pub async fn transformation(
        &self,
        access: &Access,
        application: &str,
        endpoint: &str,
    ) -> Result<Transformation, OpError> {
        let endpoint = self.endpoint(access, application, endpoint).await?;
        Ok(shown(self.store.transformation(endpoint.id).await?))
    }

    /// Changes the transformation of the endpoint with this id or uid. Deliveries that wait go through the new one.
    ///
    /// # Errors
    /// When there is no such endpoint, it can't be as it is wanted, or the store could not.
    pub async fn change_transformation(
        &self,
        access: &Access,
        application: &str,
        endpoint: &str,
        change: TransformationChange,
    ) -> Result<Transformation, OpError> {
        let endpoint = self.endpoint(access, application, endpoint).await?;
        let before = self.store.transformation(endpoint.id).await?;
        let Some(deed) = differences(&endpoint, &before, &change) else { return Ok(shown(before)) };
        let store = self.noting(access, Some(deed)).await?;
        match store.update_transformation(&endpoint, change).await? {
            Ok(Updated::Done(after)) => Ok(shown(after)),
            Ok(_) => Err(MISSING),
            Err((member, error)) => Err(OpError::invalid(member, "transformation", error)),
        }
    }

    /// Runs code on a message to the endpoint with this id or uid as a delivery would, and shows what would be sent. Nothing
    /// is sent or kept.
    ///
    /// # Errors
    /// When there is no such endpoint, something can't be taken, the code fails, or too much is tried out at a time.
    pub async fn simulate_transformation(
        &self,
        access: &Access,
        application: &str,
        endpoint: &str,
        wanted: Simulation,
    ) -> Result<Simulated, OpError> {
        let routes = self.routes(access, application).await?;
        let route = routes.endpoint_by_text(endpoint).ok_or(MISSING)?;
        let sender = self.sender()?;
        let Simulation { code, variables, event_type, channels, payload } = wanted;
        check_code(&code).map_err(|error| OpError::invalid("code", "transformation", error))?;
        let variables =
            Variables::for_trial(variables).map_err(|error| OpError::invalid("variables", "transformation", error))?;
        let new = NewMessage { event_type, event_id: None, channels, payload, payload_retention_days: None };
        new.check_typed()?;
        new.check_fits(routes.environment.settings.envelope)?;
        let _place = self.tests_in_flight.enter(routes.application.id)?;
        let message = self.unkept(&routes, new);
        let with = |transformation| Route {
            endpoint: route.endpoint.clone(),
            target: route.target.clone(),
            signers: Vec::new(),
            transformation,
        };
        let trial = Transformation { code: Some(code), enabled: true, variables, updated_at: None };
        let now = self.store.now();
        let error = match sender.form(&routes, &with(Some(Arc::new(trial))), &message, now).await {
            Ok(formed) => return Ok(Simulated::new(formed, false)),
            Err(error) => error,
        };
        if error.code != AttemptErrorCode::TransformationCancelled {
            return Err(OpError::invalid("code", "transformation", error.detail));
        }
        let formed = sender.form(&routes, &with(None), &message, now).await;
        formed
            .map(|formed| Simulated::new(formed, true))
            .map_err(|error| OpError::invalid("code", "transformation", error.detail))
    }
}
