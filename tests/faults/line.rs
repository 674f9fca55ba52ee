//! The line between a node and its database, which goes silent or is cut in the middle of a message of PostgreSQL's
//! protocol. Silent, it keeps every connection open and carries nothing, as a network does that lost its way.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread;
use std::time::Instant;

use crate::support::instant;

/// Which message the line fails in the middle of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kind {
    /// As the protocol's description calls it.
    pub name: &'static str,
    /// Whether the node sends it.
    from_node: bool,
    /// Its first byte; the node's first message has none.
    tag: u8,
}

const fn node(name: &'static str, tag: u8) -> Kind {
    Kind { name, from_node: true, tag }
}

const fn server(name: &'static str, tag: u8) -> Kind {
    Kind { name, from_node: false, tag }
}

/// What stands for the tag of a message that has none.
const NO_TAG: u8 = 0;

/// Every kind of message that a node and its server exchange.
pub const KINDS: [Kind; 18] = [
    node("StartupMessage", NO_TAG),
    node("Query", b'Q'),
    node("Parse", b'P'),
    node("Describe", b'D'),
    node("Bind", b'B'),
    node("Execute", b'E'),
    node("Sync", b'S'),
    server("AuthenticationOk", b'R'),
    server("ParameterStatus", b'S'),
    server("BackendKeyData", b'K'),
    server("ReadyForQuery", b'Z'),
    server("ParseComplete", b'1'),
    server("ParameterDescription", b't'),
    server("RowDescription", b'T'),
    server("BindComplete", b'2'),
    server("DataRow", b'D'),
    server("CommandComplete", b'C'),
    server("NotificationResponse", b'A'),
];

/// How the line fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The one connection is closed, the others go on.
    Cut,
    /// Silent, and later it goes on where it stopped.
    Pause,
    /// Silent, and later every connection of before is closed.
    Reset,
    /// Silent, and what was open stays silent for ever; new connections come through.
    Loss,
}

#[derive(Default)]
struct State {
    /// What is waited for.
    awaited: Option<(Kind, Failure)>,
    /// When and how it failed last, while it does.
    failing: Option<(Instant, Failure)>,
    /// How often it has come back, and how what was open before then fared.
    past: Vec<Failure>,
    ended: bool,
}

struct Shared {
    socket: PathBuf,
    state: Mutex<State>,
    changed: Condvar,
}

/// The line.
pub struct Line {
    address: SocketAddr,
    shared: Arc<Shared>,
}

impl Line {
    /// A line to the server that listens on this socket.
    pub fn to(socket: &Path) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("a bound listener has an address");
        let (state, changed) = (Mutex::default(), Condvar::new());
        let shared = Arc::new(Shared { socket: socket.to_owned(), state, changed });
        let held = shared.clone();
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                if held.state().ended {
                    break;
                }
                let held = held.clone();
                // How a connection ends is the test's doing.
                thread::spawn(move || drop(held.carry(&stream)));
            }
        });
        Self { address, shared }
    }

    /// The URL of the database at the other end.
    pub fn url(&self) -> String {
        format!("postgres://cornet@{}/postgres", self.address)
    }

    /// Has it fail in the middle of the next message of this kind.
    pub fn fail_at(&self, kind: Kind, failure: Failure) {
        self.shared.state().awaited = Some((kind, failure));
    }

    /// Since when it has failed, if it has.
    pub fn failed_at(&self) -> Option<Instant> {
        self.shared.state().failing.map(|(at, _)| at)
    }

    /// Has it carry again.
    pub fn mend(&self) {
        let mut state = self.shared.state();
        let (_, failure) = state.failing.take().expect("it has failed");
        state.past.push(failure);
        self.shared.changed.notify_all();
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.shared.state().ended = true;
        self.shared.changed.notify_all();
        // Wakes the accepting thread so that it sees that.
        drop(TcpStream::connect(self.address));
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("nobody panics who carries")
    }

    /// Carries one connection until it ends.
    fn carry(self: &Arc<Self>, node: &TcpStream) -> io::Result<()> {
        node.set_nodelay(true)?;
        let since = self.state().past.len();
        self.wait(since)?;
        let server = UnixStream::connect(&self.socket)?;
        let back = {
            let (shared, from, to) = (self.clone(), server.try_clone()?, node.try_clone()?);
            thread::spawn(move || {
                drop(shared.pump(since, false, &from, &to));
                drop(to.shutdown(Shutdown::Both));
            })
        };
        let done = self.pump(since, true, node, &server);
        drop(server.shutdown(Shutdown::Both));
        drop(back.join());
        done
    }

    /// Carries the messages of one direction, as long as the line does.
    fn pump(&self, since: usize, from_node: bool, mut from: impl Read, mut to: impl Write) -> io::Result<()> {
        let mut first = from_node;
        loop {
            let mut message = vec![0; if first { 4 } else { 5 }];
            from.read_exact(&mut message)?;
            let length = message.last_chunk::<4>().map_or(4, |bytes| u32::from_be_bytes(*bytes));
            let tag = if first { NO_TAG } else { message[0] };
            let head = message.len();
            message.resize(head + length as usize - 4, 0);
            from.read_exact(&mut message[head..])?;
            self.wait(since)?;
            let half = message.len() / 2;
            let failure = self.meet(from_node, tag);
            if failure.is_some() {
                to.write_all(&message[..half])?;
                message.drain(..half);
            }
            if failure == Some(Failure::Cut) {
                return Err(io::ErrorKind::ConnectionAborted.into());
            }
            self.wait(since)?;
            to.write_all(&message)?;
            first = false;
        }
    }

    /// Has the line fail if this is the message that is waited for.
    fn meet(&self, from_node: bool, tag: u8) -> Option<Failure> {
        let mut state = self.state();
        let (_, failure) = state.awaited.take_if(|(kind, _)| kind.from_node == from_node && kind.tag == tag)?;
        state.failing = Some((instant(), failure));
        Some(failure)
    }

    /// Waits until the line carries what is sent over a connection that is open since it came back so often. An error when
    /// it never will.
    fn wait(&self, since: usize) -> io::Result<()> {
        let carries = |state: &State| !matches!(state.failing, Some((_, failure)) if failure != Failure::Cut);
        let lost = |state: &State| state.past.iter().skip(since).any(|failure| *failure == Failure::Loss);
        let waits = |state: &mut State| !state.ended && (!carries(state) || lost(state));
        let state = self.changed.wait_while(self.state(), waits).expect("nobody panics who carries");
        let is_reset = state.past.iter().skip(since).any(|failure| *failure == Failure::Reset);
        if state.ended || is_reset { Err(io::ErrorKind::ConnectionReset.into()) } else { Ok(()) }
    }
}
