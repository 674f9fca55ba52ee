//! What became of a noun that was to be changed.

/// What became of a noun that was to be changed.
#[derive(Clone, Debug)]
pub enum Updated<T> {
    /// It is now so.
    Done(T),
    /// There is no such noun.
    Missing,
    /// Another noun has the uid that it was to have.
    Taken,
    /// Another endpoint has the event type that this one was to have, where only one may.
    EventTypeTaken,
}
