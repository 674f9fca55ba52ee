//! The transformations of endpoints in the store. Their variables are sealed, each for its endpoint. It does not know how
//! code is run.

use std::collections::HashMap;
use std::sync::Arc;

use zeroize::Zeroizing;

use super::connection::{Connection, Row};
use super::error::StoreError;
use super::routing::Stale;
use super::vault::Vault;
use super::{Store, Updated, endpoints};
use crate::domain::endpoint::Endpoint;
use crate::domain::id::{ApplicationId, EndpointId};
use crate::domain::name::Invalid;
use crate::domain::transformation::{Transformation, TransformationChange, Variables};

const GET: &str =
    "SELECT endpoint_id, code, enabled, variables, updated_at FROM transformations WHERE endpoint_id = ?1";
const RUNNING: &str = "SELECT endpoint_id, code, enabled, variables, updated_at FROM transformations
    WHERE application_id = ?1 AND enabled = 1 AND code IS NOT NULL ORDER BY endpoint_id";
const PUT: &str = "INSERT INTO transformations (endpoint_id, application_id, code, enabled, variables, updated_at)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6)
    ON CONFLICT (endpoint_id) DO UPDATE SET code = ?3, enabled = ?4, variables = ?5, updated_at = ?6";
const DELETE: &str = "DELETE FROM transformations WHERE endpoint_id = ?1";

/// Why a transformation can't be as it is wanted: the member, and what is wrong with it.
pub type Unfit = (&'static str, Invalid);

/// Where the variables of an endpoint's transformation are sealed for.
pub(super) fn variables_place(id: EndpointId) -> String {
    format!("transformations.variables|{id}")
}

fn read(vault: &Vault, row: &Row<'_>) -> Result<Transformation, StoreError> {
    let place = variables_place(row.id(0)?);
    let variables = vault.open(&place, &row.bytes(3)?)?;
    Ok(Transformation {
        code: row.optional_text(1)?,
        enabled: row.integer(2)? != 0,
        variables: Variables::from_json(&variables).ok_or(StoreError::Corrupt(place))?,
        updated_at: Some(row.time(4)?),
    })
}

fn get(connection: &Connection, vault: &Vault, id: EndpointId) -> Result<Option<Transformation>, StoreError> {
    connection.first(GET, &[id.into()], |row| read(vault, row))
}

/// The transformations that deliveries of an application go through.
pub(super) fn running(
    connection: &Connection,
    vault: &Vault,
    application_id: ApplicationId,
) -> Result<HashMap<EndpointId, Arc<Transformation>>, StoreError> {
    let found =
        connection.query(RUNNING, &[application_id.into()], |row| Ok((row.id(0)?, Arc::new(read(vault, row)?))));
    Ok(found?.into_iter().collect())
}

fn put(
    connection: &Connection,
    vault: &Vault,
    (application_id, id): (ApplicationId, EndpointId),
    transformation: &Transformation,
) -> Result<(), StoreError> {
    let written = Zeroizing::new(transformation.variables.to_json());
    let variables = vault.seal(&variables_place(id), written.as_bytes())?;
    connection.execute(
        PUT,
        &[
            id.into(),
            application_id.into(),
            transformation.code.as_ref().into(),
            transformation.enabled.into(),
            variables.as_slice().into(),
            transformation.updated_at.unwrap_or_default().into(),
        ],
    )?;
    Ok(())
}

/// Deletes the transformation of an endpoint.
pub(super) fn delete(connection: &Connection, id: EndpointId) -> Result<(), StoreError> {
    connection.execute(DELETE, &[id.into()])?;
    Ok(())
}

impl Store {
    /// The transformation of an endpoint; one that never had any has one that does nothing.
    ///
    /// # Errors
    /// When the store can't be read.
    pub async fn transformation(&self, id: EndpointId) -> Result<Transformation, StoreError> {
        let vault = self.vault.clone();
        Ok(self.read(move |connection| get(connection, &vault, id)).await?.unwrap_or_default())
    }

    /// Changes the transformation of an endpoint.
    ///
    /// # Errors
    /// When the store could not.
    pub async fn update_transformation(
        &self,
        endpoint: &Endpoint,
        change: TransformationChange,
    ) -> Result<Result<Updated<Transformation>, Unfit>, StoreError> {
        let (vault, now) = (self.vault.clone(), self.now());
        let (application_id, id) = (endpoint.application_id, endpoint.id);
        self.change(application_id, move |connection| {
            if endpoints::get(connection, &vault, id)?.is_none() {
                return Ok((Ok(Updated::Missing), Stale::default()));
            }
            let before = get(connection, &vault, id)?.unwrap_or_default();
            let after = match before.changed(change.clone(), now) {
                Ok(after) => after,
                Err(unfit) => return Ok((Err(unfit), Stale::default())),
            };
            put(connection, &vault, (application_id, id), &after)?;
            Ok((Ok(Updated::Done(after)), Stale { endpoints: vec![id], ..Stale::default() }))
        })
        .await
    }
}
