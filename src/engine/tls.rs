//! TLS towards receivers: which authorities are trusted, and what a failed handshake means in plain words. It never
//! lowers its demands (THREATS D01–D15) and does not know whom it connects to or why.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{AlertDescription, CertificateError, ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::domain::attempt::{AttemptError, AttemptErrorCode};

/// Why TLS cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum TlsSetupError {
    /// The file with additional authorities cannot be used.
    #[error("cannot read certificates from {}: {reason}; give a PEM file that holds at least one", path.display())]
    AuthorityFile {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The library refuses its own defaults.
    #[error("cannot set up TLS: {0}")]
    Provider(#[from] rustls::Error),
}

/// Makes TLS connections, 1.2 and 1.3, to hosts that prove who they are.
pub struct Tls {
    connector: TlsConnector,
    budget: Duration,
}

impl Tls {
    /// Trusts the machine's authorities (Mozilla's where it has none) and those in the PEM file `authority_file`;
    /// `budget` is how long a handshake may take.
    pub fn new(authority_file: Option<&Path>, budget: Duration) -> Result<Self, TlsSetupError> {
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        if roots.is_empty() {
            roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
        }
        if let Some(path) = authority_file {
            add_authorities(&mut roots, path)
                .map_err(|reason| TlsSetupError::AuthorityFile { path: path.to_owned(), reason })?;
        }
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self { connector: Arc::new(config).into(), budget })
    }

    /// Makes the handshake over `stream` with `host`, a name or an address. Fails with one of the `tls_` codes.
    pub async fn handshake(&self, host: &str, stream: TcpStream) -> Result<TlsStream<TcpStream>, AttemptError> {
        let failed = |code, reason: &str| AttemptError::new(code, reason);
        let name = ServerName::try_from(host.to_owned())
            .map_err(|_| failed(AttemptErrorCode::TlsError, "the host name cannot be in a certificate"))?;
        match timeout(self.budget, self.connector.connect(name, stream)).await {
            Ok(Ok(stream)) => Ok(stream),
            Ok(Err(error)) => {
                let (code, reason) = explain(&error);
                Err(failed(code, reason))
            }
            Err(_) => Err(failed(AttemptErrorCode::TlsTimeout, "the TLS handshake did not end in time")),
        }
    }
}

fn add_authorities(roots: &mut RootCertStore, path: &Path) -> Result<(), String> {
    let certificates: Vec<_> =
        CertificateDer::pem_file_iter(path).and_then(Iterator::collect).map_err(|error| error.to_string())?;
    if certificates.is_empty() {
        return Err("it holds no certificate".to_owned());
    }
    certificates.into_iter().try_for_each(|certificate| roots.add(certificate).map_err(|error| error.to_string()))
}

/// What a failed handshake means, for the endpoint's owner.
fn explain(error: &io::Error) -> (AttemptErrorCode, &'static str) {
    use AttemptErrorCode::{TlsError, TlsNoSharedCipher};
    let Some(error) = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) else {
        return (TlsError, "the connection was closed during the TLS handshake");
    };
    match error {
        rustls::Error::InvalidCertificate(certificate) => (TlsError, explain_certificate(certificate)),
        rustls::Error::NoCertificatesPresented => (TlsError, "the server sent no certificate"),
        rustls::Error::InvalidMessage(_) => (TlsError, "the server does not speak TLS on this port"),
        rustls::Error::AlertReceived(AlertDescription::ProtocolVersion) => {
            (TlsNoSharedCipher, "the server speaks neither TLS 1.2 nor TLS 1.3")
        }
        rustls::Error::PeerIncompatible(_)
        | rustls::Error::AlertReceived(AlertDescription::HandshakeFailure | AlertDescription::InsufficientSecurity) => {
            (TlsNoSharedCipher, "the server and Cornet share no TLS version or cipher")
        }
        rustls::Error::AlertReceived(AlertDescription::UnrecognisedName) => {
            (TlsError, "the server does not know this host name")
        }
        rustls::Error::AlertReceived(_) => (TlsError, "the server broke off the TLS handshake with an alert"),
        _ => (TlsError, "the TLS handshake failed"),
    }
}

fn explain_certificate(error: &CertificateError) -> &'static str {
    match error {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => "the server's certificate has expired",
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "the server's certificate is not valid yet"
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            "the server's certificate is for another host"
        }
        CertificateError::UnknownIssuer => {
            "the server's certificate is self-signed, or its chain does not lead to a trusted authority"
        }
        // A plain `openssl req -x509` makes such a certificate. The library has no variant of its own for this case.
        CertificateError::Other(other) if other.to_string().contains("CaUsedAsEndEntity") => {
            "the server's certificate is self-signed as an authority; use one that is issued for a server"
        }
        CertificateError::Revoked => "the server's certificate is revoked",
        _ => "the server's certificate is not valid",
    }
}
