//! Opens connections to receivers, and only to addresses that the policy permits: literal ones, every one that a name
//! resolves to, and the one that was reached (THREATS part B). Proxies in the environment are ignored (THREATS A44). It
//! knows nothing of HTTP beyond the URL's host, port and scheme.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use http::Uri;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::client::legacy::connect::{Connected, Connection};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::client::TlsStream;
use tokio_util::either::Either;
use tower::Service;

use crate::clock::Clock;
use crate::domain::attempt::{AttemptError, AttemptErrorCode, Phases};
use crate::domain::target::{Scheme, TargetError, TargetPolicy};
use crate::engine::resolver::Resolver;
use crate::engine::tls::Tls;

/// How many addresses of a name are tried before giving up.
const ADDRESSES_TRIED_MAX: usize = 4;

/// Opens connections for the HTTP client; cloning it shares everything.
#[derive(Clone)]
pub struct Connector {
    shared: Arc<Shared>,
}

struct Shared {
    policy: Arc<TargetPolicy>,
    resolver: Arc<dyn Resolver>,
    tls: Tls,
    clock: Arc<dyn Clock>,
    connect_budget: Duration,
}

impl Connector {
    /// `connect_budget` is how long it may take to reach one of a name's addresses.
    pub fn new(
        policy: Arc<TargetPolicy>,
        resolver: Arc<dyn Resolver>,
        tls: Tls,
        clock: Arc<dyn Clock>,
        connect_budget: Duration,
    ) -> Self {
        Self { shared: Arc::new(Shared { policy, resolver, tls, clock, connect_budget }) }
    }
}

impl Service<Uri> for Connector {
    type Response = Receiver;
    type Error = AttemptError;
    type Future = Pin<Box<dyn Future<Output = Result<Receiver, AttemptError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), AttemptError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let shared = Arc::clone(&self.shared);
        Box::pin(async move { shared.connect(&uri).await })
    }
}

impl Shared {
    async fn connect(&self, uri: &Uri) -> Result<Receiver, AttemptError> {
        let host = uri.host().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
        let scheme = if uri.scheme_str() == Some("http") { Scheme::Http } else { Scheme::Https };
        let port = uri.port_u16().unwrap_or(scheme.default_port());
        let began = self.clock.monotonic();
        let addresses = self.find(host, port).await?;
        let found = self.clock.monotonic();
        let stream = self.reach(&addresses).await?;
        let peer = stream.peer_addr().map_err(|error| explain(&error))?;
        if !self.policy.permits_socket(peer) {
            return Err(refused(TargetError::Forbidden));
        }
        stream.set_nodelay(true).map_err(|error| explain(&error))?;
        let reached = self.clock.monotonic();
        let stream = match scheme {
            Scheme::Http => Either::Left(stream),
            Scheme::Https => Either::Right(Box::new(self.tls.handshake(host, stream).await?)),
        };
        let ended = self.clock.monotonic();
        let phases = Phases {
            dns_us: host.parse::<IpAddr>().is_err().then(|| us_between(began, found)),
            connect_us: Some(us_between(found, reached)),
            tls_us: (scheme == Scheme::Https).then(|| us_between(reached, ended)),
            first_byte_us: None,
        };
        let opening = Arc::new(Opening { began, ended, phases, is_told: AtomicBool::new(false) });
        Ok(Receiver { stream: TokioIo::new(stream), reached: Reached { address: peer.ip(), opening } })
    }

    /// The addresses of `host` that may be connected to.
    async fn find(&self, host: &str, port: u16) -> Result<Vec<SocketAddr>, AttemptError> {
        let addresses = match host.parse::<IpAddr>() {
            Ok(address) => vec![address],
            Err(_) => self.resolver.lookup(host).await?,
        };
        if addresses.is_empty() {
            return Err(AttemptError::new(AttemptErrorCode::DnsError, format!("the name `{host}` has no address")));
        }
        let sockets = addresses.iter().map(|address| SocketAddr::new(*address, port)).collect();
        self.policy.vet(host, sockets).map_err(|reason| {
            // The operator may see where the name leads; the tenant, who reads the error, may not.
            tracing::warn!(host, ?addresses, "refused to connect to a host with a forbidden address");
            refused(reason)
        })
    }

