//! What one connection is doing: HTTP/1.1 has one request at a time on it, so this is also the state of that request.
//! It knows neither sockets nor answers; those who do note here what the others must know.

use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::BoxError;
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::time::Sleep;

use super::intake::{NoRoom, Room};

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

/// How long a client must have kept the server waiting to be sent away for another: one that has asked for nothing yet.
pub const SILENT_MIN: Duration = Duration::from_secs(1);
/// The same for one that was answered before, or is in the middle of a body.
pub const RESTED_MIN: Duration = Duration::from_secs(5);

/// Why a body was given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum GivenUp {
    /// It was not there in time.
    Late,
    /// There is no room for it.
    NoRoom(NoRoom),
}

/// The state of a connection.
pub(super) struct Exchange {
    /// Whether it was let in without a place, to be answered once.
    is_standing: bool,
    /// Whether a request is being answered.
    busy: AtomicBool,
    /// Whether the rest of its body is waited for.
    awaits_body: AtomicBool,
    /// Whether any request has come.
    used: AtomicBool,
    /// Whether the client may still be saying what nobody will read.
    unread: AtomicBool,
    /// Why a body was given up, and with it the connection.
    given_up: OnceLock<GivenUp>,
    /// What the body takes.
    room: Mutex<Option<Room>>,
    /// Since when this request, or nothing, is being answered, by the monotonic clock.
    since_ms: AtomicU64,
}

impl Exchange {
    /// A connection that was made at `now`.
    pub(super) fn new(now: Duration, is_standing: bool) -> Arc<Self> {
        Arc::new(Self {
            is_standing,
            busy: AtomicBool::new(false),
            awaits_body: AtomicBool::new(false),
            used: AtomicBool::new(false),
            unread: AtomicBool::new(false),
            given_up: OnceLock::new(),
            room: Mutex::default(),
            since_ms: AtomicU64::new(as_ms(now)),
        })
    }

    /// Whether it was let in without a place, to be answered once.
    pub(super) fn is_standing(&self) -> bool {
        self.is_standing
    }

    /// A request has come at `now`; `room` is for its body, where that is worth counting.
    pub(super) fn begin(&self, now: Duration, room: Option<Room>) {
        if room.is_some() {
            *self.room() = room;
        }
        self.since_ms.store(as_ms(now), Ordering::Relaxed);
        self.used.store(true, Ordering::Relaxed);
        self.busy.store(true, Ordering::Relaxed);
    }

    /// Its answer is ready at `now`.
    pub(super) fn end(&self, now: Duration) {
        drop(self.room().take());
        self.since_ms.store(as_ms(now), Ordering::Relaxed);
        self.busy.store(false, Ordering::Relaxed);
    }

    fn room(&self) -> MutexGuard<'_, Option<Room>> {
        self.room.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Why the request's body was given up, if it was.
    pub(super) fn given_up(&self) -> Option<GivenUp> {
        self.given_up.get().copied()
    }

    /// Whether the client may still be saying what nobody will read.
    pub(super) fn has_unread(&self) -> bool {
        self.unread.load(Ordering::Relaxed)
    }

    /// For how long nothing has been answered at `now`; `None` while a request is being answered.
    fn idle(&self, now: Duration) -> Option<Duration> {
        (!self.busy.load(Ordering::Relaxed)).then(|| self.since(now))
    }

    fn since(&self, now: Duration) -> Duration {
        now.saturating_sub(Duration::from_millis(self.since_ms.load(Ordering::Relaxed)))
    }

    /// For how long the client has kept the server waiting at `now`: with nothing, a head that does not end, or a body that
    /// does not. `None` while it is the client who waits.
    pub(super) fn kept_waiting(&self, now: Duration) -> Option<Duration> {
        let is_answered = self.busy.load(Ordering::Relaxed) && !self.awaits_body.load(Ordering::Relaxed);
        (!is_answered).then(|| self.since(now))
    }

