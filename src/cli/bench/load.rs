//! The load generator of the benchmark: posts messages over connections that stay open. In a closed loop each
//! connection posts again as soon as it is answered, for the most messages a second. At a rate, messages have a time
//! when they are to be sent, and how long they take counts from then, also when the server keeps a connection waiting.

use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use anyhow::Context as _;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::http::{Framed, find};
use super::latency::Latencies;
use super::role::{self, SENT, SENT_DIGITS};
use crate::clock::{Clock, SystemClock};

/// How much of an answer is read at a time.
const BUFFER_BYTES: usize = 8 * 1024;
/// How much of the answer to a message that was refused is told.
const REFUSAL_BYTES: usize = 500;
/// How many messages may be late on one connection before the benchmark gives up its rate.
const LATE_MAX: usize = 100_000;

/// Where messages are posted.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(super) struct Target {
    /// Each connection goes to the next of them.
    pub(super) addresses: Vec<SocketAddr>,
    pub(super) path: String,
    /// The key to show, if one is wanted.
    pub(super) key: Option<String>,
}

/// What the load generator is to do.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(super) struct Orders {
    pub(super) target: Target,
    /// Connections at a time.
    pub(super) connections: usize,
    /// How long.
    pub(super) duration: Duration,
    /// Messages a second; `None` is as many as are answered.
    pub(super) rate: Option<f64>,
    /// Bytes of a payload.
    pub(super) payload_bytes: usize,
}

/// What became of it.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(super) struct Posted {
    /// When the first was posted, by the machine's monotonic clock.
    pub(super) began: Duration,
    /// Messages that were answered with 202.
    pub(super) accepted: u64,
    /// Messages that were answered otherwise.
    pub(super) refused: u64,
    /// The first of those answers, as far as it is told.
    pub(super) refusal: Option<String>,
    /// From posting to the answer: the median, in milliseconds.
    pub(super) p50_ms: f64,
    /// The same for the slowest of a hundred.
    pub(super) p99_ms: f64,
}

/// Posts what is ordered, and says what became of it.
pub(super) fn run() -> anyhow::Result<ExitCode> {
    role::run(post)
}

async fn post(orders: Orders) -> anyhow::Result<()> {
    let counts = Arc::new(Counts::default());
    let clock = SystemClock::default();
    let mut connections = Vec::new();
    for address in orders.target.addresses.iter().cycle().take(orders.connections) {
        connections.push(Connection::open(*address, &orders, counts.clone()).await?);
    }
    let began = clock.monotonic();
    let until = began + orders.duration;
    let mut posting = JoinSet::new();
    match orders.rate {
        None => connections.into_iter().for_each(|connection| drop(posting.spawn(connection.post_until(until)))),
        Some(rate) => {
            let mut schedules = Vec::new();
            for connection in connections {
                let (schedule, times) = mpsc::channel(LATE_MAX);
                schedules.push(schedule);
                posting.spawn(connection.post_at(times));
            }
            // A thread of its own sleeps to within some ten microseconds; the runtime's timers count milliseconds.
            std::thread::spawn(move || set_pace(&schedules, began, until, rate));
        }
    }
    while let Some(posted) = posting.join_next().await {
        posted?.context("a connection broke")?;
    }
    role::say(&counts.posted(began))
}

/// Gives the connections in turn the times at which they are to post.
fn set_pace(schedules: &[mpsc::Sender<Duration>], began: Duration, until: Duration, rate: f64) {
    let clock = SystemClock::default();
    for (number, schedule) in (0u32..).zip(schedules.iter().cycle()) {
        let at = began + Duration::from_secs_f64(f64::from(number) / rate);
        if at >= until {
            return;
        }
        std::thread::sleep(at.saturating_sub(clock.monotonic()));
        if schedule.try_send(at).is_err() {
            return;
        }
    }
}

#[derive(Default)]
struct Counts {
    accepted: AtomicU64,
    refused: AtomicU64,
    refusal: OnceLock<String>,
    latencies: Mutex<Latencies>,
}

impl Counts {
    fn add(&self, answer: &Framed, took: Duration) {
        let accepted = answer.status() == 202;
        let counter = if accepted { &self.accepted } else { &self.refused };
        counter.fetch_add(1, Ordering::Relaxed);
        if !accepted {
            self.refusal.get_or_init(|| {
                let told = &answer.body[..answer.body.len().min(REFUSAL_BYTES)];
                format!("{} {}", answer.status(), String::from_utf8_lossy(told))
            });
        }
        self.latencies.lock().unwrap_or_else(PoisonError::into_inner).add(took);
    }

