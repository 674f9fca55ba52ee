//! What is written in a transaction with others: a message that is accepted, or any other change. It does not know what
//! else is in the transaction, nor when there is one.

use tokio::sync::oneshot;

use super::committer::Notice;
use super::connection::Connection;
use super::error::StoreError;
use super::messages::{self, Accepted, Accepting};
use crate::domain::id::EndpointId;

/// A change that is written in a transaction with others. It is applied again, alone, when its company is refused.
pub(super) trait Change: Send {
    /// The only endpoint whose deliveries it meets in the queue; it may meet any where this says nothing.
    fn endpoint(&self) -> Option<EndpointId> {
        None
    }
    /// Makes the change.
    fn apply(&mut self, connection: &Connection) -> Result<(), StoreError>;
    /// Says what the engine must know of it, now that it is kept.
    fn notify(&mut self, notices: &mut Vec<Notice>);
    /// Answers whoever asked for it; `committed` is whether it was kept.
    fn answer(self: Box<Self>, committed: Result<(), StoreError>);
}

/// A change made of two functions: what is written, and what the engine is told of it.
pub(super) struct Written<T, W, N> {
    work: W,
    notify: Option<N>,
    result: Option<T>,
    reply: oneshot::Sender<Result<T, StoreError>>,
}

impl<T, W, N> Written<T, W, N> {
    /// The change, and what waits for its answer.
    pub(super) fn new(work: W, notify: N) -> (Self, oneshot::Receiver<Result<T, StoreError>>) {
        let (reply, answer) = oneshot::channel();
        (Self { work, notify: Some(notify), result: None, reply }, answer)
    }
}

impl<T, W, N> Change for Written<T, W, N>
where
    T: Send,
    W: FnMut(&Connection) -> Result<T, StoreError> + Send,
    N: FnOnce(&T, &mut Vec<Notice>) + Send,
{
    fn apply(&mut self, connection: &Connection) -> Result<(), StoreError> {
        self.result = Some((self.work)(connection)?);
        Ok(())
    }

    fn notify(&mut self, notices: &mut Vec<Notice>) {
        if let (Some(notify), Some(result)) = (self.notify.take(), &self.result) {
            notify(result, notices);
        }
    }

    fn answer(self: Box<Self>, committed: Result<(), StoreError>) {
        let Self { result, reply, .. } = *self;
        let lost = || StoreError::Unavailable("the change was not made".to_owned());
        // Whoever asked may have hung up; what is committed stays committed.
        reply.send(committed.and_then(|()| result.ok_or_else(lost))).ok();
    }
}

/// Nothing, but what waits for an endpoint has its rows in the queue then.
pub(super) struct Queueing {
    endpoint_id: EndpointId,
    reply: oneshot::Sender<Result<(), StoreError>>,
}

impl Queueing {
    /// The change, and what waits for its answer.
    pub(super) fn new(endpoint_id: EndpointId) -> (Self, oneshot::Receiver<Result<(), StoreError>>) {
        let (reply, answer) = oneshot::channel();
        (Self { endpoint_id, reply }, answer)
    }
}

impl Change for Queueing {
    fn endpoint(&self) -> Option<EndpointId> {
        Some(self.endpoint_id)
    }

    fn apply(&mut self, _: &Connection) -> Result<(), StoreError> {
        Ok(())
    }

    fn notify(&mut self, _: &mut Vec<Notice>) {}

    fn answer(self: Box<Self>, committed: Result<(), StoreError>) {
        self.reply.send(committed).ok();
    }
}

/// A message that is accepted.
pub(super) struct Acceptance {
    pub(super) accepting: Accepting,
    pub(super) result: Option<Accepted>,
    /// Its deliveries have no rows in the queue yet.
    pub(super) is_fresh: bool,
    reply: oneshot::Sender<Result<Accepted, StoreError>>,
}

impl Acceptance {
    /// The message, and what waits for its answer.
    pub(super) fn new(accepting: Accepting) -> (Self, oneshot::Receiver<Result<Accepted, StoreError>>) {
        let (reply, answer) = oneshot::channel();
        (Self { accepting, result: None, is_fresh: false, reply }, answer)
    }
}

impl Change for Acceptance {
    fn apply(&mut self, connection: &Connection) -> Result<(), StoreError> {
        self.result = Some(messages::accept_singly(connection, &self.accepting)?);
        Ok(())
    }

    fn notify(&mut self, notices: &mut Vec<Notice>) {
        if self.result == Some(Accepted::New) {
            let Accepting { message, deliveries, .. } = &mut self.accepting;
            notices.push(Notice::Accepted { message: message.clone(), deliveries: std::mem::take(deliveries) });
        }
    }

    fn answer(self: Box<Self>, committed: Result<(), StoreError>) {
        let lost = || StoreError::Unavailable("the message was not accepted".to_owned());
        self.reply.send(committed.and_then(|()| self.result.ok_or_else(lost))).ok();
    }
}

#[cfg(test)]
impl Acceptance {
    /// One for tests: of a message for nobody with this number, and what waits for its answer.
    pub(super) fn example(number: i64) -> (Self, oneshot::Receiver<Result<Accepted, StoreError>>) {
        use crate::domain::id::Id;
        let message = crate::domain::message::Message {
            id: Id::from_number(number),
            environment_id: Id::from_number(2),
            application_id: Id::from_number(3),
            event_type: "invoice.paid".to_owned(),
            event_id: None,
            channels: Vec::new(),
            expires_at: crate::domain::time::Timestamp::EPOCH,
            verdicts: Vec::new(),
            payload: None,
        };
        Self::new(Accepting { message: std::sync::Arc::new(message), deliveries: Vec::new(), key: None })
    }
}
