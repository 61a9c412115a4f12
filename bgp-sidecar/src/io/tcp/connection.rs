//! One connection that stands, or is being made.
//!
//! A reader and a writer of their own; dropping it closes it: the writer finishes what was queued and says so (FIN), the
//! reader throws away what still comes, since octets left unread would make the kernel send a RST, and a RST would
//! destroy our last NOTIFICATION on its way. Both end after [`LINGER`].

use std::io;
use std::net::Shutdown;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use socket2::SockRef;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::{mpsc, watch};
use tokio::task::AbortHandle;

use super::dial::Failed;
use crate::fsm::Failure;
use crate::peer::Side;
use crate::session::PeerKey;

/// How long the end of a connection may take.
pub(super) const LINGER: Duration = Duration::from_secs(2);

/// At most so much is read at once.
const READ: usize = 64 * 1024;

/// Whose it is. The generation tells it from those before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Name {
    pub(super) key: PeerKey,
    pub(super) side: Side,
    pub(super) generation: u64,
}

/// From a task to the loop.
pub(super) struct Note {
    pub(super) name: Name,
    pub(super) what: What,
}

pub(super) enum What {
    Connected(TcpStream),
    Failed(Failed),
    Octets(Vec<u8>),
    Closed(Failure),
}

/// Where a task reports to.
#[derive(Clone)]
pub(super) struct Line {
    pub(super) name: Name,
    pub(super) notes: mpsc::Sender<Note>,
}

impl Line {
    /// Waits until the loop has room; `false` when there is no loop any more.
    pub(super) async fn tell(&self, what: What) -> bool {
        let note = Note {
            name: self.name,
            what,
        };
        self.notes.send(note).await.is_ok()
    }
}

pub(super) enum Connection {
    /// Nothing to send on yet.
    Pending { _attempt: Attempt },
    /// It stands.
    Open(Pipe),
}

/// Given up when dropped.
pub(super) struct Attempt(AbortHandle);

impl Drop for Attempt {
    fn drop(&mut self) {
        self.0.abort();
    }
}

pub(super) struct Pipe {
    outbox: mpsc::UnboundedSender<Arc<[u8]>>,
    queued: Arc<AtomicUsize>,
    /// Gone with the connection, which is how its tasks learn of it.
    _open: watch::Sender<()>,
}

impl Connection {
    /// One that this task will report on.
    pub(super) fn pending(task: impl Future<Output = ()> + Send + 'static) -> Self {
        Self::Pending {
            _attempt: Attempt(tokio::spawn(task).abort_handle()),
        }
    }

    /// Begins to read.
    pub(super) fn open(stream: TcpStream, line: Line) -> Self {
        let (reader, writer) = stream.into_split();
        let (outbox, inbox) = mpsc::unbounded_channel();
        let (open, watched) = watch::channel(());
        let queued = Arc::new(AtomicUsize::new(0));
        tokio::spawn(read(reader, line, watched.clone()));
        tokio::spawn(write(writer, inbox, Arc::clone(&queued), watched));
        Self::Open(Pipe {
            outbox,
            queued,
            _open: open,
        })
    }

    /// Behind what is queued already.
    pub(super) fn send(&self, octets: Arc<[u8]>) {
        if let Self::Open(pipe) = self {
            pipe.queued.fetch_add(octets.len(), Ordering::Relaxed);
            // A writer that has ended has met an error, and the reader reports it.
            let _ = pipe.outbox.send(octets);
        }
    }

    /// Octets that the kernel has not taken yet.
    pub(super) fn queued(&self) -> usize {
        match self {
            Self::Pending { .. } => 0,
            Self::Open(pipe) => pipe.queued.load(Ordering::Relaxed),
        }
    }
}

async fn closed(open: &mut watch::Receiver<()>) {
    while open.changed().await.is_ok() {}
}

async fn read(half: OwnedReadHalf, line: Line, mut open: watch::Receiver<()>) {
    tokio::select! {
        biased;
        () = closed(&mut open) => {}
        () = deliver(&half, &line) => closed(&mut open).await,
    }
    let _ = tokio::time::timeout(LINGER, async { while next(&half).await.is_ok() {} }).await;
}

/// Until the end.
async fn deliver(half: &OwnedReadHalf, line: &Line) {
    while let Ok(octets) = next(half).await {
        if !line.tell(What::Octets(octets)).await {
            return;
        }
    }
    line.tell(What::Closed(Failure::Lost)).await;
}

async fn next(half: &OwnedReadHalf) -> io::Result<Vec<u8>> {
    loop {
        half.readable().await?;
        let mut octets = Vec::with_capacity(READ);
        match half.try_read_buf(&mut octets) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(_) => {
                octets.shrink_to_fit();
                return Ok(octets);
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
}

async fn write(
    mut half: OwnedWriteHalf,
    mut inbox: mpsc::UnboundedReceiver<Arc<[u8]>>,
    queued: Arc<AtomicUsize>,
    mut open: watch::Receiver<()>,
) {
    let late = async {
        closed(&mut open).await;
        tokio::time::sleep(LINGER).await;
    };
    tokio::select! {
        written = flush(&mut half, &mut inbox, &queued) => if written.is_err() {
            // What has come is still read, a last NOTIFICATION for one; then the reader meets the end.
            let _ = SockRef::from(half.as_ref()).shutdown(Shutdown::Both);
        },
        () = late => {}
    }
}

/// Until nothing more can be queued, and FIN.
async fn flush(
    half: &mut OwnedWriteHalf,
    inbox: &mut mpsc::UnboundedReceiver<Arc<[u8]>>,
    queued: &AtomicUsize,
) -> io::Result<()> {
    while let Some(octets) = inbox.recv().await {
        let mut rest = &octets[..];
        while !rest.is_empty() {
            let written = half.write(rest).await?;
            queued.fetch_sub(written, Ordering::Relaxed);
            rest = &rest[written..];
        }
    }
    half.shutdown().await
}
