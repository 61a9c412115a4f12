//! Records that no attachment file leads to: after a reboot the files are gone, and the records are not. The
//! owners in this node's own blocks say which containers of this network there were; a record that still names
//! one the runtime does not know goes, with its host interface.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use serde_json::{Value, json};
use shared::cni::CniError;
use shared::cni::config::ValidAttachment;
use shared::kernel::Kernel;
use shared::kernel::fact::Path;
use shared::model::Stored as _;
use shared::model::block::{Attribute, Block};
use shared::model::key::{self, Key, Prefix};
use shared::store::{Datastore as _, transact};
use shared::txn::{Decision, Reads, Snapshot};

use super::{Call, del, gc};
use crate::names::Workload;
use crate::record::{self, Owner};
use crate::{error, observe};

/// Removes them. Answers with the containers that keep their addresses: no record names them any more, and yet a live
/// interface is routed to.
pub(super) async fn collect(
    call: &Call,
    kernel: &Kernel,
    valid: &[ValidAttachment],
) -> Result<Vec<String>, CniError> {
    let mut kept = Vec::new();
    for ((container, workload), held) in gone(call, valid).await? {
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
        let Owner::Ours(stored) = owner else {
            if routed(call, kernel, &container, &held).await? {
                kept.push(container);
            }
            continue;
        };
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
    Ok(kept)
}

/// Whether one of a container's addresses is routed to an interface of this node whose other end lives.
async fn routed(
    call: &Call,
    kernel: &Kernel,
    container: &str,
    held: &BTreeSet<IpAddr>,
) -> Result<bool, CniError> {
    for address in held {
        let path = kernel.path(*address).await.map_err(error::kernel)?;
        let Path::Exact(_, Some(link)) = path else {
            continue;
        };
        if !link.is_orphaned() {
            call.log.warning(
                "not freed: no runtime knows the container, but its interface lives; stop what runs there or delete it",
                &[
                    ("container", container),
                    ("address", &address.to_string()),
                    ("interface", &link.name),
                ],
            );
            return Ok(true);
        }
    }
    Ok(false)
}

/// The configuration with these containers among the valid attachments.
pub(super) fn listed(stdin: Vec<u8>, kept: &[String]) -> Vec<u8> {
    let Ok(Value::Object(mut conf)) = serde_json::from_slice(&stdin) else {
        return stdin;
    };
    match conf.get_mut("cni.dev/valid-attachments") {
        Some(Value::Array(valid)) => {
            valid.extend(
                kept.iter()
                    .map(|container| json!({"containerID": container, "ifname": "eth0"})),
            );
            Value::Object(conf).to_string().into_bytes()
        }
        Some(null) if !kept.is_empty() => {
            *null = Value::Array(Vec::new());
            listed(Value::Object(conf).to_string().into_bytes(), kept)
        }
        Some(_) | None => stdin,
    }
}

/// Whose, and what they hold.
type Holders = BTreeMap<(String, Workload), BTreeSet<IpAddr>>;

/// Containers of this network that own addresses in this node's blocks and that the runtime does not know.
async fn gone(call: &Call, valid: &[ValidAttachment]) -> Result<Holders, CniError> {
    let prefix = Prefix::affinities(&call.node);
    let own = call
        .store
        .read(&Reads::new().prefix(prefix.clone()))
        .await
        .map_err(error::store)?;
    let blocks = own
        .under(&prefix)
        .filter_map(|(key, _)| match key::Path::parse(key) {
            Some(key::Path::Affinity { cidr, .. }) => Some(Key::block(cidr)),
            Some(key::Path::IpamConfig | key::Path::Block(_) | key::Path::Handle(_)) | None => None,
        });
    let keys: Vec<Key> = blocks.collect();
    if keys.is_empty() {
        return Ok(Holders::new());
    }
    let reads = keys
        .iter()
        .fold(Reads::new(), |reads, key| reads.key(key.clone()));
    let snapshot = call.store.read(&reads).await.map_err(error::store)?;
    let blocks = keys
        .iter()
        .filter_map(|key| Block::from_bytes(&snapshot.get(key)?.value).ok());
    let mut holders = Holders::new();
    for block in blocks {
        for ordinal in 0..block.allocations.len() {
            let owner = block.attribute(ordinal);
            let Some(known) = owner.and_then(|owner| workload(owner, &call.config.network, &call.node))
            else {
                continue;
            };
            if !gc::is_valid(valid, &known.0, None) {
                holders.entry(known).or_default().insert(block.address(ordinal));
            }
        }
    }
    Ok(holders)
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
    fn who_keeps_an_address_is_listed_as_valid_beside_the_others() {
        let stdin =
            |valid: &str| format!(r#"{{"name":"net","cni.dev/valid-attachments":{valid}}}"#).into_bytes();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        let kept = ["c1".to_owned()];
        let listed = |valid: &str| text(super::listed(stdin(valid), &kept));
        assert!(listed("null").ends_with(r#":[{"containerID":"c1","ifname":"eth0"}]}"#));
        assert!(
            listed(r#"[{"containerID":"c0","ifname":"eth0"}]"#)
                .contains(r#""c0","ifname":"eth0"},{"containerID":"c1""#)
        );
        assert_eq!(text(super::listed(stdin("null"), &[])), text(stdin("null")));
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
