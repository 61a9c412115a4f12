//! Who makes the pod's interface: this plugin, or a gRPC data plane. Both are asked the same things at the same moments.
#![expect(
    clippy::disallowed_methods,
    reason = "edge: measures what is left of the call's time"
)]

use std::net::IpAddr;
use std::time::Instant;

use ipnet::IpNet;
use shared::cni::CniError;
use shared::model::workloadendpoint::{self, WorkloadEndpoint};

use super::pair::{Pair, Wish};
use super::{Call, Target};
use crate::facts::Facts;
use crate::remote::{AddReply, AddRequest, ContainerIp, DelRequest, Port, Remote, Settings, Workload};
use crate::wiring::Wiring;

/// A pod's interface on its way.
pub(super) enum Wire {
    /// Ours.
    Kernel(Box<Pair>),
    /// A data plane's.
    Remote(Box<Lead>),
}

/// What a data plane is told, and has said.
pub(super) struct Lead {
    wiring: Wiring,
    asked: bool,
    reply: AddReply,
}

impl Wire {
    /// Looks at what is there and plans; refuses before anything is touched.
    pub(super) async fn plan(call: &Call, target: &Target<'_>, wish: Wish<'_>) -> Result<Self, CniError> {
        if call.config.remote.is_none() {
            return Ok(Self::Kernel(Box::new(Pair::plan(call, target, wish).await?)));
        }
        let mtu = wish.mtu.unwrap_or(0);
        Ok(Self::Remote(Box::new(Lead {
            wiring: Wiring { mtu, ..wish.wiring },
            asked: false,
            reply: AddReply::default(),
        })))
    }

    /// Whether an interface of the name is there; a data plane sees to that itself.
    pub(super) fn takes_over(&self) -> bool {
        match self {
            Wire::Kernel(pair) => pair.takes_over(),
            Wire::Remote(_) => false,
        }
    }

    /// Refuses addresses that would be refused later, while nothing is touched yet.
    pub(super) async fn foresee(&mut self, addresses: &[IpAddr]) -> Result<(), CniError> {
        match self {
            Wire::Kernel(pair) => pair.foresee(addresses).await,
            Wire::Remote(_) => Ok(()),
        }
    }

    /// Makes the interface, as far as that can be without addresses.
    pub(super) async fn build(&mut self, call: &Call) -> Result<(), CniError> {
        match self {
            Wire::Kernel(pair) => pair.build(call).await,
            Wire::Remote(_) => Ok(()),
        }
    }

    /// Gives it addresses and routes. `draft` gives the record as it will be, but for host interface and MAC.
    pub(super) async fn address(
        &mut self,
        call: &Call,
        target: &Target<'_>,
        (addresses, host_routes): (&[IpAddr], bool),
        (draft, facts): (impl FnOnce() -> WorkloadEndpoint, &Facts),
    ) -> Result<(), CniError> {
        let (lead, remote) = match (self, &call.config.remote) {
            (Wire::Kernel(pair), _) => return pair.address(call, addresses, host_routes).await,
            (Wire::Remote(_), None) => return Ok(()),
            (Wire::Remote(lead), Some(remote)) => (lead, remote),
        };
        let request = AddRequest {
            interface_name: target.attachment.ifname.clone(),
            netns: netns(target),
            desired_host_interface_name: target.host_interface.clone(),
            settings: Some(Settings {
                allow_ip_forwarding: lead.wiring.allow_ip_forwarding,
                mtu: lead.wiring.mtu.try_into().unwrap_or(0),
            }),
            container_ips: addresses.iter().map(|address| ip(*address)).collect(),
            container_routes: lead.wiring.pod_routes.iter().map(IpNet::to_string).collect(),
            workload: Some(workload(&draft(), facts)),
            dataplane_options: options(remote),
        };
        lead.asked = true;
        lead.reply = remote.add(request, left(call)).await?;
        Ok(())
    }

    /// The pod end's Ethernet address, once it exists.
    pub(super) fn mac(&self) -> &str {
        match self {
            Wire::Kernel(pair) => &pair.mac,
            Wire::Remote(lead) => &lead.reply.container_mac,
        }
    }

    /// The host end's name.
    pub(super) fn host_interface(&self, target: &Target<'_>) -> String {
        match self {
            Wire::Remote(lead) if !lead.reply.host_interface_name.is_empty() => {
                lead.reply.host_interface_name.clone()
            }
            Wire::Remote(_) | Wire::Kernel(_) => target.host_interface.clone(),
        }
    }

    /// The MTU of both ends; 0 is whatever a data plane chose.
    pub(super) fn mtu(&self) -> u32 {
        match self {
            Wire::Kernel(pair) => pair.mtu(),
            Wire::Remote(lead) => lead.wiring.mtu,
        }
    }

    /// Takes back whatever was done.
    pub(super) async fn undo(self, call: &Call, target: &Target<'_>) -> Result<(), CniError> {
        match self {
            Wire::Kernel(pair) => pair.undo().await,
            Wire::Remote(lead) if lead.asked => detach(call, target).await,
            Wire::Remote(_) => Ok(()),
        }
    }
}

/// Asks the data plane, where there is one, to take the interface away.
pub(super) async fn detach(call: &Call, target: &Target<'_>) -> Result<(), CniError> {
    let Some(remote) = &call.config.remote else {
        return Ok(());
    };
    let request = DelRequest {
        interface_name: target.attachment.ifname.clone(),
        netns: netns(target),
        dataplane_options: options(remote),
    };
    remote.del(request, left(call)).await
}

fn left(call: &Call) -> std::time::Duration {
    call.deadline().saturating_duration_since(Instant::now())
}

fn netns(target: &Target<'_>) -> String {
    let path = target.attachment.netns.as_ref();
    path.map(|path| path.display().to_string()).unwrap_or_default()
}

fn options(remote: &Remote) -> std::collections::HashMap<String, String> {
    remote.options.clone().into_iter().collect()
}

fn ip(address: IpAddr) -> ContainerIp {
    ContainerIp {
        address: IpNet::from(address).to_string(),
        gateway: String::new(),
    }
}

/// The record's own words.
fn workload(draft: &WorkloadEndpoint, facts: &Facts) -> Workload {
    let (metadata, spec) = (&draft.metadata, &draft.spec);
    let annotations = facts.pod.as_ref().map(|pod| pod.annotations.clone());
    Workload {
        name: metadata.name.clone(),
        namespace: metadata.namespace.clone().unwrap_or_default(),
        labels: metadata.labels.clone().unwrap_or_default().into_iter().collect(),
        annotations: annotations.unwrap_or_default().into_iter().collect(),
        endpoint: spec.endpoint.clone().unwrap_or_default(),
        node: spec.node.clone().unwrap_or_default(),
        orchestrator: spec.orchestrator.clone().unwrap_or_default(),
        pod: spec.pod.clone().unwrap_or_default(),
        ports: spec.ports.iter().flatten().map(port).collect(),
    }
}

fn port(port: &workloadendpoint::Port) -> Port {
    Port {
        name: port.name.clone(),
        protocol: port.protocol.as_str().unwrap_or_default().to_owned(),
        port: port.port.into(),
        host_port: port.host_port.into(),
        host_ip: port.host_ip.clone(),
    }
}
