//! The checksum that a payload is stored with, so that one damaged at rest is never signed (THREATS J14). It guards
//! against accidents, not against an attacker.

use aws_lc_rs::digest::{SHA256, digest};
use twox_hash::XxHash3_64;

/// The XXH3-64 of `bytes`, as the signed integer that a database column holds. (SHA-256 took 3 % of a message's time on
/// a machine without instructions for it.)
pub fn payload_checksum(bytes: &[u8]) -> i64 {
    XxHash3_64::oneshot(bytes).cast_signed()
}

/// Whether `bytes` are those that were stored with this checksum. The first stores had the head of a SHA-256 there.
pub fn is_intact(bytes: &[u8], checksum: i64) -> bool {
    payload_checksum(bytes) == checksum || sha_256_head(bytes) == checksum
}

fn sha_256_head(bytes: &[u8]) -> i64 {
    digest(&SHA256, bytes).as_ref().iter().take(8).fold(0, |head, &byte| head << 8 | i64::from(byte))
}

#[cfg(test)]
mod tests {
    use super::{is_intact, payload_checksum};

    #[test]
    fn the_checksum_is_xxh3_and_the_first_stores_are_read_too() {
        assert_eq!(payload_checksum(b"").to_be_bytes(), 0x2d06_8005_38d3_94c2_u64.to_be_bytes());
        assert!(is_intact(b"abc", payload_checksum(b"abc")));
        assert!(is_intact(b"abc", i64::from_be_bytes([0xba, 0x78, 0x16, 0xbf, 0x8f, 0x01, 0xcf, 0xea])));
        assert!(!is_intact(b"abd", payload_checksum(b"abc")));
    }
}
