//! The audit log: who did what to which noun, when, and from where. An entry holds no secret and no payload. It does not
//! know how entries are kept, nor what was allowed.

use std::fmt;
use std::net::IpAddr;

use url::Url;

use super::id::{ApplicationId, AuditEntryId, EnvironmentId};
use super::time::Timestamp;

/// The longest detail of an entry, in characters; what is longer is cut off.
const DETAIL_CHARS_MAX: usize = 500;

/// The columns of the log as a table for other programs.
pub const CSV_HEAD: &str = "time,id,action,subject,application,actor_kind,actor,actor_name,address,detail\r\n";

macro_rules! actions {
    ($($(#[$doc:meta])* $action:ident = $name:literal,)*) => {
        /// What was done.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Action { $($(#[$doc])* $action,)* }

        impl Action {
            /// Every action.
            pub const ALL: &[Self] = &[$(Self::$action,)*];

            /// Its name in the store, on the wire and on pages.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$action => $name,)* }
            }
        }
    };
}

actions! {
    /// A key was made.
    KeyCreated = "api_key.created",
    /// A key got another name or another text.
    KeyChanged = "api_key.changed",
    /// A key was ended or deleted.
    KeyRevoked = "api_key.revoked",
    /// An application was made.
    ApplicationCreated = "application.created",
    /// An application was changed.
    ApplicationChanged = "application.changed",
    /// An application was deleted.
    ApplicationDeleted = "application.deleted",
    /// What an attempt was answered was deleted.
    AttemptExpunged = "attempt.expunged",
    /// An endpoint was made.
    EndpointCreated = "endpoint.created",
    /// An endpoint was changed, but not its URL.
    EndpointChanged = "endpoint.changed",
    /// An endpoint got another URL.
    EndpointUrlChanged = "endpoint.url_changed",
    /// An endpoint was switched off for how it answered.
    EndpointDisabled = "endpoint.disabled",
    /// An endpoint was deleted.
    EndpointDeleted = "endpoint.deleted",
    /// What failed at an endpoint was sent again.
    EndpointRecovered = "endpoint.recovered",
    /// The secret of an endpoint was shown.
    SecretRevealed = "endpoint.secret_revealed",
    /// An endpoint got another secret.
    SecretRotated = "endpoint.secret_rotated",
    /// The transformation of an endpoint was changed.
    TransformationChanged = "endpoint.transformation_changed",
    /// An environment was made.
    EnvironmentCreated = "environment.created",
    /// An environment or its settings were changed.
    EnvironmentChanged = "environment.changed",
    /// An environment was deleted.
    EnvironmentDeleted = "environment.deleted",
    /// An event type was made.
    EventTypeCreated = "event_type.created",
    /// An event type or its retry schedule was changed.
    EventTypeChanged = "event_type.changed",
    /// An event type was deleted for good.
    EventTypeDeleted = "event_type.deleted",
    /// Event types were brought in together.
    EventTypesImported = "event_type.imported",
    /// An inbox was made.
    InboxCreated = "inbox.created",
    /// An inbox was changed.
    InboxChanged = "inbox.changed",
    /// An inbox was deleted.
    InboxDeleted = "inbox.deleted",
    /// The master key was replaced, and everything is sealed anew.
    MasterKeyReplaced = "master_key.replaced",
    /// A message was sent to an endpoint again.
    MessageResent = "message.resent",
    /// The payload of a message was deleted.
    MessageExpunged = "message.expunged",
    /// A link into the portal of an application was made.
    PortalOpened = "portal.access_created",
    /// What opens the portal of an application was ended.
    PortalClosed = "portal.access_ended",
    /// The portal looks otherwise.
    PortalLookChanged = "portal.look_changed",
    /// Somebody signed in.
    SessionOpened = "session.opened",
    /// Somebody tried to sign in and was refused.
    SessionRefused = "session.refused",
    /// A link that signs an operator in was made.
    SessionLinkCreated = "session.link_created",
}

impl Action {
    /// Reads its name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|action| action.as_str() == text)
    }
}

/// What kind of somebody acted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ActorKind {
    /// Cornet by itself.
    System,
    /// A program with an API key.
    Key,
    /// A person in the dashboard: who signed in with a key, or with a link.
    Operator,
    /// A consumer, in the portal or with a token of it.
    Consumer,
    /// Somebody who has not proven who he is.
    Unknown,
}

impl ActorKind {
    /// The name in the store, on the wire and on pages.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::Key => "api_key",
            Self::Operator => "operator",
            Self::Consumer => "consumer",
            Self::Unknown => "unknown",
        }
    }

    /// Reads its name.
    pub fn parse(text: &str) -> Option<Self> {
        let all = [Self::System, Self::Key, Self::Operator, Self::Consumer, Self::Unknown];
        all.into_iter().find(|kind| kind.as_str() == text)
    }
}

/// From where a request came: the address at the other end of its connection.
#[derive(Clone, Copy, Debug)]
pub struct RemoteAddress(pub IpAddr);

/// Who acted, as it is written down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Actor {
    /// What kind of somebody.
    pub kind: ActorKind,
    /// The id of the key, or of the consumer's application; the name of the kind where there is neither.
    pub id: String,
    /// What people call it; may be empty.
    pub name: String,
    /// From where, if that is known.
    pub address: Option<IpAddr>,
}

