//! A Node's spec: addresses are addresses, and the AS number is stored as a number however it was written.

use std::net::IpAddr;

use ipnet::IpNet;
use serde_json::{Map, Value};

use super::Checked;

/// The spec, if every address and number in it can be read.
pub(super) fn prepare(mut spec: Map<String, Value>) -> Checked {
    let mut problems = Vec::new();
    if let Some(Value::Object(bgp)) = spec.get_mut("bgp") {
        if let Some(given) = bgp.get("asNumber").filter(|given| !given.is_null()) {
            match as_number(given) {
                Some(number) => {
                    bgp.insert("asNumber".to_owned(), Value::from(number));
                }
                None => problems.push(format!(
                    "spec.bgp.asNumber: {given} is no AS number: 1 to 4294967295, or dotted such as \"64086.61928\""
                )),
            }
        }
        for (field, ipv4) in [("ipv4Address", true), ("ipv6Address", false)] {
            problems.extend(bad_network(bgp, field, ipv4));
        }
        problems.extend(bad_address(bgp, "spec.bgp.", "ipv4IPIPTunnelAddr", true));
        problems.extend(bad_address(bgp, "spec.bgp.", "routeReflectorClusterID", true));
    }
    for (field, ipv4) in [("ipv4VXLANTunnelAddr", true), ("ipv6VXLANTunnelAddr", false)] {
        problems.extend(bad_address(&spec, "spec.", field, ipv4));
    }
    if problems.is_empty() {
        Ok((spec, Vec::new()))
    } else {
        Err(problems)
    }
}

/// All 32 bits, as a number, its text, or dotted. 0 is no AS (RFC 7607).
fn as_number(given: &Value) -> Option<u32> {
    let number = match given.as_str().map(str::trim) {
        Some(text) => match text.split_once('.') {
            Some((high, low)) => {
                (u32::from(high.parse::<u16>().ok()?) << 16) | u32::from(low.parse::<u16>().ok()?)
            }
            None => text.parse().ok()?,
        },
        None => u32::try_from(given.as_u64()?).ok()?,
    };
    (number > 0).then_some(number)
}

fn bad_network(bgp: &Map<String, Value>, field: &str, ipv4: bool) -> Option<String> {
    let given = given(bgp, field)?;
    let address = match given.parse::<IpNet>() {
        Ok(network) => Some(network.addr()),
        Err(_) => given.parse::<IpAddr>().ok(),
    };
    if address.is_some_and(|address| address.is_ipv4() == ipv4) {
        return None;
    }
    let example = if ipv4 { "10.1.0.11/24" } else { "fd00:1::11/64" };
    Some(format!(
        "spec.bgp.{field}: {given:?} is no address with its network's length, such as {example}"
    ))
}

fn bad_address(object: &Map<String, Value>, path: &str, field: &str, ipv4: bool) -> Option<String> {
    let given = given(object, field)?;
    if given
        .parse::<IpAddr>()
        .is_ok_and(|address| address.is_ipv4() == ipv4)
    {
        return None;
    }
    let family = if ipv4 { "IPv4" } else { "IPv6" };
    Some(format!("{path}{field}: {given:?} is no {family} address"))
}

fn given<'a>(object: &'a Map<String, Value>, field: &str) -> Option<&'a str> {
    object.get(field)?.as_str().filter(|text| !text.is_empty())
}
