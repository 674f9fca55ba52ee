//! Seals what must not lie readable in the database: AES-256-GCM-SIV (RFC 8452) under the master key. A sealed blob
//! is bound to its place, so it can't be moved to another row; it knows neither nouns nor tables.

use aws_lc_rs::aead::{AES_256_GCM_SIV, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::rand;
use zeroize::Zeroizing;

use super::error::StoreError;

/// Bytes of a master key.
pub const MASTER_KEY_BYTES: usize = 32;
/// The first byte of every blob: how it was sealed.
const FORMAT: u8 = 1;

/// Holds the master key and seals with it.
pub struct Vault {
    key: LessSafeKey,
}

impl Vault {
    /// A vault that seals with `master_key`.
    ///
    /// # Errors
    /// When the key has not `MASTER_KEY_BYTES` bytes.
    pub fn new(master_key: &[u8]) -> Result<Self, StoreError> {
        let key = UnboundKey::new(&AES_256_GCM_SIV, master_key)
            .map_err(|_| StoreError::Unavailable(format!("the master key must have {MASTER_KEY_BYTES} bytes")))?;
        Ok(Self { key: LessSafeKey::new(key) })
    }

    /// Seals `plain` for `place`.
    ///
    /// # Errors
    /// When the operating system has no randomness to give.
    pub fn seal(&self, place: &str, plain: &[u8]) -> Result<Vec<u8>, StoreError> {
        let failed = |_| StoreError::Unavailable("the operating system gave no randomness".to_owned());
        let mut nonce = [0u8; NONCE_LEN];
        rand::fill(&mut nonce).map_err(failed)?;
        let mut inside = plain.to_vec();
        let place = Aad::from(place.as_bytes());
        self.key.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), place, &mut inside).map_err(failed)?;
        Ok([&[FORMAT], nonce.as_slice(), &inside].concat())
    }

    /// Opens what was sealed for `place`.
    ///
    /// # Errors
    /// When the blob is damaged, was sealed for another place or with another key.
    pub fn open(&self, place: &str, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, StoreError> {
        let refused = || StoreError::Corrupt(format!("{place} was sealed with another master key, or is damaged"));
        let (head, inside) = sealed.split_at_checked(1 + NONCE_LEN).ok_or_else(refused)?;
        let nonce = head.strip_prefix(&[FORMAT]).ok_or_else(refused)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| refused())?;
        let mut inside = Zeroizing::new(inside.to_vec());
        let length = {
            let place = Aad::from(place.as_bytes());
            self.key.open_in_place(nonce, place, inside.as_mut_slice()).map_err(|_| refused())?.len()
        };
        inside.truncate(length);
        Ok(inside)
    }
}

#[cfg(test)]
mod tests {
    use super::Vault;

    #[test]
    fn a_sealed_blob_opens_in_its_place_with_its_key_and_nowhere_else() {
        let vault = Vault::new(&[7; 32]).unwrap();
        let sealed = vault.seal("endpoint_secrets|1", b"whsec").unwrap();
        assert_eq!(vault.open("endpoint_secrets|1", &sealed).unwrap().as_slice(), b"whsec");
        assert!(vault.open("endpoint_secrets|2", &sealed).is_err());
        assert!(Vault::new(&[8; 32]).unwrap().open("endpoint_secrets|1", &sealed).is_err());
        for length in 0..sealed.len() {
            assert!(vault.open("endpoint_secrets|1", &sealed[..length]).is_err(), "{length} bytes of it");
        }
    }
}
