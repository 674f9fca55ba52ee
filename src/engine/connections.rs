//! Open connections to receivers, kept for the next request to the same origin. HTTP/1.1 carries one request at a time,
//! so whoever sends over a connection also drives it: no task stands behind it, and an answer wakes only the one who
//! waits for it. (The HTTP library's own pool cost a delivery to one of ten endpoints a third more.) It does not know
//! what a request is for.

use std::collections::HashMap;
use std::future::poll_fn;
use std::net::IpAddr;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::client::conn::TrySendError;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;

use super::connector::Line;
use super::metered::{Allowance, Metered};
use super::sliced::Sliced;
use crate::clock::Clock;

/// How much may come before an answer's body, interim answers included: nobody needs more than a few of them (THREATS C08).
const BEFORE_BODY_BYTES_MAX: usize = 4 * HEAD_BYTES_MAX;

/// How long an answer's head may be (THREATS C07). That it has at most 100 headers is hyper's own limit.
pub(super) const HEAD_BYTES_MAX: usize = 64 * 1024;

/// The body of a request.
pub type RequestBody = Sliced<Full<Bytes>>;

/// HTTP/1.1 as it is spoken over one connection.
type Protocol = http1::Connection<TokioIo<Metered<Line>>, RequestBody>;

/// One open connection.
pub struct Connection {
    requests: SendRequest<RequestBody>,
    protocol: Protocol,
    allowance: Allowance,
    /// The address at the other end.
    pub address: IpAddr,
}

impl Connection {
    /// Makes ready to speak HTTP over a line to this address; nothing is sent yet.
    ///
    /// # Errors
    /// When the HTTP library could not.
    pub async fn new(line: Line, address: IpAddr) -> Result<Box<Self>, hyper::Error> {
        let mut settings = http1::Builder::new();
        settings.max_buf_size(HEAD_BYTES_MAX).ignore_invalid_headers_in_responses(true);
        // One piece costs less than two: with the same for answers 0.97 ± 0.01 of a message's CPU.
        settings.writev(false);
        let (stream, allowance) = Metered::new(line);
        let (requests, protocol) = settings.handshake(TokioIo::new(stream)).await?;
        Ok(Box::new(Self { requests, protocol, allowance, address }))
    }

    /// Sends a request and waits for the answer's head.
    ///
    /// # Errors
    /// With the request, when nothing of it was sent.
    pub async fn send(
        &mut self,
        request: Request<RequestBody>,
    ) -> Result<Response<Incoming>, TrySendError<Request<RequestBody>>> {
        let Self { requests, protocol, allowance, .. } = self;
        allowance.set(BEFORE_BODY_BYTES_MAX);
        let answered = drive(protocol, requests.try_send_request(request)).await;
        allowance.lift();
        answered
    }

    /// Waits for something that comes over this connection.
    pub async fn carry<F: Future>(&mut self, awaited: F) -> F::Output {
        drive(&mut self.protocol, awaited).await
    }

    /// Whether another request may be sent over it, as far as one can know.
    async fn is_open(&mut self) -> bool {
        poll_fn(|context| {
            let has_ended = Pin::new(&mut self.protocol).poll(context).is_ready();
            Poll::Ready(!has_ended && self.requests.is_ready())
        })
        .await
    }
}

/// Waits for something that comes over a connection, and keeps the connection going meanwhile.
async fn drive<F: Future>(protocol: &mut Protocol, awaited: F) -> F::Output {
    let mut awaited = pin!(awaited);
    let mut has_ended = false;
    poll_fn(|context| {
        if let Poll::Ready(output) = awaited.as_mut().poll(context) {
            return Poll::Ready(output);
        }
        // What came before its end is still to be had.
        has_ended = has_ended || Pin::new(&mut *protocol).poll(context).is_ready();
        awaited.as_mut().poll(context)
    })
    .await
}

/// A connection that is not used, and since when, by the monotonic clock.
struct Idle {
    connection: Box<Connection>,
    since: Duration,
}

/// The connections that are open and not used.
pub struct Connections {
    idle: Mutex<HashMap<Box<str>, Vec<Idle>>>,
    clock: Arc<dyn Clock>,
    idle_timeout: Duration,
    idle_max: usize,
}

impl Connections {
    /// Keeps at most `idle_max` unused connections to an origin, each for `idle_timeout`.
    pub fn new(clock: Arc<dyn Clock>, idle_timeout: Duration, idle_max: usize) -> Arc<Self> {
        Arc::new(Self { idle: Mutex::default(), clock, idle_timeout, idle_max })
    }

    fn idle(&self) -> MutexGuard<'_, HashMap<Box<str>, Vec<Idle>>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// An open connection to this origin, if one is not used at `now`, by the monotonic clock: the one that was used last.
    pub async fn take(&self, origin: &str, now: Duration) -> Option<Box<Connection>> {
        loop {
            let Idle { mut connection, since } = self.idle().get_mut(origin)?.pop()?;
            if now.saturating_sub(since) < self.idle_timeout && connection.is_open().await {
                return Some(connection);
            }
        }
    }

    /// Keeps a connection to this origin for the next request, if it can carry one; `since` is when it was last used, by
    /// the monotonic clock.
    pub async fn keep(self: &Arc<Self>, origin: &str, mut connection: Box<Connection>, since: Duration) {
        if !connection.is_open().await {
            return;
        }
        let unused = Idle { connection, since };
        let mut idle = self.idle();
        let was_empty = idle.is_empty();
        match idle.get_mut(origin) {
            Some(kept) if kept.len() < self.idle_max => kept.push(unused),
            Some(_) => {}
            None => drop(idle.insert(origin.into(), vec![unused])),
        }
        if was_empty {
            tokio::spawn(close_unused(Arc::downgrade(self), self.idle_timeout));
        }
    }

    /// Closes what has not been used for too long; says whether anything is left.
    fn close_unused(&self) -> bool {
        let now = self.clock.monotonic();
        let mut idle = self.idle();
        idle.retain(|_, kept| {
            kept.retain(|unused| now.saturating_sub(unused.since) < self.idle_timeout);
            !kept.is_empty()
        });
        !idle.is_empty()
    }
}

/// Closes unused connections now and then, as long as there are any.
async fn close_unused(connections: Weak<Connections>, idle_timeout: Duration) {
    loop {
        tokio::time::sleep(idle_timeout / 2).await;
        if !connections.upgrade().is_some_and(|connections| connections.close_unused()) {
            return;
        }
    }
}
