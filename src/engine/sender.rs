//! Sends one request and says what it came to. It does not know deliveries, retries or signatures, never follows a
//! redirect, keeps no cookies and unpacks nothing (THREATS part C).

use std::error::Error;
use std::io;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{HOST, RETRY_AFTER};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Incoming};
use tokio::time::timeout;

use crate::clock::Clock;
use crate::domain::attempt::{
    Answer, AttemptError, AttemptErrorCode, AttemptReport, KEPT_BODY_BYTES_MAX, KEPT_HEADER_BYTES_MAX, Kept, Phases,
};
use crate::domain::target::{Scheme, Target, TargetError, TargetPolicy};
use crate::engine::connections::{Connection, Connections, HEAD_BYTES_MAX, RequestBody};
use crate::engine::connector::{Connector, refused, us_between};
use crate::engine::metered::EXHAUSTED;
use crate::engine::resolver::{DnsResolver, Resolver};
use crate::engine::tls::{Tls, TlsSetupError};

/// How much of an answer's body is read so that the connection can be used again; a longer one drops it (THREATS C03).
pub const READ_BODY_BYTES_MAX: usize = 64 * 1024;

/// The longest `retry-after` that can mean anything (THREATS C17).
const RETRY_AFTER_BYTES_MAX: usize = 64;

/// One request to a receiver.
#[derive(Clone, Debug)]
pub struct OutgoingRequest {
    /// How it is sent: POST, unless the endpoint's code wants another method.
    pub method: Method,
    /// Where it goes.
    pub target: Arc<Target>,
    /// All headers except `content-length` and, unless it is to differ from the URL's, `host`.
    pub headers: HeaderMap,
    /// The bytes that were signed.
    pub body: Bytes,
    /// Whether plain HTTP is refused though it was allowed when the URL was written (THREATS A30).
    pub https_only: bool,
}

/// Whether a request may still be written. It is asked when there is a connection to write it to, because opening one may
/// take longer than the right to send lasts.
pub type MayWrite<'a> = &'a (dyn Fn() -> bool + Send + Sync);

/// Sends requests; a simulation puts its own in the place of [`HttpSender`].
pub trait Sender: Send + Sync + 'static {
    /// Sends `request` and waits for the outcome, which is never later than the sender's deadline. `None` when it might no
    /// longer be written: nobody has seen anything of it.
    fn send(
        &self,
        request: OutgoingRequest,
        may_write: MayWrite<'_>,
    ) -> impl Future<Output = Option<AttemptReport>> + Send;
}

/// One sender for several who send.
impl<S: Sender> Sender for Arc<S> {
    async fn send(&self, request: OutgoingRequest, may_write: MayWrite<'_>) -> Option<AttemptReport> {
        S::send(self, request, may_write).await
    }
}

/// How an [`HttpSender`] behaves.
#[derive(Clone, Debug)]
pub struct SenderSettings {
    /// How long a request may take until the answer's head is there and its body read.
    pub deadline: Duration,
    /// How long connecting may take, after the name is looked up and before TLS.
    pub connect_budget: Duration,
    /// How long the TLS handshake may take (THREATS C26).
    pub tls_budget: Duration,
    /// How long an answer's body may take; success no longer depends on it (THREATS C04).
    pub body_budget: Duration,
    /// Whether the start of an answer's body is kept (THREATS C28).
    pub keeps_bodies: bool,
    /// How long an unused connection is kept open.
    pub idle_timeout: Duration,
    /// How many unused connections to one origin are kept open. Many endpoints may share one.
    pub idle_connections_max: usize,
    /// A PEM file with authorities to trust besides the machine's.
    pub authority_file: Option<PathBuf>,
}

impl Default for SenderSettings {
    fn default() -> Self {
        Self {
            deadline: Duration::from_secs(15),
            connect_budget: Duration::from_secs(5),
            tls_budget: Duration::from_secs(5),
            body_budget: Duration::from_secs(2),
            keeps_bodies: true,
            idle_timeout: Duration::from_secs(20),
            idle_connections_max: 1_024,
            authority_file: None,
        }
    }
}

