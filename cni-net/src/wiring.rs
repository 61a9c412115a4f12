//! What a pod's network looks like when it is right: Calico's pod, as data. Not how to get there (`plan`).
//!
//! ```text
//!  pod                                   host
//!  eth0  10.0.3.5/32, fd00::5/128        cali…  ee:ee:ee:ee:ee:ee, fe80::ecee:eeff:feee:eeee/64
//!  169.254.1.1 dev eth0 scope link       10.0.3.5 dev cali… scope link, fd00::5 dev cali…
//!  default via 169.254.1.1               proxy_arp, proxy_ndp, forwarding, rp_filter
//!  both gateways at ee:ee:ee:ee:ee:ee
//! ```

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;
use shared::op::{Mac, Need, Route, Side, Sysctl, Veth};

/// The host end's Ethernet address, the same for every pod.
pub(crate) const HOST_MAC: Mac = Mac([0xee; 6]);
/// The IPv4 gateway of every pod. Nobody has it: the neighbour entry and proxy ARP make it answer.
pub(crate) const GATEWAY_V4: IpAddr = IpAddr::V4(Ipv4Addr::new(169, 254, 1, 1));
/// The IPv6 gateway of every pod: the host end's link-local address, which follows from [`HOST_MAC`].
pub(crate) const GATEWAY_V6: IpAddr =
    IpAddr::V6(Ipv6Addr::new(0xfe80, 0, 0, 0, 0xecee, 0xeeff, 0xfeee, 0xeeee));

/// One pod's wiring, as decided by configuration and IPAM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Wiring {
    /// The host end's name (`cali…`).
    pub(crate) host_if: String,
    /// The pod end's name (CNI_IFNAME).
    pub(crate) pod_if: String,
    /// MTU of both ends; 0 leaves it to the kernel, and to CHECK it says nothing.
    pub(crate) mtu: u32,
    /// Queues of both ends (netconf `num_queues`).
    pub(crate) queues: u32,
    /// The pod's addresses; none yet while IPAM is being asked.
    pub(crate) addresses: Vec<IpAddr>,
    /// What the pod reaches by its gateway: the default routes, or what IPAM names instead.
    pub(crate) pod_routes: Vec<IpNet>,
    /// The pod end's Ethernet address, if one is asked for.
    pub(crate) mac: Option<Mac>,
    /// Whether the pod may forward (`container_settings.allow_ip_forwarding`).
    pub(crate) allow_ip_forwarding: bool,
    /// Whether the host refuses sources that are not routed to this pod; off for allowed source prefixes. `None`
    /// leaves it to the operator.
    pub(crate) rp_filter: Option<bool>,
    /// Whether the node's own forwarding is switched on where it is off.
    pub(crate) manage_forwarding: bool,
}

impl Wiring {
    /// A pod of Calico's defaults without addresses.
    pub(crate) fn new(host_if: &str, pod_if: &str, mtu: u32) -> Self {
        Self {
            host_if: host_if.to_owned(),
            pod_if: pod_if.to_owned(),
            mtu,
            queues: 1,
            addresses: Vec::new(),
            pod_routes: vec![
                IpNet::new_assert(Ipv4Addr::UNSPECIFIED.into(), 0),
                IpNet::new_assert(Ipv6Addr::UNSPECIFIED.into(), 0),
            ],
            mac: None,
            allow_ip_forwarding: false,
            rp_filter: Some(true),
            manage_forwarding: true,
        }
    }

    /// Whether an address is IPv4.
    pub(crate) fn has_v4(&self) -> bool {
        self.addresses.iter().any(IpAddr::is_ipv4)
    }

    /// Whether an address is IPv6.
    pub(crate) fn has_v6(&self) -> bool {
        self.addresses.iter().any(IpAddr::is_ipv6)
    }

    /// The pair of interfaces.
    pub(crate) fn veth(&self) -> Veth {
        Veth {
            host: self.host_if.clone(),
            pod: self.pod_if.clone(),
            mtu: self.mtu,
            queues: self.queues,
            host_mac: HOST_MAC,
            pod_mac: self.mac,
        }
    }

    /// Sysctls that no address decides about, to be written before either end is up.
    pub(crate) fn link_sysctls(&self) -> Vec<Sysctl> {
        let (host, pod) = (&self.host_if, &self.pod_if);
        let accept_dad = |side, link| {
            sysctl(
                side,
                format!("net/ipv6/conf/{link}/accept_dad"),
                "0",
                Need::IfPresent,
            )
        };
        let mut all = vec![
            accept_dad(Side::Host, host),
            accept_dad(Side::Pod, pod),
            sysctl(
                Side::Host,
                format!("net/ipv6/conf/{host}/accept_ra"),
                "0",
                Need::BestEffort,
            ),
        ];
        let rp_filter = |strict| {
            let key = format!("net/ipv4/conf/{host}/rp_filter");
            sysctl(Side::Host, key, if strict { "1" } else { "0" }, Need::Required)
        };
        all.extend(self.rp_filter.map(rp_filter));
        all
    }

