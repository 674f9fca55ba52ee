//! The routing table: for each application, what accepting and sending need to know of it and its endpoints, in
//! memory. Changes to applications, endpoints and secrets go through here too, so that it forgets what they change.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::cache::Weight;
use super::committer::Notice;
use super::connection::Connection;
use super::error::StoreError;
use super::vault::Vault;
use super::{Store, applications, endpoints, environments, event_types, schedules};
use crate::domain::application::Application;
use crate::domain::endpoint::Endpoint;
use crate::domain::environment::Environment;
use crate::domain::id::{ApplicationId, EndpointId, EnvironmentId};
use crate::domain::retry::{RetryPolicy, RetrySchedule};
use crate::domain::signature::Signer;
use crate::domain::target::Target;
use crate::domain::time::Timestamp;

/// An endpoint, ready to be sent to.
pub struct Route {
    /// The endpoint.
    pub endpoint: Endpoint,
    /// Its URL, taken apart.
    pub target: Arc<Target>,
    /// Its secrets, each until when it signs; the first is the one in use.
    pub signers: Vec<(Signer, Option<Timestamp>)>,
}

/// An application and where its messages go.
pub struct Routes {
    /// The application.
    pub application: Application,
    /// Its environment.
    pub environment: Environment,
    /// Its endpoints, by id.
    pub endpoints: Vec<Arc<Route>>,
    /// Whether messages are held against schemas: the environment wants it, and an event type of its has one.
    pub checks_schemas: bool,
    /// The schedules of the environment's event types that have one of their own, by name.
    pub schedules: BTreeMap<String, RetrySchedule>,
}

impl Routes {
    /// The endpoint with this id.
    pub fn endpoint(&self, id: EndpointId) -> Option<&Arc<Route>> {
        let place = self.endpoints.binary_search_by_key(&id, |route| route.endpoint.id).ok()?;
        self.endpoints.get(place)
    }

    /// The endpoint with this id or uid.
    pub fn endpoint_by_text(&self, id_or_uid: &str) -> Option<&Arc<Route>> {
        match EndpointId::parse(id_or_uid) {
            Some(id) => self.endpoint(id),
            None => self.endpoints.iter().find(|route| route.endpoint.uid.as_deref() == Some(id_or_uid)),
        }
    }

    /// What is done about a message of `event_type` that `endpoint` does not take: the endpoint's schedule goes before
    /// the event type's, and that before the environment's.
    pub fn retry_policy(&self, endpoint: &Endpoint, event_type: &str) -> RetryPolicy {
        let settings = &self.environment.settings;
        let own = endpoint.retry_schedule.as_ref().or_else(|| self.schedules.get(event_type));
        let schedule = own.unwrap_or(&settings.retry_schedule).clone();
        RetryPolicy { schedule, heeds_answers: settings.heeds_answers }
    }
}

impl Weight for Routes {
    fn weight(&self) -> u64 {
        1 + self.endpoints.len() as u64 + self.schedules.len() as u64
    }
}

fn load(connection: &Connection, vault: &Vault, id: ApplicationId) -> Result<Option<Routes>, StoreError> {
    let Some(application) = applications::get(connection, id)? else {
        return Ok(None);
    };
    let Some(environment) = environments::get(connection, application.environment_id)? else {
        return Ok(None);
    };
    let mut routes = Vec::new();
    for endpoint in endpoints::of_application(connection, vault, id)? {
        let secrets = endpoints::secrets(connection, vault, endpoint.id)?;
        let target = Target::parse(&endpoint.url)
            .map_err(|error| StoreError::Corrupt(format!("the URL of {}: {error}", endpoint.id)))?;
        let signers = secrets.iter().map(|kept| (Signer::new(&kept.secret), kept.until)).collect();
        routes.push(Arc::new(Route { endpoint, target: Arc::new(target), signers }));
    }
    let checks_schemas = environment.settings.checks_schemas && event_types::have_schemas(connection, environment.id)?;
    let schedules = schedules::of_environment(connection, environment.id)?;
    Ok(Some(Routes { application, environment, endpoints: routes, checks_schemas, schedules }))
}

/// What a change makes stale, beside the routes of its application.
#[derive(Default)]
pub(super) struct Stale {
    /// Endpoints that the engine must look at again.
    pub(super) endpoints: Vec<EndpointId>,
    /// A uid that no longer means what it meant.
    pub(super) uid: Option<(EnvironmentId, String)>,
    /// Whether API keys have gone.
    pub(super) keys: bool,
}

impl Store {
    /// Makes a change to an application or what belongs to it; `work` answers what to say and what is stale now. Once
    /// it is committed and before the engine is told, all that is remembered of it is forgotten: by the writer, so that
    /// it also happens when whoever asked has hung up.
    pub(super) async fn change<T: Send + 'static>(
        &self,
        application_id: ApplicationId,
        work: impl FnMut(&Connection) -> Result<(T, Stale), StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (routes, application_ids, keys) = (self.routes.clone(), self.application_ids.clone(), self.keys.clone());
        let (happenings, due) = (self.happenings.clone(), self.now());
        let notify = move |(_, stale): &(T, Stale), notices: &mut Vec<Notice>| {
            routes.forget(&application_id);
            if let Some(uid) = &stale.uid {
                application_ids.forget(uid);
            }
            if stale.keys {
                keys.forget_all();
            }
            notices.extend(stale.endpoints.iter().map(|&endpoint_id| Notice::Waiting { endpoint_id, due }));
            happenings.changed(application_id);
        };
        Ok(self.committer.write(work, notify).await?.0)
    }

    /// Makes a change to a whole environment; `work` answers what to say and which endpoints the engine must look at
    /// again. It is seldom, so all that is remembered is forgotten, by the writer as in [`Store::change`].
    pub(super) async fn change_environment<T: Send + 'static>(
        &self,
        work: impl FnMut(&Connection) -> Result<(T, Vec<EndpointId>), StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (routes, application_ids, keys) = (self.routes.clone(), self.application_ids.clone(), self.keys.clone());
        let due = self.now();
        let notify = move |(_, endpoints): &(T, Vec<EndpointId>), notices: &mut Vec<Notice>| {
            routes.forget_all();
            application_ids.forget_all();
            keys.forget_all();
            notices.extend(endpoints.iter().map(|&endpoint_id| Notice::Waiting { endpoint_id, due }));
        };
        Ok(self.committer.write(work, notify).await?.0)
    }

    /// The application with this id and where its messages go.
    ///
    /// # Errors
    /// When the store can't be read.
    pub async fn routes(&self, id: ApplicationId) -> Result<Option<Arc<Routes>>, StoreError> {
        let vault = self.vault.clone();
        let load = |id| self.read(move |connection| load(connection, &vault, id));
        self.routes.get(id, load).await
    }
}
