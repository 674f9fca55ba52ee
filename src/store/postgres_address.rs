//! Where a PostgreSQL server is, and how to get in: a `postgres://` URL with what libpq understands of it. A server on
//! another machine is spoken to over TLS with a certificate that this machine trusts, unless the URL says
//! `sslmode=disable`. It knows no statement.

use std::fmt;
use std::future::poll_fn;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::mpsc;
use tokio_postgres::config::{Host, SslMode};
use tokio_postgres::{AsyncMessage, Client, Config, Connection, NoTls};
use tokio_postgres_rustls::MakeRustlsConnect;
use url::form_urlencoded::byte_serialize;

use super::error::StoreError;

/// How long the server may take to let us in.
const CONNECTING_MAX: Duration = Duration::from_secs(5);
/// How long the network may say nothing before it is asked whether it is there.
const SILENCE_MAX: Duration = Duration::from_secs(30);

/// Where the server is, and how to get in. It is shown without the password.
#[derive(Clone)]
pub struct PostgresAddress {
    config: Config,
    tls: Option<MakeRustlsConnect>,
}

impl PostgresAddress {
    /// Reads a `postgres://` URL.
    ///
    /// # Errors
    /// What is wrong with it; the text does not quote the URL, which may hold a password.
    pub fn parse(url: &str) -> Result<Self, String> {
        // `require` is taken at its word here and checks the certificate, so the stricter words say the same.
        let url = url.replace("sslmode=verify-full", "sslmode=require").replace("sslmode=verify-ca", "sslmode=require");
        let mut config: Config = url.parse().map_err(|error: tokio_postgres::Error| {
            let source = std::error::Error::source(&error);
            source.map_or_else(|| error.to_string(), |source| format!("{error}: {source}"))
        })?;
        if config.get_hosts().is_empty() {
            return Err("it names no host; a socket's directory is named like this: postgres://cornet@/cornet?host=/run/postgresql".to_owned());
        }
        let says_mode = url.contains("sslmode=");
        let mode = match config.get_ssl_mode() {
            SslMode::Disable => SslMode::Disable,
            SslMode::Prefer if says_mode => {
                return Err("sslmode=prefer protects from nobody; say disable or require".to_owned());
            }
            SslMode::Prefer if config.get_hosts().iter().all(is_here) => SslMode::Disable,
            _ => SslMode::Require,
        };
        config.ssl_mode(mode).connect_timeout(CONNECTING_MAX).keepalives_idle(SILENCE_MAX);
        config.tcp_user_timeout(SILENCE_MAX).application_name("cornet");
        let tls = (mode == SslMode::Require).then(tls).transpose()?;
        Ok(Self { config, tls })
    }

    /// Opens a connection, which is driven by the runtime that this is called in. What others tell through the server
    /// comes out of the second, until the connection ends.
    pub(super) async fn connect(&self) -> Result<(Client, Told), StoreError> {
        let (telling, told) = mpsc::unbounded_channel();
        let opening = async {
            match &self.tls {
                Some(tls) => {
                    let (client, connection) = self.config.connect(tls.clone()).await?;
                    tokio::spawn(drive(connection, telling));
                    Ok((client, told))
                }
                None => {
                    let (client, connection) = self.config.connect(NoTls).await?;
                    tokio::spawn(drive(connection, telling));
                    Ok((client, told))
                }
            }
        };
        let opened: Result<(Client, Told), tokio_postgres::Error> = tokio::time::timeout(CONNECTING_MAX, opening)
            .await
            .map_err(|_| StoreError::Unavailable(format!("{self} does not let us in")))?;
        opened.map_err(|error| match StoreError::from(error) {
            StoreError::Unavailable(why) | StoreError::Database(why) => {
                StoreError::Unavailable(format!("{self}: {why}"))
            }
            error => error,
        })
    }
}

/// What others tell through the server, line by line.
pub(super) type Told = mpsc::UnboundedReceiver<String>;

