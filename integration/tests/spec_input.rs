//! Bad input of every kind: the error object on standard output, a code of the specification, exit other than 0, and nothing
//! created, anywhere.

use integration::json::{with, without};
use integration::traces::Traces;
use integration::{Call, Kind, Lab, Pod};
use serde_json::{Value, json};

const VERSION: u64 = 1;
const ENVIRONMENT: u64 = 4;
const DECODE: u64 = 6;
const CONFIG: u64 = 7;

const PLUGINS: [&str; 2] = ["cni-net", "cni-ipam"];

/// Makes calls, one per case, of both plugins and wants each refused with the code and without a trace.
fn refused(cases: impl Fn(&str, &Lab, &Pod) -> Vec<(String, Call, u64)>) {
    let lab = Lab::new(Kind::Embedded);
    lab.pool("pool", "10.0.0.0/24", 26);
    let pod = Pod::new("bad");
    let before = Traces::of(&lab);
    let mut wrong = Vec::new();
    for plugin in PLUGINS {
        for (what, call, code) in cases(plugin, &lab, &pod) {
            let answer = call.within(lab.node.netns()).run();
            if answer.status.success() {
                wrong.push(format!("{plugin}: {what}: success instead of {code}"));
                lab.node.del(&lab.node.conf(), &pod);
                continue;
            }
            let failure = answer.failure();
            if failure.code != code {
                wrong.push(format!("{plugin}: {what}: expected {code}: {failure:?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    before.unchanged(&lab);
    assert_eq!(pod.netns.links(), Vec::<String>::new());
}

fn add(plugin: &str, conf: &Value, pod: &Pod) -> Call {
    Call::new(plugin, "ADD", conf).about(pod)
}

#[test]
fn a_missing_variable_is_refused() {
    refused(|plugin, lab, pod| {
        let needed = ["CNI_COMMAND", "CNI_CONTAINERID", "CNI_IFNAME"];
        let of_ours = if plugin == "cni-net" {
            &["CNI_NETNS", "CNI_PATH"][..]
        } else {
            &[]
        };
        let case = |name: &&str| {
            (
                format!("no {name}"),
                add(plugin, &lab.node.conf(), pod).without(name),
                ENVIRONMENT,
            )
        };
        needed.iter().chain(of_ours).map(case).collect()
    });
}

#[test]
fn a_malformed_variable_is_refused() {
    refused(|plugin, lab, pod| {
        let bad = [
            ("CNI_COMMAND", "FROB"),
            ("CNI_COMMAND", "add"),
            ("CNI_COMMAND", ""),
            ("CNI_CONTAINERID", ""),
            ("CNI_CONTAINERID", "a/b"),
            ("CNI_CONTAINERID", "-begins-wrong"),
            ("CNI_CONTAINERID", "sp ace"),
            ("CNI_IFNAME", ""),
            ("CNI_IFNAME", "a/b"),
            ("CNI_IFNAME", "."),
            ("CNI_IFNAME", ".."),
            ("CNI_IFNAME", "sp ace"),
            ("CNI_IFNAME", "co:lon"),
            ("CNI_IFNAME", "sixteen-letters-"),
        ];
        let case = |(name, value): &(&str, &str)| {
            let call = add(plugin, &lab.node.conf(), pod).env(name, value);
            (format!("{name}={value:?}"), call, ENVIRONMENT)
        };
        bad.iter().map(case).collect()
    });
}

#[test]
fn standard_input_that_is_no_netconf_is_refused() {
    refused(|plugin, lab, pod| {
        let bad: [&[u8]; 4] = [b"", b"   ", b"{", b"{\"name\":\"\xff\xfe\"}"];
        let case = |bytes: &&[u8]| {
            let call = add(plugin, &lab.node.conf(), pod).stdin(*bytes);
            (format!("{:?}", String::from_utf8_lossy(bytes)), call, DECODE)
        };
        bad.iter().map(case).collect()
    });
}

#[test]
fn json_that_is_no_object_is_refused() {
    refused(|plugin, lab, pod| {
        let case = |text: &&str| {
            (
                (*text).to_owned(),
                add(plugin, &lab.node.conf(), pod).stdin(*text),
                CONFIG,
            )
        };
        ["[]", "\"text\"", "7", "null"].iter().map(case).collect()
    });
}

#[test]
fn a_version_that_is_missing_or_unknown_is_refused() {
    refused(|plugin, lab, pod| {
        let conf = lab.node.conf();
        let versions = ["9.9.9", "2.0.0", "0.1.0", "0.2.0", "one"];
        let mut cases = vec![(
            "none".to_owned(),
            add(plugin, &without(conf.clone(), "cniVersion"), pod),
            VERSION,
        )];
        for version in versions {
            let conf = with(conf.clone(), "cniVersion", version);
            cases.push((version.to_owned(), add(plugin, &conf, pod), VERSION));
        }
        cases
    });
}

#[test]
fn a_network_name_that_is_missing_or_malformed_is_refused() {
    refused(|plugin, lab, pod| {
        let conf = lab.node.conf();
        let mut cases = vec![(
            "none".to_owned(),
            add(plugin, &without(conf.clone(), "name"), pod),
            CONFIG,
        )];
        for name in ["", "a/b", "sp ace"] {
            let call = add(plugin, &with(conf.clone(), "name", name), pod);
            cases.push((format!("{name:?}"), call, CONFIG));
        }
        cases
    });
}

#[test]
fn a_value_of_the_wrong_type_is_refused_by_name() {
    // Fields that both plugins read.
    let both = [
        ("ipam", json!("cni-ipam")),
        ("ipam/assign_ipv4", json!(true)),
        ("ipam/assign_ipv6", json!(1)),
        ("ipam/ipv4_pools", json!("10.0.0.0/24")),
        ("ipam/ipv6_pools", json!([1])),
        ("nodename", json!(5)),
        ("nodename_file", json!([])),
        ("etcd_endpoints", json!(5)),
        ("etcd_key_file", json!(false)),
        ("datastore_type", json!({})),
        ("state_dir", json!(7)),
        ("log_level", json!(1)),
        ("runtimeConfig", json!("ips")),
    ];
    let of_net = [
        ("type", json!(5)),
        ("ipam/type", json!(5)),
        ("mtu", json!("1400")),
        ("num_queues", json!("1")),
        ("policy", json!("k8s")),
        ("kubernetes", json!([])),
        ("container_settings", json!(1)),
        ("container_settings/allow_ip_forwarding", json!("yes")),
        ("feature_control", json!("all")),
        ("readiness_gates", json!("http://127.0.0.1/")),
        ("require_mtu_file", json!("true")),
    ];
    refused(|plugin, lab, pod| {
        let of_ours = if plugin == "cni-net" { &of_net[..] } else { &[] };
        let case = |(field, value): &(&str, Value)| {
            let conf = with(lab.node.conf(), field, value.clone());
            (format!("{field}={value}"), add(plugin, &conf, pod), CONFIG)
        };
        both.iter().chain(of_ours).map(case).collect()
    });
}

#[test]
fn the_error_object_carries_the_version_of_the_config() {
    let lab = Lab::new(Kind::Embedded);
    let pod = Pod::new("bad");
    for version in ["0.3.1", "0.4.0", "1.0.0", "1.1.0"] {
        let conf = with(with(lab.node.conf(), "cniVersion", version), "mtu", "wide");
        let answer = add("cni-net", &conf, &pod).within(lab.node.netns()).run();
        assert_eq!(answer.json()["cniVersion"], version, "{}", answer.told());
        answer.failure().says(&["mtu"]);
    }
}

#[test]
fn a_namespace_that_does_not_exist_fails_add_and_leaves_no_address() {
    let lab = Lab::new(Kind::Embedded);
    lab.pool("pool", "10.0.0.0/24", 26);
    let (conf, pod) = (lab.node.conf(), Pod::new("bad"));
    let before = Traces::of(&lab);
    let call = lab
        .node
        .call("ADD", &conf, &pod)
        .env("CNI_NETNS", "/run/netns/nobody-made-this");
    call.run().failure().says(&["/run/netns/nobody-made-this"]);
    before.unchanged(&lab);
}
