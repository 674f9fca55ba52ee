//! How much of the bodies of requests is in memory at a time: so many bytes in all, and of whoever posts to one place no more
//! than a share, so that one application cannot keep the others out (THREATS F24). Who finds no room is told at once and comes
//! again. It knows neither requests nor answers.

use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher as _, Hash};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Bytes of bodies that are in memory at a time, from their coming to their answers.
pub const INTAKE_BYTES_MAX: usize = 128 * 1024 * 1024;
/// A body that is no larger is not counted: what all clients can send of such is little, and most bodies are.
pub(super) const SMALL_BODY_BYTES: u64 = 16 * 1024;
/// Whoever posts to one place takes at most one byte in so many.
const SHARE_OF_ONE: usize = 2;

/// Why there is no room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NoRoom {
    /// Whoever posts there has had the share of one.
    OfOne,
    /// All of it is taken.
    AtAll,
}

/// The room for bodies.
#[derive(Default)]
pub(super) struct Intake {
    taken: Mutex<Taken>,
    hasher: RandomState,
}

#[derive(Default)]
struct Taken {
    in_all: usize,
    of_one: HashMap<u64, usize>,
}

impl Intake {
    fn taken(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Room for one body that `whose` posts: an application's, as whoever shows this key calls it.
    pub(super) fn room(self: &Arc<Self>, whose: impl Hash) -> Room {
        Room { intake: self.clone(), whose: self.hasher.hash_one(whose), bytes: 0 }
    }
}

/// The room that one body takes, until it is dropped.
pub(super) struct Room {
    intake: Arc<Intake>,
    whose: u64,
    bytes: usize,
}

impl Room {
    /// So much more of it has come.
    ///
    /// # Errors
    /// When there is no room for that.
    pub(super) fn grow(&mut self, bytes: usize) -> Result<(), NoRoom> {
        let mut taken = self.intake.taken();
        if taken.in_all + bytes > INTAKE_BYTES_MAX {
            return Err(NoRoom::AtAll);
        }
        let of_one = taken.of_one.entry(self.whose).or_default();
        if *of_one + bytes > INTAKE_BYTES_MAX / SHARE_OF_ONE {
            return Err(NoRoom::OfOne);
        }
        *of_one += bytes;
        taken.in_all += bytes;
        self.bytes += bytes;
        Ok(())
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        let mut taken = self.intake.taken();
        taken.in_all -= self.bytes;
        let left = taken.of_one.get_mut(&self.whose).map_or(0, |of_one| {
            *of_one -= self.bytes;
            *of_one
        });
        if left == 0 {
            taken.of_one.remove(&self.whose);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_has_a_share_and_the_rest_is_for_others() {
        let intake = Arc::new(Intake::default());
        let half = INTAKE_BYTES_MAX / SHARE_OF_ONE;
        let (mut first, mut second) = (intake.room("flooding"), intake.room("flooding"));
        first.grow(half - 1).unwrap();
        second.grow(1).unwrap();
        assert_eq!(second.grow(1), Err(NoRoom::OfOne));
        let (mut quiet, mut third) = (intake.room("quiet"), intake.room("third"));
        quiet.grow(half).unwrap();
        assert_eq!(third.grow(1), Err(NoRoom::AtAll));
        drop(first);
        third.grow(half - 1).unwrap();
        second.grow(0).unwrap();
        drop((second, quiet, third));
        let left = intake.taken();
        assert_eq!((left.in_all, left.of_one.len()), (0, 0));
    }
}