/// Drives a connection to its end, and passes on what others tell. How it ended is seen by whoever waits for an answer.
async fn drive<S, T>(mut connection: Connection<S, T>, telling: mpsc::UnboundedSender<String>)
where
    S: AsyncRead + AsyncWrite + Unpin,
    T: AsyncRead + AsyncWrite + Unpin,
{
    while let Some(Ok(message)) = poll_fn(|context| connection.poll_message(context)).await {
        if let AsyncMessage::Notification(notification) = message {
            // Who does not listen need not be told.
            telling.send(notification.payload().to_owned()).ok();
        }
    }
}

/// Whether nothing between us and the host can listen in.
fn is_here(host: &Host) -> bool {
    match host {
        Host::Tcp(name) => name == "localhost" || name.parse().is_ok_and(|address: IpAddr| address.is_loopback()),
        Host::Unix(_) => true,
    }
}

/// TLS that trusts whom this machine trusts.
fn tls() -> Result<MakeRustlsConnect, String> {
    let mut roots = RootCertStore::empty();
    let (added, _) = roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if added == 0 {
        return Err(
            "this machine trusts no certificate authority; install ca-certificates, or set SSL_CERT_FILE".to_owned()
        );
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(MakeRustlsConnect::new(config))
}

/// A URL by which others reach it too, without the password.
impl fmt::Display for PostgresAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let user = self.config.get_user().unwrap_or_default();
        let database = self.config.get_dbname().unwrap_or(user);
        let ports = self.config.get_ports();
        let (mut names, mut folders) = (Vec::new(), Vec::new());
        for (place, host) in self.config.get_hosts().iter().enumerate() {
            let port = ports.get(place).or_else(|| ports.first()).filter(|port| **port != 5432);
            match host {
                Host::Tcp(name) => names.push(port.map_or_else(|| name.clone(), |port| format!("{name}:{port}"))),
                Host::Unix(path) => {
                    let port = port.map_or_else(String::new, |port| format!("&port={port}"));
                    folders.push(format!("host={}{port}", path.display()));
                }
            }
        }
        write!(f, "postgres://")?;
        if !user.is_empty() {
            write!(f, "{}@", byte_serialize(user.as_bytes()).collect::<String>())?;
        }
        write!(f, "{}/{database}", names.join(","))?;
        if !folders.is_empty() {
            write!(f, "?{}", folders.join("&"))?;
        }
        Ok(())
    }
}

impl fmt::Debug for PostgresAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

#[cfg(test)]
mod tests {
    use super::PostgresAddress;

    #[test]
    fn an_address_is_shown_without_its_password() {
        let address = PostgresAddress::parse("postgres://ann:sesame@127.0.0.1:5433/hooks").unwrap();
        assert_eq!(address.to_string(), "postgres://ann@127.0.0.1:5433/hooks");
        assert_eq!(format!("{address:?}"), address.to_string());
        let socket = PostgresAddress::parse("postgres://ann@/hooks?host=/run/postgresql").unwrap();
        assert_eq!(socket.to_string(), "postgres://ann@/hooks?host=/run/postgresql");
    }

    #[test]
    fn only_a_server_on_this_machine_is_spoken_to_in_the_open_unless_one_insists() {
        let has_tls = |url: &str| PostgresAddress::parse(url).unwrap().tls.is_some();
        assert!(!has_tls("postgres://ann@localhost/hooks"));
        assert!(!has_tls("postgres://ann@[::1]/hooks"));
        assert!(has_tls("postgres://ann@db.example.com/hooks"));
        assert!(has_tls("postgres://ann@localhost/hooks?sslmode=verify-full"));
        assert!(!has_tls("postgres://ann@db.example.com/hooks?sslmode=disable"));
        assert!(PostgresAddress::parse("postgres://ann@db.example.com/hooks?sslmode=prefer").is_err());
        assert!(PostgresAddress::parse("postgres:///hooks").is_err());
    }
}
