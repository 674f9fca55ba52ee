//! How this node lives among the others that share a server. A thread with a connection of its own renews the lease, hears
//! what the others tell, and takes over what nodes leave behind. While that connection is lost, nothing is remembered for
//! longer than a look takes, and the lease runs out. It does not know what is sent to whom.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::{Notify, mpsc};

use super::GREATEST_ID;
use super::committer::Notice;
use super::connection::Connection;
use super::database::Seat;
use super::error::StoreError;
use super::happenings::Happenings;
use super::lease::Lease;
use super::memory::Memory;
use super::news::News;
use super::nodes::{self, Membership};
use crate::clock::{Clock, SystemClock};
use crate::domain::id::IdGenerator;
use crate::telemetry::Metrics;

/// A lease is renewed so many times in its length, and ends by the node's own clock by one such part sooner than by the
/// server's.
const PARTS: u32 = 5;
/// How often it is looked for what others have left behind, at most.
const LOOK: Duration = Duration::from_secs(1);
/// How often everything that waits of this node's is looked at, in case anything was missed.
const LOOK_AT_ALL: Duration = Duration::from_secs(60);
/// The rest after the server could not be asked.
const REST: Duration = Duration::from_millis(250);

/// What a member needs of the store.
pub(super) struct Parts {
    pub(super) seat: Seat,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) lease: Arc<Lease>,
    pub(super) ids: Arc<IdGenerator>,
    pub(super) memory: Memory,
    pub(super) happenings: Happenings,
    pub(super) feed: mpsc::UnboundedSender<Notice>,
    pub(super) metrics: Arc<Metrics>,
}

/// How the thread is asked to end.
#[derive(Default)]
struct Ending {
    asked: AtomicBool,
    /// Without a word: as if the process had been killed.
    silently: AtomicBool,
    rings: Notify,
}

/// The way to the thread.
pub(super) struct Member {
    ending: Arc<Ending>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Member {
    /// Joins the nodes, and lives among them from here on.
    pub(super) fn start(connection: Connection, parts: Parts) -> Result<Self, StoreError> {
        let ending = Arc::new(Ending::default());
        let mut living = Living::join(connection, parts, ending.clone())?;
        let thread = std::thread::Builder::new().name("member".to_owned()).spawn(move || living.live())?;
        Ok(Self { ending, thread: Mutex::new(Some(thread)) })
    }

    /// Leaves the nodes: what this one has is there for the others.
    pub(super) fn leave(&self) {
        self.ending.asked.store(true, Ordering::SeqCst);
        self.ending.rings.notify_one();
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread {
            thread.thread().unpark();
            if thread.join().is_err() {
                tracing::error!("the member ended badly");
            }
        }
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        self.ending.silently.store(true, Ordering::SeqCst);
        self.leave();
    }
}

/// One node among others, as its thread sees it.
struct Living {
    connection: Connection,
    parts: Parts,
    membership: Membership,
    ending: Arc<Ending>,
    /// How often the connection had been opened when everything was looked at last.
    opened: usize,
    renew_at: Duration,
    look_at: Duration,
    look_at_all_at: Duration,
    /// Before then nobody is taken for dead: this node could not renew its own lease, so others may not have been able to.
    lenient_until: Duration,
}

/// The machine's own monotonic time, also where a test stands the clock still: the server's passes all the same.
fn time() -> Duration {
    SystemClock::default().monotonic()
}

/// Joins the nodes and has the lease begin.
fn join(connection: &Connection, parts: &Parts, dead: Option<Membership>) -> Result<Membership, StoreError> {
    let asked = parts.clock.monotonic();
    let membership = nodes::join(connection, &parts.seat, dead)?;
    let greatest = connection.first(GREATEST_ID, &[], |row| row.integer(0))?.unwrap_or_default();
    parts.ids.go_on_after(greatest, membership.number);
    parts.lease.begin(membership.epoch, asked + held(&parts.seat));
    tracing::info!(number = membership.number, epoch = membership.epoch.0, "joined the nodes of this database");
    Ok(membership)
}

/// For how long after it was asked for a lease holds by the node's own clock.
fn held(seat: &Seat) -> Duration {
    seat.lease * (PARTS - 1) / PARTS
}

impl Living {
    fn join(connection: Connection, parts: Parts, ending: Arc<Ending>) -> Result<Self, StoreError> {
        let membership = join(&connection, &parts, None)?;
        let now = time();
        let opened = connection.opened();
        Ok(Self {
            connection,
            membership,
            ending,
            opened,
            renew_at: now + parts.seat.lease / PARTS,
            look_at: now,
            // The last transaction of whoever sat here before may have been kept only after it was gone.
            look_at_all_at: now + LOOK * 2,
            lenient_until: now,
            parts,
        })
    }

