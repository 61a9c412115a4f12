//! Whose the interface and the record are, when a container goes.

use shared::cni::{Attachment, CniError};
use shared::kernel::Kernel;
use shared::model::key::Key;
use shared::op::Side;
use shared::state::attachment;
use shared::txn::{Reads, Snapshot};

use super::{Call, Target};
use crate::error;
use crate::record::{self, Owner};

/// A container that goes, and where its traces may be.
pub(super) struct Gone<'a> {
    pub(super) target: Target<'a>,
    /// What its ADD noted.
    pub(super) file: Option<attachment::Attachment>,
    pub(super) reads: Reads,
}

/// What the datastore says, if it does.
pub(super) enum Seen {
    Answered(Snapshot, Owner),
    Silent,
}

impl<'a> Gone<'a> {
    pub(super) fn new(call: &Call, attachment: &'a Attachment) -> Result<Self, CniError> {
        let target = call.target(attachment)?;
        let own = call.file(&target.id);
        let old = || call.file_of_old(&target.id);
        // The record's neighbourhood; a name that no record can have is not asked for.
        let reads = record::reads(&target.workload, &call.node, None);
        let mut gone = Self {
            reads: reads.unwrap_or_else(|_| record::readiness()),
            file: own.or_else(old),
            target,
        };
        if let Some(key) = gone.noted_record().filter(|_| gone.is_old(call)) {
            gone.reads = gone.reads.key(key);
        }
        Ok(gone)
    }

    /// Whether the file is of a time when the node had another name.
    fn is_old(&self, call: &Call) -> bool {
        self.file.as_ref().is_some_and(|file| file.id.node != call.node)
    }

    /// The record that its ADD noted.
    pub(super) fn noted_record(&self) -> Option<Key> {
        let noted = self.file.as_ref().and_then(|file| file.record.clone());
        noted.map(Key::stored)
    }

    /// Whose the record is; one that cannot be read is nobody's, and stays for a person to look at.
    pub(super) fn owner(&self, call: &Call, snapshot: &Snapshot) -> Owner {
        let Target { workload, id, .. } = &self.target;
        let owner = record::owner(snapshot, workload, &call.node, &id.container, &id.ifname);
        let owner = owner.unwrap_or_else(|error| {
            call.log
                .warning("record left alone", &[("error", &error.to_string())]);
            Owner::Nobody
        });
        let old = || record::one_of(snapshot, &self.noted_record()?, &id.container);
        match owner {
            Owner::Nobody if self.is_old(call) => old().map_or(Owner::Nobody, |one| Owner::Ours(vec![one])),
            owner @ (Owner::Nobody | Owner::Ours(_) | Owner::Other { .. }) => owner,
        }
    }
}

/// Whether the interface asked about was never this container's: it has another one, which must stay.
pub(super) async fn is_elsewhere(call: &Call, gone: &Gone<'_>, seen: &Seen) -> Result<bool, CniError> {
    let Target {
        workload,
        id,
        host_interface,
        ..
    } = &gone.target;
    if gone.file.is_some() {
        return Ok(false);
    }
    let records = match seen {
        Seen::Answered(snapshot, _) => record::all_of(snapshot, workload, &call.node, &id.container),
        Seen::Silent => Ok(Vec::new()),
    };
    let records = records.unwrap_or_default();
    let mut endpoints = records
        .iter()
        .map(|stored| stored.record.spec.endpoint.as_deref());
    if endpoints.any(|endpoint| endpoint == Some(&id.ifname)) {
        return Ok(false);
    }
    if call.has_other_interface(id) {
        return Ok(true);
    }
    if records.is_empty() {
        return Ok(false);
    }
    // After a reboot the files are gone, and so is the interface: then the record goes by the container alone.
    let kernel = Kernel::open(None).map_err(error::kernel)?;
    let link = kernel
        .link(Side::Host, host_interface)
        .await
        .map_err(error::kernel)?;
    Ok(link.is_some())
}

