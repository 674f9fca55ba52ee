//! Answers that nobody thought of: good ones with bytes changed, doubled and left out by seeded chance. Whatever comes, an
//! attempt ends in time and in words.

use std::sync::{Arc, Mutex};

use cornet::domain::attempt::{KEPT_BODY_BYTES_MAX, KEPT_HEADER_BYTES_MAX};
use cornet::engine::sender::SenderSettings;
use tokio::io::AsyncWriteExt;

use crate::support::*;

/// How many answers are tried.
const ANSWERS: u64 = 600;

const GOOD: [&[u8]; 5] = [
    b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\ncontent-type: text/plain\r\n\r\nhello",
    b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nx-trailer: 1\r\n\r\n",
    b"HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n",
    b"HTTP/1.1 503 Busy\r\nretry-after: Fri, 31 Dec 1999 23:59:59 GMT\r\nconnection: close\r\n\r\nlater",
    b"HTTP/1.0 302 Found\r\nlocation: http://127.0.0.1/\r\nset-cookie: a=b\r\n\r\n",
];

/// Bytes that parsers look at.
const TELLING: &[u8] = b"\r\n :;,-0123456789\t\0\xff/HTPax";

/// A good answer with up to eight faults.
fn noisy(random: &mut fastrand::Rng) -> Vec<u8> {
    let mut answer = GOOD[random.usize(..GOOD.len())].to_vec();
    for _ in 0..random.u8(1..=8) {
        let at = random.usize(..answer.len());
        match random.u8(..4) {
            0 => answer[at] = TELLING[random.usize(..TELLING.len())],
            1 => answer.insert(at, TELLING[random.usize(..TELLING.len())]),
            2 => drop(answer.remove(at)),
            _ => {
                let piece = answer[at..].to_vec();
                answer.extend_from_slice(&piece);
            }
        }
        answer.truncate(16 * 1024);
        if answer.is_empty() {
            answer.push(b'H');
        }
    }
    answer
}

#[tokio::test]
async fn no_answer_does_more_than_fail() {
    let next = Arc::new(Mutex::new(Vec::new()));
    let answers = next.clone();
    let receiver = Receiver::start(move |mut stream| {
        let answers = answers.clone();
        async move {
            read_request(&mut stream).await;
            let answer: Vec<u8> = answers.lock().unwrap().clone();
            // The sender may have had enough before the end.
            stream.write_all(&answer).await.ok();
        }
    })
    .await;
    let settings = SenderSettings { deadline: LONG, ..settings() };
    let sender = sender_with(settings, loopback(), FixedResolver::default());
    for seed in 0..ANSWERS {
        let noise = noisy(&mut fastrand::Rng::with_seed(seed));
        next.lock().unwrap().clone_from(&noise);
        let report = send(&sender, &receiver.url()).await;
        let shown = String::from_utf8_lossy(&noise).into_owned();
        assert!(report.duration_ms < 5_000, "seed {seed}: {} ms for {shown:?}", report.duration_ms);
        match report.result {
            Ok(answer) => {
                let headers: usize = answer.headers.iter().map(|(name, value)| name.len() + value.len()).sum();
                assert!((100..1000).contains(&answer.status), "seed {seed}: {shown:?}");
                // What is not UTF-8 takes three bytes where it took one.
                assert!(answer.body.len() <= KEPT_BODY_BYTES_MAX && headers <= 3 * KEPT_HEADER_BYTES_MAX);
            }
            Err(error) => assert!(!error.detail.is_empty(), "seed {seed}: {shown:?}"),
        }
    }
}