    /// Sysctls of both ends for the families the pod has.
    pub(crate) fn family_sysctls(&self) -> Vec<Sysctl> {
        let host = &self.host_if;
        let required = |key: String, value| sysctl(Side::Host, key, value, Need::Required);
        let mut all = Vec::new();
        if self.has_v4() {
            all.push(required(format!("net/ipv4/conf/{host}/route_localnet"), "1"));
            let delay = format!("net/ipv4/neigh/{host}/proxy_delay");
            all.push(sysctl(Side::Host, delay, "0", Need::BestEffort));
            all.push(required(format!("net/ipv4/conf/{host}/proxy_arp"), "1"));
            all.push(required(format!("net/ipv4/conf/{host}/forwarding"), "1"));
        }
        if self.has_v6() {
            all.push(required(format!("net/ipv6/conf/{host}/disable_ipv6"), "0"));
            all.push(required(format!("net/ipv6/conf/{host}/proxy_ndp"), "1"));
            all.push(required(format!("net/ipv6/conf/{host}/forwarding"), "1"));
            // A pod whose `default` disables IPv6 disables it on every interface it gets, whatever `all` says.
            let enabled = format!("net/ipv6/conf/{}/disable_ipv6", self.pod_if);
            all.push(sysctl(Side::Pod, enabled, "0", Need::Required));
        }
        all
    }

    /// Sysctls of the pod as a whole that make IPv6 work at all there.
    pub(crate) fn pod_enabling(&self) -> Vec<Sysctl> {
        let scopes = if self.has_v6() {
            ["all", "default", "lo"].as_slice()
        } else {
            &[]
        };
        let key = |scope| format!("net/ipv6/conf/{scope}/disable_ipv6");
        scopes
            .iter()
            .map(|scope| sysctl(Side::Pod, key(scope), "0", Need::Required))
            .collect()
    }

    /// Sysctls of the pod as a whole about forwarding.
    pub(crate) fn pod_forwarding(&self) -> Vec<Sysctl> {
        let value = if self.allow_ip_forwarding { "1" } else { "0" };
        let mut all = Vec::new();
        if self.has_v4() {
            all.push(sysctl(
                Side::Pod,
                "net/ipv4/ip_forward".to_owned(),
                value,
                Need::Required,
            ));
        }
        if self.has_v6() {
            all.push(sysctl(
                Side::Pod,
                "net/ipv6/conf/all/forwarding".to_owned(),
                value,
                Need::Required,
            ));
        }
        all
    }

    /// Addresses of both ends.
    pub(crate) fn interface_addresses(&self) -> Vec<(Side, IpNet)> {
        let gateway = self
            .has_v6()
            .then(|| (Side::Host, IpNet::new_assert(GATEWAY_V6, 64)));
        let pod = self
            .addresses
            .iter()
            .map(|address| (Side::Pod, IpNet::from(*address)));
        gateway.into_iter().chain(pod).collect()
    }

    /// The pod's permanent neighbours: its gateways, so that it depends on no proxy.
    pub(crate) fn neighbours(&self) -> Vec<(IpAddr, Mac)> {
        let v4 = self.has_v4().then_some((GATEWAY_V4, HOST_MAC));
        let v6 = self.has_v6().then_some((GATEWAY_V6, HOST_MAC));
        v4.into_iter().chain(v6).collect()
    }

    /// The pod's routes, in an order in which each can be added.
    pub(crate) fn routes(&self) -> Vec<Route> {
        let mut all = Vec::new();
        if self.has_v4() {
            all.push(Route::direct(IpNet::from(GATEWAY_V4), &self.pod_if));
        }
        for destination in &self.pod_routes {
            let gateway = match destination {
                IpNet::V4(_) if self.has_v4() => GATEWAY_V4,
                IpNet::V6(_) if self.has_v6() => GATEWAY_V6,
                IpNet::V4(_) | IpNet::V6(_) => continue,
            };
            let route = Route::via(destination.trunc(), gateway, &self.pod_if);
            if !all.contains(&route) {
                all.push(route);
            }
        }
        all
    }

    /// The host's route for one of the addresses.
    pub(crate) fn host_route(&self, address: IpAddr) -> Route {
        Route::direct(IpNet::from(address), &self.host_if)
    }
}

fn sysctl(side: Side, key: String, value: &str, need: Need) -> Sysctl {
    Sysctl {
        side,
        key,
        value: value.to_owned(),
        was: None,
        need,
    }
}
