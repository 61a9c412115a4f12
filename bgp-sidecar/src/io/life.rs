//! Edge: one sidecar for each node name: a lock on this machine, and a leased key that other machines see.
#![expect(clippy::disallowed_methods, reason = "edge: files, the process id")]

use std::fs;
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;
use std::time::Duration;

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};
use shared::model::key::Key;
use shared::state::nodename;
use shared::store::etcd::{Etcd, Lease};
use shared::store::open::Store;
use shared::store::{Datastore as _, StoreError};
use shared::txn::Reads;
use tokio::time::Instant;

use crate::settings::Settings;

mod identity;

pub(crate) use identity::{Identity, Standing};

/// How long the key outlives its keeper.
pub(crate) const LEASE: Duration = Duration::from_secs(30);
/// The key of an earlier boot ends within [`LEASE`], or, if etcd gets another leader meanwhile, within two of them. One
/// that is there for longer is kept.
const EARLIER: Duration = Duration::from_secs(70);
/// Between two calls of [`Alive::beat`].
pub(crate) const BEAT: Duration = Duration::from_secs(10);

/// This machine's lock on a node's name; held until dropped.
#[derive(Debug)]
pub(crate) struct Lock {
    _file: Flock<fs::File>,
}

/// Takes it, or says who has it.
pub(crate) fn lock(run_dir: &Path, node: &str) -> Result<Lock, String> {
    let path = run_dir.join(format!("sidecar-{node}.lock"));
    let wrong = |error: io::Error| format!("lock {}: {error}", path.display());
    let mut directory = fs::DirBuilder::new();
    directory
        .recursive(true)
        .mode(0o700)
        .create(run_dir)
        .map_err(wrong)?;
    let mut options = fs::OpenOptions::new();
    options
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600);
    let file = options.open(&path).map_err(wrong)?;
    match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
        Ok(mut file) => {
            file.set_len(0).map_err(wrong)?;
            write!(file, "{}", std::process::id()).map_err(wrong)?;
            Ok(Lock { _file: file })
        }
        Err((mut file, Errno::EWOULDBLOCK)) => {
            let mut pid = String::new();
            // Between its lock and its pid it is still nameless.
            let _ = file.read_to_string(&mut pid);
            Err(format!(
                "process {} is the sidecar of node {node} already (lock {}): stop it first, or give this one \
                 another nodename and run_dir",
                if pid.is_empty() { "?" } else { pid.trim() },
                path.display()
            ))
        }
        Err((_, error)) => Err(wrong(error.into())),
    }
}

/// The key that lives as long as the sidecar of a node.
fn alive(node: &str) -> Key {
    Key::stored(format!("/manx/v1/nodes/{node}/alive"))
}

/// Why a beat was missed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Missed {
    /// Another machine speaks for the node.
    #[error("{0}")]
    Refused(String),
    /// The key is still that of this machine's boot before: no reason to wait with anything else.
    #[error("{0}")]
    Waiting(String),
    /// The datastore does not answer: no reason to stop.
    #[error("{0}")]
    Away(String),
}

impl From<StoreError> for Missed {
    fn from(error: StoreError) -> Self {
        Missed::Away(error.to_string())
    }
}

/// Keeps the key.
#[derive(Debug)]
pub(crate) struct Alive {
    node: String,
    identity: Identity,
    lease: Option<Lease>,
    /// Since when an earlier boot's key is seen to stay.
    waiting: Option<Instant>,
    /// How long it may.
    patience: Duration,
}

impl Alive {
    /// No key yet: that is the first beat's.
    pub(crate) fn new(node: &str, identity: Identity) -> Self {
        Self {
            node: node.to_owned(),
            identity,
            lease: None,
            waiting: None,
            patience: EARLIER,
        }
    }

    /// The datastore has not answered: leases begin anew where its leader is another now.
    pub(crate) fn unsure(&mut self) {
        self.waiting = None;
    }

    /// Takes the key, or keeps it; every [`BEAT`]. One that has ended meanwhile is taken anew. The embedded store is
    /// one machine's, and needs none.
    pub(crate) async fn beat(&mut self, store: &Store) -> Result<(), Missed> {
        let beat = match store {
            Store::Etcd(etcd) => self.beat_in(etcd).await,
            Store::Embedded(_) => Ok(()),
        };
        if matches!(beat, Err(Missed::Away(_))) {
            self.unsure();
        }
        beat
    }

