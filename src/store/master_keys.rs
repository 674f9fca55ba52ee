//! The master keys of a node: the one in use, those before it, and the one to come; and the file in the data directory
//! that has them, a line for each, the one in use first. It does not know what is sealed.

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

use aws_lc_rs::rand;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use zeroize::Zeroizing;

use super::data_directory::{DataDirectoryError, refused};
use super::vault::MASTER_KEY_BYTES;

/// The file.
const FILE: &str = "master.key";
/// What it is written as before it takes the place of the one before.
const NEW_FILE: &str = "master.key.new";

/// A master key.
pub type MasterKey = Zeroizing<Vec<u8>>;

/// The master keys of a node.
pub struct MasterKeys {
    /// Seals.
    pub current: MasterKey,
    /// Open what they have sealed, which is then sealed anew.
    pub old: Vec<MasterKey>,
    /// Opens what other nodes seal with it already.
    pub next: Option<MasterKey>,
}

impl MasterKeys {
    /// One key alone.
    pub fn only(current: MasterKey) -> Self {
        Self { current, old: Vec::new(), next: None }
    }

    /// The keys in the directory at `path`, whether somebody holds it or not; `None` when there are none.
    ///
    /// # Errors
    /// When the file can be read by others or holds something else, or the machine refuses.
    pub fn in_directory(path: &Path) -> Result<Option<Self>, DataDirectoryError> {
        let path = path.join(FILE);
        let metadata = match fs::metadata(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            metadata => metadata.map_err(refused(&path))?,
        };
        if metadata.permissions().mode() & 0o077 != 0 {
            return Err(DataDirectoryError::Exposed(path));
        }
        let text = Zeroizing::new(fs::read_to_string(&path).map_err(refused(&path))?);
        let mut keys =
            parse_master_keys(&text).ok_or_else(|| DataDirectoryError::NotAKey(path.display().to_string()))?;
        let current = keys.remove(0);
        Ok(Some(Self { current, old: keys, next: None }))
    }

    /// Makes the first key in the directory at `path`.
    ///
    /// # Errors
    /// When the machine refuses.
    pub(super) fn found(path: &Path) -> Result<Self, DataDirectoryError> {
        let keys = Self::only(new_key(path)?);
        keys.write(path)?;
        Ok(keys)
    }

    /// The same keys behind a new one, which is in use from the next start on; written in the directory at `path`.
    ///
    /// # Errors
    /// When the machine refuses; then the file is as it was.
    pub fn renew(self, path: &Path) -> Result<Self, DataDirectoryError> {
        let mut old = vec![self.current];
        old.extend(self.old);
        let keys = Self { current: new_key(path)?, old, next: None };
        keys.write(path)?;
        Ok(keys)
    }

    /// The key in use without the old ones; written in the directory at `path`.
    ///
    /// # Errors
    /// When the machine refuses; then the file is as it was.
    pub fn forget_old(self, path: &Path) -> Result<Self, DataDirectoryError> {
        let keys = Self::only(self.current);
        keys.write(path)?;
        Ok(keys)
    }

    /// Writes the file under another name first: whoever is killed meanwhile leaves a whole one behind.
    fn write(&self, directory: &Path) -> Result<(), DataDirectoryError> {
        let path = directory.join(NEW_FILE);
        let keys = std::iter::once(&self.current).chain(&self.old);
        let lines: Vec<_> = keys.map(|key| Zeroizing::new(BASE64.encode(key.as_slice()))).collect();
        let write = || {
            // What was left behind may have other permissions.
            match fs::remove_file(&path) {
                Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
                _ => {}
            }
            let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
            for line in &lines {
                file.write_all(line.as_bytes())?;
                file.write_all(b"\n")?;
            }
            file.sync_all()?;
            fs::rename(&path, directory.join(FILE))?;
            // The name must last as long as what is sealed with the key.
            File::open(directory)?.sync_all()
        };
        write().map_err(refused(&path))
    }
}

fn new_key(directory: &Path) -> Result<MasterKey, DataDirectoryError> {
    let mut key = Zeroizing::new(vec![0u8; MASTER_KEY_BYTES]);
    let no_randomness = |_| std::io::Error::other("the operating system gave no randomness");
    rand::fill(&mut key).map_err(no_randomness).map_err(refused(directory))?;
    Ok(key)
}

/// Reads the texts of master keys, at least one: each base64 of `MASTER_KEY_BYTES` bytes, with spaces, commas or line breaks
/// between them.
pub fn parse_master_keys(text: &str) -> Option<Vec<MasterKey>> {
    let texts = text.split([',', ' ', '\r', '\n']).filter(|text| !text.is_empty());
    let keys: Option<Vec<_>> = texts.map(parse_master_key).collect();
    keys.filter(|keys| !keys.is_empty())
}

/// Reads the text of a master key: base64 of `MASTER_KEY_BYTES` bytes.
pub fn parse_master_key(text: &str) -> Option<MasterKey> {
    let key = Zeroizing::new(BASE64.decode(text.trim()).ok()?);
    (key.len() == MASTER_KEY_BYTES).then_some(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rotation_leaves_a_file_with_both_keys_and_its_end_one_with_the_new() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path();
        assert!(MasterKeys::in_directory(path).unwrap().is_none());
        let first = MasterKeys::found(path).unwrap().current;
        let renewed = MasterKeys::in_directory(path).unwrap().unwrap().renew(path).unwrap();
        let read = MasterKeys::in_directory(path).unwrap().unwrap();
        assert!(read.current == renewed.current && read.current != first && read.old == [first]);
        assert_eq!(fs::metadata(path.join(FILE)).unwrap().permissions().mode() & 0o777, 0o600);
        read.forget_old(path).unwrap();
        let read = MasterKeys::in_directory(path).unwrap().unwrap();
        assert!(read.current == renewed.current && read.old.is_empty());
    }

    #[test]
    fn what_is_no_key_is_refused_also_below_one() {
        let key = BASE64.encode([7; MASTER_KEY_BYTES]);
        assert_eq!(parse_master_keys(&format!("{key}, {key}\n")).map(|keys| keys.len()), Some(2));
        for text in ["", ",", "hush", &key[1..], &format!("{key}\n{}", BASE64.encode([7; 31]))] {
            assert!(parse_master_keys(text).is_none(), "{text}");
        }
    }
}
