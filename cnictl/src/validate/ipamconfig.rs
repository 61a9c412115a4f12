//! The IPAMConfiguration: one object, `default`, with the rules of Calico's own writer.

use serde_json::{Map, Value};

use super::{Checked, text};

/// Longest rest of a released address.
const COOLDOWN: u64 = 1200;

/// The spec with both switches present, if Calico's allocator could work by it.
pub(super) fn prepare(name: &str, mut spec: Map<String, Value>) -> Checked {
    let mut problems = Vec::new();
    if name != "default" {
        problems.push(format!(
            "metadata.name: {name:?} is not taken: there is one, named default"
        ));
    }
    // Calico takes an absent switch for false, and with both false nothing can be allocated at all.
    let strict = switch(&mut spec, "strictAffinity", false);
    let auto = switch(&mut spec, "autoAllocateBlocks", true);
    if !strict && !auto {
        problems.push(
            "spec.autoAllocateBlocks: false needs strictAffinity: true, or hosts could only borrow from each other"
                .to_owned(),
        );
    }
    let most = spec.get("maxBlocksPerHost").and_then(Value::as_u64).unwrap_or(0);
    if most > 0 && !strict {
        problems.push(format!(
            "spec.maxBlocksPerHost: {most} goes with strictAffinity: true only: with it off a host at its limit \
             does not borrow, its pods fail; set strictAffinity: true too, or maxBlocksPerHost: 0"
        ));
    }
    let cooldown = spec.get("ipCooldownSeconds").and_then(Value::as_u64).unwrap_or(0);
    if cooldown > COOLDOWN {
        problems.push(format!(
            "spec.ipCooldownSeconds: {cooldown} is more than {COOLDOWN}"
        ));
    }
    let persistence = text(&spec, "kubeVirtVMAddressPersistence");
    if !["", "Enabled", "Disabled"].contains(&persistence) {
        problems.push(format!(
            "spec.kubeVirtVMAddressPersistence: {persistence:?} is neither Enabled nor Disabled"
        ));
    }
    if problems.is_empty() {
        Ok((spec, Vec::new()))
    } else {
        Err(problems)
    }
}

fn switch(spec: &mut Map<String, Value>, field: &str, default: bool) -> bool {
    let value = spec.get(field).and_then(Value::as_bool).unwrap_or(default);
    spec.insert(field.to_owned(), Value::Bool(value));
    value
}
