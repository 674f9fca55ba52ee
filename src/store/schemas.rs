//! The schemas that payloads are held against, compiled once and remembered. It does not know when they are asked for.

use std::sync::Arc;

use super::cache::Weight;
use super::error::StoreError;
use super::{Store, event_types};
use crate::domain::id::EnvironmentId;
use crate::domain::schema::Schema;

/// Bytes of a schema's text that count as one towards what is remembered.
const BYTES_PER_WEIGHT: u64 = 8 * 1024;

/// What is known of an event type's schema: also that it has none.
pub struct KnownSchema {
    /// The newest, ready for use.
    pub schema: Option<Schema>,
    bytes: u64,
}

impl Weight for KnownSchema {
    fn weight(&self) -> u64 {
        1 + self.bytes / BYTES_PER_WEIGHT
    }
}

impl Store {
    /// The schema that payloads of this event type must fit, if it is known and has one.
    ///
    /// # Errors
    /// When the store can't be read.
    pub async fn schema(
        &self,
        environment_id: EnvironmentId,
        event_type: &str,
    ) -> Result<Arc<KnownSchema>, StoreError> {
        let load = |(environment_id, name): (EnvironmentId, String)| {
            self.read(move |connection| {
                let found = event_types::get(connection, environment_id, &name)?;
                let text = found.and_then(|event_type| event_type.newest_schema()).unwrap_or_default();
                let schema = if text.is_empty() { None } else { compile(&name, &text) };
                Ok(Some(KnownSchema { schema, bytes: text.len() as u64 }))
            })
        };
        let known = self.memory.schemas.get((environment_id, event_type.to_owned()), load).await?;
        Ok(known.unwrap_or_else(|| Arc::new(KnownSchema { schema: None, bytes: 0 })))
    }
}

/// A stored schema could be compiled when it was written; one that no longer can is nobody's reason to lose messages.
fn compile(event_type: &str, text: &str) -> Option<Schema> {
    let compiled = Schema::compile(text);
    compiled.inspect_err(|error| tracing::error!(%error, event_type, "a stored schema can't be used")).ok()
}
