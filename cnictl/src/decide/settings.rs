//! The IPAMConfiguration and the key beside it that the allocator reads.

use serde_json::{Map, Value, json};
use shared::model::key::Key;
use shared::txn::{Snapshot, Txn, Write};

use crate::schema;
use crate::stored::{bytes, object};

/// Fields of the resource, and their spelling in the key that the allocator reads.
const SPELLINGS: [(&str, &str); 5] = [
    ("strictAffinity", "strict_affinity"),
    ("autoAllocateBlocks", "auto_allocate_blocks"),
    ("maxBlocksPerHost", "maxBlocksPerHost"),
    (VM_PERSISTENCE, VM_PERSISTENCE),
    ("ipCooldownSeconds", "ipCooldownSeconds"),
];
const VM_PERSISTENCE: &str = "kubeVirtVMAddressPersistence";

/// Writes the key the allocator reads in the same Txn: on etcd Calico itself leaves the two apart.
pub(super) fn allocator(snapshot: &Snapshot, spec: &Map<String, Value>, txn: &mut Txn) -> Result<(), String> {
    let key = Key::ipam_config();
    let stored = object(snapshot, &key)?;
    let mut old = stored.clone().unwrap_or_default();
    let mut config = Map::new();
    for (applied, name) in SPELLINGS {
        let before = old.shift_remove(name);
        let value = match spec.get(applied).filter(|value| !schema::empty(value)) {
            Some(value) => Some(value.clone()),
            // Another's setting, which an applied resource seldom names; Calico writes its default out.
            None if name == VM_PERSISTENCE => Some(before.unwrap_or_else(|| json!("Enabled"))),
            None => None,
        };
        config.extend(value.map(|value| (name.to_owned(), value)));
    }
    config.extend(old);
    txn.guard(snapshot.guard(&key));
    if stored.as_ref() != Some(&config) {
        txn.write(Write::Put(key, bytes(config)));
    }
    Ok(())
}
