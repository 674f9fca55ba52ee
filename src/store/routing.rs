//! The routing table: for each application, what accepting and sending need to know of it and its endpoints, in
//! memory. Changes to applications, endpoints and secrets go through here too, so that it forgets what they change.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::audit::Outcome;
use super::cache::Weight;
use super::connection::Connection;
use super::error::StoreError;
use super::news::News;
use super::vault::Vault;
use super::{
    Store, applications, endpoint_secrets, endpoints, environments, event_types, locks, schedules, transformations,
};
use crate::domain::application::Application;
use crate::domain::endpoint::Endpoint;
use crate::domain::environment::Environment;
use crate::domain::id::{ApplicationId, EndpointId, EnvironmentId};
use crate::domain::retry::{RetryPolicy, RetrySchedule};
use crate::domain::signature::Signer;
use crate::domain::target::Target;
use crate::domain::time::Timestamp;
use crate::domain::transformation::Transformation;

/// So many bytes of a filter take about as much memory as an endpoint does.
const FILTER_BYTES_AS_ENDPOINT: usize = 256;

/// An endpoint, ready to be sent to.
pub struct Route {
    /// The endpoint.
    pub endpoint: Endpoint,
    /// Its URL, taken apart.
    pub target: Arc<Target>,
    /// Its secrets, each until when it signs; the first is the one in use.
    pub signers: Vec<(Signer, Option<Timestamp>)>,
    /// What its deliveries go through, if they do.
    pub transformation: Option<Arc<Transformation>>,
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
        let filters = self.endpoints.iter().filter_map(|route| route.endpoint.filter.as_ref());
        let filters: usize = filters.map(|filter| filter.text().len().div_ceil(FILTER_BYTES_AS_ENDPOINT)).sum();
        let code = |route: &Arc<Route>| route.transformation.as_ref()?.code.as_ref().map(String::len);
        let kib_of_code = self.endpoints.iter().filter_map(code).sum::<usize>() / 1024;
        1 + (self.endpoints.len() + self.schedules.len() + filters + kib_of_code) as u64
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
    let mut transformations = transformations::running(connection, vault, id)?;
    for endpoint in endpoints::of_application(connection, vault, id)? {
        let secrets = endpoint_secrets::secrets(connection, vault, endpoint.id)?;
        let target = Target::parse(&endpoint.url)
            .map_err(|error| StoreError::Corrupt(format!("the URL of {}: {error}", endpoint.id)))?;
        let signers = secrets.iter().map(|kept| (Signer::new(&kept.secret), kept.until)).collect();
        let transformation = transformations.remove(&endpoint.id);
        routes.push(Arc::new(Route { endpoint, target: Arc::new(target), signers, transformation }));
    }
    let checks_schemas = environment.settings.checks_schemas && event_types::have_schemas(connection, environment.id)?;
    let schedules = schedules::of_environment(connection, environment.id)?;
    Ok(Some(Routes { application, environment, endpoints: routes, checks_schemas, schedules }))
}

/// What a change makes stale, beside the routes of its application.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Stale {
    /// Endpoints that the engine must look at again.
    pub(super) endpoints: Vec<EndpointId>,
    /// A uid that no longer means what it meant.
    pub(super) uid: Option<(EnvironmentId, String)>,
    /// Whether API keys have gone.
    pub(super) keys: bool,
}

impl Store {
    /// Makes a change to an application or what belongs to it; `work` answers what to say and what is stale now.
    pub(super) async fn change<T: Outcome + Send + 'static>(
        &self,
        id: ApplicationId,
        mut work: impl FnMut(&Connection) -> Result<(T, Stale), StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.change_and_tell(id.number(), move |connection| {
            let (done, stale) = work(connection)?;
            Ok((done, Some(News::Application { id, stale })))
        })
        .await
    }

    /// Makes a change to a whole environment; `work` answers what to say and which endpoints the engine must look at
    /// again. It is seldom, so all that is remembered is forgotten.
    pub(super) async fn change_environment<T: Outcome + Send + 'static>(
        &self,
        mut work: impl FnMut(&Connection) -> Result<(T, Vec<EndpointId>), StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.change_and_tell(locks::ENVIRONMENTS, move |connection| {
            let (done, endpoints) = work(connection)?;
            Ok((done, Some(News::Everything(endpoints))))
        })
        .await
    }

    /// The application with this id and where its messages go.
    ///
    /// # Errors
    /// When the store can't be read.
    pub async fn routes(&self, id: ApplicationId) -> Result<Option<Arc<Routes>>, StoreError> {
        let vault = self.vault.clone();
        let load = |id| self.read(move |connection| load(connection, &vault, id));
        self.memory.routes.get(id, load).await
    }
}
