//! What has just happened, for pages that show it without being asked again: a hint to look, not the thing itself.

use super::id::{ApplicationId, EndpointId};

/// What kind of thing has happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HappeningKind {
    /// A message was accepted.
    Accepted,
    /// An attempt was made, or a delivery ended without one.
    Attempted,
    /// What happened before stands in the figures now.
    Counted,
    /// An application, or something of it, was made, changed or deleted; or so much has happened that it is not told
    /// one by one.
    Changed,
}

/// Something that has just happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Happening {
    /// What.
    pub kind: HappeningKind,
    /// To whom; `None` when it may have been anyone.
    pub application_id: Option<ApplicationId>,
    /// At which endpoint, if it was at one.
    pub endpoint_id: Option<EndpointId>,
}
