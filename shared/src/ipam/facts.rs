//! What a snapshot says to the allocator, read once per decision.

use std::collections::BTreeMap;
use std::net::IpAddr;

use ipnet::IpNet;

use super::{AssignRequest, IpamError};
use crate::model::Stored;
use crate::model::affinity::BlockAffinity;
use crate::model::block::Block;
use crate::model::handle::{Handle, cut};
use crate::model::ipamconfig::{IPAMConfig, IPAMConfiguration, Settings};
use crate::model::ippool::IPPool;
use crate::model::ipreservation::IPReservation;
use crate::model::key::{Key, Path, Plural, Prefix};
use crate::model::node::Node;
use crate::txn::{Range, Reads, Revision, Snapshot, Span};

/// A block as far as the snapshot knows it.
pub(super) enum Seen {
    /// It was not asked for.
    Unread,
    /// There is none.
    Missing,
    /// What has cooled down is free already.
    There(Box<Block>),
}

/// An affinity of this node.
pub(super) struct Owned {
    pub(super) cidr: IpNet,
    pub(super) confirmed: bool,
    /// When the affinity was written last.
    pub(super) revision: Revision,
}

/// Everything an assignment goes by.
pub(super) struct Facts<'a> {
    pub(super) snapshot: &'a Snapshot,
    pub(super) request: &'a AssignRequest,
    pub(super) settings: Settings,
    /// By name; those that cannot be read are left out, as Calico does.
    pub(super) pools: Vec<IPPool>,
    pub(super) unreadable: Vec<String>,
    pub(super) node: Option<Node>,
    /// As far as the snapshot names them: all of them, or those of the hinted blocks.
    pub(super) owned: Vec<Owned>,
    /// Ranges that are never given out automatically, with the reservation's name.
    reservations: Vec<(String, IpNet)>,
    /// The same ranges, joined where they touch.
    reserved: Vec<IpNet>,
}

impl<'a> Facts<'a> {
    pub(super) fn of(snapshot: &'a Snapshot, request: &'a AssignRequest) -> Result<Self, IpamError> {
        let mut pools = Vec::new();
        let mut unreadable = Vec::new();
        for (key, entry) in snapshot.under(&Prefix::resources(Plural::IpPools)) {
            match IPPool::from_bytes(&entry.value) {
                Ok(pool) => pools.push(pool),
                Err(error) => unreadable.push(format!("{key} cannot be read ({error})")),
            }
        }
        let reservations: Vec<(String, IpNet)> = snapshot
            .under(&Prefix::resources(Plural::IpReservations))
            .filter_map(|(_, entry)| IPReservation::from_bytes(&entry.value).ok())
            .flat_map(|reservation| {
                let named = |range| (reservation.metadata.name.clone(), range);
                reservation.ranges().map(named).collect::<Vec<_>>()
            })
            .collect();
        Ok(Self {
            snapshot,
            request,
            settings: settings(snapshot)?,
            pools,
            unreadable,
            node: read(snapshot, &Key::resource(Plural::Nodes, &request.host))?,
            owned: owned(snapshot, &request.host),
            reserved: IpNet::aggregate(&reservations.iter().map(|(_, range)| *range).collect()),
            reservations,
        })
    }

    /// What is never given out automatically.
    pub(super) fn reserved_ranges(&self) -> impl Iterator<Item = IpNet> + '_ {
        self.reserved.iter().copied()
    }

    /// Whether an address is never given out automatically.
    pub(super) fn is_reserved(&self, address: IpAddr) -> bool {
        self.reserved.iter().any(|range| range.contains(&address))
    }

    /// Whether no address of a block may be given out automatically.
    pub(super) fn is_all_reserved(&self, block: IpNet) -> bool {
        self.reserved.iter().any(|range| range.contains(&block))
    }

    /// How many blocks of this prefix length inside `net` are reserved as a whole.
    pub(super) fn reserved_blocks(&self, net: IpNet, size: u8) -> u64 {
        let within = |range: &IpNet| {
            let wider = if range.contains(&net) { net } else { *range };
            let whole = net.contains(&wider) && wider.prefix_len() <= size;
            let bits = u32::from(size.saturating_sub(wider.prefix_len()));
            u64::from(whole).checked_shl(bits).unwrap_or(u64::MAX)
        };
        self.reserved.iter().map(within).fold(0, u64::saturating_add)
    }

    /// Whether more blocks exist than the pools have, as far as the first request tells: then they may be full.
    pub(super) fn is_crowded(&self, pools: &[&IPPool]) -> bool {
        let ipv4 = pools.iter().any(|pool| pool.is_ipv4());
        let there = self.snapshot.count(&Span::below(&Prefix::blocks(ipv4)));
        let size = |pool: &&IPPool| {
            let reserved = self.reserved_blocks(pool.cidr(), pool.block_size());
            pool.block_count().saturating_sub(reserved.into())
        };
        let all = pools.iter().map(size).fold(0, u128::saturating_add);
        there.is_some_and(|there| u128::from(there) >= all)
    }

    /// The reservations that have a part of a pool, in words.
    pub(super) fn reservations(&self, pools: &[&IPPool]) -> Vec<String> {
        let touches = |range: &IpNet| {
            let mut cidrs = pools.iter().map(|pool| pool.cidr());
            cidrs.any(|cidr| cidr.contains(range) || range.contains(&cidr))
        };
        let touching = self.reservations.iter().filter(|(_, range)| touches(range));
        touching
            .map(|(name, range)| format!("{name} ({range})"))
            .collect()
    }

    /// A block.
    pub(super) fn block(&self, cidr: IpNet) -> Result<Seen, IpamError> {
        let mut seen = block(self.snapshot, cidr)?;
        if let Seen::There(block) = &mut seen {
            block.collect(self.request.now, self.settings.cooldown.value);
        }
        Ok(seen)
    }

    /// The request's handle.
    pub(super) fn handle(&self) -> Result<Handle, IpamError> {
        Ok(read(self.snapshot, &Key::handle(cut(&self.request.handle)))?.unwrap_or_default())
    }

    /// What node selectors see.
    pub(super) fn node_labels(&self) -> BTreeMap<String, String> {
        self.node.as_ref().map(Node::labels).unwrap_or_default()
    }

    /// Whether the node has an affinity to the block.
    pub(super) fn affinity(&self, cidr: IpNet) -> Option<&Owned> {
        self.owned.iter().find(|own| own.cidr == cidr)
    }
}

