//! What a Node says of itself as a BGP speaker.

use std::net::{IpAddr, Ipv4Addr};

use ipnet::IpNet;
use serde_json::Value;

use super::AsNumber;
use crate::model::node::{Node, NodeBgp};

/// `Node.spec.bgp`, typed. What cannot be read is absent here and a problem there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Speaker {
    /// The node's AS, where it names one.
    pub number: Option<u32>,
    /// Its IPv4 address with the length of its network; /32 where none is given.
    pub ipv4: Option<IpNet>,
    /// Its IPv6 address with the length of its network; /128 where none is given.
    pub ipv6: Option<IpNet>,
    /// It reflects routes (RFC 4456), as a member of this cluster.
    pub cluster: Option<Ipv4Addr>,
}

impl Speaker {
    /// Its addresses, IPv4 first.
    pub fn addresses(&self) -> impl Iterator<Item = IpAddr> + '_ {
        [self.ipv4, self.ipv6].into_iter().flatten().map(|net| net.addr())
    }

    /// Its address of the family that another address has.
    pub fn beside(&self, other: IpAddr) -> Option<IpAddr> {
        let net = if other.is_ipv4() { self.ipv4 } else { self.ipv6 };
        net.map(|net| net.addr())
    }
}

impl Node {
    /// What it says as a speaker, and what of that cannot be read; `None` if it takes no part in BGP.
    pub fn speaker(&self) -> Option<(Speaker, Vec<String>)> {
        let bgp = self.spec.bgp.as_ref()?;
        let mut problems = Vec::new();
        let mut keep = |problem: String| problems.push(problem);
        let speaker = Speaker {
            number: number(bgp).unwrap_or_else(|problem| {
                keep(problem);
                None
            }),
            ipv4: address("ipv4Address", bgp.ipv4_address.as_deref(), true).unwrap_or_else(|problem| {
                keep(problem);
                None
            }),
            ipv6: address("ipv6Address", bgp.ipv6_address.as_deref(), false).unwrap_or_else(|problem| {
                keep(problem);
                None
            }),
            cluster: cluster(bgp).unwrap_or_else(|problem| {
                keep(problem);
                None
            }),
        };
        Some((speaker, problems))
    }
}

fn number(bgp: &NodeBgp) -> Result<Option<u32>, String> {
    match &bgp.as_number {
        None | Some(Value::Null) => Ok(None),
        Some(value) => match AsNumber::of(value) {
            Ok(number) => Ok(number.given()),
            Err(error) => Err(format!("spec.bgp.asNumber: {error}")),
        },
    }
}

fn address(field: &str, text: Option<&str>, ipv4: bool) -> Result<Option<IpNet>, String> {
    let Some(text) = text.map(str::trim).filter(|text| !text.is_empty()) else {
        return Ok(None);
    };
    let net = text.parse::<IpNet>().ok();
    let net = net.or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from));
    let fits = |net: &IpNet| net.addr().is_ipv4() == ipv4;
    let example = if ipv4 { "192.168.1.4/24" } else { "fd00::4/64" };
    match net.filter(fits) {
        Some(net) => Ok(Some(net)),
        None => Err(format!(
            "spec.bgp.{field}: {text:?} is no such address: write it with its network's length, such as {example}"
        )),
    }
}

fn cluster(bgp: &NodeBgp) -> Result<Option<Ipv4Addr>, String> {
    let wrong = |shown: String| {
        format!(
            "spec.bgp.routeReflectorClusterID: {shown} is no cluster id: write four numbers such as 244.0.0.1"
        )
    };
    match bgp.other.get("routeReflectorClusterID") {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) if text.is_empty() => Ok(None),
        Some(Value::String(text)) => match text.parse() {
            Ok(id) => Ok(Some(id)),
            Err(_) => Err(wrong(format!("{text:?}"))),
        },
        Some(other) => Err(wrong(other.to_string())),
    }
}