    fn live(&mut self) {
        let mut in_touch = true;
        while !self.ending.asked.load(Ordering::SeqCst) {
            let round = self.round();
            if let Err(error) = &round
                && in_touch
            {
                tracing::warn!(%error, "cannot keep in touch with the other nodes, trying again and again");
            }
            in_touch = round.is_ok();
            if !in_touch {
                // What they change meanwhile is not heard.
                self.parts.memory.forget_all();
                std::thread::park_timeout(REST);
                self.look_at = time();
            }
        }
        if !self.ending.silently.load(Ordering::SeqCst)
            && let Err(error) = self.leave()
        {
            tracing::warn!(%error, "cannot say that this node leaves; the others notice when its lease has ended");
        }
    }

    /// One time around: what is due is done, and then it is listened until something is.
    fn round(&mut self) -> Result<(), StoreError> {
        if time() >= self.renew_at {
            self.renew()?;
        }
        if time() >= self.look_at {
            self.look()?;
        }
        if self.opened != self.connection.opened() {
            self.opened = self.connection.opened();
            self.look_at_everything();
        }
        let wait = self.renew_at.min(self.look_at).saturating_sub(time());
        let lines = self.connection.hear(wait, &self.ending.rings)?;
        let mut notices = Vec::new();
        for news in lines.iter().filter_map(|line| News::heard(line, self.membership.epoch)) {
            if news == News::Left {
                self.look_at = time();
            }
            if news == News::everything() {
                notices.push(Notice::LookAgain);
            }
            let Parts { memory, happenings, clock, .. } = &self.parts;
            news.take_in(memory, happenings, clock.now(), &mut notices);
        }
        notices.into_iter().for_each(|notice| self.tell(notice));
        Ok(())
    }

    fn tell(&self, notice: Notice) {
        // Nobody listens while the server stops.
        self.parts.feed.send(notice).ok();
    }

    /// Something may have been missed: nothing is remembered, and what waits is looked for.
    fn look_at_everything(&mut self) {
        self.parts.memory.forget_all();
        self.tell(Notice::LookAgain);
    }

    fn renew(&mut self) -> Result<(), StoreError> {
        let asked = self.parts.clock.monotonic();
        let had_run_out = !self.parts.lease.holds();
        if !nodes::renew(&self.connection, self.membership.epoch, &self.parts.seat)? {
            return self.live_anew();
        }
        self.parts.lease.renew(asked + held(&self.parts.seat));
        let now = time();
        if had_run_out {
            tracing::warn!("the lease of this node had run out and holds again");
            self.lenient_until = now + self.parts.seat.lease;
        }
        self.renew_at = now + self.parts.seat.lease / PARTS;
        Ok(())
    }

    /// Others have taken over what this node had: it begins anew with nothing in its hands.
    fn live_anew(&mut self) -> Result<(), StoreError> {
        self.parts.lease.lose();
        tracing::warn!("this node was taken for dead, and begins anew");
        self.parts.metrics.lease_lost();
        self.membership = join(&self.connection, &self.parts, Some(self.membership))?;
        self.tell(Notice::Lost);
        self.look_at_everything();
        self.renew_at = time() + self.parts.seat.lease / PARTS;
        Ok(())
    }

    /// Looks who lives, and takes over what nobody living has.
    fn look(&mut self) -> Result<(), StoreError> {
        let now = time();
        if now >= self.lenient_until {
            for node in nodes::end_others(&self.connection, self.membership.epoch)? {
                tracing::warn!(node, "a node has not been heard of for the length of its lease: it is taken for dead");
            }
        }
        let living = nodes::living(&self.connection)?.len();
        self.parts.lease.live_among(u32::try_from(living).unwrap_or(u32::MAX));
        self.parts.metrics.nodes(living);
        let more = self.parts.lease.holds() && self.take_over()?;
        if self.parts.lease.take_doubt() || now >= self.look_at_all_at {
            self.look_at_all_at = now + LOOK_AT_ALL;
            self.tell(Notice::LookAgain);
        }
        let counted = self.parts.happenings.take_untold();
        if living > 1 && !counted.is_empty() {
            News::Counted(counted).tell(&self.connection, self.membership.epoch)?;
        }
        self.look_at = if more { now } else { now + LOOK.min(self.parts.seat.lease / PARTS) };
        Ok(())
    }

    /// Takes over some of what is left behind; says whether there may be more.
    fn take_over(&mut self) -> Result<bool, StoreError> {
        let mut any = false;
        for gone in nodes::left_behind(&self.connection)? {
            let (taken, endpoints) = nodes::take_over(&self.connection, self.membership.epoch, gone)?;
            if taken > 0 {
                any = true;
                tracing::info!(deliveries = taken, epoch = gone.0, "took over what a node left behind");
                self.parts.metrics.taken_over(taken);
            }
            for (endpoint_id, due) in endpoints {
                self.tell(Notice::Waiting { endpoint_id, due });
            }
        }
        Ok(any)
    }

    fn leave(&self) -> Result<(), StoreError> {
        self.connection.transaction(|connection| {
            nodes::leave(connection, self.membership.epoch)?;
            News::Left.tell(connection, self.membership.epoch)
        })
    }
}
