//! Keeps a panic to the piece of work that it happened in. It does not know what work that is.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::task::Poll;

/// Runs to the end, or to a panic; then it answers `None`. Only for work that leaves nothing half done in what it shares
/// with others: locks are held only around steps that cannot panic.
pub async fn caught<F: Future>(future: F) -> Option<F::Output> {
    let mut future = pin!(future);
    std::future::poll_fn(|context| match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(context))) {
        Ok(poll) => poll.map(Some),
        Err(_) => Poll::Ready(None),
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::caught;

    #[tokio::test]
    async fn a_panic_ends_its_own_work_only() {
        assert_eq!(caught(async { 7 }).await, Some(7));
        let panicking = caught(async {
            tokio::task::yield_now().await;
            panic!("a fault");
        });
        assert_eq!(panicking.await, None::<()>);
    }
}
