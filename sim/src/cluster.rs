//! The cluster: a datastore in memory, nodes, pods, a clock. Every ADD and DEL is the plugins' own decision.

use std::collections::BTreeMap;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use ipnet::IpNet;
use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use shared::ipam::{AssignRequest, Lease, ReleaseRequest, assign, is_roomy, release, singles};
use shared::model::key::{Key, Plural, Prefix};
use shared::store::memory::Memory;
use shared::store::{Datastore as _, TransactError, Transacted, transact_from};
use shared::txn::{Reads, Snapshot};

use crate::tally::Tally;

/// 2026-01-01, when the first second begins.
const EPOCH: i64 = 1_767_225_600;
/// As etcd is compacted: nothing here watches.
const COMPACT: u64 = 256;
/// A workload endpoint record of a Kubernetes pod with five labels, key and value.
pub const RECORD: u64 = 1_100;

/// How addresses are given out.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The one pool.
    pub pool: String,
    /// Prefix length of its blocks.
    pub block: u8,
    /// Whether nodes keep to their own blocks.
    pub strict: bool,
    /// How many of them a node may have.
    pub limit: u32,
}

/// A pod that runs.
#[derive(Clone, Debug)]
pub struct Pod {
    /// Its node.
    pub node: usize,
    handle: String,
    block: IpNet,
}

/// See the module.
pub struct Cluster {
    /// Where everything is.
    pub store: Memory,
    /// What the datastore was asked for since it was last taken away.
    pub tally: Tally,
    /// Seconds since the beginning.
    pub now: u64,
    /// Everybody who runs, by number.
    pub pods: BTreeMap<u64, Pod>,
    /// ADDs that found no address.
    pub refused: u64,
    last: Vec<Vec<Lease>>,
    born: u64,
}

impl Cluster {
    /// An empty one with this many nodes.
    pub fn new(nodes: usize, plan: &Plan) -> Self {
        let store = Memory::new();
        let pool = json!({"kind": "IPPool", "apiVersion": "projectcalico.org/v3", "metadata": {"name": "pods", "uid": "pods"},
            "spec": {"cidr": plan.pool, "blockSize": plan.block, "nodeSelector": "all()"}});
        store.put(
            Key::resource(Plural::IpPools, "pods"),
            pool.to_string().into_bytes(),
        );
        let settings = json!({"strict_affinity": plan.strict, "auto_allocate_blocks": true, "maxBlocksPerHost": plan.limit});
        store.put(Key::ipam_config(), settings.to_string().into_bytes());
        Self {
            store,
            tally: Tally::default(),
            now: 0,
            pods: BTreeMap::new(),
            refused: 0,
            last: vec![Vec::new(); nodes],
            born: 0,
        }
    }

    /// How many nodes there are.
    pub fn nodes(&self) -> usize {
        self.last.len()
    }

    fn time(&self) -> Result<Timestamp, String> {
        // Two calls of one second are never the same time.
        let nanoseconds = i64::try_from(self.born % 1_000_000_000).unwrap_or_default();
        let since =
            SignedDuration::new(EPOCH + self.now.cast_signed(), 0) + SignedDuration::from_nanos(nanoseconds);
        Timestamp::from_duration(since).map_err(|error| error.to_string())
    }

    /// What the newest pod's ADD asks for, on a node.
    fn request(&self, node: usize) -> Result<AssignRequest, String> {
        let (now, host) = (self.time()?, name(node));
        let handle = format!("k8s-pod-network.{:064x}", self.born);
        let pod = format!("web-{:08x}-{:05}", self.born / 8, self.born % 100_000);
        let told = [
            ("namespace", "default".to_owned()),
            ("node", host.clone()),
            ("pod", pod),
            ("timestamp", now.to_string()),
        ];
        let before = &self.last[node];
        Ok(AssignRequest {
            host: host.clone(),
            handle,
            attributes: told.map(|(name, value)| (name.to_owned(), value)).into(),
            want_v4: true,
            now,
            kubernetes: true,
            uid: host,
            hint_blocks: before
                .iter()
                .filter(|lease| lease.more)
                .map(|lease| lease.block)
                .collect(),
            roomy: !before.is_empty() && is_roomy(before),
            after: singles(before),
            ..AssignRequest::default()
        })
    }

    /// ADD of a new pod; whether there was an address for it.
    pub fn add(&mut self, node: usize) -> Result<bool, String> {
        self.born += 1;
        let request = self.request(node)?;
        let decide = |snapshot: &Snapshot| assign::decide(snapshot, &request);
        let done = ready(transact_from(&self.store, assign::reads(&request), None, decide))?;
        let leases = match done {
            Ok(done) => self.written(done),
            Err(TransactError::Decide(error)) if (140..170).contains(&error.code()) => {
                self.refused += 1;
                return Ok(false);
            }
            Err(error) => return Err(format!("{}: {error}", request.host)),
        };
        self.tally.beside(self.now, RECORD);
        let block = leases.first().map(|lease| lease.block);
        let block = block.ok_or_else(|| format!("{}: an ADD without an address", request.host))?;
        self.last[node] = leases;
        let handle = request.handle;
        self.pods.insert(self.born, Pod { node, handle, block });
        Ok(true)
    }

    /// DEL.
    pub fn del(&mut self, number: u64) -> Result<(), String> {
        let Some(pod) = self.pods.remove(&number) else {
            return Err(format!("pod {number} does not run"));
        };
        self.born += 1;
        let request = ReleaseRequest {
            host: name(pod.node),
            handles: vec![pod.handle],
            hint_blocks: vec![pod.block],
            now: self.time()?,
            ..ReleaseRequest::default()
        };
        let decide = |snapshot: &Snapshot| release::decide(snapshot, &request);
        let done = ready(transact_from(&self.store, release::reads(&request), None, decide))?;
        let done = done.map_err(|error| format!("{}: {error}", request.host))?;
        self.written(done);
        self.tally.beside(self.now, 0);
        Ok(())
    }

    fn written<T>(&mut self, done: Transacted<T>) -> T {
        if let Some((txn, revision)) = done.written {
            self.tally.take(self.now, &txn);
            if revision.0.is_multiple_of(COMPACT) {
                self.store.compact(revision);
            }
        }
        done.outcome
    }

    /// Everything below some prefixes.
    pub fn read(&self, prefixes: impl IntoIterator<Item = Prefix>) -> Result<Snapshot, String> {
        let reads = prefixes.into_iter().fold(Reads::new(), Reads::prefix);
        ready(self.store.read(&reads))?.map_err(|error| error.to_string())
    }

    /// Who runs on a node.
    pub fn on(&self, nodes: impl Fn(usize) -> bool) -> Vec<u64> {
        let here = self.pods.iter().filter(|(_, pod)| nodes(pod.node));
        here.map(|(number, _)| *number).collect()
    }
}

/// A node's name.
pub fn name(node: usize) -> String {
    format!("worker{node:05}")
}

/// A future of the store in memory, which never waits.
fn ready<F: Future>(future: F) -> Result<F::Output, String> {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => Ok(output),
        Poll::Pending => Err("the store in memory waits".to_owned()),
    }
}
