//! How far a list reaches: over an environment, or over one application of it.

use super::connection::Connection;
use super::error::StoreError;
use crate::domain::id::{ApplicationId, EndpointId, EnvironmentId};

const ENVIRONMENT_OF: &str = "SELECT environment_id FROM applications WHERE id = ?1";
const PLACE_OF_ENDPOINT: &str = "SELECT environment_id, application_id FROM endpoints WHERE id = ?1";

/// The environment, and the application if it is one alone.
#[derive(Clone, Copy, Debug)]
pub struct Reach {
    /// Nothing of another environment is seen.
    pub environment_id: EnvironmentId,
    /// If it is given, nothing of another application is seen either.
    pub application_id: Option<ApplicationId>,
}

impl Reach {
    /// Whether something of this application, which is in this environment, is within it.
    pub fn holds(&self, environment_id: EnvironmentId, application_id: ApplicationId) -> bool {
        self.environment_id == environment_id && self.application_id.is_none_or(|own| own == application_id)
    }

    /// Whether this endpoint is there and within it.
    pub(super) fn holds_endpoint(&self, connection: &Connection, id: EndpointId) -> Result<bool, StoreError> {
        let place = connection.first(PLACE_OF_ENDPOINT, &[id.into()], |row| Ok((row.id(0)?, row.id(1)?)))?;
        Ok(place.is_some_and(|(environment_id, application_id)| self.holds(environment_id, application_id)))
    }

    /// Whether this application is there and within it.
    pub(super) fn holds_application(&self, connection: &Connection, id: ApplicationId) -> Result<bool, StoreError> {
        Ok(environment_of(connection, id)?.is_some_and(|environment_id| self.holds(environment_id, id)))
    }
}

/// The environment of an application; `None` when the application is gone.
pub(super) fn environment_of(
    connection: &Connection,
    application_id: ApplicationId,
) -> Result<Option<EnvironmentId>, StoreError> {
    connection.first(ENVIRONMENT_OF, &[application_id.into()], |row| row.id(0))
}
