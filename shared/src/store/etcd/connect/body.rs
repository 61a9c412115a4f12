//! A request's body that knows when a message is its last: the message carries the end of the stream (RFC 9113, section
//! 6.1) instead of an empty DATA frame behind it, which would be one more write here and one more read at etcd.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http_body::{Body, Frame, SizeHint};

/// Looks one frame ahead; what is not there yet is not waited for.
pub(super) struct Ended<B: Body> {
    body: B,
    next: Option<Result<Frame<B::Data>, B::Error>>,
    over: bool,
}

impl<B: Body> Ended<B> {
    pub(super) fn new(body: B) -> Self {
        Self {
            body,
            next: None,
            over: false,
        }
    }
}

impl<B> Body for Ended<B>
where
    B: Body + Unpin,
    B::Data: Unpin,
    B::Error: Unpin,
{
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        let this = &mut *self;
        if this.over {
            return Poll::Ready(None);
        }
        let frame = match this.next.take() {
            Some(frame) => Some(frame),
            None => ready!(Pin::new(&mut this.body).poll_frame(context)),
        };
        match frame {
            Some(Ok(_)) => match Pin::new(&mut this.body).poll_frame(context) {
                Poll::Ready(None) => this.over = true,
                Poll::Ready(next) => this.next = next,
                Poll::Pending => {}
            },
            Some(Err(_)) | None => this.over = true,
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.over
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::convert::Infallible;
    use std::task::Waker;

    use super::*;

    /// What a body answers, poll by poll; at its end `None`.
    struct Told(VecDeque<Poll<&'static str>>);

    impl Body for Told {
        type Data = &'static [u8];
        type Error = Infallible;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<&'static [u8]>, Infallible>>> {
            match self.0.pop_front() {
                None => Poll::Ready(None),
                Some(told) => told.map(|text| Some(Ok(Frame::data(text.as_bytes())))),
            }
        }
    }

    /// Each poll's outcome, and whether the body says then that it is over.
    fn polled(told: impl IntoIterator<Item = Poll<&'static str>>, times: usize) -> Vec<(String, bool)> {
        let mut body = Ended::new(Told(told.into_iter().collect()));
        let mut context = Context::from_waker(Waker::noop());
        let mut one = || {
            let text = match Pin::new(&mut body).poll_frame(&mut context) {
                Poll::Pending => "pending".to_owned(),
                Poll::Ready(None) => "none".to_owned(),
                Poll::Ready(Some(frame)) => {
                    String::from_utf8_lossy(frame.unwrap().into_data().unwrap()).into_owned()
                }
            };
            (text, body.is_end_stream())
        };
        (0..times).map(|_| one()).collect()
    }

    fn says(text: &str, over: bool) -> (String, bool) {
        (text.to_owned(), over)
    }

    #[test]
    fn the_only_message_is_the_end_and_so_is_the_last_of_several() {
        let one = polled([Poll::Ready("a")], 2);
        assert_eq!(one, [says("a", true), says("none", true)]);
        let two = polled([Poll::Ready("a"), Poll::Ready("b")], 3);
        assert_eq!(two, [says("a", false), says("b", true), says("none", true)]);
        assert_eq!(polled([], 1), [says("none", true)]);
    }

    /// A watch: the next message comes when somebody has one.
    #[test]
    fn a_stream_that_goes_on_is_not_ended_and_loses_nothing() {
        let told = [
            Poll::Ready("a"),
            Poll::Pending,
            Poll::Pending,
            Poll::Ready("b"),
            Poll::Pending,
        ];
        let seen = polled(told, 4);
        let wanted = [
            says("a", false),
            says("pending", false),
            says("b", false),
            says("none", true),
        ];
        assert_eq!(seen, wanted);
    }
}
