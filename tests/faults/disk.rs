//! Disks of a test's own: an ext4 in an image file, or memory, mounted in a temporary folder and gone with the test. Only
//! root can mount.

use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

/// Whether this process may mount, which it says when it may not.
pub fn is_allowed() -> bool {
    let root = rustix::process::geteuid().is_root();
    // A container's root may not be allowed to, either.
    let folder = TempDir::new().expect("a temporary folder");
    let allowed = root && mount(&["-t", "tmpfs", "-o", "size=1m", "tmpfs"], folder.path());
    if allowed {
        unmount(folder.path());
    } else {
        eprintln!("not tried: only root may mount a disk");
    }
    allowed
}

/// Runs a command; says whether it succeeded.
fn done(program: &str, words: &[&str]) -> bool {
    let output = Command::new(program).args(words).output();
    let output = output.unwrap_or_else(|error| panic!("{program}: {error}"));
    if !output.status.success() {
        eprintln!("{program} {words:?}: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    output.status.success()
}

fn mount(words: &[&str], folder: &Path) -> bool {
    done("mount", &[words, &[folder.to_str().expect("UTF-8")]].concat())
}

fn unmount(folder: &Path) {
    // What a killed process had open may take a moment to be let go.
    done("umount", &["--lazy", folder.to_str().expect("UTF-8")]);
}

/// A disk that is mounted until it is dropped.
pub struct Disk {
    folder: TempDir,
    image: Option<PathBuf>,
}

impl Disk {
    /// So many megabytes of memory.
    pub fn memory(megabytes: usize) -> Self {
        let folder = TempDir::new().expect("a temporary folder");
        assert!(mount(&["-t", "tmpfs", "-o", &format!("size={megabytes}m"), "tmpfs"], folder.path()));
        Self { folder, image: None }
    }

    /// Makes an ext4 in a new image file, and mounts it.
    pub fn made(image: &Path, megabytes: usize) -> Self {
        let size = format!("{megabytes}M");
        let name = image.to_str().expect("UTF-8");
        assert!(done("truncate", &["-s", &size, name]) && done("mkfs.ext4", &["-q", "-F", name]));
        Self::of(image)
    }

    /// Mounts the ext4 in this image file.
    pub fn of(image: &Path) -> Self {
        let folder = TempDir::new().expect("a temporary folder");
        assert!(mount(&["-o", "loop", image.to_str().expect("UTF-8")], folder.path()));
        Self { folder, image: Some(image.to_owned()) }
    }

    /// Where a server's data is on it.
    pub fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// A file on it that takes space away.
    pub fn ballast(&self) -> PathBuf {
        self.folder.path().join("ballast")
    }

    /// Copies what has reached the disk so far; what is still in memory is not there, as after a power cut.
    pub fn copy(&self, to: &Path) {
        let image = self.image.as_ref().expect("it has an image");
        let words = ["--sparse=always", image.to_str().expect("UTF-8"), to.to_str().expect("UTF-8")];
        assert!(done("cp", &words));
    }

    /// Has the file system go read-only, as it does by itself after an error.
    pub fn turn_read_only(&self) {
        assert!(mount(&["-o", "remount,abort"], self.folder.path()));
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        unmount(self.folder.path());
    }
}
