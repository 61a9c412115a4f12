//! Labels and name of the Kubernetes Node, copied whenever either side changes. Beside the loop: an API server or a
//! datastore that does not answer holds nothing else up.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use shared::kubernetes::{Access, Followed, KubernetesError, Node};
use shared::model::Stored as _;
use shared::model::node::Node as Record;
use shared::store::{self, TransactError, transact};
use shared::txn::Snapshot;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

use super::Daemon;
use crate::io::datastore::Datastore;
use crate::io::kubernetes;
use crate::io::pause::pause;
use crate::labels::{self, Copied, Known};
use crate::settings::Settings;

/// What an answer may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// Between two attempts, at most: of the API server, of the datastore.
const PAUSES: [Duration; 2] = [Duration::from_secs(30), Duration::from_secs(5)];

/// Something to log.
pub(super) enum Told {
    /// The record is another now.
    Copied(Copied),
    /// The API server does not answer, or not so that it can be used.
    Away(String),
    /// It does again.
    Back,
    /// It knows no such node.
    Unknown(String),
    /// The record could not be changed.
    Failed(String),
}

/// Both tasks; gone with their value.
pub(super) struct Labels {
    tasks: [JoinHandle<()>; 2],
    told: mpsc::Receiver<Told>,
    record: watch::Sender<Option<Arc<[u8]>>>,
}

impl Labels {
    /// Begins at once; nothing where no API server is to be asked.
    pub(super) fn start(settings: &Settings, node: &str, datastore: &Datastore) -> Option<Self> {
        let access = kubernetes::access(settings)?;
        let name = kubernetes::name(settings, node).to_owned();
        let (tell, told) = mpsc::channel(16);
        let (record, stored) = watch::channel(None);
        let (publish, known) = watch::channel(None);
        let copier = Copier {
            node: node.to_owned(),
            stored,
            known,
            tell: tell.clone(),
            told: None,
            failures: 0,
        };
        let tasks = [
            tokio::task::spawn_local(follow(access, name, publish, tell)),
            tokio::task::spawn_local(copier.run(datastore.current())),
        ];
        Some(Self { tasks, told, record })
    }

    /// The record as it is stored now.
    pub(super) fn stored(&self, record: Option<&Arc<[u8]>>) {
        self.record.send_replace(record.cloned());
    }
}

