//! CHECK: record, kernel and addresses against the result that ADD gave. It names what differs and mends nothing.

use std::os::fd::AsFd as _;

use shared::cni::{AddResult, Attachment, CniError, Code};
use shared::kernel::Kernel;
use shared::store::Datastore as _;

use super::{Call, Target, pair};
use crate::observe::{Observed, observe};
use crate::record::{self, Stored};
use crate::wiring::Wiring;
use crate::{error, plan};

/// Compares.
pub(super) async fn check(call: &Call, attachment: &Attachment) -> Result<(), CniError> {
    let target = call.target(attachment)?;
    let previous = previous(call)?;
    let netns = target.netns()?;
    let reads = record::reads(&target.workload, &call.node, None)?;
    let snapshot = call.store.read(&reads).await.map_err(error::store)?;
    let stored = record::existing(&snapshot, &target.workload, &call.node)?;
    let mut wrong = in_record(
        &target,
        (&previous, call.config.remote.is_some()),
        stored.as_ref(),
    );
    if call.config.remote.is_none() {
        let wiring = wiring(call, &target, &previous, record::may_spoof(stored.as_ref()))?;
        let kernel = Kernel::open(Some(netns.as_fd())).map_err(error::kernel)?;
        let observed = observe(&kernel, &(&wiring).into()).await.map_err(error::kernel)?;
        wrong.extend(in_result(&target, &previous, &observed));
        let led_elsewhere =
            target.workload.is_pod() && call.config.uses_calico_ipam() && previous.routes.is_empty();
        wrong.extend(in_kernel(&observed, &wiring, !led_elsewhere));
    }
    let without_ipam = call.file(&target.id).is_some_and(|file| file.without_ipam);
    let ipam = if without_ipam {
        Ok(())
    } else {
        call.check_ipam(&target)
    };
    if wrong.is_empty() {
        return ipam;
    }
    wrong.extend(ipam.err().map(|error| error.to_string()));
    let text = format!("{}: {}", target.id.ifname, wrong.join("; "));
    Err(CniError::new(Code::WiringDiffers, text)
        .details("CHECK mends nothing: delete the pod, or run DEL and ADD"))
}

/// The result of ADD, which the runtime must hand over.
fn previous(call: &Call) -> Result<AddResult, CniError> {
    let Some(text) = &call.conf.prev_result else {
        return Err(CniError::new(
            Code::InvalidConfig,
            "prevResult is missing: CHECK compares with the result of ADD",
        ));
    };
    let value = serde_json::from_str(text.get())
        .map_err(|error| CniError::new(Code::DecodeFailure, format!("prevResult: {error}")))?;
    AddResult::parse(call.conf.cni_version, &value)
}

/// Only the addresses of our own interface: a plugin after us may have added others.
fn addresses(target: &Target<'_>, previous: &AddResult) -> Vec<std::net::IpAddr> {
    let own = |index: usize| {
        previous
            .interfaces
            .get(index)
            .is_some_and(|it| it.name == target.id.ifname)
    };
    let ips = previous.ips.iter().filter(|ip| ip.interface.is_none_or(own));
    ips.map(|ip| ip.address.addr()).collect()
}

fn wiring(call: &Call, target: &Target<'_>, previous: &AddResult, spoofs: bool) -> Result<Wiring, CniError> {
    let pod = previous
        .interfaces
        .iter()
        .find(|interface| interface.name == target.id.ifname);
    Ok(Wiring {
        mtu: pod.and_then(|interface| interface.mtu).unwrap_or(0),
        addresses: addresses(target, previous),
        ..call.wiring(target, spoofs)?
    })
}

fn in_record(
    target: &Target<'_>,
    (previous, foreign): (&AddResult, bool),
    stored: Option<&Stored>,
) -> Vec<String> {
    let Some(stored) = stored else {
        return vec![format!(
            "no workload endpoint record for {}",
            target.workload.id()
        )];
    };
    let (key, record) = (&stored.key, &stored.record);
    let mut wrong = Vec::new();
    let mut differs = |field: &str, is: String, should: String| {
        if is != should {
            wrong.push(format!("{key}: {field} is {is:?}, should be {should:?}"));
        }
    };
    differs(
        "containerID",
        record::container(record).to_owned(),
        target.id.container.clone(),
    );
    let interface = record.spec.interface_name.clone().unwrap_or_default();
    // A data plane may have made one of another name; then the result says which.
    let host = previous.interfaces.first().filter(|_| foreign);
    let host = host.map_or_else(|| target.host_interface.clone(), |host| host.name.clone());
    differs("interfaceName", interface, host);
    let sorted = |mut all: Vec<String>| {
        all.sort_unstable();
        all.join(", ")
    };
    let is = record::addresses(record)
        .iter()
        .map(|net| net.addr().to_string())
        .collect();
    let should = addresses(target, previous)
        .iter()
        .map(ToString::to_string)
        .collect();
    differs("ipNetworks", sorted(is), sorted(should));
    wrong
}

fn in_result(target: &Target<'_>, previous: &AddResult, observed: &Observed) -> Vec<String> {
    let mut wrong = Vec::new();
    if !previous
        .interfaces
        .iter()
        .any(|interface| interface.name == target.host_interface)
    {
        wrong.push(format!(
            "prevResult has no host interface {}",
            target.host_interface
        ));
    }
    let pod = previous
        .interfaces
        .iter()
        .find(|interface| interface.name == target.id.ifname);
    let Some(pod) = pod else {
        wrong.push(format!("prevResult has no interface {}", target.id.ifname));
        return wrong;
    };
    let is = observed
        .pod
        .as_ref()
        .and_then(|link| link.mac)
        .map(|mac| mac.to_string());
    if let (Some(is), Some(should)) = (is, &pod.mac)
        && !is.eq_ignore_ascii_case(should)
    {
        wrong.push(format!("{}: MAC is {is}, should be {should}", pod.name));
    }
    wrong
}

fn in_kernel(observed: &Observed, wiring: &Wiring, host_routes: bool) -> Vec<String> {
    match plan::diff(observed, Some(wiring)) {
        Ok(mut ops) => {
            ops.retain(|op| host_routes || !pair::is_host_route(op));
            plan::differences(&ops)
        }
        Err(error) => vec![error.to_string()],
    }
}
