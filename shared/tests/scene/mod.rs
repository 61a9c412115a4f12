//! A datastore in memory with the allocator on top, for tests: objects go in as JSON, calls go through
//! `transact`, and what is stored comes out as JSON.

use std::collections::BTreeMap;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use serde_json::Value;
use shared::ipam::audit::{self, Finding};
use shared::ipam::gc::{self, GcRequest};
use shared::ipam::{AssignRequest, IpamError, Lease, ReleaseRequest, Released, assign, check, release};
use shared::model::Stored;
use shared::model::block::Block;
use shared::model::key::{Key, Prefix};
use shared::store::memory::Memory;
use shared::store::{Datastore, TransactError, transact};
use shared::txn::Reads;

/// The datastore of a test.
#[derive(Default)]
pub(crate) struct Scene {
    /// Itself.
    pub(crate) store: Memory,
}

/// A future of the memory store, which never waits.
pub(crate) fn ready<F: Future>(future: F) -> F::Output {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("the memory store never waits"),
    }
}

#[allow(dead_code, reason = "every test binary uses its own part")]
impl Scene {
    /// These keys with these values.
    pub(crate) fn with<'a>(objects: impl IntoIterator<Item = (&'a str, String)>) -> Self {
        let scene = Self::default();
        for (key, value) in objects {
            scene.put(key, value);
        }
        scene
    }

    /// A pool, for `blockSize` and the like with more of its spec.
    pub(crate) fn pool(self, name: &str, cidr: &str, more: Value) -> Self {
        self.pool_again(name, cidr, more);
        self
    }

    /// Writes a pool anew.
    pub(crate) fn pool_again(&self, name: &str, cidr: &str, more: Value) {
        let mut spec = serde_json::json!({"cidr": cidr});
        let fields = more.as_object().cloned().unwrap_or_default();
        spec.as_object_mut().unwrap().extend(fields);
        let pool = serde_json::json!({"kind":"IPPool","apiVersion":"projectcalico.org/v3","metadata":{"name":name,"uid":"u"},"spec":spec});
        self.put(
            &format!("/calico/resources/v3/projectcalico.org/ippools/{name}"),
            pool.to_string(),
        );
    }

    /// Stores a value as another client would.
    pub(crate) fn put(&self, key: &str, value: impl Into<Vec<u8>>) {
        self.store.put(Key::stored(key), value);
    }

    /// A stored value.
    pub(crate) fn get(&self, key: &str) -> Option<Value> {
        let entry = self.store.dump().remove(&Key::stored(key))?;
        Some(serde_json::from_slice(&entry.value).unwrap())
    }

    /// Every key below `/calico/ipam/`.
    pub(crate) fn keys(&self) -> Vec<String> {
        let dump = self.store.dump();
        let keys = dump.keys().map(|key| key.as_str().to_owned());
        keys.filter(|key| key.starts_with("/calico/ipam/")).collect()
    }

    /// Everything stored, as JSON.
    pub(crate) fn world(&self) -> BTreeMap<String, Value> {
        let json = |bytes: &[u8]| serde_json::from_slice(bytes).unwrap();
        let dump = self.store.dump();
        dump.iter()
            .map(|(key, entry)| (key.as_str().to_owned(), json(&entry.value)))
            .collect()
    }

    pub(crate) fn assign(&self, request: &AssignRequest) -> Result<Vec<Lease>, IpamError> {
        let decide = |snapshot: &_| assign::decide(snapshot, request);
        outcome(ready(transact(&self.store, assign::reads(request), decide)))
    }

    pub(crate) fn release(&self, request: &ReleaseRequest) -> Result<Released, IpamError> {
        let decide = |snapshot: &_| release::decide(snapshot, request);
        outcome(ready(transact(&self.store, release::reads(request), decide)))
    }

    /// One step of a collection.
    pub(crate) fn collect(&self, request: &GcRequest) -> Result<Released, IpamError> {
        let decide = |snapshot: &_| gc::decide(snapshot, request);
        outcome(ready(transact(&self.store, gc::reads(request), decide)))
    }

    pub(crate) fn missing(&self, handle: &str, addresses: &[std::net::IpAddr]) -> Vec<std::net::IpAddr> {
        let decide = |snapshot: &_| check::decide(snapshot, handle, addresses);
        outcome(ready(transact(
            &self.store,
            check::reads(handle, addresses),
            decide,
        )))
        .unwrap()
    }

    /// Every block.
    pub(crate) fn blocks(&self) -> Vec<Block> {
        let dump = self.store.dump();
        let blocks = dump
            .iter()
            .filter(|(key, _)| key.as_str().contains("/assignment/"));
        blocks
            .map(|(_, entry)| Block::from_bytes(&entry.value).unwrap())
            .collect()
    }

    pub(crate) fn audit(&self) -> Vec<Finding> {
        audit::audit(&ready(self.store.read(&audit::reads())).unwrap())
    }

    /// How many requests a call makes.
    pub(crate) fn requests<T>(&self, call: impl FnOnce(&Self) -> T) -> (T, u64) {
        let before = self.store.requests();
        let result = call(self);
        (result, self.store.requests() - before)
    }

    /// Bytes of the values a read brings.
    pub(crate) fn bytes(&self, reads: &Reads) -> usize {
        let snapshot = ready(self.store.read(reads)).unwrap();
        let all = Prefix::stored("/");
        snapshot
            .under(&all)
            .map(|(key, entry)| key.as_str().len() + entry.value.len())
            .sum()
    }
}

fn outcome<T>(result: Result<T, TransactError<IpamError>>) -> Result<T, IpamError> {
    match result {
        Ok(outcome) => Ok(outcome),
        Err(TransactError::Decide(error)) => Err(error),
        Err(TransactError::Store(error)) => panic!("the memory store failed: {error}"),
    }
}

/// One IPv4 address for container `n` of network `net` on a host.
#[allow(dead_code, reason = "every test binary uses its own part")]
pub(crate) fn wanted(host: &str, n: u32) -> AssignRequest {
    let time = format!("2026-11-22 16:12:{:02}.{n:09} +0000 UTC", n % 60);
    AssignRequest {
        host: host.to_owned(),
        handle: format!("net.c{n}"),
        attributes: [("node", host), ("timestamp", &time)]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into(),
        want_v4: true,
        now: "2026-11-22T16:12:47.5Z".parse().unwrap(),
        uid: format!("uid-of-{host}"),
        ..AssignRequest::default()
    }
}

/// Everything of container `n`.
#[allow(dead_code, reason = "every test binary uses its own part")]
pub(crate) fn returned(host: &str, n: u32) -> ReleaseRequest {
    ReleaseRequest {
        host: host.to_owned(),
        handles: vec![format!("net.c{n}")],
        now: "2026-11-22T16:13:00Z".parse().unwrap(),
        ..ReleaseRequest::default()
    }
}