/// Whether the interfaces are this container's, as far as this node and the datastore tell.
pub(super) fn holds_interface(call: &Call, gone: &Gone<'_>, seen: &Seen) -> bool {
    let (target, file) = (&gone.target, gone.file.as_ref());
    let owner = match seen {
        Seen::Answered(_, owner) => Some(owner),
        Seen::Silent => None,
    };
    let took_over = file.and_then(|file| file.took_over.as_deref());
    let noted = file.and_then(|file| file.host_interface.as_ref()) == Some(&target.host_interface);
    let claimed = || {
        call.claimed_by_another(&target.id, &target.host_interface)
            .is_some()
    };
    let ours = is_ours(owner, (noted, took_over), claimed);
    if let (Some(Owner::Other { container }), false) = (owner, ours) {
        let text = "the pod belongs to a newer container; only addresses are released";
        call.log.info(text, &[("newer", container)]);
    }
    ours
}

/// Whether a data plane may be asked to take away what is in the container's namespace: runtimes pass the newer
/// container's. Where the newest container's record is unknown, another one of the pod that this one did not take over
/// from may be newer.
pub(super) fn may_detach(call: &Call, gone: &Gone<'_>, seen: &Seen) -> bool {
    let target = &gone.target;
    let owner = match seen {
        Seen::Answered(_, owner) => Some(owner),
        Seen::Silent => None,
    };
    let another = || {
        let claim = call.claimed_by_another(&target.id, &target.host_interface);
        claim
            .filter(|_| target.workload.is_pod())
            .map(|file| file.id.container)
    };
    let newer = newer(owner, another);
    let took_over = gone.file.as_ref().and_then(|file| file.took_over.as_ref());
    let newer = newer.filter(|newer| took_over != Some(newer));
    if let Some(newer) = &newer {
        let text = "the pod belongs to a newer container; the data plane is not asked";
        call.log.info(text, &[("newer", newer)]);
    }
    newer.is_none()
}

/// The container that has the pod instead of this one, unless this one took it from there.
fn newer(owner: Option<&Owner>, another: impl FnOnce() -> Option<String>) -> Option<String> {
    match owner {
        Some(Owner::Ours(_)) => None,
        Some(Owner::Other { container }) => Some(container.clone()),
        Some(Owner::Nobody) | None => another(),
    }
}

/// The record decides, unless it names the container that this one's ADD was killed in taking over from. Without
/// one, or without an answer, this container's attachment file does, unless another container's file says the
/// same of itself.
fn is_ours(
    owner: Option<&Owner>,
    (noted, took_over): (bool, Option<&str>),
    claimed_by_another: impl FnOnce() -> bool,
) -> bool {
    match owner {
        Some(Owner::Ours(_)) => true,
        Some(Owner::Other { container }) => took_over == Some(container),
        Some(Owner::Nobody) | None => noted && !claimed_by_another(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_record_decides_whose_the_interface_is_and_the_file_only_without_one() {
        let other = Owner::Other {
            container: "newer".to_owned(),
        };
        let ours = Owner::Ours(Vec::new());
        for (owner, noted, claimed, wanted) in [
            (Some(&ours), (false, None), true, true),
            (Some(&other), (true, None), false, false),
            (Some(&other), (true, Some("newer")), true, true),
            (Some(&other), (true, Some("oldest")), true, false),
            (Some(&Owner::Nobody), (true, None), false, true),
            (Some(&Owner::Nobody), (false, None), false, false),
            (Some(&Owner::Nobody), (true, None), true, false),
            (None, (true, None), false, true),
            (None, (true, None), true, false),
            (None, (false, None), false, false),
        ] {
            assert_eq!(
                is_ours(owner, noted, || claimed),
                wanted,
                "{owner:?} {noted:?} {claimed}"
            );
        }
    }
}
