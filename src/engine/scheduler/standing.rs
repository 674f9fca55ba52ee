//! How an endpoint has answered last, and what share of the places and of the memory that gives it. It does not know what is
//! held.

use std::time::Duration;

/// Who takes a message, but only after so long, is slow.
const SLOW: Duration = Duration::from_secs(1);

/// How an endpoint has answered last. Each standing has its own turn, and those that may take long have only a share of the
/// places and of the memory, so that healthy endpoints do not notice them: a fifth is left to those whatever happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It took the last message, and soon: it may have every place.
    Healthy,
    /// It has not answered since the start: together two fifths of the places. Who is asked for the first time may have any of
    /// them, and a further request before that has been answered only one of the first half: otherwise those that hang hold
    /// all of them four times over, and a healthy one is asked late.
    Unknown,
    /// It took the last message after a second or more, and holds its places as long: together a fifth of them. Without that,
    /// 333 endpoints that took 5 s held all of them, and one that answered at once got a message in two seconds.
    Slow,
    /// It did not take the last message: together a fifth of the places.
    Failing,
}

impl Standing {
    pub(super) const ALL: [Self; 4] = [Self::Healthy, Self::Unknown, Self::Slow, Self::Failing];

    /// That of an endpoint that took a message after so long.
    pub(super) fn after(took: Duration) -> Self {
        if took < SLOW { Self::Healthy } else { Self::Slow }
    }

    const fn share_of(self, all: usize) -> usize {
        match self {
            Self::Healthy => all,
            Self::Unknown => (all * 2).div_ceil(5),
            Self::Slow | Self::Failing => all.div_ceil(5),
        }
    }
}

/// How much of something is held for endpoints of each standing.
#[derive(Default)]
pub(super) struct Held([usize; Standing::ALL.len()]);

impl Held {
    pub(super) fn all(&self) -> usize {
        self.0.iter().sum()
    }

    /// Both together.
    pub(super) fn plus(&self, other: &Self) -> Self {
        Self(std::array::from_fn(|standing| self.0[standing] + other.0[standing]))
    }

    pub(super) fn add(&mut self, standing: Standing, amount: usize) {
        self.0[standing as usize] += amount;
    }

    pub(super) fn release(&mut self, standing: Standing, amount: usize) {
        self.0[standing as usize] -= amount;
    }

    /// Whether so much more may be held for a standing, where all may hold at most `most`.
    pub(super) fn has_room(&self, standing: Standing, more: usize, most: usize) -> bool {
        self.all() + more <= most && self.0[standing as usize] + more <= standing.share_of(most)
    }

    /// Whether there is a place for a further request to somebody who has not answered the first.
    pub(super) fn has_room_for_further(&self, standing: Standing, most: usize) -> bool {
        self.0[standing as usize] < standing.share_of(most).div_ceil(2)
    }
}
