//! How commands talk to a running server: where it is, the key, one request and its answer. It speaks HTTP and HTTPS,
//! follows no redirect, and does not know what a command asks for.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HOST, USER_AGENT};
use http::{HeaderValue, Method, Request, StatusCode};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use url::{Host, Url};

use super::shown;
use crate::config::{process_variable, secret};

/// How long a request may take, from connecting to the answer's end.
const PATIENCE: Duration = Duration::from_secs(30);
/// The largest answer that is read.
const ANSWER_BYTES: usize = 64 * 1024 * 1024;
/// The variable that holds the key; there is no flag, because everybody can see flags (THREATS K08).
const KEY_VARIABLE: &str = "CORNET_API_KEY";

/// There is no such noun.
const EXIT_NOT_FOUND: u8 = 5;
/// The key is missing, unknown, or may not do this.
const EXIT_KEY: u8 = 6;
/// The server can't be reached.
const EXIT_UNREACHABLE: u8 = 7;

/// Where the server is.
#[derive(Debug, clap::Args)]
pub struct ServerArgs {
    /// Where the server is reached; the key is read from CORNET_API_KEY, or from the file that CORNET_API_KEY_FILE names
    #[arg(long, value_name = "URL", env = "CORNET_SERVER", default_value = "http://127.0.0.1:8484")]
    #[arg(hide_env_values = true)]
    pub server: Url,
}

/// How an answer is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Output {
    /// For people.
    #[default]
    Table,
    /// As the API answers.
    Json,
}

/// Why a command got no answer that it can use.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// There is no key to show.
    #[error("there is no API key: set {KEY_VARIABLE}, or name a file that holds it with {KEY_VARIABLE}_FILE")]
    NoKey,
    /// No answer came.
    #[error("cannot reach {server}: {why}; check that it runs there, or set --server or CORNET_SERVER")]
    Unreachable {
        /// Where it was looked for.
        server: String,
        /// What happened.
        why: String,
    },
    /// The server refused.
    #[error("{why}")]
    Refused {
        /// The answer's status.
        status: StatusCode,
        /// What the server says.
        why: String,
    },
}

impl ClientError {
    /// What the process exits with.
    pub(super) fn exit_code(&self) -> Option<u8> {
        match self {
            Self::NoKey => Some(EXIT_KEY),
            Self::Unreachable { .. } => Some(EXIT_UNREACHABLE),
            Self::Refused { status, .. } => match *status {
                StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Some(EXIT_KEY),
                StatusCode::NOT_FOUND => Some(EXIT_NOT_FOUND),
                _ => None,
            },
        }
    }
}

/// A server, and the key to show to it.
pub struct Client {
    server: Url,
    authorization: HeaderValue,
}

impl Client {
    /// A client of this server, with the key that the environment holds.
    ///
    /// # Errors
    /// When the server's URL or the key can't be used.
    pub fn new(args: &ServerArgs) -> anyhow::Result<Self> {
        let server = args.server.clone();
        if !matches!(server.scheme(), "http" | "https") || server.host().is_none() {
            anyhow::bail!("--server (CORNET_SERVER): `{server}` is no address of a server: write http://HOST:PORT");
        }
        let key = secret(KEY_VARIABLE, &process_variable)?.ok_or(ClientError::NoKey)?;
        Self::with_key(server, key.reveal())
    }

    /// A client of this server with this key.
    ///
    /// # Errors
    /// When the key can't be used.
    pub fn with_key(server: Url, key: &str) -> anyhow::Result<Self> {
        let mut authorization = HeaderValue::try_from(format!("Bearer {}", key.trim()))
            .ok()
            .with_context(|| format!("{KEY_VARIABLE}: a key has no such characters: copy it again"))?;
        authorization.set_sensitive(true);
        Ok(Self { server, authorization })
    }

    /// A client of the same server with another key.
    ///
    /// # Errors
    /// When the key can't be used.
    pub fn with_another_key(&self, key: &str) -> anyhow::Result<Self> {
        Self::with_key(self.server.clone(), key)
    }

    /// Gets what is at this path; answers the text of its JSON.
    ///
    /// # Errors
    /// When the server can't be reached or refuses.
    pub fn get(&self, path: &[&str]) -> anyhow::Result<String> {
        self.ask(Method::GET, path, String::new())
    }

    /// Posts JSON text to this path; answers the text of the answer's JSON.
    ///
    /// # Errors
    /// When the server can't be reached or refuses.
    pub fn post(&self, path: &[&str], body: String) -> anyhow::Result<String> {
        self.ask(Method::POST, path, body)
    }

    /// Changes with JSON text what is at this path; answers the text of the answer's JSON.
    ///
    /// # Errors
    /// When the server can't be reached or refuses.
    pub fn patch(&self, path: &[&str], body: String) -> anyhow::Result<String> {
        self.ask(Method::PATCH, path, body)
    }

