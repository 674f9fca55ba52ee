//! A client's connection that is not closed in the middle of what the client says. An answer that comes before the body is
//! over, such as that it is too large, would be lost otherwise: what nobody has read when a socket is closed has the client's
//! machine forget the answer. It knows neither requests nor answers.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::Sleep;

use super::exchange::Exchange;

/// How long the rest of a body that nobody wants is read.
const LINGER_MAX: Duration = Duration::from_secs(2);
/// How much of it is read.
const LINGER_BYTES_MAX: usize = 8 * 1024 * 1024;
/// How much of it is read at a time.
const PIECE_BYTES: usize = 16 * 1024;

/// A connection, and what is being answered on it.
pub(super) struct Lingering {
    stream: TcpStream,
    exchange: Arc<Exchange>,
    rest: Option<Rest>,
}

/// The rest of a body, while it is read.
struct Rest {
    over: Pin<Box<Sleep>>,
    bytes: usize,
}

impl Lingering {
    pub(super) fn new(stream: TcpStream, exchange: Arc<Exchange>) -> Self {
        Self { stream, exchange, rest: None }
    }
}

impl AsyncRead for Lingering {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, into)
    }
}

impl AsyncWrite for Lingering {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    /// Says that nothing more comes from here, and reads the rest of what the client was saying.
    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Self { stream, exchange, rest } = &mut *self;
        if rest.is_none() {
            ready!(Pin::new(&mut *stream).poll_shutdown(context))?;
        }
        if !exchange.has_unread() {
            return Poll::Ready(Ok(()));
        }
        let begun = || Rest { over: Box::pin(tokio::time::sleep(LINGER_MAX)), bytes: 0 };
        let rest = rest.get_or_insert_with(begun);
        let mut piece = [0; PIECE_BYTES];
        while rest.bytes < LINGER_BYTES_MAX && rest.over.as_mut().poll(context).is_pending() {
            let mut into = ReadBuf::new(&mut piece);
            ready!(Pin::new(&mut *stream).poll_read(context, &mut into))?;
            if into.filled().is_empty() {
                break;
            }
            rest.bytes += into.filled().len();
        }
        Poll::Ready(Ok(()))
    }
}
