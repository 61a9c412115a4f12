//! Which MTU a pod gets. Pure but for the file.
//!
//! The configuration's, else the MTU file's, else that of the interface the default route uses, else 1500. The
//! file is read in any case: one that holds no MTU fails ADD even where the configuration gives one, as in
//! Calico.
#![expect(clippy::disallowed_methods, reason = "edge: the MTU file")]

use std::io::{BufRead as _, BufReader, ErrorKind};
use std::path::Path;

use shared::cni::error::{CniError, Code};

use crate::config::Config;

/// Where Felix writes it.
const FILE: &str = "/var/lib/calico/mtu";
/// What Ethernet carries.
pub(crate) const ETHERNET: u32 = 1500;
/// Lines of a routing table that are looked at: a node may carry 100,000 routes.
const SCANNED: usize = 4096;

/// What the configuration and the file say; `None` leaves it to the default route's interface.
pub(crate) fn wanted(config: &Config) -> Result<Option<u32>, CniError> {
    let path = config.mtu_file.as_deref().unwrap_or(Path::new(FILE));
    let failed = |why: String| CniError::new(Code::MtuFile, format!("MTU file {}: {why}", path.display()));
    let text = match std::fs::read_to_string(path) {
        Ok(text) => Some(text),
        Err(error) if error.kind() == ErrorKind::NotFound && !config.require_mtu_file => None,
        Err(error) => {
            return Err(failed(format!(
                "{error} (require_mtu_file is {})",
                config.require_mtu_file
            )));
        }
    };
    let written = text
        .map(|text| parse(&text))
        .transpose()
        .map_err(failed)?
        .flatten();
    Ok(config.mtu.or(written))
}

/// A decimal number; 0 says nothing.
fn parse(text: &str) -> Result<Option<u32>, String> {
    let text = text.trim();
    let mtu: u32 = text
        .parse()
        .map_err(|_| format!("{text:?} is no MTU; write a decimal number or remove the file"))?;
    Ok((mtu != 0).then_some(mtu))
}

/// The interface that the default route uses, IPv4's before IPv6's; never lo. Read as text: rtnetlink would list
/// every route of the node, and the default route comes first here.
pub(crate) fn default_interface() -> Option<String> {
    let lines = |path| {
        let file = std::fs::File::open(path).ok()?;
        Some(BufReader::new(file).lines().map_while(Result::ok).take(SCANNED))
    };
    let v4 = lines("/proc/thread-self/net/route").into_iter().flatten();
    let v6 = lines("/proc/thread-self/net/ipv6_route").into_iter().flatten();
    best(v4, default_v4).or_else(|| best(v6, default_v6))
}

fn best(lines: impl Iterator<Item = String>, read: fn(&[&str]) -> Option<(u32, String)>) -> Option<String> {
    let routes = lines.filter_map(|line| read(&line.split_whitespace().collect::<Vec<_>>()));
    routes
        .filter(|(_, link)| link != "lo")
        .min_by_key(|(metric, _)| *metric)
        .map(|(_, link)| link)
}

/// A route that refuses (`RTF_REJECT`) leads nowhere.
const REJECT: u32 = 0x200;

/// Iface Destination Gateway Flags RefCnt Use Metric Mask …
fn default_v4(fields: &[&str]) -> Option<(u32, String)> {
    let &[link, destination, _, flags, _, _, metric, mask, ..] = fields else {
        return None;
    };
    let flags = u32::from_str_radix(flags, 16).ok()?;
    let default = destination == "00000000" && mask == "00000000" && flags & REJECT == 0;
    default.then_some((metric.parse().ok()?, link.to_owned()))
}

/// destination length source length gateway metric refcnt use flags link
fn default_v6(fields: &[&str]) -> Option<(u32, String)> {
    let &[_, length, _, _, _, metric, _, _, flags, link] = fields else {
        return None;
    };
    let flags = u32::from_str_radix(flags, 16).ok()?;
    let default = length == "00" && flags & REJECT == 0;
    default.then_some((u32::from_str_radix(metric, 16).ok()?, link.to_owned()))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use shared::cni::config::NetConf;

    use super::*;

    #[test]
    fn the_default_route_with_the_lowest_metric_counts_and_never_lo() {
        let v4 = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT
            eth1\t00000000\t0100000A\t0003\t0\t0\t200\t00000000\t0\t0\t0
            eth0\t00000000\t0100000A\t0003\t0\t0\t100\t00000000\t0\t0\t0
            cali1\t0500000A\t00000000\t0005\t0\t0\t0\tFFFFFFFF\t0\t0\t0";
        assert_eq!(
            best(v4.lines().map(str::to_owned), default_v4).as_deref(),
            Some("eth0")
        );
        let zeros = "0".repeat(32);
        let v6 = format!(
            "{zeros} 00 {zeros} 00 {zeros} ffffffff 00000001 00000000 00200200       lo\n\
             {zeros} 00 {zeros} 00 fe80{:028} 00000400 00000001 00000000 00000003     eth2",
            1
        );
        assert_eq!(
            best(v6.lines().map(str::to_owned), default_v6).as_deref(),
            Some("eth2")
        );
        assert_eq!(best(std::iter::empty(), default_v4), None);
    }

    fn chosen(file: Option<&str>, fields: Value) -> Result<Option<u32>, CniError> {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("mtu");
        if let Some(text) = file {
            std::fs::write(&path, text).unwrap();
        }
        let mut whole =
            json!({"cniVersion": "1.0.0", "name": "net", "ipam": {"type": "x"}, "mtu_file": path});
        for (key, value) in fields.as_object().unwrap() {
            whole[key] = value.clone();
        }
        wanted(&Config::new(&NetConf::parse(whole.to_string().as_bytes()).unwrap()).unwrap())
    }

    #[test]
    fn the_configuration_precedes_the_file() {
        assert_eq!(chosen(Some("1440\n"), json!({"mtu": 1400})).unwrap(), Some(1400));
        assert_eq!(chosen(Some(" 1440\n"), json!({"mtu": 0})).unwrap(), Some(1440));
        assert_eq!(chosen(None, json!({})).unwrap(), None);
        assert_eq!(chosen(Some("0"), json!({})).unwrap(), None);
    }

    #[test]
    fn a_file_without_an_mtu_fails_even_beside_a_configured_one() {
        for text in ["", "big", "-1", "1500 bytes"] {
            let error = chosen(Some(text), json!({"mtu": 1400})).unwrap_err();
            assert_eq!(error.code, Code::MtuFile, "{text}");
        }
    }

    #[test]
    fn a_missing_file_is_an_error_only_where_it_is_required() {
        let error = chosen(None, json!({"require_mtu_file": true, "mtu": 1400})).unwrap_err();
        assert_eq!(error.code, Code::MtuFile);
        assert!(error.msg.contains("require_mtu_file"), "{}", error.msg);
    }
}
