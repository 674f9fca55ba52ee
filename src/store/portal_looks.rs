//! How the portals look, in the store: an environment without a row looks like Cornet.

use super::Store;
use super::connection::{Connection, Row};
use super::error::StoreError;
use crate::domain::id::EnvironmentId;
use crate::domain::portal::{Colour, Logo, LogoKind, PortalLook, PortalLookChange};

const GET: &str = "SELECT portal_looks.name, portal_looks.accent, portal_logos.media_type, portal_logos.version
    FROM environments LEFT JOIN portal_looks ON portal_looks.environment_id = environments.id
    LEFT JOIN portal_logos ON portal_logos.environment_id = environments.id WHERE environments.id = ?1";
const SET: &str = "INSERT INTO portal_looks (environment_id, name, accent) VALUES (?1, ?2, ?3)
    ON CONFLICT (environment_id) DO UPDATE SET name = ?2, accent = ?3";
const GET_LOGO: &str = "SELECT media_type, version, image FROM portal_logos WHERE environment_id = ?1";
const SET_LOGO: &str = "INSERT INTO portal_logos (environment_id, media_type, version, image)
    VALUES (?1, ?2, ?3, ?4)
    ON CONFLICT (environment_id) DO UPDATE SET media_type = ?2, version = ?3, image = ?4";
const DELETE_LOGO: &str = "DELETE FROM portal_logos WHERE environment_id = ?1";

fn damaged(what: &str) -> StoreError {
    StoreError::Corrupt(format!("portal_looks.{what}"))
}

fn read_kind(media_type: &str) -> Result<LogoKind, StoreError> {
    LogoKind::parse(media_type).ok_or_else(|| damaged("media_type"))
}

fn read(row: &Row<'_>) -> Result<PortalLook, StoreError> {
    let accent = row.optional_text(1)?.map(|text| Colour::parse(&text).ok_or_else(|| damaged("accent")));
    let logo = match (row.optional_text(2)?, row.optional_text(3)?) {
        (Some(media_type), Some(version)) => Some((read_kind(&media_type)?, version)),
        _ => None,
    };
    Ok(PortalLook { name: row.optional_text(0)?, accent: accent.transpose()?, logo })
}

fn read_logo(row: &Row<'_>) -> Result<Logo, StoreError> {
    Ok(Logo { kind: read_kind(&row.text(0)?)?, version: row.text(1)?, image: row.bytes(2)? })
}

fn get(connection: &Connection, environment_id: EnvironmentId) -> Result<Option<PortalLook>, StoreError> {
    connection.first(GET, &[environment_id.into()], read)
}

impl Store {
    /// How the portal of an environment looks; `None` when there is no such environment.
    ///
    /// # Errors
    /// When the store can't be read.
    pub async fn portal_look(&self, environment_id: EnvironmentId) -> Result<Option<PortalLook>, StoreError> {
        self.read(move |connection| get(connection, environment_id)).await
    }

    /// The logo of an environment's portal.
    ///
    /// # Errors
    /// When the store can't be read.
    pub async fn portal_logo(&self, environment_id: EnvironmentId) -> Result<Option<Logo>, StoreError> {
        self.read(move |connection| connection.first(GET_LOGO, &[environment_id.into()], read_logo)).await
    }

    /// Changes how the portal of an environment looks, and answers how; `None` when there is no such environment.
    ///
    /// # Errors
    /// When the store could not.
    pub async fn change_portal_look(
        &self,
        environment_id: EnvironmentId,
        change: PortalLookChange,
    ) -> Result<Option<PortalLook>, StoreError> {
        self.write(move |connection| {
            let Some(before) = get(connection, environment_id)? else {
                return Ok(None);
            };
            let name = change.name.clone().unwrap_or(before.name);
            let accent = change.accent.unwrap_or(before.accent).map(|colour| colour.to_string());
            connection.execute(SET, &[environment_id.into(), name.as_ref().into(), accent.as_ref().into()])?;
            match &change.logo {
                None => {}
                Some(None) => connection.execute(DELETE_LOGO, &[environment_id.into()]).map(|_| ())?,
                Some(Some(logo)) => {
                    let (media_type, version) = (logo.kind.media_type(), &logo.version);
                    let image = logo.image.as_slice().into();
                    connection.execute(SET_LOGO, &[environment_id.into(), media_type.into(), version.into(), image])?;
                }
            }
            get(connection, environment_id)
        })
        .await
    }
}
