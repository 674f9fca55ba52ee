//! What one HTTP request to an endpoint came to: an answer, or the reason why there is none. It does not decide
//! whether the delivery is done, and does not know how the request was made.

use std::net::IpAddr;

/// How much of an answer's body is kept.
pub const KEPT_BODY_BYTES_MAX: usize = 16 * 1024;

/// How much of an answer's headers is kept, names and values together.
pub const KEPT_HEADER_BYTES_MAX: usize = 8 * 1024;

/// What an attempt came to, as it is recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttemptReport {
    /// How long it took from the start until the answer was read or had failed, in milliseconds.
    pub duration_ms: u64,
    /// The address that the request went to, once there was a connection.
    pub remote_address: Option<IpAddr>,
    /// How long its parts took, once there was a connection.
    pub phases: Option<Phases>,
    /// The receiver's answer, whatever its status, or why there is none.
    pub result: Result<Answer, AttemptError>,
}

/// How long the parts of a request took, one after the other, in microseconds. The rest of its time was spent on the
/// answer's body.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Phases {
    /// Looking up the host's name; `None` when the URL has an address.
    pub dns_us: Option<u32>,
    /// Connecting; `None` when a connection was used that had been open already.
    pub connect_us: Option<u32>,
    /// The TLS handshake; `None` for a plain connection.
    pub tls_us: Option<u32>,
    /// From having the connection until the answer's head was there; `None` when it never was.
    pub first_byte_us: Option<u32>,
}

impl Phases {
    /// Whether the request went over a connection that an earlier one had opened.
    pub fn is_reused(&self) -> bool {
        self.connect_us.is_none()
    }
}

/// How much of an answer's body is kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Kept {
    /// All of it.
    #[default]
    Whole,
    /// Its start: it was longer than what is kept, or stopped before its end.
    Start,
    /// Nothing, as the operator wants it (THREATS C28).
    Nothing,
}

impl Kept {
    /// The number in the store.
    pub const fn code(self) -> i64 {
        match self {
            Self::Whole => 0,
            Self::Start => 1,
            Self::Nothing => 2,
        }
    }

    /// Reads the number in the store.
    pub const fn from_code(code: i64) -> Self {
        match code {
            0 => Self::Whole,
            2 => Self::Nothing,
            _ => Self::Start,
        }
    }
}

/// A receiver's answer: status and headers arrived whole, the body as far as it came.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// The HTTP status code.
    pub status: u16,
    /// The headers in order, at most [`KEPT_HEADER_BYTES_MAX`]; names in lower case, values with anything that is not
    /// UTF-8 replaced.
    pub headers: Vec<(String, String)>,
    /// The start of the body as it came, at most [`KEPT_BODY_BYTES_MAX`]; never decompressed (THREATS C09).
    pub body: Vec<u8>,
    /// How much of the body that is.
    pub kept: Kept,
    /// The `retry-after` header as given; not yet read as a time.
    pub retry_after: Option<String>,
}

impl Answer {
    /// What its status means and what to do about it, in one sentence for the endpoint's owner.
    pub fn explanation(&self) -> &'static str {
        match self.status {
            200..300 => "The endpoint took the message.",
            300..400 => "Redirects are not followed; register the URL that it points to.",
            401 | 403 => {
                "Your server asks for credentials or forbids the request; verify the signature instead, or give the \
                 endpoint the header that your server wants."
            }
            404 => "Your server has nothing at this URL; check its path.",
            410 => "Your server says that this URL is gone for good; register another.",
            429 => "Your server is busy; it is asked again later.",
            400..500 => "Your server refused the request; its log or the answer's body says why.",
            _ => "Your server failed; its log says why.",
        }
    }
}

/// What an attempt shows of its endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shown {
    /// It took the message.
    Took,
    /// It is there, and did not want the message.
    Refused,
    /// It is not there, or says itself that it can't at the moment.
    Down,
    /// Nothing: the attempt failed for a reason that lies with Cornet.
    Nothing,
}

impl AttemptReport {
    /// What it shows of the endpoint.
    pub fn shows(&self) -> Shown {
        match &self.result {
            Ok(_) if self.succeeded() => Shown::Took,
            Ok(Answer { status: 408 | 429 | 500.., .. }) => Shown::Down,
            Ok(_) => Shown::Refused,
            Err(error) if error.code.is_ours() => Shown::Nothing,
            Err(_) => Shown::Down,
        }
    }

    /// Nothing was sent, at once, because of `error`.
    pub fn unsent(error: AttemptError) -> Self {
        Self { duration_ms: 0, remote_address: None, phases: None, result: Err(error) }
    }

