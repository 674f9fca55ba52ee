//! What can be asked of how a portal looks. Everybody sees it; the environment's keys and operators change it.

use super::{Access, OpError, Operations, check};
use crate::domain::audit::{Action, Deed, differing};
use crate::domain::id::EnvironmentId;
use crate::domain::key;
use crate::domain::name;
use crate::domain::portal::{
    Colour, Logo, LogoKind, PORTAL_LOGO_BYTES_MAX, PORTAL_NAME_CHARS_MAX, PortalLook, PortalLookChange,
};

/// How many bytes of a logo's hash tell it from the one before.
const VERSION_BYTES: usize = 8;

/// What a caller wants of how a portal looks; what is `None` stays as it is.
#[derive(Clone, Debug, Default)]
pub struct WantedLook {
    /// Its name, or that it has none.
    pub name: Option<Option<String>>,
    /// Its colour as `#rrggbb`, or that it has none.
    pub accent: Option<Option<String>>,
    /// The file of its logo, or that it has none.
    pub logo: Option<Option<Vec<u8>>>,
}

fn check_name(text: &str) -> Result<(), name::Invalid> {
    if text.chars().count() > PORTAL_NAME_CHARS_MAX {
        return Err(name::Invalid::new(format!("must have at most {PORTAL_NAME_CHARS_MAX} characters")));
    }
    name::application_name(text)
}

fn colour(text: &str) -> Result<Colour, OpError> {
    Colour::parse(text).ok_or_else(|| OpError::invalid("accent", "colour", "must be a colour such as #2b55c9"))
}

fn logo(image: Vec<u8>) -> Result<Logo, OpError> {
    if image.len() > PORTAL_LOGO_BYTES_MAX {
        let why = format!("must have at most {} KiB", PORTAL_LOGO_BYTES_MAX / 1024);
        return Err(OpError::invalid("logo", "logo_too_large", why));
    }
    let refused = || OpError::invalid("logo", "logo_kind", "must be a PNG, JPEG, WebP or GIF picture");
    let kind = LogoKind::of(&image).ok_or_else(refused)?;
    let version = key::hash_bytes(&image)[..VERSION_BYTES].iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(Logo { kind, version, image })
}

impl Operations {
    /// How the portal of an environment looks.
    ///
    /// # Errors
    /// When the store can't be read.
    pub async fn portal_look(&self, environment_id: EnvironmentId) -> Result<PortalLook, OpError> {
        Ok(self.store.portal_look(environment_id).await?.unwrap_or_default())
    }

    /// The logo of an environment's portal.
    ///
    /// # Errors
    /// When it has none, or the store can't be read.
    pub async fn portal_logo(&self, environment_id: EnvironmentId) -> Result<Logo, OpError> {
        self.store.portal_logo(environment_id).await?.ok_or(OpError::NotFound("logo"))
    }

    /// Changes how the portal of the environment of `access` looks, and answers how.
    ///
    /// # Errors
    /// When `access` is not the environment's, it can't look as it is wanted, or the store could not.
    pub async fn set_portal_look(&self, access: &Access, wanted: WantedLook) -> Result<PortalLook, OpError> {
        access.require_environment("change how the portal looks")?;
        check::text("name", "name", wanted.name.as_ref().and_then(Option::as_ref), check_name)?;
        let change = PortalLookChange {
            name: wanted.name,
            accent: wanted.accent.map(|text| text.as_deref().map(colour).transpose()).transpose()?,
            logo: wanted.logo.map(|image| image.map(logo).transpose()).transpose()?,
        };
        let names = differing([
            ("name", change.name.is_some()),
            ("colour", change.accent.is_some()),
            ("logo", change.logo.is_some()),
        ]);
        let deed = Deed::new(Action::PortalLookChanged, access.environment_id).with(names);
        let changed = self.noting(access, deed).await?.change_portal_look(access.environment_id, change).await?;
        changed.ok_or(OpError::NotFound("environment"))
    }
}
