//! The receivers of the simulated world: each draws how it answers from the world's seed, and enters what arrives
//! into the ledger.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use cornet::clock::{Clock, ManualClock};
use cornet::domain::attempt::{Answer, AttemptError, AttemptErrorCode, AttemptReport};
use cornet::domain::time::Timestamp;
use cornet::engine::sender::{MayWrite, OutgoingRequest, Sender};

use crate::ledger::Arrival;

/// How a receiver behaves.
#[derive(Clone, Copy, Debug)]
pub enum Manners {
    /// Takes everything, within 200 ms.
    Good,
    /// Takes a message with this probability in percent, and answers 500, 503 with Retry-After, a redirect, a timeout
    /// or a refused connection otherwise.
    Moody(u32),
    /// Never takes anything.
    Dead,
    /// Takes nothing until then, and everything afterwards.
    DownUntil(Timestamp),
    /// Takes this many messages and then says that it is gone for good.
    Leaving(u32),
}

impl Manners {
    pub fn draw(random: &mut fastrand::Rng) -> Self {
        match random.u32(0..10) {
            0..4 => Self::Good,
            4..8 => Self::Moody(random.u32(20..90)),
            8 => Self::Dead,
            _ => Self::Leaving(random.u32(1..6)),
        }
    }
}

/// All receivers, by the port in their URL.
#[derive(Clone)]
pub struct Receivers {
    clock: Arc<ManualClock>,
    inside: Arc<Mutex<Inside>>,
}

struct Inside {
    random: fastrand::Rng,
    manners: HashMap<u16, Manners>,
    arrivals: Vec<Arrival>,
}

impl Receivers {
    pub fn new(random: fastrand::Rng, clock: Arc<ManualClock>) -> Self {
        let inside = Inside { random, manners: HashMap::new(), arrivals: Vec::new() };
        Self { clock, inside: Arc::new(Mutex::new(inside)) }
    }

    /// A receiver with `manners` listens on `port`.
    pub fn listen(&self, port: u16, manners: Manners) {
        self.inside.lock().unwrap().manners.insert(port, manners);
    }

    /// What has arrived since the last time.
    pub fn take_arrivals(&self) -> Vec<Arrival> {
        std::mem::take(&mut self.inside.lock().unwrap().arrivals)
    }
}

fn answer(status: u16, retry_after: Option<&str>) -> Result<Answer, AttemptError> {
    Ok(Answer { status, retry_after: retry_after.map(str::to_owned), ..Answer::default() })
}

impl Inside {
    fn react(&mut self, port: u16, now: Timestamp) -> (Duration, Result<Answer, AttemptError>) {
        let manners = self.manners.get(&port).copied().unwrap_or(Manners::Dead);
        let quick = Duration::from_millis(self.random.u64(1..200));
        let good = match manners {
            Manners::Good => true,
            Manners::Moody(percent) => self.random.u32(0..100) < percent,
            Manners::Dead => false,
            Manners::DownUntil(back) if now < back => return (quick, answer(503, None)),
            Manners::DownUntil(_) => true,
            Manners::Leaving(0) => return (quick, answer(410, None)),
            Manners::Leaving(left) => {
                self.manners.insert(port, Manners::Leaving(left - 1));
                true
            }
        };
        if good {
            return (quick, answer([200, 201, 204, 226][self.random.usize(0..4)], None));
        }
        match self.random.u32(0..5) {
            0 => (quick, answer(500, None)),
            1 => (quick, answer(503, Some("90"))),
            2 => (quick, answer(302, None)),
            3 => (Duration::from_secs(15), Err(AttemptError::new(AttemptErrorCode::Timeout, "no answer"))),
            _ => (quick, Err(AttemptError::new(AttemptErrorCode::ConnectRefused, "refused"))),
        }
    }
}

impl Sender for Receivers {
    /// Answers at once; the world lets the duration pass before the report is looked at.
    async fn send(&self, request: OutgoingRequest, _: MayWrite<'_>) -> Option<AttemptReport> {
        let header = |name: &str| request.headers[name].to_str().unwrap().to_owned();
        let mut inside = self.inside.lock().unwrap();
        let port = request.target.port();
        let (duration, result) = inside.react(port, self.clock.now());
        inside.arrivals.push(Arrival {
            at: self.clock.now(),
            port,
            webhook_id: header("webhook-id"),
            signed: header("webhook-signature").starts_with("v1,"),
            body: request.body.to_vec(),
            taken: matches!(&result, Ok(answer) if (200..300).contains(&answer.status)),
            until: self.clock.now().plus(duration),
        });
        Some(AttemptReport { duration_ms: duration.as_millis() as u64, remote_address: None, phases: None, result })
    }
}
