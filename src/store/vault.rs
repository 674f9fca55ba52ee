//! Seals what must not lie readable in the database: AES-256-GCM-SIV (RFC 8452) under the master key. A sealed blob
//! is bound to its place, so it can't be moved to another row, and names its key, so that the key can be replaced. It
//! knows neither nouns nor tables.

use aws_lc_rs::aead::{AES_256_GCM_SIV, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::{digest, rand};
use zeroize::Zeroizing;

use super::error::StoreError;
use super::master_keys::MasterKeys;

/// Bytes of a master key.
pub const MASTER_KEY_BYTES: usize = 32;
/// The first byte of a blob says how it was sealed: with the one key that there was.
const UNNAMED: u8 = 1;
/// The same: with the key whose name comes next.
const NAMED: u8 = 2;

/// Tells a key from the few others, and says nothing of it.
const NAME_LEN: usize = 4;
type Name = [u8; NAME_LEN];
/// What is hashed before a key to make its name.
const NAME_OF: &[u8] = b"Cornet's name of a master key:";

struct Key {
    name: Name,
    key: LessSafeKey,
}

impl Key {
    fn new(bytes: &[u8]) -> Result<Self, StoreError> {
        let key = UnboundKey::new(&AES_256_GCM_SIV, bytes)
            .map_err(|_| StoreError::Unavailable(format!("the master key must have {MASTER_KEY_BYTES} bytes")))?;
        let hash = digest::digest(&digest::SHA256, &Zeroizing::new([NAME_OF, bytes].concat()));
        let mut name = Name::default();
        name.copy_from_slice(&hash.as_ref()[..NAME_LEN]);
        Ok(Self { name, key: LessSafeKey::new(key) })
    }

    fn open(&self, place: &str, nonce: &[u8], inside: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let mut inside = Zeroizing::new(inside.to_vec());
        let place = Aad::from(place.as_bytes());
        let length = self.key.open_in_place(nonce, place, inside.as_mut_slice()).ok()?.len();
        inside.truncate(length);
        Some(inside)
    }
}

/// Holds the master keys: seals with the one in use, and opens with each.
pub struct Vault {
    current: Key,
    /// What is sealed with these is to be sealed anew.
    old: Vec<Key>,
    /// Others seal with it already.
    next: Option<Key>,
}

impl Vault {
    /// A vault with one key.
    ///
    /// # Errors
    /// When the key has not `MASTER_KEY_BYTES` bytes.
    pub fn new(master_key: &[u8]) -> Result<Self, StoreError> {
        Ok(Self { current: Key::new(master_key)?, old: Vec::new(), next: None })
    }

    /// A vault with these keys.
    ///
    /// # Errors
    /// When one has not `MASTER_KEY_BYTES` bytes.
    pub fn of(keys: &MasterKeys) -> Result<Self, StoreError> {
        let current = Key::new(&keys.current)?;
        let mut old = keys.old.iter().map(|key| Key::new(key)).collect::<Result<Vec<_>, _>>()?;
        old.retain(|key| key.name != current.name);
        let next = keys.next.as_ref().map(|key| Key::new(key)).transpose()?;
        Ok(Self { current, old, next })
    }

    /// Whether there are keys whose blobs are to be sealed anew.
    pub(super) fn has_old(&self) -> bool {
        !self.old.is_empty()
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
        let Key { name, key } = &self.current;
        key.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), place, &mut inside).map_err(failed)?;
        Ok([&[NAMED], name.as_slice(), nonce.as_slice(), &inside].concat())
    }

    /// Opens what was sealed for `place`.
    ///
    /// # Errors
    /// When the blob is damaged, was sealed for another place or with a key that is not here.
    pub fn open(&self, place: &str, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, StoreError> {
        self.open_with(place, sealed).map(|(plain, _)| plain)
    }

    /// The blob sealed anew with the key in use, if it was sealed with an old one.
    ///
    /// # Errors
    /// As for [`Vault::open`] and [`Vault::seal`].
    pub(super) fn sealed_anew(&self, place: &str, sealed: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        let (plain, name) = self.open_with(place, sealed)?;
        let is_old = self.old.iter().any(|key| key.name == name);
        if is_old { self.seal(place, &plain).map(Some) } else { Ok(None) }
    }

    /// What is in a blob, and the name of its key.
    fn open_with(&self, place: &str, sealed: &[u8]) -> Result<(Zeroizing<Vec<u8>>, Name), StoreError> {
        let refused = || StoreError::Corrupt(format!("{place} was sealed with another master key, or is damaged"));
        let (name, rest) = match sealed.split_first().ok_or_else(refused)? {
            (&UNNAMED, rest) => (None, rest),
            (&NAMED, rest) => {
                let (name, rest) = rest.split_first_chunk::<NAME_LEN>().ok_or_else(refused)?;
                (Some(*name), rest)
            }
            _ => return Err(refused()),
        };
        let (nonce, inside) = rest.split_at_checked(NONCE_LEN).ok_or_else(refused)?;
        let mut keys = std::iter::once(&self.current).chain(&self.old).chain(&self.next);
        let opened = keys.find_map(|key| {
            let may_open = name.is_none_or(|name| name == key.name);
            may_open.then(|| key.open(place, nonce, inside)).flatten().map(|plain| (plain, key.name))
        });
        opened.ok_or_else(refused)
    }
}

#[cfg(test)]
mod tests {
    use super::{NAME_LEN, UNNAMED, Vault};
    use crate::store::MasterKeys;

    fn keys(current: u8, old: &[u8], next: Option<u8>) -> Vault {
        let key = |number: u8| vec![number; 32].into();
        let old = old.iter().map(|number| key(*number)).collect();
        Vault::of(&MasterKeys { current: key(current), old, next: next.map(key) }).unwrap()
    }

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

    #[test]
    fn what_an_old_key_sealed_is_sealed_anew_and_what_the_next_sealed_is_left_alone() {
        let sealed = keys(7, &[], None).seal("a", b"plain").unwrap();
        let both = keys(8, &[7], None);
        let anew = both.sealed_anew("a", &sealed).unwrap().unwrap();
        assert_eq!(both.sealed_anew("a", &anew).unwrap(), None);
        assert_eq!(keys(8, &[], None).open("a", &anew).unwrap().as_slice(), b"plain");
        assert!(keys(7, &[], None).open("a", &anew).is_err());
        let behind = keys(7, &[], Some(8));
        assert_eq!(behind.open("a", &anew).unwrap().as_slice(), b"plain");
        assert_eq!(behind.sealed_anew("a", &anew).unwrap(), None);
    }

    #[test]
    fn a_blob_from_before_keys_had_names_is_read_with_any_of_them() {
        let sealed = keys(7, &[], None).seal("a", b"plain").unwrap();
        let unnamed = [&[UNNAMED], &sealed[1 + NAME_LEN..]].concat();
        assert_eq!(keys(7, &[], None).open("a", &unnamed).unwrap().as_slice(), b"plain");
        assert!(keys(8, &[7], None).sealed_anew("a", &unnamed).unwrap().is_some());
        assert!(keys(8, &[], None).open("a", &unnamed).is_err());
    }
}
