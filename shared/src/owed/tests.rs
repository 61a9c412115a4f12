//! What is owed, paid into the datastore in memory.

use serde_json::{Value, json};

use super::*;
use crate::ipam::{AssignRequest, Lease, assign};
use crate::model::clusterinformation::ClusterInformation;
use crate::model::key::{Key, Prefix};
use crate::state::attachment::Id;
use crate::state::spool::Owed;
use crate::store::memory::{Fault, Memory};
use crate::store::transact;
use crate::txn::Reads;

const RECORD: &str = "/calico/resources/v3/projectcalico.org/workloadendpoints/default/n1-cni-c1-eth0";

/// A cluster, a pool, and a node's directories.
struct Scene {
    store: Memory,
    dirs: Dirs,
    log: Log,
    _root: tempfile::TempDir,
}

fn scene(guid: &str) -> Scene {
    let root = tempfile::tempdir().unwrap();
    let scene = Scene {
        store: Memory::new(),
        dirs: Dirs {
            state: root.path().join("s"),
            run: root.path().join("r"),
        },
        log: Log::default(),
        _root: root,
    };
    scene.cluster(guid, true);
    let pool = json!({"kind": "IPPool", "apiVersion": "projectcalico.org/v3", "metadata": {"name": "p"},
        "spec": {"cidr": "10.0.0.0/24", "blockSize": 26, "nodeSelector": "all()"}});
    scene.put("/calico/resources/v3/projectcalico.org/ippools/p", &pool);
    scene
}

fn file(guid: &str) -> Attachment {
    Attachment {
        id: Id {
            store: "here".to_owned(),
            node: "n1".to_owned(),
            network: "net".to_owned(),
            container: "c1".to_owned(),
            ifname: "eth0".to_owned(),
        },
        cluster: Some(guid.to_owned()),
        ..Attachment::default()
    }
}

impl Scene {
    fn put(&self, key: &str, value: &Value) {
        self.store.put(Key::stored(key), value.to_string());
    }

    fn cluster(&self, guid: &str, ready: bool) {
        let value = json!({"kind": "ClusterInformation", "apiVersion": "projectcalico.org/v3",
            "metadata": {"name": "default"}, "spec": {"clusterGUID": guid, "datastoreReady": ready}});
        self.put(ClusterInformation::only_key().as_str(), &value);
    }

    fn payer(&self) -> Payer<'_, Memory> {
        Payer {
            store: &self.store,
            identity: "here".to_owned(),
            node: "n1",
            dirs: &self.dirs,
            log: &self.log,
            now: Timestamp::UNIX_EPOCH,
            host_lock: None,
        }
    }

    fn owe(&self, side: Side, attachment: Attachment) {
        let owed = Owed { attachment, since: 7 };
        spool::keep(&self.dirs, side, &owed).unwrap();
    }

    async fn assign(&self, container: &str) -> Lease {
        let request = AssignRequest {
            host: "n1".to_owned(),
            handle: format!("net.{container}"),
            attributes: [("timestamp".to_owned(), container.to_owned())].into(),
            want_v4: true,
            uid: "u".to_owned(),
            ..AssignRequest::default()
        };
        let leases = transact(&self.store, assign::reads(&request), |snapshot| {
            assign::decide(snapshot, &request)
        });
        leases.await.unwrap().remove(0)
    }

    fn handles(&self) -> usize {
        let prefix = Prefix::stored("/calico/ipam/v2/handle/");
        self.store.dump().keys().filter(|key| prefix.holds(key)).count()
    }

    fn record(&self, container: &str) {
        let value = json!({"kind": "WorkloadEndpoint", "apiVersion": "projectcalico.org/v3",
            "metadata": {"name": "n1-cni-c1-eth0", "namespace": "default"}, "spec": {"containerID": container}});
        self.put(RECORD, &value);
    }

    async fn has_record(&self) -> bool {
        let key = Key::stored(RECORD);
        let snapshot = self.store.read(&Reads::new().key(key.clone())).await.unwrap();
        snapshot.get(&key).is_some()
    }

    /// An address of the container, and its release owed to a cluster.
    async fn owed_release(&self, guid: &str) {
        let lease = self.assign("c1").await;
        let held = Attachment {
            handles: vec!["net.c1".to_owned()],
            blocks: vec![lease.block],
            sequences: [(lease.address, lease.sequence)].into(),
            ..file(guid)
        };
        self.owe(Side::Ipam, held);
    }
}

