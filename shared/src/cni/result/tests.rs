//! The layouts, against recorded output and against `rscni-types`.

use proptest::prelude::*;
use rscni_types::legacy;
use rscni_types::types::{CNIResult, CNIResultWithVersion};
use serde_json::json;

use super::*;

/// What the reference plugin recorded, in `interfaces` its MTU at 1.0.0 too.
fn pod() -> AddResult {
    AddResult {
        interfaces: vec![
            Interface {
                name: "caliabcdef01234".into(),
                ..Interface::default()
            },
            Interface {
                name: "eth0".into(),
                mac: Some("a6:df:01:87:cd:ef".into()),
                mtu: Some(1450),
                sandbox: Some("/run/netns/fx".into()),
                ..Interface::default()
            },
        ],
        ips: vec![
            ip("10.66.135.131/32", None, Some(1)),
            ip("fd00:66::8780/128", None, Some(1)),
        ],
        routes: vec![Route::to("10.66.135.131/26".parse().unwrap())],
        dns: Dns::default(),
    }
}

fn ip(address: &str, gateway: Option<&str>, interface: Option<usize>) -> IpConfig {
    IpConfig {
        address: address.parse().unwrap(),
        gateway: gateway.map(|text| text.parse().unwrap()),
        interface,
    }
}

#[test]
fn the_layout_since_1_0_0_has_the_mtu_and_no_family() {
    for version in [SpecVersion::V1_0_0, SpecVersion::V1_1_0] {
        let expected = format!(
            r#"{{"cniVersion":"{version}","interfaces":[{{"name":"caliabcdef01234"}},{{"name":"eth0","mac":"a6:df:01:87:cd:ef","mtu":1450,"sandbox":"/run/netns/fx"}}],"ips":[{{"interface":1,"address":"10.66.135.131/32"}},{{"interface":1,"address":"fd00:66::8780/128"}}],"routes":[{{"dst":"10.66.135.131/26"}}],"dns":{{}}}}"#
        );
        assert_eq!(pod().render(version).to_string(), expected);
    }
}

#[test]
fn the_layout_before_1_0_0_has_the_family_and_no_mtu() {
    for version in [SpecVersion::V0_3_0, SpecVersion::V0_3_1, SpecVersion::V0_4_0] {
        let expected = json!({
            "cniVersion": version.as_str(),
            "interfaces": [
                {"name": "caliabcdef01234"},
                {"name": "eth0", "mac": "a6:df:01:87:cd:ef", "sandbox": "/run/netns/fx"},
            ],
            "ips": [
                {"version": "4", "interface": 1, "address": "10.66.135.131/32"},
                {"version": "6", "interface": 1, "address": "fd00:66::8780/128"},
            ],
            "routes": [{"dst": "10.66.135.131/26"}],
            "dns": {},
        });
        assert_eq!(pod().render(version), expected);
    }
}

#[test]
fn an_empty_result_is_its_version_and_dns() {
    let rendered = AddResult::default().render(SpecVersion::V0_3_1);
    assert_eq!(rendered, json!({"cniVersion": "0.3.1", "dns": {}}));
}

#[test]
fn a_result_of_an_ipam_plugin_is_read_in_every_layout() {
    let old = json!({
        "cniVersion": "0.3.1",
        "ips": [{"version": "4", "address": "10.1.0.5/16", "gateway": "10.1.0.1"}],
        "routes": [{"dst": "0.0.0.0/0", "gw": "10.1.0.1"}, {"dst": "10.2.3.4/8", "gw": ""}],
        "dns": {"nameservers": null, "domain": ""},
    });
    let read = AddResult::parse(SpecVersion::V0_3_1, &old).unwrap();
    assert_eq!(read.interfaces, []);
    assert_eq!(read.ips, [ip("10.1.0.5/16", Some("10.1.0.1"), None)]);
    assert_eq!(read.routes[0].gw, Some("10.1.0.1".parse().unwrap()));
    assert_eq!(read.routes[1], Route::to("10.2.3.4/8".parse().unwrap()));

    let bare = json!({"ips": [{"address": "fd00::5/64"}], "routes": null, "interfaces": null, "dns": null});
    let read = AddResult::parse(SpecVersion::V1_1_0, &bare).unwrap();
    assert_eq!(read.ips, [ip("fd00::5/64", None, None)]);
}

#[test]
fn a_result_that_cannot_be_read_says_where() {
    let cases = [
        (json!(null), "object"),
        (json!("text"), "object"),
        (json!({"ips": {}}), "ips"),
        (
            json!({"ips": [{"address": "10.0.0.1/8"}, {"address": "10.0.0.1"}]}),
            "ips[1]",
        ),
        (json!({"ips": [{}]}), "ips[0]"),
        (
            json!({"ips": [{"address": "10.0.0.1/8", "gateway": "x"}]}),
            "ips[0]",
        ),
        (
            json!({"ips": [{"address": "10.0.0.1/8", "interface": -1}]}),
            "ips[0]",
        ),
        (json!({"routes": [{"dst": "default"}]}), "routes[0]"),
        (json!({"interfaces": [{"mac": "x"}]}), "interfaces[0]"),
        (json!({"interfaces": [["eth0"]]}), "interfaces[0]"),
        (json!({"dns": []}), "dns"),
    ];
    for (value, place) in cases {
        let error = AddResult::parse(SpecVersion::V1_0_0, &value).unwrap_err();
        assert_eq!(error.code, Code::DecodeFailure, "{value}");
        assert!(error.msg.contains(place), "{error}");
    }
    let error = AddResult::parse(SpecVersion::V1_0_0, &json!({"cniVersion": "0.2.0"})).unwrap_err();
    assert_eq!(error.code, Code::IncompatibleVersion);
}

