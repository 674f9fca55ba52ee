//! A real HTTP/1.1 receiver: it records every request in the order of arrival, answers as it was told for each path, and
//! lets a test wait for the request it expects.

use std::collections::{HashMap, HashSet};
use std::io::{self, BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::Instant;

use super::{PATIENCE, instant};

/// One request as it arrived.
#[derive(Debug, Clone)]
pub struct Received {
    pub method: String,
    pub path: String,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    pub arrived: Instant,
}

impl Received {
    /// The one header of that (lower-case) name; it panics when there is none or more than one.
    pub fn header(&self, name: &str) -> &str {
        let mut found = self.headers.iter().filter(|(other, _)| other == name).map(|(_, value)| value.as_str());
        let value = found.next().unwrap_or_else(|| panic!("no header {name} among {:?}", self.headers));
        assert!(found.next().is_none(), "the header {name} came twice: {:?}", self.headers);
        value
    }

    /// Whether a header of that name came at all.
    pub fn has_header(&self, name: &str) -> bool {
        self.headers.iter().any(|(other, _)| other == name)
    }

    /// The message's id.
    pub fn id(&self) -> &str {
        self.header("webhook-id")
    }

    /// The body as text.
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("the body is UTF-8")
    }
}

/// How to answer one request.
#[derive(Clone)]
pub struct Reply {
    status: u16,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
    gate: Option<Gate>,
}

impl Reply {
    /// An empty answer of that status.
    pub fn status(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: Vec::new(), gate: None }
    }

    /// The same with one more header.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The same with a body.
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    /// The same, but only once the gate is opened.
    pub fn after(mut self, gate: &Gate) -> Self {
        self.gate = Some(gate.clone());
        self
    }

    fn bytes(&self) -> Vec<u8> {
        let mut head = format!("HTTP/1.1 {} Said\r\ncontent-length: {}\r\n", self.status, self.body.len());
        self.headers.iter().for_each(|(name, value)| head.push_str(&format!("{name}: {value}\r\n")));
        head.push_str("\r\n");
        [head.as_bytes(), &self.body].concat()
    }
}

/// A gate that answers wait behind until the test opens it.
#[derive(Clone, Default)]
pub struct Gate {
    inner: Arc<(Mutex<bool>, Condvar)>,
}

impl Gate {
    /// Lets every answer behind it go, now and later.
    pub fn open(&self) {
        *self.inner.0.lock().expect("nobody panics behind a gate") = true;
        self.inner.1.notify_all();
    }

    /// Waits until it is open.
    pub fn pass(&self) {
        let open = self.inner.0.lock().expect("nobody panics behind a gate");
        drop(self.inner.1.wait_timeout_while(open, PATIENCE * 2, |open| !*open).expect("nobody panics behind a gate"));
    }
}

#[derive(Default)]
struct Shared {
    requests: Mutex<Vec<Received>>,
    more: Condvar,
    scripts: Mutex<HashMap<String, Vec<Reply>>>,
    connections: AtomicUsize,
    closing: AtomicBool,
}

/// A receiver on a free port of this machine. Paths without a script are answered 204.
pub struct Receiver {
    address: SocketAddr,
    shared: Arc<Shared>,
}

