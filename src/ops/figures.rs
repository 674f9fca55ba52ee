//! Figures over time, for charts and lists, and what fails. They are kept as things happen and lag behind by a second.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::attempts::route;
use super::{Access, OpError, Operations};
use crate::domain::failing::Failing;
use crate::domain::figures::{Figures, Strip, Window, start_of};
use crate::domain::id::{ApplicationId, EndpointId};
use crate::store::{Owner, Route, Routes};

const DAY: Duration = Duration::from_secs(24 * 3_600);
/// Groups of failures that are shown.
const FAILING_SHOWN: usize = 200;

/// Whose figures are asked for; applications and endpoints by id or uid.
#[derive(Clone, Copy, Debug)]
pub enum FiguresOf<'a> {
    /// Those of all that may be seen.
    Everything,
    /// Those of this application.
    Application(&'a str),
    /// Those of this endpoint of an application.
    Endpoint(&'a str, &'a str),
}

/// Failures of an endpoint that have the same cause.
#[derive(Clone)]
pub struct FailingGroup {
    /// The endpoint's application.
    pub routes: Arc<Routes>,
    /// The endpoint.
    pub route: Arc<Route>,
    /// What failed there.
    pub failing: Failing,
}

impl Operations {
    /// The figures of a window up to now.
    ///
    /// # Errors
    /// When there is no such application or endpoint that `access` may see, or the store can't be read.
    pub async fn figures(&self, access: &Access, of: FiguresOf<'_>, window: Window) -> Result<Figures, OpError> {
        let owner = match of {
            FiguresOf::Everything => match access.reach().application_id {
                Some(own) => Owner::Application(own),
                None => Owner::Environment(access.environment_id),
            },
            FiguresOf::Application(application) => {
                Owner::Application(self.routes(access, application).await?.application.id)
            }
            FiguresOf::Endpoint(application, endpoint) => {
                let routes = self.routes(access, application).await?;
                Owner::Endpoint(route(&routes, endpoint)?.endpoint.id)
            }
        };
        Ok(self.store.figures(owner, window).await?)
    }

    /// The last 24 hours of these endpoints; those that `access` may not see are left out.
    ///
    /// # Errors
    /// When the store can't be read.
    pub async fn strips_of_endpoints(
        &self,
        access: &Access,
        endpoints: &[EndpointId],
    ) -> Result<BTreeMap<EndpointId, Strip>, OpError> {
        Ok(self.store.strips_of_endpoints(access.reach(), endpoints.to_vec()).await?)
    }

    /// The last 24 hours of these applications; those that `access` may not see are left out.
    ///
    /// # Errors
    /// When the store can't be read.
    pub async fn strips_of_applications(
        &self,
        access: &Access,
        applications: &[ApplicationId],
    ) -> Result<BTreeMap<ApplicationId, Strip>, OpError> {
        Ok(self.store.strips_of_applications(access.reach(), applications.to_vec()).await?)
    }

    /// What has failed on the last `days` days, today included, by endpoint and cause, the latest first. Endpoints that
    /// have been deleted are left out.
    ///
    /// # Errors
    /// When the store can't be read.
    pub async fn failing(&self, access: &Access, days: u32) -> Result<Vec<FailingGroup>, OpError> {
        let first = start_of(self.store.now(), DAY).minus(DAY * days.saturating_sub(1));
        let mut groups = Vec::new();
        for failing in self.store.failing(access.reach(), first).await? {
            let routes = self.store.routes(failing.application_id).await?;
            let route = routes.as_ref().and_then(|routes| routes.endpoint(failing.endpoint_id).cloned());
            if let (Some(routes), Some(route)) = (routes, route) {
                groups.push(FailingGroup { routes, route, failing });
            }
            if groups.len() == FAILING_SHOWN {
                break;
            }
        }
        Ok(groups)
    }
}
