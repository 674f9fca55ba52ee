//! The published vectors of Standard Webhooks, two independent libraries, and every change that must not verify
//! (THREATS J01–J04).

use ed25519_dalek::Verifier as _;

use super::*;

const ID: &str = "msg_p5jXN8AQM9LWM0D4loKWxJek";
const SENT: Timestamp = Timestamp::from_ms(1_614_265_330_000);
const BODY: &[u8] = br#"{"test": 2432232314}"#;
const HMAC: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const PRIVATE: &str = "whsk_6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbfVKIDij2HKpMKkioLlX0dRqSKJp4AJ6p9lMicMFs6Kvg==";
const PUBLIC: &str = "whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4=";
const HMAC_SIGNATURE: &str = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
const PAIR_SIGNATURE: &str =
    "v1a,hnO3f9T8Ytu9HwrXslvumlUpqtNVqkhqw/enGzPCXe5BdqzCInXqYXFymVJaA7AZdpXwVLPo3mNl8EM+m7TBAg==";

fn signer(secret: &str) -> Signer {
    Signer::new(&EndpointSecret::parse(secret).unwrap())
}

fn headers(signature: &str) -> SignedHeaders<'_> {
    SignedHeaders { id: Some(ID), timestamp: Some("1614265330"), signature: Some(signature) }
}

fn verified(secret: &str, headers: SignedHeaders<'_>, body: &[u8], now: Timestamp) -> Result<(), VerifyError> {
    verify(&[Verifier::parse(secret).unwrap()], headers, body, TOLERANCE, now)
}

#[test]
fn published_vectors_come_out() {
    assert_eq!(header(&[signer(HMAC)], ID, SENT, BODY), HMAC_SIGNATURE);
    assert_eq!(header(&[signer(PRIVATE)], ID, SENT, BODY), PAIR_SIGNATURE);
    let rust_library = header(
        &[signer("whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD")],
        "msg_27UH4WbU6Z5A5EzD8u03UvzRbpk",
        Timestamp::from_ms(1_649_367_553_999),
        br#"{"email":"test@example.com","username":"test_user"}"#,
    );
    assert_eq!(rust_library, "v1,tZ1I4/hDygAJgO5TYxiSd6Sd0kDW6hPenDe+bTa3Kkw=");
    let both = header(&[signer(PRIVATE), signer(HMAC)], ID, SENT, BODY);
    assert_eq!(both, format!("{PAIR_SIGNATURE} {HMAC_SIGNATURE}"));
    assert_eq!(header(&[], ID, SENT, BODY), "");
}

#[test]
fn independent_libraries_agree() {
    for body in [&b""[..], b"{}", "{\"é\":\"🎺\"}".as_bytes(), &b"[1]".repeat(10_000)] {
        let secret = EndpointSecret::generate_hmac();
        let library = standardwebhooks::Webhook::new(&secret.to_text()).unwrap();
        let signature = header(&[Signer::new(&secret)], ID, SENT, body);
        assert_eq!(library.sign(ID, SENT.as_seconds(), body).unwrap(), signature);

        let secret = EndpointSecret::generate_ed25519();
        let signature = header(&[Signer::new(&secret)], ID, SENT, body);
        let bytes = BASE64.decode(signature.strip_prefix("v1a,").unwrap()).unwrap();
        let key = ed25519_dalek::VerifyingKey::from_bytes(&secret.public_key().unwrap().0).unwrap();
        let signed = [format!("{ID}.1614265330.").as_bytes(), body].concat();
        key.verify(&signed, &ed25519_dalek::Signature::from_slice(&bytes).unwrap()).unwrap();
    }
}

