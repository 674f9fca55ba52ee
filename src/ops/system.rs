//! The state of the machinery, for who runs it: how the store does, and what is set that matters for safety.

use super::{Access, OpError, Operations};
use crate::domain::node::Node;
use crate::domain::time::Timestamp;
use crate::store::{OldKeys, StoreError, StoreFile};

/// The state of the machinery.
#[derive(Clone, Debug)]
pub struct SystemState {
    /// The version that runs.
    pub version: &'static str,
    /// Since when it runs.
    pub since: Timestamp,
    /// Where everything is kept.
    pub file: StoreFile,
    /// Whether that can be written right now, and why not.
    pub store: Result<(), StoreError>,
    /// The nodes that share it; none where it is in a file.
    pub nodes: Vec<Node>,
    /// Whether old master keys are still needed.
    pub old_keys: OldKeys,
    /// How many seconds this machine's clock is ahead of receivers', as far as they can be believed.
    pub ahead_of_other_clocks: Option<i64>,
    /// The networks that deliveries may go to besides the public internet.
    pub open_networks: Vec<String>,
}

impl Operations {
    /// How the machinery does right now.
    ///
    /// # Errors
    /// When `access` is not an admin's, or the store can't be read.
    pub async fn system_state(&self, access: &Access) -> Result<SystemState, OpError> {
        access.require_admin()?;
        Ok(SystemState {
            version: env!("CARGO_PKG_VERSION"),
            since: self.since,
            file: self.store.file().await?,
            store: self.store.check().await,
            nodes: self.store.nodes().await?,
            old_keys: self.store.old_keys().await?,
            ahead_of_other_clocks: self.store.ahead_of_other_clocks().await?,
            open_networks: self.policy.allowed().iter().map(ToString::to_string).collect(),
        })
    }
}
