//! How full the pools are, counted for all nodes by one: who holds a leased key counts, every few minutes and beside the
//! loop, with two requests.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use shared::ipam::usage;
use shared::model::Stored as _;
use shared::model::ippool::IPPool;
use shared::model::key::{Key, Plural, Prefix};
use shared::store::etcd::{Etcd, Lease};
use shared::store::open::Store;
use shared::store::{Datastore as _, StoreError};
use shared::txn::Reads;
use tokio::task::JoinHandle;

use crate::io::datastore::Datastore;
use crate::io::life::{Identity, Standing};
use crate::shown::Pool;

/// The key of the node that counts.
const KEY: &str = "/manx/v1/pools/counter";
/// Between two counts.
const PAUSE: Duration = Duration::from_secs(300);
/// The key outlives two counts that fail; then another node counts.
const LEASE: Duration = Duration::from_secs(700);
/// After a count that failed.
const AGAIN: Duration = Duration::from_secs(30);
/// What one may take.
const PATIENCE: Duration = Duration::from_secs(20);

type Pools = BTreeMap<String, Pool>;

/// The task; gone with its value.
pub(super) struct Counter {
    task: JoinHandle<()>,
    known: Rc<RefCell<Pools>>,
}

impl Counter {
    /// Begins at once.
    pub(super) fn start(identity: Identity, datastore: &Datastore) -> Self {
        let known = Rc::new(RefCell::new(Pools::new()));
        let (found, current) = (Rc::clone(&known), datastore.current());
        let task = tokio::task::spawn_local(async move {
            let mut turn = Turn {
                identity,
                lease: None,
            };
            loop {
                let store = current();
                let counted = tokio::time::timeout(PATIENCE, turn.count(&store)).await;
                let pause = match counted {
                    Ok(Ok(pools)) => {
                        found.replace(pools);
                        PAUSE
                    }
                    // What was counted last goes on counting.
                    Ok(Err(_)) | Err(_) => AGAIN,
                };
                tokio::time::sleep(pause).await;
            }
        });
        Self { task, known }
    }

    /// What was counted last; nothing where another node counts.
    pub(super) fn known(&self) -> Pools {
        self.known.borrow().clone()
    }
}

impl Drop for Counter {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Whether it is this node's turn.
struct Turn {
    identity: Identity,
    lease: Option<Lease>,
}

impl Turn {
    async fn count(&mut self, store: &Store) -> Result<Pools, StoreError> {
        let ours = match store {
            Store::Etcd(etcd) => self.holds(etcd).await?,
            Store::Embedded(_) => true,
        };
        match ours {
            true => count(store).await,
            false => Ok(Pools::new()),
        }
    }

    /// Keeps the key, or takes it where nobody has it.
    async fn holds(&mut self, etcd: &Etcd) -> Result<bool, StoreError> {
        if let Some(lease) = self.lease {
            if etcd.keep_alive(lease).await? {
                return Ok(true);
            }
            self.lease = None;
        }
        let key = Key::stored(KEY);
        let found = etcd.read(&Reads::new().key(key.clone())).await?;
        let holder = found.get(&key);
        let free = holder.is_none_or(|holder| self.identity.beside(&holder.value) == Standing::Same);
        if !free {
            return Ok(false);
        }
        let before = holder.map(|holder| holder.revision);
        let value = serde_json::to_vec(&self.identity).unwrap_or_default();
        let lease = etcd.grant(LEASE).await?;
        let taken = etcd.put_leased(&key, &value, lease, before).await?;
        match taken {
            true => self.lease = Some(lease),
            // Somebody was faster; what was granted is not needed.
            false => etcd.revoke(lease).await?,
        }
        Ok(taken)
    }
}

/// The pools, and then the keys of their blocks, counted.
async fn count(store: &Store) -> Result<Pools, StoreError> {
    let prefix = Prefix::resources(Plural::IpPools);
    let snapshot = store.read(&Reads::new().prefix(prefix.clone())).await?;
    let pools = snapshot.under(&prefix);
    let pools: Vec<IPPool> = pools
        .filter_map(|(_, entry)| IPPool::from_bytes(&entry.value).ok())
        .collect();
    let counts = store.read(&usage::reads(&pools)).await?;
    let one = |pool: &IPPool| {
        let usage = usage::of(pool, &pools, &counts);
        let shown = Pool {
            cidr: pool.cidr().to_string(),
            size: usage.addresses,
            used: usage.held,
        };
        (pool.name().to_owned(), shown)
    };
    Ok(pools.iter().map(one).collect())
}