#[test]
fn a_receiver_accepts_what_was_signed() {
    let rotated = format!("v1,AAAA {PAIR_SIGNATURE} v2,x nonsense {HMAC_SIGNATURE}");
    for secret in [HMAC, PRIVATE, PUBLIC] {
        assert_eq!(verified(secret, headers(&rotated), BODY, SENT), Ok(()), "{secret}");
    }
    let tolerance_s = 300;
    for seconds in [-tolerance_s, tolerance_s] {
        let now = Timestamp::from_ms(SENT.as_ms() + seconds * 1000);
        assert_eq!(verified(HMAC, headers(HMAC_SIGNATURE), BODY, now), Ok(()));
    }
    let verifiers = [PUBLIC, HMAC].map(|text| Verifier::parse(text).unwrap());
    assert_eq!(verify(&verifiers, headers(HMAC_SIGNATURE), BODY, TOLERANCE, SENT), Ok(()));
}

#[test]
fn a_receiver_is_told_what_is_wrong() {
    let right = headers(HMAC_SIGNATURE);
    let other = EndpointSecret::generate_hmac().to_text();
    let reversed = PAIR_SIGNATURE.replace("hnO3", "hnO4");
    let boundary = SignedHeaders { id: Some("msg_p5jXN8AQM9LWM0D4loKWxJek.1614265330"), ..right };
    let late = SENT.plus(Duration::from_secs(301));
    let early = SENT.minus(Duration::from_secs(301));
    let too_old = VerifyError::TooOld { seconds: 301, tolerance_seconds: 300 };
    let too_new = VerifyError::TooNew { seconds: 301, tolerance_seconds: 300 };
    let cases = [
        (HMAC, SignedHeaders { id: None, ..right }, BODY, SENT, VerifyError::Missing("webhook-id")),
        (HMAC, SignedHeaders { timestamp: Some(""), ..right }, BODY, SENT, VerifyError::Missing("webhook-timestamp")),
        (HMAC, SignedHeaders { signature: None, ..right }, BODY, SENT, VerifyError::Missing("webhook-signature")),
        (HMAC, SignedHeaders { timestamp: Some("1614265330.0"), ..right }, BODY, SENT, VerifyError::Timestamp),
        (HMAC, SignedHeaders { timestamp: Some("+1614265330"), ..right }, BODY, SENT, VerifyError::Timestamp),
        (HMAC, SignedHeaders { timestamp: Some("01614265330"), ..right }, BODY, SENT, VerifyError::Timestamp),
        (HMAC, SignedHeaders { timestamp: Some("1614265331"), ..right }, BODY, SENT, VerifyError::NoMatch),
        (HMAC, SignedHeaders { id: Some("msg_other"), ..right }, BODY, SENT, VerifyError::NoMatch),
        (HMAC, boundary, BODY, SENT, VerifyError::Id),
        (HMAC, right, br#"{"test": 2432232315}"#, SENT, VerifyError::NoMatch),
        (HMAC, right, BODY, late, too_old),
        (HMAC, right, BODY, early, too_new),
        (HMAC, headers(PAIR_SIGNATURE), BODY, SENT, VerifyError::NoSignature("v1")),
        (PUBLIC, right, BODY, SENT, VerifyError::NoSignature("v1a")),
        (PUBLIC, headers(&reversed), BODY, SENT, VerifyError::NoMatch),
        (PUBLIC, headers(PAIR_SIGNATURE), b"{}", SENT, VerifyError::NoMatch),
        (&other, right, BODY, SENT, VerifyError::NoMatch),
        (HMAC, headers("v1,g0hM9SsE"), BODY, SENT, VerifyError::NoMatch),
    ];
    for (secret, headers, body, now, error) in cases {
        assert_eq!(verified(secret, headers, body, now), Err(error), "{headers:?}");
    }
}

#[test]
fn extreme_timestamps_do_not_panic() {
    for (text, now_ms) in [("9223372036854775807", i64::MIN), ("-9223372036854775808", i64::MAX), ("0", i64::MAX)] {
        let headers = SignedHeaders { timestamp: Some(text), ..headers(HMAC_SIGNATURE) };
        assert!(verified(HMAC, headers, BODY, Timestamp::from_ms(now_ms)).is_err());
    }
}
