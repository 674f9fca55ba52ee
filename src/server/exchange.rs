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
/// How often it is looked whether a body still comes.
const BODY_LOOK: Duration = Duration::from_secs(10);
/// How much of a body that is not over must come from one look to the next: a KiB a second.
const BODY_LOOK_BYTES_MIN: u64 = 10 * 1024;

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

    /// For how long nothing has been answered at `now`; `None` while a request is being answered.
    pub(super) fn idle(&self, now: Duration) -> Option<Duration> {
        let since = Duration::from_millis(self.idle_since_ms.load(Ordering::Relaxed));
        (!self.busy.load(Ordering::Relaxed)).then(|| now.saturating_sub(since))
    }

    /// How long the connection may still be left alone at `now`; zero when it is to be closed.
    pub(super) fn patience(&self, now: Duration) -> Duration {
        let limit = if self.used.load(Ordering::Relaxed) { IDLE_MAX } else { FIRST_HEAD_MAX };
        self.idle(now).map_or(limit, |idle| limit.saturating_sub(idle))
    }
}

fn as_ms(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// A request's body that ends with an error when it is not there in time, or hardly comes. A body that comes with its
/// head, as most do, costs no timer.
pub(super) struct PatientBody {
    body: Incoming,
    patience: Option<Patience>,
    exchange: Arc<Exchange>,
}

/// How long a body is waited for, and what has come of it.
struct Patience {
    look: Pin<Box<Sleep>>,
    progress: Progress,
}

impl Patience {
    fn new() -> Self {
        Self { look: Box::pin(tokio::time::sleep(BODY_LOOK)), progress: Progress::default() }
    }

    /// Ready when it is over.
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<()> {
        loop {
            ready!(self.look.as_mut().poll(context));
            if !self.progress.goes_on() {
                return Poll::Ready(());
            }
            let next = self.look.deadline() + BODY_LOOK;
            self.look.as_mut().reset(next);
        }
    }
}

/// What comes of a body from one look to the next.
#[derive(Default)]
struct Progress {
    waited: Duration,
    bytes: u64,
}

impl Progress {
    /// So much has come.
    fn add(&mut self, bytes: usize) {
        self.bytes += u64::try_from(bytes).unwrap_or(u64::MAX);
    }

    /// Whether the body is waited for until the next look.
    fn goes_on(&mut self) -> bool {
        self.waited += BODY_LOOK;
        std::mem::take(&mut self.bytes) >= BODY_LOOK_BYTES_MIN && self.waited < BODY_READ_MAX
    }
}

impl PatientBody {
    pub(super) fn new(body: Incoming, exchange: Arc<Exchange>) -> Self {
        Self { body, patience: None, exchange }
    }
}

impl Body for PatientBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        if let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(context) {
            let bytes = frame.as_ref().and_then(|frame| frame.as_ref().ok()?.data_ref().map(Bytes::len));
            if let (Some(patience), Some(bytes)) = (&mut self.patience, bytes) {
                patience.progress.add(bytes);
            }
            return Poll::Ready(frame.map(|frame| frame.map_err(Into::into)));
        }
        ready!(self.patience.get_or_insert_with(Patience::new).poll(context));
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
    use super::*;

    /// How many looks a body is waited for of which so many bytes come between two.
    fn looks(bytes: usize) -> usize {
        let mut progress = Progress::default();
        let another = || {
            progress.add(bytes);
            progress.goes_on().then_some(())
        };
        1 + std::iter::from_fn(another).count()
    }

    #[test]
    fn a_body_that_hardly_comes_is_given_up_early_and_any_other_in_the_end() {
        assert_eq!(looks(0), 1);
        assert_eq!(looks(10 * 1024 - 1), 1);
        assert_eq!(looks(10 * 1024), 3);
        assert_eq!(looks(1024 * 1024), 3);
    }

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
