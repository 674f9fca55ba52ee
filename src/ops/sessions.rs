//! What can be asked of sessions: opening one with a key or with a code that is good for once, using it, ending it, and
//! making the codes. The texts are known here only while they are being made. Whatever is unknown, used up or over is
//! refused in the same words.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use zeroize::Zeroizing;

use super::{Access, OpError, Operations, check};
use crate::domain::application::ApplicationChange;
use crate::domain::audit::{Action, Actor, Deed};
use crate::domain::id::{ApplicationId, EnvironmentId};
use crate::domain::key::{self, API_KEY_GRACE_MAX, RandomnessUnavailable, Scope};
use crate::domain::name;
use crate::domain::session::{
    self, EntryCode, Grant, PORTAL_CODE_LIFE, PORTAL_SESSION_LIFE, SESSION_FLAGS_MAX, SESSION_LIFE_MAX, SESSION_PREFIX,
    SESSION_TEXT_BYTES_MAX, Session,
};
use crate::store::{Routes, Store, StoreError};

/// At most so many names of sessions that are to end (the Svix API).
const SESSIONS_ENDED_MAX: usize = 1_000;

/// A session with its token, which nobody can read again.
pub struct NewSession {
    /// The token.
    pub text: Zeroizing<String>,
    /// The session.
    pub session: Session,
}

/// How a consumer is let in.
#[derive(Clone, Debug, Default)]
pub struct PortalAccess {
    /// Whether the consumer may only look.
    pub read_only: bool,
    /// How long the session lasts.
    pub expires_in: Option<Duration>,
    /// The consumer's feature flags.
    pub feature_flags: Vec<String>,
    /// What the session is called, to end it by.
    pub name: Option<String>,
}

/// What lets a consumer in.
pub struct PortalEntry {
    /// Whose portal it is.
    pub application_id: ApplicationId,
    /// Opens the portal, once and soon.
    pub code: Zeroizing<String>,
    /// Acts for the consumer in the API until the session's end.
    pub token: Zeroizing<String>,
}

fn new_text(generate: fn() -> Result<String, RandomnessUnavailable>) -> Result<Zeroizing<String>, OpError> {
    let text = generate().map_err(|error| StoreError::Unavailable(error.to_string()))?;
    Ok(Zeroizing::new(text))
}

/// How long a session that is wanted like this lasts, once it is known to be sound.
fn life(wanted: &PortalAccess) -> Result<Duration, OpError> {
    let life = wanted.expires_in.unwrap_or(PORTAL_SESSION_LIFE);
    if life.is_zero() || life > SESSION_LIFE_MAX {
        let why = format!("must be 1 to {} seconds", SESSION_LIFE_MAX.as_secs());
        return Err(OpError::invalid("expiry", "expiry", why));
    }
    Ok(life)
}

impl Operations {
    /// Signs in with the text of an API key: a key of one application opens its portal, any other the dashboard. The
    /// session ends with the key.
    ///
    /// # Errors
    /// When the key is unknown or has ended, too many sign-ins failed, or the store could not.
    pub async fn open_session_with_key(&self, text: &str, address: Option<IpAddr>) -> Result<NewSession, OpError> {
        let now = self.store.now();
        self.sign_ins.begin(now)?;
        let key = match self.valid_key(text).await {
            Err(OpError::Unauthenticated) => return Err(self.refused_sign_in("with a key", address).await),
            key => key?,
        };
        self.sign_ins.succeed();
        let (environment_id, scope) = (key.environment_id, key.scope);
        let grant = Grant { environment_id, scope, read_only: false, feature_flags: None };
        let session = Session::with_key(grant, key.hash, now);
        let store = self.noting_sign_in(&session, address).await?;
        keep_session(&store, session::generate_session, session).await
    }

    /// Signs in with a code, which is good for nothing after that.
    ///
    /// # Errors
    /// When it is unknown, used or too old, or the store could not.
    pub async fn open_session_with_code(&self, code: &str, address: Option<IpAddr>) -> Result<NewSession, OpError> {
        if code.len() > SESSION_TEXT_BYTES_MAX {
            return Err(self.refused_sign_in("with a link", address).await);
        }
        let text = new_text(session::generate_session)?;
        let opened = self.store.redeem_code(key::hash(code), key::hash(&text), self.store.now()).await?;
        let Some(session) = opened else {
            return Err(self.refused_sign_in("with a link", address).await);
        };
        // Only what the code opens tells in which log it is written; without that nobody learns the token.
        self.noting_sign_in(&session, address).await?.note().await?;
        Ok(NewSession { text, session })
    }