/// Why a sender cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum SenderSetupError {
    /// Names cannot be looked up.
    #[error("cannot set up name lookups: {0}")]
    Resolver(String),
    /// TLS cannot be set up.
    #[error(transparent)]
    Tls(#[from] TlsSetupError),
}

/// Sends requests over HTTP/1.1 with kept connections.
pub struct HttpSender {
    connector: Connector,
    connections: Arc<Connections>,
    policy: Arc<TargetPolicy>,
    clock: Arc<dyn Clock>,
    deadline: Duration,
    body_budget: Duration,
    keeps_bodies: bool,
}

impl HttpSender {
    /// A sender that looks names up with the machine's name servers.
    pub fn new(
        settings: SenderSettings,
        policy: TargetPolicy,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, SenderSetupError> {
        let resolver = DnsResolver::from_system().map_err(SenderSetupError::Resolver)?;
        Self::with_resolver(settings, policy, clock, Arc::new(resolver))
    }

    /// A sender that looks names up with `resolver`.
    pub fn with_resolver(
        settings: SenderSettings,
        policy: TargetPolicy,
        clock: Arc<dyn Clock>,
        resolver: Arc<dyn Resolver>,
    ) -> Result<Self, SenderSetupError> {
        let policy = Arc::new(policy);
        let tls = Tls::new(settings.authority_file.as_deref(), settings.tls_budget)?;
        let connector = Connector::new(Arc::clone(&policy), resolver, tls, clock.clone(), settings.connect_budget);
        let connections = Connections::new(clock.clone(), settings.idle_timeout, settings.idle_connections_max);
        let SenderSettings { deadline, body_budget, keeps_bodies, .. } = settings;
        Ok(Self { connector, connections, policy, clock, deadline, body_budget, keeps_bodies })
    }

    /// Sends a request that was begun at `started`. Its duration is left for the caller to say.
    async fn exchange(
        &self,
        request: Request<RequestBody>,
        target: &Target,
        started: Duration,
        may_write: MayWrite<'_>,
    ) -> Option<AttemptReport> {
        let mut reached = None;
        let answering = timeout(self.deadline, self.answer(request, target, started, may_write, &mut reached)).await;
        let now = self.clock.monotonic();
        let phases = reached.as_ref().map(|reached| {
            let first_byte_us = matches!(answering, Ok(Ok(_))).then(|| us_between(reached.since, now));
            Phases { first_byte_us, ..reached.phases }
        });
        let remote_address = reached.map(|reached| reached.address);
        let result = match answering {
            Ok(Ok((response, mut connection))) => {
                let left = self.deadline.saturating_sub(now.saturating_sub(started));
                let budget = left.min(self.body_budget);
                let (answer, is_over) = read_answer(response, &mut connection, budget, self.keeps_bodies).await;
                if is_over {
                    self.connections.keep(target.origin(), connection, now).await;
                }
                Ok(answer)
            }
            Ok(Err(Unanswered::Withdrawn)) => return None,
            Ok(Err(Unanswered::Failed(error))) => Err(error),
            Err(_) => Err(self.timed_out(remote_address.is_some())),
        };
        Some(AttemptReport { duration_ms: 0, remote_address, phases, result })
    }

    /// The answer's head, and the connection that it came over; `reached` tells of the connection as soon as there is one.
    async fn answer(
        &self,
        mut request: Request<RequestBody>,
        target: &Target,
        started: Duration,
        may_write: MayWrite<'_>,
        reached: &mut Option<Reached>,
    ) -> Result<(Response<Incoming>, Box<Connection>), Unanswered> {
        while let Some(mut connection) = self.connections.take(target.origin(), started).await {
            *reached = Some(Reached { address: connection.address, phases: Phases::default(), since: started });
            withdraw_unless(may_write)?;
            match connection.send(request).await {
                Ok(response) => return Ok((bounded(response)?, connection)),
                // The receiver has closed it meanwhile, and has seen nothing of the request.
                Err(mut error) => match error.take_message() {
                    Some(unsent) => request = unsent,
                    None => return Err(explain(error.error()).into()),
                },
            }
        }
        *reached = None;
        // In a box, because it is seldom and long: without it every request would carry its room.
        let opened = Box::pin(self.connector.connect(target)).await?;
        *reached = Some(Reached { address: opened.address, phases: opened.phases, since: opened.since });
        let mut connection = Connection::new(opened.line, opened.address).await.map_err(|error| explain(&error))?;
        withdraw_unless(may_write)?;
        match connection.send(request).await {
            Ok(response) => Ok((bounded(response)?, connection)),
            Err(error) => Err(explain(error.error()).into()),
        }
    }

    fn timed_out(&self, was_connected: bool) -> AttemptError {
        let deadline_ms = self.deadline.as_millis();
        let detail = if was_connected {
            format!("the server did not answer within {deadline_ms} ms")
        } else {
            format!("there was no connection to the server within {deadline_ms} ms")
        };
        AttemptError::new(AttemptErrorCode::Timeout, detail)
    }
}

impl Sender for HttpSender {
    async fn send(&self, request: OutgoingRequest, may_write: MayWrite<'_>) -> Option<AttemptReport> {
        let started = self.clock.monotonic();
        let target = request.target.clone();
        let allowed = match request.https_only && target.scheme() == Scheme::Http {
            true => Err(TargetError::Scheme),
            false => self.policy.check_literal(&target),
        };
        let report = match allowed.map_err(refused).and_then(|()| form(request)) {
            Err(error) => AttemptReport::unsent(error),
            Ok(request) => self.exchange(request, &target, started, may_write).await?,
        };
        let duration = self.clock.monotonic().saturating_sub(started);
        Some(AttemptReport { duration_ms: u64::try_from(duration.as_millis()).unwrap_or(u64::MAX), ..report })
    }
}

/// Why there is no answer.
enum Unanswered {
    /// The request might no longer be written.
    Withdrawn,
    Failed(AttemptError),
}

impl From<AttemptError> for Unanswered {
    fn from(error: AttemptError) -> Self {
        Self::Failed(error)
    }
}

fn withdraw_unless(may_write: MayWrite<'_>) -> Result<(), Unanswered> {
    if may_write() { Ok(()) } else { Err(Unanswered::Withdrawn) }
}

/// The request as the HTTP library takes it.
fn form(outgoing: OutgoingRequest) -> Result<Request<RequestBody>, AttemptError> {
    let OutgoingRequest { method, target, mut headers, body, .. } = outgoing;
    let refused = || AttemptError::new(AttemptErrorCode::SenderError, "the request could not be formed");
    let uri = target.path_and_query().parse().map_err(|_| refused())?;
    if !headers.contains_key(HOST) {
        headers.insert(HOST, HeaderValue::from_str(target.authority()).map_err(|_| refused())?);
    }
    let mut request = Request::new(RequestBody::new(Full::new(body)));
    *request.method_mut() = method;
    *request.uri_mut() = uri;
    *request.headers_mut() = headers;
    Ok(request)
}

/// The connection that carries a request.
struct Reached {
    /// The address at the other end.
    address: IpAddr,
    /// How it was opened, if it was opened for this request.
    phases: Phases,
    /// When it was there to be used, by the monotonic clock.
    since: Duration,
}

/// Reads the rest of an answer; says also whether it is over, so that the connection can carry another.
async fn read_answer(
    response: Response<Incoming>,
    connection: &mut Connection,
    body_budget: Duration,
    keeps_bodies: bool,
) -> (Answer, bool) {
    let (head, body) = response.into_parts();
    let mut answer = Answer {
        status: head.status.as_u16(),
        headers: keep_headers(&head.headers),
        retry_after: keep_retry_after(&head.headers),
        ..Answer::default()
    };
    let mut is_over = true;
    if !body.is_end_stream() {
        let most = if keeps_bodies { KEPT_BODY_BYTES_MAX } else { 0 };
        let reading = connection.carry(read_body(body, &mut answer.body, most));
        let read_bytes = timeout(body_budget, reading).await.unwrap_or_default();
        is_over = read_bytes.is_some();
        answer.kept = match read_bytes {
            _ if !keeps_bodies => Kept::Nothing,
            Some(0..=KEPT_BODY_BYTES_MAX) => Kept::Whole,
            _ => Kept::Start,
        };
    }
    (answer, is_over)
}

/// Reads the body to its end and keeps its start in `kept`, `most` bytes of it; gives how long it was. `None` when it has no
/// end, or none within [`READ_BODY_BYTES_MAX`].
async fn read_body(mut body: Incoming, kept: &mut Vec<u8>, most: usize) -> Option<usize> {
    let mut read_bytes = 0;
    while let Some(frame) = body.frame().await {
        let frame = frame.ok()?;
        let Some(data) = frame.data_ref() else { continue };
        read_bytes += data.len();
        let room = most - kept.len();
        kept.extend_from_slice(&data[..data.len().min(room)]);
        if read_bytes > READ_BODY_BYTES_MAX {
            return None;
        }
    }
    Some(read_bytes)
}

/// The answer, unless its head is too long: what the HTTP library reads at once may be more than it was told to hold.
fn bounded(response: Response<Incoming>) -> Result<Response<Incoming>, AttemptError> {
    let line_bytes = |(name, value): (&HeaderName, &HeaderValue)| name.as_str().len() + ": \r\n".len() + value.len();
    let head_bytes: usize = response.headers().iter().map(line_bytes).sum();
    if head_bytes > HEAD_BYTES_MAX { Err(head_too_large()) } else { Ok(response) }
}

fn head_too_large() -> AttemptError {
    AttemptError::new(AttemptErrorCode::ResponseHeadTooLarge, "the answer's headers are too many or too long")
}

fn keep_headers(headers: &HeaderMap) -> Vec<(String, String)> {
    let mut room = KEPT_HEADER_BYTES_MAX;
    let mut kept = Vec::with_capacity(headers.len());
    for (name, value) in headers {
        let Some(left) = room.checked_sub(name.as_str().len() + value.len()) else { break };
        room = left;
        kept.push((name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned()));
    }
    kept
}

fn keep_retry_after(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(RETRY_AFTER)?.to_str().ok()?;
    (value.len() <= RETRY_AFTER_BYTES_MAX).then(|| value.to_owned())
}

/// Finds out why there is no answer.
fn explain(error: &hyper::Error) -> AttemptError {
    use AttemptErrorCode as Code;
    if error.is_parse_too_large() {
        return head_too_large();
    }
    if error.is_parse() {
        return AttemptError::new(Code::ResponseInvalid, "the answer is not HTTP/1.1");
    }
    if error.is_user() {
        return AttemptError::new(Code::SenderError, "the request could not be formed");
    }
    let causes = || std::iter::successors(error.source(), |&cause| cause.source());
    match causes().find_map(|cause| cause.downcast_ref::<io::Error>()).map(io::Error::kind) {
        Some(io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionAborted) => {
            AttemptError::new(Code::ConnectionReset, "the connection was reset before the answer was complete")
        }
        Some(EXHAUSTED) => head_too_large(),
        Some(io::ErrorKind::TimedOut) => {
            AttemptError::new(Code::Timeout, "the server stopped answering on an open connection")
        }
        _ => {
            AttemptError::new(Code::ConnectionClosed, "the server closed the connection before its answer was complete")
        }
    }
}
