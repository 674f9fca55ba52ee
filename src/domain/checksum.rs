//! The checksum that a payload is stored with, so that one damaged at rest is never signed (THREATS J14). It guards
//! against accidents, not against an attacker.

use aws_lc_rs::digest::{SHA256, digest};

/// The first 8 bytes of the SHA-256 of `bytes`, as the signed integer that a database column holds.
pub fn payload_checksum(bytes: &[u8]) -> i64 {
    let hash = digest(&SHA256, bytes);
    hash.as_ref().iter().take(8).fold(0, |checksum, &byte| checksum << 8 | i64::from(byte))
}

#[cfg(test)]
mod tests {
    use super::payload_checksum;

    #[test]
    fn the_checksum_is_the_head_of_sha_256() {
        assert_eq!(payload_checksum(b"").to_be_bytes(), [0xe3, 0xb0, 0xc4, 0x42, 0x98, 0xfc, 0x1c, 0x14]);
        assert_eq!(payload_checksum(b"abc").to_be_bytes(), [0xba, 0x78, 0x16, 0xbf, 0x8f, 0x01, 0xcf, 0xea]);
    }
}
