//! The secret of an endpoint and its text forms (Standard Webhooks 1.0.0): `whsec_` for HMAC-SHA256, `whsk_` and
//! `whpk_` for the private and public halves of Ed25519. It is wiped from memory when dropped and never printed
//! (THREATS J06, J11). It does not know how secrets are kept or rotated.

use std::fmt;

use aws_lc_rs::rand::{SecureRandom, SystemRandom};
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use zeroize::Zeroizing;

/// The shortest HMAC secret (Standard Webhooks).
pub const HMAC_SECRET_BYTES_MIN: usize = 24;
/// The longest HMAC secret (Standard Webhooks).
pub const HMAC_SECRET_BYTES_MAX: usize = 64;

const HMAC_GENERATED_BYTES: usize = 32;
const HMAC_TEXT_CHARS: std::ops::RangeInclusive<usize> = 32..=100;
const ED25519_SEED_BYTES: usize = 32;
const ED25519_PUBLIC_BYTES: usize = 32;

const HMAC_PREFIX: &str = "whsec_";
const PRIVATE_PREFIX: &str = "whsk_";
const PUBLIC_PREFIX: &str = "whpk_";

/// Standard base64 that does without its padding when the text has none.
pub(super) const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// What an endpoint's requests are signed with.
pub enum EndpointSecret {
    /// A key that both sides share; signs as `v1`.
    Hmac(HmacSecret),
    /// A key pair of which the receiver knows the public half; signs as `v1a`.
    Ed25519(Ed25519Secret),
}

/// A shared key of 24 to 64 bytes.
pub struct HmacSecret(Zeroizing<Vec<u8>>);

/// An Ed25519 key pair, as its seed and its public key.
pub struct Ed25519Secret {
    seed: Zeroizing<[u8; ED25519_SEED_BYTES]>,
    public: [u8; ED25519_PUBLIC_BYTES],
}

/// The public half of an Ed25519 pair, which a receiver verifies with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicKey(pub(super) [u8; ED25519_PUBLIC_BYTES]);

/// Why a text is not a secret. It never quotes the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SecretError {
    /// Not the pattern of the Svix API.
    #[error("must be `whsec_` and 32 to 100 characters of base64, or `whsk_` and the base64 of an Ed25519 key")]
    Pattern,
    /// The base64 has a wrong length or wrong last character.
    #[error("is not valid base64")]
    Base64,
    /// An HMAC key that is too short or too long.
    #[error("must be {HMAC_SECRET_BYTES_MIN} to {HMAC_SECRET_BYTES_MAX} bytes when decoded, but has {0}")]
    HmacLength(usize),
    /// An Ed25519 private key of another length.
    #[error("must be the base64 of 64 bytes (seed, then public key) or of the seed's 32, but has {0}")]
    PrivateLength(usize),
    /// An Ed25519 public key of another length.
    #[error("must be the base64 of a public key of 32 bytes, but has {0}")]
    PublicLength(usize),
    /// The public half of the text is not that of its seed.
    #[error("has a public key that does not belong to its seed")]
    Mismatch,
    /// A public key, which cannot sign.
    #[error("is a public key (`whpk_`), which cannot sign; give the private key (`whsk_`)")]
    Public,
}

impl EndpointSecret {
    /// A new HMAC secret of 32 random bytes.
    ///
    /// # Panics
    /// When the operating system has no randomness: no secret is better than a weak one (THREATS J13).
    pub fn generate_hmac() -> Self {
        Self::Hmac(HmacSecret(Zeroizing::new(random_bytes::<HMAC_GENERATED_BYTES>().to_vec())))
    }

    /// A new Ed25519 pair.
    ///
    /// # Panics
    /// As [`EndpointSecret::generate_hmac`].
    pub fn generate_ed25519() -> Self {
        Self::Ed25519(Ed25519Secret::from_seed(random_bytes()))
    }

