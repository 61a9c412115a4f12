//! Whether a handle still holds its addresses.

use std::net::IpAddr;

use super::IpamError;
use super::facts::{Seen, block, read, unread};
use crate::model::handle::{Handle, cut};
use crate::model::key::Key;
use crate::txn::{Decision, Reads, Snapshot};

/// What a check begins with; the blocks the handle names are read next.
pub fn reads(handle: &str, _addresses: &[IpAddr]) -> Reads {
    Reads::new().key(Key::handle(cut(handle)))
}

/// Which of the addresses the handle does not hold.
pub fn decide(
    snapshot: &Snapshot,
    handle: &str,
    addresses: &[IpAddr],
) -> Result<Decision<Vec<IpAddr>>, IpamError> {
    let first = reads(handle, addresses);
    if let Some(missing) = unread(snapshot, first) {
        return Ok(Decision::Read(missing));
    }
    let stored: Option<Handle> = read(snapshot, &Key::handle(cut(handle)))?;
    let cidrs: Vec<_> = stored.iter().flat_map(Handle::blocks).collect();
    let wanted = cidrs
        .iter()
        .fold(Reads::new(), |reads, cidr| reads.key(Key::block(*cidr)));
    if let Some(missing) = unread(snapshot, wanted) {
        return Ok(Decision::Read(missing));
    }
    let mut held = Vec::new();
    for cidr in cidrs {
        if let Seen::There(block) = block(snapshot, cidr)? {
            held.extend(block.held_by(handle).map(|ordinal| block.address(ordinal)));
        }
    }
    let missing = addresses.iter().filter(|address| !held.contains(address));
    Ok(Decision::Done(missing.copied().collect()))
}
