//! Signs what an endpoint receives and verifies it as a receiver would (Standard Webhooks 1.0.0): `v1` is HMAC-SHA256
//! and `v1a` is Ed25519 over `{id}.{seconds}.{body}`. It does not know which secrets an endpoint has, nor HTTP.

use std::time::Duration;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::hmac;
use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, UnparsedPublicKey};
use base64::Engine;

use super::secret::{BASE64, EndpointSecret, PublicKey, SecretError};
use super::time::Timestamp;

/// How far the timestamp of a request may be from the receiver's clock, both ways (Standard Webhooks).
pub const TOLERANCE: Duration = Duration::from_secs(5 * 60);

/// How many signatures a receiver looks at.
pub const SIGNATURES_MAX: usize = 16;

/// The length of `v1a,`, the base64 of an Ed25519 signature and a space.
const SIGNATURE_TEXT_BYTES_MAX: usize = 93;

/// A secret made ready to sign, so that an attempt pays only for its own bytes.
pub struct Signer(Key);

enum Key {
    /// Boxed: it is over a kilobyte, the state of SHA-256 after both paddings.
    Hmac(Box<hmac::Key>),
    Ed25519(Ed25519KeyPair),
}

impl Signer {
    /// Makes `secret` ready to sign.
    pub fn new(secret: &EndpointSecret) -> Self {
        Self(match secret {
            EndpointSecret::Hmac(secret) => Key::Hmac(Box::new(hmac_key(secret.key()))),
            EndpointSecret::Ed25519(secret) => Key::Ed25519(secret.key_pair()),
        })
    }
}

impl std::fmt::Debug for Signer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Signer([redacted])")
    }
}

/// The value of `webhook-signature`: one signature for each signer, in their order, with single spaces between. The id
/// must hold no dot (see [`super::name::webhook_id`]).
pub fn header<'a>(
    signers: impl IntoIterator<Item = &'a Signer>,
    message_id: &str,
    timestamp: Timestamp,
    body: &[u8],
) -> String {
    let prefix = prefix(message_id, timestamp.as_seconds());
    let mut list = String::with_capacity(SIGNATURE_TEXT_BYTES_MAX);
    for Signer(key) in signers {
        if !list.is_empty() {
            list.push(' ');
        }
        match key {
            Key::Hmac(key) => {
                list.push_str("v1,");
                BASE64.encode_string(hmac_tag(key, &prefix, body), &mut list);
            }
            Key::Ed25519(pair) => {
                list.push_str("v1a,");
                BASE64.encode_string(pair.sign(&[prefix.as_bytes(), body].concat()), &mut list);
            }
        }
    }
    list
}

/// What a receiver verifies with.
pub struct Verifier(VerifierKey);

enum VerifierKey {
    Hmac(Box<hmac::Key>),
    Ed25519(PublicKey),
}

impl Verifier {
    /// Reads a secret in any of its text forms, `whsec_…`, `whsk_…` or `whpk_…`.
    ///
    /// # Errors
    /// The rule that the text breaks.
    pub fn parse(text: &str) -> Result<Self, SecretError> {
        if text.starts_with("whpk_") {
            return Ok(Self(VerifierKey::Ed25519(PublicKey::parse(text)?)));
        }
        EndpointSecret::parse(text).map(|secret| Self::new(&secret))
    }

    /// Verifies what `secret` signs.
    pub fn new(secret: &EndpointSecret) -> Self {
        Self(match secret {
            EndpointSecret::Hmac(secret) => VerifierKey::Hmac(Box::new(hmac_key(secret.key()))),
            EndpointSecret::Ed25519(secret) => VerifierKey::Ed25519(secret.public()),
        })
    }
}

/// The three headers of a received request; `None` for one that is missing.
#[derive(Clone, Copy, Debug, Default)]
pub struct SignedHeaders<'a> {
    /// `webhook-id`
    pub id: Option<&'a str>,
    /// `webhook-timestamp`
    pub timestamp: Option<&'a str>,
    /// `webhook-signature`
    pub signature: Option<&'a str>,
}

