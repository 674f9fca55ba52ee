//! Servers under strace, which does something to certain calls of theirs.

use std::path::Path;
use std::process::Command;

/// Whether strace is there, which it must be in `./test`.
pub fn is_there() -> bool {
    let there = Command::new("strace").arg("--version").output().is_ok();
    assert!(there || std::env::var_os("CORNET_TEST_ALL").is_none(), "strace is not installed");
    if !there {
        eprintln!("not tried: strace is not installed");
    }
    there
}

/// The words before a command that have this done (`signal=SIGKILL:when=3`) to its calls of these names on this file, or
/// on any. The command stays the process that was started.
pub fn inject(calls: &str, path: Option<&Path>, what: &str) -> Vec<String> {
    let mut words = ["strace", "-D", "-f", "-qq", "-o", "/dev/null"].map(str::to_owned).to_vec();
    if let Some(path) = path {
        words.extend(["-P".to_owned(), path.display().to_string()]);
    }
    words.extend(["-e".to_owned(), format!("trace={calls}"), "-e".to_owned(), format!("inject={calls}:{what}")]);
    words
}
