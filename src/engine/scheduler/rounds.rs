//! Whose turn it is among the endpoints that have something to send and a free place of their own: each standing has a round
//! of its own, in which the endpoints stand one behind another. It does not know whether there is a place for them.

use std::collections::BTreeMap;

use super::Standing;
use crate::domain::id::EndpointId;

/// A place in the round of a standing; the least goes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Turn {
    /// It is for a further request to an endpoint that has not answered its first.
    pub(super) is_further: bool,
    number: u64,
}

/// Who stands in which round.
#[derive(Default)]
pub(super) struct Rounds {
    of: [BTreeMap<Turn, EndpointId>; Standing::ALL.len()],
    given: u64,
}

impl Rounds {
    pub(super) fn are_empty(&self) -> bool {
        self.of.iter().all(BTreeMap::is_empty)
    }

    /// Puts an endpoint behind all others of its standing; those with a further request go behind all without.
    pub(super) fn enter(&mut self, standing: Standing, is_further: bool, endpoint_id: EndpointId) -> Turn {
        let turn = Turn { is_further, number: self.given };
        self.given += 1;
        self.of[standing as usize].insert(turn, endpoint_id);
        turn
    }

    /// Whose turn is next.
    pub(super) fn first(&self, standing: Standing) -> Option<(Turn, EndpointId)> {
        self.of[standing as usize].first_key_value().map(|(turn, endpoint_id)| (*turn, *endpoint_id))
    }

    pub(super) fn leave(&mut self, standing: Standing, turn: Turn) {
        self.of[standing as usize].remove(&turn);
    }
}
