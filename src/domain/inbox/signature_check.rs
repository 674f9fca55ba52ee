//! Says of a received request whether its signature is right, and if it is not, why; as its receiver should have done
//! when it came.

use crate::domain::id::{ApplicationId, EndpointId};
use crate::domain::signature::{SignedHeaders, TOLERANCE, Verifier, VerifyError, verify};

use super::InboxRequest;

/// Whose secret it is that a signature is checked with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SecretOf {
    /// The inbox's own, set by hand.
    Inbox,
    /// An endpoint's whose URL is the inbox's.
    Endpoint {
        /// The endpoint.
        id: EndpointId,
        /// Its application.
        application_id: ApplicationId,
        /// Whether it is the one in use, rather than one before it that still signs.
        is_current: bool,
    },
}

/// What is to be said of the signature of a received request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SignatureCheck {
    /// It is right.
    Verified {
        /// Whose secret made it.
        by: SecretOf,
        /// Seconds from signing to receiving; negative where the sender's clock is ahead.
        age_seconds: i64,
    },
    /// It is missing or wrong; the reason says how.
    Wrong(VerifyError),
    /// There is a signature and nothing to check it with.
    NoSecret,
    /// The body was too long to keep, so it can't be checked any more.
    BodyCut,
}

impl SignatureCheck {
    /// The stable name.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Verified { .. } => "verified",
            Self::Wrong(VerifyError::Missing(_)) => "unsigned",
            Self::Wrong(_) => "wrong",
            Self::NoSecret => "no_secret",
            Self::BodyCut => "body_cut",
        }
    }

    /// What it means, in a sentence for whoever looks.
    pub fn explanation(&self) -> String {
        match self {
            Self::Verified { by: SecretOf::Inbox, age_seconds } => {
                format!("signed with the inbox's own secret, {age_seconds} s before it came")
            }
            Self::Verified { by: SecretOf::Endpoint { id, is_current, .. }, age_seconds } => {
                let which = if *is_current { "the secret" } else { "the secret before the present one" };
                format!("signed with {which} of the endpoint {id}, {age_seconds} s before it came")
            }
            Self::Wrong(error) => error.to_string(),
            Self::NoSecret => "no endpoint is at this inbox: give the inbox the secret to check with".to_owned(),
            Self::BodyCut => "the body is too long to be kept whole, so its signature can't be checked".to_owned(),
        }
    }
}

/// Checks the signatures of what an inbox received.
pub struct SignatureChecker(Vec<(SecretOf, Verifier)>);

impl SignatureChecker {
    /// A checker with these secrets, each of which may have signed.
    pub fn new(secrets: Vec<(SecretOf, Verifier)>) -> Self {
        Self(secrets)
    }

    /// What is to be said of the signature of a request, as of when it came.
    pub fn check(&self, request: &InboxRequest) -> SignatureCheck {
        let timestamp = request.header("webhook-timestamp");
        let headers = SignedHeaders {
            id: request.header("webhook-id"),
            timestamp,
            signature: request.header("webhook-signature"),
        };
        let now = request.received_at();
        let with = |secrets: &[Verifier]| verify(secrets, headers, &request.body, TOLERANCE, now);
        // What is wrong with the headers is so whatever the secret is.
        match with(&[]) {
            Err(VerifyError::NoMatch) | Ok(()) => {}
            Err(wrong) => return SignatureCheck::Wrong(wrong),
        }
        if request.is_cut() {
            return SignatureCheck::BodyCut;
        }
        let mut wrong = None;
        for (of, verifier) in &self.0 {
            match with(std::slice::from_ref(verifier)) {
                Ok(()) => {
                    let signed = timestamp.and_then(|seconds| seconds.parse::<i64>().ok()).unwrap_or_default();
                    return SignatureCheck::Verified { by: *of, age_seconds: now.as_seconds() - signed };
                }
                // That there is no signature of a secret's kind says little when another secret is of the right kind.
                Err(error) if wrong.is_none() || error == VerifyError::NoMatch => wrong = Some(error),
                Err(_) => {}
            }
        }
        wrong.map_or(SignatureCheck::NoSecret, SignatureCheck::Wrong)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::id::{Id, IdGenerator};
    use crate::domain::inbox::{INBOX_BODY_BYTES_MAX, Inbox, Received};
    use crate::domain::secret::EndpointSecret;
    use crate::domain::signature::{Signer, header};
    use crate::domain::time::Timestamp;

    const AT: Timestamp = Timestamp::from_ms(1_790_000_000_000);

    fn of_endpoint(is_current: bool) -> SecretOf {
        SecretOf::Endpoint { id: Id::from_number(8), application_id: Id::from_number(9), is_current }
    }

    /// A request that was signed with `secret` two seconds before it came.
    fn signed(secret: &EndpointSecret, body: Vec<u8>) -> InboxRequest {
        let signed_at = Timestamp::from_ms(AT.as_ms() - 2_000);
        let signature = header([&Signer::new(secret)], "msg_1", signed_at, &body);
        let timestamp = signed_at.as_seconds().to_string();
        let headers = [("webhook-id", "msg_1"), ("webhook-timestamp", &timestamp), ("webhook-signature", &signature)];
        let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
        let (id, environment_id) = (Id::from_number(1), Id::from_number(2));
        let inbox = Inbox::new(id, String::new(), environment_id, None, String::new(), AT);
        let received = Received { method: "POST".to_owned(), path: "/".to_owned(), headers, body: body.into() };
        InboxRequest::new(IdGenerator::starting_after(0, 0).next(AT), &inbox, received)
    }

    #[test]
    fn any_of_the_secrets_may_have_signed_and_it_is_said_which() {
        let (current, before) = (EndpointSecret::generate_ed25519(), EndpointSecret::generate_hmac());
        let secrets = [(of_endpoint(true), &current), (of_endpoint(false), &before)];
        let checker = SignatureChecker::new(secrets.map(|(of, secret)| (of, Verifier::new(secret))).into());
        for (of, secret) in secrets {
            let check = checker.check(&signed(secret, b"{}".to_vec()));
            assert_eq!(check, SignatureCheck::Verified { by: of, age_seconds: 2 });
        }
        let another = signed(&EndpointSecret::generate_hmac(), b"{}".to_vec());
        assert_eq!(checker.check(&another), SignatureCheck::Wrong(VerifyError::NoMatch));
        let changed = InboxRequest { body: b"[]".as_slice().into(), ..signed(&current, b"{}".to_vec()) };
        assert_eq!(checker.check(&changed).as_str(), "wrong");
        let only = SignatureChecker::new(vec![(of_endpoint(true), Verifier::new(&current))]);
        assert_eq!(only.check(&another), SignatureCheck::Wrong(VerifyError::NoSignature("v1a")));
    }

    #[test]
    fn what_is_wrong_with_the_headers_is_said_first() {
        let secret = EndpointSecret::generate_hmac();
        let none = SignatureChecker::new(Vec::new());
        let long = signed(&secret, vec![b'x'; INBOX_BODY_BYTES_MAX + 1]);
        assert_eq!(none.check(&long), SignatureCheck::BodyCut);
        assert_eq!(none.check(&signed(&secret, b"{}".to_vec())), SignatureCheck::NoSecret);
        let unsigned = InboxRequest { headers: Vec::new(), ..long };
        assert_eq!(none.check(&unsigned).as_str(), "unsigned");
    }
}
