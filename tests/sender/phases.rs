//! How long the parts of a request took, and whose they are.

use std::sync::Arc;

use cornet::domain::attempt::{AttemptErrorCode as Code, Phases};
use cornet::engine::sender::{HttpSender, SenderSettings};

use crate::support::*;
use crate::tls::tls_receiver;

/// A sender that trusts `certificate`, finds `good.example.com` on 127.0.0.1 and measures with a [`DoublingClock`].
fn measuring_sender(certificate: Option<&str>) -> HttpSender {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), certificate.unwrap_or_default()).unwrap();
    let authority_file = certificate.map(|_| file.path().to_owned());
    let settings = SenderSettings { authority_file, ..settings() };
    let resolver = FixedResolver::default().with("good.example.com", &[&["127.0.0.1"]]);
    let clock = Arc::new(DoublingClock::default());
    HttpSender::with_resolver(settings, loopback(), clock, Arc::new(resolver)).unwrap()
}

#[tokio::test]
async fn the_first_request_over_a_connection_has_every_phase_and_the_next_its_own() {
    let (receiver, certificate) = tls_receiver("good.example.com", rustls::ALL_VERSIONS).await;
    let sender = measuring_sender(Some(&certificate));
    let url = format!("https://good.example.com:{}/hook", receiver.address.port());
    let first = send(&sender, &url).await;
    // Looked at when the request begins (1), when the opening begins (2), after the name (4), the connection (8) and
    // the handshake (16), at the answer's head (32) and at its end (64).
    let opened =
        Phases { dns_us: Some(2_000), connect_us: Some(4_000), tls_us: Some(8_000), first_byte_us: Some(16_000) };
    assert_eq!((first.phases, first.duration_ms), (Some(opened), 63));
    let second = send(&sender, &url).await;
    let open = Phases { first_byte_us: Some(128_000), ..Phases::default() };
    assert_eq!((second.phases, second.duration_ms), (Some(open), 384));
    assert!(open.is_reused() && !opened.is_reused());
    assert_eq!(receiver.connections(), 1);
}

#[tokio::test]
async fn what_was_not_gone_through_has_no_time() {
    let receiver = Receiver::answering(OK).await;
    let report = send(&measuring_sender(None), &receiver.url()).await;
    let plain = Phases { connect_us: Some(4_000), first_byte_us: Some(16_000), ..Phases::default() };
    assert_eq!(report.phases, Some(plain));

    let closing = Receiver::start(|mut stream| async move { drop(read_request(&mut stream).await) }).await;
    let report = send(&measuring_sender(None), &closing.url()).await;
    assert_eq!(report.result.unwrap_err().code, Code::ConnectionClosed);
    assert_eq!(report.phases, Some(Phases { first_byte_us: None, ..plain }));

    let report = send(&measuring_sender(None), "http://nobody.example.com/").await;
    assert_eq!(report.result.unwrap_err().code, Code::DnsError);
    assert_eq!((report.phases, report.remote_address), (None, None));
}
