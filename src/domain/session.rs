//! Sessions: who looks at the pages, and what with. An operator's session opens what its key would, a consumer's the
//! portal of one application. Both begin with a key or with a code that is good for once; of all these texts only
//! hashes are kept. It does not know of cookies, nor where the codes stand.

use std::time::Duration;

use super::id::{ApplicationId, EnvironmentId};
use super::key::{KeyHash, RandomnessUnavailable, Scope, generate_with_prefix};
use super::name::Invalid;
use super::time::Timestamp;

/// What every token of a browser's session begins with.
pub const SESSION_PREFIX: &str = "cs_";
/// What every code that opens a session begins with.
pub const ENTRY_CODE_PREFIX: &str = "cc_";
/// What every token begins with that acts for the portal of one application in the API.
pub const PORTAL_TOKEN_PREFIX: &str = "cp_";
/// The longest text that is looked at as a token or a code.
pub const SESSION_TEXT_BYTES_MAX: usize = 64;

/// A session ends when nobody has looked for so long, unless it was given to a consumer until a certain time (THREATS
/// G13).
pub const SESSION_IDLE_MAX: Duration = Duration::from_secs(12 * 60 * 60);
/// No session lasts longer (THREATS G13, and the Svix API for its tokens).
pub const SESSION_LIFE_MAX: Duration = Duration::from_secs(7 * 24 * 60 * 60);
/// How long a consumer's session lasts when nobody says (THREATS G17).
pub const PORTAL_SESSION_LIFE: Duration = Duration::from_secs(60 * 60);
/// How long a code opens the portal.
pub const PORTAL_CODE_LIFE: Duration = Duration::from_secs(5 * 60);
/// How long a code opens the dashboard.
pub const OPERATOR_CODE_LIFE: Duration = Duration::from_secs(15 * 60);
/// How long the code of the first start opens the dashboard.
pub const FIRST_CODE_LIFE: Duration = Duration::from_secs(24 * 60 * 60);
/// At most so many sessions of one application, or of an environment's operators; the oldest makes place.
pub const SESSIONS_MAX: usize = 1_000;
/// At most so many codes that were not used, of one application or for operators; the oldest makes place.
pub const ENTRY_CODES_MAX: usize = 1_000;
/// The longest name of a session.
pub const SESSION_NAME_BYTES_MAX: usize = 64;
/// At most so many feature flags of one consumer.
pub const SESSION_FLAGS_MAX: usize = 25;
/// How long after signing in an operator is shown a secret without signing in once more (THREATS I18).
const SESSION_FRESH: Duration = Duration::from_secs(15 * 60);
/// How often a session's last use is written down at most.
const SEEN_EVERY: Duration = Duration::from_secs(5 * 60);

/// What a session opens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// The environment that it acts on.
    pub environment_id: EnvironmentId,
    /// What it may do there.
    pub scope: Scope,
    /// Whether it may only look.
    pub read_only: bool,
    /// The feature flags of the consumer; `None` is whoever sees every event type.
    pub feature_flags: Option<Vec<String>>,
}

impl Grant {
    /// Everything in every environment, beginning with this one.
    pub const fn admin(environment_id: EnvironmentId) -> Self {
        Self { environment_id, scope: Scope::Admin, read_only: false, feature_flags: None }
    }

    /// The application whose portal it opens; `None` is the dashboard.
    pub const fn application(&self) -> Option<ApplicationId> {
        match self.scope {
            Scope::Application(id) => Some(id),
            Scope::Admin | Scope::Environment => None,
        }
    }
}

/// Somebody who looks at the pages, or a program with a token of the portal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// What it opens.
    pub grant: Grant,
    /// What the one who let a consumer in calls it, to end it by.
    pub name: Option<String>,
    /// The hash of the API key that it was opened with: it ends with that key. `None` after a code.
    pub key: Option<KeyHash>,
    /// When it was opened.
    pub created_at: Timestamp,
    /// When it was last used, within some minutes.
    pub seen_at: Timestamp,
    /// From when on it is refused.
    pub expires_at: Timestamp,
}

impl Session {
    /// A session that begins at `now`.
    pub fn new(grant: Grant, name: Option<String>, now: Timestamp, expires_at: Timestamp) -> Self {
        Self { grant, name, key: None, created_at: now, seen_at: now, expires_at }
    }

    /// A session that begins at `now` with the key of this hash.
    pub fn with_key(grant: Grant, key: KeyHash, now: Timestamp) -> Self {
        Self { key: Some(key), ..Self::new(grant, None, now, now.plus(SESSION_LIFE_MAX)) }
    }

