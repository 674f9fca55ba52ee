//! A real `cornet` process on a data directory: started, killed, ended and started again by the tests.

use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex, mpsc};
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use super::client::Client;
use super::{PATIENCE, instant};

/// The admin key that the tests give to a new store.
pub const API_KEY: &str = "test-key-0123456789-0123456789-0123456789";

/// How to start a server: where its data is, and with which environment.
#[derive(Clone)]
pub struct Launch {
    data_dir: PathBuf,
    wrapper: Vec<String>,
    environment: Vec<(String, String)>,
    key: String,
}

impl Launch {
    /// A server on `data_dir` that may deliver to this machine and knows [`API_KEY`].
    pub fn new(data_dir: &Path) -> Self {
        let launch = Self {
            data_dir: data_dir.to_owned(),
            wrapper: Vec::new(),
            environment: Vec::new(),
            key: API_KEY.to_owned(),
        };
        launch.with("CORNET_API_KEY", API_KEY).with("CORNET_ALLOW_NETWORKS", "127.0.0.0/8")
    }

    /// The same with one more variable, or another value for it.
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.environment.retain(|(other, _)| other != name);
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The same without one variable.
    pub fn without(mut self, name: &str) -> Self {
        self.environment.retain(|(other, _)| other != name);
        self
    }

    /// What a variable is set to.
    pub fn value_of(&self, name: &str) -> Option<&str> {
        self.environment.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
    }

    /// The same on other data.
    pub fn on(mut self, data_dir: &Path) -> Self {
        self.data_dir = data_dir.to_owned();
        self
    }

    /// Where its data is.
    pub fn data_dir(&self) -> &Path {
        &self.data_dir
    }

    /// The same under a limit that the shell sets, such as `ulimit -n 64`.
    pub fn limited(self, limit: &str) -> Self {
        self.under(["sh", "-c", &format!("{limit} && exec \"$@\""), "sh"].map(str::to_owned).to_vec())
    }

    /// The same, started by another program, which gets the command as its last words and becomes it.
    pub fn under(mut self, wrapper: Vec<String>) -> Self {
        self.wrapper = wrapper;
        self
    }

    /// The command, with nothing of the tests' own environment but the path.
    pub fn command(&self) -> Command {
        self.command_of("serve")
    }

    /// Another command with the same settings.
    pub fn command_of(&self, name: &str) -> Command {
        let words = self.wrapper.iter().map(String::as_str).chain([env!("CARGO_BIN_EXE_cornet"), name]);
        let words: Vec<&str> = words.collect();
        let mut command = Command::new(words[0]);
        command.args(&words[1..]).args(["--listen", "127.0.0.1:0"]).arg("--data-dir").arg(&self.data_dir);
        command.env_clear().envs(std::env::var_os("PATH").map(|path| ("PATH", path)));
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Starts the server and waits until it says where it serves.
    pub fn start(&self) -> Server {
        self.try_start().unwrap_or_else(|(_, written)| panic!("the server did not come to serve; it wrote:\n{written}"))
    }

    /// The same with a server that may end instead; then how it ended and all that it wrote.
    pub fn try_start(&self) -> Result<Server, (ExitStatus, String)> {
        let mut child = self.command().spawn().expect("the cornet binary starts");
        let output = Arc::new(Output::default());
        let stderr = child.stderr.take().expect("stderr is a pipe");
        let stdout = child.stdout.take().expect("stdout is a pipe");
        let readers = vec![output.clone().follow(stderr), output.clone().follow(stdout)];
        match output.wait_for_address() {
            Some(address) => Ok(Server { child, address, output, readers, launch: self.clone() }),
            None => {
                let status = wait(&mut child);
                readers.into_iter().for_each(|reader| reader.join().expect("the reader ends with its pipe"));
                Err((status, output.text()))
            }
        }
    }

    /// Starts a server that is expected to refuse, and returns how it ended and all it wrote.
    pub fn start_refused(&self) -> (ExitStatus, String) {
        let mut child = self.command().spawn().expect("the cornet binary starts");
        let output = Arc::new(Output::default());
        let stderr = child.stderr.take().expect("stderr is a pipe");
        let stdout = child.stdout.take().expect("stdout is a pipe");
        let readers = vec![output.clone().follow(stderr), output.clone().follow(stdout)];
        let status = wait(&mut child);
        readers.into_iter().for_each(|reader| reader.join().expect("the reader ends with its pipe"));
        (status, output.text())
    }
}

/// A running server. It is killed when dropped.
pub struct Server {
    child: Child,
    address: SocketAddr,
    output: Arc<Output>,
    readers: Vec<thread::JoinHandle<()>>,
    launch: Launch,
}

impl Server {
    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its process id.
    pub fn process_id(&self) -> u32 {
        self.child.id()
    }

    /// How much memory it has, in KiB.
    pub fn resident_kib(&self) -> u64 {
        self.memory_kib("VmRSS:")
    }

    /// How much memory it has had at most, in KiB.
    pub fn peak_kib(&self) -> u64 {
        self.memory_kib("VmHWM:")
    }

