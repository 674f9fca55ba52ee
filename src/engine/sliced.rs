//! A body that comes in slices. The HTTP library writes a head and what it has of a body fastest as one piece, for which it
//! copies both, and it keeps the room for that as long as the connection is open. For slices that room is at most twice what
//! its buffer may hold and a slice, however long the body is. It does not know what the body says, nor which way it goes.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

/// The most bytes of a slice.
const SLICE_BYTES_MAX: usize = 16 * 1024;

/// A body in slices.
pub struct Sliced<B> {
    body: B,
    /// What has come of the body and has not gone on.
    rest: Bytes,
}

impl<B> Sliced<B> {
    /// This body in slices.
    pub fn new(body: B) -> Self {
        Self { body, rest: Bytes::new() }
    }

    fn slice(&mut self) -> Frame<Bytes> {
        Frame::data(self.rest.split_to(self.rest.len().min(SLICE_BYTES_MAX)))
    }
}

impl<B: Body<Data = Bytes> + Unpin> Body for Sliced<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        if self.rest.is_empty() {
            match ready!(Pin::new(&mut self.body).poll_frame(context)).transpose()?.map(Frame::into_data) {
                Some(Ok(data)) => self.rest = data,
                Some(Err(trailers)) => return Poll::Ready(Some(Ok(trailers))),
                None => return Poll::Ready(None),
            }
        }
        Poll::Ready(Some(Ok(self.slice())))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let (rest, of_body) = (self.rest.len() as u64, self.body.size_hint());
        let mut hint = SizeHint::new();
        if let Some(upper) = of_body.upper() {
            hint.set_upper(upper + rest);
        }
        hint.set_lower(of_body.lower() + rest);
        hint
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http_body::Body;
    use http_body_util::{BodyExt, Full};

    use super::{SLICE_BYTES_MAX, Sliced};

    #[tokio::test]
    async fn a_body_comes_whole_and_no_slice_of_it_is_long() {
        for bytes in [0, 1, SLICE_BYTES_MAX, SLICE_BYTES_MAX + 1, 5 * SLICE_BYTES_MAX] {
            let text: Bytes = (0..bytes).map(|place| (place % 251) as u8).collect();
            let (mut body, mut come) = (Sliced::new(Full::new(text.clone())), Vec::new());
            while !body.is_end_stream() {
                assert_eq!(body.size_hint().exact(), Some((text.len() - come.len()) as u64));
                let slice = body.frame().await.unwrap().unwrap().into_data().unwrap();
                assert!((1..=SLICE_BYTES_MAX).contains(&slice.len()), "{}", slice.len());
                come.extend(slice);
            }
            assert_eq!(come, text);
        }
    }
}
