//! What has changed of what nodes remember, and how they tell each other: in a line of text, with the very transaction that
//! makes the change (NOTIFY). What a node does not understand, it takes for everything.

use std::collections::BTreeSet;
use std::time::Duration;

use super::Store;
use super::audit::Outcome;
use super::committer::Notice;
use super::connection::Connection;
use super::error::StoreError;
use super::happenings::Happenings;
use super::lease::Lease;
use super::memory::Memory;
use super::queue::Record;
use super::routing::Stale;
use crate::domain::endpoint::Rest;
use crate::domain::id::{ApplicationId, EndpointId, EnvironmentId, Id};
use crate::domain::key::KeyHash;
use crate::domain::node::Epoch;
use crate::domain::time::Timestamp;

const TELL: &str = "SELECT pg_notify('cornet', ?1)";

/// The longest line that a server passes on, with room for who says it.
const LINE_BYTES_MAX: usize = 7_900;

/// What has changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum News {
    /// An application, or something of it.
    Application {
        /// Which.
        id: ApplicationId,
        /// What else is no longer so.
        stale: Stale,
    },
    /// The event types of an environment.
    EventTypes {
        /// Which.
        environment_id: EnvironmentId,
        /// Whether its routes say something else now.
        routes_too: bool,
    },
    /// A key.
    Key(KeyHash),
    /// So much that nothing that is remembered can be relied on. These endpoints are looked at again.
    Everything(Vec<EndpointId>),
    /// Nothing but the figures of these applications.
    Counted(Vec<ApplicationId>),
    /// A node has left: what it had is there to be taken over.
    Left,
    /// An endpoint is left in peace for so long, after so many failures; or no longer.
    Rests {
        /// Which.
        endpoint_id: EndpointId,
        /// How; for how long rather than until when, because clocks differ.
        rest: Option<(Duration, u32)>,
    },
    /// In the order of these endpoints another node's delivery may be the first now.
    Turn(Vec<EndpointId>),
}

fn numbers<K>(ids: &[Id<K>]) -> String {
    let texts: Vec<_> = ids.iter().map(|id| id.number().to_string()).collect();
    if texts.is_empty() { "-".to_owned() } else { texts.join(",") }
}

fn read_numbers<K>(text: &str) -> Option<Vec<Id<K>>> {
    if text == "-" {
        return Some(Vec::new());
    }
    text.split(',').map(|number| number.parse().ok().map(Id::from_number)).collect()
}

fn read_hash(text: &str) -> Option<KeyHash> {
    let bytes: Option<Vec<u8>> =
        (0..text.len() / 2).map(|place| u8::from_str_radix(text.get(2 * place..2 * place + 2)?, 16).ok()).collect();
    bytes?.try_into().ok()
}

impl News {
    /// As a line of words.
    fn to_line(&self) -> String {
        match self {
            Self::Application { id, stale: Stale { endpoints, uid, keys } } => {
                let uid = uid.as_ref().map_or("-".to_owned(), |(owner, uid)| format!("{}:{uid}", owner.number()));
                format!("application {} {keys} {} {uid}", id.number(), numbers(endpoints))
            }
            Self::EventTypes { environment_id, routes_too } => {
                format!("event-types {} {routes_too}", environment_id.number())
            }
            Self::Key(hash) => {
                let digits: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
                format!("key {digits}")
            }
            Self::Everything(endpoints) => format!("everything {}", numbers(endpoints)),
            Self::Counted(applications) => format!("counted {}", numbers(applications)),
            Self::Left => "left".to_owned(),
            Self::Turn(endpoints) => format!("turn {}", numbers(endpoints)),
            Self::Rests { endpoint_id, rest: Some((length, failures)) } => {
                format!("rests {} {} {failures}", endpoint_id.number(), length.as_millis())
            }
            Self::Rests { endpoint_id, rest: None } => format!("wakes {}", endpoint_id.number()),
        }
    }

    /// Reads such a line.
    fn parse(line: &str) -> Option<Self> {
        let (kind, rest) = line.split_once(' ').unwrap_or((line, ""));
        let mut words = rest.splitn(4, ' ');
        let mut word = || words.next();
        Some(match kind {
            "application" => {
                let id = Id::from_number(word()?.parse().ok()?);
                let (keys, endpoints) = (word()?.parse().ok()?, read_numbers(word()?)?);
                let uid = match word()?.split_once(':') {
                    Some((owner, uid)) => Some((Id::from_number(owner.parse().ok()?), uid.to_owned())),
                    None => None,
                };
                Self::Application { id, stale: Stale { endpoints, uid, keys } }
            }
            "event-types" => {
                let environment_id = Id::from_number(word()?.parse().ok()?);
                Self::EventTypes { environment_id, routes_too: word()?.parse().ok()? }
            }
            "key" => Self::Key(read_hash(word()?)?),
            "everything" => Self::Everything(read_numbers(word()?)?),
            "counted" => Self::Counted(read_numbers(word()?)?),
            "left" => Self::Left,
            "turn" => Self::Turn(read_numbers(word()?)?),
            "rests" => {
                let endpoint_id = Id::from_number(word()?.parse().ok()?);
                let length = Duration::from_millis(word()?.parse().ok()?);
                Self::Rests { endpoint_id, rest: Some((length, word()?.parse().ok()?)) }
            }
            "wakes" => Self::Rests { endpoint_id: Id::from_number(word()?.parse().ok()?), rest: None },
            _ => return None,
        })
    }

