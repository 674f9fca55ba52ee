//! Nodes: the processes that share one database. Each has a number, which its ids carry, and an epoch, which says whose a
//! waiting delivery is. It does not know how long a node is believed to live.

/// One life of one node. No two are alike, so what belonged to a node that is gone is never mistaken for another's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Epoch(pub i64);

impl Epoch {
    /// The only one of a store that nobody shares.
    pub const ALONE: Self = Self(0);
}

/// A node, as it is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// What its ids carry.
    pub number: u16,
    /// Its machine and port.
    pub name: String,
    /// The version that it runs.
    pub version: String,
    /// Since when it takes part.
    pub since: super::time::Timestamp,
}
