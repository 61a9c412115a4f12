//! A fence against a write that is still on its way: the Txn of an ADD that was killed.
//!
//! Every allocation guards the block it writes, and every claim the host's Node. Writing them once more, unchanged but
//! for the block's number, makes a Txn that was decided before fail for certain, however late it arrives. The Node is
//! written even where all blocks are there: by the time that a claim arrives its block may be gone again.

use ipnet::IpNet;
use jiff::Timestamp;

use super::IpamError;
use super::facts::unread;
use crate::model::Stored as _;
use crate::model::block::Block;
use crate::model::key::{Key, Plural};
use crate::model::node::Node;
use crate::txn::{Decision, Reads, Snapshot, Txn, Write};

/// What to fence off.
#[derive(Clone, Debug)]
pub struct FenceRequest {
    /// The host whose ADD was killed.
    pub host: String,
    /// The blocks that it may have written to.
    pub blocks: Vec<IpNet>,
    /// For a Node that does not exist yet and that the ADD would have made: its uid.
    pub uid: String,
    /// The same: whether Kubernetes knows it.
    pub kubernetes: bool,
    /// The time.
    pub now: Timestamp,
}

impl FenceRequest {
    /// One operation is kept for the Node.
    fn blocks(&self) -> impl Iterator<Item = Key> + '_ {
        let blocks = self.blocks.iter().take(Txn::LIMIT - 1);
        blocks.map(|block| Key::block(*block))
    }

    fn node(&self) -> Key {
        Key::resource(Plural::Nodes, &self.host)
    }
}

/// The blocks and the Node.
pub fn reads(request: &FenceRequest) -> Reads {
    let node = Reads::new().key(request.node());
    request.blocks().fold(node, Reads::key)
}

/// Rewrites every block that exists, and the Node. A block that cannot be read cannot be allocated from either.
pub fn decide(snapshot: &Snapshot, request: &FenceRequest) -> Result<Decision<()>, IpamError> {
    if let Some(missing) = unread(snapshot, reads(request)) {
        return Ok(Decision::Read(missing));
    }
    let mut txn = Txn::default();
    for key in request.blocks() {
        let block = snapshot.get(&key).map(|entry| Block::from_bytes(&entry.value));
        if let Some(Ok(mut block)) = block {
            block.touch();
            txn.guard(snapshot.guard(&key));
            txn.write(Write::Put(key, block.to_bytes()));
        }
    }
    if request.blocks.is_empty() {
        return Ok(Decision::Done(()));
    }
    let node = request.node();
    let stored = snapshot.get(&node).map(|node| node.value.clone());
    txn.guard(snapshot.guard(&node));
    txn.write(Write::Put(node, stored.unwrap_or_else(|| first_seen(request))));
    Ok(Decision::Commit(txn, ()))
}

fn first_seen(request: &FenceRequest) -> Vec<u8> {
    Node::first_seen(&request.host, &request.uid, request.now, request.kubernetes).to_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ipam::{AssignRequest, assign};
    use crate::store::memory::Memory;
    use crate::store::{Datastore as _, transact};
    use crate::txn::Commit;

    const POOL: &str = r#"{"kind":"IPPool","apiVersion":"projectcalico.org/v3","metadata":{"name":"p"},
        "spec":{"cidr":"10.0.0.0/24","blockSize":26,"nodeSelector":"all()"}}"#;

    fn request(container: &str) -> AssignRequest {
        AssignRequest {
            host: "n1".to_owned(),
            handle: format!("net.{container}"),
            attributes: [("timestamp".to_owned(), container.to_owned())].into(),
            want_v4: true,
            uid: "u".to_owned(),
            ..AssignRequest::default()
        }
    }

    fn store() -> Memory {
        let store = Memory::new();
        store.put(
            Key::stored("/calico/resources/v3/projectcalico.org/ippools/p"),
            POOL.as_bytes(),
        );
        store
    }

    async fn fence(store: &Memory, blocks: &[IpNet]) {
        let request = FenceRequest {
            host: "n1".to_owned(),
            blocks: blocks.to_vec(),
            uid: "u".to_owned(),
            kubernetes: false,
            now: Timestamp::UNIX_EPOCH,
        };
        transact(store, reads(&request), |snapshot| decide(snapshot, &request))
            .await
            .unwrap();
    }

    /// Reads as a call does, and stops before its Txn.
    async fn killed(store: &Memory, request: &AssignRequest) -> (Txn, IpNet) {
        let mut snapshot = store.read(&assign::reads(request)).await.unwrap();
        loop {
            match assign::decide(&snapshot, request).unwrap() {
                Decision::Commit(late, leases) => return (late, leases[0].block),
                Decision::Read(more) => snapshot.absorb(store.read(&more).await.unwrap()),
                Decision::Done(_) => panic!("an address was there already"),
            }
        }
    }

    #[tokio::test(flavor = "current_thread")]
    async fn a_claim_decided_before_the_fence_is_never_applied_after_it() {
        // The first on a host, which would make its Node too, and a later one.
        for earlier in [false, true] {
            let store = store();
            if earlier {
                fence(&store, &["10.0.0.64/26".parse().unwrap()]).await;
            }
            let (late, block) = killed(&store, &request("killed")).await;
            fence(&store, &[block]).await;
            assert!(matches!(store.commit(&late).await, Ok(Commit::Conflict(_))));
            let node = Key::resource(Plural::Nodes, "n1");
            let snapshot = store.read(&Reads::new().key(node.clone())).await.unwrap();
            let text = String::from_utf8(snapshot.get(&node).unwrap().value.clone()).unwrap();
            assert!(text.contains(r#""name":"n1""#), "{text}");
        }
    }

    #[tokio::test(flavor = "current_thread")]
    async fn a_txn_decided_before_the_fence_is_never_applied_after_it() {
        let store = store();
        let first = request("first");
        let leases = transact(&store, assign::reads(&first), |snapshot| {
            assign::decide(snapshot, &first)
        });
        let block = leases.await.unwrap()[0].block;

        let killed = AssignRequest {
            hint_blocks: vec![block],
            ..request("killed")
        };
        let (late, _) = self::killed(&store, &killed).await;
        fence(&store, &[block]).await;
        assert!(matches!(store.commit(&late).await, Ok(Commit::Conflict(_))));
    }
}
