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
const NOT_AVAILABLE: u64 = 50;

const PLUGINS: [&str; 2] = ["cni-net", "cni-ipam"];

const VERBS: [&str; 5] = ["ADD", "DEL", "CHECK", "GC", "STATUS"];

/// One plugin and one verb, on a working node.
struct Asked<'a> {
    plugin: &'a str,
    verb: &'a str,
    conf: Value,
    pod: &'a Pod,
}

impl Asked<'_> {
    fn call(&self, conf: &Value) -> Call {
        let call = Call::new(self.plugin, self.verb, conf);
        if self.has_container() {
            call.about(self.pod)
        } else {
            call
        }
    }

    fn has_container(&self) -> bool {
        !["GC", "STATUS"].contains(&self.verb)
    }
}

/// The netconf of a verb.
fn netconf(lab: &Lab, verb: &str) -> Value {
    // CHECK is told what ADD answered.
    let result = json!({"cniVersion": "1.1.0", "ips": [{"address": "10.0.0.1/32"}]});
    let mut conf = lab.node.conf();
    match verb {
        "CHECK" => conf["prevResult"] = result,
        "GC" => conf["cni.dev/valid-attachments"] = json!([]),
        _ => {}
    }
    conf
}

/// Makes calls, one per case, of both plugins and these verbs and wants each refused with the code and without a trace.
fn refused(verbs: &[&str], cases: impl Fn(&Asked<'_>) -> Vec<(String, Call, u64)>) {
    let lab = Lab::new(Kind::Embedded);
    lab.pool("pool", "10.0.0.0/24", 26);
    let pod = Pod::new("bad");
    let before = Traces::of(&lab);
    let mut wrong = Vec::new();
    for (plugin, verb) in PLUGINS
        .iter()
        .flat_map(|plugin| verbs.iter().map(move |verb| (plugin, verb)))
    {
        let asked = Asked {
            plugin,
            verb,
            conf: netconf(&lab, verb),
            pod: &pod,
        };
        for (what, call, code) in cases(&asked) {
            let answer = call.within(lab.node.netns()).run();
            if answer.status.success() {
                wrong.push(format!("{plugin} {verb}: {what}: success instead of {code}"));
                lab.node.del(&lab.node.conf(), &pod);
                continue;
            }
            let failure = answer.failure();
            if let Some((field, _)) = what.split_once('=')
                && !format!("{failure:?}").contains(&field.replace('/', "."))
            {
                wrong.push(format!("{plugin} {verb}: {what}: not named: {failure:?}"));
            }
            if failure.code != code {
                wrong.push(format!("{plugin} {verb}: {what}: expected {code}: {failure:?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    before.unchanged(&lab);
    assert_eq!(pod.netns.links(), Vec::<String>::new());
}

#[test]
fn a_missing_variable_is_refused() {
    refused(&VERBS, |asked| {
        let needed = match asked.has_container() {
            true => &["CNI_COMMAND", "CNI_CONTAINERID", "CNI_IFNAME"][..],
            false => &["CNI_COMMAND"],
        };
        let of_ours = match (asked.plugin, asked.verb) {
            ("cni-net", "ADD") => &["CNI_NETNS", "CNI_PATH"][..],
            ("cni-net", "CHECK") => &["CNI_NETNS"],
            ("cni-net", _) => &["CNI_PATH"],
            _ => &[],
        };
        let case = |name: &&str| {
            (
                format!("no {name}"),
                asked.call(&asked.conf).without(name),
                ENVIRONMENT,
            )
        };
        needed.iter().chain(of_ours).map(case).collect()
    });
}

#[test]
fn a_malformed_variable_is_refused() {
    refused(&VERBS, |asked| {
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
            let call = asked.call(&asked.conf).env(name, value);
            (format!("{name}={value:?}"), call, ENVIRONMENT)
        };
        let meant = |(name, _): &&(&str, &str)| *name == "CNI_COMMAND" || asked.has_container();
        bad.iter().filter(meant).map(case).collect()
    });
}

#[test]
fn standard_input_that_is_no_netconf_is_refused() {
    refused(&VERBS, |asked| {
        let bad: [&[u8]; 4] = [b"", b"   ", b"{", b"{\"name\":\"\xff\xfe\"}"];
        let case = |bytes: &&[u8]| {
            let call = asked.call(&asked.conf).stdin(*bytes);
            (format!("{:?}", String::from_utf8_lossy(bytes)), call, DECODE)
        };
        bad.iter().map(case).collect()
    });
}

#[test]
fn json_that_is_no_object_is_refused() {
    refused(&VERBS, |asked| {
        let case = |text: &&str| ((*text).to_owned(), asked.call(&asked.conf).stdin(*text), CONFIG);
        ["[]", "\"text\"", "7", "null"].iter().map(case).collect()
    });
}

#[test]
fn a_version_that_is_missing_or_unknown_is_refused() {
    refused(&VERBS, |asked| {
        let conf = asked.conf.clone();
        let versions = ["9.9.9", "2.0.0", "0.1.0", "0.2.0", "one"];
        let mut cases = vec![(
            "none".to_owned(),
            asked.call(&without(conf.clone(), "cniVersion")),
            VERSION,
        )];
        for version in versions {
            let conf = with(conf.clone(), "cniVersion", version);
            cases.push((version.to_owned(), asked.call(&conf), VERSION));
        }
        cases
    });
}

#[test]
fn a_network_name_that_is_missing_or_malformed_is_refused() {
    refused(&VERBS, |asked| {
        let conf = asked.conf.clone();
        let mut cases = vec![(
            "none".to_owned(),
            asked.call(&without(conf.clone(), "name")),
            CONFIG,
        )];
        for name in ["", "a/b", "sp ace"] {
            let call = asked.call(&with(conf.clone(), "name", name));
            cases.push((format!("{name:?}"), call, CONFIG));
        }
        cases
    });
}

/// The cases of fields with a value of the wrong type.
fn wrong_types(asked: &Asked<'_>, fields: &[(&str, Value)], code: u64) -> Vec<(String, Call, u64)> {
    let case = |(field, value): &(&str, Value)| {
        let conf = with(asked.conf.clone(), field, value.clone());
        (format!("{field}={value}"), asked.call(&conf), code)
    };
    fields.iter().map(case).collect()
}

#[test]
fn a_value_of_the_wrong_type_is_refused_by_every_verb() {
    let both = [
        ("ipam", json!("cni-ipam")),
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
        ("policy", json!("k8s")),
        ("kubernetes", json!([])),
    ];
    refused(&VERBS, |asked| {
        let of_ours = if asked.plugin == "cni-net" {
            &of_net[..]
        } else {
            &[]
        };
        wrong_types(asked, &[&both[..], of_ours].concat(), CONFIG)
    });
}

/// DEL reads none of these: what only ADD needs must not keep a pod from going.
#[test]
fn a_value_of_the_wrong_type_that_del_does_not_read_is_refused_by_the_others() {
    let of_net = [
        ("mtu", json!("1400")),
        ("num_queues", json!("1")),
        ("container_settings", json!(1)),
        ("container_settings/allow_ip_forwarding", json!("yes")),
        ("feature_control", json!("all")),
        ("readiness_gates", json!("http://127.0.0.1/")),
        ("require_mtu_file", json!("true")),
    ];
    refused(&["ADD", "CHECK", "STATUS"], |asked| match asked.plugin {
        "cni-net" => wrong_types(asked, &of_net, CONFIG),
        _ => Vec::new(),
    });
    let of_ipam = [
        ("ipam/assign_ipv4", json!(true)),
        ("ipam/assign_ipv6", json!(1)),
        ("ipam/ipv4_pools", json!("10.0.0.0/24")),
        ("ipam/ipv6_pools", json!([1])),
    ];
    refused(&["ADD", "STATUS"], |asked| {
        // What its IPAM plugin says is a fact for `cni-net`, whatever the reason.
        let code = match (asked.plugin, asked.verb) {
            ("cni-net", "STATUS") => NOT_AVAILABLE,
            _ => CONFIG,
        };
        wrong_types(asked, &of_ipam, code)
    });
}

#[test]
fn the_error_object_carries_the_version_of_the_config() {
    let lab = Lab::new(Kind::Embedded);
    let pod = Pod::new("bad");
    for version in ["0.3.1", "0.4.0", "1.0.0", "1.1.0"] {
        let conf = with(with(lab.node.conf(), "cniVersion", version), "mtu", "wide");
        let answer = Call::new("cni-net", "ADD", &conf)
            .about(&pod)
            .within(lab.node.netns())
            .run();
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
