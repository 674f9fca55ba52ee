//! Memory of what was read and seldom changes. What is forgotten while it is being read anew is not remembered, so
//! nothing stale outlives its change. It does not know what it remembers.

use std::future::Future;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};

use quick_cache::Weighter;
use quick_cache::sync::Cache as Inner;

use super::error::StoreError;

/// How much of the bound a value takes.
pub(super) trait Weight {
    /// At least 1.
    fn weight(&self) -> u64 {
        1
    }
}

impl<K> Weight for crate::domain::id::Id<K> {}

#[derive(Clone)]
struct ByWeight;

impl<K, V: Weight> Weighter<K, Arc<V>> for ByWeight {
    fn weight(&self, _: &K, value: &Arc<V>) -> u64 {
        value.weight()
    }
}

/// A bounded memory of values by key.
pub(super) struct Cache<K, V> {
    remembered: Inner<K, Arc<V>, ByWeight>,
    /// How often something was forgotten.
    forgotten: Mutex<u64>,
}

impl<K: Eq + Hash + Clone, V: Weight> Cache<K, V> {
    /// A memory for values of this weight together.
    pub(super) fn new(weight_max: u64) -> Self {
        // Room for a part of it is set aside at once, and grows.
        let items = usize::try_from(weight_max / 64).unwrap_or(usize::MAX);
        Self { remembered: Inner::with_weighter(items, weight_max, ByWeight), forgotten: Mutex::new(0) }
    }

    /// The value of `key`, read with `load` when it is not remembered.
    pub(super) async fn get<F>(&self, key: K, load: impl FnOnce(K) -> F) -> Result<Option<Arc<V>>, StoreError>
    where
        F: Future<Output = Result<Option<V>, StoreError>>,
    {
        if let Some(value) = self.remembered.get(&key) {
            return Ok(Some(value));
        }
        let before = *self.forgotten.lock().unwrap_or_else(PoisonError::into_inner);
        // In a box, so that it takes no room in the futures of those who find what they want.
        let Some(value) = Box::pin(load(key.clone())).await?.map(Arc::new) else {
            return Ok(None);
        };
        let now = self.forgotten.lock().unwrap_or_else(PoisonError::into_inner);
        if *now == before {
            self.remembered.insert(key, value.clone());
        }
        Ok(Some(value))
    }

    /// Forgets the value of `key`: it has changed.
    pub(super) fn forget(&self, key: &K) {
        let mut times = self.forgotten.lock().unwrap_or_else(PoisonError::into_inner);
        *times += 1;
        self.remembered.remove(key);
    }

    /// Forgets every value that `stale` is true of.
    pub(super) fn forget_where(&self, stale: impl Fn(&K, &V) -> bool) {
        let mut times = self.forgotten.lock().unwrap_or_else(PoisonError::into_inner);
        *times += 1;
        self.remembered.retain(|key, value| !stale(key, value));
    }

    /// Forgets everything.
    pub(super) fn forget_all(&self) {
        let mut times = self.forgotten.lock().unwrap_or_else(PoisonError::into_inner);
        *times += 1;
        self.remembered.clear();
    }
}
