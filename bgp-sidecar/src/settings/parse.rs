//! Texts as values. Every refusal names the text and the way out.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;
use shared::model::bgp::{AsNumber, GoDuration};
use shared::selector::Selector;

use super::gather::Given;
use super::{Choice, FirstPool, Identity, ImportPolicy, LogLevel};
use crate::autodetect::Method;
use crate::peers::{Defaults, RouterId};
use crate::wire::Family;

type Parsed<T> = Result<T, String>;

pub(super) fn path(text: &str) -> Parsed<PathBuf> {
    let path = PathBuf::from(text);
    if path.is_absolute() {
        return Ok(path);
    }
    Err(format!("{text:?} is no absolute path"))
}

pub(super) fn address(text: &str) -> Parsed<IpAddr> {
    text.parse()
        .map_err(|_| format!("{text:?} is no address such as 10.0.0.1 or fd00::1"))
}

pub(super) fn port(text: &str) -> Parsed<u16> {
    let port = text.parse().ok().filter(|port| *port != 0);
    port.ok_or_else(|| format!("{text:?} is no port: write 1 to 65535"))
}

pub(super) fn flag(text: &str) -> Parsed<bool> {
    match text.to_lowercase().as_str() {
        "true" | "yes" | "on" | "1" => Ok(true),
        "false" | "no" | "off" | "0" => Ok(false),
        _ => Err(format!("{text:?} is neither true nor false")),
    }
}

/// One of a few words, in any case.
fn word<T: Copy>(text: &str, words: &[(&str, T)]) -> Parsed<T> {
    let found = words.iter().find(|(word, _)| word.eq_ignore_ascii_case(text));
    found.map(|(_, value)| *value).ok_or_else(|| {
        let words: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
        format!("{text:?} is none of {}", words.join(", "))
    })
}

pub(super) fn import_policy(text: &str) -> Parsed<ImportPolicy> {
    word(
        text,
        &[("pools", ImportPolicy::Pools), ("all", ImportPolicy::All)],
    )
}

pub(super) fn log_level(text: &str) -> Parsed<LogLevel> {
    let words = [
        ("error", LogLevel::Error),
        ("warning", LogLevel::Warning),
        ("info", LogLevel::Info),
        ("debug", LogLevel::Debug),
        ("trace", LogLevel::Trace),
        ("fatal", LogLevel::Error),
        ("warn", LogLevel::Warning),
    ];
    word(text, &words)
}

pub(super) fn log_json(text: &str) -> Parsed<bool> {
    word(text, &[("text", false), ("json", true)])
}

pub(super) fn router_id(text: &str) -> Parsed<RouterId> {
    match text {
        "" => Ok(RouterId::Node),
        "hash" => Ok(RouterId::Hash),
        _ => match text.parse::<std::net::Ipv4Addr>() {
            Ok(id) if !id.is_unspecified() => Ok(RouterId::Literal(id)),
            Ok(_) | Err(_) => Err(format!(
                "{text:?} is no BGP identifier: write four numbers such as 10.0.0.1, or hash"
            )),
        },
    }
}

pub(super) fn metrics_address(text: &str) -> Parsed<Option<SocketAddr>> {
    if text == "none" {
        return Ok(None);
    }
    let wrong = |_| format!("{text:?} is no address and port such as 127.0.0.1:9179, nor none");
    text.parse().map(Some).map_err(wrong)
}

/// Whole seconds as a number, or a duration with units.
fn seconds(text: &str) -> Parsed<u16> {
    let seconds = match text.parse::<u64>() {
        Ok(seconds) => seconds,
        Err(_) => text
            .parse::<GoDuration>()
            .map_err(|error| error.to_string())?
            .seconds(),
    };
    u16::try_from(seconds).map_err(|_| format!("{text:?} is more than 65535 s"))
}

fn hold_time(text: &str) -> Parsed<u16> {
    match seconds(text)? {
        1 | 2 => Err(format!(
            "{text:?} is no hold time: BGP knows 0, and 3 s and more (RFC 4271 §4.2)"
        )),
        hold => Ok(hold),
    }
}

pub(super) fn positive(text: &str) -> Parsed<u16> {
    match seconds(text)? {
        0 => Err(format!("{text:?} is no time: write 1s or more")),
        time => Ok(time),
    }
}

fn restart_time(text: &str) -> Parsed<u16> {
    let time = seconds(text)?;
    let fits = (time <= 4095).then_some(time);
    fits.ok_or_else(|| format!("{text:?} is more than BGP can say: 4095s at most (RFC 4724 §3)"))
}

fn count(text: &str) -> Parsed<u32> {
    let count = text.parse().ok().filter(|count| *count != 0);
    count.ok_or_else(|| format!("{text:?} is no number of prefixes: write 1 or more"))
}

fn passive_peers(text: &str) -> Parsed<BTreeSet<IpAddr>> {
    let words = text.split(',').map(str::trim).filter(|word| !word.is_empty());
    words.map(address).collect()
}

fn extra_families(text: &str) -> Parsed<BTreeMap<IpAddr, BTreeSet<Family>>> {
    let words = [("ipv4", Family::Ipv4), ("ipv6", Family::Ipv6)];
    let mut all = BTreeMap::new();
    for item in text.split(',').map(str::trim).filter(|item| !item.is_empty()) {
        let Some((peer, families)) = item.split_once('=') else {
            return Err(format!("{item:?} names no family: write 10.0.0.1=ipv6"));
        };
        let families: Parsed<BTreeSet<Family>> = families
            .split('+')
            .map(|family| word(family.trim(), &words))
            .collect();
        all.insert(address(peer.trim())?, families?);
    }
    Ok(all)
}

