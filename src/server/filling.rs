//! Fills a store with messages that nobody posted, so that `cornet bench` can measure a server that has millions of
//! them. They go through the store's own doors, many in a transaction, just as posted and attempted ones do.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::task::JoinSet;

use super::ServeError;
use crate::clock::SystemClock;
use crate::domain::attempt::{Answer, AttemptError, AttemptErrorCode};
use crate::domain::delivery::{Attempt, Delivery, DeliveryState, Outcome};
use crate::domain::endpoint::Verdict;
use crate::domain::id::{ApplicationId, EndpointId, EnvironmentId};
use crate::domain::message::Message;
use crate::store::{DataDirectory, Notice, Record, Store, StoreError, Vault};
use crate::telemetry::Metrics;

/// Messages that are handed to the store at a time.
const TOGETHER: u64 = 4_096;
/// How long a payload is kept.
const KEPT: Duration = Duration::from_secs(90 * 24 * 60 * 60);

/// What the one attempt came to that was made for each message that a store is filled with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It failed; the next attempts are spread over this time from now.
    Failed(Duration),
    /// The endpoint took the message.
    Delivered,
}

/// What a store is filled with.
#[derive(Clone, Debug)]
pub struct Filling {
    /// Whose messages.
    pub application_id: ApplicationId,
    /// The one endpoint that they are for.
    pub endpoint_id: EndpointId,
    /// How many.
    pub messages: u64,
    /// The payload of each.
    pub payload: Bytes,
    /// The endpoint's URL.
    pub url: String,
    /// What the attempts came to; `None` when nothing has been tried yet.
    pub fate: Option<Fate>,
}

/// Fills the store in `data_dir`, which no server may be using; all of it is durable at the end.
///
/// # Errors
/// When the directory or the store can't be used.
pub async fn fill(data_dir: &Path, filling: &Filling) -> Result<(), ServeError> {
    let directory = DataDirectory::hold(data_dir)?;
    let vault = Vault::of(&directory.master_keys()?)?;
    let clock = Arc::new(SystemClock::default());
    let (store, mut feed) = Store::open(&directory.database(), vault, clock, Arc::new(Metrics::default()))?;
    let environment_id = store.default_environment().await?;
    let environment_id = environment_id.ok_or_else(|| StoreError::Unavailable("it is empty".to_owned()))?;
    let mut made = 0;
    while made < filling.messages {
        let together = TOGETHER.min(filling.messages - made);
        accept(&store, environment_id, filling, together).await?;
        // What the engine would be told of is what there is to attempt.
        let notices = std::iter::from_fn(|| feed.try_recv().ok());
        let waiting: Vec<Delivery> = notices.filter_map(waiting).flatten().collect();
        attempt(&store, filling, waiting, made).await?;
        made += together;
    }
    Ok(tokio::task::spawn_blocking(move || store.close()).await.map_err(std::io::Error::other)?)
}

/// Has so many messages accepted.
async fn accept(
    store: &Arc<Store>,
    environment_id: EnvironmentId,
    filling: &Filling,
    messages: u64,
) -> Result<(), ServeError> {
    let mut accepting = JoinSet::new();
    for _ in 0..messages {
        let message = Arc::new(message(store, environment_id, filling));
        let store = store.clone();
        accepting.spawn(async move { store.accept(message, None).await });
    }
    while let Some(accepted) = accepting.join_next().await {
        accepted.map_err(std::io::Error::other)??;
    }
    Ok(())
}

fn waiting(notice: Notice) -> Option<Vec<Delivery>> {
    match notice {
        Notice::Accepted { deliveries, .. } => Some(deliveries),
        Notice::Recorded { .. }
        | Notice::Waiting { .. }
        | Notice::Changed { .. }
        | Notice::Rests { .. }
        | Notice::LookAgain
        | Notice::Lost => None,
    }
}

/// Records the attempts that decide the fate of what waits; the first of them is the one with this number.
async fn attempt(store: &Store, filling: &Filling, waiting: Vec<Delivery>, first: u64) -> Result<(), ServeError> {
    let Some(fate) = filling.fate else { return Ok(()) };
    for (number, delivery) in (first..).zip(waiting) {
        store.record(record(store, delivery, filling, fate, number));
    }
    Ok(store.settle().await?)
}

fn message(store: &Store, environment_id: EnvironmentId, filling: &Filling) -> Message {
    Message {
        id: store.next_id(),
        environment_id,
        application_id: filling.application_id,
        event_type: "bench.filled".to_owned(),
        event_id: None,
        channels: Vec::new(),
        payload: Some(filling.payload.clone()),
        expires_at: store.now().plus(KEPT),
        verdicts: vec![(filling.endpoint_id, Verdict::Queued)],
    }
}

/// The attempt that decides the fate of the delivery with this number.
fn record(store: &Store, delivery: Delivery, filling: &Filling, fate: Fate, number: u64) -> Record {
    let refused = || AttemptError::new(AttemptErrorCode::ConnectRefused, "the connection was refused");
    let (outcome, result) = match fate {
        Fate::Delivered => (Outcome::Ended(DeliveryState::Delivered), Ok(Answer { status: 204, ..Answer::default() })),
        Fate::Failed(within) => {
            let after = within.mul_f64(number as f64 / filling.messages as f64);
            (Outcome::Retry(store.now().plus(after)), Err(refused()))
        }
    };
    let attempt = Attempt {
        id: store.next_id(),
        message_id: delivery.message_id,
        endpoint_id: delivery.endpoint_id,
        application_id: delivery.application_id,
        trigger: delivery.trigger,
        number: 1,
        url: filling.url.clone(),
        sent_at: store.now(),
        duration_ms: 1,
        remote_address: None,
        phases: None,
        result,
    };
    Record { delivery, attempt: Ok(attempt), outcome }
}
