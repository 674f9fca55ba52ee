//! Who looks at a page: the session behind the browser's cookie, where the page stands, and what may be done there. A
//! page of the dashboard acts on the environment in its path, one of the portal on the application in it.

use std::net::IpAddr;
use std::sync::Arc;

use aws_lc_rs::hmac;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{Extensions, Uri};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::failure::Failure;
use super::fields::Fields;
use super::place::Place;
use super::{Pages, cookie};
use crate::domain::application::Application;
use crate::domain::audit::RemoteAddress;
use crate::domain::environment::Environment;
use crate::domain::id::{ApplicationId, EnvironmentId};
use crate::domain::key::Scope;
use crate::domain::portal::PortalLook;
use crate::domain::session::Session;
use crate::domain::time::Timestamp;
use crate::ops::{Access, OpError};

/// The header by which a page says that it asks by itself.
const BY_ITSELF: &str = "x-fragment";

/// Who looks at a page, and where.
#[derive(Clone)]
pub struct Viewer {
    /// What may be seen and done.
    pub access: Access,
    /// Where the page stands.
    pub place: Place,
    /// The environment that it is about.
    pub environment: Environment,
    /// The application whose portal it is.
    pub application: Option<Application>,
    /// How the portal looks; elsewhere nothing is set.
    pub look: PortalLook,
    /// The path and query that were asked for.
    pub here: String,
    /// What the query holds.
    pub query: Fields,
    /// The theme that was chosen.
    pub theme: Option<&'static str>,
    /// The time of the request.
    pub now: Timestamp,
    csrf: String,
    is_fresh: bool,
}

impl Viewer {
    /// What every form of the session must hold (THREATS I06).
    pub fn csrf(&self) -> &str {
        &self.csrf
    }

    /// Whether anything may be changed.
    pub fn may_write(&self) -> bool {
        !self.access.read_only
    }

    /// Refuses an operator who signed in too long ago to be shown a secret (THREATS I18); leads back to `path` once he has
    /// done so again. A consumer has nothing to prove himself with but the link that his session was opened with.
    pub fn require_fresh(&self, path: String) -> Result<(), Failure> {
        if self.is_fresh || self.place.is_portal() { Ok(()) } else { Err(Failure::SignInAgain(path)) }
    }

    /// Whether environments and keys may be managed.
    pub fn is_admin(&self) -> bool {
        self.access.scope == Scope::Admin
    }
}

/// What only the holder of a session can know, and what does not tell the session.
fn csrf_of(token: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, token.as_bytes());
    URL_SAFE_NO_PAD.encode(hmac::sign(&key, b"forms"))
}

/// From where a request came, if that is known.
pub(super) fn remote_address(extensions: &Extensions) -> Option<IpAddr> {
    extensions.get::<RemoteAddress>().map(|from| from.0)
}

/// The id after this part of the path.
fn id_after<'a>(uri: &'a Uri, part: &str) -> Option<&'a str> {
    uri.path().strip_prefix(part)?.split('/').next().filter(|id| !id.is_empty())
}

/// The session of a browser at a place.
async fn session(pages: &Pages, parts: &Parts, place: Place) -> Result<Option<(String, Session)>, OpError> {
    let Some(token) = cookie::session(&parts.headers, &pages.site, place) else { return Ok(None) };
    // An open page that makes its parts anew is nobody's look.
    let found = match parts.headers.contains_key(BY_ITSELF) {
        true => pages.operations.session_unseen(token).await,
        false => pages.operations.session(token).await,
    };
    match found {
        Ok(session) => Ok(Some((token.to_owned(), session))),
        Err(OpError::Unauthenticated) => Ok(None),
        Err(error) => Err(error),
    }
}

impl FromRequestParts<Arc<Pages>> for Viewer {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, pages: &Arc<Pages>) -> Result<Self, Failure> {
        let uri = axum::extract::OriginalUri::from_request_parts(parts, pages).await.map(|found| found.0);
        let uri = uri.unwrap_or_else(|never| match never {});
        let here = uri.path_and_query().map_or("/", |path| path.as_str()).to_owned();
        let (place, token, session, access) = match id_after(&uri, "/portal/") {
            Some(id) => {
                let id = ApplicationId::parse(id).ok_or(OpError::NotFound("application"))?;
                let found = session(pages, parts, Place::Portal(id)).await?;
                let is_own = |(_, session): &(String, Session)| session.grant.application() == Some(id);
                let (token, session) = found.filter(is_own).ok_or(Failure::PortalClosed)?;
                let access = Access::from(&session);
                (Place::Portal(id), token, session, access)
            }
            None => {
                let anywhere = Place::Dashboard(EnvironmentId::from_number(0));
                let found = session(pages, parts, anywhere).await?;
                let is_operator = |(_, session): &(String, Session)| session.grant.application().is_none();
                let found = found.filter(is_operator).ok_or_else(|| Failure::SignIn(here.clone()))?;
                let (token, session) = found;
                let own = Access::from(&session);
                let access = match id_after(&uri, "/environments/") {
                    Some(id) => pages.operations.access_in(&own, id).await?,
                    None => own,
                };
                (Place::Dashboard(access.environment_id), token, session, access)
            }
        };
        let access = access.from_address(remote_address(&parts.extensions));
        let environment = pages.operations.own_environment(&access).await?;
        let application = match place {
            Place::Portal(id) => Some(pages.operations.application(&access, &id.to_string()).await?),
            Place::Dashboard(_) => None,
        };
        let look = match place {
            Place::Portal(_) => pages.operations.portal_look(access.environment_id).await?,
            Place::Dashboard(_) => PortalLook::default(),
        };
        let query = Fields::read(uri.query().unwrap_or_default().as_bytes());
        let now = pages.operations.now();
        Ok(Self {
            access,
            place,
            environment,
            application,
            look,
            here,
            query: query.ok_or(Failure::Unreadable("The address of the page holds what is no query."))?,
            theme: cookie::theme(&parts.headers),
            now,
            csrf: csrf_of(&token),
            is_fresh: session.is_fresh(now),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_forms_hold_belongs_to_one_session_and_does_not_tell_it() {
        assert_eq!(csrf_of("cs_a"), csrf_of("cs_a"));
        assert_ne!(csrf_of("cs_a"), csrf_of("cs_b"));
        assert!(!csrf_of("cs_a").contains("cs_a"));
    }

    #[test]
    fn the_id_in_a_path_is_found() {
        let uri = |text: &'static str| Uri::from_static(text);
        assert_eq!(id_after(&uri("/portal/app_1/endpoints"), "/portal/"), Some("app_1"));
        assert_eq!(id_after(&uri("/environments"), "/environments/"), None);
        assert_eq!(id_after(&uri("/environments/"), "/environments/"), None);
    }
}
