//! The answer to ADD: exactly what Calico's plugin says. Pure.

use std::net::IpAddr;

use ipnet::IpNet;
use shared::cni::result::{Interface, IpConfig, Route};
use shared::cni::{AddResult, CniError, Code};

use super::{Call, Target};

/// The addresses that IPAM gave, each once.
pub(super) fn addresses(call: &Call, ipam: &AddResult) -> Result<Vec<IpAddr>, CniError> {
    let mut addresses: Vec<IpAddr> = Vec::new();
    for ip in &ipam.ips {
        if !addresses.contains(&ip.address.addr()) {
            addresses.push(ip.address.addr());
        }
    }
    if addresses.is_empty() {
        let text = format!("IPAM plugin {}: its answer holds no address", call.config.ipam);
        return Err(CniError::new(Code::IpamPluginFailed, text));
    }
    Ok(addresses)
}

/// Calico's answer: two interfaces, each address alone, and the routes that IPAM gave.
pub(super) fn result(
    call: &Call,
    target: &Target<'_>,
    (mac, mtu): (&str, u32),
    addresses: &[IpAddr],
    ipam: AddResult,
) -> AddResult {
    let own = |address: &IpAddr| IpNet::from(*address);
    let routes = match call.config.uses_calico_ipam() && !ipam.routes.is_empty() {
        true => addresses.iter().map(|address| Route::to(own(address))).collect(),
        false => ipam.routes,
    };
    AddResult {
        interfaces: interfaces(target, &target.host_interface, Some(mac.to_owned()), mtu),
        ips: ips(addresses.iter().map(own)),
        routes,
        dns: ipam.dns,
    }
}

/// The host end without address or sandbox, and the pod end.
pub(super) fn interfaces(target: &Target<'_>, host: &str, mac: Option<String>, mtu: u32) -> Vec<Interface> {
    let sandbox = target
        .attachment
        .netns
        .as_ref()
        .map(|path| path.display().to_string());
    let pod = Interface {
        name: target.attachment.ifname.clone(),
        mac,
        mtu: Some(mtu),
        sandbox,
        ..Interface::default()
    };
    vec![
        Interface {
            name: host.to_owned(),
            ..Interface::default()
        },
        pod,
    ]
}

/// Addresses of the second interface, without gateway.
pub(super) fn ips(addresses: impl Iterator<Item = IpNet>) -> Vec<IpConfig> {
    addresses
        .map(|address| IpConfig {
            address,
            gateway: None,
            interface: Some(1),
        })
        .collect()
}
