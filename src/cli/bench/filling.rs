//! The part of the benchmark that fills a store while no server runs on it: millions of messages in minutes, where
//! posting each would take an hour.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use serde::{Deserialize, Serialize};

use super::{load, role};
use crate::domain::id::{ApplicationId, EndpointId};
use crate::server::filling::{Fate, Filling, fill};

/// What the store is filled with.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(super) struct Orders {
    pub(super) data_dir: PathBuf,
    pub(super) application: String,
    pub(super) endpoint: String,
    pub(super) messages: u64,
    pub(super) payload_bytes: usize,
    pub(super) state: State,
}

/// In which state the messages are.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
pub(super) enum State {
    /// They wait for their first attempt, which is due.
    Due,
    /// One attempt has failed, and the next ones are spread over this time.
    Retrying(Duration),
    /// Their endpoint has taken them.
    Delivered,
}

/// What is said when all of it is durable.
#[derive(Debug, Deserialize, Serialize)]
pub(super) struct Filled {
    messages: u64,
}

/// Fills a store.
pub(super) fn run() -> anyhow::Result<ExitCode> {
    role::run(async |orders: Orders| {
        let filling = Filling {
            application_id: ApplicationId::parse(&orders.application).context("not an application's id")?,
            endpoint_id: EndpointId::parse(&orders.endpoint).context("not an endpoint's id")?,
            messages: orders.messages,
            payload: load::payload(orders.payload_bytes).into(),
            url: "http://127.0.0.1/".to_owned(),
            fate: match orders.state {
                State::Due => None,
                State::Retrying(within) => Some(Fate::Failed(within)),
                State::Delivered => Some(Fate::Delivered),
            },
        };
        fill(&orders.data_dir, &filling).await?;
        role::say(&Filled { messages: orders.messages })
    })
}