    /// Refuses a sign-in, and writes that down in the log of the first environment: what is unknown belongs to none. A
    /// flood is a few entries, and who is refused is refused also where none can be written.
    async fn refused_sign_in(&self, how: &str, address: Option<IpAddr>) -> OpError {
        if self.refusals_noted.take(address, self.store.now())
            && let Err(error) = self.note_refusal(how, address).await
        {
            tracing::warn!(%error, "a refused sign-in is missing in the audit log");
        }
        OpError::Unauthenticated
    }

    async fn note_refusal(&self, how: &str, address: Option<IpAddr>) -> Result<(), StoreError> {
        let Some(environment_id) = self.store.default_environment().await? else { return Ok(()) };
        let detail = format!("{how}; further ones from there are not written for an hour");
        let deed = Deed::new(Action::SessionRefused, environment_id).with(detail);
        self.store.noting(environment_id, Actor::unknown(address), deed).note().await
    }

    async fn noting_sign_in(&self, session: &Session, address: Option<IpAddr>) -> Result<Arc<Store>, OpError> {
        let application = session.grant.application();
        let opened = application.map_or_else(|| session.grant.environment_id.to_string(), |id| id.to_string());
        let deed = Deed::new(Action::SessionOpened, opened).of(application);
        self.noting(&Access::from(session).from_address(address), deed).await
    }

    /// The session of a browser's token, and notes that it was used.
    ///
    /// # Errors
    /// When there is none, or it has ended, or the store can't be read.
    pub async fn session(&self, text: &str) -> Result<Session, OpError> {
        if !text.starts_with(SESSION_PREFIX) {
            return Err(OpError::Unauthenticated);
        }
        self.session_of(text).await
    }

    /// The session of a browser's token when nobody looks: a page that is open asks by itself, and that keeps no session
    /// from its end.
    ///
    /// # Errors
    /// As for [`Operations::session`].
    pub async fn session_unseen(&self, text: &str) -> Result<Session, OpError> {
        if !text.starts_with(SESSION_PREFIX) || text.len() > SESSION_TEXT_BYTES_MAX {
            return Err(OpError::Unauthenticated);
        }
        self.valid_session(text).await
    }

    /// The session of a token of either kind.
    pub(super) async fn session_of(&self, text: &str) -> Result<Session, OpError> {
        if text.len() > SESSION_TEXT_BYTES_MAX {
            return Err(OpError::Unauthenticated);
        }
        let session = self.valid_session(text).await?;
        let now = self.store.now();
        if session.is_seen_anew(now) {
            // One who can't write it down, as on a full disk, still has to be able to look.
            self.store.touch_session(key::hash(text), now).await.ok();
        }
        Ok(session)
    }

    async fn valid_session(&self, text: &str) -> Result<Session, OpError> {
        let now = self.store.now();
        let found = self.store.session(key::hash(text), now).await?;
        found.filter(|session| session.is_valid(now)).ok_or(OpError::Unauthenticated)
    }

    /// What somebody with `access` may do in the environment with this id.
    ///
    /// # Errors
    /// When there is none that `access` may see, or the store can't be read.
    pub async fn access_in(&self, access: &Access, environment: &str) -> Result<Access, OpError> {
        let missing = OpError::NotFound("environment");
        let id = EnvironmentId::parse(environment).ok_or(missing.clone())?;
        let visible = match access.scope {
            Scope::Admin => self.store.environment(id).await?.is_some(),
            Scope::Environment => access.environment_id == id,
            Scope::Application(_) => false,
        };
        if visible { Ok(Access { environment_id: id, ..access.clone() }) } else { Err(missing) }
    }

    /// Ends the session of a token; one that there is no more has ended already.
    ///
    /// # Errors
    /// When the store could not.
    pub async fn close_session(&self, text: &str) -> Result<(), OpError> {
        self.store.delete_session(key::hash(text)).await?;
        Ok(())
    }

    /// Lets all that opens the portal of an application end after `grace`, or what was given one of these names: its
    /// sessions, its tokens, and the links that nobody has followed yet. Its API keys stay.
    ///
    /// # Errors
    /// When there is no such application, `access` is not the environment's, or the store could not.
    pub async fn close_sessions_of_application(
        &self,
        access: &Access,
        application: &str,
        names: Option<Vec<String>>,
        grace: Duration,
    ) -> Result<(), OpError> {
        let routes = self.routes(access, application).await?;
        access.require_environment("end the sessions of consumers")?;
        if grace > API_KEY_GRACE_MAX {
            let why = format!("must be at most {} seconds", API_KEY_GRACE_MAX.as_secs());
            return Err(OpError::invalid("expiry", "expiry", why));
        }
        let names = names.filter(|names| !names.is_empty());
        let names = check::names("sessionIds", "session_id", names, SESSIONS_ENDED_MAX, session::check_name)?;
        let grant = portal_grant(&routes, &PortalAccess::default());
        let end = self.store.now().plus(grace);
        let id = routes.application.id;
        let whose = names.as_ref().map_or_else(|| "all".to_owned(), |names| names.join(", "));
        let store = self.noting(access, Deed::new(Action::PortalClosed, id).of(id).with(whose)).await?;
        Ok(store.end_sessions(grant, names, end).await?)
    }

