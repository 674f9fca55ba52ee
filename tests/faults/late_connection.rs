//! A connection to a receiver that is opened only after the node's lease has ended: nothing may be written to it, because
//! another node sends by then.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::{Arc, mpsc};
use std::thread;

use rustix::process::Signal;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, Stream};
use serde_json::json;
use tempfile::TempDir;

use crate::ledger::Ledger;
use crate::postgres_is_there;
use crate::support::PATIENCE;
use crate::support::postgres::Cluster;
use crate::support::receiver::Gate;
use crate::support::server::Launch;

/// What came over a connection, by the order in which they were opened.
type Heard = (usize, String);

/// A receiver behind TLS that greets the first who connects only when the gate is open.
fn slow_to_greet(certificate: &Path, gate: &Gate) -> (SocketAddr, mpsc::Receiver<Heard>) {
    let key = rcgen::KeyPair::generate().expect("a key");
    let parameters = rcgen::CertificateParams::new(["127.0.0.1".to_owned()]).expect("an address");
    let pem = parameters.self_signed(&key).expect("a certificate").pem();
    std::fs::write(certificate, &pem).expect("a writable folder");
    let chain = vec![CertificateDer::from_pem_slice(pem.as_bytes()).expect("a certificate")];
    let key = PrivateKeyDer::from_pem_slice(key.serialize_pem().as_bytes()).expect("a key");
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let config = config.expect("its own versions").with_no_client_auth().with_single_cert(chain, key);
    let config = Arc::new(config.expect("they belong together"));
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("a bound listener has an address");
    let (tell, heard) = mpsc::channel();
    let gate = gate.clone();
    thread::spawn(move || {
        for (number, stream) in listener.incoming().map_while(Result::ok).enumerate() {
            let (config, tell, gate) = (config.clone(), tell.clone(), gate.clone());
            thread::spawn(move || {
                // The test is told that somebody is there, and then what came.
                tell.send((number, String::new())).ok();
                if number == 0 {
                    gate.pass();
                }
                tell.send((number, hear(config, &stream))).ok();
            });
        }
    });
    (address, heard)
}

/// Takes one request, if one comes.
fn hear(config: Arc<ServerConfig>, mut stream: &TcpStream) -> String {
    let mut connection = ServerConnection::new(config).expect("a good configuration");
    let mut line = Stream::new(&mut connection, &mut stream);
    let (mut text, mut piece) = (String::new(), [0; 1_024]);
    while !text.contains("\r\n\r\n")
        && let Ok(length @ 1..) = line.read(&mut piece)
    {
        text.push_str(&String::from_utf8_lossy(&piece[..length]));
    }
    // Who did not ask needs no answer.
    line.write_all(b"HTTP/1.1 204 Taken\r\nconnection: close\r\n\r\n").ok();
    text
}

#[test]
fn nothing_is_written_to_a_connection_that_opens_after_the_lease_has_ended() {
    if !postgres_is_there() {
        return;
    }
    let (folder, cluster, gate) = (TempDir::new().expect("a temporary folder"), Cluster::start(""), Gate::default());
    let certificate = folder.path().join("certificate.pem");
    let (address, heard) = slow_to_greet(&certificate, &gate);
    let next = |wanted: fn(&Heard) -> bool| {
        std::iter::repeat_with(|| heard.recv_timeout(PATIENCE).expect("somebody connects"))
            .find(wanted)
            .expect("endless")
    };
    let launch = |name: &str| -> Launch {
        let launch = Ledger::launch(&folder.path().join(name)).with("CORNET_DATABASE_URL", &cluster.url());
        let launch = launch.with("CORNET_MASTER_KEY", &format!("{}=", "A".repeat(43))).with("CORNET_LEASE", "1s");
        launch.with("SSL_CERT_FILE", certificate.to_str().expect("UTF-8"))
    };
    let (here, there) = (launch("here").start(), launch("there").start());
    let endpoint = json!({"url": format!("https://{address}/hook")});
    here.client().post("/api/v1/app/default/endpoint", &endpoint).expect_status(201);
    let message = json!({"eventType": "fault.test", "payload": {}});
    there.client().post("/api/v1/app/default/msg", &message).expect_status(202);
    next(|(number, _)| *number == 0);
    there.signal(Signal::STOP);
    // The other takes it over, and sends it.
    let (_, request) = next(|(number, request)| *number > 0 && !request.is_empty());
    assert!(request.starts_with("POST /hook "), "{request}");
    gate.open();
    there.signal(Signal::CONT);
    let (_, request) = next(|(number, _)| *number == 0);
    assert_eq!(request, "", "it was written after the lease had ended");
}