    fn posted(&self, began: Duration) -> Posted {
        let latencies = self.latencies.lock().unwrap_or_else(PoisonError::into_inner);
        Posted {
            began,
            accepted: self.accepted.load(Ordering::Relaxed),
            refused: self.refused.load(Ordering::Relaxed),
            refusal: self.refusal.get().cloned(),
            p50_ms: latencies.quantile_ms(0.5),
            p99_ms: latencies.quantile_ms(0.99),
        }
    }
}

/// A connection with the one request that goes over it again and again, but for the time in it.
struct Connection {
    stream: TcpStream,
    clock: SystemClock,
    counts: Arc<Counts>,
    request: Vec<u8>,
    time_at: usize,
    answer: Vec<u8>,
}

impl Connection {
    async fn open(address: SocketAddr, orders: &Orders, counts: Arc<Counts>) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let request = request(address, &orders.target, orders.payload_bytes);
        let time_at = find(&request, SENT).context("the message has no time")? + SENT.len();
        let answer = Vec::with_capacity(BUFFER_BYTES);
        Ok(Self { stream, clock: SystemClock::default(), counts, request, time_at, answer })
    }

    /// Posts one message after the other.
    async fn post_until(mut self, until: Duration) -> std::io::Result<()> {
        loop {
            let now = self.clock.monotonic();
            if now >= until {
                return Ok(());
            }
            self.post(now).await?;
        }
    }

    /// Posts a message at each of these times, or as soon after it as the connection is free.
    async fn post_at(mut self, mut times: mpsc::Receiver<Duration>) -> std::io::Result<()> {
        while let Some(at) = times.recv().await {
            self.post(at).await?;
        }
        Ok(())
    }

    /// Posts a message that was to be sent at this time, and waits for the answer.
    async fn post(&mut self, at: Duration) -> std::io::Result<()> {
        write_digits(&mut self.request[self.time_at..self.time_at + SENT_DIGITS], at);
        self.stream.write_all(&self.request).await?;
        self.answer.clear();
        loop {
            if self.stream.read_buf(&mut self.answer).await? == 0 {
                return Err(std::io::ErrorKind::UnexpectedEof.into());
            }
            if let Some(answer) = Framed::read(&self.answer) {
                self.counts.add(&answer, self.clock.monotonic().saturating_sub(at));
                return Ok(());
            }
        }
    }
}

/// Writes a time as nanoseconds, with zeros before them.
fn write_digits(place: &mut [u8], time: Duration) {
    let mut rest = time.as_nanos();
    for digit in place.iter_mut().rev() {
        *digit = b'0' + u8::try_from(rest % 10).unwrap_or_default();
        rest /= 10;
    }
}

/// A payload of so many bytes that has room for a time.
pub(super) fn payload(bytes: usize) -> String {
    let start = format!(r#"{{{}{}","padding":""#, String::from_utf8_lossy(SENT), "0".repeat(SENT_DIGITS));
    let end = r#""}"#;
    let padding = bytes.saturating_sub(start.len() + end.len());
    format!("{start}{}{end}", "payload ".chars().cycle().take(padding).collect::<String>())
}

/// The request that posts a payload of so many bytes, as Cornet takes it. The raw relay gets the same.
fn request(address: SocketAddr, target: &Target, payload_bytes: usize) -> Vec<u8> {
    let body = format!(r#"{{"eventType":"bench.event","payload":{}}}"#, payload(payload_bytes));
    let key = target.key.as_deref().map_or(String::new(), |key| format!("authorization: Bearer {key}\r\n"));
    let path = &target.path;
    let head = format!("POST {path} HTTP/1.1\r\nhost: {address}\r\ncontent-type: application/json\r\n{key}");
    format!("{head}content-length: {}\r\n\r\n{body}", body.len()).into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_has_a_payload_of_the_asked_size_with_a_time_in_it() {
        let address = ([127, 0, 0, 1], 80).into();
        let target = Target { addresses: vec![address], path: "/".to_owned(), key: None };
        let mut request = request(address, &target, 1024);
        let at = find(&request, SENT).unwrap() + SENT.len();
        write_digits(&mut request[at..at + SENT_DIGITS], Duration::from_nanos(1_234_567));
        let framed = Framed::read(&request).unwrap();
        let body: serde_json::Value = serde_json::from_slice(framed.body).unwrap();
        assert_eq!(body["payload"]["sent"], "00000000000001234567");
        assert_eq!(body["payload"].to_string().len(), 1024);
        assert_eq!(framed.bytes(), request.len());
    }
}
