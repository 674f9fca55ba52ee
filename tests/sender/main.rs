//! The sender against receivers that do everything wrong (THREATS parts B, C and D), over loopback and without sleeps.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod noise;
mod phases;
mod support;
mod tls;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use cornet::clock::SystemClock;
use cornet::domain::attempt::{AttemptErrorCode as Code, KEPT_BODY_BYTES_MAX, Kept};
use cornet::domain::target::TargetPolicy;
use cornet::engine::sender::{HttpSender, SenderSettings};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;

use crate::support::*;

#[tokio::test]
async fn a_request_says_what_it_must_and_no_more() {
    let (request_sender, mut requests) = tokio::sync::mpsc::unbounded_channel();
    let receiver = Receiver::start(move |mut stream| {
        let requests = request_sender.clone();
        async move {
            requests.send(read_request(&mut stream).await.unwrap()).unwrap();
            stream.write_all(OK).await.unwrap();
        }
    })
    .await;
    let report = send(&sender(), &receiver.url()).await;
    assert_eq!(report.remote_address, Some([127, 0, 0, 1].into()));
    let answer = report.result.unwrap();
    assert_eq!((answer.status, answer.body.as_slice(), answer.kept), (200, b"ok".as_slice(), Kept::Whole));
    assert_eq!(answer.headers, [("content-length".to_owned(), "2".to_owned())]);
    let request = requests.recv().await.unwrap();
    let (head, body) = request.split_once("\r\n\r\n").unwrap();
    let mut lines: Vec<&str> = head.lines().collect();
    assert_eq!(lines.remove(0), "POST /hook?a=1 HTTP/1.1");
    lines.sort();
    let host = format!("host: {}", receiver.address);
    assert_eq!(lines, ["content-length: 10", &host, "user-agent: Cornet/0.1.0"]);
    assert_eq!(body, "{\"a\":40.0}");
}

#[tokio::test]
async fn a_connection_is_used_again() {
    let receiver = Receiver::answering(OK).await;
    let sender = sender();
    for _ in 0..20 {
        assert_eq!(answer(&sender, &receiver.url()).await.status, 200);
    }
    assert_eq!(receiver.connections(), 1);
}

#[tokio::test]
async fn a_connection_that_the_server_closes_is_replaced() {
    let answer_and_close = "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";
    let receiver = Receiver::start(move |mut stream| async move {
        read_request(&mut stream).await;
        stream.write_all(answer_and_close.as_bytes()).await.unwrap();
    })
    .await;
    let sender = sender();
    for sent in 1..=5 {
        assert_eq!(answer(&sender, &receiver.url()).await.status, 200);
        assert_eq!(receiver.connections(), sent);
    }
}

#[tokio::test]
async fn a_request_that_left_is_never_sent_twice() {
    let requests = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&requests);
    let receiver = Receiver::start(move |mut stream| {
        let counter = Arc::clone(&counter);
        async move {
            // The first request is answered; the second, on the same connection, is read and dropped.
            while read_request(&mut stream).await.is_some() {
                if counter.fetch_add(1, Ordering::SeqCst) > 0 {
                    break;
                }
                stream.write_all(OK).await.unwrap();
            }
        }
    })
    .await;
    let sender = sender();
    assert_eq!(answer(&sender, &receiver.url()).await.status, 200);
    tokio::task::yield_now().await;
    assert_eq!(failure(&sender, &receiver.url()).await, Code::ConnectionClosed); // C21
    assert_eq!((requests.load(Ordering::SeqCst), receiver.connections()), (2, 1));
}

#[tokio::test]
async fn a_redirect_is_an_answer_and_is_not_followed() {
    let canary = Receiver::answering(OK).await;
    for status in [301, 302, 303, 307, 308] {
        let location = canary.url();
        let text = format!("HTTP/1.1 {status} Moved\r\nlocation: {location}\r\ncontent-length: 0\r\n\r\n");
        let receiver = Receiver::answering(text).await;
        let answer = answer(&sender(), &receiver.url()).await; // C01
        assert_eq!(answer.status, status);
        assert_eq!(answer.headers[0], ("location".to_owned(), location));
    }
    assert_eq!(canary.connections(), 0);
}

#[tokio::test]
async fn every_status_is_reported_as_it_is() {
    for (status, rest) in [(204, "\r\n"), (304, "\r\n"), (410, "content-length: 0\r\n\r\n"), (101, "\r\n")] {
        let receiver = Receiver::answering(format!("HTTP/1.1 {status} X\r\n{rest}")).await;
        assert_eq!(answer(&sender(), &receiver.url()).await.status, status); // C02, C15
    }
    let busy = "HTTP/1.1 503 Busy\r\nretry-after: 120\r\ncontent-length: 0\r\n\r\n";
    let receiver = Receiver::answering(busy).await;
    assert_eq!(answer(&sender(), &receiver.url()).await.retry_after.as_deref(), Some("120"));
    let long = format!("HTTP/1.1 503 Busy\r\nretry-after: {}\r\ncontent-length: 0\r\n\r\n", "1".repeat(1000));
    let receiver = Receiver::answering(long).await;
    assert_eq!(answer(&sender(), &receiver.url()).await.retry_after, None); // C17
}