    /// Reads `whsec_…`, `whsk_…`, or the bare base64 of an HMAC secret, as the Svix API does.
    ///
    /// # Errors
    /// The rule that the text breaks (THREATS J06).
    pub fn parse(text: &str) -> Result<Self, SecretError> {
        if text.starts_with(PUBLIC_PREFIX) {
            return Err(SecretError::Public);
        }
        match text.strip_prefix(PRIVATE_PREFIX) {
            Some(private) => Ed25519Secret::decode(private).map(Self::Ed25519),
            None => HmacSecret::decode(text.strip_prefix(HMAC_PREFIX).unwrap_or(text)).map(Self::Hmac),
        }
    }

    /// The text form, which [`EndpointSecret::parse`] reads.
    pub fn to_text(&self) -> Zeroizing<String> {
        let mut text = Zeroizing::new(String::with_capacity(HMAC_PREFIX.len() + 88));
        match self {
            Self::Hmac(secret) => {
                text.push_str(HMAC_PREFIX);
                BASE64.encode_string(secret.key(), &mut text);
            }
            Self::Ed25519(secret) => {
                let mut pair = Zeroizing::new([0; ED25519_SEED_BYTES + ED25519_PUBLIC_BYTES]);
                let (seed, public) = pair.split_at_mut(ED25519_SEED_BYTES);
                seed.copy_from_slice(&secret.seed[..]);
                public.copy_from_slice(&secret.public);
                text.push_str(PRIVATE_PREFIX);
                BASE64.encode_string(&pair[..], &mut text);
            }
        }
        text
    }

    /// The public key that the receiver needs; `None` for HMAC, where both sides have the same secret.
    pub fn public_key(&self) -> Option<PublicKey> {
        match self {
            Self::Hmac(_) => None,
            Self::Ed25519(secret) => Some(secret.public()),
        }
    }
}

impl HmacSecret {
    /// The key's bytes.
    pub(super) fn key(&self) -> &[u8] {
        &self.0
    }

    fn decode(text: &str) -> Result<Self, SecretError> {
        let alphabet = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=');
        if !HMAC_TEXT_CHARS.contains(&text.len()) || !text.bytes().all(alphabet) {
            return Err(SecretError::Pattern);
        }
        let key = decode(text)?;
        match key.len() {
            HMAC_SECRET_BYTES_MIN..=HMAC_SECRET_BYTES_MAX => Ok(Self(key)),
            length => Err(SecretError::HmacLength(length)),
        }
    }
}

impl Ed25519Secret {
    /// The pair in the form that signs.
    pub(super) fn key_pair(&self) -> Ed25519KeyPair {
        key_pair(&self.seed)
    }

    /// The half that receivers may have.
    pub(super) fn public(&self) -> PublicKey {
        PublicKey(self.public)
    }

    fn from_seed(seed: Zeroizing<[u8; ED25519_SEED_BYTES]>) -> Self {
        let mut public = [0; ED25519_PUBLIC_BYTES];
        public.copy_from_slice(key_pair(&seed).public_key().as_ref());
        Self { seed, public }
    }

    fn decode(text: &str) -> Result<Self, SecretError> {
        let bytes = decode(text)?;
        let Some((seed, public)) = bytes.split_first_chunk::<ED25519_SEED_BYTES>() else {
            return Err(SecretError::PrivateLength(bytes.len()));
        };
        if !matches!(public.len(), 0 | ED25519_PUBLIC_BYTES) {
            return Err(SecretError::PrivateLength(bytes.len()));
        }
        let pair = Self::from_seed(Zeroizing::new(*seed));
        if !public.is_empty() && public != pair.public {
            return Err(SecretError::Mismatch);
        }
        Ok(pair)
    }
}

impl PublicKey {
    /// Reads `whpk_…`.
    ///
    /// # Errors
    /// When it is not `whpk_` and the base64 of 32 bytes.
    pub fn parse(text: &str) -> Result<Self, SecretError> {
        let bytes = decode(text.strip_prefix(PUBLIC_PREFIX).ok_or(SecretError::Pattern)?)?;
        bytes.as_slice().try_into().map(Self).map_err(|_| SecretError::PublicLength(bytes.len()))
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{PUBLIC_PREFIX}{}", BASE64.encode(self.0))
    }
}

impl fmt::Debug for EndpointSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Hmac(_) => "Hmac([redacted])",
            Self::Ed25519(_) => "Ed25519([redacted])",
        })
    }
}

