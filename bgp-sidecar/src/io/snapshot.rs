//! Edge: the last good data as a file, so that a start without the datastore goes on where the last one ended.
//!
//! A thread of its own writes it, at most once a second and at the end: nothing waits for the disk. The file is
//! replaced by rename when it is on the disk: it is whole or the one before.
#![expect(clippy::disallowed_methods, reason = "edge: files, the time of writing")]

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use shared::model::key::Key;
use shared::txn::Revision;

use crate::cluster::Data;

/// Between two files.
const PAUSE: Duration = Duration::from_secs(1);
/// Of the format.
const VERSION: u32 = 1;

/// What is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Saved {
    /// Of the cluster.
    pub(crate) guid: Option<String>,
    /// Of the data.
    pub(crate) revision: Revision,
    /// When it was current.
    pub(crate) time: Timestamp,
    /// Everything in scope.
    pub(crate) data: Arc<Data>,
}

#[derive(Serialize, Deserialize)]
struct Document {
    version: u32,
    node: String,
    store: String,
    guid: Option<String>,
    revision: u64,
    /// RFC 3339.
    time: String,
    keys: BTreeMap<String, Value>,
}

/// JSON is text; what is none is kept all the same.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Value {
    Text(String),
    Bytes(Vec<u8>),
}

/// Whose data it is.
#[derive(Clone, Debug)]
pub(crate) struct Name {
    node: String,
    store: String,
    path: PathBuf,
}

impl Name {
    /// `store` is [`shared::store::open::Store::identity`].
    pub(crate) fn new(state_dir: &Path, node: &str, store: &str) -> Self {
        let digest = Sha256::digest([node, store].join("\0").as_bytes());
        let digest = digest
            .iter()
            .fold(String::new(), |text, byte| text + &format!("{byte:02x}"));
        Self {
            node: node.to_owned(),
            store: store.to_owned(),
            path: state_dir.join("sidecar").join(digest + ".json"),
        }
    }

    /// What was saved last; `None` if there is nothing. A file that cannot be used is an error with its path.
    pub(crate) fn load(&self) -> Result<Option<Saved>, String> {
        let text = match fs::read(&self.path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(self.wrong(&error)),
        };
        let document: Document = serde_json::from_slice(&text).map_err(|error| self.wrong(&error))?;
        if document.version != VERSION || document.node != self.node || document.store != self.store {
            return Err(self.wrong(&"it is of another version, node or datastore"));
        }
        let keys = document.keys.into_iter().map(|(key, value)| {
            let value = match value {
                Value::Text(text) => text.into_bytes(),
                Value::Bytes(bytes) => bytes,
            };
            (Key::stored(key), value.into())
        });
        Ok(Some(Saved {
            guid: document.guid,
            revision: Revision(document.revision),
            time: document.time.parse().map_err(|error| self.wrong(&error))?,
            data: Arc::new(keys.collect()),
        }))
    }

    fn save(&self, saved: &Saved) -> Result<(), String> {
        let keys = saved.data.iter().map(|(key, value)| {
            let value = match std::str::from_utf8(value) {
                Ok(text) => Value::Text(text.to_owned()),
                Err(_) => Value::Bytes(value.to_vec()),
            };
            (key.to_string(), value)
        });
        let document = Document {
            version: VERSION,
            node: self.node.clone(),
            store: self.store.clone(),
            guid: saved.guid.clone(),
            revision: saved.revision.0,
            time: saved.time.to_string(),
            keys: keys.collect(),
        };
        let text = serde_json::to_vec(&document).map_err(|error| self.wrong(&error))?;
        replace(&self.path, &text).map_err(|error| self.wrong(&error))
    }

    fn wrong(&self, error: &dyn std::fmt::Display) -> String {
        format!("snapshot {}: {error}", self.path.display())
    }
}

/// On the disk before it has its name. 0600, below 0700.
fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let directory = path.parent().unwrap_or(Path::new("/"));
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(directory)?;
    let temporary = path.with_extension("json.new");
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&temporary)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&temporary, path)?;
    fs::File::open(directory)?.sync_all()
}

/// The thread that writes.
#[derive(Debug)]
pub(crate) struct Keeper {
    orders: Option<Sender<Saved>>,
    thread: Option<JoinHandle<()>>,
    failure: Arc<Mutex<Option<String>>>,
}

impl Keeper {
    /// Starts it.
    pub(crate) fn start(name: Name) -> io::Result<Self> {
        let (orders, inbox) = channel();
        let failure: Arc<Mutex<Option<String>>> = Arc::default();
        let told = Arc::clone(&failure);
        let body = move || {
            work(&inbox, |saved| {
                let outcome = name.save(saved).err();
                *told.lock().unwrap_or_else(PoisonError::into_inner) = outcome;
            });
        };
        let thread = std::thread::Builder::new()
            .name("snapshot".to_owned())
            .spawn(body)?;
        Ok(Self {
            orders: Some(orders),
            thread: Some(thread),
            failure,
        })
    }

    /// Keeps this instead of what was kept before. Does not wait.
    pub(crate) fn save(&self, saved: Saved) {
        if let Some(orders) = &self.orders {
            // Its thread ends only with the sender.
            let _ = orders.send(saved);
        }
    }

    /// Why the last file could not be written, if it could not.
    pub(crate) fn failure(&self) -> Option<String> {
        self.failure
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Writes what is left, and ends.
    pub(crate) fn close(mut self) -> Option<String> {
        self.end();
        self.failure()
    }

    fn end(&mut self) {
        self.orders = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        self.end();
    }
}

/// Saves the newest, with a pause after each.
fn work(inbox: &Receiver<Saved>, mut save: impl FnMut(&Saved)) {
    let mut next = inbox.recv().ok();
    while let Some(saved) = next.take() {
        save(&inbox.try_iter().last().unwrap_or(saved));
        let end = Instant::now() + PAUSE;
        let left = || end.saturating_duration_since(Instant::now());
        while let Ok(saved) = inbox.recv_timeout(left()) {
            next = Some(saved);
        }
        next = next.or_else(|| inbox.recv().ok());
    }
}

#[cfg(test)]
mod tests;