    fn memory_kib(&self, which: &str) -> u64 {
        let path = format!("/proc/{}/status", self.process_id());
        let status = std::fs::read_to_string(path).expect("the process is there");
        let line = status.lines().find_map(|line| line.strip_prefix(which)).expect("Linux tells it");
        line.trim().trim_end_matches(" kB").parse().expect("a number")
    }

    /// A client that shows the server's admin key.
    pub fn client(&self) -> Client {
        Client::new(self.address, Some(&self.launch.key))
    }

    /// Everything it has written to stdout and stderr so far.
    pub fn output(&self) -> String {
        self.output.text()
    }

    /// How it was started.
    pub fn launch(&self) -> Launch {
        self.launch.clone()
    }

    /// Sends a signal.
    pub fn signal(&self, signal: Signal) {
        let id = Pid::from_raw(self.child.id().try_into().expect("a process id fits")).expect("a process id is not 0");
        kill_process(id, signal).expect("the process is still there to be signalled");
    }

    /// Whether it has ended by itself.
    pub fn has_ended(&mut self) -> bool {
        self.child.try_wait().expect("the process can be asked").is_some()
    }

    /// Kills it at once, as a power cut would.
    pub fn kill(mut self) -> Launch {
        self.child.kill().expect("the process can be killed");
        self.child.wait().expect("the process ends");
        self.launch.clone()
    }

    /// Waits for it to end; returns how, and all that it wrote.
    pub fn wait(mut self) -> (ExitStatus, String) {
        let status = wait(&mut self.child);
        self.readers.drain(..).for_each(|reader| reader.join().expect("the reader ends with its pipe"));
        (status, self.output.text())
    }

    /// Asks it to end, and waits.
    pub fn terminate(self) -> (ExitStatus, String) {
        self.signal(Signal::TERM);
        self.wait()
    }

    /// Asks it to end and starts it again on the same data.
    pub fn restart(self) -> Server {
        let launch = self.launch.clone();
        let (status, output) = self.terminate();
        assert!(status.success(), "the server ended with {status}:\n{output}");
        launch.start()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // A server that has ended already cannot be killed again; both are fine here.
        drop(self.child.kill());
        drop(self.child.wait());
        if thread::panicking() {
            eprintln!("--- what the server wrote ---\n{}", self.output.text());
        }
    }
}

/// Waits for a process to end, but not for ever.
fn wait(child: &mut Child) -> ExitStatus {
    let deadline = instant() + PATIENCE;
    super::until("the process ends", || {
        let ended = child.try_wait().expect("the process can be asked");
        if ended.is_none() && instant() >= deadline {
            drop(child.kill());
        }
        ended
    })
}

/// The lines that a process has written, from both of its pipes.
#[derive(Default)]
struct Output {
    lines: Mutex<Written>,
    more: Condvar,
}

#[derive(Default)]
struct Written {
    text: String,
    address: Option<SocketAddr>,
    pipes_ended: usize,
}

impl Output {
    fn follow(self: Arc<Self>, pipe: impl Read + Send + 'static) -> thread::JoinHandle<()> {
        thread::spawn(move || {
            for line in BufReader::new(pipe).lines().map_while(Result::ok) {
                let mut lines = self.lines.lock().expect("no reader panics");
                lines.address = lines.address.or_else(|| serving_address(&line));
                lines.text.push_str(&line);
                lines.text.push('\n');
                self.more.notify_all();
            }
            self.lines.lock().expect("no reader panics").pipes_ended += 1;
            self.more.notify_all();
        })
    }

    /// The address, when it is said before the pipes end.
    fn wait_for_address(&self) -> Option<SocketAddr> {
        let lines = self.lines.lock().expect("no reader panics");
        let waiting = |lines: &mut Written| lines.address.is_none() && lines.pipes_ended < 2;
        let (lines, _) = self.more.wait_timeout_while(lines, PATIENCE, waiting).expect("no reader panics");
        lines.address
    }

    fn text(&self) -> String {
        self.lines.lock().expect("no reader panics").text.clone()
    }
}

/// The address in the log line that says that the server serves.
fn serving_address(line: &str) -> Option<SocketAddr> {
    let rest = line.contains("\"message\":\"serving\"").then(|| line.split_once("\"address\":\""))??.1;
    rest.split('"').next()?.parse().ok()
}

/// Runs a command to its end with a deadline; returns how it ended, its stdout and its stderr.
pub fn run(command: Command) -> (ExitStatus, String, String) {
    run_within(PATIENCE, command)
}

/// The same, for a command that has much to do.
pub fn run_within(patience: Duration, mut command: Command) -> (ExitStatus, String, String) {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = command.spawn().expect("the command starts");
    let (send, receive) = mpsc::channel();
    thread::spawn(move || send.send(child.wait_with_output()));
    let output = receive.recv_timeout(patience).expect("the command ends in time").expect("its output can be read");
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    (output.status, text(output.stdout), text(output.stderr))
}
