//! How instructions read in an error, a log line, the detail of CHECK and a dry run.

use std::fmt;

use super::{Op, Route, RouteKind, Scope, Side, Sysctl, Veth};

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Side::Host => "host",
            Side::Pod => "pod",
        })
    }
}

impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            RouteKind::Unicast => {}
            RouteKind::Multipath => f.write_str("multipath ")?,
            RouteKind::Local => f.write_str("local ")?,
            RouteKind::Blackhole => f.write_str("blackhole ")?,
            RouteKind::Other(kind) => write!(f, "type {kind} ")?,
        }
        if self.destination.prefix_len() == 0 {
            f.write_str(match self.destination {
                ipnet::IpNet::V4(_) => "default",
                ipnet::IpNet::V6(_) => "default (IPv6)",
            })?;
        } else {
            write!(f, "{}", self.destination)?;
        }
        if let Some(gateway) = self.gateway {
            write!(f, " via {gateway}")?;
        }
        if let Some(link) = &self.link {
            write!(f, " dev {link}")?;
        }
        match self.scope {
            Scope::Universe => {}
            Scope::Link => f.write_str(" scope link")?,
            Scope::Other(scope) => write!(f, " scope {scope}")?,
        }
        if ![0, Route::BOOT].contains(&self.protocol) {
            write!(f, " proto {}", self.protocol)?;
        }
        match self.metric {
            Some(metric) => write!(f, " metric {metric}"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for Veth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} ({}) with {} in the pod",
            self.host, self.host_mac, self.pod
        )?;
        if let Some(mac) = self.pod_mac {
            write!(f, " ({mac})")?;
        }
        if self.mtu != 0 {
            write!(f, ", mtu {}", self.mtu)?;
        }
        if self.queues != 0 {
            write!(f, ", queues {}", self.queues)?;
        }
        Ok(())
    }
}

impl fmt::Display for Op {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Op::AddVeth(veth) => write!(f, "create veth {veth}"),
            Op::DelLink { side, link } => write!(f, "{side}: delete interface {link}"),
            Op::SetUp { side, link } => write!(f, "{side}: set {link} up"),
            Op::SetDown { side, link } => write!(f, "{side}: set {link} down"),
            Op::SetMtu { side, link, mtu, was } => write!(f, "{side}: set mtu of {link} to {mtu} (is {was})"),
            Op::SetMac {
                side,
                link,
                mac,
                was: Some(was),
            } => {
                write!(f, "{side}: set MAC of {link} to {mac} (is {was})")
            }
            Op::SetMac {
                side,
                link,
                mac,
                was: None,
            } => write!(f, "{side}: set MAC of {link} to {mac}"),
            Op::AddAddress { side, link, address } => write!(f, "{side}: add address {address} to {link}"),
            Op::DelAddress { side, link, address } => write!(f, "{side}: delete address {address} of {link}"),
            Op::AddRoute { side, route } => write!(f, "{side}: add route {route}"),
            Op::DelRoute { side, route } => write!(f, "{side}: delete route {route}"),
            Op::AddNeighbour {
                side,
                link,
                address,
                mac,
            } => {
                write!(f, "{side}: enter neighbour {address} at {mac} on {link}")
            }
            Op::DelNeighbour {
                side, link, address, ..
            } => {
                write!(f, "{side}: delete neighbour {address} on {link}")
            }
            Op::SetSysctl(Sysctl { side, key, value, .. }) => write!(f, "{side}: set {key} to {value}"),
        }
    }
}
