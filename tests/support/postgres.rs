//! A PostgreSQL server of the test process's own, from the binaries that this machine has: in a temporary folder, on a
//! socket in it, and gone with the process, however that ends. Each test gets a database of its own.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use cornet::store::{Database, Seat};

/// Whether the tests that can run on either store are to run on PostgreSQL.
pub fn is_wanted() -> bool {
    std::env::var_os("CORNET_TEST_STORE").is_some_and(|store| store == "postgres")
}

/// Whether this machine has a server that could be started.
pub fn is_there() -> bool {
    binaries().is_some()
}

/// The server's owner, who may not be root.
const OWNER: &str = "nobody";
/// Keeps a server running until its input ends, as it does with the process that holds the other end; then it stops
/// that server and removes its folder. The words are those that run `pg_ctl`.
const KEEPER: &str = r#"
    "$@" -D "$FOLDER/data" -w -s -l "$FOLDER/log" -o "$SETTINGS" start </dev/null && echo ready
    read -r forever
    "$@" -D "$FOLDER/data" -w -s -m immediate stop
    rm -rf "$FOLDER"
"#;

/// A server of this process's own. Most tests share one; one that stops it, or sets it up, has its own.
pub struct Cluster {
    folder: PathBuf,
    binaries: PathBuf,
    settings: String,
    databases: AtomicUsize,
    /// While its input is open, the server runs.
    _keeper: Child,
}

/// Where the server's programs are, if this machine has them.
pub fn binaries() -> Option<PathBuf> {
    let named = Command::new("pg_config").arg("--bindir").output().ok();
    let named = named.and_then(|output| String::from_utf8(output.stdout).ok()).map(|text| PathBuf::from(text.trim()));
    let mut packaged: Vec<_> = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten().collect();
    packaged.sort_by_key(std::fs::DirEntry::path);
    let packaged = packaged.into_iter().rev().map(|version| version.path().join("bin"));
    named.into_iter().chain(packaged).find(|folder| folder.join("initdb").exists() && folder.join("postgres").exists())
}

/// A program of the server's, run by somebody who is not root.
fn as_owner(program: &Path) -> Vec<String> {
    let mut words = Vec::new();
    if rustix::process::geteuid().is_root() {
        let group = format!("--regid={}", group_of_owner());
        words.extend(["setpriv", &format!("--reuid={OWNER}"), &group, "--clear-groups"].map(str::to_owned));
    }
    words.push(program.display().to_string());
    words
}

fn group_of_owner() -> String {
    let asked = Command::new("id").args(["-g", OWNER]).output().expect("`id` runs");
    String::from_utf8(asked.stdout).expect("a number").trim().to_owned()
}

/// Gives a folder to the server's owner.
fn own(folder: &Path) {
    let mut chown = Command::new("chown");
    chown.arg(OWNER).arg(folder);
    run(chown);
}

fn command(words: &[String]) -> Command {
    let mut command = Command::new(&words[0]);
    command.args(&words[1..]);
    command
}

fn run(mut command: Command) {
    let output = command.stdin(Stdio::null()).output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?} ended with {}:\n{said}", output.status);
}

impl Cluster {
    /// Starts one with these settings besides its own.
    pub fn start(settings: &str) -> Self {
        let binaries = binaries().expect("PostgreSQL is installed (Debian's package `postgresql`)");
        let folder = tempfile::Builder::new().prefix("cornet-pg-").tempdir().expect("a temporary folder").keep();
        if rustix::process::geteuid().is_root() {
            own(&folder);
        }
        let data = folder.join("data");
        let mut made = command(&as_owner(&binaries.join("initdb")));
        made.current_dir("/").arg("-D").arg(&data);
        run({
            made.args(["--no-sync", "--auth=trust", "--username=cornet", "--encoding=UTF8", "--locale=C.UTF-8"]);
            made
        });
        let settings = format!(
            "-k {} -c listen_addresses= -c shared_buffers=64MB -c log_min_messages=warning {settings}",
            folder.display()
        );
        let mut keeper = Command::new("sh");
        keeper.args(["-c", KEEPER, "keeper"]).args(as_owner(&binaries.join("pg_ctl"))).current_dir("/");
        keeper.env("FOLDER", &folder).env("SETTINGS", &settings);
        keeper.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = keeper.spawn().expect("`sh` runs");
        let mut ready = String::new();
        BufReader::new(child.stdout.take().expect("a pipe")).read_line(&mut ready).expect("it says something");
        assert_eq!(ready, "ready\n", "the server did not start; see {}/log", folder.display());
        Self { folder, binaries, settings, databases: AtomicUsize::new(0), _keeper: child }
    }

    /// The URL of the database that every server has.
    pub fn url(&self) -> String {
        self.url_of("postgres")
    }

    /// Makes a database whose tables lie in this folder, and answers its URL.
    pub fn database_in(&self, folder: &Path) -> String {
        std::fs::create_dir_all(folder).expect("a writable disk");
        if rustix::process::geteuid().is_root() {
            own(folder);
        }
        self.sql(&format!("CREATE TABLESPACE elsewhere LOCATION '{}'", folder.display()));
        self.sql("CREATE DATABASE elsewhere TABLESPACE elsewhere");
        self.url_of("elsewhere")
    }

