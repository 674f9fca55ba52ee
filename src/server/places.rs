//! Who has a place among the clients: so many at once in all, and no address more than its share, so that one machine
//! cannot keep all others out (THREATS F05). It does not know what they ask for.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// An address takes at most one place in this many.
const SHARE_OF_ONE: usize = 2;

/// The places for clients.
pub(super) struct Places {
    free: Arc<Semaphore>,
    of_one_max: usize,
    taken: Mutex<HashMap<IpAddr, usize>>,
}

/// A place that nobody has yet.
pub(super) struct FreePlace {
    permit: OwnedSemaphorePermit,
    places: Arc<Places>,
}

/// The place of one client, until it is dropped.
pub(super) struct Place {
    _permit: OwnedSemaphorePermit,
    places: Arc<Places>,
    whose: Option<IpAddr>,
}

impl Places {
    /// So many places.
    pub(super) fn new(places_max: usize) -> Arc<Self> {
        let free = Arc::new(Semaphore::new(places_max));
        Arc::new(Self { free, of_one_max: (places_max / SHARE_OF_ONE).max(1), taken: Mutex::default() })
    }

    /// A place, if there is one.
    pub(super) fn free(self: &Arc<Self>) -> Option<FreePlace> {
        let permit = self.free.clone().try_acquire_owned().ok()?;
        Some(FreePlace { permit, places: self.clone() })
    }

    /// A place, as soon as there is one.
    pub(super) async fn wait(self: &Arc<Self>) -> Option<FreePlace> {
        // The semaphore is never closed.
        let permit = self.free.clone().acquire_owned().await.ok()?;
        Some(FreePlace { permit, places: self.clone() })
    }

    fn taken(&self) -> MutexGuard<'_, HashMap<IpAddr, usize>> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl FreePlace {
    /// Gives the place to a client at this address; `None` when the address has had its share.
    pub(super) fn give(self, address: IpAddr) -> Option<Place> {
        let Self { permit, places } = self;
        let whose = owner(address);
        if let Some(whose) = whose {
            let mut taken = places.taken();
            let count = taken.entry(whose).or_default();
            if *count >= places.of_one_max {
                return None;
            }
            *count += 1;
        }
        Some(Place { _permit: permit, places, whose })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let Some(whose) = self.whose else { return };
        let mut taken = self.places.taken();
        let left = taken.get_mut(&whose).map_or(0, |count| {
            *count -= 1;
            *count
        });
        if left == 0 {
            taken.remove(&whose);
        }
    }
}

/// Who an address belongs to: an IPv6 network of 64 bits is one machine's as often as not. Whoever is on this machine
/// needs no connections to harm it, and is often a proxy that stands for everybody.
fn owner(address: IpAddr) -> Option<IpAddr> {
    match address.to_canonical() {
        address if address.is_loopback() => None,
        IpAddr::V6(v6) => Some(Ipv6Addr::from(v6.to_bits() >> 64 << 64).into()),
        address => Some(address),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_takes_its_share_and_no_more() {
        let places = Places::new(8);
        let address = |text: &str| text.parse::<IpAddr>().unwrap();
        let mut held = Vec::new();
        for _ in 0..4 {
            held.push(places.free().unwrap().give(address("192.0.2.1")).unwrap());
        }
        assert!(places.free().unwrap().give(address("192.0.2.1")).is_none());
        assert!(places.free().unwrap().give(address("::ffff:192.0.2.1")).is_none(), "the same address");
        held.push(places.free().unwrap().give(address("2001:db8::1")).unwrap());
        assert_eq!(places.free.available_permits(), 3, "what was not given is free again");
        held.remove(0);
        held.push(places.free().unwrap().give(address("192.0.2.1")).unwrap());
        held.clear();
        assert_eq!((places.taken().len(), places.free.available_permits()), (0, 8));
    }

    #[test]
    fn a_network_of_64_bits_is_one_address_and_this_machine_is_none() {
        let places = Places::new(4);
        let mut held = Vec::new();
        for text in ["2001:db8:0:1::1", "2001:db8:0:1:ffff::2"] {
            held.push(places.free().unwrap().give(text.parse().unwrap()).unwrap());
        }
        assert!(places.free().unwrap().give("2001:db8:0:1::3".parse().unwrap()).is_none());
        held.clear();
        for text in ["127.0.0.1", "127.0.0.1", "::1", "::ffff:127.0.0.1"] {
            held.push(places.free().unwrap().give(text.parse().unwrap()).unwrap());
        }
        assert!(places.free().is_none());
    }
}
