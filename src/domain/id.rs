//! Ids: one number inside, one text outside. Inside, an id is 63 bits that grow with time, so a table keyed by it is
//! only ever appended to. Outside it is a TypeID: a prefix that names the noun, and a UUIDv7 (RFC 9562) in 26 letters
//! of base32. The text is derived from the number and carries 53 bits that must agree with it, so a guessed or
//! mistyped id is refused before any store is asked. It does not know whether the noun exists.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::marker::PhantomData;
use std::ops::Range;
use std::sync::atomic::{AtomicI64, Ordering};

use super::time::{Span, Timestamp};

/// How many ids one node can make in a millisecond before it borrows from the next one.
const SEQUENCE_BITS: u32 = 11;
const NODE_BITS: u32 = 10;
/// How many nodes can make ids at the same time.
pub const NODES_MAX: u16 = 1 << NODE_BITS;
/// Below the milliseconds.
const LOW_BITS: u32 = SEQUENCE_BITS + NODE_BITS;
/// The bits of the text that only repeat, mixed, what the number says.
const CHECK_BITS: u32 = 62 - (LOW_BITS - 12);

/// The alphabet of TypeID: Crockford's base32 in lower case.
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// A kind of noun that has ids.
pub trait Kind {
    /// What the text of an id begins with, before the underscore.
    const PREFIX: &'static str;
}

