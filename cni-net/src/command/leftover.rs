//! Records that no attachment file leads to: after a reboot the files are gone, and the records are not. The
//! owners in this node's own blocks say which containers of this network there were; a record that still names
//! one the runtime does not know goes, with its host interface.

use std::collections::BTreeSet;

use shared::cni::CniError;
use shared::cni::config::ValidAttachment;
use shared::kernel::Kernel;
use shared::model::Stored as _;
use shared::model::block::{Attribute, Block};
use shared::model::key::{Key, Path, Prefix};
use shared::store::{Datastore as _, transact};
use shared::txn::{Decision, Reads, Snapshot};

use super::{Call, del, gc};
use crate::names::Workload;
use crate::record::{self, Owner};
use crate::{error, observe};

/// Removes them.
pub(super) async fn collect(call: &Call, kernel: &Kernel, valid: &[ValidAttachment]) -> Result<(), CniError> {
    for (container, workload) in gone(call, valid).await? {
        let host_if = workload.host_interface(call.env.get("FELIX_INTERFACEPREFIX"))?;
        let turn = call.turn_of(&call.id(&container, ""), &host_if)?;
        let Ok(reads) = record::reads(&workload, &call.node, None) else {
            continue;
        };
        let ours = |snapshot: &Snapshot| match record::all_of(snapshot, &workload, &call.node, &container)? {
            stored if stored.is_empty() => Ok::<_, CniError>(Decision::Done(Owner::Nobody)),
            stored => Ok(Decision::Commit(record::removal(&stored), Owner::Ours(stored))),
        };
        let owner = transact(&call.store, reads, ours)
            .await
            .map_err(error::transact)?;
        let Owner::Ours(stored) = owner else { continue };
        let addresses = stored
            .iter()
            .flat_map(|one| record::addresses(&one.record))
            .map(|net| net.addr());
        let addresses = addresses.collect();
        let about = observe::Target {
            host_if: Some(host_if),
            addresses,
            ..observe::Target::default()
        };
        del::teardown(call, kernel, about).await?;
        call.log
            .info("collected: no runtime knows it", &[("container", &container)]);
        turn.retire();
    }
    Ok(())
}

/// Containers of this network that own addresses in this node's blocks and that the runtime does not know.
async fn gone(call: &Call, valid: &[ValidAttachment]) -> Result<BTreeSet<(String, Workload)>, CniError> {
    let prefix = Prefix::affinities(&call.node);
    let own = call
        .store
        .read(&Reads::new().prefix(prefix.clone()))
        .await
        .map_err(error::store)?;
    let blocks = own.under(&prefix).filter_map(|(key, _)| match Path::parse(key) {
        Some(Path::Affinity { cidr, .. }) => Some(Key::block(cidr)),
        Some(Path::IpamConfig | Path::Block(_) | Path::Handle(_)) | None => None,
    });
    let keys: Vec<Key> = blocks.collect();
    if keys.is_empty() {
        return Ok(BTreeSet::new());
    }
    let reads = keys
        .iter()
        .fold(Reads::new(), |reads, key| reads.key(key.clone()));
    let snapshot = call.store.read(&reads).await.map_err(error::store)?;
    let blocks = keys
        .iter()
        .filter_map(|key| Block::from_bytes(&snapshot.get(key)?.value).ok());
    let owners = blocks.flat_map(|block| block.attributes.unwrap_or_default());
    let known = owners.filter_map(|owner| workload(&owner, &call.config.network, &call.node));
    Ok(known
        .filter(|(container, _)| !gc::is_valid(valid, container, None))
        .collect())
}

/// The container and its workload, if the owner is one of this network on this node.
fn workload(owner: &Attribute, network: &str, node: &str) -> Option<(String, Workload)> {
    let container = owner.handle()?.strip_prefix(network)?.strip_prefix('.')?;
    if owner.secondary("node") != Some(node) {
        return None;
    }
    let workload = match (owner.secondary("namespace"), owner.secondary("pod")) {
        (Some(namespace), Some(name)) => Workload::Pod {
            namespace: namespace.to_owned(),
            name: name.to_owned(),
        },
        (_, _) => Workload::Container {
            namespace: "default".to_owned(),
            id: container.to_owned(),
        },
    };
    Some((container.to_owned(), workload))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owner(handle: &str, pairs: &[(&str, &str)]) -> Attribute {
        let secondary = pairs
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
        Attribute::new(handle, &secondary.collect())
    }

    #[test]
    fn only_owners_of_this_network_and_node_count() {
        let pod = owner("net.c1", &[("node", "n1"), ("namespace", "ns"), ("pod", "web")]);
        let workload_of_pod = Workload::Pod {
            namespace: "ns".to_owned(),
            name: "web".to_owned(),
        };
        assert_eq!(
            workload(&pod, "net", "n1"),
            Some(("c1".to_owned(), workload_of_pod))
        );
        assert_eq!(workload(&pod, "net", "n2"), None);
        assert_eq!(workload(&pod, "ne", "n1"), None);
        let plain = owner("net.c2", &[("node", "n1")]);
        assert!(matches!(
            workload(&plain, "net", "n1"),
            Some((_, Workload::Container { .. }))
        ));
        assert_eq!(
            workload(&owner("ipip-tunnel-addr-n1", &[("node", "n1")]), "net", "n1"),
            None
        );
    }
}