    fn ask(&self, method: Method, path: &[&str], body: String) -> anyhow::Result<String> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let answered = runtime.block_on(self.answer(method, path, body));
        // What still runs in the background, such as a look-up of a name, is not waited for.
        runtime.shutdown_background();
        answered
    }

    /// The text of the JSON that a request to this path is answered with.
    pub(super) async fn answer(&self, method: Method, path: &[&str], body: String) -> anyhow::Result<String> {
        let mut url = self.server.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(path);
        }
        let authority = url.authority().rsplit('@').next().unwrap_or_default();
        let request = Request::builder()
            .method(method)
            .uri(url.path())
            .header(HOST, authority)
            .header(USER_AGENT, concat!("cornet-cli/", env!("CARGO_PKG_VERSION")))
            .header(ACCEPT, "application/json")
            .header(CONTENT_TYPE, "application/json")
            .header(AUTHORIZATION, &self.authorization)
            .body(Full::from(body))?;
        let answered = tokio::time::timeout(PATIENCE, self.exchange(request)).await;
        let unreachable = |why| ClientError::Unreachable { server: self.server.to_string(), why };
        let (status, answer) = answered
            .map_err(|_| unreachable(format!("no answer in {} s", PATIENCE.as_secs())))?
            .map_err(|error| unreachable(format!("{error:#}")))?;
        let answer = String::from_utf8_lossy(&answer).into_owned();
        if status.is_success() { Ok(answer) } else { Err(refused(status, &answer).into()) }
    }

    async fn exchange(&self, request: Request<Full<bytes::Bytes>>) -> anyhow::Result<(StatusCode, bytes::Bytes)> {
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(self.connect().await?)).await?;
        tokio::spawn(connection);
        let (head, body) = sender.send_request(request).await?.into_parts();
        let read = Limited::new(body, ANSWER_BYTES).collect().await;
        let read = read.map_err(|error| anyhow::anyhow!("the answer broke off: {error}"))?;
        Ok((head.status, read.to_bytes()))
    }

    async fn connect(&self) -> anyhow::Result<Box<dyn Stream>> {
        let port = self.server.port_or_known_default().unwrap_or_default();
        let host = match self.server.host() {
            Some(Host::Ipv6(address)) => address.to_string(),
            Some(host) => host.to_string(),
            None => String::new(),
        };
        let stream = TcpStream::connect((host.as_str(), port)).await?;
        if self.server.scheme() == "http" {
            return Ok(Box::new(stream));
        }
        let connector = tokio_rustls::TlsConnector::from(Arc::new(tls()?));
        Ok(Box::new(connector.connect(ServerName::try_from(host)?, stream).await?))
    }
}

/// A connection, secured or not.
trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// Trusts the machine's authorities, or Mozilla's where it has none.
fn tls() -> Result<ClientConfig, rustls::Error> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if roots.is_empty() {
        roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}

/// What the server says of a request that it did not do.
fn refused(status: StatusCode, answer: &str) -> ClientError {
    let problem: Value = serde_json::from_str(answer).unwrap_or_default();
    let why = match &problem["detail"] {
        Value::String(detail) => detail.clone(),
        Value::Array(faults) => faults.iter().map(fault).collect::<Vec<_>>().join("; "),
        _ => format!("the server answered {status}; check that --server names a Cornet server"),
    };
    ClientError::Refused { status, why: shown(&why) }
}

/// One value that can't be taken, and where it stands.
fn fault(fault: &Value) -> String {
    let place = fault["loc"].as_array().into_iter().flatten().filter_map(Value::as_str);
    format!("{}: {}", place.collect::<Vec<_>>().join("."), fault["msg"].as_str().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_told_in_the_words_of_the_server() {
        let text = |status, answer: &str| refused(status, answer).to_string();
        let answer = r#"{"detail":[{"loc":["body","eventType"],"msg":"must not be empty","type":"x"}]}"#;
        assert_eq!(text(StatusCode::UNPROCESSABLE_ENTITY, answer), "body.eventType: must not be empty");
        assert_eq!(text(StatusCode::NOT_FOUND, r#"{"detail":"there is no such\u001b[2J message"}"#), {
            "there is no such\u{fffd}[2J message"
        });
        assert!(text(StatusCode::BAD_GATEWAY, "<html>").contains("502"));
    }

    #[test]
    fn each_kind_of_failure_has_its_exit_code() {
        let code = |status| refused(status, "").exit_code();
        assert_eq!(code(StatusCode::NOT_FOUND), Some(EXIT_NOT_FOUND));
        assert_eq!((code(StatusCode::UNAUTHORIZED), code(StatusCode::FORBIDDEN)), (Some(EXIT_KEY), Some(EXIT_KEY)));
        assert_eq!(code(StatusCode::CONFLICT), None);
    }
}