    /// The same, if it is so long that the client may be sent away for another.
    pub(super) fn kept_waiting_long(&self, now: Duration) -> Option<Duration> {
        let least = if self.used.load(Ordering::Relaxed) { RESTED_MIN } else { SILENT_MIN };
        self.kept_waiting(now).filter(|waited| *waited >= least)
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
    is_counted: bool,
    is_over: bool,
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
    /// A body; `is_counted` where its exchange has room for it.
    pub(super) fn new(body: Incoming, exchange: Arc<Exchange>, is_counted: bool) -> Self {
        let is_over = body.is_end_stream();
        Self { body, patience: None, exchange, is_counted, is_over }
    }

    /// Takes in what has come of it.
    fn take_in(&mut self, bytes: usize) -> Result<(), GivenUp> {
        if let Some(patience) = &mut self.patience {
            patience.progress.add(bytes);
        }
        match self.exchange.room().as_mut().filter(|_| self.is_counted) {
            Some(room) => room.grow(bytes).map_err(GivenUp::NoRoom),
            None => Ok(()),
        }
    }

    fn give_up(&self, why: GivenUp) -> BoxError {
        self.exchange.given_up.get_or_init(|| why);
        "the body was given up".into()
    }
}

impl Drop for PatientBody {
    fn drop(&mut self) {
        self.exchange.awaits_body.store(false, Ordering::Relaxed);
        if !self.is_over && !self.body.is_end_stream() {
            self.exchange.unread.store(true, Ordering::Relaxed);
        }
    }
}

impl Body for PatientBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        if let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(context) {
            self.is_over = frame.is_none();
            let bytes = frame.as_ref().and_then(|frame| frame.as_ref().ok()?.data_ref().map(Bytes::len));
            if let Err(why) = bytes.map_or(Ok(()), |bytes| self.take_in(bytes)) {
                return Poll::Ready(Some(Err(self.give_up(why))));
            }
            return Poll::Ready(frame.map(|frame| frame.map_err(Into::into)));
        }
        self.exchange.awaits_body.store(true, Ordering::Relaxed);
        ready!(self.patience.get_or_insert_with(Patience::new).poll(context));
        Poll::Ready(Some(Err(self.give_up(GivenUp::Late))))
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
        let exchange = Exchange::new(at(100), false);
        assert_eq!(exchange.patience(at(104)), FIRST_HEAD_MAX - at(4));
        assert_eq!(exchange.patience(at(110)), Duration::ZERO);
        exchange.begin(at(110), None);
        assert_eq!(exchange.patience(at(1000)), IDLE_MAX, "a request is being answered");
        exchange.end(at(1000));
        assert_eq!(exchange.patience(at(1074)), at(1));
        assert_eq!(exchange.patience(at(1080)), Duration::ZERO);
    }

    #[test]
    fn who_keeps_the_server_waiting_may_be_sent_away() {
        let at = Duration::from_secs;
        let exchange = Exchange::new(at(100), false);
        assert_eq!(exchange.kept_waiting_long(at(100)), None, "the head may be on its way");
        assert_eq!(exchange.kept_waiting_long(at(101)), Some(SILENT_MIN));
        exchange.begin(at(102), None);
        assert_eq!(exchange.kept_waiting_long(at(1000)), None, "a request is being answered");
        exchange.awaits_body.store(true, Ordering::Relaxed);
        assert_eq!(exchange.kept_waiting_long(at(106)), None);
        assert_eq!(exchange.kept_waiting_long(at(107)), Some(RESTED_MIN), "the rest of a body is waited for");
        exchange.awaits_body.store(false, Ordering::Relaxed);
        exchange.end(at(108));
        assert_eq!(exchange.kept_waiting_long(at(112)), None);
        assert_eq!(exchange.kept_waiting_long(at(113)), Some(RESTED_MIN));
    }
}