pub(super) fn sessions(given: &mut Given) -> Defaults {
    let hold = given.value("hold_time", hold_time);
    let keepalive = given.maybe("keepalive_time", positive);
    if let Some(time) = keepalive.filter(|time| hold != 0 && *time >= hold) {
        let problem = format!(
            "{time} s is not less than the hold time of {hold} s: write {} s",
            hold / 3
        );
        given.refuse("keepalive_time", problem);
    }
    Defaults {
        hold,
        keepalive,
        connect_retry: Duration::from_secs(given.value("connect_retry_time", positive).into()),
        restart_time: given.value("restart_time", restart_time),
        max_prefixes: given.maybe("max_prefixes", count),
        extra_families: given.value("extra_families", extra_families),
        passive: given.value("passive_peers", passive_peers),
    }
}

fn choice(text: &str, ipv4: bool) -> Parsed<Choice> {
    match text {
        "autodetect" => return Ok(Choice::Autodetect),
        "none" => return Ok(Choice::None),
        _ => {}
    }
    let net = text.parse::<IpNet>().ok();
    let net = net.or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from));
    let net = net.filter(|net| net.addr().is_ipv4() == ipv4);
    net.map(Choice::Address).ok_or_else(|| {
        let example = if ipv4 { "192.168.1.4/24" } else { "fd00::4/64" };
        format!("{text:?} is no such address: write {example}, autodetect or none")
    })
}

fn number(text: &str) -> Parsed<u32> {
    match text.parse::<AsNumber>() {
        Ok(number) => number.given().ok_or_else(|| "0 is no AS number".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

/// `asks`: there is an API server to ask.
pub(super) fn identity(given: &mut Given, asks: bool) -> Identity {
    let identity = Identity {
        ipv4: given.maybe("ip", |text| choice(text, true)).unwrap_or_default(),
        ipv6: given.maybe("ip6", |text| choice(text, false)).unwrap_or_default(),
        ipv4_method: given.value("ip_autodetection_method", Method::parse),
        ipv6_method: given.value("ip6_autodetection_method", Method::parse),
        number: given.maybe("as", number),
    };
    let (ipv4, ipv6) = (&identity.ipv4, &identity.ipv6);
    let looks = [
        (
            matches!(ipv4, Choice::Unset | Choice::Autodetect),
            "ip_autodetection_method",
            &identity.ipv4_method,
        ),
        (
            matches!(ipv6, Choice::Autodetect),
            "ip6_autodetection_method",
            &identity.ipv6_method,
        ),
    ];
    for (looks, key, method) in looks {
        if looks && *method == Method::KubernetesInternalIp && !asks {
            let problem =
                format!("{method} is the API server's answer: set kubeconfig, or take another method");
            given.refuse(key, problem);
        }
    }
    identity
}

fn pool_cidr(text: &str) -> Parsed<Option<IpNet>> {
    if text.is_empty() || text.eq_ignore_ascii_case("none") {
        return Ok(None);
    }
    let net = text.parse::<IpNet>();
    net.map(Some)
        .map_err(|_| format!("{text:?} is no CIDR such as 10.1.0.0/16 or fd00:1::/112"))
}

fn length(text: &str) -> Parsed<u8> {
    let length = text.parse().ok().filter(|length| *length <= 128);
    length.ok_or_else(|| format!("{text:?} is no prefix length"))
}

fn selector(text: &str) -> Parsed<String> {
    Selector::parse(text).map_err(|error| error.to_string())?;
    Ok(text.to_owned())
}

/// Calico's older words are understood too.
fn mode(text: &str) -> Parsed<String> {
    let words = [
        ("Never", "Never"),
        ("Always", "Always"),
        ("CrossSubnet", "CrossSubnet"),
        ("off", "Never"),
        ("cross-subnet", "CrossSubnet"),
    ];
    word(text, &words).map(str::to_owned)
}

pub(super) fn first_pool(given: &mut Given, ipv4: bool, no_pools: bool) -> FirstPool {
    let name = |ipv4_name, ipv6_name| if ipv4 { ipv4_name } else { ipv6_name };
    let cidr_key = name("ipv4pool_cidr", "ipv6pool_cidr");
    let mut cidr = given.value(cidr_key, pool_cidr);
    if let Some(other) = cidr.filter(|cidr| cidr.addr().is_ipv4() != ipv4) {
        given.refuse(cidr_key, format!("{other} is of the other family"));
        cidr = None;
    }
    if cidr.is_some() && no_pools {
        given.refuse(
            cidr_key,
            "no_default_pools says that no pool is made: take one of them away".to_owned(),
        );
    }
    FirstPool {
        cidr,
        block_size: given.maybe(name("ipv4pool_block_size", "ipv6pool_block_size"), length),
        node_selector: given.maybe(name("ipv4pool_node_selector", "ipv6pool_node_selector"), selector),
        ipip: if ipv4 {
            given.maybe("ipv4pool_ipip", mode)
        } else {
            None
        },
        vxlan: given.maybe(name("ipv4pool_vxlan", "ipv6pool_vxlan"), mode),
        nat_outgoing: given.maybe(name("ipv4pool_nat_outgoing", "ipv6pool_nat_outgoing"), flag),
        disable_bgp_export: given.maybe(
            name("ipv4pool_disable_bgp_export", "ipv6pool_disable_bgp_export"),
            flag,
        ),
    }
}