fn optional<S: Strategy>(strategy: S) -> impl Strategy<Value = Option<S::Value>> {
    prop::option::of(strategy)
}

fn any_net() -> impl Strategy<Value = IpNet> {
    // No IPv4 inside IPv6: the oracle calls such an address IPv4, and no plugin hands one out.
    let v4 = (any::<std::net::Ipv4Addr>(), 0..=32u8).prop_map(|(ip, len)| (IpAddr::V4(ip), len));
    let v6 = (any::<u128>(), 0..=128u8).prop_map(|(ip, len)| (IpAddr::V6((ip | 1 << 127).into()), len));
    prop_oneof![v4, v6].prop_map(|(ip, len)| IpNet::new(ip, len).unwrap())
}

const WORD: &str = "[a-z0-9:/]{1,12}";

fn any_interface() -> impl Strategy<Value = Interface> {
    let text = || optional(WORD);
    (WORD, text(), optional(1..9000u32), text(), text(), text()).prop_map(
        |(name, mac, mtu, sandbox, socket_path, pci_id)| Interface {
            name,
            mac,
            mtu,
            sandbox,
            socket_path,
            pci_id,
        },
    )
}

fn any_gateway() -> impl Strategy<Value = Option<IpAddr>> {
    optional(any_net().prop_map(|net| net.addr()))
}

fn any_ip() -> impl Strategy<Value = IpConfig> {
    (any_net(), any_gateway(), optional(0..9usize)).prop_map(|(address, gateway, interface)| IpConfig {
        address,
        gateway,
        interface,
    })
}

fn any_route() -> impl Strategy<Value = Route> {
    let numbers = prop::array::uniform5(optional(any::<u32>()));
    (any_net(), any_gateway(), numbers).prop_map(|(dst, gw, [mtu, advmss, priority, table, scope])| Route {
        dst,
        gw,
        mtu,
        advmss,
        priority,
        table,
        scope,
    })
}

fn any_dns() -> impl Strategy<Value = Dns> {
    let words = || prop::collection::vec(WORD, 0..3);
    (words(), optional(WORD), words(), words()).prop_map(|(nameservers, domain, search, options)| Dns {
        nameservers,
        domain,
        search,
        options,
    })
}

fn any_result() -> impl Strategy<Value = AddResult> {
    (
        prop::collection::vec(any_interface(), 0..3),
        prop::collection::vec(any_ip(), 0..3),
        prop::collection::vec(any_route(), 0..3),
        any_dns(),
    )
        .prop_map(|(interfaces, ips, routes, dns)| AddResult {
            interfaces,
            ips,
            routes,
            dns,
        })
}

/// Without what the layouts before 1.0.0 have no field for.
fn as_legacy(mut result: AddResult) -> AddResult {
    for interface in &mut result.interfaces {
        interface.mtu = None;
        interface.socket_path = None;
        interface.pci_id = None;
    }
    result
}

/// The oracle leaves an empty `dns` out of the layouts since 1.0.0.
fn without_empty_dns(mut value: Value) -> Value {
    if value["dns"] == json!({}) {
        value.as_object_mut().unwrap().remove("dns");
    }
    value
}

proptest! {
    #[test]
    fn the_oracle_and_we_print_the_same(result in any_result(), at in 0..5usize) {
        let version = SpecVersion::ALL[at];
        let ours = result.render(version);
        // Through the newest layout, which holds every field.
        let theirs: CNIResult = serde_json::from_value(result.render(SpecVersion::CURRENT)).unwrap();
        let spoken = version.as_str().parse().unwrap();
        let printed = if version.is_legacy() {
            serde_json::to_value(legacy::CNIResult::new(spoken, theirs)).unwrap()
        } else {
            serde_json::to_value(CNIResultWithVersion::new(spoken, theirs)).unwrap()
        };
        prop_assert_eq!(without_empty_dns(ours), without_empty_dns(printed));
    }

    #[test]
    fn we_read_what_the_oracle_prints_and_the_oracle_what_we_print(result in any_result(), at in 0..5usize) {
        let version = SpecVersion::ALL[at];
        let expected = if version.is_legacy() { as_legacy(result.clone()) } else { result.clone() };
        let ours = result.render(version);
        prop_assert_eq!(AddResult::parse(version, &ours).unwrap(), expected.clone());
        let theirs: CNIResult = serde_json::from_value(ours).unwrap();
        let spoken = version.as_str().parse().unwrap();
        let printed = serde_json::to_value(CNIResultWithVersion::new(spoken, theirs)).unwrap();
        prop_assert_eq!(AddResult::parse(version, &printed).unwrap(), expected);
    }
}
