//! News for pages that are open: a stream of server-sent events that says when something has happened that the viewer
//! may see. What it was, the page asks for itself. The session is looked at before each, and again and again, so that
//! the stream ends with it (THREATS I15).

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::{Stream, stream};
use tokio::time::{Interval, MissedTickBehavior};
use tokio_util::sync::CancellationToken;

use super::failure::Failure;
use super::viewer::Viewer;
use super::{Pages, cookie};
use crate::ops::OpError;

/// The streams that are open at once; each holds a connection.
pub const LIVE_STREAMS_MAX: usize = 1_000;
/// Of them, those of one session, or of the page of one inbox.
pub const LIVE_STREAMS_OF_ONE_MAX: usize = 20;

/// How often it is looked whether the stream may go on, and a quiet connection kept open.
const LOOK_AGAIN: Duration = Duration::from_secs(15);
/// How long nothing is said after something was: where much happens, once for all of it.
const REST: Duration = Duration::from_millis(300);

/// How many streams are open, by whose they are.
#[derive(Clone, Default)]
pub(super) struct Streams(Arc<Mutex<BTreeMap<String, usize>>>);

impl Streams {
    /// Opens one more for `owner`, until it is dropped or the server begins to stop.
    pub(super) fn open(&self, owner: &str, draining: CancellationToken) -> Result<OpenStream, OpError> {
        let mut open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let own = open.get(owner).copied().unwrap_or_default();
        if own >= LIVE_STREAMS_OF_ONE_MAX || open.values().sum::<usize>() >= LIVE_STREAMS_MAX {
            let why = "too many pages wait for news: this one stays as it is until it is loaded again";
            return Err(OpError::TooMany { code: "live_streams", why: why.to_owned() });
        }
        open.insert(owner.to_owned(), own + 1);
        let mut again = tokio::time::interval(LOOK_AGAIN);
        again.set_missed_tick_behavior(MissedTickBehavior::Skip);
        again.reset();
        Ok(OpenStream { streams: self.clone(), owner: owner.to_owned(), draining, again, rests: false })
    }

    fn close(&self, owner: &str) {
        let mut open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = open.get_mut(owner) {
            *count -= 1;
            if *count == 0 {
                open.remove(owner);
            }
        }
    }
}

/// What a stream has waited for.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Moment<T> {
    /// The server begins to stop.
    Stopping,
    /// It is time to look whether the stream may go on.
    LookAgain,
    /// Something has happened.
    Happened(T),
}

/// A stream that is open.
pub(super) struct OpenStream {
    streams: Streams,
    owner: String,
    draining: CancellationToken,
    again: Interval,
    rests: bool,
}

impl OpenStream {
    /// Waits for `next`, which may be given up while it waits.
    pub(super) async fn wait<T>(&mut self, next: impl Future<Output = T>) -> Moment<T> {
        let rests = self.rests;
        let rested = async move {
            if rests {
                tokio::time::sleep(REST).await;
            }
            next.await
        };
        let moment = tokio::select! {
            biased;
            () = self.draining.cancelled() => Moment::Stopping,
            _ = self.again.tick() => Moment::LookAgain,
            happened = rested => Moment::Happened(happened),
        };
        self.rests = matches!(moment, Moment::Happened(_));
        moment
    }
}

impl Drop for OpenStream {
    fn drop(&mut self) {
        self.streams.close(&self.owner);
    }
}

/// What a stream says when something has happened.
pub(super) fn happened() -> Event {
    Event::default().event("happened").data("1")
}

/// The stream as an answer.
pub(super) fn answer(news: impl Stream<Item = Result<Event, Infallible>> + Send + 'static) -> Response {
    Sse::new(news).keep_alive(KeepAlive::new().interval(LOOK_AGAIN)).into_response()
}

/// Says so whenever something has happened.
pub(super) async fn stream(
    State(pages): State<Arc<Pages>>,
    viewer: Result<Viewer, Failure>,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    let viewer = match viewer {
        Ok(viewer) => viewer,
        // The session has ended meanwhile. After this answer a page asks for no more news.
        Err(Failure::SignIn(_)) => return Ok(StatusCode::NO_CONTENT.into_response()),
        Err(failure) => return Err(failure),
    };
    let open = pages.streams.open(viewer.csrf(), pages.site.draining())?;
    let token = cookie::session(&headers, &pages.site, viewer.place).unwrap_or_default().to_owned();
    let happenings = pages.operations.happenings(&viewer.access);
    let news =
        stream::unfold((pages, token, happenings, open), |(pages, token, mut happenings, mut open)| async move {
            loop {
                match open.wait(happenings.next()).await {
                    Moment::Stopping => return None,
                    Moment::LookAgain => pages.operations.session_unseen(&token).await.ok().map(|_| ())?,
                    Moment::Happened(next) => {
                        next?;
                        pages.operations.session_unseen(&token).await.ok()?;
                        // The page looks at all that has happened up to now.
                        happenings.skip();
                        return Some((Ok(happened()), (pages, token, happenings, open)));
                    }
                }
            }
        });
    Ok(answer(news))
}

#[cfg(test)]
mod tests {
    use std::future::ready;

    use super::*;

    #[tokio::test]
    async fn it_is_looked_again_however_much_happens_and_the_stop_ends_it_at_once() {
        let draining = CancellationToken::new();
        let mut open = Streams::default().open("one", draining.clone()).unwrap();
        assert_eq!(open.wait(ready(1)).await, Moment::Happened(1));
        assert!(open.rests, "more is told later");
        // A new interval is due at once.
        open.again = tokio::time::interval(LOOK_AGAIN);
        assert_eq!(open.wait(ready(2)).await, Moment::LookAgain);
        draining.cancel();
        assert_eq!(open.wait(ready(3)).await, Moment::Stopping);
    }

    #[tokio::test]
    async fn so_many_are_open_at_once_and_no_more() {
        let (streams, draining) = (Streams::default(), CancellationToken::new());
        let open = |owner: &str| streams.open(owner, draining.clone());
        let mut all: Vec<_> = (0..LIVE_STREAMS_OF_ONE_MAX).map(|_| open("one").unwrap()).collect();
        assert!(open("one").is_err() && open("other").is_ok());
        all.pop();
        all.push(open("one").unwrap());
        all.extend((all.len()..LIVE_STREAMS_MAX).map(|place| open(&place.to_string()).unwrap()));
        assert!(matches!(open("other"), Err(OpError::TooMany { code: "live_streams", .. })));
        drop(all);
        assert!(streams.0.lock().unwrap().is_empty());
    }
}