    /// Has the other nodes told as soon as the transaction is committed. A file has no other nodes.
    pub(super) fn tell(&self, connection: &Connection, from: Epoch) -> Result<(), StoreError> {
        if matches!(connection, Connection::Sqlite(_)) {
            return Ok(());
        }
        let line = format!("{} {}", from.0, self.to_line());
        // What has no room in a line is found by looking at everything.
        let line =
            if line.len() > LINE_BYTES_MAX { format!("{} {}", from.0, Self::everything().to_line()) } else { line };
        connection.first(TELL, &[(&line).into()], |_| Ok(())).map(|_| ())
    }

    /// Has the other nodes told, if there are any, that it may be their turn where these outcomes keep an order.
    pub(super) fn tell_turns(connection: &Connection, lease: &Lease, records: &[Record]) -> Result<(), StoreError> {
        let in_order = records.iter().filter(|record| record.delivery.in_order);
        let endpoints: BTreeSet<EndpointId> = in_order.map(|record| record.delivery.endpoint_id).collect();
        if endpoints.is_empty() || lease.nodes() < 2 {
            return Ok(());
        }
        Self::Turn(endpoints.into_iter().collect()).tell(connection, lease.epoch())
    }

    /// That everything may have changed.
    pub(super) const fn everything() -> Self {
        Self::Everything(Vec::new())
    }

    /// What another node than `own` has told with this line.
    pub(super) fn heard(line: &str, own: Epoch) -> Option<Self> {
        let (from, news) = line.split_once(' ').unwrap_or((line, ""));
        let is_own = from.parse().is_ok_and(|from: i64| Epoch(from) == own);
        (!is_own).then(|| Self::parse(news).unwrap_or(Self::everything()))
    }

    /// Forgets what is stale, tells those who look on, and adds what the engine must look at.
    pub(super) fn take_in(&self, memory: &Memory, happenings: &Happenings, due: Timestamp, notices: &mut Vec<Notice>) {
        memory.forget(self);
        let mut changed = |endpoints: &[EndpointId]| {
            endpoints.iter().for_each(|&endpoint_id| memory.rests.set(endpoint_id, None));
            notices.extend(endpoints.iter().map(|&endpoint_id| Notice::Changed { endpoint_id }));
        };
        match self {
            Self::Application { id, stale } => {
                changed(&stale.endpoints);
                happenings.changed(*id);
            }
            Self::Everything(endpoints) => changed(endpoints),
            Self::Turn(endpoints) => {
                notices.extend(endpoints.iter().map(|&endpoint_id| Notice::Waiting { endpoint_id, due }));
            }
            Self::Rests { endpoint_id, rest } => {
                let rest = rest.map(|(length, failures)| Rest { until: due.plus(length), failures });
                memory.rests.set(*endpoint_id, rest);
                notices.push(Notice::Rests { endpoint_id: *endpoint_id, rest });
            }
            Self::Counted(applications) => happenings.counted_elsewhere(applications),
            Self::EventTypes { .. } | Self::Key(_) | Self::Left => {}
        }
    }
}

impl Store {
    /// Makes a change of which nodes remember something; `work` answers what to say and the news, if there are any.
    /// Meanwhile no other node makes a change under the same number. Once it is committed and before the engine is told,
    /// all that it makes stale is forgotten: by the writer, so that it also happens when whoever asked has hung up. The
    /// other nodes are told with the commit.
    pub(super) async fn change_and_tell<T: Outcome + Send + 'static>(
        &self,
        lock: i64,
        mut work: impl FnMut(&Connection) -> Result<(T, Option<News>), StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (memory, happenings) = (self.memory.clone(), self.happenings.clone());
        let (due, epoch) = (self.now(), self.epoch());
        let work = move |connection: &Connection| {
            connection.lock(lock)?;
            let (done, news) = work(connection)?;
            if let Some(news) = &news {
                news.tell(connection, epoch)?;
            }
            Ok((done, news))
        };
        let notify = move |(_, news): &(T, Option<News>), notices: &mut Vec<Notice>| {
            if let Some(news) = news {
                news.take_in(&memory, &happenings, due, notices);
            }
        };
        let work = self.noted(work, |(done, _): &(T, Option<News>)| done.is_change());
        Ok(self.committer.write(work, notify).await?.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn news_are_read_as_they_are_told_and_ones_own_are_none() {
        let endpoints: Vec<EndpointId> = [7, 8].map(Id::from_number).to_vec();
        let uid = Some((Id::from_number(3), "acme: the 1st".to_owned()));
        let id = Id::from_number(9);
        for news in [
            News::Application { id, stale: Stale { endpoints: endpoints.clone(), uid, keys: true } },
            News::Application { id, stale: Stale::default() },
            News::EventTypes { environment_id: Id::from_number(3), routes_too: true },
            News::Key([0xab; 32]),
            News::Everything(endpoints),
            News::everything(),
            News::Counted(vec![id]),
            News::Left,
            News::Turn(vec![Id::from_number(7)]),
            News::Rests { endpoint_id: Id::from_number(7), rest: Some((Duration::from_millis(5_250), 10)) },
            News::Rests { endpoint_id: Id::from_number(7), rest: None },
        ] {
            let line = format!("5 {}", news.to_line());
            assert_eq!(News::heard(&line, Epoch(6)), Some(news), "{line}");
            assert_eq!(News::heard(&line, Epoch(5)), None);
        }
    }

    #[test]
    fn what_is_not_understood_is_everything() {
        for line in ["", "5", "5 later 1 2", "5 key abc", "5 application 1", "x y"] {
            assert_eq!(News::heard(line, Epoch(6)), Some(News::everything()), "{line}");
        }
    }
}