impl Drop for Labels {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

/// The next thing to log; never one where nothing is copied.
pub(super) async fn next(labels: &mut Option<Labels>) -> Told {
    let told = match labels {
        Some(labels) => labels.told.recv().await,
        None => None,
    };
    match told {
        Some(told) => told,
        None => std::future::pending().await,
    }
}

/// Tells what the API server knows of the node, for as long as anybody listens.
async fn follow(
    access: Access,
    name: String,
    publish: watch::Sender<Option<Known>>,
    tell: mpsc::Sender<Told>,
) {
    let mut failures = 0;
    // Each reason of an outage is told once.
    let mut reason = String::new();
    loop {
        let error = match Followed::begin(&access, &name, PATIENCE).await {
            Ok((node, followed)) => {
                let back = std::mem::take(&mut failures) > 0;
                if back && tell.send(Told::Back).await.is_err() {
                    return;
                }
                changes((node, followed), &name, &publish, &tell).await
            }
            Err(error) => error,
        };
        failures += 1;
        let text = error.to_string();
        if failures == 1 || text != reason {
            reason.clone_from(&text);
            if tell.send(Told::Away(text)).await.is_err() {
                return;
            }
        }
        tokio::time::sleep(pause(failures, PAUSES[0])).await;
    }
}

async fn changes(
    (mut node, mut followed): (Option<Node>, Followed),
    name: &str,
    publish: &watch::Sender<Option<Known>>,
    tell: &mpsc::Sender<Told>,
) -> KubernetesError {
    loop {
        let known = node.map(|node| Known {
            name: name.to_owned(),
            labels: node.metadata.labels(),
        });
        if known.is_none() {
            // Nobody listens any more: the end is near.
            let _ = tell.send(Told::Unknown(name.to_owned())).await;
        }
        // A node reports its state every few seconds, and its labels are the same.
        publish.send_if_modified(|before| {
            let other = *before != known;
            *before = known;
            other
        });
        node = match followed.next().await {
            Ok(node) => node,
            Err(error) => return error,
        };
    }
}

/// Makes the record say what the API server says.
struct Copier {
    node: String,
    stored: watch::Receiver<Option<Arc<[u8]>>>,
    known: watch::Receiver<Option<Known>>,
    tell: mpsc::Sender<Told>,
    /// The last trouble, so that it is told once.
    told: Option<String>,
    failures: u32,
}

impl Copier {
    async fn run<D: store::Datastore>(mut self, current: impl Fn() -> Rc<D>) {
        loop {
            let failures = self.failures;
            let again = async move {
                match failures {
                    0 => std::future::pending().await,
                    failures => tokio::time::sleep(pause(failures, PAUSES[1])).await,
                }
            };
            let open = tokio::select! {
                changed = self.stored.changed() => changed.is_ok(),
                changed = self.known.changed() => changed.is_ok(),
                () = again => true,
            };
            if !open {
                return;
            }
            let told = match self.copy(&*current()).await {
                Ok(copied) => {
                    (self.failures, self.told) = (0, None);
                    copied.map(Told::Copied)
                }
                Err(why) => {
                    self.failures += 1;
                    let new = self.told.as_ref() != Some(&why);
                    self.told = Some(why.clone());
                    new.then_some(Told::Failed(why))
                }
            };
            if let Some(told) = told
                && self.tell.send(told).await.is_err()
            {
                return;
            }
        }
    }

    /// Nothing is read unless what is stored is known to be another.
    async fn copy<D: store::Datastore>(&mut self, store: &D) -> Result<Option<Copied>, String> {
        let (stored, known) = (
            self.stored.borrow_and_update().clone(),
            self.known.borrow_and_update().clone(),
        );
        let (Some(stored), Some(known)) = (stored, known) else {
            return Ok(None);
        };
        // What cannot be read is named by the picture already.
        let Ok(record) = Record::from_bytes(&stored) else {
            return Ok(None);
        };
        if labels::change(&record, &known)
            .map_err(|error| error.to_string())?
            .is_none()
        {
            return Ok(None);
        }
        let decide = |snapshot: &Snapshot| labels::decide(snapshot, &self.node, &known);
        let written = transact(store, labels::reads(&self.node), decide);
        match tokio::time::timeout(PATIENCE, written).await {
            Ok(Ok(copied)) => Ok(copied),
            Ok(Err(TransactError::Decide(error))) => Err(error.to_string()),
            Ok(Err(TransactError::Store(error))) => Err(error.to_string()),
            Err(_) => Err(format!(
                "the datastore has not answered within {} s",
                PATIENCE.as_secs()
            )),
        }
    }
}

impl Daemon {
    pub(super) fn copied(&self, told: Told) {
        match told {
            Told::Copied(copied) => {
                let (set, removed) = (copied.set.join(","), copied.removed.join(","));
                let fields = [("set", set.as_str()), ("removed", removed.as_str())];
                self.log.info("labels of the Kubernetes node are copied", &fields);
            }
            Told::Away(why) => {
                let text = "the node's labels in Kubernetes cannot be followed; they stay as they are here";
                self.log.warning(text, &[("error", &why)]);
            }
            Told::Back => self
                .log
                .info("the node's labels in Kubernetes are followed again", &[]),
            Told::Unknown(name) => {
                let text = "Kubernetes has no such node; labels stay as they are here; under another name it is \
                            kubernetes_node";
                self.log.warning(text, &[("kubernetes_node", &name)]);
            }
            Told::Failed(why) => self
                .log
                .warning("labels of the Kubernetes node are not copied", &[("error", &why)]),
        }
    }
}