/// What tells whether the pools around a host's blocks select it.
pub(super) fn selection_reads(host: &str) -> Reads {
    let pools = Reads::new().prefix(Prefix::resources(Plural::IpPools));
    if host.is_empty() {
        pools
    } else {
        pools.key(Key::resource(Plural::Nodes, host))
    }
}

/// The keys of the settings.
pub(super) fn settings_reads() -> Reads {
    Reads::new().key(Key::ipam_config()).key(configuration())
}

/// The key of the IPAMConfiguration.
pub(super) fn configuration() -> Key {
    Key::resource(Plural::IpamConfigurations, "default")
}

/// The settings that hold.
pub(super) fn settings(snapshot: &Snapshot) -> Result<Settings, IpamError> {
    let key: Option<IPAMConfig> = read(snapshot, &Key::ipam_config())?;
    let resource: Option<IPAMConfiguration> = read(snapshot, &configuration())?;
    Ok(Settings::of(key.as_ref(), resource.as_ref()))
}

/// The cooldown that holds, in seconds. Settings that cannot be read count as absent: what goes back must not
/// depend on an object that only assignments care about.
pub(super) fn cooldown(snapshot: &Snapshot) -> u32 {
    let key: Option<IPAMConfig> = read(snapshot, &Key::ipam_config()).unwrap_or_default();
    let resource: Option<IPAMConfiguration> = read(snapshot, &configuration()).unwrap_or_default();
    Settings::of(key.as_ref(), resource.as_ref()).cooldown.value
}

/// The affinities of a host, in key order.
pub(super) fn owned(snapshot: &Snapshot, host: &str) -> Vec<Owned> {
    let prefix = Prefix::affinities(host);
    let own = snapshot.under(&prefix).filter_map(|(key, entry)| {
        let Some(Path::Affinity { cidr, .. }) = Path::parse(key) else {
            return None;
        };
        let affinity = BlockAffinity::from_bytes(&entry.value);
        Some(Owned {
            cidr,
            confirmed: affinity.is_ok_and(|affinity| affinity.is_confirmed()),
            revision: entry.revision,
        })
    });
    own.collect()
}

/// A block as it is stored.
pub(super) fn block(snapshot: &Snapshot, cidr: IpNet) -> Result<Seen, IpamError> {
    let cidr = cidr.trunc();
    let key = Key::block(cidr);
    if !snapshot.covers(&key) {
        return Ok(Seen::Unread);
    }
    let Some(block) = read::<Block>(snapshot, &key)?.map(Box::new) else {
        return Ok(Seen::Missing);
    };
    let size = 1usize
        .checked_shl(u32::from(cidr.max_prefix_len() - cidr.prefix_len()))
        .unwrap_or_default();
    if block.cidr != cidr || block.allocations.len() != size {
        let problem = format!(
            "it says it is {} with {} addresses",
            block.cidr,
            block.allocations.len()
        );
        return Err(IpamError::Corrupt { key, problem });
    }
    Ok(Seen::There(block))
}

/// An object, if it is there.
pub(super) fn read<T: Stored>(snapshot: &Snapshot, key: &Key) -> Result<Option<T>, IpamError> {
    let Some(entry) = snapshot.get(key) else {
        return Ok(None);
    };
    T::from_bytes(&entry.value)
        .map(Some)
        .map_err(|error| IpamError::Corrupt {
            key: key.clone(),
            problem: error.to_string(),
        })
}

/// Which of these ranges the snapshot does not answer.
pub(super) fn unread(snapshot: &Snapshot, reads: Reads) -> Option<Reads> {
    let missing = |range: &Range| match range {
        Range::Key(key) => !snapshot.covers(key),
        Range::Prefix(_) | Range::Exists(_) | Range::Keys(_) | Range::Count(_) => {
            snapshot.read_at(range).is_none()
        }
    };
    let ranges: Vec<Range> = reads.ranges.into_iter().filter(missing).collect();
    (!ranges.is_empty()).then_some(Reads { ranges })
}
