//! Tests of endpoints, and what deliveries are sent like: what the operations ask for is done with the engine's request
//! and sender, whom they do not know.

use std::sync::Arc;

use axum::http::header::{CONTENT_LENGTH, HOST};
use axum::http::{HeaderValue, Method};

use crate::domain::attempt::{AttemptError, AttemptErrorCode, AttemptReport};
use crate::domain::message::Message;
use crate::domain::time::Timestamp;
use crate::engine::courier;
use crate::engine::sender::{OutgoingRequest, Sender};
use crate::ops::{FormedRequest, Reporting, Route, Routes, TestSender};
use crate::store::Store;

/// Sends tests with the sender of deliveries.
pub(super) struct EngineTests<S> {
    pub(super) store: Arc<Store>,
    pub(super) sender: Arc<S>,
}

impl<S: Sender> TestSender for EngineTests<S> {
    fn send<'a>(&'a self, routes: &'a Routes, route: &'a Route, message: &'a Message) -> Reporting<'a> {
        let request = courier::test_request(routes, route, message, self.store.now());
        Box::pin(async {
            // Nobody else sends it, so it may be written however long the connection takes.
            let report = self.sender.send(request, &|| true).await;
            report.unwrap_or_else(|| {
                AttemptReport::unsent(AttemptError::new(AttemptErrorCode::SenderError, "it was not sent"))
            })
        })
    }

    fn form(&self, routes: &Routes, route: &Route, message: &Message, sent_at: Timestamp) -> FormedRequest {
        let OutgoingRequest { target, headers, body, .. } = courier::request_again(routes, route, message, sent_at);
        let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
        let formed = headers.iter().map(|(name, value)| (name.to_string(), text(value)));
        // The sender and the connection add these.
        let added = [(HOST, target.authority().to_owned()), (CONTENT_LENGTH, body.len().to_string())];
        let headers = formed.chain(added.map(|(name, value)| (name.to_string(), value))).collect();
        FormedRequest { method: Method::POST.to_string(), headers, body }
    }
}
