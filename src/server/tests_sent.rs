//! Tests of endpoints, and what deliveries are sent like: what the operations ask for is done with the engine's request,
//! sender and sandbox, whom they do not know.

use std::sync::Arc;

use axum::http::HeaderValue;
use axum::http::header::{CONTENT_LENGTH, HOST};

use crate::domain::attempt::{AttemptError, AttemptErrorCode, AttemptReport};
use crate::domain::message::Message;
use crate::domain::time::Timestamp;
use crate::engine::courier::{Draft, Purpose};
use crate::engine::sender::{OutgoingRequest, Sender};
use crate::engine::transformer::Transformer;
use crate::ops::{FormedRequest, Route, Routes, TestSender, UnderWay};
use crate::store::Store;

/// Sends tests with the sender of deliveries.
pub(super) struct EngineTests<S> {
    pub(super) store: Arc<Store>,
    pub(super) sender: Arc<S>,
    pub(super) transformer: Arc<Transformer>,
}

impl<S: Sender> TestSender for EngineTests<S> {
    fn send<'a>(
        &'a self,
        routes: &'a Routes,
        route: &'a Route,
        message: &'a Message,
    ) -> UnderWay<'a, (String, AttemptReport)> {
        Box::pin(async {
            let draft = match Draft::of(&self.transformer, routes, route, message, Purpose::Test).await {
                Ok(draft) => draft,
                Err(error) => return (route.endpoint.url.clone(), AttemptReport::unsent(error)),
            };
            let request = draft.signed(routes, route, message, self.store.now());
            let url = request.target.as_str().to_owned();
            // Nobody else sends it, so it may be written however long the connection takes.
            let report = self.sender.send(request, &|| true).await;
            let unsent = || AttemptReport::unsent(AttemptError::new(AttemptErrorCode::SenderError, "it was not sent"));
            (url, report.unwrap_or_else(unsent))
        })
    }

    fn form<'a>(
        &'a self,
        routes: &'a Routes,
        route: &'a Route,
        message: &'a Message,
        sent_at: Timestamp,
    ) -> UnderWay<'a, Result<FormedRequest, AttemptError>> {
        Box::pin(async move {
            let draft = Draft::of(&self.transformer, routes, route, message, Purpose::Delivery).await?;
            let added = draft.headers.keys().cloned().collect();
            let OutgoingRequest { method, target, headers, body, .. } = draft.signed(routes, route, message, sent_at);
            let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
            let formed = headers.iter().map(|(name, value)| (name.to_string(), text(value)));
            // The sender and the connection add these.
            let of_connection = [(HOST, target.authority().to_owned()), (CONTENT_LENGTH, body.len().to_string())];
            let headers = formed.chain(of_connection.map(|(name, value)| (name.to_string(), value))).collect();
            Ok(FormedRequest { method: method.to_string(), url: target.as_str().to_owned(), headers, added, body })
        })
    }
}
