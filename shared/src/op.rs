//! Instruction set 2: what a decision about the kernel is written in.
//!
//! A plan is a list of [`Op`]; `shared::kernel` carries each out and decides nothing. This file is data: no
//! netlink, no file, no clock. What a plan is made from (links, routes as found) lives in `kernel::fact`.

use std::net::IpAddr;

use ipnet::IpNet;

mod mac;
mod text;

pub use mac::{Mac, NoMac};

/// Which network namespace an instruction is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Side {
    /// The node's own.
    Host,
    /// The pod's.
    Pod,
}

/// What a route does with a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RouteKind {
    /// Sends it on.
    Unicast,
    /// Sends it on by one of several next hops, or by a nexthop object. Found and deleted, never made; link and
    /// gateway are the first hop's.
    Multipath,
    /// Takes it in: an address of this machine.
    Local,
    /// Drops it without a word.
    Blackhole,
    /// Any other `rtm_type`.
    Other(u8),
}

/// How far away a route's destination is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// Anywhere, by way of a gateway (0).
    Universe,
    /// On the link (253).
    Link,
    /// Any other `rtm_scope`.
    Other(u8),
}

/// A route of table main.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Route {
    /// Where to; `0.0.0.0/0` and `::/0` are the default routes.
    pub destination: IpNet,
    /// What happens to the packet.
    pub kind: RouteKind,
    /// The interface it leaves by.
    pub link: Option<String>,
    /// The next router.
    pub gateway: Option<IpAddr>,
    /// How far the destination is; IPv6 has no scopes and reads as universe.
    pub scope: Scope,
    /// Who put it there (`rtm_protocol`); in [`Op::DelRoute`] 0 stands for anybody.
    pub protocol: u8,
    /// Its metric; `None` leaves it to the kernel (0, IPv6: 1024) and, in [`Op::DelRoute`], means any.
    pub metric: Option<u32>,
}

impl Route {
    /// `RTPROT_BOOT`: the routes of a pod, as Calico's plugin makes them.
    pub const BOOT: u8 = 3;
    /// Our own routing protocol number, `manx`: what was learned from or announced to peers.
    pub const MANX: u8 = 77;

    /// To a destination on the link itself.
    pub fn direct(destination: IpNet, link: &str) -> Self {
        Self {
            destination,
            kind: RouteKind::Unicast,
            link: Some(link.to_owned()),
            gateway: None,
            scope: Scope::Link,
            protocol: Self::BOOT,
            metric: None,
        }
    }

    /// To a destination behind a gateway on the link.
    pub fn via(destination: IpNet, gateway: IpAddr, link: &str) -> Self {
        Self {
            gateway: Some(gateway),
            scope: Scope::Universe,
            ..Self::direct(destination, link)
        }
    }

    /// A pattern for [`Op::DelRoute`]: the blackhole of exactly this destination, whoever made it.
    pub fn any_blackhole(destination: IpNet) -> Self {
        Self {
            destination,
            kind: RouteKind::Blackhole,
            link: None,
            gateway: None,
            scope: Scope::Universe,
            protocol: 0,
            metric: None,
        }
    }
}

/// A veth pair with one end on each side.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Veth {
    /// The name of the host's end.
    pub host: String,
    /// The name of the pod's end, which is created inside the pod's namespace.
    pub pod: String,
    /// MTU of both ends; 0 leaves it to the kernel.
    pub mtu: u32,
    /// Transmit and receive queues of both ends; 0 leaves it to the kernel (one per CPU: slow to make).
    pub queues: u32,
    /// The host end's address.
    pub host_mac: Mac,
    /// The pod end's address; the kernel draws one otherwise.
    pub pod_mac: Option<Mac>,
}

/// What a sysctl that cannot be written means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// The plan fails.
    Required,
    /// The plan fails, unless the file is not there at all: then the kernel lacks what it would control.
    IfPresent,
    /// A warning, no more.
    BestEffort,
}

