//! What receivers answer. A head is read by the very sender that deliveries are made with, over a connection on loopback.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use cornet::clock::SystemClock;
use cornet::domain::attempt::{AttemptReport, KEPT_BODY_BYTES_MAX, KEPT_HEADER_BYTES_MAX};
use cornet::domain::header;
use cornet::domain::retry::{RETRY_AFTER_MAX, delay_after_answer, parse_retry_after};
use cornet::domain::target::{Target, TargetPolicy};
use cornet::domain::time::Timestamp;
use cornet::domain::transformation::{TRANSFORMED_BYTES_MAX, Transformed};
use cornet::engine::sender::{HttpSender, OutgoingRequest, Sender as _, SenderSettings};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

/// The longest that an answer on loopback may keep its sender: nothing here waits for a deadline.
const SOON: Duration = Duration::from_secs(10);

/// `Retry-After`: seconds are the number that stands there, a date never makes it longer than may be, and no answer makes a
/// delay shorter.
pub fn retry_after(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else { return };
    let bare = text.trim_matches([' ', '\t']);
    let is_number = !bare.is_empty() && bare.bytes().all(|byte| byte.is_ascii_digit());
    for now in [0, 1, 951_782_400_000, 1_800_000_000_000, 253_402_300_799_000, i64::MIN, i64::MAX] {
        let read = parse_retry_after(text, Timestamp::from_ms(now));
        assert!(read.is_none_or(|delay| delay <= RETRY_AFTER_MAX), "{text}");
        let seconds = bare.parse::<u32>().ok().filter(|_| is_number && bare.len() <= 64);
        if is_number {
            assert_eq!(read, seconds.map(|seconds| RETRY_AFTER_MAX.min(Duration::from_secs(seconds.into()))), "{text}");
        }
        let own = Duration::from_secs(30);
        for status in [200, 429, 500, 503] {
            let delay = delay_after_answer(own, status, read);
            assert!((own..=RETRY_AFTER_MAX).contains(&delay), "{delay:?} after {status} and {text}");
        }
    }
}

/// A receiver and the sender that is tried on it.
struct Exchange {
    runtime: Runtime,
    listener: TcpListener,
    address: SocketAddr,
    sender: HttpSender,
}

impl Exchange {
    fn new() -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).expect("a port on loopback");
        let address = listener.local_addr().expect("the port has a number");
        let policy = TargetPolicy::allowing("127.0.0.0/8").expect("loopback is a network");
        // No connection is used twice, so that each answer is an answer to its own request.
        let settings = SenderSettings { deadline: SOON, idle_timeout: Duration::ZERO, ..SenderSettings::default() };
        let clock = Arc::new(SystemClock::default());
        let sender = runtime.block_on(async { HttpSender::new(settings, policy, clock) }).expect("a sender");
        Self { runtime, listener, address, sender }
    }

    /// Sends a request that is answered with these bytes and the end of the connection.
    fn answered_with(&self, answer: &[u8]) -> AttemptReport {
        let target = Target::parse(&format!("http://{}/", self.address)).expect("the port has a URL");
        let headers = http::HeaderMap::new();
        let request = OutgoingRequest {
            method: http::Method::POST,
            target: target.into(),
            headers,
            body: Bytes::new(),
            https_only: false,
        };
        self.runtime.block_on(async {
            let answering = async {
                let (mut stream, _) = self.listener.accept().await.expect("the sender comes");
                let mut asked = Vec::new();
                while !asked.ends_with(b"\r\n\r\n") && stream.read_buf(&mut asked).await.is_ok_and(|read| read > 0) {}
                // The sender may have had enough before the end.
                stream.write_all(answer).await.ok();
                stream.shutdown().await.ok();
                stream
            };
            let (report, _) = tokio::join!(self.sender.send(request, &|| true), answering);
            report.expect("it may be written")
        })
    }
}

thread_local! {
    static EXCHANGE: Exchange = Exchange::new();
}

/// An answer, from its first byte to its last: an attempt ends at once, in bounds and in words, and it succeeds only when
/// the answer says so at its beginning.
pub fn response_head(bytes: &[u8]) {
    let report = EXCHANGE.with(|exchange| exchange.answered_with(bytes));
    assert!(u128::from(report.duration_ms) < SOON.as_millis(), "it took {} ms", report.duration_ms);
    let succeeded = report.succeeded();
    match report.result {
        Ok(answer) => {
            let headers: usize = answer.headers.iter().map(|(name, value)| name.len() + value.len()).sum();
            assert!((100..1000).contains(&answer.status), "{}", answer.status);
            // What is not UTF-8 takes three bytes where it took one.
            assert!(answer.body.len() <= KEPT_BODY_BYTES_MAX && headers <= 3 * KEPT_HEADER_BYTES_MAX);
            assert_eq!(succeeded, (200..300).contains(&answer.status));
            let code = answer.status.to_string();
            assert!(bytes.windows(code.len()).any(|piece| piece == code.as_bytes()), "nobody answered {code}");
            if let Some(asked) = answer.retry_after {
                parse_retry_after(&asked, Timestamp::EPOCH);
            }
        }
        Err(error) => assert!(!succeeded && !error.detail.is_empty()),
    }
}

/// What the code of a transformation answers: whatever is taken of it can be sent by the rules of endpoints.
pub fn transformed(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else { return };
    let url = Target::parse("https://example.com/hook").expect("a URL");
    let Ok(Transformed::Changed(change)) = Transformed::read(text, &url) else { return };
    let (_, body) = text.split_once('\n').expect("what is taken has two lines");
    assert_eq!(change.body.unwrap_or_default(), body, "the body is the second line");
    assert!(body.len() <= TRANSFORMED_BYTES_MAX);
    assert!(["POST", "PUT", "PATCH"].contains(&change.method.as_str()));
    if let Some(target) = change.target {
        assert!(Target::parse(target.as_str()).is_ok() && target.as_str() != url.as_str());
    }
    for (name, value) in &change.headers {
        assert!(!header::is_reserved(name) && *name == name.to_ascii_lowercase(), "{name}");
        assert!(
            http::HeaderName::try_from(name).is_ok() && http::HeaderValue::try_from(value).is_ok(),
            "{name}: {value}"
        );
    }
}
