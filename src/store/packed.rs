//! Details of an attempt that stand in one column: the answer's headers as lines of text, the phases as sixteen bytes.
//! It does not know which table they are in.

use crate::domain::attempt::Phases;

/// Bytes of the phases: four numbers of microseconds, little-endian.
pub(super) const PHASES_BYTES: usize = 16;

/// The number that stands for a phase that was not gone through; it would be more than an hour.
const ABSENT: u32 = u32::MAX;

/// The headers, each as a line `name: value`. No header has a line break, so none can be taken for two.
pub(super) fn headers(headers: &[(String, String)]) -> String {
    let bytes = headers.iter().map(|(name, value)| name.len() + value.len() + 3).sum();
    let mut text = String::with_capacity(bytes);
    for (name, value) in headers {
        text.extend([name, ": ", value, "\n"]);
    }
    text
}

/// Reads what [`headers`] wrote.
pub(super) fn read_headers(text: &str) -> Vec<(String, String)> {
    let pair = |line: &str| line.split_once(": ").map(|(name, value)| (name.to_owned(), value.to_owned()));
    text.split('\n').filter_map(pair).collect()
}

/// The phases, in their order.
pub(super) fn phases(phases: Phases) -> [u8; PHASES_BYTES] {
    let Phases { dns_us, connect_us, tls_us, first_byte_us } = phases;
    let mut bytes = [0; PHASES_BYTES];
    for (place, phase) in bytes.chunks_exact_mut(4).zip([dns_us, connect_us, tls_us, first_byte_us]) {
        place.copy_from_slice(&phase.unwrap_or(ABSENT).to_le_bytes());
    }
    bytes
}

/// Reads what [`phases`] wrote; `None` when it is something else.
pub(super) fn read_phases(bytes: &[u8]) -> Option<Phases> {
    let bytes: &[u8; PHASES_BYTES] = bytes.try_into().ok()?;
    let mut phases = bytes.as_chunks::<4>().0.iter().map(|phase| u32::from_le_bytes(*phase));
    let mut next = || phases.next().filter(|phase| *phase != ABSENT);
    Some(Phases { dns_us: next(), connect_us: next(), tls_us: next(), first_byte_us: next() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_packed_is_read_as_it_was() {
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let given = vec![pair("server", "a: b"), pair("x-empty", ""), pair("set-cookie", "\u{fffd}; \u{2028}")];
        assert_eq!(read_headers(&headers(&given)), given);
        assert_eq!(read_headers(&headers(&[])), []);
        let opened = Phases { dns_us: Some(0), connect_us: Some(ABSENT - 1), tls_us: Some(3), first_byte_us: Some(4) };
        for given in [opened, Phases::default()] {
            assert_eq!(read_phases(&phases(given)), Some(given));
        }
        assert_eq!(read_phases(&[0; PHASES_BYTES + 1]), None);
    }
}
