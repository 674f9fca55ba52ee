//! What one connection is doing: HTTP/1.1 has one request at a time on it, so this is also the state of that request.
//! It knows neither sockets nor answers; those who do note here what the others must know.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::BoxError;
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::time::Sleep;

/// How long a client may take from connecting to the end of its first request's head (THREATS F01–F03).
pub const FIRST_HEAD_MAX: Duration = Duration::from_secs(10);
/// How long a connection is kept after an answer for the next request to come in; more than the 60 s after which load
/// balancers let go of theirs, because a connection must not be closed while they are using it.
pub const IDLE_MAX: Duration = Duration::from_secs(75);
/// How long a client may take over a request's body (THREATS F04).
pub const BODY_READ_MAX: Duration = Duration::from_secs(30);

/// The state of a connection.
pub(super) struct Exchange {
    /// Whether a request is being answered.
    busy: AtomicBool,
    /// Whether any request has come.
    used: AtomicBool,
    /// Whether a body was not there in time.
    late: AtomicBool,
    /// Since when nothing is being answered, by the monotonic clock.
    idle_since_ms: AtomicU64,
}

impl Exchange {
    /// A connection that was made at `now`.
    pub(super) fn new(now: Duration) -> Arc<Self> {
        let idle_since_ms = AtomicU64::new(as_ms(now));
        Arc::new(Self {
            busy: AtomicBool::new(false),
            used: AtomicBool::new(false),
            late: AtomicBool::new(false),
            idle_since_ms,
        })
    }

    /// A request has come.
    pub(super) fn begin(&self) {
        self.used.store(true, Ordering::Relaxed);
        self.busy.store(true, Ordering::Relaxed);
    }

    /// Its answer is ready at `now`.
    pub(super) fn end(&self, now: Duration) {
        self.idle_since_ms.store(as_ms(now), Ordering::Relaxed);
        self.busy.store(false, Ordering::Relaxed);
    }

    /// Whether the request's body was not there in time.
    pub(super) fn is_late(&self) -> bool {
        self.late.load(Ordering::Relaxed)
    }

    /// How long the connection may still be left alone at `now`; zero when it is to be closed.
    pub(super) fn patience(&self, now: Duration) -> Duration {
        let limit = if self.used.load(Ordering::Relaxed) { IDLE_MAX } else { FIRST_HEAD_MAX };
        if self.busy.load(Ordering::Relaxed) {
            return limit;
        }
        let idle_ms = as_ms(now).saturating_sub(self.idle_since_ms.load(Ordering::Relaxed));
        limit.saturating_sub(Duration::from_millis(idle_ms))
    }
}

fn as_ms(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// A request's body that ends with an error when it is not there in time. A body that comes with its head, as most
/// do, costs no timer.
pub(super) struct PatientBody {
    body: Incoming,
    deadline: Option<Pin<Box<Sleep>>>,
    exchange: Arc<Exchange>,
}

impl PatientBody {
    pub(super) fn new(body: Incoming, exchange: Arc<Exchange>) -> Self {
        Self { body, deadline: None, exchange }
    }
}

impl Body for PatientBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        if let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(context) {
            return Poll::Ready(frame.map(|frame| frame.map_err(Into::into)));
        }
        let deadline = self.deadline.get_or_insert_with(|| Box::pin(tokio::time::sleep(BODY_READ_MAX)));
        ready!(deadline.as_mut().poll(context));
        self.exchange.late.store(true, Ordering::Relaxed);
        Poll::Ready(Some(Err("the body was not there in time".into())))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Exchange, FIRST_HEAD_MAX, IDLE_MAX};

    #[test]
    fn a_connection_is_left_alone_for_its_time_only() {
        let at = Duration::from_secs;
        let exchange = Exchange::new(at(100));
        assert_eq!(exchange.patience(at(104)), FIRST_HEAD_MAX - at(4));
        assert_eq!(exchange.patience(at(110)), Duration::ZERO);
        exchange.begin();
        assert_eq!(exchange.patience(at(1000)), IDLE_MAX, "a request is being answered");
        exchange.end(at(1000));
        assert_eq!(exchange.patience(at(1074)), at(1));
        assert_eq!(exchange.patience(at(1080)), Duration::ZERO);
    }
}
