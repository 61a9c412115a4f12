//! An ADD that decides from what the last one knew: one request, and never from anything that is no longer so.

use shared::ipam::{AssignError, AssignRequest, Lease, assign};
use shared::model::handle::cut;
use shared::model::key::Key;
use shared::store::memory::{Fault, Memory};
use shared::store::{Datastore as _, Remembered, TransactError, Transacted, transact_from};
use shared::txn::{Guard, Memo, Range, Reads, Snapshot, Txn, Write};

const CLUSTER: &str = "/calico/resources/v3/projectcalico.org/clusterinformations/default";
const POOL: &str = "/calico/resources/v3/projectcalico.org/ippools/p";
const CONFIG: &str = "/calico/ipam/v2/config";

fn pool(cidr: &str, more: &str) -> String {
    let name = cidr.replace(['.', '/'], "-");
    format!(
        r#"{{"kind":"IPPool","apiVersion":"projectcalico.org/v3","metadata":{{"name":"p{name}"}},
        "spec":{{"cidr":"{cidr}","blockSize":30,"nodeSelector":"all()"{more}}}}}"#
    )
}

fn cluster(guid: &str) -> String {
    format!(r#"{{"kind":"ClusterInformation","spec":{{"clusterGUID":"{guid}","datastoreReady":true}}}}"#)
}

fn store() -> Memory {
    let store = Memory::new();
    store.put(Key::stored(CLUSTER), cluster("one").as_bytes());
    store.put(Key::stored(POOL), pool("10.0.0.0/28", "").as_bytes());
    store
}

fn request(container: &str, blocks: &[Lease]) -> AssignRequest {
    AssignRequest {
        host: "n1".to_owned(),
        handle: format!("net.{container}"),
        attributes: [("timestamp".to_owned(), container.to_owned())].into(),
        want_v4: true,
        uid: "u".to_owned(),
        hint_blocks: blocks.iter().map(|lease| lease.block).collect(),
        roomy: !blocks.is_empty(),
        ..AssignRequest::default()
    }
}

fn reads(request: &AssignRequest) -> Reads {
    assign::reads(request).key(Key::stored(CLUSTER))
}

type Outcome = Result<Transacted<Vec<Lease>>, TransactError<AssignError>>;

async fn add(store: &Memory, request: &AssignRequest, memo: Option<Memo>) -> Outcome {
    let known = memo.map(|memo| {
        let mut snapshot = memo.snapshot();
        let origin = snapshot.get(&Key::stored(CLUSTER)).unwrap().value.clone();
        snapshot.expect_absent(Key::handle(cut(&request.handle)));
        let origin = Guard::Holds(Key::stored(CLUSTER), origin);
        Remembered { snapshot, origin }
    });
    let decide = |snapshot: &Snapshot| assign::decide(snapshot, request);
    transact_from(store, reads(request), known, decide).await
}

/// Two ADDs, the second with the first one's block as a hint: what it knew afterwards.
async fn warm(store: &Memory) -> (Memo, Vec<Lease>) {
    let first = add(store, &request("c1", &[]), None).await.unwrap().outcome;
    let second = add(store, &request("c2", &first), None).await.unwrap();
    let next = request("c3", &first);
    let mut wanted = reads(&next);
    wanted
        .ranges
        .retain(|range| *range != Range::Key(Key::handle(&next.handle)));
    (Memo::of(&second.snapshot, &wanted).unwrap(), first)
}

#[tokio::test(flavor = "current_thread")]
async fn a_warm_add_is_one_request_and_the_next_one_too() {
    let store = store();
    let (memo, block) = warm(&store).await;
    let text = serde_json::to_string(&memo).unwrap();
    let memo: Memo = serde_json::from_str(&text).unwrap();
    let before = store.requests();
    let third = add(&store, &request("c3", &block), Some(memo)).await.unwrap();
    assert_eq!(store.requests() - before, 1);
    let mut wanted = reads(&request("c4", &block));
    wanted
        .ranges
        .retain(|range| *range != Range::Key(Key::handle("net.c4")));
    let memo = Memo::of(&third.snapshot, &wanted).unwrap();
    let fourth = add(&store, &request("c4", &block), Some(memo)).await.unwrap();
    assert_eq!(store.requests() - before, 2);
    assert_ne!(third.outcome[0].address, fourth.outcome[0].address);
    assert_eq!(third.outcome[0].block, fourth.outcome[0].block);
}

/// What happens between two ADDs, the first of which had this block.
fn happens(what: &str, store: &Memory, block: &Lease) {
    let elsewhere = "10.9.0.0/28";
    let key = Key::block(block.block);
    let put = |key: &str, value: String| store.put(Key::stored(key), value.as_bytes());
    match what {
        "a pool is disabled" => put(POOL, pool("10.0.0.0/28", r#","disabled":true"#)),
        "a pool is deleted" => store.delete(Key::stored(POOL)),
        "a pool comes before it" => put(&POOL.replace("ippools/p", "ippools/a"), pool(elsewhere, "")),
        "strictAffinity and autoAllocateBlocks change" => put(
            CONFIG,
            r#"{"strictAffinity":true,"autoAllocateBlocks":false}"#.to_owned(),
        ),
        "the block is deleted" => store.delete(key),
        "the reservation covers the block" => put(
            "/calico/resources/v3/projectcalico.org/ipreservations/r",
            format!(
                r#"{{"kind":"IPReservation","spec":{{"reservedCIDRs":["{}"]}}}}"#,
                block.block
            ),
        ),
        _ => put(CLUSTER, cluster("two")),
    };
}

/// What the second makes of it.
fn made(what: &str, outcome: &Outcome, block: &Lease) -> &'static str {
    let taken = |lease: &Lease| lease.block.to_string();
    match outcome {
        Err(TransactError::Decide(_)) => "error",
        Ok(done) if taken(&done.outcome[0]) == taken(block) && what != "the block is deleted" => {
            "the old block"
        }
        Ok(_) => "another block",
        Err(error) => panic!("{what}: {error}"),
    }
}

/// What happened between two ADDs, and what the second must make of it.
#[tokio::test(flavor = "current_thread")]
async fn whatever_changed_since_is_seen() {
    for (what, expected) in [
        ("a pool is disabled", "error"),
        ("a pool is deleted", "error"),
        ("a pool comes before it", "the old block"),
        ("strictAffinity and autoAllocateBlocks change", "the old block"),
        ("the block is deleted", "another block"),
        ("the reservation covers the block", "another block"),
        ("the cluster is another one", "the old block"),
    ] {
        let store = store();
        let (memo, block) = warm(&store).await;
        happens(what, &store, &block[0]);
        let before = store.requests();
        let outcome = add(&store, &request("c3", &block), Some(memo)).await;
        assert_eq!(made(what, &outcome, &block[0]), expected, "{what}");
        // The Txn from memory failed; its else branch told why, and another followed unless that is an error.
        let requests = if expected == "error" { 1 } else { 2 };
        assert!(store.requests() - before >= requests, "{what}");
    }
}

#[tokio::test(flavor = "current_thread")]
async fn a_reply_lost_to_a_remembered_txn_is_found_again() {
    for fault in [Fault::ReplyLost, Fault::RequestLost, Fault::RequestLate] {
        let store = store();
        let (memo, block) = warm(&store).await;
        store.inject(fault);
        let third = add(&store, &request("c3", &block), Some(memo)).await.unwrap();
        let holds = Reads::new().key(Key::block(block[0].block));
        let snapshot = store.read(&holds).await.unwrap();
        let stored = snapshot.get(&Key::block(block[0].block)).unwrap();
        let text = String::from_utf8(stored.value.clone()).unwrap();
        assert_eq!(text.matches("net.c3").count(), 1, "{text}");
        assert_eq!(third.outcome.len(), 1);
    }
}

#[test]
fn what_another_verb_wrote_is_taken_in() {
    let key = Key::stored(POOL);
    let reads = Reads::new().key(key.clone());
    let entry = shared::txn::Entry {
        value: b"old".to_vec(),
        revision: shared::txn::Revision(3),
    };
    let snapshot = Snapshot::new(&reads, shared::txn::Revision(4), [(key.clone(), entry)], []);
    let mut memo = Memo::of(&snapshot, &reads).unwrap();
    let mut txn = Txn::default();
    txn.write(Write::Put(key.clone(), b"new".to_vec()));
    txn.write(Write::Put(Key::stored("/elsewhere"), b"x".to_vec()));
    memo.written(&txn, shared::txn::Revision(7));
    let after = memo.clone().snapshot();
    assert_eq!(
        after.guard(&key),
        Guard::Unchanged(key.clone(), shared::txn::Revision(7))
    );
    assert_eq!(after.get(&key).unwrap().value, b"new");
    assert!(after.get(&Key::stored("/elsewhere")).is_none());
    let mut gone = Txn::default();
    gone.write(Write::Delete(key.clone()));
    memo.written(&gone, shared::txn::Revision(8));
    assert_eq!(memo.snapshot().guard(&key), Guard::Absent(key));
}
