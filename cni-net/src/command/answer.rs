//! The answer to ADD: exactly what Calico's plugin says. Pure.

use std::net::IpAddr;

use ipnet::IpNet;
use shared::cni::result::{Interface, IpConfig, Route};
use shared::cni::{AddResult, CniError, Code};

use super::Target;
use crate::config::Config;

/// The addresses that IPAM gave, each once.
pub(super) fn addresses(config: &Config, ipam: &AddResult) -> Result<Vec<IpAddr>, CniError> {
    let mut addresses: Vec<IpAddr> = Vec::new();
    for ip in &ipam.ips {
        if !addresses.contains(&ip.address.addr()) {
            addresses.push(ip.address.addr());
        }
    }
    if addresses.is_empty() {
        let text = format!("IPAM plugin {}: its answer holds no address", config.ipam);
        return Err(CniError::new(Code::IpamPluginFailed, text));
    }
    Ok(addresses)
}

/// What an IPAM plugin would answer that gave these addresses.
pub(super) fn alone(addresses: &[IpAddr]) -> AddResult {
    let nets = || addresses.iter().map(|address| IpNet::from(*address));
    let ip = |address| IpConfig {
        address,
        gateway: None,
        interface: None,
    };
    AddResult {
        ips: nets().map(ip).collect(),
        routes: nets().map(Route::to).collect(),
        ..AddResult::default()
    }
}

/// Two answers in one.
pub(super) fn and(mut first: AddResult, second: AddResult) -> AddResult {
    first.ips.extend(second.ips);
    first.routes.extend(second.routes);
    AddResult {
        dns: second.dns,
        ..first
    }
}

/// Calico's answer: two interfaces, each address alone, and the routes that IPAM gave.
pub(super) fn result(
    config: &Config,
    target: &Target<'_>,
    (host, mac, mtu): (&str, &str, u32),
    addresses: &[IpAddr],
    ipam: AddResult,
) -> AddResult {
    let own = |address: &IpAddr| IpNet::from(*address);
    let routes = match config.uses_calico_ipam() && !ipam.routes.is_empty() {
        true => addresses.iter().map(|address| Route::to(own(address))).collect(),
        false => ipam.routes,
    };
    AddResult {
        interfaces: interfaces(target, host, Some(mac.to_owned()), mtu),
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
        mtu: (mtu > 0).then_some(mtu),
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

#[cfg(test)]
mod tests {
    use serde_json::json;
    use shared::cni::{Attachment, NetConf, SpecVersion};
    use shared::state::attachment::Id;

    use super::*;
    use crate::names::Workload;

    fn config(ipam: &str) -> Config {
        let text = json!({"cniVersion": "1.0.0", "name": "net", "ipam": {"type": ipam}}).to_string();
        Config::new(&NetConf::parse(text.as_bytes()).unwrap()).unwrap()
    }

    fn ipam(value: serde_json::Value) -> AddResult {
        AddResult::parse(SpecVersion::V1_0_0, &value).unwrap()
    }

    fn answer(kind: &str, given: serde_json::Value) -> serde_json::Value {
        let attachment = Attachment {
            netns: Some("/run/netns/p".into()),
            ifname: "eth0".to_owned(),
            ..Attachment::default()
        };
        let target = Target {
            attachment: &attachment,
            workload: Workload::Pod {
                namespace: "default".to_owned(),
                name: "nginx".to_owned(),
            },
            host_interface: "calic440f455693".to_owned(),
            id: Id::default(),
        };
        let (config, given) = (config(kind), ipam(given));
        let addresses = addresses(&config, &given).unwrap();
        let mac = "d2:6c:0a:5e:11:90";
        result(
            &config,
            &target,
            (&target.host_interface, mac, 1450),
            &addresses,
            given,
        )
        .render(SpecVersion::V1_0_0)
    }

    #[test]
    fn the_answer_is_calicos() {
        let given = json!({"ips": [{"address": "192.168.84.130/26", "gateway": "192.168.84.129"}],
            "routes": [{"dst": "192.168.84.130/26"}]});
        let wanted = json!({"cniVersion": "1.0.0",
            "interfaces": [{"name": "calic440f455693"},
                {"name": "eth0", "mac": "d2:6c:0a:5e:11:90", "mtu": 1450, "sandbox": "/run/netns/p"}],
            "ips": [{"interface": 1, "address": "192.168.84.130/32"}],
            "routes": [{"dst": "192.168.84.130/32"}], "dns": {}});
        assert_eq!(answer("calico-ipam", given.clone()), wanted);
        assert_eq!(answer("cni-ipam", given), wanted);
    }

    #[test]
    fn routes_of_other_allocators_are_passed_on_and_none_stay_none() {
        let given =
            json!({"ips": [{"address": "10.1.0.2/24"}], "routes": [{"dst": "0.0.0.0/0", "gw": "10.1.0.1"}]});
        assert_eq!(
            answer("host-local", given)["routes"],
            json!([{"dst": "0.0.0.0/0", "gw": "10.1.0.1"}])
        );
        assert!(
            answer("cni-ipam", json!({"ips": [{"address": "10.1.0.2/24"}]}))
                .get("routes")
                .is_none()
        );
    }

    #[test]
    fn an_address_given_twice_is_one_and_none_is_an_error() {
        let twice = ipam(json!({"ips": [{"address": "10.1.0.2/24"}, {"address": "10.1.0.2/32"}]}));
        assert_eq!(addresses(&config("x"), &twice).unwrap().len(), 1);
        let error = addresses(&config("x"), &AddResult::default()).unwrap_err();
        assert_eq!(error.code, Code::IpamPluginFailed);
    }
}
