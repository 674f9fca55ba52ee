//! A stream that gives only so much: a receiver that floods the line before its answer begins is cut off, however fast it
//! is. The HTTP library would read on, for everything that it bounds it counts anew with each interim answer.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// How an exhausted stream fails.
pub const EXHAUSTED: io::ErrorKind = io::ErrorKind::FileTooLarge;

/// How many bytes may still be read.
#[derive(Clone)]
pub struct Allowance(Arc<AtomicUsize>);

impl Allowance {
    /// From now on this many bytes may be read.
    pub fn set(&self, bytes: usize) {
        self.0.store(bytes, Ordering::Relaxed);
    }

    /// From now on the reader itself looks how much it reads.
    pub fn lift(&self) {
        self.set(usize::MAX);
    }
}

/// A stream with an [`Allowance`].
pub struct Metered<S> {
    stream: S,
    left: Allowance,
}

impl<S> Metered<S> {
    /// A stream that gives nothing until it is allowed to.
    pub fn new(stream: S) -> (Self, Allowance) {
        let left = Allowance(Arc::default());
        (Self { stream, left: left.clone() }, left)
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Metered<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(context, buffer))?;
        let left = self.left.0.load(Ordering::Relaxed);
        match left.checked_sub(buffer.filled().len() - before) {
            Some(left) => self.left.set(left),
            None => return Poll::Ready(Err(EXHAUSTED.into())),
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Metered<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
