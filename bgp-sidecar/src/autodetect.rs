//! Which of a machine's addresses is the node's: Calico's `IP_AUTODETECTION_METHOD`.
//!
//! | method | takes the first address |
//! |---|---|
//! | `first-found` | of an interface that is not a container's or a tunnel's |
//! | `interface=REGEX,…` | of an interface whose name matches; a name matched as a whole comes first |
//! | `skip-interface=REGEX,…` | as `first-found`, of an interface whose name does not match |
//! | `can-reach=DESTINATION` | that the kernel would send from |
//! | `cidr=CIDR,…` | inside one of these |
//! | `kubernetes-internal-ip` | that Kubernetes calls the node's InternalIP |
//!
//! The first interface is the one that was made last: Calico goes through the kernel's list from its end, so that of eth0 and
//! eth1 eth1 is first. Addresses come in the kernel's order, and default routes play no part, as in Calico. A service address is never the node's: one the kernel calls secondary, or a /32 or /128 beside an address
//! with a network.

use std::net::IpAddr;

use ipnet::IpNet;

use crate::wire::Family;

mod method;

pub use method::{Method, Pattern};

/// What is known of the machine.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// Its interfaces, in any order.
    pub interfaces: Vec<Interface>,
    /// The answer to [`Question::Towards`]: the address that the kernel would send from.
    pub source: Option<IpAddr>,
    /// The answer to [`Question::Kubernetes`]: the node's addresses of type InternalIP.
    pub internal: Vec<IpAddr>,
    /// Why the question has no answer, and the way out.
    pub trouble: Option<String>,
}

/// An interface.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Interface {
    /// Its index.
    pub index: u32,
    /// Its name.
    pub name: String,
    /// It is up.
    pub up: bool,
    /// In the kernel's order.
    pub addresses: Vec<Address>,
}

/// An address of an interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Address {
    /// With the length of its network.
    pub net: IpNet,
    /// `IFA_F_SECONDARY`, which is `IFA_F_TEMPORARY` for IPv6.
    pub secondary: bool,
    /// Neither tentative, nor deprecated, nor a duplicate.
    pub usable: bool,
}

/// What a method wants to know beside the interfaces.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Question {
    /// The address that the kernel would send to this destination from; an address or a name.
    Towards(String),
    /// The addresses that Kubernetes knows the node by.
    Kubernetes,
}

/// The node's address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// With the length of its network.
    pub net: IpNet,
    /// The interface that has it.
    pub interface: String,
}

/// The node's address of a family, or why there is none.
pub fn choose(method: &Method, facts: &Facts, family: Family) -> Result<Found, String> {
    let mut interfaces: Vec<&Interface> = facts.interfaces.iter().filter(|one| one.up).collect();
    interfaces.sort_by_key(|one| std::cmp::Reverse(one.index));
    let plain = || {
        let all = interfaces.iter().copied();
        all.filter(|one| !method::left_out(&one.name))
    };
    let named =
        |patterns: &[Pattern], one: &Interface| patterns.iter().any(|pattern| pattern.matches(&one.name));
    let answer = match method {
        Method::FirstFound => plain().find_map(|one| one.first(family, |_| true)),
        Method::Interface(patterns) => {
            let whole = |one: &&Interface| patterns.iter().any(|pattern| pattern.is_whole(&one.name));
            interfaces.retain(|one| named(patterns, one));
            interfaces.sort_by_key(|one| !whole(one));
            interfaces.iter().find_map(|one| one.first(family, |_| true))
        }
        Method::SkipInterface(patterns) => {
            let mut others = plain().filter(|one| !named(patterns, one));
            others.find_map(|one| one.first(family, |_| true))
        }
        Method::CanReach(_) => {
            let source = facts.source.filter(|source| Family::of(*source) == family);
            source.and_then(|source| at(&interfaces, source, family))
        }
        Method::Cidr(ranges) => {
            let inside = |net: &IpNet| ranges.iter().any(|range| range.contains(&net.addr()));
            plain().find_map(|one| one.first(family, inside))
        }
        Method::KubernetesInternalIp => {
            let known = facts
                .internal
                .iter()
                .filter(|known| Family::of(**known) == family);
            known
                .copied()
                .find_map(|address| at(&interfaces, address, family))
        }
    };
    answer.ok_or_else(|| refusal(method, facts, family))
}

/// The interface's own address, where this one is a service's.
fn at(interfaces: &[&Interface], address: IpAddr, family: Family) -> Option<Found> {
    let has = |one: &&&Interface| one.addresses.iter().any(|own| own.net.addr() == address);
    let one = interfaces.iter().find(has)?;
    let itself = one.first(family, |net| net.addr() == address);
    itself.or_else(|| one.first(family, |_| true))
}

impl Interface {
    fn first(&self, family: Family, fits: impl Fn(&IpNet) -> bool) -> Option<Found> {
        let net = self.candidates(family).find(fits)?;
        Some(Found {
            net,
            interface: self.name.clone(),
        })
    }

    /// Its addresses of a family that may be a node's.
    fn candidates(&self, family: Family) -> impl Iterator<Item = IpNet> + '_ {
        let of_family = move |one: &&Address| Family::of(one.net.addr()) == family;
        let host = |net: &IpNet| net.prefix_len() == net.max_prefix_len();
        let own = move || {
            self.addresses
                .iter()
                .filter(of_family)
                .filter(|one| one.may_be_own())
        };
        let networked = own().any(|one| !host(&one.net));
        own()
            .map(|one| one.net)
            .filter(move |net| !networked || !host(net))
    }
}

impl Address {
    fn may_be_own(&self) -> bool {
        let local = match self.net.addr() {
            IpAddr::V4(address) => address.is_link_local() || address.is_broadcast(),
            IpAddr::V6(address) => address.is_unicast_link_local(),
        };
        let address = self.net.addr();
        let special = local || address.is_loopback() || address.is_multicast() || address.is_unspecified();
        self.usable && !self.secondary && !special
    }
}

fn refusal(method: &Method, facts: &Facts, family: Family) -> String {
    let (family, variable) = match family {
        Family::Ipv4 => ("IPv4", "IP"),
        Family::Ipv6 => ("IPv6", "IP6"),
    };
    let why = match (&facts.trouble, method) {
        (Some(trouble), _) => trouble.clone(),
        (None, Method::KubernetesInternalIp) if !facts.internal.is_empty() => {
            let known: Vec<String> = facts.internal.iter().map(ToString::to_string).collect();
            format!(
                "of the InternalIPs {} none is one of this machine's",
                known.join(", ")
            )
        }
        (None, _) => {
            let names: Vec<&str> = facts.interfaces.iter().map(|one| one.name.as_str()).collect();
            format!("there are the interfaces {}", names.join(", "))
        }
    };
    format!(
        "no {family} address found by {method}; {why}: set {variable}, or another {variable}_AUTODETECTION_METHOD"
    )
}

#[cfg(test)]
mod tests;
