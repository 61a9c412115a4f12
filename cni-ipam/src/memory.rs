//! What the last ADD of this node knew: the next one decides from it, and its Txn proves it.

use shared::ipam::{AssignRequest, assign};
use shared::model::clusterinformation::ClusterInformation;
use shared::model::handle::cut;
use shared::model::key::Key;
use shared::state::hint::{self, Hint};
use shared::store::Remembered;
use shared::txn::{Guard, Memo, Range, Reads, Snapshot};

use crate::call::Call;

/// A longer file costs more to read than a request.
const LONGEST: usize = 128 << 10;

/// What an ADD needs, with what names the cluster.
pub(crate) fn reads(request: &AssignRequest) -> Reads {
    assign::reads(request).key(ClusterInformation::only_key())
}

/// What is remembered for a request. A cluster without ClusterInformation has no name, and nothing is remembered of it.
pub(crate) fn recall(hint: &mut Hint, request: &AssignRequest) -> Option<Remembered> {
    let mut snapshot = hint.memory.take()?.snapshot();
    let cluster = ClusterInformation::only_key();
    let origin = Guard::Holds(cluster.clone(), snapshot.get(&cluster)?.value.clone());
    snapshot.expect_absent(Key::handle(cut(&request.handle)));
    Some(Remembered { snapshot, origin })
}

/// Writes the hint for the next ADD.
pub(crate) fn keep(call: &Call, mut hint: Hint, request: &AssignRequest, snapshot: &Snapshot) {
    let next = AssignRequest {
        hint_blocks: hint.blocks.clone(),
        roomy: hint.roomy,
        after: hint.after.clone(),
        ..request.clone()
    };
    let handle = Range::Key(Key::handle(cut(&request.handle)));
    let mut wanted = reads(&next);
    wanted.ranges.retain(|range| *range != handle);
    hint.memory = Memo::of(snapshot, &wanted).filter(|memo| memo.size() <= LONGEST);
    write(call, &hint);
}

/// The hint of this node.
pub(crate) fn read(call: &Call) -> Hint {
    hint::read(&call.config.dirs, &call.store.identity(), &call.node)
}

fn write(call: &Call, hint: &Hint) {
    // It only saves requests.
    let _ = hint::write(&call.config.dirs, &call.store.identity(), &call.node, hint);
}
