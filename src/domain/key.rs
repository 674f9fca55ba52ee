//! API keys: who may ask, and for what. The text of a key is shown once; only its hash is kept.

use std::time::Duration;

use aws_lc_rs::{digest, rand};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::id::{ApiKeyId, ApplicationId, EnvironmentId};
use super::time::Timestamp;

/// What every key of Cornet begins with.
pub const API_KEY_PREFIX: &str = "ck_";
/// The shortest text that is taken as a key when the operator brings one (THREATS G10).
pub const API_KEY_BYTES_MIN: usize = 32;
/// The longest text that is looked at as a key.
pub const API_KEY_BYTES_MAX: usize = 256;
/// At most so many keys of one environment that have not ended.
pub const API_KEYS_PER_ENVIRONMENT_MAX: usize = 10_000;
/// How long a key that is being replaced may go on being accepted (the Svix API).
pub const API_KEY_GRACE_MAX: Duration = Duration::from_secs(3 * 24 * 60 * 60);
/// How much of a key's text may be shown again, to recognise it.
const SHOWN_BYTES: usize = 7;

/// The SHA-256 of a key's text: what the store keeps and looks up.
pub type KeyHash = [u8; 32];

/// What a key may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Everything, in every environment.
    Admin,
    /// Everything in one environment.
    Environment,
    /// Everything in one application.
    Application(ApplicationId),
}

/// A key as the store keeps it: without its text.
#[derive(Clone, Debug)]
pub struct ApiKey {
    /// Its id.
    pub id: ApiKeyId,
    /// The environment that it acts on.
    pub environment_id: EnvironmentId,
    /// What it may do.
    pub scope: Scope,
    /// What people call it.
    pub name: String,
    /// The hash of its text.
    pub hash: KeyHash,
    /// The first letters of its text, to recognise it.
    pub shown: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last named, or given its text.
    pub updated_at: Timestamp,
    /// From when on it is refused.
    pub expires_at: Option<Timestamp>,
}

impl ApiKey {
    /// A new key with this text, which has no end.
    pub fn new(
        id: ApiKeyId,
        environment_id: EnvironmentId,
        scope: Scope,
        name: String,
        text: &str,
        now: Timestamp,
    ) -> Self {
        let (hash, shown) = (hash(text), shown(text));
        Self { id, environment_id, scope, name, hash, shown, created_at: now, updated_at: now, expires_at: None }
    }

    /// Whether it is accepted at `now`.
    pub fn is_valid(&self, now: Timestamp) -> bool {
        self.expires_at.is_none_or(|expiry| now < expiry)
    }
}

/// The hash under which the key with this text is kept.
pub fn hash(text: &str) -> KeyHash {
    hash_bytes(text.as_bytes())
}

/// The SHA-256 of these bytes.
pub fn hash_bytes(bytes: &[u8]) -> KeyHash {
    let mut hash = KeyHash::default();
    hash.copy_from_slice(digest::digest(&digest::SHA256, bytes).as_ref());
    hash
}

/// The first letters of a key's text: enough to recognise it, too few to use it.
pub fn shown(text: &str) -> String {
    text.chars().take(SHOWN_BYTES).collect()
}

/// The text of a new key: 256 bits from the operating system.
///
/// # Errors
/// When the operating system has no randomness to give.
pub fn generate() -> Result<String, RandomnessUnavailable> {
    generate_with_prefix(API_KEY_PREFIX)
}

/// A text that nobody can guess: 256 bits behind a prefix that says what it is.
pub(super) fn generate_with_prefix(prefix: &str) -> Result<String, RandomnessUnavailable> {
    let mut bits = [0u8; 32];
    rand::fill(&mut bits).map_err(|_| RandomnessUnavailable)?;
    Ok(format!("{prefix}{}", URL_SAFE_NO_PAD.encode(bits)))
}

/// The operating system gave no randomness; nothing secret can be made without it.
#[derive(Debug, thiserror::Error)]
#[error("the operating system gave no randomness")]
pub struct RandomnessUnavailable;

#[cfg(test)]
mod tests {
    use super::*;

    /// THREATS G07: what is compared when a key is looked up says nothing of how much of a key was right.
    #[test]
    fn keys_that_begin_alike_are_looked_up_under_hashes_that_do_not() {
        let key = "ck_k3J9vQ2mX7pL5tR8wZ1nB4cF6hD0sGyA-uEoIiTqWxM";
        let right = hash(key);
        let mut alike = [0_usize; 32];
        for number in 0..1_000 {
            let guess = hash(&format!("{}{number:04}", &key[..key.len() - 4]));
            assert_ne!(guess, right);
            let same = std::iter::zip(guess, right).take_while(|(one, other)| one == other).count();
            alike[same] += 1;
        }
        // A first byte is alike by chance once in 256 times.
        assert!(alike[0] > 950 && alike[3..].iter().sum::<usize>() == 0, "{alike:?}");
    }
}