    /// Whether the endpoint took the message: only a 2xx status says so (SEEDS A15).
    pub fn succeeded(&self) -> bool {
        matches!(&self.result, Ok(answer) if (200..300).contains(&answer.status))
    }
}

/// Why an attempt got no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}: {detail}", code.as_str())]
pub struct AttemptError {
    /// The kind of failure.
    pub code: AttemptErrorCode,
    /// What happened this time, for the endpoint's owner; holds no address that was looked up (THREATS C27).
    pub detail: String,
}

impl AttemptError {
    /// A failure of the kind `code`; `detail` says what happened this time.
    pub fn new(code: AttemptErrorCode, detail: impl Into<String>) -> Self {
        Self { code, detail: detail.into() }
    }
}

/// The kinds of failure. Their names are stored and shown by the API, so they stay.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AttemptErrorCode {
    /// The target is not one that deliveries may go to; nothing was sent.
    TargetForbidden,
    /// The host name has no address.
    DnsError,
    /// The name servers did not answer in time.
    DnsTimeout,
    /// The receiver's machine refused the connection.
    ConnectRefused,
    /// The receiver's machine did not answer the connection in time.
    ConnectTimeout,
    /// The connection could not be made for another reason.
    ConnectError,
    /// The TLS handshake failed.
    TlsError,
    /// The TLS handshake did not end in time.
    TlsTimeout,
    /// The two sides share no TLS version or cipher.
    TlsNoSharedCipher,
    /// No complete answer head came within the deadline.
    Timeout,
    /// The receiver closed the connection before its answer was complete.
    ConnectionClosed,
    /// The connection was reset before the answer was complete.
    ConnectionReset,
    /// What came back is not HTTP/1.1.
    ResponseInvalid,
    /// The answer's headers are too many or too long.
    ResponseHeadTooLarge,
    /// The stored payload does not match its checksum; nothing was sent.
    PayloadCorrupt,
    /// The endpoint's transformation failed; nothing was sent.
    Transformation,
    /// The endpoint's transformation wanted nothing to be sent.
    TransformationCancelled,
    /// Cornet stopped before the outcome was recorded.
    OutcomeUnknown,
    /// Cornet's own machine could not make the request.
    SenderError,
}

impl AttemptErrorCode {
    /// Every kind of failure.
    pub const ALL: [AttemptErrorCode; 19] = [
        Self::TargetForbidden,
        Self::DnsError,
        Self::DnsTimeout,
        Self::ConnectRefused,
        Self::ConnectTimeout,
        Self::ConnectError,
        Self::TlsError,
        Self::TlsTimeout,
        Self::TlsNoSharedCipher,
        Self::Timeout,
        Self::ConnectionClosed,
        Self::ConnectionReset,
        Self::ResponseInvalid,
        Self::ResponseHeadTooLarge,
        Self::PayloadCorrupt,
        Self::Transformation,
        Self::TransformationCancelled,
        Self::OutcomeUnknown,
        Self::SenderError,
    ];

