//! A fence against a write that is still on its way: the Txn of an ADD that was killed.
//!
//! Every allocation guards the block it writes. Writing the block once more, unchanged but for its number, makes a
//! Txn that was decided before fail for certain, however late it arrives. A block that does not exist yet cannot be
//! fenced; for that one a caller can only wait a little.

use ipnet::IpNet;

use super::IpamError;
use super::facts::unread;
use crate::model::Stored as _;
use crate::model::block::Block;
use crate::model::key::Key;
use crate::txn::{Decision, Reads, Snapshot, Txn, Write};

/// The blocks.
pub fn reads(blocks: &[IpNet]) -> Reads {
    let all = blocks.iter().take(Txn::LIMIT);
    all.fold(Reads::new(), |reads, block| reads.key(Key::block(*block)))
}

/// Rewrites every block that exists. A block that cannot be read cannot be allocated from either.
pub fn decide(snapshot: &Snapshot, blocks: &[IpNet]) -> Result<Decision<()>, IpamError> {
    if let Some(missing) = unread(snapshot, reads(blocks)) {
        return Ok(Decision::Read(missing));
    }
    let mut txn = Txn::default();
    for key in blocks.iter().take(Txn::LIMIT).map(|block| Key::block(*block)) {
        let stored = snapshot.get(&key).map(|entry| Block::from_bytes(&entry.value));
        let Some(Ok(mut block)) = stored else { continue };
        block.touch();
        txn.guard(snapshot.guard(&key));
        txn.write(Write::Put(key, block.to_bytes()));
    }
    Ok(if txn.writes.is_empty() {
        Decision::Done(())
    } else {
        Decision::Commit(txn, ())
    })
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

    #[tokio::test(flavor = "current_thread")]
    async fn a_txn_decided_before_the_fence_is_never_applied_after_it() {
        let store = Memory::new();
        store.put(
            Key::stored("/calico/resources/v3/projectcalico.org/ippools/p"),
            POOL.as_bytes(),
        );
        let first = request("first");
        let leases = transact(&store, assign::reads(&first), |snapshot| {
            assign::decide(snapshot, &first)
        });
        let block = leases.await.unwrap()[0].block;

        let killed = AssignRequest {
            hint_blocks: vec![block],
            ..request("killed")
        };
        let snapshot = store.read(&assign::reads(&killed)).await.unwrap();
        let Ok(Decision::Commit(late, _)) = assign::decide(&snapshot, &killed) else {
            panic!("one read is enough")
        };

        transact(&store, reads(&[block]), |snapshot| decide(snapshot, &[block]))
            .await
            .unwrap();
        assert!(matches!(store.commit(&late).await, Ok(Commit::Conflict(_))));
    }
}
