//! The key that says that this node's sidecar lives, kept beside the loop: a datastore that does not answer holds
//! nothing else up.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use jiff::Timestamp;
use shared::store::open::Store;
use tokio::sync::{Notify, mpsc};
use tokio::task::JoinHandle;

use crate::io::datastore::Datastore;
use crate::io::life::{Alive, BEAT, Identity, Missed};

/// One beat may take so long.
const PATIENCE: Duration = Duration::from_secs(5);

/// The task that beats; gone with its value.
pub(super) struct Heart {
    task: JoinHandle<()>,
    told: mpsc::Receiver<Missed>,
    last: Rc<Notify>,
    heard: Rc<Cell<Option<Timestamp>>>,
    /// The key is ours.
    beaten: Rc<Notify>,
}

impl Heart {
    /// Begins at once.
    pub(super) fn start(node: &str, identity: Identity, datastore: &Datastore) -> Self {
        let mut alive = Alive::new(node, identity);
        let current = datastore.current();
        let (tell, told) = mpsc::channel(1);
        let last = Rc::new(Notify::new());
        let end = Rc::clone(&last);
        let heard = Rc::new(Cell::new(None));
        let when = Rc::clone(&heard);
        let beaten = Rc::new(Notify::new());
        let ours = Rc::clone(&beaten);
        let task = tokio::task::spawn_local(async move {
            loop {
                let store = current();
                let missed = missed(&mut alive, &store).await;
                if missed.is_none() {
                    when.set(Some(super::start::now()));
                    ours.notify_one();
                }
                let pause = if missed.is_some() { BEAT / 5 } else { BEAT };
                if let Some(missed) = missed
                    && tell.send(missed).await.is_err()
                {
                    return;
                }
                tokio::select! {
                    () = tokio::time::sleep(pause) => {}
                    () = end.notified() => {
                        // Where it cannot be given up it ends by itself.
                        let _ = alive.end(&current()).await;
                        return;
                    }
                }
            }
        });
        Self {
            task,
            told,
            last,
            heard,
            beaten,
        }
    }

    /// What became of a beat: nothing to tell, if the key is ours.
    pub(super) async fn beat(&mut self) -> Option<Missed> {
        tokio::select! {
            missed = self.told.recv() => missed,
            () = self.beaten.notified() => None,
        }
    }

    /// When the datastore answered last.
    pub(super) fn heard(&self) -> Option<Timestamp> {
        self.heard.get()
    }

    /// Gives the key up.
    pub(super) async fn end(mut self) {
        self.last.notify_one();
        let _ = tokio::time::timeout(PATIENCE / 5, &mut self.task).await;
    }

    /// A beat that was missed.
    pub(super) async fn next(&mut self) -> Missed {
        match self.told.recv().await {
            Some(missed) => missed,
            None => std::future::pending().await,
        }
    }
}

/// One beat: why it was missed, if it was.
async fn missed(alive: &mut Alive, store: &Store) -> Option<Missed> {
    let beat = tokio::time::timeout(PATIENCE, alive.beat(store)).await;
    match beat {
        Ok(Ok(())) => None,
        Ok(Err(missed)) => Some(missed),
        Err(_) => {
            alive.unsure();
            Some(Missed::Away("no answer within 5 s".to_owned()))
        }
    }
}

impl Drop for Heart {
    fn drop(&mut self) {
        self.task.abort();
    }
}
