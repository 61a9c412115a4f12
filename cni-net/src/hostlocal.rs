//! What Calico does for `host-local`: pod CIDRs of the node in place of words, and its routes for the pod. Pure.
//!
//! `"usePodCidr"` and `"usePodCidrIPv6"` (any case) as `ipam.subnet` or `ipam.ranges[][].subnet` stand for the
//! node's pod CIDRs. They come from `status.podCIDRs` of the Calico Node record. Only ADD needs them; the other
//! verbs find addresses by container and get CIDRs that hold everything.

use ipnet::IpNet;
use serde_json::Value;
use shared::cni::config::NetConf;
use shared::cni::error::{CniError, Code};

/// The plugin this is about.
pub(crate) const KIND: &str = "host-local";

const V4: &str = "usepodcidr";
const V6: &str = "usepodcidripv6";

fn subnets(ipam: &mut Value) -> Vec<&mut Value> {
    let Some(ipam) = ipam.as_object_mut() else {
        return Vec::new();
    };
    let mut found = Vec::new();
    for (key, value) in ipam.iter_mut() {
        match (key.as_str(), value) {
            ("subnet", value) => found.push(value),
            ("ranges", Value::Array(sets)) => {
                let ranges = sets.iter_mut().filter_map(Value::as_array_mut).flatten();
                found.extend(ranges.filter_map(|range| range.get_mut("subnet")));
            }
            (_, _) => {}
        }
    }
    found
}

/// The family a word stands for.
fn family(subnet: &Value) -> Option<&'static str> {
    let word = subnet.as_str()?.to_ascii_lowercase();
    [V4, V6].into_iter().find(|known| *known == word)
}

/// Whether the node's pod CIDRs are asked for.
pub(crate) fn wants_pod_cidrs(conf: &NetConf) -> bool {
    let mut ipam = conf.raw().get("ipam").cloned().unwrap_or_default();
    ipam["type"] == KIND && subnets(&mut ipam).iter().any(|subnet| family(subnet).is_some())
}

/// The configuration for the plugin; `cidrs` are the node's, or `None` where any will do.
pub(crate) fn stdin(conf: &NetConf, node: &str, cidrs: Option<&[IpNet]>) -> Result<Vec<u8>, CniError> {
    if !wants_pod_cidrs(conf) {
        return Ok(conf.to_stdin());
    }
    let mut document = conf.raw().clone();
    if let Some(ipam) = document.get_mut("ipam") {
        for subnet in subnets(ipam) {
            let Some(word) = family(subnet) else { continue };
            *subnet = Value::from(pod_cidr(node, cidrs, word == V4)?);
        }
    }
    Ok(Value::Object(document).to_string().into_bytes())
}

fn pod_cidr(node: &str, cidrs: Option<&[IpNet]>, ipv4: bool) -> Result<String, CniError> {
    let Some(cidrs) = cidrs else {
        return Ok(if ipv4 { "0.0.0.0/0" } else { "::/0" }.to_owned());
    };
    let found = cidrs.iter().find(|cidr| cidr.addr().is_ipv4() == ipv4);
    found.map(IpNet::to_string).ok_or_else(|| {
        let (word, family) = if ipv4 { ("usePodCidr", "IPv4") } else { ("usePodCidrIPv6", "IPv6") };
        CniError::new(
            Code::InvalidConfig,
            format!(
                "ipam.subnet {word:?}: node {node:?} has no {family} CIDR in status.podCIDRs of its Calico Node \
                 record; write it there, or give the subnet itself"
            ),
        )
    })
}

