//! A PostgreSQL server of the benchmark's own, made by the programs that this machine has: in a folder, with the settings
//! that it comes with, on a socket that only its owner reaches. It ends with the value that stands for it. What is kept
//! in it is not known here.

use std::fs::{File, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, bail};
use rustix::process::{Pid, Signal, kill_process};

use super::process;

/// Where Debian has a folder for each version's programs, which are in nobody's `PATH`.
const VERSIONS: &str = "/usr/lib/postgresql";
/// Who runs the server when root starts it, for it refuses root: the first of them that there is.
const OWNERS: [&str; 2] = ["postgres", "nobody"];
/// Whom the server knows.
const USER: &str = "cornet";
/// Lines of the server's log that are told when something goes wrong.
const LOG_LINES: usize = 10;
/// How often it is looked whether the server is ready, and how often at most.
const LOOK_AGAIN: Duration = Duration::from_millis(20);
const LOOKS_MAX: u32 = 3_000;

/// Whether this machine has a server that can be started.
pub(super) fn is_installed() -> bool {
    Programs::find().is_some()
}

/// The server's programs, and who runs them.
struct Programs {
    folder: PathBuf,
    owner: Option<Owner>,
}

/// Somebody who is not root.
#[derive(Clone, Copy)]
struct Owner {
    user: u32,
    group: u32,
}

impl Programs {
    fn find() -> Option<Self> {
        let owner = if rustix::process::geteuid().is_root() { Some(Owner::find()?) } else { None };
        let path = std::env::var_os("PATH").unwrap_or_default();
        let named: Vec<PathBuf> = std::env::split_paths(&path).collect();
        let mut packaged: Vec<PathBuf> =
            std::fs::read_dir(VERSIONS).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
        packaged.sort_by_key(|version| version.file_name().and_then(|name| name.to_str()?.parse::<u32>().ok()));
        let packaged = packaged.into_iter().rev().map(|version| version.join("bin"));
        let mut folders = named.into_iter().chain(packaged);
        let folder = folders.find(|folder| ["initdb", "postgres"].iter().all(|name| folder.join(name).is_file()))?;
        Some(Self { folder, owner })
    }

    /// A command that is out of the reach of the terminal's Ctrl-C and of this process's environment.
    fn command(&self, name: &str, home: &Path) -> Command {
        let mut command = Command::new(self.folder.join(name));
        command.env_clear().current_dir(home).process_group(0).stdin(Stdio::null());
        if let Some(owner) = self.owner {
            command.uid(owner.user).gid(owner.group);
        }
        command
    }
}

impl Owner {
    fn find() -> Option<Self> {
        let users = std::fs::read_to_string("/etc/passwd").ok()?;
        OWNERS.iter().find_map(|name| Self::read(&users, name))
    }

    /// Reads the line of the user with this name.
    fn read(users: &str, name: &str) -> Option<Self> {
        let mut fields = users.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?.split(':').skip(1);
        Some(Self { user: fields.next()?.parse().ok()?, group: fields.next()?.parse().ok()? })
    }
}

/// The server, with nothing in it. Its files are left to whom the folder belongs to.
pub(super) struct Cluster {
    server: Child,
    home: PathBuf,
    url: String,
}

impl Cluster {
    /// Makes one in this folder, which nobody else uses, and waits until it lets us in.
    pub(super) async fn start(home: &Path) -> anyhow::Result<Self> {
        let programs = Programs::find().context("this machine has no PostgreSQL")?;
        let home = &std::path::absolute(home)?;
        std::fs::create_dir(home)?;
        std::fs::set_permissions(home, Permissions::from_mode(0o700))?;
        if let Some(Owner { user, group }) = programs.owner {
            std::os::unix::fs::chown(home, Some(user), Some(group))?;
        }
        let mut made = programs.command("initdb", home);
        made.args(["--auth=trust", "--no-sync", "--no-locale", "--encoding=UTF8", "--username", USER, "--pgdata"]);
        // Waited for by this thread: an interruption must not leave somebody behind who writes into the folder.
        let output = made.arg(home.join("data")).output().with_context(|| cannot_run("initdb", home))?;
        if !output.status.success() {
            bail!("initdb ended with {}:\n{}", output.status, String::from_utf8_lossy(&output.stderr));
        }
        let log = File::create(home.join("log"))?;
        let mut served = programs.command("postgres", home);
        served.arg("-k").arg(home).args(["-c", "listen_addresses=", "-D"]).arg(home.join("data"));
        served.stdout(Stdio::null()).stderr(log);
        let server = served.spawn().with_context(|| cannot_run("postgres", home))?;
        let url = format!("postgres://{USER}@/postgres?host={}", home.display());
        let mut cluster = Self { server, home: home.clone(), url };
        cluster.wait().await?;
        Ok(cluster)
    }

    async fn wait(&mut self) -> anyhow::Result<()> {
        for _ in 0..LOOKS_MAX {
            // The last line of this file says how far the server is; `pg_ctl` looks there too.
            let state = std::fs::read_to_string(self.home.join("data/postmaster.pid")).unwrap_or_default();
            if state.lines().last().is_some_and(|line| line.trim() == "ready") {
                return Ok(());
            }
            if let Some(status) = self.server.try_wait()? {
                bail!("PostgreSQL ended with {status}:\n{}", self.said_last());
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
        bail!("PostgreSQL does not start:\n{}", self.said_last())
    }

    /// The end of its log.
    pub(super) fn said_last(&self) -> String {
        let log = std::fs::read_to_string(self.home.join("log")).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(LOG_LINES)..].join("\n")
    }

    /// The URL of its empty database.
    pub(super) fn url(&self) -> &str {
        &self.url
    }

    /// The CPU time that its processes have used so far.
    pub(super) fn cpu(&self) -> anyhow::Result<Duration> {
        process::cpu_of_family(self.server.id())
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        // At once, and with all of its processes: nothing in it is wanted any more. It is told again and again, because what is
        // started in the background ignores this signal until it has set itself up.
        while matches!(self.server.try_wait(), Ok(None)) {
            kill_process(Pid::from_child(&self.server), Signal::QUIT).ok();
            std::thread::sleep(LOOK_AGAIN);
        }
    }
}

fn cannot_run(program: &str, home: &Path) -> String {
    format!("cannot run {program} in {}; root lets somebody else run it, who must reach that", home.display())
}

#[cfg(test)]
mod tests {
    use super::Owner;

    #[test]
    fn an_owner_is_found_by_the_whole_of_its_name() {
        let users = "root:x:0:0:root:/root:/bin/sh\nnobodys:x:7:8::/:\nnobody:x:65534:65533:nobody:/:/bin/false\n";
        let owner = Owner::read(users, "nobody").unwrap();
        assert_eq!((owner.user, owner.group), (65_534, 65_533));
        assert!(Owner::read(users, "postgres").is_none());
    }
}