/// Why a request does not verify.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VerifyError {
    /// A header is missing or empty.
    #[error("the header `{0}` is missing")]
    Missing(&'static str),
    /// A dot in the id makes it unclear what was signed.
    #[error("`webhook-id` has a dot, which Standard Webhooks forbids")]
    Id,
    /// The timestamp is not a number.
    #[error("`webhook-timestamp` is not a number of seconds since 1970")]
    Timestamp,
    /// The timestamp is too long ago.
    #[error("`webhook-timestamp` is {seconds} s old, more than {tolerance_seconds} s: an old request, or wrong clocks")]
    TooOld {
        /// Its age.
        seconds: u64,
        /// The age that was allowed.
        tolerance_seconds: u64,
    },
    /// The timestamp is too far ahead.
    #[error("`webhook-timestamp` is {seconds} s in the future, more than {tolerance_seconds} s: check both clocks")]
    TooNew {
        /// How far ahead it is.
        seconds: u64,
        /// How far ahead was allowed.
        tolerance_seconds: u64,
    },
    /// The header has no signature of the kind that the key verifies.
    #[error("`webhook-signature` has no `{0},…` signature, which this kind of secret verifies")]
    NoSignature(&'static str),
    /// None of the signatures is right.
    #[error("no signature matches: the secret is another, or id, timestamp or body were changed (use the raw body)")]
    NoMatch,
}

/// Verifies a request as a receiver must: any verifier may match any signature of its kind, compared in constant time,
/// with a timestamp at most `tolerance` from `now` either way (usually [`TOLERANCE`]).
///
/// # Errors
/// The reason why the request is not to be trusted.
pub fn verify(
    verifiers: &[Verifier],
    headers: SignedHeaders<'_>,
    body: &[u8],
    tolerance: Duration,
    now: Timestamp,
) -> Result<(), VerifyError> {
    let header =
        |name, value: Option<_>| value.filter(|value: &&str| !value.is_empty()).ok_or(VerifyError::Missing(name));
    let id = header("webhook-id", headers.id)?;
    let timestamp = header("webhook-timestamp", headers.timestamp)?;
    let signatures = header("webhook-signature", headers.signature)?;
    if id.contains('.') {
        return Err(VerifyError::Id);
    }
    let seconds = check_timestamp(timestamp, tolerance, now)?;
    let signed = prefix(id, seconds);
    let mut looked_at = false;
    for Verifier(key) in verifiers {
        for given in signatures.split(' ').take(SIGNATURES_MAX).filter_map(|one| one.strip_prefix(key.tag())) {
            looked_at = true;
            if BASE64.decode(given).is_ok_and(|given| key.matches(&signed, body, &given)) {
                return Ok(());
            }
        }
    }
    match verifiers {
        [Verifier(key)] if !looked_at => Err(VerifyError::NoSignature(key.tag().trim_end_matches(','))),
        _ => Err(VerifyError::NoMatch),
    }
}

fn check_timestamp(text: &str, tolerance: Duration, now: Timestamp) -> Result<i64, VerifyError> {
    // Only the plain spelling: what was signed is the number as Cornet writes it.
    let seconds: i64 = text.parse().map_err(|_| VerifyError::Timestamp)?;
    if seconds.to_string() != text {
        return Err(VerifyError::Timestamp);
    }
    let (tolerance_seconds, now_seconds) = (tolerance.as_secs(), now.as_seconds());
    let apart = now_seconds.abs_diff(seconds);
    match apart > tolerance_seconds {
        true if seconds < now_seconds => Err(VerifyError::TooOld { seconds: apart, tolerance_seconds }),
        true => Err(VerifyError::TooNew { seconds: apart, tolerance_seconds }),
        false => Ok(seconds),
    }
}

impl VerifierKey {
    fn tag(&self) -> &'static str {
        match self {
            Self::Hmac(_) => "v1,",
            Self::Ed25519(_) => "v1a,",
        }
    }

    fn matches(&self, prefix: &str, body: &[u8], given: &[u8]) -> bool {
        match self {
            Self::Hmac(key) => verify_slices_are_equal(hmac_tag(key, prefix, body).as_ref(), given).is_ok(),
            Self::Ed25519(PublicKey(key)) => {
                UnparsedPublicKey::new(&ED25519, key).verify(&[prefix.as_bytes(), body].concat(), given).is_ok()
            }
        }
    }
}

/// What is signed before the body.
fn prefix(message_id: &str, seconds: i64) -> String {
    format!("{message_id}.{seconds}.")
}

fn hmac_key(key: &[u8]) -> hmac::Key {
    hmac::Key::new(hmac::HMAC_SHA256, key)
}

fn hmac_tag(key: &hmac::Key, prefix: &str, body: &[u8]) -> hmac::Tag {
    let mut context = hmac::Context::with_key(key);
    context.update(prefix.as_bytes());
    context.update(body);
    context.sign()
}

#[cfg(test)]
#[path = "signature/tests.rs"]
mod tests;
