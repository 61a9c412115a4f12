//! Edge: the datastore that the configuration chose, as one type; and this node's memory of having used etcd.
#![expect(
    clippy::disallowed_methods,
    reason = "edge: the marker file, the clock for certificates"
)]

use std::fs::{DirBuilder, OpenOptions};
use std::io::ErrorKind;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::Path;
use std::time::{Duration, SystemTime};

use super::config::{Choice, Dirs};
use super::embedded::{Embedded, EmbeddedWatch};
use super::etcd::{self, Etcd, EtcdWatch};
use super::{Datastore, StoreError, Watch, WatchEvent};
use crate::model::key::Prefix;
use crate::txn::{Commit, Reads, Revision, Snapshot, Txn};

/// etcd or the embedded store.
#[derive(Debug)]
pub enum Store {
    /// Many nodes.
    Etcd(Box<Etcd>),
    /// One node.
    Embedded(Embedded),
}

/// Opens the chosen datastore; `deadline` is for the whole call. etcd is not dialled before the first request.
pub fn open(choice: &Choice, deadline: Duration) -> Result<Store, StoreError> {
    match choice {
        Choice::Etcd(config) => {
            if let Some(marker) = &config.marker {
                mark(marker)?;
            }
            Ok(Store::Etcd(Box::new(Etcd::new(config.clone(), deadline))))
        }
        Choice::Embedded(config) => Ok(Store::Embedded(Embedded::open(&config.path, deadline)?)),
    }
}

/// Whether the chosen datastore could be used, from local facts alone: TLS files that are readable and valid, an
/// embedded store that opens. No endpoint is dialled.
pub fn usable(choice: &Choice) -> Result<(), StoreError> {
    let now = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    match choice {
        Choice::Etcd(config) => etcd::usable(config, now),
        Choice::Embedded(config) => Embedded::open(&config.path, Duration::from_secs(1)).map(|_| ()),
    }
}

/// Whether there is something to open: an embedded store is made by who opens it first. What cannot be told counts as yes.
pub fn is_there(choice: &Choice) -> bool {
    match choice {
        Choice::Etcd(_) => true,
        Choice::Embedded(config) => Embedded::is_there(&config.path),
    }
}

/// Whether this node has used etcd before. What cannot be told counts as yes: the embedded store must not
/// begin beside an etcd that was forgotten.
pub fn used_etcd(dirs: &Dirs) -> bool {
    match dirs.etcd_marker().symlink_metadata() {
        Ok(_) => true,
        Err(error) => !matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory),
    }
}

/// Leaves the mark, once. Creating the empty file is atomic. A state directory that may not be written (an
/// administrator's machine, a read-only root) cannot hold an embedded store either, and needs no mark.
fn mark(marker: &Path) -> Result<(), StoreError> {
    let failed = |error: std::io::Error| {
        if matches!(
            error.kind(),
            ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem
        ) {
            return Ok(());
        }
        Err(StoreError::Config(format!(
            "cannot remember in {} that this node uses etcd: {error}",
            marker.display()
        )))
    };
    if marker.symlink_metadata().is_ok() {
        return Ok(());
    }
    if let Some(dir) = marker.parent()
        && let Err(error) = DirBuilder::new().recursive(true).mode(0o700).create(dir)
    {
        return failed(error);
    }
    let mut options = OpenOptions::new();
    match options.append(true).create(true).mode(0o600).open(marker) {
        Ok(_) => Ok(()),
        Err(error) => failed(error),
    }
}

impl Store {
    /// For a process that does one thing at a time: see [`Embedded::alone`].
    #[must_use]
    pub fn alone(self) -> Self {
        match self {
            Store::Embedded(embedded) => Store::Embedded(embedded.alone()),
            Store::Etcd(etcd) => Store::Etcd(etcd),
        }
    }

    /// The same datastore for another call of this process, which has its own time and counts its own requests: one
    /// connection, one open file. It need not be alone: a write of the embedded store leaves the thread to others.
    #[must_use]
    pub fn beside(&self, limit: Duration) -> Self {
        match self {
            Store::Etcd(etcd) => Store::Etcd(Box::new(etcd.beside(limit))),
            Store::Embedded(embedded) => Store::Embedded(embedded.within(limit)),
        }
    }

