//! Calico beside us, at the level of its writes: one key at a time, each guarded by what it read before. It may stop
//! after any of them, which is how its half-done states come about.

use ipnet::IpNet;
use serde_json::json;
use shared::model::Stored;
use shared::model::affinity::BlockAffinity;
use shared::model::block::{Attribute, Block};
use shared::model::handle::Handle;
use shared::model::key::{Key, Path, Prefix};
use shared::store::Datastore;
use shared::txn::{Commit, Entry, Guard, Txn, Write};

use super::steps::Begin;
use super::{World, damage, edit};
use crate::scene::{Scene, ready};

/// What it is doing.
#[derive(Clone, Debug)]
enum Op {
    Assign {
        host: String,
        cidr: IpNet,
        handle: String,
    },
    Release {
        cidr: IpNet,
        handle: String,
    },
    Claim {
        host: String,
        cidr: IpNet,
    },
    Unclaim {
        host: String,
        cidr: IpNet,
        force: bool,
    },
    DropPool {
        name: &'static str,
        left: Vec<(String, IpNet)>,
    },
}

/// One operation, at its next write.
#[derive(Clone, Debug)]
pub(crate) struct Calico {
    op: Op,
    at: u8,
    /// What it read of the key it writes next.
    seen: Option<Entry>,
}

impl Calico {
    fn key(&self) -> Key {
        match (&self.op, self.at) {
            (Op::Assign { handle, .. }, 0 | 2) | (Op::Release { handle, .. }, 1) => Key::handle(handle),
            (Op::Assign { cidr, .. } | Op::Release { cidr, .. }, _) => Key::block(*cidr),
            (Op::Claim { cidr, .. } | Op::Unclaim { cidr, .. }, 1) => Key::block(*cidr),
            (Op::Claim { host, cidr } | Op::Unclaim { host, cidr, .. }, _) => Key::affinity(host, *cidr),
            (Op::DropPool { name, .. }, _) => Key::stored(edit::pool_key(name)),
        }
    }

    /// What it writes there, and where it goes on; nothing ends it.
    fn next(&self) -> Option<(Option<Vec<u8>>, u8)> {
        let seen = self.seen.as_ref().map(|entry| entry.value.as_slice());
        let handle = || {
            seen.and_then(|bytes| Handle::from_bytes(bytes).ok())
                .unwrap_or_default()
        };
        let block = || Block::from_bytes(seen?).ok();
        match (&self.op, self.at) {
            (Op::Assign { cidr, .. }, 0) => {
                let mut handle = handle();
                handle.increment(*cidr);
                Some((Some(handle.to_bytes()), 1))
            }
            (Op::Assign { host, handle, .. }, 1) => {
                Some(match block().and_then(|block| taken(block, host, handle)) {
                    Some(block) => (Some(block.to_bytes()), 3),
                    None => (seen.map(<[u8]>::to_vec), 2),
                })
            }
            (Op::Assign { cidr, .. }, 2) | (Op::Release { cidr, .. }, 1) => {
                seen?;
                let mut handle = handle();
                handle.set(*cidr, 0);
                Some((handle.blocks().next().is_some().then(|| handle.to_bytes()), 3))
            }
            (Op::Release { handle, .. }, 0) => Some((released(block()?, handle), 1)),
            (Op::Claim { .. }, 0) => Some((Some(state("pending")), 1)),
            (Op::Claim { host, cidr }, 1) => Some(match (seen, block()) {
                (None, _) => (Some(new_block(*cidr, host)), 2),
                (Some(bytes), Some(block)) if block.host() == Some(host) => (Some(bytes.to_vec()), 2),
                (Some(bytes), _) => (Some(bytes.to_vec()), 4),
            }),
            (Op::Claim { .. }, 2) => seen.map(|_| (Some(state("confirmed")), 3)),
            (Op::Claim { .. }, 4) | (Op::Unclaim { .. }, 2) => seen.map(|_| (None, 3)),
            (Op::Unclaim { .. }, 0) => seen.map(|_| (Some(state("pendingDeletion")), 1)),
            (Op::Unclaim { host, force, .. }, 1) => disowned(block()?, host, *force),
            (Op::DropPool { .. }, 0) => Some((Some(disabled(seen?)?), 1)),
            (Op::DropPool { left, .. }, 1) if left.is_empty() => seen.map(|_| (None, 3)),
            (_, _) => None,
        }
    }
}

fn taken(mut block: Block, host: &str, handle: &str) -> Option<Block> {
    let ordinal = block.first_free(|_| false)?;
    let secondary = [("node".to_owned(), host.to_owned())].into();
    block.take(ordinal, Attribute::new(handle, &secondary))?;
    block.touch();
    Some(block)
}

/// The block without what a handle holds; nothing where it goes.
fn released(mut block: Block, handle: &str) -> Option<Vec<u8>> {
    let held: Vec<usize> = block.held_by(handle).collect();
    block.release(&held, "2026-11-22T16:13:00Z".parse().unwrap(), 0);
    block.touch();
    let stays = !block.is_empty() || block.affinity.is_some();
    stays.then(|| block.to_bytes())
}

fn disabled(pool: &[u8]) -> Option<Vec<u8>> {
    let mut pool: serde_json::Value = serde_json::from_slice(pool).ok()?;
    pool["spec"]["disabled"] = json!(true);
    Some(pool.to_string().into_bytes())
}

