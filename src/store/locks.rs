//! What only one node may do at a time on a server: each is a number that is locked for as long as a transaction lasts. The
//! changes of one application or environment are locked by its id, which is larger than any of these.

/// Looking which nodes there are, and joining them.
pub(super) const JOINING: i64 = 7_230_914_835_107;
/// What is decided by looking at all environments, or at all keys.
pub(super) const ENVIRONMENTS: i64 = 7_230_914_835_108;
/// Dropping what is old.
pub(super) const HOUSEKEEPING: i64 = 7_230_914_835_109;