impl Receiver {
    /// Starts one.
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("a bound listener has an address");
        let shared = Arc::new(Shared::default());
        let held = shared.clone();
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                if held.closing.load(Ordering::SeqCst) {
                    break;
                }
                held.connections.fetch_add(1, Ordering::SeqCst);
                let held = held.clone();
                thread::spawn(move || drop(serve(&held, &stream)));
            }
        });
        Self { address, shared }
    }

    /// The URL of a path on this receiver.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Answers requests to `path` with these replies in turn; the last one stays.
    pub fn on(&self, path: &str, replies: impl IntoIterator<Item = Reply>) {
        let mut replies: Vec<_> = replies.into_iter().collect();
        replies.reverse();
        self.shared.scripts.lock().expect("no connection panics").insert(path.to_owned(), replies);
    }

    /// Everything that arrived at `path` so far.
    pub fn received(&self, path: &str) -> Vec<Received> {
        let requests = self.shared.requests.lock().expect("no connection panics");
        requests.iter().filter(|request| request.path == path).cloned().collect()
    }

    /// Everything that arrived so far.
    pub fn all(&self) -> Vec<Received> {
        self.shared.requests.lock().expect("no connection panics").clone()
    }

    /// How many connections were made to it.
    pub fn connections(&self) -> usize {
        self.shared.connections.load(Ordering::SeqCst)
    }

    /// Waits for the `count`-th request to `path` and returns all of them.
    #[track_caller]
    pub fn wait_for(&self, path: &str, count: usize) -> Vec<Received> {
        let what = format!("{count} requests to {path}");
        self.wait_while(&what, |all| all.iter().filter(|request| request.path == path).count() < count);
        self.received(path)
    }

    /// Waits until each of these messages has arrived at least once.
    #[track_caller]
    pub fn wait_for_ids(&self, ids: &HashSet<String>) {
        let what = format!("all of {} messages", ids.len());
        self.wait_while(&what, |all| {
            let seen: HashSet<&str> = all.iter().map(Received::id).collect();
            ids.iter().any(|id| !seen.contains(id.as_str()))
        });
    }

    #[track_caller]
    fn wait_while(&self, what: &str, waiting: impl Fn(&[Received]) -> bool) {
        let requests = self.shared.requests.lock().expect("no connection panics");
        let (requests, waited) = self
            .shared
            .more
            .wait_timeout_while(requests, PATIENCE * 2, |requests| waiting(requests))
            .expect("no connection panics");
        assert!(!waited.timed_out(), "waited in vain for {what}; {} requests arrived", requests.len());
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.shared.closing.store(true, Ordering::SeqCst);
        // Wakes the accepting thread so that it sees the flag; nobody cares whether it was still there.
        drop(TcpStream::connect(self.address));
    }
}

/// Answers the requests of one connection until the other side closes it.
fn serve(shared: &Shared, stream: &TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut reader = BufReader::new(stream);
    while let Some(request) = read_request(&mut reader)? {
        let reply = {
            let mut scripts = shared.scripts.lock().expect("no connection panics");
            match scripts.get_mut(&request.path) {
                Some(replies) if replies.len() > 1 => replies.pop(),
                Some(replies) => replies.last().cloned(),
                None => None,
            }
        };
        shared.requests.lock().expect("no connection panics").push(request);
        shared.more.notify_all();
        let reply = reply.unwrap_or_else(|| Reply::status(204));
        if let Some(gate) = &reply.gate {
            gate.pass();
        }
        (&*stream).write_all(&reply.bytes())?;
    }
    Ok(())
}

fn read_request(reader: &mut impl BufRead) -> io::Result<Option<Received>> {
    let Some(first) = read_line(reader)? else { return Ok(None) };
    let mut words = first.split(' ').map(str::to_owned);
    let (Some(method), Some(path)) = (words.next(), words.next()) else { return Ok(None) };
    let mut headers = Vec::new();
    let mut length = 0;
    while let Some(line) = read_line(reader)? {
        let Some((name, value)) = line.split_once(':') else { break };
        let (name, value) = (name.to_ascii_lowercase(), value.trim().to_owned());
        if name == "content-length" {
            length = value.parse().map_err(io::Error::other)?;
        }
        headers.push((name, value));
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    Ok(Some(Received { method, path, headers, body, arrived: instant() }))
}

fn read_line(reader: &mut impl BufRead) -> io::Result<Option<String>> {
    let mut line = Vec::new();
    if reader.read_until(b'\n', &mut line)? == 0 {
        return Ok(None);
    }
    Ok(Some(String::from_utf8_lossy(&line).trim_end_matches(['\r', '\n']).to_owned()))
}