    async fn beat_in(&mut self, etcd: &Etcd) -> Result<(), Missed> {
        if let Some(lease) = self.lease {
            if etcd.keep_alive(lease).await? {
                return Ok(());
            }
            self.lease = None;
        }
        let key = alive(&self.node);
        let found = etcd.read(&Reads::new().key(key.clone())).await?;
        let holder = found.get(&key);
        if let Some(holder) = holder {
            self.may_succeed(&holder.value)?;
        }
        let before = holder.map(|holder| holder.revision);
        let value = serde_json::to_vec(&self.identity).map_err(|error| Missed::Away(error.to_string()))?;
        let lease = etcd.grant(LEASE).await?;
        match etcd.put_leased(&key, &value, lease, before).await {
            Ok(true) => {
                self.lease = Some(lease);
                Ok(())
            }
            // The next beat says who was faster.
            Ok(false) => Err(Missed::Away(format!(
                "{key} was taken at this moment: trying again"
            ))),
            Err(error) => Err(error.into()),
        }
    }

    /// Whether this process may take the place of who stands there: of this machine and boot at once. The boot before may
    /// not be kept waiting for: its key ends by itself, or it was no boot before.
    fn may_succeed(&mut self, holder: &[u8]) -> Result<(), Missed> {
        let node = &self.node;
        match self.identity.beside(holder) {
            Standing::Same => Ok(()),
            Standing::Unreadable => Err(Missed::Refused(format!(
                "{} cannot be read; it ends within 30 s",
                alive(node)
            ))),
            Standing::Other(holder) => Err(Missed::Refused(format!(
                "machine {} (boot {}, process {}) speaks for node {node} already: give this one another nodename, or \
                 stop that one; its key ends 30 s later",
                holder.machine_id, holder.boot_id, holder.pid
            ))),
            Standing::Before(holder) => {
                let since = *self.waiting.get_or_insert_with(Instant::now);
                let (machine, boot, pid) = (&holder.machine_id, &holder.boot_id, holder.pid);
                if since.elapsed() < self.patience {
                    let text = format!("{} is still that of boot {boot}, and ends by itself", alive(node));
                    return Err(Missed::Waiting(text));
                }
                Err(Missed::Refused(format!(
                    "machine {machine} speaks for node {node} in another boot too (boot {boot}, process {pid}), and its \
                     key is kept alive: two machines have one machine-id. Give one of them its own (remove \
                     /etc/machine-id, systemd-machine-id-setup) and another nodename"
                )))
            }
        }
    }

    /// Gives the key up: another machine may speak for the node at once.
    pub(crate) async fn end(&mut self, store: &Store) -> Result<(), StoreError> {
        match (store, self.lease.take()) {
            (Store::Etcd(etcd), Some(lease)) => etcd.revoke(lease).await,
            (Store::Etcd(_), None) | (Store::Embedded(_), _) => Ok(()),
        }
    }
}

/// This node's name, in Calico's order, and whether more than the host's own name says so.
pub(crate) fn node_name(settings: &Settings) -> Result<nodename::NodeName, String> {
    let (told, file) = (settings.nodename.as_deref(), &settings.nodename_file);
    nodename::resolve(told, Some(file), None).map_err(|error| error.to_string())
}

/// Writes the name there as Calico does, without a newline; whether it had to.
pub(crate) fn write_node_name(path: &Path, name: &str) -> Result<bool, String> {
    let wrong = |error: io::Error| format!("{}: {error}", path.display());
    if fs::read(path).is_ok_and(|there| there == name.as_bytes()) {
        return Ok(false);
    }
    if let Some(directory) = path.parent() {
        fs::create_dir_all(directory).map_err(wrong)?;
    }
    let mut temporary = path.as_os_str().to_owned();
    temporary.push(".new");
    fs::write(&temporary, name).map_err(wrong)?;
    fs::set_permissions(&temporary, fs::Permissions::from_mode(0o644)).map_err(wrong)?;
    fs::rename(&temporary, path).map_err(wrong)?;
    Ok(true)
}

#[cfg(test)]
mod etcd;
#[cfg(test)]
mod tests;
