//! The kernel of this network namespace.

use std::fs;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::os::fd::AsFd;

use ipnet::IpNet;
use nix::sys::socket::{getsockopt, sockopt};
use shared::kernel::Kernel;
use shared::op::Side;

use super::ByName;
use crate::doctor::facts::Interface;

/// Of the whole host.
const SYSCTLS: [&str; 5] = [
    "net.ipv4.ip_forward",
    "net.ipv4.conf.all.rp_filter",
    "net.ipv4.neigh.default.gc_thresh3",
    "net.netfilter.nf_conntrack_max",
    "net.ipv4.conf.all.accept_redirects",
];

/// Interfaces with addresses and MTU, in the kernel's order.
pub(super) async fn interfaces() -> Result<Vec<Interface>, String> {
    let kernel = Kernel::open(None).map_err(|error| error.to_string())?;
    let mut found: Vec<Interface> = Vec::new();
    for one in nix::ifaddrs::getifaddrs().map_err(|error| format!("list addresses: {error}"))? {
        let name = one.interface_name.clone();
        let at = match found.iter().position(|known| known.name == name) {
            Some(at) => at,
            None => {
                let link = kernel
                    .link(Side::Host, &name)
                    .await
                    .map_err(|error| error.to_string())?;
                let mtu = link.map_or(0, |link| link.mtu);
                found.push(Interface {
                    name,
                    mtu,
                    addresses: Vec::new(),
                });
                found.len() - 1
            }
        };
        found[at].addresses.extend(address(&one));
    }
    Ok(found)
}

fn address(one: &nix::ifaddrs::InterfaceAddress) -> Option<IpNet> {
    let ip = |storage: &nix::sys::socket::SockaddrStorage| -> Option<IpAddr> {
        let v4 = storage.as_sockaddr_in().map(|v4| IpAddr::from(v4.ip()));
        v4.or_else(|| storage.as_sockaddr_in6().map(|v6| IpAddr::from(v6.ip())))
    };
    let (address, mask) = (ip(one.address.as_ref()?)?, ip(one.netmask.as_ref()?)?);
    IpNet::with_netmask(address, mask).ok()
}

/// Interfaces of IPv4 default routes, from `/proc/net/route`: interface, destination, …, mask in hexadecimal.
pub(super) fn default_routes() -> Vec<String> {
    let table = fs::read_to_string("/proc/self/net/route").unwrap_or_default();
    let default = |line: &str| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let is_it = fields.get(1) == Some(&"00000000") && fields.get(7) == Some(&"00000000");
        is_it.then(|| fields[0].to_owned())
    };
    table.lines().skip(1).filter_map(default).collect()
}

/// What is judged of `/proc/sys`, that of uplinks too.
pub(super) fn sysctls(uplinks: &[String]) -> ByName<String> {
    let of_uplinks = uplinks
        .iter()
        .map(|name| format!("net.ipv4.conf.{name}.accept_redirects"));
    let names = SYSCTLS.map(str::to_owned).into_iter().chain(of_uplinks);
    let read = |name: String| {
        // An interface's name may hold dots: only the first four are the path's.
        let path = name.splitn(5, '.').collect::<Vec<_>>().join("/");
        let path = path
            .rsplit_once('.')
            .map_or(path.clone(), |(head, tail)| format!("{head}/{tail}"));
        Some((
            name,
            fs::read_to_string(format!("/proc/sys/{path}"))
                .ok()?
                .trim()
                .to_owned(),
        ))
    };
    names.filter_map(read).collect()
}

/// What the kernel believes of the way to an IPv4 peer.
pub(super) fn path_mtu(peer: &str) -> Option<u32> {
    let address: IpAddr = peer.parse().ok()?;
    let local: SocketAddr = if address.is_ipv4() {
        ([0, 0, 0, 0], 0).into()
    } else {
        return None;
    };
    let socket = UdpSocket::bind(local).ok()?;
    // Connecting a datagram socket sends nothing.
    socket.connect((address, 179)).ok()?;
    let mtu = getsockopt(&socket.as_fd(), sockopt::IpMtu).ok()?;
    u32::try_from(mtu).ok()
}