    /// The name under which it is stored and shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::TargetForbidden => "target_forbidden",
            Self::DnsError => "dns_error",
            Self::DnsTimeout => "dns_timeout",
            Self::ConnectRefused => "connect_refused",
            Self::ConnectTimeout => "connect_timeout",
            Self::ConnectError => "connect_error",
            Self::TlsError => "tls_error",
            Self::TlsTimeout => "tls_timeout",
            Self::TlsNoSharedCipher => "tls_no_shared_cipher",
            Self::Timeout => "timeout",
            Self::ConnectionClosed => "connection_closed",
            Self::ConnectionReset => "connection_reset",
            Self::ResponseInvalid => "response_invalid",
            Self::ResponseHeadTooLarge => "response_head_too_large",
            Self::PayloadCorrupt => "payload_corrupt",
            Self::Transformation => "transformation",
            Self::TransformationCancelled => "transformation_cancelled",
            Self::OutcomeUnknown => "outcome_unknown",
            Self::SenderError => "sender_error",
        }
    }

    /// Whether it says nothing of the receiver, but of Cornet, what is around it, or the endpoint's own code.
    pub fn is_ours(self) -> bool {
        matches!(
            self,
            Self::TargetForbidden
                | Self::DnsTimeout
                | Self::PayloadCorrupt
                | Self::Transformation
                | Self::TransformationCancelled
                | Self::OutcomeUnknown
                | Self::SenderError
        )
    }

    /// The kind of failure with this name; `None` when there is none.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|code| code.as_str() == name)
    }

    /// What it means and what to do about it, in one sentence for the endpoint's owner.
    pub fn explanation(self) -> &'static str {
        match self {
            Self::TargetForbidden => {
                "Cornet does not deliver to this address; use a URL whose host is on the public internet, or let \
                 the operator allow its network."
            }
            Self::DnsError => {
                "The host name has no address; check its spelling and that its DNS records are published."
            }
            Self::DnsTimeout => "The name servers for the host did not answer in time; check that they are up.",
            Self::ConnectRefused => {
                "Your server refused the connection; check that it is running and listens on this port."
            }
            Self::ConnectTimeout => {
                "Your server did not answer the connection; check that it is up and that no firewall drops it."
            }
            Self::ConnectError => "Your server could not be reached; check its network and its firewall.",
            Self::TlsError => {
                "A secure connection could not be made; check that the certificate is valid, complete and issued \
                 for this host."
            }
            Self::TlsTimeout => "The TLS handshake did not end in time; check that this port speaks TLS.",
            Self::TlsNoSharedCipher => {
                "Your server and Cornet share no TLS version or cipher; enable TLS 1.2 or 1.3 with an ECDHE AES-GCM \
                 or ChaCha20 cipher."
            }
            Self::Timeout => {
                "Your server did not answer in time; answer with a 2xx status at once and do the work afterwards."
            }
            Self::ConnectionClosed => {
                "Your server closed the connection before it answered; look for a crash or a proxy limit."
            }
            Self::ConnectionReset => {
                "The connection was cut before your server answered; look for a crash, a firewall or a proxy limit."
            }
            Self::ResponseInvalid => {
                "What came back is not an HTTP/1.1 answer; check that the URL names an HTTP server and the right \
                 port."
            }
            Self::ResponseHeadTooLarge => {
                "The answer has more than 100 headers or 64 KiB of them; send fewer or shorter headers."
            }
            Self::PayloadCorrupt => {
                "The stored payload no longer matches its checksum and was not sent; ask the operator to check the \
                 storage and post the message again."
            }
            Self::Transformation => {
                "The endpoint's transformation failed on this message and nothing was sent; mend its code, and the next \
                 attempt runs it."
            }
            Self::TransformationCancelled => {
                "The endpoint's transformation answered `cancel: true`, so nothing was sent and nothing will be; resend \
                 the message to run it again."
            }
            Self::OutcomeUnknown => {
                "Cornet stopped before it learned the outcome; it sends the message again with the same webhook-id."
            }
            Self::SenderError => {
                "Cornet's own machine could not make the request; this is no fault of your server and is tried \
                 again."
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Answer, AttemptError, AttemptErrorCode, AttemptReport, Shown};

    #[test]
    fn every_code_is_read_as_it_is_shown_and_explained_in_one_sentence() {
        for code in AttemptErrorCode::ALL {
            assert_eq!(AttemptErrorCode::parse(code.as_str()), Some(code));
            assert!(code.explanation().ends_with('.') && !code.explanation().contains(". "), "{code:?}");
        }
        assert_eq!(AttemptErrorCode::parse("nonsense"), None);
    }

    #[test]
    fn no_answer_and_a_servers_own_failures_show_that_it_is_down_and_our_own_show_nothing() {
        let shows = |result| AttemptReport { duration_ms: 1, remote_address: None, phases: None, result }.shows();
        for (status, shown) in [
            (204, Shown::Took),
            (302, Shown::Refused),
            (404, Shown::Refused),
            (408, Shown::Down),
            (410, Shown::Refused),
            (429, Shown::Down),
            (503, Shown::Down),
        ] {
            assert_eq!(shows(Ok(Answer { status, ..Answer::default() })), shown, "{status}");
        }
        for (code, shown) in [
            (AttemptErrorCode::ConnectRefused, Shown::Down),
            (AttemptErrorCode::Timeout, Shown::Down),
            (AttemptErrorCode::DnsError, Shown::Down),
            (AttemptErrorCode::DnsTimeout, Shown::Nothing),
            (AttemptErrorCode::TargetForbidden, Shown::Nothing),
        ] {
            assert_eq!(shows(Err(AttemptError::new(code, "why"))), shown, "{code:?}");
        }
    }

    #[test]
    fn every_status_is_explained_in_one_sentence() {
        for status in 100..600 {
            let explanation = Answer { status, ..Answer::default() }.explanation();
            assert!(explanation.ends_with('.') && !explanation.contains(". "), "{status}");
        }
    }
}
