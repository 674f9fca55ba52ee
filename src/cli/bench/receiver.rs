//! The receiver of the benchmark: takes what is posted to `/ok/…` at once and counts it with the time that it took from
//! its producer, answers `/slow/…` late and `/hang/…` never. It looks at no signature unless it is asked to.

use std::net::{Ipv4Addr, SocketAddr};
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::http::{Framed, find};
use super::latency::Latencies;
use super::role::{self, SENT, SENT_DIGITS};
use crate::clock::{Clock, SystemClock};
use crate::domain::signature::{SignedHeaders, TOLERANCE, Verifier, verify};

const ANSWER: &[u8] = b"HTTP/1.1 204 No Content\r\n\r\n";
/// How long a slow endpoint takes.
const SLOW: Duration = Duration::from_secs(5);
/// How much is read at a time.
const BUFFER_BYTES: usize = 64 * 1024;
/// How far into a message its time is looked for.
const SENT_WITHIN: usize = 256;

/// What the receiver is to do.
#[derive(Debug, Default, Deserialize, Serialize)]
pub(super) struct Orders {
    /// The secret that every message must be signed with; `None` is not to look.
    pub(super) secret: Option<String>,
}

/// Where it listens.
#[derive(Debug, Deserialize, Serialize)]
pub(super) struct Listening {
    pub(super) address: SocketAddr,
}

/// What is asked of it afterwards, as often as somebody likes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub(super) enum Ask {
    /// What has arrived so far.
    Look,
    /// The same, and to forget it.
    Take,
}

/// What has arrived.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub(super) struct Arrivals {
    /// Messages to `/ok/…`.
    pub(super) count: u64,
    /// How many of them were not signed as they must be.
    pub(super) unsigned: u64,
    /// When the first came, by the machine's monotonic clock.
    pub(super) first: Duration,
    /// When the last came.
    pub(super) last: Duration,
    /// From the producer's time to the arrival: the median, in milliseconds.
    pub(super) p50_ms: f64,
    /// The same for the slowest of a hundred.
    pub(super) p99_ms: f64,
}

/// Receives until the benchmark ends.
pub(super) fn run() -> anyhow::Result<ExitCode> {
    role::run(receive)
}

async fn receive(orders: Orders) -> anyhow::Result<()> {
    // A thousand hanging endpoints hold many connections.
    let most = getrlimit(Resource::Nofile).maximum;
    setrlimit(Resource::Nofile, Rlimit { current: most, maximum: most })?;
    let verifier = orders.secret.as_deref().map(Verifier::parse).transpose()?;
    let receiver = Arc::new(Receiver { clock: SystemClock::default(), verifier, seen: Mutex::default() });
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    role::say(&Listening { address: listener.local_addr()? })?;
    let inside = receiver.clone();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(attend(inside.clone(), stream));
        }
    });
    let mut asked = role::further_orders();
    while let Some(line) = asked.next_line().await? {
        role::say(&receiver.answer(serde_json::from_str(&line)?))?;
    }
    Ok(())
}

struct Receiver {
    clock: SystemClock,
    verifier: Option<Verifier>,
    seen: Mutex<Seen>,
}

#[derive(Default)]
struct Seen {
    arrivals: Arrivals,
    latencies: Latencies,
}

impl Receiver {
    fn answer(&self, ask: Ask) -> Arrivals {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.arrivals.p50_ms = seen.latencies.quantile_ms(0.5);
        seen.arrivals.p99_ms = seen.latencies.quantile_ms(0.99);
        match ask {
            Ask::Look => seen.arrivals.clone(),
            Ask::Take => std::mem::take(&mut *seen).arrivals,
        }
    }

    fn count(&self, request: &Framed<'_>) {
        let now = self.clock.monotonic();
        let unsigned = self.verifier.as_ref().is_some_and(|verifier| !self.is_signed(verifier, request));
        let sent = sent(request.body);
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.arrivals.count == 0 {
            seen.arrivals.first = now;
        }
        seen.arrivals.count += 1;
        seen.arrivals.unsigned += u64::from(unsigned);
        seen.arrivals.last = now;
        if let Some(sent) = sent {
            seen.latencies.add(now.saturating_sub(sent));
        }
    }

    fn is_signed(&self, verifier: &Verifier, request: &Framed<'_>) -> bool {
        let headers = SignedHeaders {
            id: request.header("webhook-id"),
            timestamp: request.header("webhook-timestamp"),
            signature: request.header("webhook-signature"),
        };
        verify(std::slice::from_ref(verifier), headers, request.body, TOLERANCE, self.clock.now()).is_ok()
    }
}

/// When the producer sent this message, by the machine's monotonic clock.
fn sent(body: &[u8]) -> Option<Duration> {
    let at = find(&body[..body.len().min(SENT_WITHIN)], SENT)? + SENT.len();
    let digits = std::str::from_utf8(body.get(at..at + SENT_DIGITS)?).ok()?;
    digits.parse().ok().map(Duration::from_nanos)
}

/// Answers what comes over one connection, until its other end closes it.
async fn attend(receiver: Arc<Receiver>, mut stream: TcpStream) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut buffer = Vec::with_capacity(BUFFER_BYTES);
    while stream.read_buf(&mut buffer).await? > 0 {
        let mut used = 0;
        while let Some(request) = Framed::read(&buffer[used..]) {
            used += request.bytes();
            match request.path() {
                path if path.starts_with(b"/hang/") => continue,
                path if path.starts_with(b"/slow/") => tokio::time::sleep(SLOW).await,
                _ => receiver.count(&request),
            }
            stream.write_all(ANSWER).await?;
        }
        buffer.drain(..used);
    }
    Ok(())
}