#[tokio::test]
async fn a_packed_body_stays_packed() {
    let garbage = b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 4\r\n\r\n\xff\0no".to_vec();
    let receiver = Receiver::answering(garbage).await;
    let answer = answer(&sender(), &receiver.url()).await; // C09, C10
    assert_eq!((answer.status, answer.body.as_slice()), (200, b"\xff\0no".as_slice()));
}

#[tokio::test]
async fn a_huge_body_is_cut_and_its_connection_dropped() {
    let (ended_sender, mut ended) = tokio::sync::mpsc::unbounded_channel();
    let receiver = Receiver::start(move |mut stream| {
        let ended = ended_sender.clone();
        async move {
            read_request(&mut stream).await;
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 10000000000\r\n\r\n").await.unwrap();
            write_for_ever(&mut stream, &[b'x'; 4096]).await;
            ended.send(()).unwrap();
        }
    })
    .await;
    let answer = answer(&sender(), &receiver.url()).await; // C03
    assert_eq!((answer.status, answer.body.len(), answer.kept), (200, KEPT_BODY_BYTES_MAX, Kept::Start));
    ended.recv().await.unwrap();
}

#[tokio::test]
async fn a_longer_body_than_is_kept_does_not_cost_the_connection() {
    let length = KEPT_BODY_BYTES_MAX + 1;
    let mut text = format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n").into_bytes();
    text.resize(text.len() + length, b'x');
    let receiver = Receiver::answering(text).await;
    let sender = sender();
    for _ in 0..3 {
        let answer = answer(&sender, &receiver.url()).await;
        assert_eq!((answer.body.len(), answer.kept), (KEPT_BODY_BYTES_MAX, Kept::Start));
        tokio::task::yield_now().await;
    }
    assert_eq!(receiver.connections(), 1);
}

#[tokio::test]
async fn a_body_that_stops_does_not_spoil_success() {
    const START: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nstart";
    let hanging = Receiver::start(|mut stream| async move {
        read_request(&mut stream).await;
        stream.write_all(START).await.unwrap();
        wait_for_end(&mut stream).await;
    })
    .await;
    let closing = Receiver::start(|mut stream| async move {
        read_request(&mut stream).await;
        stream.write_all(START).await.unwrap();
    })
    .await;
    for receiver in [hanging, closing] {
        let answer = answer(&sender(), &receiver.url()).await; // C04, C06
        assert_eq!((answer.status, answer.body.as_slice(), answer.kept), (200, b"start".as_slice(), Kept::Start));
    }
}

#[tokio::test]
async fn the_deadline_ends_whatever_never_ends() {
    let hanging = Receiver::start(|mut stream| async move { wait_for_end(&mut stream).await }).await;
    let dripping = Receiver::start(|mut stream| async move {
        read_request(&mut stream).await;
        stream.write_all(b"HTTP/1.1 200 OK\r\nx-drip: ").await.unwrap();
        let mut drops = tokio::time::interval(Duration::from_millis(20));
        while stream.write_all(b"a").await.is_ok() {
            drops.tick().await;
        }
    })
    .await;
    let continuing = Receiver::start(|mut stream| async move {
        read_request(&mut stream).await;
        write_for_ever(&mut stream, b"HTTP/1.1 103 Early Hints\r\n\r\n").await;
    })
    .await;
    let settings = SenderSettings { deadline: SHORT, ..settings() };
    let sender = sender_with(settings, loopback(), FixedResolver::default());
    assert_eq!(failure(&sender, &continuing.url()).await, Code::ResponseHeadTooLarge); // C08
    for receiver in [hanging, dripping] {
        let report = send(&sender, &receiver.url()).await; // C05, C06
        assert_eq!(report.result.unwrap_err().code, Code::Timeout);
        assert_eq!(report.remote_address, Some([127, 0, 0, 1].into()));
        assert!(report.duration_ms >= 290 && report.duration_ms < 5_000, "{} ms", report.duration_ms);
    }
}

#[tokio::test]
async fn a_connection_that_ends_early_says_how() {
    let closing = Receiver::start(|mut stream| async move { drop(read_request(&mut stream).await) }).await;
    assert_eq!(failure(&sender(), &closing.url()).await, Code::ConnectionClosed); // C06
    let half_closing = Receiver::start(|mut stream| async move {
        stream.shutdown().await.unwrap();
        wait_for_end(&mut stream).await;
    })
    .await;
    assert_eq!(failure(&sender(), &half_closing.url()).await, Code::ConnectionClosed);
    let stopping = Receiver::start(|mut stream| async move {
        read_request(&mut stream).await;
        stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").await.unwrap();
    })
    .await;
    assert_eq!(failure(&sender(), &stopping.url()).await, Code::ConnectionClosed);
    let resetting = Receiver::start(|mut stream| async move {
        read_request(&mut stream).await;
        stream.write_all(b"HTTP/1.1 200 OK\r\nx-half").await.unwrap();
        stream.set_zero_linger().unwrap();
    })
    .await;
    assert_eq!(failure(&sender(), &resetting.url()).await, Code::ConnectionReset);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let gone = format!("http://{}/", listener.local_addr().unwrap());
    drop(listener);
    assert_eq!(failure(&sender(), &gone).await, Code::ConnectRefused);
}