#[tokio::test(flavor = "current_thread")]
async fn an_address_goes_back_once_and_the_file_with_it() {
    let scene = scene("g1");
    scene.owed_release("g1").await;
    let paid = scene.payer().settle(Side::Ipam, 20).await.unwrap();
    assert_eq!((paid.paid, paid.kept, paid.away), (1, 0, false));
    assert_eq!((scene.handles(), spool::depth(&scene.dirs)), (0, 0));
    assert_eq!(scene.payer().settle(Side::Ipam, 20).await, Ok(Settled::default()));
}

#[tokio::test(flavor = "current_thread")]
async fn another_clusters_release_stays_and_is_told_apart() {
    let scene = scene("g1");
    scene.owed_release("g2").await;
    assert_eq!(scene.payer().settle(Side::Ipam, 20).await, Ok(Settled::default()));
    assert_eq!((scene.handles(), spool::depth(&scene.dirs)), (1, 1));
    let others = spool::owed_to_others(&scene.dirs, ("here", Some("g1")));
    assert_eq!(others.len(), 1);
    assert!(others[0].name().ends_with("-net.c1.eth0.ipam.json"), "{others:?}");
    // The cluster is exchanged between the list and the release.
    let spooled = others.into_iter().next().unwrap();
    let outcome = scene.payer().carry_out(Side::Ipam, spooled).await;
    assert_eq!(outcome, Ok(Outcome::Foreign));
    assert_eq!((scene.handles(), spool::depth(&scene.dirs)), (1, 1));
}

#[tokio::test(flavor = "current_thread")]
async fn what_was_allocated_since_is_spared() {
    let scene = scene("g1");
    let lease = scene.assign("c1").await;
    let held = Attachment {
        handles: vec!["net.c1".to_owned()],
        blocks: vec![lease.block],
        sequences: [(lease.address, lease.sequence + 1)].into(),
        ..file("g1")
    };
    scene.owe(Side::Ipam, held);
    assert_eq!(scene.payer().settle(Side::Ipam, 20).await.unwrap().paid, 1);
    assert_eq!((scene.handles(), spool::depth(&scene.dirs)), (1, 0));
}

#[tokio::test(flavor = "current_thread")]
async fn a_running_call_about_the_container_is_left_alone() {
    let scene = scene("g1");
    scene.owed_release("g1").await;
    let turn = lock::attachment_if_free(&scene.dirs, Side::Ipam, ["net", "c1", "eth0"]);
    let held = scene.payer().settle(Side::Ipam, 20).await.unwrap();
    assert_eq!((held.paid, held.kept), (0, 1));
    drop(turn);
    assert_eq!(scene.payer().settle(Side::Ipam, 20).await.unwrap().paid, 1);
}

#[tokio::test(flavor = "current_thread")]
async fn a_datastore_that_goes_away_ends_the_payment_and_keeps_the_rest() {
    let scene = scene("g1");
    scene.owed_release("g1").await;
    scene.store.inject(Fault::Unreachable);
    let away = scene.payer().settle(Side::Ipam, 20).await.unwrap();
    assert_eq!((away.paid, away.kept, away.away), (0, 1, true));
    assert_eq!(spool::depth(&scene.dirs), 1);
    assert_eq!(scene.payer().settle(Side::Ipam, 20).await.unwrap().paid, 1);
}

#[tokio::test(flavor = "current_thread")]
async fn a_record_goes_only_while_it_names_the_container_and_the_datastore_is_ready() {
    for (names, goes) in [("c1", true), ("newer", false)] {
        let scene = scene("g1");
        scene.record(names);
        let held = Attachment {
            record: Some(RECORD.to_owned()),
            ..file("g1")
        };
        scene.owe(Side::Net, held);
        scene.cluster("g1", false);
        assert_eq!(scene.payer().settle(Side::Net, 20).await, Ok(Settled::default()));
        assert!(
            scene.has_record().await && spool::depth(&scene.dirs) == 1,
            "locked"
        );
        scene.cluster("g1", true);
        assert_eq!(scene.payer().settle(Side::Net, 20).await.unwrap().paid, 1);
        assert_eq!((!scene.has_record().await, spool::depth(&scene.dirs)), (goes, 0));
    }
}

#[tokio::test(flavor = "current_thread")]
async fn only_so_many_are_paid_at_a_time() {
    let scene = scene("g1");
    for number in 0..3 {
        let mut held = file("g1");
        held.id.container = format!("c{number}");
        held.handles = vec![format!("net.c{number}")];
        scene.owe(Side::Ipam, held);
    }
    assert_eq!(scene.payer().settle(Side::Ipam, 2).await.unwrap().paid, 2);
    assert_eq!(spool::depth(&scene.dirs), 1);
}
