//! Endpoints and applications of a whole environment, newest first, found by a part of what people call them. Texts are
//! compared row by row, so a page looks at a bounded number of rows like any other long list.

use super::Store;
use super::connection::Connection;
use super::error::StoreError;
use super::reach::Reach;
use super::vault::Vault;
use super::walk::{Walked, WalkedPage, walk};
use super::{applications, endpoints};
use crate::domain::application::Application;
use crate::domain::endpoint::Endpoint;
use crate::domain::id::{ApplicationId, EndpointId};

const ENDPOINTS: &str = "SELECT id, disabled IS NOT NULL, url, description, uid FROM endpoints
    WHERE environment_id = ?1 AND id < ?2 ORDER BY id DESC";
const ENDPOINTS_OF_APPLICATION: &str = "SELECT id, disabled IS NOT NULL, url, description, uid FROM endpoints
    WHERE application_id = ?1 AND id < ?2 ORDER BY id DESC";
const APPLICATIONS: &str = "SELECT id, name, uid FROM applications WHERE environment_id = ?1 AND id < ?2
    ORDER BY id DESC";

/// Which endpoints a list shows; what is not given does not matter.
#[derive(Clone, Debug, Default)]
pub struct EndpointFilter {
    /// Their URL, description or uid has this in it, in capitals or not.
    pub text: Option<String>,
    /// Whether they are switched off.
    pub disabled: Option<bool>,
}

/// A part of a text, to be looked for in capitals or not.
struct Part(String);

impl Part {
    fn new(text: &str) -> Self {
        Self(text.to_lowercase())
    }

    fn is_in(&self, text: &str) -> bool {
        text.to_lowercase().contains(&self.0)
    }
}

fn list_endpoints(
    connection: &Connection,
    vault: &Vault,
    reach: Reach,
    filter: &EndpointFilter,
    page: WalkedPage<EndpointId>,
) -> Result<Walked<(Endpoint, Application), EndpointId>, StoreError> {
    let (sql, owner) = match reach.application_id {
        Some(application_id) => (ENDPOINTS_OF_APPLICATION, application_id.into()),
        None => (ENDPOINTS, reach.environment_id.into()),
    };
    let part = filter.text.as_deref().map(Part::new);
    let found = walk(connection, sql, &[owner, page.below().into()], page.limit, |row| {
        let disabled = row.boolean(1)?;
        let texts = [Some(row.text(2)?), Some(row.text(3)?), row.optional_text(4)?];
        let named = part.as_ref().is_none_or(|part| texts.iter().flatten().any(|text| part.is_in(text)));
        let id = row.id(0)?;
        Ok((id, (named && filter.disabled.is_none_or(|wanted| wanted == disabled)).then_some(id)))
    })?;
    found.with(|id| {
        let Some(endpoint) = endpoints::get(connection, vault, id)? else {
            return Ok(None);
        };
        Ok(applications::get(connection, endpoint.application_id)?.map(|application| (endpoint, application)))
    })
}

impl Store {
    /// The endpoints within `reach`, each with its application, newest first.
    ///
    /// # Errors
    /// When the store can't be read.
    pub async fn endpoints(
        &self,
        reach: Reach,
        filter: EndpointFilter,
        page: WalkedPage<EndpointId>,
    ) -> Result<Walked<(Endpoint, Application), EndpointId>, StoreError> {
        let vault = self.vault.clone();
        self.read(move |connection| list_endpoints(connection, &vault, reach, &filter, page)).await
    }

    /// The applications of the environment that is reached whose name or uid has `text` in it, newest first.
    ///
    /// # Errors
    /// When the store can't be read.
    pub async fn applications_named(
        &self,
        reach: Reach,
        text: String,
        page: WalkedPage<ApplicationId>,
    ) -> Result<Walked<Application, ApplicationId>, StoreError> {
        self.read(move |connection| {
            let part = Part::new(&text);
            let place = [reach.environment_id.into(), page.below().into()];
            let found = walk(connection, APPLICATIONS, &place, page.limit, |row| {
                let id = row.id(0)?;
                let named = part.is_in(&row.text(1)?) || row.optional_text(2)?.is_some_and(|uid| part.is_in(&uid));
                Ok((id, (named && reach.holds(reach.environment_id, id)).then_some(id)))
            })?;
            found.with(|id| applications::get(connection, id))
        })
        .await
    }
}

/// Every statement, for the test of query plans.
#[cfg(test)]
pub(super) const QUERIES: &[&str] = &[ENDPOINTS, ENDPOINTS_OF_APPLICATION, APPLICATIONS];