    /// A code that opens the portal of an application, once.
    ///
    /// # Errors
    /// When there is no such application, `access` is not the environment's, it can't be as it is wanted, or the store
    /// could not.
    pub async fn create_portal_code(
        &self,
        access: &Access,
        application: &str,
        wanted: PortalAccess,
    ) -> Result<Zeroizing<String>, OpError> {
        let routes = self.routes(access, application).await?;
        self.portal_code(access, &routes, &checked(wanted)?).await
    }

    /// A code that opens the portal of an application, once, and a token that acts for the consumer in the API. The
    /// application is made as `new` says, if there is none and that is given.
    ///
    /// # Errors
    /// As for [`Operations::create_portal_code`].
    pub async fn create_portal_entry(
        &self,
        access: &Access,
        application: &str,
        new: Option<ApplicationChange>,
        wanted: PortalAccess,
    ) -> Result<PortalEntry, OpError> {
        let wanted = checked(wanted)?;
        let routes = self.routes_or_new(access, application, new).await?;
        let code = self.portal_code(access, &routes, &wanted).await?;
        let (grant, now) = (portal_grant(&routes, &wanted), self.store.now());
        let session = Session::new(grant, wanted.name.clone(), now, now.plus(life(&wanted)?));
        let token = keep_session(&self.store, session::generate_portal_token, session).await?.text;
        Ok(PortalEntry { application_id: routes.application.id, code, token })
    }

    async fn portal_code(
        &self,
        access: &Access,
        routes: &Routes,
        wanted: &PortalAccess,
    ) -> Result<Zeroizing<String>, OpError> {
        access.require_environment("let consumers into the portal")?;
        let id = routes.application.id;
        let may = if wanted.read_only { "to look only" } else { "to look and change" };
        let deed = Deed::new(Action::PortalOpened, id).of(id).with(may);
        let store = self.noting(access, deed).await?;
        keep_code(&store, portal_grant(routes, wanted), wanted.name.clone(), PORTAL_CODE_LIFE, life(wanted)?).await
    }

    /// A code that opens the dashboard as an admin key does, once and for so long.
    ///
    /// # Errors
    /// When `access` is not an admin's, or the store could not.
    pub async fn create_operator_code(&self, access: &Access, life: Duration) -> Result<Zeroizing<String>, OpError> {
        access.require_admin()?;
        let store = self.noting(access, Deed::new(Action::SessionLinkCreated, access.environment_id)).await?;
        keep_code(&store, Grant::admin(access.environment_id), None, life, SESSION_LIFE_MAX).await
    }
}

async fn keep_code(
    store: &Store,
    grant: Grant,
    name: Option<String>,
    life: Duration,
    session_life: Duration,
) -> Result<Zeroizing<String>, OpError> {
    let (text, now) = (new_text(session::generate_code)?, store.now());
    let session_ends_at = now.plus(session_life);
    let code = EntryCode { grant, name, created_at: now, session_ends_at, expires_at: now.plus(life) };
    let kept = store.insert_code(key::hash(&text), code).await?;
    if kept { Ok(text) } else { Err(OpError::NotFound("application")) }
}

async fn keep_session(
    store: &Store,
    generate: fn() -> Result<String, RandomnessUnavailable>,
    session: Session,
) -> Result<NewSession, OpError> {
    let text = new_text(generate)?;
    let kept = store.insert_session(key::hash(&text), session.clone()).await?;
    // What it was to open has just been deleted, and the caller's key with it.
    if kept { Ok(NewSession { text, session }) } else { Err(OpError::Unauthenticated) }
}

fn checked(mut wanted: PortalAccess) -> Result<PortalAccess, OpError> {
    life(&wanted)?;
    check::text("sessionId", "session_id", wanted.name.as_ref(), session::check_name)?;
    if !wanted.feature_flags.is_empty() {
        let flags = Some(wanted.feature_flags);
        let flags = check::names("featureFlags", "feature_flag", flags, SESSION_FLAGS_MAX, name::channel)?;
        wanted.feature_flags = flags.unwrap_or_default();
    }
    Ok(wanted)
}

/// The portal of an application, as it is wanted.
fn portal_grant(routes: &Routes, wanted: &PortalAccess) -> Grant {
    Grant {
        environment_id: routes.application.environment_id,
        scope: Scope::Application(routes.application.id),
        read_only: wanted.read_only,
        feature_flags: Some(wanted.feature_flags.clone()),
    }
}
