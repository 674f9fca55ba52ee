//! TLS towards receivers (THREATS part D).

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use cornet::clock::SystemClock;
use cornet::domain::attempt::AttemptErrorCode as Code;
use cornet::engine::sender::{HttpSender, SenderSettings};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::AsyncWriteExt;

use crate::support::*;

/// A TLS server with a certificate of its own making for `name`; gives the certificate as PEM beside it.
pub async fn tls_receiver(name: &str, versions: &[&'static rustls::SupportedProtocolVersion]) -> (Receiver, String) {
    let parameters = rcgen::CertificateParams::new([name.to_owned()]).unwrap();
    tls_receiver_with(parameters, versions).await
}

async fn tls_receiver_with(
    parameters: rcgen::CertificateParams,
    versions: &[&'static rustls::SupportedProtocolVersion],
) -> (Receiver, String) {
    let key = rcgen::KeyPair::generate().unwrap();
    let certificate = parameters.self_signed(&key).unwrap().pem();
    let chain = vec![CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap()];
    let key = PrivateKeyDer::from_pem_slice(key.serialize_pem().as_bytes()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(versions)
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let receiver = Receiver::start(move |stream| {
        let acceptor = acceptor.clone();
        async move {
            let Ok(mut stream) = acceptor.accept(stream).await else { return };
            while read_request(&mut stream).await.is_some() && stream.write_all(OK).await.is_ok() {}
        }
    })
    .await;
    (receiver, certificate)
}

/// A sender that trusts `certificate` and finds every test host on 127.0.0.1.
fn trusting_sender(certificate: &str, tls_budget: Duration) -> HttpSender {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), certificate).unwrap();
    let authority_file = Some(file.path().to_owned());
    let settings = SenderSettings { authority_file, tls_budget, ..settings() };
    let resolver = FixedResolver::default()
        .with("good.example.com", &[&["127.0.0.1"]])
        .with("other.example.com", &[&["127.0.0.1"]]);
    sender_with(settings, loopback(), resolver)
}

#[tokio::test]
async fn tls_is_spoken_to_hosts_that_prove_who_they_are() {
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let (receiver, certificate) = tls_receiver("good.example.com", &[version]).await;
        let port = receiver.address.port();
        let sender = trusting_sender(&certificate, LONG);
        assert_eq!(answer(&sender, &format!("https://good.example.com:{port}/")).await.status, 200);
        let wrong = send(&sender, &format!("https://other.example.com:{port}/")).await.result.unwrap_err();
        assert_eq!(wrong.code, Code::TlsError); // D04
        assert!(wrong.detail.contains("another host"), "{wrong}");
    }
}

#[tokio::test]
async fn a_certificate_that_proves_nothing_is_refused_and_says_why() {
    let named = || rcgen::CertificateParams::new(["good.example.com".to_owned()]).unwrap();
    let mut authority = named();
    authority.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let mut expired = named();
    expired.not_after = rcgen::date_time_ymd(2020, 1, 1);
    let mut early = named();
    early.not_before = rcgen::date_time_ymd(2999, 1, 1);
    let cases = [(named(), "self-signed"), (authority, "authority"), (expired, "expired"), (early, "not valid yet")];
    for (number, (mut parameters, reason)) in cases.into_iter().enumerate() {
        parameters.distinguished_name.push(rcgen::DnType::CommonName, format!("stranger {number}"));
        let (receiver, own_certificate) = tls_receiver_with(parameters, rustls::ALL_VERSIONS).await;
        let (_, other_certificate) = tls_receiver("good.example.com", rustls::ALL_VERSIONS).await;
        let trusted = if reason == "self-signed" { other_certificate } else { own_certificate };
        let sender = trusting_sender(&trusted, LONG);
        let url = format!("https://good.example.com:{}/", receiver.address.port());
        let error = send(&sender, &url).await.result.unwrap_err(); // D01, D02, D03, D05
        assert_eq!((error.code, error.detail.contains(reason)), (Code::TlsError, true), "{error}");
    }
}

#[tokio::test]
async fn an_address_in_a_certificate_counts() {
    let (receiver, certificate) = tls_receiver("127.0.0.1", rustls::ALL_VERSIONS).await;
    let url = format!("https://{}/", receiver.address);
    assert_eq!(answer(&trusting_sender(&certificate, LONG), &url).await.status, 200); // D10
}

#[tokio::test]
async fn a_server_without_tls_is_told_apart() {
    let (_, certificate) = tls_receiver("good.example.com", rustls::ALL_VERSIONS).await;
    let sender = trusting_sender(&certificate, LONG);
    let plain = Receiver::start(|mut stream| async move {
        stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await.unwrap();
        wait_for_end(&mut stream).await;
    })
    .await;
    let error = send(&sender, &format!("https://{}/", plain.address)).await.result.unwrap_err();
    assert_eq!((error.code, error.detail.contains("does not speak TLS")), (Code::TlsError, true), "{error}"); // D08
    let silent = Receiver::start(|mut stream| async move { wait_for_end(&mut stream).await }).await;
    let impatient = trusting_sender(&certificate, SHORT);
    assert_eq!(failure(&impatient, &format!("https://{}/", silent.address)).await, Code::TlsTimeout); // C26
    let closing = Receiver::start(|stream| async move { drop(stream) }).await;
    assert_eq!(failure(&sender, &format!("https://{}/", closing.address)).await, Code::TlsError);
    // A handshake_failure alert, as servers send that share no cipher.
    let old = Receiver::start(|mut stream| async move {
        stream.write_all(&[21, 3, 3, 0, 2, 2, 40]).await.unwrap();
        wait_for_end(&mut stream).await;
    })
    .await;
    assert_eq!(failure(&sender, &format!("https://{}/", old.address)).await, Code::TlsNoSharedCipher); // D07, D09
}

#[tokio::test]
async fn what_may_no_longer_be_written_when_the_connection_is_open_is_not() {
    let (receiver, certificate) = tls_receiver("good.example.com", rustls::ALL_VERSIONS).await;
    let sender = trusting_sender(&certificate, LONG);
    let url = format!("https://good.example.com:{}/", receiver.address.port());
    let asked = AtomicUsize::new(0);
    let from_now_on = || asked.fetch_add(1, Ordering::SeqCst) > 0;
    // It is asked when the handshake is over, and not before.
    assert!(send_while(&sender, &url, &from_now_on).await.is_none());
    assert_eq!((asked.load(Ordering::SeqCst), receiver.connections()), (1, 1));
    assert_eq!(send_while(&sender, &url, &from_now_on).await.unwrap().result.unwrap().status, 200);
    // The same where a connection is open already.
    assert!(send_while(&sender, &url, &|| false).await.is_none());
    assert_eq!(receiver.connections(), 2);
}

#[tokio::test]
async fn an_authority_file_without_certificates_is_refused() {
    let file = tempfile::NamedTempFile::new().unwrap();
    for path in [file.path().to_owned(), "/nonexistent.pem".into()] {
        let settings = SenderSettings { authority_file: Some(path), ..settings() };
        let made = HttpSender::new(settings, loopback(), Arc::new(SystemClock::default()));
        assert!(made.err().unwrap().to_string().starts_with("cannot read certificates from"));
    }
}
