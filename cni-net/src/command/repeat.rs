//! A repeated ADD without Kubernetes arguments: a record for this container exists. As in Calico: no IPAM, no
//! kernel, no repair; the network's profile is appended, and the answer is rebuilt from the record.

use shared::cni::{AddResult, CniError, Code};
use shared::kernel::Kernel;
use shared::txn::Snapshot;

use super::{Call, Target, add, answer};
use crate::record::{self, Stored, Wanted};
use crate::{error, mtu};

/// What Calico refuses for containers that are no pods.
pub(super) fn refuse_unsupported(call: &Call) -> Result<(), CniError> {
    if !call.config.addresses_without_ipam {
        return Ok(());
    }
    let text = "feature_control.ip_addrs_no_ipam is for Kubernetes pods only: set it to false, or pass \
                K8S_POD_NAMESPACE and K8S_POD_NAME in CNI_ARGS";
    Err(CniError::new(Code::UnsupportedField, text))
}

/// The same answer once more.
pub(super) async fn add(
    call: &Call,
    target: &Target<'_>,
    snapshot: Snapshot,
    stored: Stored,
) -> Result<AddResult, CniError> {
    let record = &stored.record;
    let mtu = match mtu::wanted(&call.config)? {
        Some(mtu) => mtu,
        None => {
            call.uplink_mtu(&Kernel::open(None).map_err(error::kernel)?)
                .await?
        }
    };
    let host = record
        .spec
        .interface_name
        .clone()
        .unwrap_or_else(|| target.host_interface.clone());
    let answer = AddResult {
        interfaces: answer::interfaces(target, &host, record.spec.mac.clone(), mtu),
        ips: answer::ips(record::addresses(record).into_iter()),
        ..AddResult::default()
    };
    if let Some(record) = record::with_profile(record, &call.config.network) {
        let (key, profile) = (stored.key.clone(), call.new_profile(target));
        let wanted = Wanted {
            key,
            record,
            replaces: Some(stored),
            profile,
            handle: None,
        };
        add::write(call, target, snapshot, &wanted).await?;
    }
    Ok(answer)
}
