//! Why an operation was not done, for the one who asked. Nothing has changed when it answers with one of these.

use crate::store::StoreError;

/// Why an operation was not done.
#[derive(Clone, Debug, thiserror::Error)]
pub enum OpError {
    /// The key is missing, unknown or has ended.
    #[error("the API key is missing, unknown or has ended: send `Authorization: Bearer KEY`")]
    Unauthenticated,
    /// The key may not do this.
    #[error("this API key may not {0}: use one of the environment")]
    Forbidden(&'static str),
    /// The key may not manage environments and keys.
    #[error("only an admin key may manage environments and keys: use one")]
    AdminOnly,
    /// Whoever asks may only look.
    #[error("this session may only look: ask whoever gave it for one that may change things")]
    ReadOnly,
    /// There is no such noun, or none that this key may see.
    #[error("there is no such {0}")]
    NotFound(&'static str),
    /// A value can't be taken.
    #[error("{}: {why}", field.join("."))]
    Invalid {
        /// Where it stands in the request, such as `body`, `url`.
        field: Vec<String>,
        /// The stable name of the reason, such as `url_scheme`.
        code: &'static str,
        /// What is wrong and what to do.
        why: String,
    },
    /// It contradicts what is there.
    #[error("{why}")]
    Conflict {
        /// The stable name of the reason, such as `event_id_taken`.
        code: &'static str,
        /// What is wrong and what to do.
        why: String,
    },
    /// Too much of it is under way.
    #[error("{why}")]
    TooMany {
        /// The stable name of the bound, such as `tests_in_flight`.
        code: &'static str,
        /// What the bound is and what to do.
        why: String,
    },
    /// The store could not.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl OpError {
    /// A value of the request's body can't be taken.
    pub fn invalid(field: &str, code: &'static str, why: impl ToString) -> Self {
        Self::Invalid { field: vec!["body".to_owned(), field.to_owned()], code, why: why.to_string() }
    }

    /// It contradicts what is there.
    pub fn conflict(code: &'static str, why: impl ToString) -> Self {
        Self::Conflict { code, why: why.to_string() }
    }
}
