//! Idempotency keys: what a caller sends along so that a repeat of its request makes nothing (the IETF draft of the
//! `Idempotency-Key` header). It does not know what a request consists of; that is handed in as parts.

use aws_lc_rs::digest;

use super::{OpError, Operations};
use crate::domain::id::RequestId;
use crate::domain::name;
use crate::store::IdempotencyKey;

impl Operations {
    /// The key with this text, for a request that asks for exactly these parts.
    ///
    /// # Errors
    /// When the text is not one that a key may have.
    pub fn idempotency_key(&self, text: &str, asked: &[&[u8]]) -> Result<IdempotencyKey, OpError> {
        let key = name::idempotency_key(text).map_err(|error| OpError::Invalid {
            field: vec!["header".to_owned(), "idempotency-key".to_owned()],
            code: "idempotency_key",
            why: error.why,
        })?;
        Ok(IdempotencyKey {
            id: self.next_request_id().number(),
            hash: hash(&[key.as_bytes()]),
            fingerprint: hash(asked),
        })
    }

    /// An id for a request, which no other has.
    pub fn next_request_id(&self) -> RequestId {
        self.store.next_id()
    }
}

/// SHA-256 of parts, each with its length, so that nothing can slide from one into the next.
fn hash(parts: &[&[u8]]) -> [u8; 32] {
    let mut context = digest::Context::new(&digest::SHA256);
    for part in parts {
        context.update(&(part.len() as u64).to_be_bytes());
        context.update(part);
    }
    let mut hash = [0; 32];
    hash.copy_from_slice(context.finish().as_ref());
    hash
}
