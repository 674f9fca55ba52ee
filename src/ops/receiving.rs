//! Where inboxes receive: which of them a URL means, what they take and answer, and who is told of it. It does not know
//! how requests come, over HTTP or handed over by the engine's sender.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;

use super::OpError;
use crate::domain::id::InboxId;
use crate::domain::inbox::{INBOX_RATE_MAX, Inbox, InboxAddress, InboxRequest, Received, is_token};
use crate::domain::target::Target;
use crate::store::Store;

/// Arrivals that a watcher may be behind; beyond that it is told once for all of them.
const ARRIVALS_BEHIND_MAX: usize = 256;

/// The inboxes of this server, as what receives.
pub struct Inboxes {
    store: Arc<Store>,
    address: InboxAddress,
    arrivals: broadcast::Sender<InboxId>,
    rates: Mutex<Rates>,
}

/// What each inbox has received in the present second.
#[derive(Default)]
struct Rates {
    second: i64,
    counts: HashMap<InboxId, u32>,
}

impl Rates {
    /// Counts one more, if there is room for it.
    fn count(&mut self, id: InboxId, second: i64) -> bool {
        if self.second != second {
            self.second = second;
            self.counts.clear();
        }
        let count = self.counts.entry(id).or_default();
        *count += 1;
        *count <= INBOX_RATE_MAX
    }
}

impl Inboxes {
    /// The inboxes in `store`, of a server that is reached at `base_url`.
    pub fn new(store: Arc<Store>, base_url: &str) -> Self {
        let (arrivals, _) = broadcast::channel(ARRIVALS_BEHIND_MAX);
        Self { store, address: InboxAddress::new(base_url), arrivals, rates: Mutex::default() }
    }

    /// The URL of the inbox with this token.
    pub fn url(&self, token: &str) -> String {
        self.address.url(token)
    }

    /// The inbox with this token.
    ///
    /// # Errors
    /// When there is none, or the store can't be read.
    pub async fn by_token(&self, token: &str) -> Result<Inbox, OpError> {
        let found = if is_token(token) { self.store.inbox_by_token(token.to_owned()).await? } else { None };
        found.ok_or(OpError::NotFound("inbox"))
    }

    /// The inbox of this server that `target` is; for any other target `None`.
    ///
    /// # Errors
    /// When the store can't be read.
    pub async fn at(&self, target: &Target) -> Result<Option<Inbox>, OpError> {
        match self.address.token(target) {
            Some(token) => Ok(self.store.inbox_by_token(token.to_owned()).await?),
            None => Ok(None),
        }
    }

    /// Whether `target` names this inbox.
    pub(super) fn is_at(&self, inbox: &Inbox, target: &Target) -> bool {
        self.address.token(target) == Some(inbox.token.as_str())
    }

    /// Keeps a request that came to `inbox`. Whoever sent it is owed the inbox's answer, after its delay.
    ///
    /// # Errors
    /// When it receives too much, is gone, or the store could not.
    pub async fn receive(&self, inbox: &Inbox, received: Received) -> Result<(), OpError> {
        let second = self.store.now().as_seconds();
        if !self.rates.lock().unwrap_or_else(PoisonError::into_inner).count(inbox.id, second) {
            let why = format!("an inbox takes at most {INBOX_RATE_MAX} requests a second: send more slowly");
            return Err(OpError::TooMany { code: "inbox_rate", why });
        }
        let request = InboxRequest::new(self.store.next_id(), inbox, received);
        if !self.store.insert_inbox_request(request).await? {
            return Err(OpError::NotFound("inbox"));
        }
        // Most of the time nobody looks.
        self.arrivals.send(inbox.id).ok();
        Ok(())
    }

    /// Watches what comes to `inbox` from now on.
    pub fn watch(&self, inbox: &Inbox) -> InboxWatch {
        InboxWatch { inbox_id: inbox.id, arrivals: self.arrivals.subscribe() }
    }
}

/// Waits for what comes to an inbox.
pub struct InboxWatch {
    inbox_id: InboxId,
    arrivals: broadcast::Receiver<InboxId>,
}

impl InboxWatch {
    /// Waits until something has come since the last time; false when nothing can come any more. It may say so once too
    /// often, never too seldom.
    pub async fn changed(&mut self) -> bool {
        loop {
            match self.arrivals.recv().await {
                Ok(id) if id != self.inbox_id => {}
                Ok(_) | Err(RecvError::Lagged(_)) => return true,
                Err(RecvError::Closed) => return false,
            }
        }
    }

    /// Passes over what has come up to now.
    pub fn skip(&mut self) {
        self.arrivals = self.arrivals.resubscribe();
    }
}

#[cfg(test)]
mod tests {
    use super::{INBOX_RATE_MAX, Rates};
    use crate::domain::id::Id;

    #[test]
    fn each_inbox_has_its_own_second() {
        let mut rates = Rates::default();
        let (one, other) = (Id::from_number(1), Id::from_number(2));
        assert!((0..INBOX_RATE_MAX).all(|_| rates.count(one, 7)));
        assert!(!rates.count(one, 7) && rates.count(other, 7));
        assert!(rates.count(one, 8));
    }
}
