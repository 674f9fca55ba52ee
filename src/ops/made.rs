//! What came of a request to make a noun.

/// A noun that was asked to be made, and whether it was.
#[derive(Clone, Debug)]
pub enum Made<T> {
    /// It is new.
    New(T),
    /// This very request made it before (its idempotency key tells).
    Before(T),
    /// It was there already; it is now as it was asked to be.
    Existing(T),
}

impl<T> Made<T> {
    /// The noun, whether it is new or not.
    pub fn into_inner(self) -> T {
        match self {
            Self::New(noun) | Self::Before(noun) | Self::Existing(noun) => noun,
        }
    }
}
