//! A connection that writes what belongs together at once: headers and message of a request are made by two tasks, and
//! without this each is a packet that wakes etcd.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};

use hyper::rt::{Read, ReadBufCursor, Write};

/// The first write behind a flush waits for one turn of the runtime: who has something to add has added it then.
pub(super) struct Gathered<I> {
    io: I,
    open: bool,
}

impl<I> Gathered<I> {
    pub(super) fn new(io: I) -> Self {
        Self { io, open: false }
    }

    /// Whether it may be written now; else the task is woken when the others had their turn.
    fn opens(&mut self, context: &mut Context<'_>) -> bool {
        let was_open = std::mem::replace(&mut self.open, true);
        if !was_open {
            context.waker().wake_by_ref();
        }
        was_open
    }
}

impl<I: Read + Unpin> Read for Gathered<I> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_read(context, buffer)
    }
}

impl<I: Write + Unpin> Write for Gathered<I> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.opens(context) {
            true => Pin::new(&mut self.io).poll_write(context, bytes),
            false => Poll::Pending,
        }
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.opens(context) {
            true => Pin::new(&mut self.io).poll_write_vectored(context, slices),
            false => Poll::Pending,
        }
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.open = false;
        Pin::new(&mut self.io).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use hyper_util::rt::TokioIo;
    use tokio::io::AsyncReadExt as _;

    use super::*;

    async fn write(io: &mut Gathered<TokioIo<tokio::io::DuplexStream>>, bytes: &[u8]) {
        let written = poll_fn(|context| Pin::new(&mut *io).poll_write(context, bytes)).await;
        assert_eq!(written.unwrap(), bytes.len());
    }

    #[tokio::test]
    async fn the_first_write_waits_for_one_turn_and_the_next_until_the_flush_do_not() {
        let (ours, mut theirs) = tokio::io::duplex(64);
        let mut io = Gathered::new(TokioIo::new(ours));
        for text in ["ab", "cd"] {
            let mut context = Context::from_waker(std::task::Waker::noop());
            let first = Pin::new(&mut io).poll_write(&mut context, text.as_bytes());
            assert!(first.is_pending(), "{text}");
            write(&mut io, text.as_bytes()).await;
            write(&mut io, b"!").await;
            poll_fn(|context| Pin::new(&mut io).poll_flush(context))
                .await
                .unwrap();
            let mut read = [0; 3];
            theirs.read_exact(&mut read).await.unwrap();
            assert_eq!(&read[..2], text.as_bytes());
        }
        // It wakes itself: nobody else does.
        write(&mut io, b"e").await;
    }
}
