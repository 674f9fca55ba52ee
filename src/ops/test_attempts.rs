//! Test attempts: an example of an event type is sent to one endpoint at once, and whoever asked waits for the outcome.
//! Nothing of it is kept or counted. Who sends is given to the operations, because they do not know the engine.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};

use super::attempts::route;
use super::sent_requests::FormedRequest;
use super::{Access, NewExample, NewMessage, OpError, Operations};
use crate::domain::attempt::{AttemptError, AttemptReport};
use crate::domain::delivery::{Attempt, Trigger};
use crate::domain::id::ApplicationId;
use crate::domain::message::Message;
use crate::domain::time::Timestamp;
use crate::store::{Route, Routes};

/// At most so many tests of one application's endpoints are under way at a time.
pub const TESTS_IN_FLIGHT_MAX: usize = 4;

/// What is under way.
pub type UnderWay<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Who sends a test, and knows what deliveries are sent like.
pub trait TestSender: Send + Sync {
    /// Sends `message` to the endpoint of `route` as a delivery would be sent, marked as a test, and waits for the
    /// outcome, which is never later than the deadline of deliveries; says also where it went.
    fn send<'a>(
        &'a self,
        routes: &'a Routes,
        route: &'a Route,
        message: &'a Message,
    ) -> UnderWay<'a, (String, AttemptReport)>;

    /// The request of a delivery of `message` to the endpoint of `route`, as it is sent at `sent_at`; or why its
    /// transformation makes none of it.
    fn form<'a>(
        &'a self,
        routes: &'a Routes,
        route: &'a Route,
        message: &'a Message,
        sent_at: Timestamp,
    ) -> UnderWay<'a, Result<FormedRequest, AttemptError>>;
}

/// What came of a test.
#[derive(Clone, Debug)]
pub struct TestAttempt {
    /// The request that was made.
    pub attempt: Attempt,
    /// What it sent.
    pub message: Message,
}

/// How many tests of each application are under way.
#[derive(Clone, Default)]
pub(super) struct TestsInFlight(Arc<Mutex<HashMap<ApplicationId, usize>>>);

/// A place among the tests under way; it is free again when this goes, also when whoever asked has hung up.
pub(super) struct Place {
    tests: TestsInFlight,
    application_id: ApplicationId,
}

impl TestsInFlight {
    pub(super) fn enter(&self, application_id: ApplicationId) -> Result<Place, OpError> {
        let mut under_way = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = under_way.entry(application_id).or_default();
        if *count >= TESTS_IN_FLIGHT_MAX {
            let why = format!("{TESTS_IN_FLIGHT_MAX} tests of this application are under way: wait for one to end");
            return Err(OpError::TooMany { code: "tests_in_flight", why });
        }
        *count += 1;
        Ok(Place { tests: self.clone(), application_id })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut under_way = self.tests.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = under_way.get_mut(&self.application_id) {
            *count -= 1;
            if *count == 0 {
                under_way.remove(&self.application_id);
            }
        }
    }
}

impl Operations {
    /// The same operations, with `sender` for tests.
    #[must_use]
    pub fn with_test_sender(mut self, sender: Arc<dyn TestSender>) -> Self {
        self.test_sender = Some(sender);
        self
    }

    /// Sends an example of an event type, or the payload that is given, to one endpoint and answers with what came of
    /// it. The endpoint may be switched off: one that was mended is tried before it is switched on again.
    ///
    /// # Errors
    /// When there is no such endpoint or event type, the payload can't be taken, or too many tests are under way.
    pub async fn test_attempt(
        &self,
        access: &Access,
        application: &str,
        endpoint: &str,
        wanted: NewExample,
    ) -> Result<TestAttempt, OpError> {
        let routes = self.routes(access, application).await?;
        let route = route(&routes, endpoint)?;
        let sender = self.sender()?;
        let new = self.example(access, &routes, wanted).await?;
        let _place = self.tests_in_flight.enter(routes.application.id)?;
        let message = self.unkept(&routes, new);
        let (id, sent_at) = (self.store.next_id(), self.store.now());
        let (url, report) = sender.send(&routes, route, &message).await;
        let attempt = Attempt {
            id,
            message_id: message.id,
            endpoint_id: route.endpoint.id,
            application_id: message.application_id,
            trigger: Trigger::Manual,
            number: 1,
            url,
            sent_at,
            duration_ms: report.duration_ms,
            remote_address: report.remote_address,
            phases: report.phases,
            result: report.result,
        };
        Ok(TestAttempt { attempt, message })
    }

    /// Who sends tests.
    pub(super) fn sender(&self) -> Result<&Arc<dyn TestSender>, OpError> {
        let off = || OpError::conflict("sending_off", "this process sends nothing: ask the one that serves");
        self.test_sender.as_ref().ok_or_else(off)
    }

    /// A message with an id of its own that is in no store.
    pub(super) fn unkept(&self, routes: &Routes, new: NewMessage) -> Message {
        let id = self.store.next_id();
        Message {
            id,
            environment_id: routes.environment.id,
            application_id: routes.application.id,
            event_type: new.event_type,
            event_id: None,
            channels: new.channels,
            payload: Some(new.payload),
            expires_at: id.time(),
            verdicts: Vec::new(),
        }
    }
}
