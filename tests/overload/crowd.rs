//! Ten thousand clients at once that hardly say anything: nothing, a head byte by byte, or a body byte by byte. Whoever of
//! them is sent away comes again.

use std::io::{ErrorKind, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use rustix::process::{Resource, getrlimit};
use serde_json::json;

use crate::support::scene::Scene;
use crate::support::{PATIENCE, instant};
use crate::{application, health, machine, post, received_once, rounds};

/// As many as an installation must carry.
const CLIENTS: usize = 10_000;
/// Files that a process has open besides.
const OTHER_FILES: usize = 1_000;
/// How many come in a rush.
const AT_A_TIME: usize = 1_000;
/// What one of them may cost: the task that waits for it, and its buffers while it says something; in a debug build, where all
/// of that is larger.
const CLIENT_KIB_MAX: u64 = 48;
/// How long the slow ones wait from one byte to the next.
const BETWEEN_BYTES: Duration = Duration::from_secs(1);

/// A client that says what it has to say byte by byte, and then nothing more.
struct Slow {
    stream: TcpStream,
    says: usize,
    said: usize,
}

/// The slow clients, and what they say.
struct Crowd {
    address: SocketAddr,
    sayings: [Vec<u8>; 3],
    clients: Vec<Slow>,
    came_again: usize,
}

impl Crowd {
    fn connect(address: SocketAddr) -> TcpStream {
        let stream = TcpStream::connect_timeout(&address, PATIENCE).expect("the server takes everybody in");
        stream.set_nonblocking(true).expect("a socket can wait elsewhere");
        stream
    }

    fn gather(scene: &Scene, count: usize) -> Self {
        let head = scene.client.head("POST", "/api/v1/app/default/msg");
        let head_alone = format!("{head}x-slow: {}", "a".repeat(1_000));
        let body = format!("{head}content-type: application/json\r\ncontent-length: 1000000\r\n\r\n{{");
        let sayings = [String::new(), head_alone, body + &" ".repeat(1_000)].map(String::into_bytes);
        let address = scene.server.address();
        let slow = |number: usize| {
            if number.is_multiple_of(AT_A_TIME) {
                // Who is answered has come in after all before: the machine keeps no more than so many waiting at the door.
                health(&scene.client);
            }
            Slow { stream: Self::connect(address), says: number % 3, said: 0 }
        };
        Self { address, clients: (0..count).map(slow).collect(), sayings, came_again: 0 }
    }

    /// Everybody says the next byte; those who were in the middle of a body say its head first, or it would be no body.
    fn say(&mut self) {
        for slow in &mut self.clients {
            let saying = &self.sayings[slow.says];
            let whole_head = slow.says == 2 && slow.said == 0;
            let upto = if whole_head { saying.len() - 1_000 } else { (slow.said + 1).min(saying.len()) };
            let gone = match slow.stream.write(&saying[slow.said..upto]) {
                Ok(count) => {
                    slow.said += count;
                    // One that says nothing learns by reading that it was sent away.
                    slow.says == 0 && slow.stream.peek(&mut [0]).is_ok()
                }
                Err(error) => error.kind() != ErrorKind::WouldBlock,
            };
            if gone {
                *slow = Slow { stream: Self::connect(self.address), says: slow.says, said: 0 };
                self.came_again += 1;
            }
        }
    }

    /// Goes on until it is stopped; says how often one came again.
    fn go_on(mut self, stopped: Receiver<()>) -> JoinHandle<usize> {
        std::thread::spawn(move || {
            loop {
                self.say();
                match stopped.recv_timeout(BETWEEN_BYTES) {
                    Err(RecvTimeoutError::Timeout) => {}
                    _ => return self.came_again,
                }
            }
        })
    }
}

/// THREATS F01 to F05, L07.
#[test]
fn ten_thousand_slow_clients_keep_nobody_out() {
    let _machine = machine();
    let files =
        getrlimit(Resource::Nofile).current.map_or(usize::MAX, |files| usize::try_from(files).unwrap_or(usize::MAX));
    // Where fewer files may be open than that takes, as many as may be.
    let places = CLIENTS.min(files / 2);
    let clients = (places + places / 20).min(files - OTHER_FILES);
    let scene = Scene::with(|launch| launch.with("CORNET_CONNECTIONS_MAX", &places.to_string()));
    application(&scene, "quiet");
    let (before_kib, began) = (scene.server.resident_kib(), instant());
    let crowd = Crowd::gather(&scene, clients);
    let (stop, stopped): (Sender<()>, _) = channel();
    let talking = crowd.go_on(stopped);
    let (mut ids, mut turned_away, mut slowest) = (Vec::new(), 0, Duration::ZERO);
    for number in 0..30 * rounds(10) {
        slowest = slowest.max(health(&scene.client));
        let (id, times) = post(&scene.client, "quiet", &json!({"number": number}));
        ids.push(id);
        turned_away += times;
    }
    received_once(&scene.receiver, "/quiet", &ids);
    let peak_kib = scene.server.peak_kib();
    drop(stop);
    let came_again = talking.join().expect("the crowd goes on");
    eprintln!(
        "{clients} slow clients for {places} places, {came_again} came again: {} KiB more each, {turned_away} posts \
         turned away, health answered within {slowest:?}, {:?}",
        peak_kib.saturating_sub(before_kib) / clients as u64,
        began.elapsed()
    );
    assert!(
        peak_kib < before_kib + clients as u64 * CLIENT_KIB_MAX,
        "from {before_kib} to {peak_kib} KiB for {clients} clients"
    );
}
