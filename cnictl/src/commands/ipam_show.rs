//! `cnictl ipam show`: how full pools and blocks are, who borrowed, what is configured, who holds an address.

use std::fmt::Display;
use std::net::IpAddr;

use shared::model::Stored;
use shared::model::block::Block;
use shared::model::ipamconfig::{IPAMConfig, IPAMConfiguration, Setting, Settings};
use shared::model::ippool::IPPool;
use shared::model::ipreservation::IPReservation;
use shared::model::key::{Key, Plural, Prefix};
use shared::store::Datastore;
use shared::txn::{Reads, Snapshot};

use super::Outcome;
use crate::blocks;
use crate::table::{boxed, five_digits, share};
use crate::utilization::{self, Usage};

mod owners;

pub(super) use owners::loans;

/// What to show.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum View {
    /// One line per pool.
    Pools,
    /// And per block.
    Blocks,
    /// Addresses out of another host's block.
    Borrowed,
    /// What the allocator goes by.
    Configuration,
    /// Who holds this address.
    Address(IpAddr),
}

/// Reads and shows.
pub async fn run<S: Datastore>(store: &S, view: View) -> Outcome {
    match store.read(&reads(view)).await {
        Ok(snapshot) => {
            let (blocks, warnings) = blocks::readable(&snapshot);
            let out = show(&snapshot, &blocks, view);
            Outcome {
                warnings,
                ..out.map_or_else(Outcome::failed, Outcome::said)
            }
        }
        Err(error) => Outcome::failed(error.to_string()),
    }
}

/// The key of the IPAMConfiguration.
pub(super) fn settings_key() -> Key {
    Key::resource(Plural::IpamConfigurations, "default")
}

/// Both keys of the settings.
pub(super) fn settings_reads() -> Reads {
    Reads::new().key(Key::ipam_config()).key(settings_key())
}

fn reads(view: View) -> Reads {
    match view {
        View::Pools | View::Blocks => blocks::reads()
            .prefix(Prefix::resources(Plural::IpPools))
            .prefix(Prefix::resources(Plural::IpReservations)),
        View::Borrowed | View::Address(_) => blocks::reads(),
        View::Configuration => settings_reads(),
    }
}

fn show(snapshot: &Snapshot, blocks: &[Block], view: View) -> Result<String, String> {
    match view {
        View::Pools => usage(snapshot, blocks, false),
        View::Blocks => usage(snapshot, blocks, true),
        View::Borrowed => Ok(owners::borrowed(blocks)),
        View::Configuration => configuration(snapshot),
        View::Address(address) => Ok(owners::address(blocks, address)),
    }
}

fn all<T: Stored>(snapshot: &Snapshot, plural: Plural) -> Result<Vec<T>, String> {
    let read = |(key, entry): (&Key, &shared::txn::Entry)| {
        T::from_bytes(&entry.value).map_err(|error| format!("{key} cannot be read: {error}"))
    };
    snapshot.under(&Prefix::resources(plural)).map(read).collect()
}

fn usage(snapshot: &Snapshot, blocks: &[Block], with_blocks: bool) -> Result<String, String> {
    let pools: Vec<IPPool> = all(snapshot, Plural::IpPools)?;
    let reservations: Vec<IPReservation> = all(snapshot, Plural::IpReservations)?;
    let mut rows = Vec::new();
    for pool in utilization::of(&pools, blocks, &reservations) {
        rows.extend(pool.pool.iter().map(|usage| row("IP Pool", usage)));
        if with_blocks {
            rows.extend(pool.blocks.iter().map(|usage| row("Block", usage)));
        }
    }
    let header = [
        "GROUPING",
        "CIDR",
        "IPS TOTAL",
        "IPS IN USE",
        "IPS RESERVED",
        "IPS FREE",
    ];
    Ok(boxed(&header, &rows, 2))
}

fn row(grouping: &str, usage: &Usage) -> Vec<String> {
    vec![
        grouping.to_owned(),
        usage.cidr.to_string(),
        five_digits(usage.total),
        share(usage.used, usage.total),
        share(usage.reserved, usage.total),
        share(usage.free(), usage.total),
    ]
}

/// What the allocator goes by.
pub(crate) fn settings(snapshot: &Snapshot) -> Result<Settings, String> {
    let (key, resource) = (Key::ipam_config(), settings_key());
    let own: Option<IPAMConfig> = one(snapshot, &key)?;
    let applied: Option<IPAMConfiguration> = one(snapshot, &resource)?;
    Ok(Settings::of(own.as_ref(), applied.as_ref()))
}

fn one<T: Stored>(snapshot: &Snapshot, key: &Key) -> Result<Option<T>, String> {
    let read = snapshot
        .get(key)
        .map(|entry| T::from_bytes(&entry.value))
        .transpose();
    read.map_err(|error| format!("{key} cannot be read: {error}"))
}

fn configuration(snapshot: &Snapshot) -> Result<String, String> {
    let Settings {
        strict_affinity,
        auto_allocate,
        max_blocks_per_host,
        cooldown,
        vm_persistence,
    } = settings(snapshot)?;
    let rows = [
        line("StrictAffinity", &strict_affinity),
        line("AutoAllocateBlocks", &auto_allocate),
        line("MaxBlocksPerHost", &max_blocks_per_host),
        line("KubeVirtVMAddressPersistence", &vm_persistence),
        line("IPCooldownSeconds", &cooldown),
    ];
    Ok(boxed(&["PROPERTY", "VALUE", "SOURCE"], &rows, 3))
}

fn line<T: Display>(name: &str, setting: &Setting<T>) -> Vec<String> {
    vec![
        name.to_owned(),
        setting.value.to_string(),
        setting.source.to_string(),
    ]
}