    /// Whether it is good at `now`; its key has to be, too.
    pub fn is_valid(&self, now: Timestamp) -> bool {
        let is_given = self.grant.application().is_some() && self.key.is_none();
        now < self.expires_at && (is_given || now.since(self.seen_at) < SESSION_IDLE_MAX)
    }

    /// Whether who signed in has proved himself of late.
    pub fn is_fresh(&self, now: Timestamp) -> bool {
        now.since(self.created_at) < SESSION_FRESH
    }

    /// Whether its use at `now` is to be written down.
    pub fn is_seen_anew(&self, now: Timestamp) -> bool {
        now.since(self.seen_at) >= SEEN_EVERY
    }
}

/// What is known of a code that opens a session, once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntryCode {
    /// What the session opens.
    pub grant: Grant,
    /// What the session is called.
    pub name: Option<String>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When the session ends.
    pub session_ends_at: Timestamp,
    /// From when on the code is refused.
    pub expires_at: Timestamp,
}

/// The text of a new token for a browser.
///
/// # Errors
/// When the operating system has no randomness to give.
pub fn generate_session() -> Result<String, RandomnessUnavailable> {
    generate_with_prefix(SESSION_PREFIX)
}

/// The text of a new token for the API.
///
/// # Errors
/// When the operating system has no randomness to give.
pub fn generate_portal_token() -> Result<String, RandomnessUnavailable> {
    generate_with_prefix(PORTAL_TOKEN_PREFIX)
}

/// The text of a new code.
///
/// # Errors
/// When the operating system has no randomness to give.
pub fn generate_code() -> Result<String, RandomnessUnavailable> {
    generate_with_prefix(ENTRY_CODE_PREFIX)
}

/// Checks the name of a session.
///
/// # Errors
/// When it can't be one.
pub fn check_name(text: &str) -> Result<(), Invalid> {
    let is_sound = |byte: u8| byte.is_ascii_alphanumeric() || b"@_-".contains(&byte);
    if text.is_empty() || text.len() > SESSION_NAME_BYTES_MAX || !text.bytes().all(is_sound) {
        let why = format!("must have 1 to {SESSION_NAME_BYTES_MAX} characters out of A-Z, a-z, 0-9, `@`, `_` and `-`");
        return Err(Invalid::new(why));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::id::Id;

    fn minutes(minutes: u64) -> Duration {
        Duration::from_secs(minutes * 60)
    }

    #[test]
    fn an_operator_who_does_not_look_is_signed_out_and_a_consumer_is_not() {
        let start = Timestamp::from_ms(0);
        let operator = Session::new(Grant::admin(Id::from_number(1)), None, start, start.plus(SESSION_LIFE_MAX));
        let last = start.plus(SESSION_IDLE_MAX).minus(Duration::from_millis(1));
        assert!(operator.is_valid(last) && !operator.is_valid(start.plus(SESSION_IDLE_MAX)));
        let busy = Session { seen_at: start.plus(SESSION_LIFE_MAX), ..operator.clone() };
        assert!(!busy.is_valid(start.plus(SESSION_LIFE_MAX)), "no session outlives its end");

        let scope = Scope::Application(Id::from_number(2));
        let portal = Session { grant: Grant { scope, ..operator.grant.clone() }, ..operator };
        assert!(portal.is_valid(start.plus(SESSION_IDLE_MAX)));
        let with_key = Session { key: Some([0; 32]), ..portal };
        assert!(!with_key.is_valid(start.plus(SESSION_IDLE_MAX)));
    }

    #[test]
    fn who_signed_in_has_proved_himself_for_a_quarter_of_an_hour() {
        let start = Timestamp::from_ms(0);
        let session = Session::with_key(Grant::admin(Id::from_number(1)), [0; 32], start);
        assert!(session.is_fresh(start.plus(minutes(14))) && !session.is_fresh(start.plus(minutes(15))));
    }

    #[test]
    fn a_use_is_written_down_every_few_minutes() {
        let start = Timestamp::from_ms(0);
        let session = Session::with_key(Grant::admin(Id::from_number(1)), [0; 32], start);
        assert!(!session.is_seen_anew(start.plus(minutes(4))) && session.is_seen_anew(start.plus(minutes(5))));
    }

    #[test]
    fn names_are_those_of_the_svix_api() {
        assert!(check_name("user_1FB8").is_ok() && check_name("a@b-c").is_ok());
        for name in ["", "a b", "a.b", &"a".repeat(SESSION_NAME_BYTES_MAX + 1)] {
            assert!(check_name(name).is_err(), "{name}");
        }
    }
}
