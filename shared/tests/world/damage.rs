//! Half-done states as Calico's crashes, restores from a backup and deletions by hand leave them, all at once.

use ipnet::IpNet;
use serde_json::json;
use shared::model::Stored;
use shared::model::block::Block;
use shared::model::handle::Handle;
use shared::model::key::Key;

use super::pod::Phase;
use super::steps::Damage;
use super::{HOSTS, PODS, World, edit};

impl World {
    pub(super) fn damage(&mut self, kind: Damage, host: usize, at: usize) {
        let name = format!("n{}", host % HOSTS);
        let store = &self.scene.store;
        let blocks = self.blocks();
        let block = blocks.get(at % blocks.len().max(1));
        let vacant = vacant(at).filter(|cidr| !blocks.iter().any(|block| block.cidr == *cidr));
        let own = block.and_then(|block| Some(Key::affinity(block.host()?, block.cidr)));
        match kind {
            Damage::PendingAffinity => {
                if let Some(cidr) = vacant {
                    store.put(Key::affinity(&name, cidr), state("pending"));
                }
            }
            Damage::AffinityWithoutBlock => {
                if let Some(cidr) = vacant {
                    store.put(Key::affinity(&name, cidr), state("confirmed"));
                }
            }
            Damage::BlockWithoutAffinity => {
                if let Some(own) = own {
                    store.delete(own);
                }
            }
            Damage::TwoClaimants => {
                if let Some(block) = block {
                    store.put(Key::affinity(&name, block.cidr), state("confirmed"));
                }
            }
            Damage::NullAffinity => {
                if let Some(block) = block {
                    self.disown(block.clone());
                }
            }
            Damage::PendingDeletion => {
                if let Some(own) = own {
                    store.put(own, state("pendingDeletion"));
                }
            }
            Damage::OrphanHandle | Damage::WrongCount => self.miscount(kind, host, at),
        }
    }

    fn disown(&self, mut block: Block) {
        block.affinity = None;
        block.affinity_claim_time = None;
        block.touch();
        self.scene.store.put(Key::block(block.cidr), block.to_bytes());
    }

    /// A handle that counts more than there is, of one of our containers: Calico's plugin was asked to add it.
    fn miscount(&mut self, kind: Damage, pod: usize, at: usize) {
        let at_pod = pod % PODS;
        let pod = &self.pods[at_pod];
        if pod.is_lost() {
            return;
        }
        let key = Key::handle(&pod.handle());
        let stored = self.stored(&key);
        let there = stored.and_then(|entry| Handle::from_bytes(&entry.value).ok());
        let Some(cidr) = vacant(at) else { return };
        let mut handle = match (kind, there) {
            (Damage::WrongCount, Some(there)) => there,
            (Damage::OrphanHandle, None) if pod.errand.is_none() => Handle::default(),
            (_, _) => return,
        };
        handle.increment(cidr);
        self.pods[at_pod].touched = true;
        if self.pods[at_pod].phase == Phase::Gone {
            self.pods[at_pod].phase = Phase::Unsure;
        }
        self.scene.store.put(key, handle.to_bytes());
    }
}

fn state(state: &str) -> String {
    json!({"state":state,"deleted":false}).to_string()
}

/// A block some pool may have.
pub(super) fn vacant(at: usize) -> Option<IpNet> {
    let (_, cidr, size) = edit::POOLS[at % edit::POOLS.len()];
    let pool: IpNet = cidr.parse().ok()?;
    let blocks: Vec<IpNet> = match pool {
        IpNet::V4(pool) => pool.subnets(size).ok()?.map(IpNet::V4).collect(),
        IpNet::V6(pool) => pool.subnets(size).ok()?.map(IpNet::V6).collect(),
    };
    blocks.get(at / edit::POOLS.len() % blocks.len()).copied()
}
