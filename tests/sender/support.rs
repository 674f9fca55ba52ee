//! A receiver that does what a test says, name servers that answer what a test says, and senders to try on them.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use cornet::clock::{Clock, SystemClock};
use cornet::domain::attempt::{Answer, AttemptError, AttemptErrorCode as Code, AttemptReport};
use cornet::domain::target::{Target, TargetPolicy};
use cornet::domain::time::Timestamp;
use cornet::engine::resolver::{Lookup, Resolver};
use cornet::engine::sender::{HttpSender, MayWrite, OutgoingRequest, Sender, SenderSettings};
use http::{HeaderMap, HeaderValue};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

pub const OK: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

/// A budget that a test waits out, and one that no test reaches on the slowest machine.
pub const SHORT: Duration = Duration::from_millis(300);
pub const LONG: Duration = Duration::from_secs(10);

/// A server that does to each connection what the test says, and counts them.
pub struct Receiver {
    pub address: SocketAddr,
    connections: Arc<AtomicUsize>,
}

impl Receiver {
    pub async fn start<F, Done>(script: F) -> Self
    where
        F: Fn(TcpStream) -> Done + Send + 'static,
        Done: Future<Output = ()> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let connections = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&connections);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                counter.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(script(stream));
            }
        });
        Self { address, connections }
    }

    /// A server that answers every request with the same bytes and keeps the connection.
    pub async fn answering(answer: impl Into<Vec<u8>>) -> Self {
        let answer: Arc<[u8]> = answer.into().into();
        Self::start(move |mut stream| {
            let answer = Arc::clone(&answer);
            async move { while read_request(&mut stream).await.is_some() && stream.write_all(&answer).await.is_ok() {} }
        })
        .await
    }

    pub fn url(&self) -> String {
        format!("http://{}/hook?a=1", self.address)
    }

    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

/// Reads one request with its body; `None` when the connection ends first.
pub async fn read_request(stream: &mut (impl AsyncRead + Unpin)) -> Option<String> {
    let mut request = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&request).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
            if body.len() >= length.map_or(0, |length| length.parse().unwrap()) {
                return Some(text);
            }
        }
        if stream.read_buf(&mut request).await.unwrap_or(0) == 0 {
            return None;
        }
    }
}

/// Writes `piece` again and again until the other side has had enough.
pub async fn write_for_ever(stream: &mut (impl AsyncWrite + Unpin), piece: &[u8]) {
    while stream.write_all(piece).await.is_ok() {}
}

/// Keeps the connection open until the other side ends it.
pub async fn wait_for_end(stream: &mut (impl AsyncRead + Unpin)) {
    let mut ignored = [0; 1024];
    while stream.read(&mut ignored).await.unwrap_or(0) > 0 {}
}

/// Name servers whose answers change: each lookup takes the next one, the last stays.
#[derive(Default)]
pub struct FixedResolver {
    answers: Mutex<HashMap<&'static str, Vec<Vec<IpAddr>>>>,
}

impl FixedResolver {
    pub fn with(self, name: &'static str, answers: &[&[&str]]) -> Self {
        let answers = answers.iter().map(|answer| answer.iter().map(|text| text.parse().unwrap()).collect()).collect();
        self.answers.lock().unwrap().insert(name, answers);
        self
    }
}

impl Resolver for FixedResolver {
    fn lookup<'a>(&'a self, name: &'a str) -> Lookup<'a> {
        let mut answers = self.answers.lock().unwrap();
        let found = match answers.get_mut(name) {
            Some(answers) if answers.len() > 1 => Ok(answers.remove(0)),
            Some(answers) => Ok(answers[0].clone()),
            None => Err(AttemptError::new(Code::DnsError, format!("the name `{name}` does not exist"))),
        };
        Box::pin(async move { found })
    }
}

/// A clock that shows twice as many milliseconds each time that it is looked at, so that every span tells its place.
#[derive(Default)]
pub struct DoublingClock {
    looks: AtomicU32,
}

impl Clock for DoublingClock {
    fn now(&self) -> Timestamp {
        Timestamp::EPOCH
    }

    fn monotonic(&self) -> Duration {
        Duration::from_millis(1 << self.looks.fetch_add(1, Ordering::SeqCst))
    }
}

pub fn settings() -> SenderSettings {
    SenderSettings { deadline: LONG, body_budget: SHORT, ..SenderSettings::default() }
}

pub fn sender_with(settings: SenderSettings, policy: TargetPolicy, resolver: FixedResolver) -> HttpSender {
    HttpSender::with_resolver(settings, policy, Arc::new(SystemClock::default()), Arc::new(resolver)).unwrap()
}

pub fn loopback() -> TargetPolicy {
    TargetPolicy::allowing("127.0.0.0/8").unwrap()
}

pub fn sender() -> HttpSender {
    sender_with(settings(), loopback(), FixedResolver::default())
}

pub async fn send(sender: &HttpSender, url: &str) -> AttemptReport {
    send_while(sender, url, &|| true).await.unwrap()
}

/// Sends unless `may_write` says no when there is a connection.
pub async fn send_while(sender: &HttpSender, url: &str, may_write: MayWrite<'_>) -> Option<AttemptReport> {
    let target = Arc::new(Target::parse(url).unwrap());
    let mut headers = HeaderMap::new();
    headers.insert("user-agent", HeaderValue::from_static("Cornet/0.1.0"));
    let body = Bytes::from_static(b"{\"a\":40.0}");
    sender
        .send(OutgoingRequest { method: http::Method::POST, target, headers, body, https_only: false }, may_write)
        .await
}

pub async fn answer(sender: &HttpSender, url: &str) -> Answer {
    send(sender, url).await.result.unwrap()
}

pub async fn failure(sender: &HttpSender, url: &str) -> Code {
    send(sender, url).await.result.unwrap_err().code
}
