//! Opens connections to receivers, and only to addresses that the policy permits: literal ones, every one that a name
//! resolves to, and the one that was reached (THREATS part B). Proxies in the environment are ignored (THREATS A44). It
//! knows nothing of HTTP beyond the URL's host, port and scheme.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::client::TlsStream;
use tokio_util::either::Either;

use crate::clock::Clock;
use crate::domain::attempt::{AttemptError, AttemptErrorCode, Phases};
use crate::domain::target::{Host, Scheme, Target, TargetError, TargetPolicy};
use crate::engine::resolver::Resolver;
use crate::engine::tls::Tls;

/// How many addresses of a name are tried before giving up.
const ADDRESSES_TRIED_MAX: usize = 4;

/// Opens connections.
pub struct Connector {
    policy: Arc<TargetPolicy>,
    resolver: Arc<dyn Resolver>,
    tls: Tls,
    clock: Arc<dyn Clock>,
    connect_budget: Duration,
}

/// A connection to a receiver, plain or TLS.
pub type Line = Either<TcpStream, Box<TlsStream<TcpStream>>>;

/// A connection that was just opened, and how.
pub struct Opened {
    /// The connection.
    pub line: Line,
    /// The address at the other end.
    pub address: IpAddr,
    /// How long each step took; nothing has been sent.
    pub phases: Phases,
    /// When it was open, by the monotonic clock.
    pub since: Duration,
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
        Self { policy, resolver, tls, clock, connect_budget }
    }

    /// Opens a connection to a target.
    ///
    /// # Errors
    /// When the policy refuses an address, or there is no way to it in time.
    pub async fn connect(&self, target: &Target) -> Result<Opened, AttemptError> {
        let began = self.clock.monotonic();
        let addresses = self.find(target).await?;
        let found = self.clock.monotonic();
        let stream = self.reach(&addresses).await?;
        let peer = stream.peer_addr().map_err(|error| explain(&error))?;
        if !self.policy.permits_socket(peer) {
            return Err(refused(TargetError::Forbidden));
        }
        stream.set_nodelay(true).map_err(|error| explain(&error))?;
        let reached = self.clock.monotonic();
        let line = match target.scheme() {
            Scheme::Http => Either::Left(stream),
            Scheme::Https => Either::Right(Box::new(self.tls.handshake(&target.host().to_string(), stream).await?)),
        };
        let ended = self.clock.monotonic();
        let phases = Phases {
            dns_us: matches!(target.host(), Host::Name(_)).then(|| us_between(began, found)),
            connect_us: Some(us_between(found, reached)),
            tls_us: (target.scheme() == Scheme::Https).then(|| us_between(reached, ended)),
            first_byte_us: None,
        };
        Ok(Opened { line, address: peer.ip(), phases, since: ended })
    }

    /// The addresses of a target that may be connected to.
    async fn find(&self, target: &Target) -> Result<Vec<SocketAddr>, AttemptError> {
        let name = target.host().to_string();
        let addresses = match target.host() {
            Host::Address(address) => vec![*address],
            Host::Name(name) => self.resolver.lookup(name).await?,
        };
        if addresses.is_empty() {
            return Err(AttemptError::new(AttemptErrorCode::DnsError, format!("the name `{name}` has no address")));
        }
        let sockets = addresses.iter().map(|address| SocketAddr::new(*address, target.port())).collect();
        self.policy.vet(&name, sockets).map_err(|reason| {
            // The operator may see where the name leads; the tenant, who reads the error, may not.
            tracing::warn!(host = name, ?addresses, "refused to connect to a host with a forbidden address");
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

/// Whole microseconds between two times; more than an hour counts as one.
pub(crate) fn us_between(earlier: Duration, later: Duration) -> u32 {
    const HOUR_US: u32 = 3_600_000_000;
    u32::try_from(later.saturating_sub(earlier).as_micros()).map_or(HOUR_US, |us| us.min(HOUR_US))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_between_are_whole_microseconds_up_to_an_hour() {
        let at = Duration::from_micros;
        assert_eq!(us_between(at(2), at(9)), 7);
        assert_eq!(us_between(at(2), at(1)), 0);
        assert_eq!(us_between(at(0), Duration::MAX), 3_600_000_000);
    }
}
