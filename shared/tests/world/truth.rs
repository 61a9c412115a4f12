//! What must hold after every step.
//!
//! - The audit is empty but for what others did, and that is excused by kind and object, only while it lasts.
//! - No address is held twice; a container that is up holds what it was told, one that is gone holds nothing, and
//!   what Calico gave to its own stays theirs.
//! - What a Txn gives was permitted when it was applied: see `rules`.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use shared::ipam::audit::Kind;
use shared::model::key::{Key, Path};

use super::pod::{Phase, Pod};
use super::{Verdict, World};

pub(super) type Held = BTreeMap<String, BTreeSet<(IpAddr, u64)>>;

fn is_block(key: &Key) -> bool {
    matches!(Path::parse(key), Some(Path::Block { .. }))
}

/// Whether a finding follows from others that were excused already: the same object, or another claim on the block
/// that a foreign affinity names.
fn follows(finding: &(Kind, Key), excused: &BTreeSet<(Kind, Key)>) -> bool {
    let (kind, key) = finding;
    if is_block(key) {
        let names = |key: &Key| match Path::parse(key) {
            Some(Path::Affinity { cidr, .. }) => Some(Key::block(cidr)),
            _ => None,
        };
        return *kind == Kind::TwoOwners
            && excused
                .iter()
                .any(|(_, other)| names(other).as_ref() == Some(key));
    }
    excused.iter().any(|(_, other)| other == key)
}

impl World {
    fn findings(&self) -> BTreeMap<(Kind, Key), String> {
        let named = |finding: shared::ipam::audit::Finding| ((finding.kind, finding.object), finding.text);
        self.scene.audit().into_iter().map(named).collect()
    }

    /// After a step of ours: nothing is wrong that was not wrong before because of others.
    pub(super) fn ours(&mut self) -> Verdict {
        if self.scene.store.revision() != self.seen {
            self.seen = self.scene.store.revision();
            self.held = self.held()?;
            let found = self.findings();
            for (finding, text) in &found {
                if !self.excused.contains(finding) && !follows(finding, &self.excused) {
                    return Err(format!("{:?} {}: {text}", finding.0, finding.1));
                }
            }
            self.excused = found.into_keys().collect();
        }
        self.ledger()
    }

    /// After a step of others: what is wrong now is their doing.
    pub(super) fn theirs(&mut self) -> Verdict {
        if self.scene.store.revision() != self.seen {
            self.seen = self.scene.store.revision();
            self.held = self.held()?;
            self.excused = self.findings().into_keys().collect();
        }
        self.ledger()
    }

    fn held(&self) -> Result<Held, String> {
        let mut held = Held::new();
        let mut seen = BTreeSet::new();
        for block in self.blocks() {
            for ordinal in 0..block.allocations.len() {
                let Some(handle) = block.attribute(ordinal).and_then(|owner| owner.handle()) else {
                    continue;
                };
                let address = block.address(ordinal);
                if !seen.insert(address) {
                    return Err(format!("{address} is held twice"));
                }
                held.entry(handle.to_owned())
                    .or_default()
                    .insert((address, block.sequence(ordinal)));
            }
        }
        Ok(held)
    }

    fn ledger(&self) -> Verdict {
        let held = &self.held;
        for pod in &self.pods {
            let has = held.get(&pod.handle()).cloned().unwrap_or_default();
            entry(pod, &has)?;
        }
        for (handle, address) in &self.kept {
            let keeps = held
                .get(handle)
                .is_some_and(|has| has.iter().any(|(other, _)| other == address));
            if !keeps {
                return Err(format!("{handle} of Calico lost {address}"));
            }
        }
        Ok(())
    }

    /// A check of one that is up finds everything.
    pub(super) fn still_there(&self, pod: usize) -> Verdict {
        let pod = &self.pods[pod];
        let addresses: Vec<IpAddr> = pod.told.iter().map(|lease| lease.address).collect();
        let missing = self.scene.missing(&pod.handle(), &addresses);
        if pod.phase == Phase::Up && !missing.is_empty() {
            return Err(format!("a check of c{} misses {missing:?}", pod.number));
        }
        Ok(())
    }

    /// At the end: no address and no handle of any of our containers that something happened to.
    pub(super) fn nothing_is_left(&self) -> Verdict {
        for pod in self.pods.iter().filter(|pod| pod.touched) {
            let handle = pod.handle();
            if let Some(has) = self.held.get(&handle) {
                return Err(format!("left behind: {handle} {has:?}"));
            }
            if self.stored(&Key::handle(&handle)).is_some() {
                return Err(format!("left behind: handle {handle}"));
            }
        }
        Ok(())
    }
}

fn entry(pod: &Pod, has: &BTreeSet<(IpAddr, u64)>) -> Verdict {
    let told: BTreeSet<(IpAddr, u64)> = pod
        .told
        .iter()
        .map(|lease| (lease.address, lease.sequence))
        .collect();
    let right = match pod.phase {
        Phase::Gone if pod.owed.is_none() => has.is_empty(),
        Phase::Up | Phase::Adding if pod.tried_again => has.is_superset(&told),
        Phase::Up => *has == told,
        Phase::Adding => has.is_superset(&told) && has.len() <= told.len() + 2,
        Phase::Gone | Phase::Unsure | Phase::Lost => true,
    };
    if right {
        Ok(())
    } else {
        Err(format!(
            "c{} is {:?}, was told {told:?} and has {has:?}",
            pod.number, pod.phase
        ))
    }
}
