//! Signatures and what they are made with. What is right is worked out with the signing side of Cornet, so that the
//! verifying side has to agree with it: nothing more verifies, and nothing less.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use cornet::domain::secret::{EndpointSecret, PublicKey};
use cornet::domain::signature::{self, SIGNATURES_MAX, SignedHeaders, Signer, TOLERANCE, Verifier};
use cornet::domain::time::Timestamp;
use cornet::store::{MASTER_KEY_BYTES, Vault};

/// The time of the receiver's clock.
const NOW: Timestamp = Timestamp::from_ms(1_800_000_000_000);

/// The secrets of the receiver: one of each kind.
fn secrets() -> [EndpointSecret; 2] {
    let key = STANDARD_NO_PAD.encode([7; 32]);
    [format!("whsec_{key}"), format!("whsk_{key}")].map(|text| EndpointSecret::parse(&text).expect("it is a secret"))
}

/// A received request: the id, the timestamp and the signatures in a line each, and the body. It verifies exactly when one
/// of the signatures that a receiver looks at is the one that Cornet would have sent, in time.
pub fn signature(bytes: &[u8]) {
    let mut parts = bytes.splitn(4, |byte| *byte == b'\n');
    let mut line = || parts.next().map(|line| str::from_utf8(line).unwrap_or("?"));
    let headers = SignedHeaders { id: line(), timestamp: line(), signature: line() };
    let body = parts.next().unwrap_or_default();
    let secrets = secrets();
    let verifiers = secrets.each_ref().map(Verifier::new);
    let verified = signature::verify(&verifiers, headers, body, TOLERANCE, NOW).is_ok();
    let (id, timestamp) = (headers.id.unwrap_or_default(), headers.timestamp.unwrap_or_default());
    let seconds = timestamp.parse::<i64>().ok().filter(|seconds| seconds.to_string() == timestamp);
    let seconds = seconds.filter(|seconds| seconds.abs_diff(NOW.as_seconds()) <= TOLERANCE.as_secs());
    let Some(seconds) = seconds.filter(|_| !id.is_empty() && !id.contains('.')) else {
        assert!(!verified, "{headers:?}");
        return;
    };
    let signers = secrets.each_ref().map(Signer::new);
    let sent = signature::header(&signers, id, Timestamp::from_ms(seconds * 1000), body);
    let given = headers.signature.unwrap_or_default();
    let is_right = |given: &str| sent.split(' ').any(|right| is_same_signature(right, given));
    assert_eq!(verified, given.split(' ').take(SIGNATURES_MAX).any(is_right), "{headers:?}");
    let verify = |headers, body: &[u8]| signature::verify(&verifiers, headers, body, TOLERANCE, NOW);
    let right = SignedHeaders { signature: Some(&sent), ..headers };
    assert_eq!(verify(right, body), Ok(()));
    assert!(verify(right, &[body, b"x"].concat()).is_err());
    let other = format!("{id}x");
    assert!(verify(SignedHeaders { id: Some(&other), ..right }, body).is_err());
}

/// Padding may be left out, and nothing else.
fn is_same_signature(right: &str, given: &str) -> bool {
    let right_bare = right.trim_end_matches('=');
    given == right || given == right_bare
}

/// The text of a secret: what is read is written in one way, and signs what it verifies.
pub fn secret(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else { return };
    if let Ok(public) = PublicKey::parse(text) {
        assert_eq!(PublicKey::parse(&public.to_string()), Ok(public));
        assert!(Verifier::parse(text).is_ok() && EndpointSecret::parse(text).is_err());
    }
    let secret = match EndpointSecret::parse(text) {
        Ok(secret) => secret,
        Err(error) => {
            let quoted = text.len() > 12 && error.to_string().contains(text);
            return assert!(!quoted, "an error never shows what may be a secret");
        }
    };
    let written = secret.to_text();
    let again = EndpointSecret::parse(&written).expect("a secret is read as it is written");
    assert_eq!(*again.to_text(), *written);
    assert!(!format!("{secret:?}").contains(&written[6..]));
    let sent = signature::header(&[Signer::new(&secret)], "msg_1", NOW, text.as_bytes());
    let seconds = NOW.as_seconds().to_string();
    let headers = SignedHeaders { id: Some("msg_1"), timestamp: Some(&seconds), signature: Some(&sent) };
    let public = secret.public_key().map(|public| public.to_string());
    for verifier in [Some(text), public.as_deref()].into_iter().flatten() {
        let verifier = Verifier::parse(verifier).expect("what signs can verify");
        assert_eq!(signature::verify(&[verifier], headers, text.as_bytes(), TOLERANCE, NOW), Ok(()));
    }
}

/// A sealed blob in the store: one that Cornet did not seal never opens, one that it did opens in its place and to its last
/// bit, and a change of any bit shows.
pub fn vault(bytes: &[u8]) {
    let vault = Vault::new(&[3; MASTER_KEY_BYTES]).expect("the key is long enough");
    let place = "endpoint_secrets|1";
    assert!(vault.open(place, bytes).is_err(), "nobody sealed this");
    let mut sealed = vault.seal(place, bytes).expect("there is randomness");
    assert_eq!(vault.open(place, &sealed).expect("it was sealed here").as_slice(), bytes);
    assert!(vault.open("endpoint_secrets|2", &sealed).is_err());
    // The input also chooses what is changed, and how.
    let sum = bytes.iter().fold(bytes.len(), |sum, byte| sum.wrapping_mul(31).wrapping_add(usize::from(*byte)));
    let at = sum % sealed.len();
    sealed[at] ^= 1 << (sum / sealed.len() % 8);
    assert!(vault.open(place, &sealed).is_err(), "byte {at} was changed");
    sealed.truncate(at);
    assert!(vault.open(place, &sealed).is_err(), "only {at} bytes are left");
}
