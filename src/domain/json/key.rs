//! The keys of an object while it is being read: kept as places in the text, compared as the text they stand for.
//! It trusts the checker that what it is given is a valid JSON string.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::ops::Range;

/// Up to this many keys, comparing each with each is faster than sorting.
const FEW_KEYS_MAX: usize = 12;

/// One key of an open object.
#[derive(Clone)]
pub(super) struct Key {
    /// Tells most keys apart without looking at the text; equal keys have equal fingerprints.
    fingerprint: u64,
    /// The key in the text, without its quotes.
    place: Range<usize>,
    escaped: bool,
}

impl Key {
    pub(super) fn new(bytes: &[u8], place: Range<usize>, escaped: bool) -> Self {
        let raw = &bytes[place.clone()];
        let fingerprint = if escaped { fingerprint(&decode(raw)) } else { fingerprint(raw) };
        Self { fingerprint, place, escaped }
    }

    /// Where the key begins, after its quote.
    pub(super) fn start(&self) -> usize {
        self.place.start
    }

    /// The key with its escapes resolved.
    pub(super) fn decoded<'a>(&self, bytes: &'a [u8]) -> Cow<'a, [u8]> {
        let raw = &bytes[self.place.clone()];
        if self.escaped { Cow::Owned(decode(raw)) } else { Cow::Borrowed(raw) }
    }

    /// A total order in which keys that mean the same are equal.
    fn order(&self, other: &Key, bytes: &[u8]) -> Ordering {
        self.fingerprint.cmp(&other.fingerprint).then_with(|| self.decoded(bytes).cmp(&other.decoded(bytes)))
    }
}

/// The later of two keys that mean the same; the order of `keys` may be lost.
///
/// Few keys are compared each with each. Many are sorted, which makes equal ones neighbours, so that no number of keys
/// and no choice of them costs more than sorting.
pub(super) fn find_duplicate(keys: &mut [Key], bytes: &[u8]) -> Option<Key> {
    if keys.len() <= FEW_KEYS_MAX {
        let equal = |a: &Key, b: &Key| a.fingerprint == b.fingerprint && a.decoded(bytes) == b.decoded(bytes);
        let later = keys.iter().enumerate().find(|(index, key)| keys[..*index].iter().any(|other| equal(other, key)));
        return later.map(|(_, key)| key.clone());
    }
    keys.sort_unstable_by(|a, b| a.order(b, bytes));
    let twice = keys.windows(2).find(|pair| pair[0].order(&pair[1], bytes).is_eq())?;
    twice.iter().max_by_key(|key| key.start()).cloned()
}

/// Mixes length, beginning and end, which tell the keys of nearly every object apart. It need not resist collisions:
/// they cost a comparison of the texts.
fn fingerprint(text: &[u8]) -> u64 {
    const MULTIPLIER: u64 = 0x9E37_79B9_7F4A_7C15;
    let (head, tail) = match (text.first_chunk::<8>(), text.last_chunk::<8>()) {
        (Some(head), Some(tail)) => (u64::from_le_bytes(*head), u64::from_le_bytes(*tail)),
        _ => (text.iter().fold(0, |word, &byte| word << 8 | u64::from(byte)), 0),
    };
    (head.wrapping_mul(MULTIPLIER).rotate_left(29) ^ tail ^ text.len() as u64).wrapping_mul(MULTIPLIER)
}

/// Resolves the escapes of a string that was checked before.
fn decode(raw: &[u8]) -> Vec<u8> {
    let mut decoded = Vec::with_capacity(raw.len());
    let mut rest = raw;
    while let Some((&byte, after)) = rest.split_first() {
        if byte != b'\\' {
            decoded.push(byte);
            rest = after;
            continue;
        }
        let (character, length) = match utf16_unit(rest) {
            None => (simple_escape(after.first().copied().unwrap_or_default()), 2),
            Some(high) => {
                let low = rest.get(6..).and_then(utf16_unit);
                let units = [high, low.unwrap_or_default()];
                let first =
                    char::decode_utf16(units).next().and_then(Result::ok).unwrap_or(char::REPLACEMENT_CHARACTER);
                (first, 6 * first.len_utf16())
            }
        };
        decoded.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
        rest = rest.get(length..).unwrap_or_default();
    }
    decoded
}

/// The UTF-16 unit of the `\uXXXX` that `text` begins with.
pub(super) fn utf16_unit(text: &[u8]) -> Option<u16> {
    let digits = text.strip_prefix(br"\u")?.get(..4)?;
    digits.iter().try_fold(0, |unit, &digit| Some(unit << 4 | u16::try_from(char::from(digit).to_digit(16)?).ok()?))
}

fn simple_escape(letter: u8) -> char {
    match letter {
        b'b' => '\u{8}',
        b'f' => '\u{c}',
        b'n' => '\n',
        b'r' => '\r',
        b't' => '\t',
        other => char::from(other),
    }
}