fn decode(text: &str) -> Result<Zeroizing<Vec<u8>>, SecretError> {
    BASE64.decode(text).map(Zeroizing::new).map_err(|_| SecretError::Base64)
}

fn key_pair(seed: &[u8; ED25519_SEED_BYTES]) -> Ed25519KeyPair {
    Ed25519KeyPair::from_seed_unchecked(seed).expect("every 32 bytes are an Ed25519 seed")
}

fn random_bytes<const N: usize>() -> Zeroizing<[u8; N]> {
    let mut bytes = Zeroizing::new([0; N]);
    SystemRandom::new().fill(&mut bytes[..]).expect("the operating system has randomness");
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    const PRIVATE: &str =
        "whsk_6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbfVKIDij2HKpMKkioLlX0dRqSKJp4AJ6p9lMicMFs6Kvg==";
    const PUBLIC: &str = "whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4=";

    #[test]
    fn secrets_are_read_as_they_are_shown() {
        let hmac = EndpointSecret::parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        assert_eq!(*hmac.to_text(), "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
        assert_eq!(hmac.public_key(), None);
        let bare = EndpointSecret::parse("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        assert_eq!(bare.to_text(), hmac.to_text());

        let pair = EndpointSecret::parse(PRIVATE).unwrap();
        assert_eq!(*pair.to_text(), PRIVATE);
        assert_eq!(pair.public_key().unwrap().to_string(), PUBLIC);
        assert_eq!(PublicKey::parse(PUBLIC).ok(), pair.public_key());
        let seed = BASE64.encode(&BASE64.decode(&PRIVATE["whsk_".len()..]).unwrap()[..32]);
        assert_eq!(*EndpointSecret::parse(&format!("whsk_{seed}")).unwrap().to_text(), PRIVATE);

        for secret in [EndpointSecret::generate_hmac(), EndpointSecret::generate_ed25519()] {
            assert_eq!(EndpointSecret::parse(&secret.to_text()).unwrap().to_text(), secret.to_text());
        }
        assert_eq!(EndpointSecret::generate_hmac().to_text().len(), "whsec_".len() + 44);
        assert_ne!(EndpointSecret::generate_hmac().to_text(), EndpointSecret::generate_hmac().to_text());
    }

    #[test]
    fn a_wrong_secret_is_told_its_rule() {
        let text = |bytes: usize| BASE64.encode(vec![7; bytes]);
        for bytes in [24, 25, 32, 64] {
            assert!(EndpointSecret::parse(&format!("whsec_{}", text(bytes))).is_ok(), "{bytes}");
            assert!(EndpointSecret::parse(text(bytes).trim_end_matches('=')).is_ok(), "{bytes} unpadded");
        }
        let mismatch = format!("whsk_{}", text(64));
        let cases = [
            (String::new(), SecretError::Pattern),
            ("whsec_short".to_owned(), SecretError::Pattern),
            (format!("whsec_{}", text(24).replace('H', "-")), SecretError::Pattern),
            (format!("whsex_{}", text(24)), SecretError::Pattern),
            (format!("whsec_{}", text(23)), SecretError::HmacLength(23)),
            (text(65), SecretError::HmacLength(65)),
            (text(76), SecretError::Pattern),
            ("=".repeat(32), SecretError::Base64),
            (PUBLIC.to_owned(), SecretError::Public),
            (format!("whsk_{}", text(33)), SecretError::PrivateLength(33)),
            (format!("whsk_{}", text(31)), SecretError::PrivateLength(31)),
            ("whsk_é".to_owned(), SecretError::Base64),
            (mismatch, SecretError::Mismatch),
        ];
        for (text, error) in cases {
            assert_eq!(EndpointSecret::parse(&text).unwrap_err(), error, "{text}");
        }
        assert_eq!(PublicKey::parse("whpk_AAAA"), Err(SecretError::PublicLength(3)));
        assert_eq!(PublicKey::parse(PRIVATE), Err(SecretError::Pattern));
    }

    #[test]
    fn secrets_are_not_printed() {
        for secret in [EndpointSecret::parse(PRIVATE).unwrap(), EndpointSecret::generate_hmac()] {
            assert!(format!("{secret:?}").ends_with("([redacted])"));
        }
    }
}