#[tokio::test]
async fn an_answer_that_is_too_much_or_not_http_is_refused() {
    let many: String = (0..10_000).map(|number| format!("x-{number}: 1\r\n")).collect();
    let one_too_many: String = (0..101).map(|number| format!("x-{number}: 1\r\n")).collect();
    let long = format!("x: {}\r\n", "a".repeat(1_000_000));
    for headers in [many, one_too_many, long] {
        let receiver = Receiver::answering(format!("HTTP/1.1 200 OK\r\n{headers}\r\n")).await; // C07
        assert_eq!(failure(&sender(), &receiver.url()).await, Code::ResponseHeadTooLarge);
    }
    for text in ["SSH-2.0-OpenSSH_9.9\r\n\r\n", "HTTP/1.1 2x0 OK\r\n\r\n", "HTTP/2.0 200 OK\r\n\r\n"] {
        let receiver = Receiver::answering(text).await;
        assert_eq!(failure(&sender(), &receiver.url()).await, Code::ResponseInvalid, "{text}");
    }
    let chunk = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nfffffffffffffffffff\r\n";
    let receiver = Receiver::answering(chunk).await;
    assert_eq!(answer(&sender(), &receiver.url()).await.kept, Kept::Start); // C11
}

#[tokio::test]
async fn bytes_left_over_do_not_become_the_next_answer() {
    let receiver = Receiver::answering([OK, b"HTTP/1.1 500 Forged\r\ncontent-length: 0\r\n\r\n"].concat()).await;
    let sender = sender();
    for _ in 0..5 {
        let report = send(&sender, &receiver.url()).await; // C13
        assert!(report.result.is_ok_and(|answer| answer.status == 200));
    }
}

#[tokio::test]
async fn a_forbidden_target_is_never_connected_to() {
    let canary = Receiver::answering(OK).await;
    let port = canary.address.port();
    let resolver = FixedResolver::default()
        .with("inside.example.com", &[&["127.0.0.1"]])
        .with("mixed.example.com", &[&["93.184.216.34", "127.0.0.1"]])
        .with("both.example.com", &[&["93.184.216.34", "::1"]]);
    let sender = sender_with(settings(), TargetPolicy::public_only(), resolver);
    let literals = ["127.0.0.1", "127.1", "0x7f000001", "[::ffff:127.0.0.1]", "0.0.0.0", "localhost", "a.localhost"];
    let names = ["inside.example.com", "mixed.example.com", "both.example.com"]; // B02, B03
    let mut details = Vec::new();
    for host in literals.into_iter().chain(names) {
        let report = send(&sender, &format!("http://{host}:{port}/")).await;
        let error = report.result.unwrap_err();
        assert_eq!((error.code, report.remote_address), (Code::TargetForbidden, None), "{host}");
        details.push(error.detail);
    }
    details.dedup();
    assert_eq!(details.len(), 1, "C27: {details:?}");
    assert_eq!(canary.connections(), 0);
}

#[tokio::test]
async fn a_name_is_looked_up_once_per_connection_and_judged_each_time() {
    let receiver = Receiver::answering("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 0\r\n\r\n").await;
    let policy = TargetPolicy::allowing("127.0.0.1/32").unwrap();
    let resolver = FixedResolver::default().with("a.example.com", &[&["127.0.0.1"], &["127.0.0.2"]]);
    let sender = sender_with(settings(), policy, resolver);
    let url = format!("http://a.example.com:{}/", receiver.address.port());
    assert_eq!(answer(&sender, &url).await.status, 200); // B01
    assert_eq!(failure(&sender, &url).await, Code::TargetForbidden);
    assert_eq!(receiver.connections(), 1);
    assert_eq!(failure(&sender, "http://missing.example.com/").await, Code::DnsError); // B07
}

#[tokio::test]
async fn the_next_address_is_tried_when_one_refuses() {
    let receiver = Receiver::answering(OK).await;
    let resolver = FixedResolver::default().with("a.example.com", &[&["127.0.0.9", "127.0.0.1"]]);
    let sender = sender_with(settings(), loopback(), resolver);
    let report = send(&sender, &format!("http://a.example.com:{}/", receiver.address.port())).await;
    assert_eq!(report.remote_address, Some([127, 0, 0, 1].into()));
    assert_eq!(report.result.unwrap().status, 200);
}

#[tokio::test]
async fn the_machine_finds_itself() {
    let receiver = Receiver::answering(OK).await;
    let sender = HttpSender::new(settings(), loopback(), Arc::new(SystemClock::default())).unwrap();
    let url = format!("http://localhost:{}/", receiver.address.port());
    assert_eq!(answer(&sender, &url).await.status, 200);
}