/// One file under /proc/sys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sysctl {
    /// In whose namespace.
    pub side: Side,
    /// The path below /proc/sys, with slashes: interface names may contain dots.
    pub key: String,
    /// What it shall hold.
    pub value: String,
    /// What it held before, where undoing must bring that back. `None`: it goes with its interface, or is a
    /// duty to the whole node, which another pod may rely on by now.
    pub was: Option<String>,
    /// What failing means.
    pub need: Need,
}

impl Sysctl {
    /// What brings back what was there before, if that is to be.
    fn inverse(self) -> Option<Self> {
        Some(Self {
            value: self.was?,
            was: Some(self.value),
            ..self
        })
    }
}

/// One instruction to the kernel. Closed: a new one makes the compiler ask everywhere.
#[expect(
    missing_docs,
    reason = "side, link, address, route, mac: the fields' names say what they are"
)]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Op {
    /// Creates a veth pair, both ends down.
    AddVeth(Veth),
    /// Deletes an interface (a veth with its peer and all routes over both); one not there is no error.
    DelLink { side: Side, link: String },
    /// Sets an interface up.
    SetUp { side: Side, link: String },
    /// Sets an interface down.
    SetDown { side: Side, link: String },
    /// Changes an interface's MTU.
    SetMtu {
        side: Side,
        link: String,
        mtu: u32,
        was: u32,
    },
    /// Changes an interface's Ethernet address.
    SetMac {
        side: Side,
        link: String,
        mac: Mac,
        was: Option<Mac>,
    },
    /// Adds an address (IPv6 without duplicate address detection); a link-local one may be there already.
    AddAddress {
        side: Side,
        link: String,
        address: IpNet,
    },
    /// Deletes an address; one not there is no error.
    DelAddress {
        side: Side,
        link: String,
        address: IpNet,
    },
    /// Adds a route to table main; fails if one of this destination and metric exists.
    AddRoute { side: Side, route: Route },
    /// Deletes the route of table main that matches; none is no error.
    DelRoute { side: Side, route: Route },
    /// Enters a permanent neighbour, in place of what was learned.
    AddNeighbour {
        side: Side,
        link: String,
        address: IpAddr,
        mac: Mac,
    },
    /// Deletes a neighbour; one not there is no error.
    DelNeighbour {
        side: Side,
        link: String,
        address: IpAddr,
        mac: Mac,
    },
    /// Writes a sysctl.
    SetSysctl(Sysctl),
}

impl Op {
    /// What undoes this, if anything can: a deleted interface does not come back.
    pub fn inverse(&self) -> Option<Op> {
        Some(match self.clone() {
            Op::AddVeth(veth) => Op::DelLink {
                side: Side::Host,
                link: veth.host,
            },
            Op::DelLink { .. } => return None,
            Op::SetUp { side, link } => Op::SetDown { side, link },
            Op::SetDown { side, link } => Op::SetUp { side, link },
            Op::SetMtu { side, link, mtu, was } => Op::SetMtu {
                side,
                link,
                mtu: was,
                was: mtu,
            },
            Op::SetMac { side, link, mac, was } => Op::SetMac {
                side,
                link,
                mac: was?,
                was: Some(mac),
            },
            Op::AddAddress { side, link, address } => Op::DelAddress { side, link, address },
            Op::DelAddress { side, link, address } => Op::AddAddress { side, link, address },
            Op::AddRoute { side, route } => Op::DelRoute { side, route },
            Op::DelRoute { side, route } => Op::AddRoute { side, route },
            Op::AddNeighbour {
                side,
                link,
                address,
                mac,
            } => Op::del_neighbour(side, link, address, mac),
            Op::DelNeighbour {
                side,
                link,
                address,
                mac,
            } => Op::add_neighbour(side, link, address, mac),
            Op::SetSysctl(sysctl) => Op::SetSysctl(sysctl.inverse()?),
        })
    }

    fn add_neighbour(side: Side, link: String, address: IpAddr, mac: Mac) -> Op {
        Op::AddNeighbour {
            side,
            link,
            address,
            mac,
        }
    }

    fn del_neighbour(side: Side, link: String, address: IpAddr, mac: Mac) -> Op {
        Op::DelNeighbour {
            side,
            link,
            address,
            mac,
        }
    }
}

#[cfg(test)]
mod tests;