macro_rules! kinds {
    ($($(#[$doc:meta])* $kind:ident = $prefix:literal as $id:ident;)*) => {$(
        $(#[$doc])*
        pub enum $kind {}
        impl Kind for $kind { const PREFIX: &'static str = $prefix; }
        $(#[$doc])*
        pub type $id = Id<$kind>;
    )*};
}

kinds! {
    /// The id of an environment.
    EnvironmentKind = "env" as EnvironmentId;
    /// The id of an application.
    ApplicationKind = "app" as ApplicationId;
    /// The id of an endpoint.
    EndpointKind = "ep" as EndpointId;
    /// The id of a message; also its `webhook-id` (Standard Webhooks).
    MessageKind = "msg" as MessageId;
    /// The id of an attempt.
    AttemptKind = "atmpt" as AttemptId;
    /// The id of an API key.
    ApiKeyKind = "key" as ApiKeyId;
    /// The id of a background task.
    TaskKind = "qtask" as TaskId;
    /// The id of a request to the API; also what orders idempotency keys.
    RequestKind = "req" as RequestId;
    /// The id of an inbox.
    InboxKind = "inbox" as InboxId;
    /// The id of a request that an inbox received.
    InboxRequestKind = "rcvd" as InboxRequestId;
    /// The id of an entry of the audit log.
    AuditEntryKind = "audit" as AuditEntryId;
}

/// The id of a noun of kind `K`: ordered by the time when it was made.
pub struct Id<K>(i64, PhantomData<fn() -> K>);

impl<K> Id<K> {
    /// The id whose number is `number`, as a store keeps it.
    pub const fn from_number(number: i64) -> Self {
        Self(number, PhantomData)
    }

    /// The number, as a store keeps it; never negative for an id that was made.
    pub const fn number(self) -> i64 {
        self.0
    }

    /// When the id was made.
    pub const fn time(self) -> Timestamp {
        Timestamp::from_ms(self.0 >> LOW_BITS)
    }

    /// The smallest id that can have been made at `time` or later.
    pub fn first_at(time: Timestamp) -> Self {
        Self::from_number(time.as_ms().clamp(0, i64::MAX >> LOW_BITS) << LOW_BITS)
    }

    /// The ids that were made in `span`.
    pub fn made_in(span: Span) -> Range<Self> {
        Self::first_at(span.from)..Self::first_at(span.until)
    }

    fn uuid(self) -> u128 {
        let number = self.0 as u128;
        let low = number & ((1 << LOW_BITS) - 1);
        let milliseconds = number >> LOW_BITS;
        let head = low >> (LOW_BITS - 12);
        let tail = low & ((1 << (LOW_BITS - 12)) - 1);
        milliseconds << 80 | 0x7 << 76 | head << 64 | 0b10 << 62 | tail << CHECK_BITS | check(self.0)
    }

    fn from_uuid(uuid: u128) -> Option<Self> {
        let head = (uuid >> 64) & 0xfff;
        let tail = (uuid >> CHECK_BITS) & ((1 << (LOW_BITS - 12)) - 1);
        let number = (uuid >> 80) << LOW_BITS | head << (LOW_BITS - 12) | tail;
        let id = Self::from_number(i64::try_from(number).ok()?);
        (id.uuid() == uuid).then_some(id)
    }
}

/// Mixes a number into `CHECK_BITS` bits (the finaliser of SplitMix64).
fn check(number: i64) -> u128 {
    let mut mixed = (number as u64).wrapping_add(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    u128::from((mixed ^ (mixed >> 31)) >> (64 - CHECK_BITS))
}

impl<K: Kind> Id<K> {
    /// Reads the text of an id; `None` when it is not the text of any id of this kind.
    pub fn parse(text: &str) -> Option<Self> {
        let letters = text.strip_prefix(K::PREFIX)?.strip_prefix('_')?.as_bytes();
        if letters.len() != 26 || letters[0] > b'7' {
            return None;
        }
        let mut uuid = 0u128;
        for letter in letters {
            let value = ALPHABET.iter().position(|candidate| candidate == letter)?;
            uuid = uuid << 5 | value as u128;
        }
        Self::from_uuid(uuid)
    }
}

impl<K: Kind> fmt::Display for Id<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let uuid = self.uuid();
        let mut letters = [0u8; 26];
        for (place, letter) in letters.iter_mut().enumerate() {
            *letter = ALPHABET[(uuid >> (5 * (25 - place)) & 31) as usize];
        }
        f.write_str(K::PREFIX)?;
        f.write_str("_")?;
        f.write_str(str::from_utf8(&letters).unwrap_or_default())
    }
}

impl<K: Kind> fmt::Debug for Id<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl<K> Clone for Id<K> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<K> Copy for Id<K> {}

impl<K> PartialEq for Id<K> {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

impl<K> Eq for Id<K> {}

impl<K> PartialOrd for Id<K> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl<K> Ord for Id<K> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.cmp(&other.0)
    }
}

impl<K> Hash for Id<K> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}

/// Makes ids that never repeat and always grow, also when the clock is set back while it lives.
pub struct IdGenerator {
    node: AtomicI64,
    /// Milliseconds and sequence of the last id, without the node.
    last: AtomicI64,
}

impl IdGenerator {
    /// A generator for node `node` (0–1023) whose ids come after `last`, the greatest number in the store.
    pub fn starting_after(last: i64, node: u16) -> Self {
        let generator = Self { node: AtomicI64::new(0), last: AtomicI64::new(0) };
        generator.go_on_after(last, node);
        generator
    }

    /// From here on makes ids of node `node` that come after `last` too.
    pub fn go_on_after(&self, last: i64, node: u16) {
        let node = i64::from(node) & (i64::from(NODES_MAX) - 1);
        let milliseconds = last >> LOW_BITS;
        self.last.fetch_max((milliseconds + 1) << SEQUENCE_BITS, Ordering::Relaxed);
        self.node.store(node, Ordering::Relaxed);
    }

    /// The next id, at `now` or as little later as uniqueness demands.
    pub fn next<K>(&self, now: Timestamp) -> Id<K> {
        let earliest = now.as_ms().max(0) << SEQUENCE_BITS;
        let step = |last: i64| Some((last + 1).max(earliest));
        let previous = self.last.fetch_update(Ordering::Relaxed, Ordering::Relaxed, step).unwrap_or_default();
        let moment = (previous + 1).max(earliest);
        let sequence = moment & ((1 << SEQUENCE_BITS) - 1);
        Id::from_number(
            (moment >> SEQUENCE_BITS) << LOW_BITS | self.node.load(Ordering::Relaxed) << SEQUENCE_BITS | sequence,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::{EndpointId, IdGenerator, MessageId};
    use crate::domain::time::Timestamp;

    #[test]
    fn an_id_is_read_as_it_is_shown_and_no_other_text_is_one() {
        let generator = IdGenerator::starting_after(0, 3);
        let id: MessageId = generator.next(Timestamp::from_ms(1_790_000_000_123));
        let text = id.to_string();
        assert_eq!(text.len(), "msg_".len() + 26);
        assert_eq!(MessageId::parse(&text), Some(id));
        assert_eq!(id.time().as_ms(), 1_790_000_000_123);
        assert_eq!(EndpointId::parse(&text), None);
        for place in 4..text.len() {
            let mut changed = text.clone().into_bytes();
            changed[place] = if changed[place] == b'0' { b'1' } else { b'0' };
            assert_eq!(MessageId::parse(&String::from_utf8(changed).unwrap()), None, "place {place}");
        }
        assert_eq!(MessageId::parse("msg_../../etc/passwd"), None);
        assert_eq!(MessageId::parse("msg_"), None);
    }

    #[test]
    fn ids_grow_also_when_the_clock_is_set_back_and_a_millisecond_is_crowded() {
        let generator = IdGenerator::starting_after(0, 0);
        let mut last: MessageId = generator.next(Timestamp::from_ms(5_000));
        for round in 0..10_000 {
            let next = generator.next(Timestamp::from_ms(5_000 - round));
            assert!(next > last);
            last = next;
        }
        let restarted = IdGenerator::starting_after(last.number(), 0);
        assert!(restarted.next::<super::MessageKind>(Timestamp::from_ms(1)) > last);
    }

    #[test]
    fn the_text_is_a_uuid_of_version_seven() {
        let id: MessageId = IdGenerator::starting_after(0, 1023).next(Timestamp::from_ms(1_790_000_000_123));
        assert_eq!(id.uuid() >> 76 & 0xf, 7);
        assert_eq!(id.uuid() >> 62 & 0b11, 0b10);
        assert_eq!(id.uuid() >> 80, 1_790_000_000_123);
    }
}
