//! Takes connections in and speaks HTTP/1.1 on them, one task for each: at most so many at once, none that says
//! nothing for long, and none cut off while it is being answered. It does not know what is served.

use std::convert::Infallible;
use std::io::ErrorKind;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::answer::Front;
use super::exchange::Exchange;
use super::guests::Guests;
use super::lingering::Lingering;
use super::places::{FreePlace, Place, Places};
use super::vetting::{REQUEST_HEAD_BYTES_MAX, REQUEST_HEADERS_MAX};
use crate::domain::audit::RemoteAddress;
use crate::engine::sliced::Sliced;

/// The most clients that are connected at once when the operator does not say.
pub const CONNECTIONS_MAX: usize = 8192;
/// What hyper takes of a head, and how many headers: twice what is allowed, because its own refusals say nothing.
const READ_HEAD_BYTES_MAX: usize = 2 * REQUEST_HEAD_BYTES_MAX;
const READ_HEADERS_MAX: usize = 2 * REQUEST_HEADERS_MAX;
/// How long nobody is let in after the machine could not: it has no file or memory left, and trying costs time.
const ACCEPT_REST: Duration = Duration::from_millis(100);

/// What an address is told that has too many clients already.
const CROWDED: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/problem+json\r\n\
    retry-after: 1\r\nconnection: close\r\ncontent-length: 181\r\n\r\n\
    {\"type\":\"about:blank\",\"title\":\"Service Unavailable\",\"status\":503,\"code\":\"too_many_connections\",\
    \"detail\":\"too many connections from this address; use them again, or come back later\"}";

/// How long a newcomer waits for the place of somebody who was just sent away.
const PLACE_WAIT: Duration = Duration::from_millis(100);

/// Clients that the machine lets wait at the door until they are let in, where it is allowed to let so many. With the 128 that are
/// usual a rush of more would have to knock again a second later.
const BACKLOG: u32 = 4_096;

/// The most clients without a place: each may ask for the server's health, and learns of anything else that it has to come
/// back (THREATS F24).
pub const STANDING_MAX: usize = 64;
/// Where there are few places, for want of files, those who stand are no more than one for so many of them.
const PLACES_FOR_STANDING: usize = 8;

/// How long after a warning that all places are taken nothing more is said of it.
const WARN_PAUSE: Duration = Duration::from_secs(60);

/// Listens on an address.
pub(super) fn listen(address: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    // What a server before this one has left behind does not keep it from starting.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// How many clients may be connected at once: what was asked for, or half of the files that the process may have open
/// (THREATS L07). The other half is for deliveries and the store.
pub(super) fn connections_max(asked: Option<usize>) -> usize {
    let limit = getrlimit(Resource::Nofile);
    // The lower limit is there for programs that cannot count so far; this one can.
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    let open_files = if setrlimit(Resource::Nofile, raised).is_ok() { limit.maximum } else { limit.current };
    let half = open_files.map_or(CONNECTIONS_MAX, |files| usize::try_from(files / 2).unwrap_or(CONNECTIONS_MAX));
    let safe = half.max(1);
    match asked {
        Some(asked) if asked > safe => {
            tracing::warn!(
                asked,
                safe,
                "fewer connections than asked for: the process may not open more files (ulimit -n)"
            );
            safe
        }
        Some(asked) => asked,
        None => safe.min(CONNECTIONS_MAX),
    }
}

/// The connections that are open when no new ones are taken in any more.
pub(super) struct Open {
    tasks: TaskTracker,
}

impl Open {
    /// Waits until all have been answered, at most `grace`; says whether they were.
    pub(super) async fn finish(self, grace: Duration) -> bool {
        self.tasks.close();
        tokio::time::timeout(grace, self.tasks.wait()).await.is_ok()
    }
}

/// Takes connections in until `draining`.
pub(super) async fn serve(
    listener: TcpListener,
    front: Arc<Front>,
    places: Arc<Places>,
    connections_max: usize,
    draining: CancellationToken,
) -> Open {
    let tasks = TaskTracker::new();
    let mut hall =
        Hall { places, connections_max, front, guests: Guests::default(), standing: Guests::default(), warned: None };
    let accepting = async {
        loop {
            match listener.accept().await {
                Ok((stream, peer)) => hall.let_in(stream, peer.ip(), &tasks, &draining).await,
                // That client is gone already; the next one may be fine.
                Err(error) if matches!(error.kind(), ErrorKind::ConnectionAborted | ErrorKind::ConnectionReset) => {}
                Err(error) => {
                    tracing::warn!(%error, "cannot take a connection in, resting");
                    tokio::time::sleep(ACCEPT_REST).await;
                }
            }
        }
    };
    tokio::select! {
        () = accepting => {}
        () = draining.cancelled() => {}
    }
    Open { tasks }
}

/// Where clients are let in. Nobody waits outside: a newcomer gets the place of somebody who has kept the server waiting, or
/// stands and is told to come back.
struct Hall {
    places: Arc<Places>,
    connections_max: usize,
    front: Arc<Front>,
    guests: Guests,
    standing: Guests,
    warned: Option<Duration>,
}

impl Hall {
    async fn let_in(&mut self, stream: TcpStream, address: IpAddr, tasks: &TaskTracker, draining: &CancellationToken) {
        let now = self.front.now();
        let place = match self.find_place(now).await.map(|free| free.give(address)) {
            Some(Some(place)) => Some(place),
            // Whoever reads that early learns why; nobody waits for those who do not.
            Some(None) => return drop(stream.try_write(CROWDED)),
            None => None,
        };
        let exchange = Exchange::new(now, place.is_none());
        let guests = if place.is_some() { &mut self.guests } else { &mut self.standing };
        let conversation = converse(stream, place, exchange.clone(), self.front.clone(), draining.clone());
        guests.welcome(&exchange, tasks.spawn(conversation).abort_handle());
        let standing_max = (self.connections_max / PLACES_FOR_STANDING).clamp(1, STANDING_MAX);
        if exchange.is_standing() && self.standing.count() > standing_max {
            self.standing.send_some_away(|exchange| exchange.kept_waiting(now));
        }
    }

    /// A place that is free, or is left by somebody who is sent away.
    async fn find_place(&mut self, now: Duration) -> Option<FreePlace> {
        if let Some(free) = self.places.free() {
            return Some(free);
        }
        if self.warned.is_none_or(|at| now.saturating_sub(at) > WARN_PAUSE) {
            self.warned = Some(now);
            let connections_max = self.connections_max;
            tracing::warn!(
                connections_max,
                "every place for a client is taken; some are sent away, or told to come back"
            );
        }
        if !self.guests.send_some_away(|exchange| exchange.kept_waiting_long(now)) {
            return None;
        }
        tokio::time::timeout(PLACE_WAIT, self.places.wait()).await.ok().flatten()
    }
}

/// Answers one client until it or the server has had enough.
async fn converse(
    stream: TcpStream,
    _place: Option<Place>,
    exchange: Arc<Exchange>,
    front: Arc<Front>,
    draining: CancellationToken,
) {
    // Answers are written whole; waiting for more to send would only delay them.
    stream.set_nodelay(true).ok();
    let _counted = Counted::new(front.clone());
    let from = stream.peer_addr().ok().map(|peer| RemoteAddress(peer.ip().to_canonical()));
    let service = service_fn(|request| {
        let (front, exchange) = (front.clone(), exchange.clone());
        // In a box, because the HTTP library moves it about: five copies of it took a message longer than signing it.
        Box::pin(async move { Ok::<_, Infallible>(front.answer(request, from, exchange).await.map(Sliced::new)) })
    });
    let connection = http1::Builder::new()
        // One timer for the connection, below, instead of one for each request.
        .header_read_timeout(None)
        .max_buf_size(READ_HEAD_BYTES_MAX)
        // A head and its body are written as one piece, which is why bodies come in slices.
        .writev(false)
        .max_headers(READ_HEADERS_MAX)
        .serve_connection(TokioIo::new(Lingering::new(stream, exchange.clone())), service);
    let mut connection = std::pin::pin!(connection);
    let mut patience = std::pin::pin!(tokio::time::sleep(exchange.patience(front.now())));
    let mut ending = false;
    loop {
        tokio::select! {
            ended = connection.as_mut() => {
                if let Err(error) = ended {
                    // Bad requests have been answered by hyper, and clients may leave as they like.
                    tracing::debug!(%error, "a connection ended early");
                }
                return;
            }
            () = patience.as_mut() => {
                let left = exchange.patience(front.now());
                if left.is_zero() {
                    return;
                }
                patience.set(tokio::time::sleep(left));
            }
            () = draining.cancelled(), if !ending => {
                ending = true;
                connection.as_mut().graceful_shutdown();
            }
        }
    }
}

/// A connection in the metrics, however it ends.
struct Counted(Arc<Front>);

impl Counted {
    fn new(front: Arc<Front>) -> Self {
        front.metrics().connected();
        Self(front)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.metrics().disconnected();
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn who_is_turned_away_is_told_so_in_whole() {
        let text = std::str::from_utf8(super::CROWDED).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        assert!(head.contains(&format!("\r\ncontent-length: {}", body.len())), "{}", body.len());
        assert!(!head.contains("  ") && serde_json::from_str::<serde_json::Value>(body).is_ok(), "{text}");
    }
}
