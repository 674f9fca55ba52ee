//! Where a page stands: in the dashboard of an environment, or in the portal of an application. Pages that are in both
//! ask it for their links, so that none of them leads from one into the other.

use crate::domain::id::{ApplicationId, EndpointId, EnvironmentId, MessageId};

/// Where a page stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// The operator's pages of this environment.
    Dashboard(EnvironmentId),
    /// The consumer's pages of this application.
    Portal(ApplicationId),
}

impl Place {
    /// The first page; every other path begins with it.
    pub fn home(self) -> String {
        match self {
            Self::Dashboard(id) => format!("/environments/{id}"),
            Self::Portal(id) => format!("/portal/{id}"),
        }
    }

    /// A page of the place: `path` begins with a slash.
    pub fn at(self, path: &str) -> String {
        self.home() + path
    }

    /// The page of an application, and what the paths of its pages begin with.
    pub fn application(self, id: ApplicationId) -> String {
        match self {
            Self::Dashboard(_) => format!("{}/applications/{id}", self.home()),
            // There is no other in its portal.
            Self::Portal(_) => self.home(),
        }
    }

    /// The page of an endpoint.
    pub fn endpoint(self, application: ApplicationId, id: EndpointId) -> String {
        format!("{}/endpoints/{id}", self.application(application))
    }

    /// The page of a message.
    pub fn message(self, application: ApplicationId, id: MessageId) -> String {
        format!("{}/messages/{id}", self.application(application))
    }

    /// The page of an event type.
    pub fn event_type(self, name: &str) -> String {
        format!("{}/event-types/{name}", self.home())
    }

    /// Whether it is the consumer's.
    pub fn is_portal(self) -> bool {
        matches!(self, Self::Portal(_))
    }
}