/// Where the pod's routes lead: everywhere, unless `host-local` is told otherwise.
pub(crate) fn routes(conf: &NetConf) -> Result<Vec<IpNet>, CniError> {
    let everywhere = || ["0.0.0.0/0", "::/0"].iter().filter_map(|text| text.parse().ok());
    let mut routes: Vec<IpNet> = Vec::new();
    if conf.text("ipam.type")?.as_deref() == Some(KIND) {
        for route in conf.field::<Vec<Value>>("ipam.routes")?.unwrap_or_default() {
            let Some(text) = route
                .get("dst")
                .and_then(Value::as_str)
                .filter(|text| !text.is_empty())
            else {
                continue;
            };
            let invalid = |error| {
                CniError::new(
                    Code::InvalidConfig,
                    format!("ipam.routes: dst {text:?} is no CIDR: {error}"),
                )
            };
            routes.push(text.parse::<IpNet>().map_err(invalid)?.trunc());
        }
    }
    if routes.is_empty() || conf.field::<bool>("include_default_routes")?.unwrap_or(false) {
        routes.splice(0..0, everywhere());
    }
    let mut distinct = Vec::new();
    for route in routes {
        if !distinct.contains(&route) {
            distinct.push(route);
        }
    }
    Ok(distinct)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn conf(fields: Value) -> NetConf {
        let mut whole = json!({"cniVersion": "1.0.0", "name": "net"});
        for (key, value) in fields.as_object().unwrap() {
            whole[key] = value.clone();
        }
        NetConf::parse(whole.to_string().as_bytes()).unwrap()
    }

    fn nets(texts: &[&str]) -> Vec<IpNet> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    #[test]
    fn the_words_stand_for_the_nodes_cidrs_wherever_they_may() {
        let ranges = json!([[{"subnet": "UsePodCidr"}], [{"subnet": "usePodCidrIPv6", "rangeStart": "x"}]]);
        let asked =
            conf(json!({"ipam": {"type": "host-local", "subnet": "usePodCidr", "ranges": ranges, "new": 1}}));
        assert!(wants_pod_cidrs(&asked));
        let given = stdin(&asked, "n", Some(&nets(&["10.1.2.0/24", "fd00::/64"]))).unwrap();
        let given: Value = serde_json::from_slice(&given).unwrap();
        assert_eq!(given["ipam"]["subnet"], "10.1.2.0/24");
        assert_eq!(given["ipam"]["ranges"][0][0]["subnet"], "10.1.2.0/24");
        assert_eq!(
            given["ipam"]["ranges"][1][0],
            json!({"subnet": "fd00::/64", "rangeStart": "x"})
        );
        assert_eq!(given["ipam"]["new"], 1);
        let anything: Value = serde_json::from_slice(&stdin(&asked, "n", None).unwrap()).unwrap();
        assert_eq!(anything["ipam"]["subnet"], "0.0.0.0/0");
    }

    #[test]
    fn a_missing_family_is_an_error_that_names_node_and_record() {
        let asked = conf(json!({"ipam": {"type": "host-local", "subnet": "usePodCidrIPv6"}}));
        let error = stdin(&asked, "n7", Some(&nets(&["10.1.2.0/24"]))).unwrap_err();
        assert!(
            error.msg.contains("n7") && error.msg.contains("podCIDRs"),
            "{}",
            error.msg
        );
    }

    #[test]
    fn any_other_configuration_reaches_the_plugin_byte_for_byte() {
        let text =
            br#"{"cniVersion":"1.0.0", "name":"net","ipam":{"type":"cni-ipam","subnet":"usePodCidr"}}"#;
        let given = NetConf::parse(text).unwrap();
        assert!(!wants_pod_cidrs(&given));
        assert_eq!(stdin(&given, "n", None).unwrap(), text);
    }

    #[test]
    fn routes_of_host_local_replace_the_default_ones() {
        let both = nets(&["0.0.0.0/0", "::/0"]);
        let of = |fields: Value| routes(&conf(fields)).unwrap();
        assert_eq!(
            of(json!({"ipam": {"type": "cni-ipam", "routes": [{"dst": "10.0.0.0/8"}]}})),
            both
        );
        assert_eq!(
            of(json!({"ipam": {"type": "host-local", "routes": [{"gw": "10.0.0.1"}]}})),
            both
        );
        let own = json!({"type": "host-local", "routes": [{"dst": "10.0.0.1/8", "gw": "10.9.9.9"}]});
        assert_eq!(of(json!({"ipam": own})), nets(&["10.0.0.0/8"]));
        let with_default = of(json!({"ipam": own, "include_default_routes": true}));
        assert_eq!(with_default, nets(&["0.0.0.0/0", "::/0", "10.0.0.0/8"]));
        assert!(
            routes(&conf(
                json!({"ipam": {"type": "host-local", "routes": [{"dst": "x"}]}})
            ))
            .is_err()
        );
    }
}
