//! BGPConfiguration, BGPPeer and BGPFilter, and how their values are written.

use std::net::{IpAddr, SocketAddr};

use ipnet::IpNet;
use serde_json::{Map, Value};
use shared::model::bgp::{AsNumber, GoDuration};
use shared::selector::Selector;

use super::ippool::typographic;
use super::{Checked, text};
use crate::schema::nearest;

mod configuration;
mod filter;
mod peer;

pub(super) use configuration::prepare as configuration;
pub(super) use filter::prepare as filter;
pub(super) use peer::prepare as peer;

/// What was found wrong.
type Problems = Vec<String>;

/// A field that holds one of some words.
fn word(object: &Map<String, Value>, field: &str, words: &[&str]) -> Option<String> {
    let given = text(object, field);
    if given.is_empty() || words.contains(&given) {
        return None;
    }
    let hint = nearest(given, words.iter().copied());
    let hint = hint.map_or_else(String::new, |near| format!(", did you mean {near}?"));
    Some(format!(
        "{field}: {given:?} is none of {}{hint}",
        words.join(", ")
    ))
}

/// Whether the field says something.
fn given(object: &Map<String, Value>, field: &str) -> bool {
    object
        .get(field)
        .is_some_and(|value| !crate::schema::empty(value))
}

/// Stores an AS number as a number, however it was written.
fn as_number(value: &mut Value, least: u32) -> Result<(), String> {
    match AsNumber::of(value) {
        Ok(number) if number.get() >= least => {
            *value = Value::from(number.get());
            Ok(())
        }
        Ok(_) => Err(format!(
            "{value} is no AS number (RFC 7607): write 1 to 4294967295, or dotted such as \"64086.61928\""
        )),
        Err(error) => Err(error.to_string()),
    }
}

fn as_number_of(object: &mut Map<String, Value>, field: &str, least: u32) -> Option<String> {
    let value = object.get_mut(field).filter(|value| !value.is_null())?;
    let problem = as_number(value, least).err()?;
    Some(format!("{field}: {problem}"))
}

/// Every number of a list. `path` names the list.
fn as_numbers(value: Option<&mut Value>, path: &str, problems: &mut Problems) {
    let items = value.and_then(Value::as_array_mut);
    for (at, item) in items.into_iter().flatten().enumerate() {
        problems.extend(
            as_number(item, 1)
                .err()
                .map(|problem| format!("{path}[{at}]: {problem}")),
        );
    }
}

/// A duration such as `90s`, of at least a second if it must be.
fn duration(object: &Map<String, Value>, field: &str, least: u64) -> Option<String> {
    let value = object.get(field).filter(|value| !value.is_null())?;
    match serde_json::from_value::<GoDuration>(value.clone()) {
        Ok(duration) if duration.seconds() < least => {
            Some(format!("{field}: {value} is too short: write {least}s or more"))
        }
        Ok(_) => None,
        Err(error) => Some(format!("{field}: {error}")),
    }
}

/// `aa:nn` (RFC 1997) or `aa:nn:mm` (RFC 8092).
fn is_community(text: &str) -> bool {
    let number = |part: &str| {
        let digits = part.bytes().all(|octet| octet.is_ascii_digit());
        digits.then(|| part.parse::<u32>().ok()).flatten()
    };
    let parts: Option<Vec<u32>> = text.split(':').map(number).collect();
    match parts.as_deref() {
        Some([high, low]) => *high <= 0xffff && *low <= 0xffff,
        Some([_, _, _]) => true,
        Some(_) | None => false,
    }
}

fn community(text: &str) -> Result<(), String> {
    if is_community(text) {
        return Ok(());
    }
    Err(format!(
        "{text:?} is no community: write aa:nn with numbers up to 65535, or aa:nn:mm"
    ))
}

/// A prefix, of one family if one is wanted.
fn cidr(text: &str, ipv4: Option<bool>) -> Result<IpNet, String> {
    let example = match ipv4 {
        Some(true) => "10.0.0.0/8",
        Some(false) => "fd00::/8",
        None => "10.0.0.0/8 or fd00::/8",
    };
    let net: IpNet = text
        .parse()
        .map_err(|_| format!("{text:?} is no CIDR such as {example}"))?;
    match ipv4 {
        Some(ipv4) if net.addr().is_ipv4() != ipv4 => {
            let list = if ipv4 { "V6" } else { "V4" };
            Err(format!(
                "{text:?} is of the other family: move the rule to the list that ends in {list}"
            ))
        }
        Some(_) | None => Ok(net),
    }
}

fn address(object: &Map<String, Value>, field: &str, ipv4: bool) -> Option<String> {
    let given = text(object, field);
    let fits = given
        .parse::<IpAddr>()
        .is_ok_and(|address| address.is_ipv4() == ipv4);
    let family = if ipv4 { "IPv4" } else { "IPv6" };
    (!given.is_empty() && !fits).then(|| format!("{field}: {given:?} is no {family} address"))
}

fn selector(object: &Map<String, Value>, field: &str) -> Option<String> {
    let given = text(object, field);
    if given.is_empty() {
        return None;
    }
    if given.chars().count() > 1024 {
        return Some(format!(
            "{field}: is longer than 1024 characters: shorten it, or label the nodes"
        ));
    }
    if let Some(problem) = typographic(field, given) {
        return Some(problem.trim_start_matches("spec.").to_owned());
    }
    let error = Selector::parse(given).err()?;
    Some(format!("{field}: {error}"))
}

/// A password is a key of a Secret.
fn password(object: &Map<String, Value>, field: &str) -> Option<String> {
    let password = object.get(field)?.as_object()?;
    let reference = password.get("secretKeyRef").and_then(Value::as_object);
    let missing = |part: &&str| reference.is_none_or(|reference| text(reference, part).is_empty());
    let part = ["name", "key"].into_iter().find(missing)?;
    Some(format!(
        "{field}.secretKeyRef.{part}: is missing: name a Secret and a key in it"
    ))
}

/// `peerIP`: an address, with or without a port.
pub fn peer_address(given: &str) -> Result<(IpAddr, Option<u16>), String> {
    let given = given.trim();
    let inside = given.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    let bare = inside.filter(|inside| inside.contains(':')).unwrap_or(given);
    let socket = given
        .parse::<SocketAddr>()
        .ok()
        .filter(|socket| socket.port() != 0);
    let (address, port) = match (bare.parse::<IpAddr>(), socket) {
        (Ok(address), _) => (address, None),
        (Err(_), Some(socket)) => (socket.ip(), Some(socket.port())),
        (Err(_), None) => {
            return Err(format!(
                "{given:?} is no address: write 10.0.0.1, 10.0.0.1:1790, fd00::1 or [fd00::1]:1790"
            ));
        }
    };
    if address.is_unspecified() || address.is_multicast() {
        return Err(format!(
            "{given:?} is the address of no peer: write the peer's own"
        ));
    }
    if matches!(address, IpAddr::V6(six) if six.is_unicast_link_local()) {
        return Err(format!(
            "{given:?} is link-local, and a BGPPeer names no interface: write the peer's global address"
        ));
    }
    Ok((address, port))
}

/// The spec, or its problems, each with `spec.` before its path.
fn checked(spec: Map<String, Value>, problems: Problems, warnings: Vec<String>) -> Checked {
    if problems.is_empty() {
        return Ok((spec, warnings));
    }
    Err(problems
        .into_iter()
        .map(|problem| format!("spec.{problem}"))
        .collect())
}

#[cfg(test)]
mod tests;