    fn url_of(&self, database: &str) -> String {
        format!("postgres://cornet@/{database}?host={}", self.folder.display())
    }

    /// The socket that it listens on.
    pub fn socket(&self) -> PathBuf {
        self.folder.join(".s.PGSQL.5432")
    }

    fn control(&self, words: &[&str]) {
        let mut control = command(&as_owner(&self.binaries.join("pg_ctl")));
        control.current_dir("/").arg("-D").arg(self.folder.join("data")).arg("-l").arg(self.folder.join("log"));
        run({
            control.args(["-w", "-s"]).args(words);
            control
        });
    }

    /// Stops it as if its machine had lost power.
    pub fn stop(&self) {
        self.control(&["-m", "immediate", "stop"]);
    }

    /// Starts it again, and waits until it lets somebody in.
    pub fn start_again(&self) {
        self.control(&["-o", &self.settings, "start"]);
    }

    /// Has statements run, and answers what they print, a line for each row, columns with `|` between.
    pub fn sql(&self, statements: &str) -> String {
        self.psql("postgres", statements)
    }

    fn psql(&self, database: &str, statements: &str) -> String {
        psql(&self.binaries, &self.url_of(database), statements)
    }
}

/// The number that a query finds in the database at this URL; nothing where it can't be asked.
pub fn number_at(url: &str, sql: &str) -> Option<i64> {
    let psql = binaries()?.join("psql");
    let mut asked = Command::new(psql);
    // What carries the line in a test knows no more of the protocol than Cornet speaks.
    asked.args([url, "-XAtq", "-c", sql]).envs([("PGSSLMODE", "disable"), ("PGGSSENCMODE", "disable")]);
    let asked = asked.output().ok()?;
    String::from_utf8(asked.stdout).ok()?.trim().parse().ok()
}

fn cluster() -> &'static Cluster {
    static CLUSTER: OnceLock<Cluster> = OnceLock::new();
    CLUSTER.get_or_init(|| Cluster::start("-c max_connections=300"))
}

/// A database that nobody has used.
pub struct Fresh {
    name: String,
}

impl Fresh {
    /// Makes one.
    pub fn new() -> Self {
        let number = cluster().databases.fetch_add(1, Ordering::Relaxed);
        let fresh = Self { name: format!("test_{number}") };
        cluster().sql(&format!("CREATE DATABASE {}", fresh.name));
        fresh
    }

    /// Its URL.
    pub fn url(&self) -> String {
        cluster().url_of(&self.name)
    }

    /// All that is in it.
    pub fn dump(&self) -> Vec<u8> {
        let mut dump = Command::new(cluster().binaries.join("pg_dump"));
        let dump = dump.arg("-h").arg(&cluster().folder).args(["-U", "cornet", &self.name]).output().expect("it runs");
        assert!(dump.status.success(), "{}", String::from_utf8_lossy(&dump.stderr));
        dump.stdout
    }

    /// Has statements run in it, and answers what they print, a line for each row, columns with `|` between.
    pub fn sql(&self, statements: &str) -> String {
        cluster().psql(&self.name, statements)
    }
}

fn psql(binaries: &Path, url: &str, statements: &str) -> String {
    let mut psql = Command::new(binaries.join("psql"));
    psql.args([url, "-XAtq", "-v", "ON_ERROR_STOP=1"]);
    let mut child =
        psql.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("psql runs");
    child.stdin.take().expect("a pipe").write_all(statements.as_bytes()).expect("psql reads");
    let output = child.wait_with_output().expect("psql ends");
    assert!(output.status.success(), "{statements}\n{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("text").trim_end().to_owned()
}

/// Where the store of a test is.
pub enum Place {
    /// In this file.
    File(PathBuf),
    /// In a database of its own.
    Fresh(Fresh),
}

impl Place {
    /// In `file`, unless the tests are to run on PostgreSQL.
    pub fn new(file: PathBuf) -> Self {
        if is_wanted() { Self::Fresh(Fresh::new()) } else { Self::File(file) }
    }

    /// The store's database, as a process uses it that is the only one in its place.
    pub fn database(&self) -> Database {
        match self {
            Self::File(file) => file.into(),
            Self::Fresh(fresh) => {
                let seat = Seat { place: fresh.name.clone(), ..Seat::default() };
                Database::server(&fresh.url(), false).expect("a good URL").seated(seat)
            }
        }
    }

    /// The rows of numbers that a query finds, past the store.
    pub fn numbers(&self, sql: &str) -> Vec<Vec<i64>> {
        match self {
            Self::File(file) => {
                let connection = rusqlite::Connection::open(file).expect("the file opens");
                let mut statement = connection.prepare(sql).expect("good SQL");
                let width = statement.column_count();
                let rows = statement.query_map([], |row| (0..width).map(|column| row.get(column)).collect());
                rows.expect("it runs").map(|row| row.expect("numbers")).collect()
            }
            Self::Fresh(fresh) => {
                let number = |text: &str| text.parse().expect("a number");
                fresh.sql(sql).lines().map(|line| line.split('|').map(number).collect()).collect()
            }
        }
    }
}
