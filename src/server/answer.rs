//! Answers one request: hands it to the router, and sees to what holds for every answer, whoever made it. A panic is
//! answered too, a body that does not come is not waited for, and what was answered is counted. It does not know the
//! routes.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::MatchedPath;
use axum::http::header::{
    AUTHORIZATION, CACHE_CONTROL, CONNECTION, CONTENT_SECURITY_POLICY, HeaderName, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderValue, Request, Response, StatusCode};
use http_body::Body as _;
use hyper::body::Incoming;
use tower::{Layer, Service};

use super::exchange::{Exchange, GivenUp, PatientBody};
use super::intake::{Intake, NoRoom, SMALL_BODY_BYTES};
use super::operator;
use super::places::{FreePlace, Places};
use super::vetting::{self, Refusal};
use crate::api::{ApiState, MessageDoor, REQUEST_ID};
use crate::caught::caught;
use crate::clock::Clock;
use crate::domain::audit::RemoteAddress;
use crate::domain::own_names::OwnNames;
use crate::telemetry::Metrics;

/// How long a client without a place waits for one to become free.
const PLACE_WAIT: Duration = Duration::from_millis(100);

/// The route of a request that no route is for.
const UNMATCHED: &str = "unmatched";

/// What an answer that is no page may do in a browser: nothing (THREATS I02).
const POLICY: &str = "default-src 'none'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'";

/// What holds for every answer that does not say otherwise.
const HEADERS: [(HeaderName, HeaderValue); 3] = [
    (CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY)),
    (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (CACHE_CONTROL, HeaderValue::from_static("no-store")),
];

/// The front of the server: everything between a connection and the router.
pub(super) struct Front {
    router: Router,
    messages: MessageDoor,
    api: ApiState,
    names: OwnNames,
    metrics: Arc<Metrics>,
    clock: Arc<dyn Clock>,
    intake: Arc<Intake>,
    places: Arc<Places>,
}

impl GivenUp {
    /// What the client is told.
    fn refusal(self) -> Refusal {
        match self {
            Self::Late => {
                let why = "the body was not there in time; nothing has changed: send it faster";
                (StatusCode::REQUEST_TIMEOUT, "body_timeout", why)
            }
            Self::NoRoom(NoRoom::OfOne) => {
                let why = "too much is being sent here at the same time; nothing has changed: send less at once";
                (StatusCode::TOO_MANY_REQUESTS, "too_much_at_once", why)
            }
            Self::NoRoom(NoRoom::AtAll) => {
                let why = "too much is being sent to this server at the same time; nothing has changed: ask again";
                (StatusCode::SERVICE_UNAVAILABLE, "too_much_at_once", why)
            }
        }
    }
}

impl Front {
    /// A server of these names, whose answers come from `router` but for what has a door of its own.
    pub(super) fn new(
        router: Router,
        api: ApiState,
        names: OwnNames,
        clock: Arc<dyn Clock>,
        places: Arc<Places>,
    ) -> Self {
        let (router, messages, metrics) = (router.layer(KeepRoute), MessageDoor::new(api.clone()), api.metrics.clone());
        Self { router, messages, api, names, metrics, clock, intake: Arc::default(), places }
    }

    /// The monotonic time.
    pub(super) fn now(&self) -> Duration {
        self.clock.monotonic()
    }

    pub(super) fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// Answers a request of the connection that `exchange` is about, and that comes from there.
    pub(super) async fn answer(
        &self,
        request: Request<Incoming>,
        from: Option<RemoteAddress>,
        exchange: Arc<Exchange>,
    ) -> Response<Body> {
        let began = self.now();
        let room = request.body().size_hint().exact().is_none_or(|bytes| bytes > SMALL_BODY_BYTES);
        let room = room.then(|| self.intake.room((request.uri().path(), request.headers().get(AUTHORIZATION))));
        let is_counted = room.is_some();
        exchange.begin(began, room);
        let method = request.method().clone();
        let request_id = request.headers().get(&REQUEST_ID).cloned();
        let refuse = |(status, code, why)| self.api.refuse(request_id.as_ref(), status, code, why);
        let mut request = request.map(|body| Body::new(PatientBody::new(body, exchange.clone(), is_counted)));
        let posted_to = MessageDoor::application(request.method(), request.uri()).map(str::to_owned);
        let is_message = posted_to.is_some();
        // Who posts a message is not written down.
        if let (Some(from), false) = (from, is_message) {
            request.extensions_mut().insert(from);
        }
        let vetted = vetting::check(&request, &self.names);
        // Whoever came in without a place waits for one that becomes free; for health there is always room.
        let is_health = operator::PATHS.contains(&request.uri().path());
        let place = if exchange.is_standing() && !is_health { self.find_place().await } else { Ok(None) };
        let vetted = vetted.and(place.as_ref().map(|_| ()).map_err(|refusal| *refusal));
        let answered = match (vetted, posted_to) {
            (Err(refusal), _) => Some(refuse(refusal)),
            (Ok(()), Some(application)) => caught(self.messages.answer(application, request)).await,
            (Ok(()), None) => caught(self.route(request)).await,
        };
        let mut response = answered.unwrap_or_else(|| {
            self.metrics.request_panicked();
            refuse((StatusCode::INTERNAL_SERVER_ERROR, "internal", "a fault of Cornet's: ask its operator"))
        });
        if let Some(why) = exchange.given_up() {
            response = refuse(why.refusal());
        }
        if exchange.given_up().is_some() || exchange.is_standing() {
            response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        }
        for (name, value) in HEADERS {
            response.headers_mut().entry(name).or_insert(value);
        }
        let ended = self.now();
        let duration = ended.saturating_sub(began);
        let route = match response.extensions().get::<MatchedPath>() {
            _ if is_message => MessageDoor::ROUTE,
            matched => matched.map_or(UNMATCHED, MatchedPath::as_str),
        };
        let status = response.status().as_u16();
        self.metrics.request(route, method.as_str(), status, duration);
        tracing::debug!(
            route,
            status,
            duration_us = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX),
            "answered"
        );
        exchange.end(ended);
        response
    }
}

impl Front {
    /// A place for the time of an answer, if one becomes free soon.
    async fn find_place(&self) -> Result<Option<FreePlace>, Refusal> {
        let why = "every place for a client is taken; use your connections again, or come back later";
        let refusal = (StatusCode::SERVICE_UNAVAILABLE, "too_many_connections", why);
        tokio::time::timeout(PLACE_WAIT, self.places.wait()).await.map_err(|_| refusal)
    }

    async fn route(&self, request: Request<Body>) -> Response<Body> {
        match self.router.clone().call(request).await {
            Ok(response) => response,
            Err(never) => match never {},
        }
    }
}

/// Leaves the template of the path that was matched in the answer, where the front finds it: only the router's inside
/// knows it, and the path itself holds ids, which are nothing for metrics.
#[derive(Clone)]
struct KeepRoute;

impl<S> Layer<S> for KeepRoute {
    type Service = RouteKept<S>;

    fn layer(&self, inner: S) -> RouteKept<S> {
        RouteKept { inner }
    }
}

#[derive(Clone)]
struct RouteKept<S> {
    inner: S,
}

impl<S> Service<Request<Body>> for RouteKept<S>
where
    S: Service<Request<Body>, Response = Response<Body>>,
    S::Future: Send + 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<S::Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let route = request.extensions().get::<MatchedPath>().cloned();
        let answering = self.inner.call(request);
        Box::pin(async move {
            let mut response = answering.await?;
            if let Some(route) = route {
                response.extensions_mut().insert(route);
            }
            Ok(response)
        })
    }
}
