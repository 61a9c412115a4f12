//! The assignment that finds affinities to blocks that are others' removes them, and takes its own address without these
//! blocks: only the next one sees them.

use ipnet::IpNet;

use super::Survey;
use crate::ipam::facts::{Facts, Owned};
use crate::ipam::{IpamError, batch, others, pools};
use crate::txn::Revision;

impl Survey<'_> {
    /// What the node's second assignment finds, where its first takes an address of somebody else's block.
    pub(super) fn after_first(&self, facts: &mut Facts<'_>, ipv4: bool) -> Result<Self, IpamError> {
        let taken = self.first_of_others(facts, ipv4)?;
        let mut blocks = self.blocks.clone();
        if let Some(block) = taken.and_then(|cidr| blocks.get_mut(&cidr)?.as_mut()) {
            if self.is_ours(&facts.request.host, block) {
                block.host = Some(facts.request.host.clone());
                facts.owned.extend(taken.map(|cidr| Owned {
                    cidr,
                    confirmed: true,
                    revision: Revision(0),
                }));
            }
            block.unused = false;
            block.free -= 1;
        }
        Ok(Self {
            snapshot: self.snapshot,
            blocks,
            reserved: self.reserved.clone(),
        })
    }

    /// One to take over, of the first request's worth that has any; else one to borrow from.
    fn first_of_others(&self, facts: &Facts<'_>, ipv4: bool) -> Result<Option<IpNet>, IpamError> {
        let candidates = others::candidates(facts, &pools::allowed(facts, ipv4)?);
        let strict = facts.settings.strict_affinity.value;
        for batch in batch::batches(&candidates) {
            let with_room = || {
                let blocks = batch.iter();
                let free = blocks.filter_map(|(_, cidr)| Some((*cidr, self.blocks.get(cidr)?.as_ref()?)));
                free.filter(|(_, block)| block.free > 0)
            };
            let ours = with_room().find(|(_, block)| self.is_ours(&facts.request.host, block));
            let first = ours.or_else(|| with_room().next().filter(|_| !strict));
            if let Some((cidr, _)) = first {
                return Ok(Some(cidr));
            }
        }
        Ok(None)
    }
}
