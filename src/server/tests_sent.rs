//! Tests of endpoints: what the operations ask for is done with the engine's request and sender, whom they do not know.

use std::sync::Arc;

use crate::domain::message::Message;
use crate::engine::courier;
use crate::engine::sender::Sender;
use crate::ops::{Reporting, Route, Routes, TestSender};
use crate::store::Store;

/// Sends tests with the sender of deliveries.
pub(super) struct EngineTests<S> {
    pub(super) store: Arc<Store>,
    pub(super) sender: Arc<S>,
}

impl<S: Sender> TestSender for EngineTests<S> {
    fn send<'a>(&'a self, routes: &'a Routes, route: &'a Route, message: &'a Message) -> Reporting<'a> {
        let request = courier::test_request(routes, route, message, self.store.now());
        Box::pin(self.sender.send(request))
    }
}