    /// Tries the addresses in turn, each within its share of the budget; gives the first connection, or the last error.
    async fn reach(&self, addresses: &[SocketAddr]) -> Result<TcpStream, AttemptError> {
        let tried = addresses.len().clamp(1, ADDRESSES_TRIED_MAX);
        let share = self.connect_budget / u32::try_from(tried).unwrap_or(1);
        let mut failure = refused(TargetError::Forbidden);
        for address in addresses.iter().take(tried) {
            failure = match timeout(share, TcpStream::connect(*address)).await {
                Ok(Ok(stream)) => return Ok(stream),
                Ok(Err(error)) => explain(&error),
                Err(_) => explain(&io::ErrorKind::TimedOut.into()),
            };
        }
        Err(failure)
    }
}

/// The error for a target that the policy refuses. It is the same for every forbidden address, so that it tells nothing
/// about the inside (THREATS C27).
pub(crate) fn refused(reason: TargetError) -> AttemptError {
    AttemptError::new(AttemptErrorCode::TargetForbidden, reason.to_string())
}

fn explain(error: &io::Error) -> AttemptError {
    use rustix::io::Errno;
    let is_exhausted = [Errno::MFILE, Errno::NFILE, Errno::ADDRNOTAVAIL, Errno::NOBUFS, Errno::NOMEM]
        .iter()
        .any(|exhausted| error.raw_os_error() == Some(exhausted.raw_os_error()));
    let (code, detail) = match error.kind() {
        _ if is_exhausted => (AttemptErrorCode::SenderError, "this machine has no sockets left"),
        io::ErrorKind::ConnectionRefused => (AttemptErrorCode::ConnectRefused, "the server refused the connection"),
        io::ErrorKind::TimedOut => {
            (AttemptErrorCode::ConnectTimeout, "the server did not answer the connection in time")
        }
        io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => {
            (AttemptErrorCode::ConnectError, "there is no route to the server")
        }
        _ => (AttemptErrorCode::ConnectError, "the connection could not be made"),
    };
    AttemptError::new(code, detail)
}

/// What is known of a connection, as the HTTP client hands it back with each request that it carries.
#[derive(Clone, Debug)]
pub struct Reached {
    /// The address at the other end.
    pub address: IpAddr,
    /// How it was opened.
    pub opening: Arc<Opening>,
}

/// How a connection was opened; times are the clock's monotonic ones.
#[derive(Debug)]
pub struct Opening {
    began: Duration,
    ended: Duration,
    phases: Phases,
    is_told: AtomicBool,
}

impl Opening {
    /// The phases of a request that was begun at `started` and whose answer's head was there at `answered`. The first
    /// one has waited for the opening; for each further one the connection was open, and so it was for one that was
    /// begun later: the client may open a connection for a request and find it another one meanwhile.
    pub fn phases(&self, started: Duration, answered: Option<Duration>) -> Phases {
        let has_waited = self.began >= started && !self.is_told.swap(true, Ordering::Relaxed);
        let (phases, open) = if has_waited { (self.phases, self.ended) } else { (Phases::default(), started) };
        Phases { first_byte_us: answered.map(|answered| us_between(open, answered)), ..phases }
    }
}

/// Whole microseconds between two times; more than an hour counts as one.
fn us_between(earlier: Duration, later: Duration) -> u32 {
    const HOUR_US: u32 = 3_600_000_000;
    u32::try_from(later.saturating_sub(earlier).as_micros()).map_or(HOUR_US, |us| us.min(HOUR_US))
}

/// An open connection to a receiver, plain or TLS.
pub struct Receiver {
    stream: TokioIo<Either<TcpStream, Box<TlsStream<TcpStream>>>>,
    reached: Reached,
}

impl Connection for Receiver {
    fn connected(&self) -> Connected {
        Connected::new().extra(self.reached.clone())
    }
}

impl Read for Receiver {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl Write for Receiver {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, slices)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_opening_is_told_once_and_to_one_who_waited_for_it() {
        let at = Duration::from_micros;
        let phases = Phases { connect_us: Some(7), ..Phases::default() };
        let opening = Opening { began: at(10), ended: at(17), phases, is_told: AtomicBool::new(false) };
        let open = |first_byte_us| Phases { first_byte_us, ..Phases::default() };
        // It was opened for an earlier request, which went over another connection.
        assert_eq!(opening.phases(at(11), Some(at(19))), open(Some(8)));
        assert_eq!(opening.phases(at(10), None), phases);
        assert_eq!(opening.phases(at(10), None), open(None));
        assert_eq!(us_between(at(2), at(1)), 0);
        assert_eq!(us_between(at(0), Duration::MAX), 3_600_000_000);
    }
}