fn disowned(mut block: Block, host: &str, force: bool) -> Option<(Option<Vec<u8>>, u8)> {
    if block.host() != Some(host) {
        return Some((Some(block.to_bytes()), 2));
    }
    if block.is_empty() {
        return Some((None, 2));
    }
    if !force {
        return None;
    }
    block.affinity = None;
    block.affinity_claim_time = None;
    block.touch();
    Some((Some(block.to_bytes()), 2))
}

fn state(state: &str) -> Vec<u8> {
    let affinity = BlockAffinity {
        state: state.to_owned(),
        ..BlockAffinity::default()
    };
    affinity.to_bytes()
}

fn new_block(cidr: IpNet, host: &str) -> Vec<u8> {
    Block::new(cidr, host, "2026-11-22T16:12:50Z".parse().unwrap()).to_bytes()
}

/// Writes where nothing changed since; whether it did.
fn swap(scene: &Scene, key: &Key, seen: Option<&Entry>, value: Option<Vec<u8>>) -> bool {
    let mut txn = Txn::default();
    txn.guard(match seen {
        Some(entry) => Guard::Unchanged(key.clone(), entry.revision),
        None => Guard::Absent(key.clone()),
    });
    if value.as_deref() != seen.map(|entry| entry.value.as_slice()) {
        txn.write(match value {
            Some(value) => Write::Put(key.clone(), value),
            None => Write::Delete(key.clone()),
        });
    }
    matches!(ready(scene.store.commit(&txn)), Ok(Commit::Applied(_)))
}

impl World {
    pub(super) fn begin_calico(&mut self, host: usize, begin: Begin) {
        let number = self.calico.len() + usize::try_from(self.seen.0).unwrap_or_default();
        let name = format!("n{host}");
        let blocks = self.blocks();
        let op = match begin {
            Begin::Assign => {
                let own = blocks.iter().find(|block| block.host() == Some(&name));
                own.map(|block| Op::Assign {
                    host: name,
                    cidr: block.cidr,
                    handle: format!("calico.c{number}"),
                })
            }
            Begin::Release => blocks.iter().find_map(|block| {
                let held = (0..block.allocations.len()).find_map(|at| block.attribute(at)?.handle());
                let handle = held.filter(|handle| handle.starts_with("calico."))?.to_owned();
                Some(Op::Release {
                    cidr: block.cidr,
                    handle,
                })
            }),
            Begin::Claim(at) => damage::vacant(usize::from(at)).map(|cidr| Op::Claim { host: name, cidr }),
            Begin::Unclaim(at) => {
                let all = self.affinities();
                let chosen = all.get(usize::from(at) % all.len().max(1)).cloned();
                chosen.map(|(host, cidr)| Op::Unclaim {
                    host,
                    cidr,
                    force: at % 2 == 0,
                })
            }
            Begin::DropPool(at) => Some(Op::DropPool {
                name: edit::POOLS[usize::from(at) % edit::POOLS.len()].0,
                left: Vec::new(),
            }),
        };
        if let Some(op) = op {
            self.push(op);
        }
    }

    fn push(&mut self, op: Op) {
        let mut calico = Calico {
            op,
            at: 0,
            seen: None,
        };
        calico.seen = self.stored(&calico.key());
        self.calico.push(calico);
    }

    fn affinities(&self) -> Vec<(String, IpNet)> {
        let all = Prefix::all_affinities();
        let dump = self.scene.store.dump();
        let paths = dump.keys().filter(|key| all.holds(key)).filter_map(Path::parse);
        paths
            .filter_map(|path| match path {
                Path::Affinity { host, cidr } => Some((host, cidr)),
                Path::IpamConfig | Path::Block(_) | Path::Handle(_) => None,
            })
            .collect()
    }

    /// One write; a conflict is answered by reading again, as Calico does.
    pub(super) fn go_calico(&mut self, who: usize) {
        if who >= self.calico.len() {
            return;
        }
        let mut calico = self.calico.remove(who);
        let key = calico.key();
        let Some((value, next)) = calico.next() else {
            return;
        };
        if swap(&self.scene, &key, calico.seen.as_ref(), value) {
            self.told_calico(&calico);
            calico.at = next;
            if let (Op::DropPool { name, left }, 1) = (&mut calico.op, next) {
                let pool: Option<IpNet> = edit::POOLS
                    .iter()
                    .find(|pool| pool.0 == *name)
                    .and_then(|pool| pool.1.parse().ok());
                *left = self.affinities();
                left.retain(|(_, cidr)| pool.is_some_and(|pool| pool.contains(cidr)));
            }
        }
        if let Op::DropPool { left, .. } = &mut calico.op {
            for (host, cidr) in std::mem::take(left) {
                self.push(Op::Unclaim {
                    host,
                    cidr,
                    force: true,
                });
            }
        }
        if calico.at != 3 {
            calico.seen = self.stored(&calico.key());
            self.calico.insert(who.min(self.calico.len()), calico);
        }
    }

    /// What one of its containers holds from now on, or no longer.
    fn told_calico(&mut self, calico: &Calico) {
        match (&calico.op, calico.at) {
            (Op::Assign { cidr, handle, .. }, 1) => {
                let block = self.blocks().into_iter().find(|block| block.cidr == *cidr);
                if let Some(block) = block {
                    let held = block
                        .held_by(handle)
                        .map(|ordinal| (handle.clone(), block.address(ordinal)));
                    self.kept.extend(held.collect::<Vec<_>>());
                }
            }
            (Op::Release { handle, .. }, 0) => self.kept.retain(|(kept, _)| kept != handle),
            (_, _) => {}
        }
    }
}
