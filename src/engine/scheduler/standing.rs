//! How an endpoint has answered last, and what share of the places and of the memory that gives it. It does not know what is
//! held.

/// How an endpoint has answered last. Each standing has its own turn, and those that may take long to fail have only
/// a share of the places and of the memory, so that healthy endpoints do not notice them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It took the last message: it may have every place.
    Healthy,
    /// It has not been asked since the start: together half of the places.
    Unknown,
    /// It did not take the last message: together a quarter of the places.
    Failing,
}

impl Standing {
    pub(super) const ALL: [Self; 3] = [Self::Healthy, Self::Unknown, Self::Failing];

    const fn share_of(self, all: usize) -> usize {
        match self {
            Self::Healthy => all,
            Self::Unknown => all.div_ceil(2),
            Self::Failing => all.div_ceil(4),
        }
    }
}

/// How much of something is held for endpoints of each standing.
#[derive(Default)]
pub(super) struct Held([usize; 3]);

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
}
