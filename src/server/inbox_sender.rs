//! Hands what goes to an inbox of this server straight to it. Nothing is connected to, so the network guard need not be
//! opened for it; whatever is no inbox's URL, however much it looks like one, goes the ordinary way.

use std::sync::Arc;
use std::time::Duration;

use axum::http::header::{CONTENT_LENGTH, HOST};
use axum::http::{HeaderMap, HeaderValue};
use tokio::time::timeout;

use super::inbox_door::{ANSWER_HEADERS, as_texts, take, why_not};
use crate::clock::Clock;
use crate::domain::attempt::{Answer, AttemptError, AttemptErrorCode, AttemptReport, KEPT_BODY_BYTES_MAX};
use crate::domain::inbox::{INBOX_ANSWER_BYTES_MAX, Inbox, Received};
use crate::engine::sender::{MayWrite, OutgoingRequest, Sender};
use crate::ops::{Inboxes, OpError};

// An inbox's answer is recorded whole.
const _: () = assert!(INBOX_ANSWER_BYTES_MAX <= KEPT_BODY_BYTES_MAX);

/// Sends to inboxes within the process, and with another sender to everywhere else.
pub(super) struct InboxSender<S> {
    pub(super) inboxes: Arc<Inboxes>,
    pub(super) elsewhere: S,
    pub(super) clock: Arc<dyn Clock>,
    /// How long an inbox may take to answer, as any other receiver.
    pub(super) deadline: Duration,
}

impl<S: Sender> Sender for InboxSender<S> {
    async fn send(&self, request: OutgoingRequest, may_write: MayWrite<'_>) -> Option<AttemptReport> {
        let started = self.clock.monotonic();
        let result = match self.inboxes.at(&request.target).await {
            Ok(None) => return self.elsewhere.send(request, may_write).await,
            Ok(Some(_)) if !may_write() => return None,
            Ok(Some(inbox)) => self.hand_over(&inbox, request).await,
            Err(error) => Ok(refused(error)),
        };
        let duration = self.clock.monotonic().saturating_sub(started);
        let duration_ms = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        Some(AttemptReport { duration_ms, remote_address: None, phases: None, result })
    }
}

impl<S> InboxSender<S> {
    async fn hand_over(&self, inbox: &Inbox, request: OutgoingRequest) -> Result<Answer, AttemptError> {
        let received = as_received(request);
        match timeout(self.deadline, take(&self.inboxes, inbox, received)).await {
            Ok(Ok(())) => Ok(answered(inbox)),
            Ok(Err(error)) => Ok(refused(error)),
            Err(_) => {
                let why = format!("the inbox did not answer within {} ms", self.deadline.as_millis());
                Err(AttemptError::new(AttemptErrorCode::Timeout, why))
            }
        }
    }
}

/// The request as it would arrive over a connection.
fn as_received(request: OutgoingRequest) -> Received {
    let OutgoingRequest { method, target, mut headers, body, .. } = request;
    if !headers.contains_key(HOST)
        && let Ok(host) = HeaderValue::from_str(target.authority())
    {
        headers.insert(HOST, host);
    }
    headers.insert(CONTENT_LENGTH, HeaderValue::from(body.len()));
    let path = target.path_and_query().to_owned();
    Received { method: method.to_string(), path, headers: as_texts(&headers), body }
}

fn answered(inbox: &Inbox) -> Answer {
    let headers = HeaderMap::from_iter(ANSWER_HEADERS);
    let body = inbox.answer.sent_body().as_bytes().to_vec();
    Answer { status: inbox.answer.status, headers: as_texts(&headers), body, ..Answer::default() }
}

/// What is recorded when the inbox does not take the request: what a sender outside would be answered.
fn refused(error: OpError) -> Answer {
    let (status, _, why) = why_not(error);
    Answer { status: status.as_u16(), body: why.into_bytes(), ..Answer::default() }
}
