//! The raw relay: what bounds any server that does Cornet's job on this machine. It takes a POST into memory, answers
//! 202 at once, signs the body and posts it on over connections that stay open. It stores nothing, tries nothing twice
//! and looks at no answer; its queues are bounded, and a producer waits while they are full. With a log (`log.rs`) it does the
//! same, but first keeps the body there.

use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::Context as _;
use bytes::Bytes;
use http::header::{CONTENT_TYPE, HOST};
use http::{HeaderValue, Method, Request, Response, StatusCode, Uri};
use http_body_util::{BodyExt as _, Empty, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1 as client;
use hyper::server::conn::http1 as server;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde::{Deserialize, Serialize};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

use super::log::Log;
use super::receiver::Listening;
use super::role;
use crate::clock::{Clock, SystemClock};
use crate::domain::secret::EndpointSecret;
use crate::domain::signature::{self, Signer};

/// Connections to all endpoints together.
const CONNECTIONS: usize = 64;
/// Connections to each endpoint at least.
const CONNECTIONS_PER_ENDPOINT_MIN: usize = 8;
/// Messages that wait for each connection.
const WAITING_MAX: usize = 256;

/// What the relay is to do.
#[derive(Debug, Deserialize, Serialize)]
pub(super) struct Orders {
    /// Where every message goes.
    pub(super) endpoints: Vec<String>,
    /// What it is signed with.
    pub(super) secret: String,
    /// The file of its log, if it has one.
    pub(super) log: Option<PathBuf>,
}

/// Relays until the benchmark ends.
pub(super) fn run() -> anyhow::Result<ExitCode> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    role::run_on(cores, relay)
}

async fn relay(orders: Orders) -> anyhow::Result<()> {
    let connections = (CONNECTIONS / orders.endpoints.len().max(1)).max(CONNECTIONS_PER_ENDPOINT_MIN);
    let endpoints = orders.endpoints.iter().map(|url| Endpoint::open(url, &orders.secret, connections));
    let relay = Arc::new(Relay {
        endpoints: endpoints.collect::<Result<_, _>>()?,
        log: orders.log.as_deref().map(Log::create).transpose()?,
        accepted: AtomicUsize::new(0),
    });
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    role::say(&Listening { address: listener.local_addr()? })?;
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(relay.clone(), stream));
        }
    });
    let mut further = role::further_orders();
    while further.next_line().await?.is_some() {}
    Ok(())
}

async fn serve(relay: Arc<Relay>, stream: TcpStream) -> anyhow::Result<()> {
    stream.set_nodelay(true)?;
    let service = service_fn(|request| relay.answer(request));
    Ok(server::Builder::new().serve_connection(TokioIo::new(stream), service).await?)
}

struct Relay {
    endpoints: Vec<Endpoint>,
    log: Option<Log>,
    accepted: AtomicUsize,
}

/// A message in memory, for each of its endpoints.
#[derive(Clone)]
struct Message {
    id: Arc<str>,
    body: Bytes,
}

impl Relay {
    async fn answer(&self, request: Request<Incoming>) -> Result<Response<Empty<Bytes>>, Infallible> {
        let mut response = Response::new(Empty::new());
        *response.status_mut() = match request.into_body().collect().await {
            Err(_) => StatusCode::BAD_REQUEST,
            // A copy: the bytes that came would keep the whole buffer of their connection.
            Ok(body) => match self.accept(Bytes::copy_from_slice(&body.to_bytes())).await {
                Err(_) => StatusCode::INSUFFICIENT_STORAGE,
                Ok(()) => StatusCode::ACCEPTED,
            },
        };
        Ok(response)
    }

    async fn accept(&self, body: Bytes) -> anyhow::Result<()> {
        if let Some(log) = &self.log {
            log.keep(body.clone()).await?;
        }
        let number = self.accepted.fetch_add(1, Ordering::Relaxed);
        let message = Message { id: format!("msg_{number}").into(), body };
        for endpoint in &self.endpoints {
            endpoint.take(number, message.clone()).await;
        }
        Ok(())
    }
}

/// Where messages go, with a queue before each of its connections.
struct Endpoint {
    connections: Vec<mpsc::Sender<Message>>,
}

impl Endpoint {
    fn open(url: &str, secret: &str, connections: usize) -> anyhow::Result<Self> {
        let uri: Uri = url.parse()?;
        let authority = uri.authority().context("an endpoint has no address")?.as_str();
        let destination = Arc::new(Destination {
            address: authority.parse()?,
            host: HeaderValue::from_str(authority)?,
            path: uri.path().parse()?,
            signer: Signer::new(&EndpointSecret::parse(secret)?),
            clock: SystemClock::default(),
        });
        let open = |_| {
            let (queue, messages) = mpsc::channel(WAITING_MAX);
            tokio::spawn(destination.clone().send(messages));
            queue
        };
        Ok(Self { connections: (0..connections).map(open).collect() })
    }

    /// The connections take turns; while the queue of one is full, the producer waits.
    async fn take(&self, number: usize, message: Message) {
        let connection = &self.connections[number % self.connections.len()];
        // The queues end with the process.
        connection.send(message).await.ok();
    }
}

struct Destination {
    address: SocketAddr,
    host: HeaderValue,
    path: Uri,
    signer: Signer,
    clock: SystemClock,
}

impl Destination {
    /// Posts one message after another over a connection; a new one when it breaks.
    async fn send(self: Arc<Self>, mut messages: mpsc::Receiver<Message>) {
        let mut connection = None;
        while let Some(message) = messages.recv().await {
            let posted = match connection.take() {
                Some(open) => self.post(open, message).await,
                None => match self.connect().await {
                    Ok(open) => self.post(open, message).await,
                    Err(error) => Err(error),
                },
            };
            connection = posted.ok();
        }
    }

    async fn connect(&self) -> anyhow::Result<client::SendRequest<Full<Bytes>>> {
        let stream = TcpStream::connect(self.address).await?;
        stream.set_nodelay(true)?;
        let (sender, connection) = client::handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        Ok(sender)
    }

    /// Gives the connection back once the answer is read.
    async fn post(
        &self,
        mut connection: client::SendRequest<Full<Bytes>>,
        message: Message,
    ) -> anyhow::Result<client::SendRequest<Full<Bytes>>> {
        let request = self.request(message)?;
        connection.ready().await?;
        let mut answer = connection.send_request(request).await?.into_body();
        while let Some(frame) = answer.frame().await {
            frame?;
        }
        Ok(connection)
    }

    fn request(&self, message: Message) -> anyhow::Result<Request<Full<Bytes>>> {
        let now = self.clock.now();
        let signature = signature::header([&self.signer], &message.id, now, &message.body);
        let mut request = Request::new(Full::new(message.body));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.path.clone();
        let headers = request.headers_mut();
        headers.insert(HOST, self.host.clone());
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert("webhook-id", HeaderValue::from_str(&message.id)?);
        headers.insert("webhook-timestamp", now.as_seconds().into());
        headers.insert("webhook-signature", HeaderValue::from_maybe_shared(Bytes::from(signature))?);
        Ok(request)
    }
}