    /// Text that names the same datastore on every node of a cluster, for file names and records.
    pub fn identity(&self) -> String {
        match self {
            Store::Etcd(etcd) => etcd.identity(),
            Store::Embedded(embedded) => embedded.identity(),
        }
    }

    /// Makes the connection, where there is one to make, before a lock is taken that others wait for.
    pub async fn dial(&self) {
        if let Store::Etcd(etcd) = self {
            etcd.dial().await;
        }
    }

    /// Requests that were answered.
    pub fn requests(&self) -> u64 {
        match self {
            Store::Etcd(etcd) => etcd.requests(),
            Store::Embedded(embedded) => embedded.requests(),
        }
    }
}

/// A watch on a [`Store`].
#[derive(Debug)]
pub enum StoreWatch {
    /// On etcd.
    Etcd(Box<EtcdWatch>),
    /// On the embedded store.
    Embedded(EmbeddedWatch),
}

impl Watch for StoreWatch {
    async fn next(&mut self) -> Result<WatchEvent, StoreError> {
        match self {
            StoreWatch::Etcd(watch) => watch.next().await,
            StoreWatch::Embedded(watch) => watch.next().await,
        }
    }

    async fn change(&mut self, prefixes: &[Prefix], after: Revision) -> Result<(), StoreError> {
        match self {
            StoreWatch::Etcd(watch) => watch.change(prefixes, after).await,
            StoreWatch::Embedded(watch) => watch.change(prefixes, after).await,
        }
    }
}

impl Datastore for Store {
    type Watch = StoreWatch;

    async fn read(&self, reads: &Reads) -> Result<Snapshot, StoreError> {
        match self {
            Store::Etcd(etcd) => etcd.read(reads).await,
            Store::Embedded(embedded) => embedded.read(reads).await,
        }
    }

    async fn commit(&self, txn: &Txn) -> Result<Commit, StoreError> {
        match self {
            Store::Etcd(etcd) => etcd.commit(txn).await,
            Store::Embedded(embedded) => embedded.commit(txn).await,
        }
    }

    async fn watch(&self, prefixes: &[Prefix], after: Revision) -> Result<StoreWatch, StoreError> {
        Ok(match self {
            Store::Etcd(etcd) => StoreWatch::Etcd(Box::new(etcd.watch(prefixes, after).await?)),
            Store::Embedded(embedded) => StoreWatch::Embedded(embedded.watch(prefixes, after).await?),
        })
    }

    async fn pause(&self, attempt: u32) -> Result<(), StoreError> {
        match self {
            Store::Etcd(etcd) => etcd.pause(attempt).await,
            Store::Embedded(embedded) => embedded.pause(attempt).await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::config::{EmbeddedConfig, EtcdConfig};

    fn etcd(dirs: &Dirs) -> Choice {
        let mut config = EtcdConfig::new(vec!["http://b:1".to_owned(), "http://a:1".to_owned()]);
        config.marker = Some(dirs.etcd_marker());
        Choice::Etcd(config)
    }

    #[test]
    fn a_node_remembers_that_it_has_used_etcd() {
        let temp = tempfile::tempdir().unwrap();
        let dirs = Dirs {
            state: temp.path().join("deep/state"),
            run: temp.path().join("run"),
        };
        assert!(!used_etcd(&dirs));
        for _ in 0..2 {
            let store = open(&etcd(&dirs), Duration::from_secs(1)).unwrap();
            assert_eq!(store.identity(), "http://a:1,http://b:1");
            assert_eq!(store.requests(), 0, "nothing is dialled");
            assert!(used_etcd(&dirs));
        }
    }

    #[test]
    fn the_embedded_store_leaves_no_mark() {
        let temp = tempfile::tempdir().unwrap();
        let dirs = Dirs {
            state: temp.path().to_owned(),
            run: temp.path().to_owned(),
        };
        let choice = Choice::Embedded(EmbeddedConfig { path: dirs.data() });
        let store = open(&choice, Duration::from_secs(180)).unwrap();
        assert_eq!(
            store.identity(),
            dirs.data().canonicalize().unwrap().to_str().unwrap()
        );
        assert!(!used_etcd(&dirs));
    }
}
