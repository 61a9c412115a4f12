//! The key that says that this node's sidecar lives, kept beside the loop: a datastore that does not answer holds
//! nothing else up.

use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::io::datastore::Datastore;
use crate::io::life::{Alive, BEAT, Identity, Missed};

/// One beat may take so long.
const PATIENCE: Duration = Duration::from_secs(5);

/// The task that beats; gone with its value.
pub(super) struct Heart {
    task: JoinHandle<()>,
    told: mpsc::Receiver<Missed>,
}

impl Heart {
    /// Begins at once.
    pub(super) fn start(node: &str, identity: Identity, datastore: &Datastore) -> Self {
        let mut alive = Alive::new(node, identity);
        let current = datastore.current();
        let (tell, told) = mpsc::channel(1);
        let task = tokio::task::spawn_local(async move {
            loop {
                let store = current();
                let beat = tokio::time::timeout(PATIENCE, alive.beat(&store)).await;
                let missed = match beat {
                    Ok(Ok(())) => None,
                    Ok(Err(missed)) => Some(missed),
                    Err(_) => Some(Missed::Away("no answer within 5 s".to_owned())),
                };
                let soon = missed.is_some();
                if let Some(missed) = missed
                    && tell.send(missed).await.is_err()
                {
                    return;
                }
                tokio::time::sleep(if soon { BEAT / 5 } else { BEAT }).await;
            }
        });
        Self { task, told }
    }

    /// A beat that was missed.
    pub(super) async fn next(&mut self) -> Missed {
        match self.told.recv().await {
            Some(missed) => missed,
            None => std::future::pending().await,
        }
    }
}

impl Drop for Heart {
    fn drop(&mut self) {
        self.task.abort();
    }
}
