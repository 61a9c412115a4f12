//! One connection that stands, or is being made.
//!
//! A reader and a writer of their own; dropping it closes it: the writer finishes what was queued and says so (FIN), the
//! reader throws away what still comes, since octets left unread would make the kernel send a RST, and a RST would
//! destroy our last NOTIFICATION on its way. Both end after [`LINGER`].

use std::cell::RefCell;
use std::io;
use std::net::Shutdown;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::{Buf as _, Bytes};
use socket2::SockRef;
use tokio::net::TcpStream;
use tokio::sync::{mpsc, watch};
use tokio::task::AbortHandle;

use super::dial::Failed;
use crate::fsm::Failure;
use crate::peer::Side;
use crate::session::PeerKey;

/// How long the end of a connection may take.
pub(super) const LINGER: Duration = Duration::from_secs(2);

/// At most so much is read at once.
const READ: usize = 16 * 1024;

thread_local! {
    /// Where it is read to, by whoever's turn it is: nobody keeps it while he waits.
    static BUFFER: RefCell<Box<[u8]>> = RefCell::new(vec![0; READ].into());
}

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
    Taken,
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
    stream: Arc<TcpStream>,
    outbox: mpsc::UnboundedSender<Item>,
    queued: Arc<AtomicUsize>,
    /// Gone with the connection, which is how its tasks learn of it.
    _open: watch::Sender<()>,
}

/// What waits to be written.
enum Item {
    Octets(Bytes),
    /// To be told of when all before it is written.
    Mark,
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
        let stream = Arc::new(stream);
        let (outbox, inbox) = mpsc::unbounded_channel();
        let (open, watched) = watch::channel(());
        let queued = Arc::new(AtomicUsize::new(0));
        tokio::spawn(read(Arc::clone(&stream), line.clone(), watched.clone()));
        let queue = Queue {
            inbox,
            queued: Arc::clone(&queued),
            line,
        };
        tokio::spawn(write(Arc::clone(&stream), queue, watched));
        Self::Open(Pipe {
            stream,
            outbox,
            queued,
            _open: open,
        })
    }

    /// Behind what is queued already; at once, what fits where nothing is.
    pub(super) fn send(&self, mut octets: Bytes) {
        let Self::Open(pipe) = self else { return };
        if self.queued() == 0
            && let Ok(written) = pipe.stream.try_write(&octets)
        {
            octets.advance(written);
        }
        if !octets.is_empty() {
            pipe.queued.fetch_add(octets.len(), Ordering::Relaxed);
            // A writer that has ended has met an error, and the reader reports it.
            let _ = pipe.outbox.send(Item::Octets(octets));
        }
    }

    /// Whether everything sent is written; if not, [`What::Taken`] will say when it is.
    pub(super) fn ask(&self) -> bool {
        let written = self.queued() == 0;
        if let Self::Open(pipe) = self
            && !written
        {
            let _ = pipe.outbox.send(Item::Mark);
        }
        written
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

async fn read(stream: Arc<TcpStream>, line: Line, mut open: watch::Receiver<()>) {
    tokio::select! {
        biased;
        () = closed(&mut open) => {}
        () = deliver(&stream, &line) => closed(&mut open).await,
    }
    let _ = tokio::time::timeout(LINGER, async { while next(&stream).await.is_ok() {} }).await;
}

/// Until the end.
async fn deliver(stream: &TcpStream, line: &Line) {
    while let Ok(octets) = next(stream).await {
        if !line.tell(What::Octets(octets)).await {
            return;
        }
    }
    line.tell(What::Closed(Failure::Lost)).await;
}

async fn next(stream: &TcpStream) -> io::Result<Vec<u8>> {
    loop {
        stream.readable().await?;
        match BUFFER.with_borrow_mut(|buffer| stream.try_read(buffer).map(|length| buffer[..length].to_vec()))
        {
            Ok(octets) if octets.is_empty() => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(octets) => return Ok(octets),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
}

/// A writer's own.
struct Queue {
    inbox: mpsc::UnboundedReceiver<Item>,
    queued: Arc<AtomicUsize>,
    line: Line,
}

async fn write(stream: Arc<TcpStream>, mut queue: Queue, mut open: watch::Receiver<()>) {
    let late = async {
        closed(&mut open).await;
        tokio::time::sleep(LINGER).await;
    };
    tokio::select! {
        written = flush(&stream, &mut queue) => {
            let how = match written {
                Ok(()) => Shutdown::Write,
                // What has come is still read, a last NOTIFICATION for one; then the reader meets the end.
                Err(_) => Shutdown::Both,
            };
            let _ = SockRef::from(&*stream).shutdown(how);
        },
        () = late => drop(SockRef::from(&*stream).shutdown(Shutdown::Write)),
    }
}

/// Until nothing more can be queued.
async fn flush(stream: &TcpStream, queue: &mut Queue) -> io::Result<()> {
    while let Some(item) = queue.inbox.recv().await {
        let mut rest = match item {
            Item::Octets(octets) => octets,
            Item::Mark => {
                queue.line.tell(What::Taken).await;
                continue;
            }
        };
        while !rest.is_empty() {
            stream.writable().await?;
            match stream.try_write(&rest) {
                Ok(written) => {
                    queue.queued.fetch_sub(written, Ordering::Relaxed);
                    rest.advance(written);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
        }
    }
    Ok(())
}
