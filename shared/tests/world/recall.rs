//! What the hint file of a host holds: the blocks last used, and what the last ADD knew.

use std::collections::BTreeMap;

use ipnet::IpNet;
use shared::ipam::{AssignRequest, Lease, assign, is_roomy, singles};
use shared::model::clusterinformation::ClusterInformation;
use shared::model::handle::cut;
use shared::model::key::Key;
use shared::store::Remembered;
use shared::txn::{Guard, Memo, Range, Reads, Revision, Snapshot, Txn};

/// By host.
#[derive(Clone, Default)]
pub(crate) struct Hints {
    blocks: BTreeMap<String, Vec<IpNet>>,
    memos: BTreeMap<String, Memo>,
    roomy: BTreeMap<String, bool>,
    after: BTreeMap<String, Vec<IpNet>>,
}

/// What an ADD reads, with what names the cluster.
pub(crate) fn reads(request: &AssignRequest) -> Reads {
    assign::reads(request).key(ClusterInformation::only_key())
}

impl Hints {
    pub(crate) fn blocks(&self, host: &str) -> Vec<IpNet> {
        self.blocks.get(host).cloned().unwrap_or_default()
    }

    pub(crate) fn roomy(&self, host: &str) -> bool {
        self.roomy.get(host).copied().unwrap_or_default()
    }

    pub(crate) fn after(&self, host: &str) -> Vec<IpNet> {
        self.after.get(host).cloned().unwrap_or_default()
    }

    /// What the last ADD of the host knew, for the next one.
    pub(crate) fn recall(&self, request: &AssignRequest) -> Option<Remembered> {
        let mut snapshot = self.memos.get(&request.host)?.clone().snapshot();
        let cluster = ClusterInformation::only_key();
        let origin = Guard::Holds(cluster.clone(), snapshot.get(&cluster)?.value.clone());
        snapshot.expect_absent(Key::handle(cut(&request.handle)));
        Some(Remembered { snapshot, origin })
    }

    pub(crate) fn keep(&mut self, request: &AssignRequest, leases: &[Lease], snapshot: &Snapshot) {
        let host = request.host.clone();
        let blocks: Vec<IpNet> = leases.iter().map(|lease| lease.block).collect();
        let next = AssignRequest {
            hint_blocks: blocks.clone(),
            roomy: is_roomy(leases),
            after: singles(leases),
            ..request.clone()
        };
        self.roomy.insert(host.clone(), next.roomy);
        self.after.insert(host.clone(), next.after.clone());
        let mut wanted = reads(&next);
        let handle = Range::Key(Key::handle(cut(&request.handle)));
        wanted.ranges.retain(|range| *range != handle);
        match Memo::of(snapshot, &wanted) {
            Some(memo) => self.memos.insert(host.clone(), memo),
            None => self.memos.remove(&host),
        };
        self.blocks.insert(host, blocks);
    }

    /// What a release of the host has written.
    pub(crate) fn revise(&mut self, host: &str, written: Option<&(Txn, Revision)>) {
        if let (Some(memo), Some((txn, at))) = (self.memos.get_mut(host), written) {
            memo.written(txn, *at);
        }
    }
}
