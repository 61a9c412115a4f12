//! What somebody wrote under Calico's keys.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use bgp_sidecar::cluster::{Cluster, Data};
use cnictl::life;
use shared::ipam::audit::{self, Around};
use shared::ipam::{AssignRequest, ReleaseRequest, assign, release};
use shared::model::Stored;
use shared::model::affinity::BlockAffinity;
use shared::model::bgp::{BGPConfiguration, BGPPeer};
use shared::model::block::Block;
use shared::model::clusterinformation::ClusterInformation;
use shared::model::handle::Handle;
use shared::model::ipamconfig::{IPAMConfig, IPAMConfiguration};
use shared::model::ippool::IPPool;
use shared::model::ipreservation::IPReservation;
use shared::model::key::{Key, Plural};
use shared::model::node::Node;
use shared::model::workloadendpoint::WorkloadEndpoint;
use shared::store::memory::Memory;
use shared::store::{Datastore as _, transact};
use shared::txn::{Reads, Snapshot};

const NODE: &str = "n1";
const POOL: &str = r#"{"kind":"IPPool","apiVersion":"projectcalico.org/v3","metadata":{"name":"p","uid":"u"},"spec":{"cidr":"10.0.0.0/24","blockSize":29,"nodeSelector":"all()"}}"#;

/// A value; the first octet says under which key it lies. Read as everything, written again, and everybody decides with it.
pub fn stored_value(octets: &[u8]) {
    let Some((place, value)) = octets.split_first() else {
        return;
    };
    read_as_everything(value);
    let store = Memory::new();
    store.put(Key::resource(Plural::IpPools, "p"), POOL);
    if let Some(key) = keys().get(usize::from(*place) % keys().len()) {
        store.put(key.clone(), value);
    }
    alive(&store, value);
    announced(&store);
    let snapshot = ready(store.read(&audit::check_reads())).unwrap_or_default();
    let _ = audit::check(&snapshot, &Around::default());
    taken_and_returned(&store);
}

fn read_as_everything(value: &[u8]) {
    stays::<Block>(value);
    stays::<BlockAffinity>(value);
    stays::<Handle>(value);
    stays::<IPAMConfig>(value);
    stays::<IPAMConfiguration>(value);
    stays::<IPPool>(value);
    stays::<IPReservation>(value);
    stays::<Node>(value);
    stays::<WorkloadEndpoint>(value);
    stays::<ClusterInformation>(value);
    stays::<BGPConfiguration>(value);
    stays::<BGPPeer>(value);
}

/// What is written is read as what it was.
fn stays<T: Stored + PartialEq + Debug>(value: &[u8]) {
    if let Ok(object) = T::from_bytes(value) {
        let again = T::from_bytes(&object.to_bytes());
        assert_eq!(again.ok().as_ref(), Some(&object));
    }
}

/// The keys that the corpus' values lie under, by number.
fn keys() -> Vec<Key> {
    let block = "10.0.0.0/29".parse().map(Key::block);
    let affinity = "10.0.0.0/29".parse().map(|cidr| Key::affinity(NODE, cidr));
    let mut keys: Vec<Key> = block.into_iter().chain(affinity).collect();
    keys.extend([Key::handle("net.c1"), Key::ipam_config()]);
    let resources = [
        (Plural::IpamConfigurations, "default"),
        (Plural::IpPools, "p"),
        (Plural::IpReservations, "r"),
        (Plural::Nodes, NODE),
        (Plural::ClusterInformations, "default"),
        (Plural::BgpConfigurations, "default"),
        (Plural::BgpPeers, "peer"),
        (Plural::BgpFilters, "filter"),
    ];
    keys.extend(resources.map(|(kind, name)| Key::resource(kind, name)));
    keys.push(Key::namespaced(
        Plural::WorkloadEndpoints,
        "default",
        "n1-k8s-a-eth0",
    ));
    keys
}

/// The key by which a node's sidecar shows that it lives.
fn alive(store: &Memory, value: &[u8]) {
    let key = life::key(NODE);
    store.put(key.clone(), value);
    let snapshot = ready(store.read(&Reads::new().key(key.clone()))).unwrap_or_default();
    assert!(!life::lines(&life::Life::of(&snapshot, NODE)).is_empty());
    store.delete(key);
}

fn announced(store: &Memory) {
    let data: Data = store
        .dump()
        .into_iter()
        .map(|(key, entry)| (key, Arc::from(entry.value)))
        .collect();
    let mut cluster = Cluster::new(NODE);
    cluster.take(&data);
    let _ = (cluster.secrets(), cluster.strict());
}

fn taken_and_returned(store: &Memory) {
    let now = jiff::Timestamp::UNIX_EPOCH;
    let told = [("node", NODE), ("timestamp", "1970-01-01 00:00:00 +0000 UTC")];
    let request = AssignRequest {
        host: NODE.to_owned(),
        handle: "net.c1".to_owned(),
        attributes: told
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into(),
        want_v4: true,
        now,
        uid: "u".to_owned(),
        ..AssignRequest::default()
    };
    let decide = |snapshot: &Snapshot| assign::decide(snapshot, &request);
    let taken = ready(transact(store, assign::reads(&request), decide));
    if let Ok(leases) = &taken {
        assert_eq!(leases.len(), 1, "{leases:?}");
    }
    let request = ReleaseRequest {
        host: NODE.to_owned(),
        handles: vec!["net.c1".to_owned()],
        sequences: BTreeMap::new(),
        now,
        ..ReleaseRequest::default()
    };
    let decide = |snapshot: &Snapshot| release::decide(snapshot, &request);
    let _ = ready(transact(store, release::reads(&request), decide));
}

/// A future of the store in memory, which never waits.
#[expect(clippy::panic, reason = "what must not happen panics")]
fn ready<F: Future>(future: F) -> F::Output {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("the store in memory waits"),
    }
}