impl Actor {
    /// Cornet by itself.
    pub fn system() -> Self {
        let kind = ActorKind::System;
        Self { kind, id: kind.as_str().to_owned(), name: String::new(), address: None }
    }

    /// Somebody who has not proven who he is.
    pub fn unknown(address: Option<IpAddr>) -> Self {
        let kind = ActorKind::Unknown;
        Self { kind, id: kind.as_str().to_owned(), name: String::new(), address }
    }
}

/// What is done, before it is known by whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deed {
    /// What.
    pub action: Action,
    /// To what: the text of its id, or its name.
    pub subject: String,
    /// The application that it belongs to, if it is one's.
    pub application_id: Option<ApplicationId>,
    /// More about it in a few words.
    pub detail: String,
}

impl Deed {
    /// Something that is done to `subject`.
    pub fn new(action: Action, subject: impl fmt::Display) -> Self {
        Self { action, subject: subject.to_string(), application_id: None, detail: String::new() }
    }

    /// The same, in this application.
    #[must_use]
    pub fn of(mut self, application: impl Into<Option<ApplicationId>>) -> Self {
        self.application_id = application.into();
        self
    }

    /// The same, with more about it.
    #[must_use]
    pub fn with(mut self, detail: impl fmt::Display) -> Self {
        self.detail = detail.to_string().chars().take(DETAIL_CHARS_MAX).collect();
        self
    }
}

/// An entry of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditEntry {
    /// Its id, which tells when it was.
    pub id: AuditEntryId,
    /// The environment that it belongs to.
    pub environment_id: EnvironmentId,
    /// Who did it.
    pub actor: Actor,
    /// What was done.
    pub deed: Deed,
}

/// Which entries are wanted.
#[derive(Clone, Debug, Default)]
pub struct AuditFilter {
    /// Of this action.
    pub action: Option<Action>,
    /// By the actor with this id.
    pub actor: Option<String>,
}

impl AuditEntry {
    /// When it was done.
    pub fn time(&self) -> Timestamp {
        self.id.time()
    }

    /// As a line under [`CSV_HEAD`] (RFC 4180).
    pub fn to_csv(&self) -> String {
        let Self { id, actor, deed, .. } = self;
        let cells = [
            self.time().to_string(),
            id.to_string(),
            deed.action.as_str().to_owned(),
            deed.subject.clone(),
            deed.application_id.map(|id| id.to_string()).unwrap_or_default(),
            actor.kind.as_str().to_owned(),
            actor.id.clone(),
            actor.name.clone(),
            actor.address.map(|address| address.to_string()).unwrap_or_default(),
            deed.detail.clone(),
        ];
        cells.map(|text| cell(&text)).join(",") + "\r\n"
    }
}

/// A cell that no program takes for a formula.
fn cell(text: &str) -> String {
    let mark = if text.starts_with(['=', '+', '-', '@', '\t', '\r']) { "'" } else { "" };
    if mark.is_empty() && !text.contains([',', '"', '\r', '\n']) {
        return text.to_owned();
    }
    format!("\"{mark}{}\"", text.replace('"', "\"\""))
}

/// A URL without what may be secret in it: who calls, and its query.
pub fn bare_url(text: &str) -> String {
    let Ok(mut url) = Url::parse(text) else {
        return "?".to_owned();
    };
    let had_query = url.query().is_some();
    url.set_query(None);
    url.set_fragment(None);
    // Only a URL without a host refuses this, and it has neither.
    url.set_username("").ok();
    url.set_password(None).ok();
    if had_query { format!("{url}?…") } else { url.to_string() }
}

/// The names of what differs, in a list.
pub fn differing<const N: usize>(pairs: [(&str, bool); N]) -> String {
    pairs.into_iter().filter_map(|(name, differs)| differs.then_some(name)).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::id::Id;

    #[test]
    fn actions_and_kinds_are_read_as_they_are_written_and_no_two_are_alike() {
        for action in Action::ALL {
            assert_eq!(Action::parse(action.as_str()), Some(*action));
        }
        assert_eq!(Action::parse("endpoint.url"), None);
        assert_eq!(ActorKind::parse("operator"), Some(ActorKind::Operator));
        assert_eq!(ActorKind::parse("unknown"), Some(ActorKind::Unknown));
    }

    #[test]
    fn a_line_is_cut_at_its_commas_alone_and_holds_no_formula() {
        let deed = Deed::new(Action::KeyCreated, "key_1").with("=cmd|' /C calc'!A0");
        let actor = Actor { name: "Ada, \"the\" first".to_owned(), ..Actor::system() };
        let entry = AuditEntry { id: Id::from_number(1), environment_id: Id::from_number(1), actor, deed };
        let line = entry.to_csv();
        assert!(line.ends_with(",system,system,\"Ada, \"\"the\"\" first\",,\"'=cmd|' /C calc'!A0\"\r\n"), "{line}");
    }

    #[test]
    fn a_url_is_shown_without_its_secrets() {
        assert_eq!(bare_url("https://u:p@a.test/hook?token=s#x"), "https://a.test/hook?…");
        assert_eq!(bare_url("https://a.test:8443/hook"), "https://a.test:8443/hook");
        assert_eq!(bare_url("no url"), "?");
    }

    #[test]
    fn a_detail_is_never_long() {
        assert_eq!(Deed::new(Action::KeyCreated, "").with("é".repeat(900)).detail.chars().count(), DETAIL_CHARS_MAX);
    }
}
