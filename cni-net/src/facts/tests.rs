//! Tables of annotations and what they come to.

use serde_json::{Value, json};
use shared::cni::{Code, NetConf};

use super::*;

fn config(fields: Value) -> Config {
    let mut whole = json!({"cniVersion": "1.0.0", "name": "net", "type": "cni-net", "policy": {"type": "k8s"},
                           "ipam": {"type": "cni-ipam"}});
    for (field, value) in fields.as_object().unwrap() {
        whole[field] = value.clone();
    }
    Config::new(&NetConf::parse(whole.to_string().as_bytes()).unwrap()).unwrap()
}

fn answer(namespace: Value, pod: Value) -> kubernetes::Facts {
    let object = |name: &str, annotations: Value| json!({"metadata": {"name": name, "annotations": annotations, "labels": {"of": name}}});
    kubernetes::Facts {
        namespace: Some(serde_json::from_value(object("shop", namespace)).unwrap()),
        pod: Some(serde_json::from_value(object("web", pod)).unwrap()),
        node: None,
    }
}

fn of(namespace: Value, pod: Value) -> Result<Facts, CniError> {
    Facts::of(&answer(namespace, pod), &config(json!({})))
}

fn key(name: &str) -> String {
    format!("cni.projectcalico.org/{name}")
}

fn note(name: &str, value: &str) -> Value {
    json!({key(name): value})
}

fn stdin(facts: &Facts, ipam: Value) -> Value {
    let given = json!({"name": "net", "ipam": ipam, "other": 1});
    serde_json::from_slice(&facts.stdin(&config(json!({})), given.to_string().into_bytes())).unwrap()
}

#[test]
fn a_pods_pools_come_before_its_namespaces_and_those_before_the_netconfs_each_family_by_itself() {
    let netconf =
        json!({"type": "cni-ipam", "ipv4_pools": ["n4"], "ipv6_pools": ["n6"], "assign_ipv4": null});
    let both = |four: &str, six: &str| json!({key("ipv4pools"): four, key("ipv6pools"): six});
    for (namespace, pod, v4, v6) in [
        (json!(null), json!(null), "n4", "n6"),
        (both(r#"["s4"]"#, r#"["s6"]"#), json!(null), "s4", "s6"),
        (
            both(r#"["s4"]"#, r#"["s6"]"#),
            note("ipv4pools", r#"["p4"]"#),
            "p4",
            "s6",
        ),
        (note("ipv4pools", r#"["s4"]"#), both("", r#"["p6"]"#), "s4", "p6"),
    ] {
        let sent = stdin(&of(namespace, pod).unwrap(), netconf.clone());
        assert_eq!(sent["ipam"]["ipv4_pools"], json!([v4]), "{sent}");
        assert_eq!(sent["ipam"]["ipv6_pools"], json!([v6]), "{sent}");
        assert_eq!(sent["other"], 1);
    }
}

#[test]
fn who_asked_for_a_pool_and_the_namespaces_labels_travel_with_it() {
    let facts = of(note("ipv4pools", r#"["s4"]"#), note("ipv6pools", "[]")).unwrap();
    let sent = stdin(&facts, json!({"type": "cni-ipam", "ipv6_pools": ["n6"]}));
    assert_eq!(
        sent["ipam"]["ipv6_pools"],
        json!([]),
        "an empty list lifts the netconf's"
    );
    assert_eq!(
        sent["manx"],
        json!({"namespace_labels": {"of": "shop"},
               "ipv4_pools_from": "annotation cni.projectcalico.org/ipv4pools of namespace shop",
               "ipv6_pools_from": "annotation cni.projectcalico.org/ipv6pools of pod shop/web"})
    );
}

#[test]
fn families_are_texts_as_calicos_plugin_reads_them() {
    let facts = of(
        note("ipFamilies", r#"["IPv4"]"#),
        note("ipFamilies", r#"["IPv6"]"#),
    )
    .unwrap();
    let sent = stdin(&facts, json!({"assign_ipv4": "true"}));
    assert_eq!(
        sent["ipam"],
        json!({"assign_ipv4": "false", "assign_ipv6": "true"})
    );
}

#[test]
fn a_plugin_that_knows_no_pools_gets_its_stdin_byte_for_byte_and_the_log_says_what_is_ignored() {
    let config = config(json!({"ipam": {"type": "host-local"}}));
    let facts = Facts::of(&answer(json!(null), note("ipv4pools", r#"["p4"]"#)), &config).unwrap();
    let given = br#"{ "name":"net" }"#.to_vec();
    assert_eq!(facts.stdin(&config, given.clone()), given);
    assert_eq!(facts.ignored.len(), 1);
    assert!(facts.ignored[0].contains("pod shop/web") && facts.ignored[0].contains("ipv4pools"));
    let nothing = Facts::default();
    assert_eq!(nothing.stdin(&self::config(json!({})), given.clone()), given);
}

#[test]
fn addresses_by_name_one_per_family() {
    let v4: IpAddr = "10.0.0.5".parse().unwrap();
    let v6: IpAddr = "fd00::5".parse().unwrap();
    let named = of(json!(null), note("ipAddrs", r#"["fd00::5","10.0.0.5"]"#)).unwrap();
    assert_eq!(named.addresses(), Addresses::Named(vec![v6, v4]));
    let allowed = config(json!({"feature_control": {"ip_addrs_no_ipam": true}}));
    let own = answer(json!(null), note("ipAddrsNoIpam", r#"["10.0.0.5"]"#));
    let own = Facts::of(&own, &allowed).unwrap();
    assert_eq!(own.addresses(), Addresses::WithoutIpam(vec![v4]));
    let of_namespace = of(note("ipAddrs", r#"["10.0.0.5"]"#), json!(null)).unwrap();
    assert_eq!(
        of_namespace.addresses(),
        Addresses::Any,
        "a namespace has no address"
    );
}

#[test]
fn mac_prefixes_and_floating_addresses() {
    let notes = json!({key("hwAddr"): "0A:58:0A:00:00:01",
                       key("allowedSourcePrefixes"): r#"["10.9.1.2/16","fd00::/8"]"#,
                       key("floatingIPs"): r#"["192.0.2.1","2001:db8::1"]"#});
    let allowed = config(json!({"feature_control": {"floating_ips": true}}));
    let facts = Facts::of(&answer(json!(null), notes), &allowed).unwrap();
    assert_eq!(facts.mac().unwrap().to_string(), "0a:58:0a:00:00:01");
    assert_eq!(facts.may_spoof(), Some(true));
    let prefixes = &facts.pod.as_ref().unwrap().source_prefixes;
    let prefixes: Vec<String> = prefixes.iter().map(IpNet::to_string).collect();
    assert_eq!(prefixes, ["10.9.0.0/16", "fd00::/8"]);
    let both = ["10.0.0.5".parse().unwrap(), "fd00::5".parse().unwrap()];
    let nats = facts.nats(&both).unwrap();
    let pairs: Vec<_> = nats
        .iter()
        .map(|nat| (nat.internal_ip.as_str(), nat.external_ip.as_str()))
        .collect();
    assert_eq!(pairs, [("10.0.0.5", "192.0.2.1"), ("fd00::5", "2001:db8::1")]);
    let error = facts.nats(&both[..1]).unwrap_err();
    assert!(
        error.msg.contains("2001:db8::1") && error.msg.contains("pod shop/web"),
        "{error}"
    );
    assert_eq!(of(json!(null), json!(null)).unwrap().may_spoof(), Some(false));
    assert_eq!(Facts::default().may_spoof(), None, "unknown is not no");
}

#[test]
fn an_annotation_that_cannot_be_used_is_named_with_its_owner_and_a_way_out() {
    for (name, value, said) in [
        ("ipv4pools", "prod", "JSON list"),
        ("ipv6pools", r#"[1]"#, "JSON list"),
        ("ipFamilies", r#"["ipv4"]"#, "[\"IPv4\"]"),
        ("ipFamilies", "[]", "[\"IPv4\"]"),
        ("ipAddrs", r#"["10.0.0.1","10.0.0.2"]"#, "one address per family"),
        ("ipAddrs", "[]", "one address per family"),
        ("ipAddrs", r#"["10.0.0.1/32"]"#, "no IP address"),
        ("ipAddrsNoIpam", r#"["10.0.0.1"]"#, "ip_addrs_no_ipam"),
        ("hwAddr", "0a:58", "MAC"),
        ("allowedSourcePrefixes", r#"["10.0.0.1"]"#, "CIDR"),
        ("floatingIPs", r#"["192.0.2.1"]"#, "floating_ips"),
    ] {
        let error = of(json!(null), note(name, value)).unwrap_err();
        assert_eq!(error.code, Code::Annotation, "{name}");
        let quoted = format!("{value:?}");
        for part in ["pod shop/web", &key(name), &quoted, said] {
            assert!(error.msg.contains(part), "{part} is not in: {error}");
        }
    }
    let error = of(note("ipv4pools", "x"), json!(null)).unwrap_err();
    assert!(error.msg.contains("namespace shop"), "{error}");
    let two = json!({key("ipAddrs"): r#"["10.0.0.1"]"#, key("ipAddrsNoIpam"): r#"["10.0.0.1"]"#});
    assert!(of(json!(null), two).unwrap_err().msg.contains("one of the two"));
    let elsewhere = config(json!({"ipam": {"type": "host-local"}}));
    let named = answer(json!(null), note("ipAddrs", r#"["10.0.0.1"]"#));
    assert!(
        Facts::of(&named, &elsewhere)
            .unwrap_err()
            .msg
            .contains("host-local")
    );
}

#[test]
fn ports_with_a_name_or_one_on_the_node_are_kept_in_calicos_order() {
    let mut given = answer(json!(null), json!(null));
    let pod = json!({"metadata": {"name": "web", "generateName": "web-"}, "spec": {
        "serviceAccountName": "shop-owner",
        "initContainers": [{"ports": [{"name": "side", "containerPort": 9}]}],
        "containers": [{"ports": [
            {"name": "http", "containerPort": 80},
            {"containerPort": 81},
            {"containerPort": 53, "hostPort": 5353, "hostIP": "10.0.0.1", "protocol": "UDP"},
            {"name": "odd", "containerPort": 7, "protocol": "DCCP"}]}]}});
    given.pod = Some(serde_json::from_value(pod).unwrap());
    let pod = Facts::of(&given, &config(json!({}))).unwrap().pod.unwrap();
    let ports: Vec<_> = pod
        .ports
        .iter()
        .map(|port| serde_json::to_value(port).unwrap())
        .collect();
    assert_eq!(
        ports,
        [
            json!({"name": "http", "protocol": "TCP", "port": 80, "hostPort": 0, "hostIP": ""}),
            json!({"name": "", "protocol": "UDP", "port": 53, "hostPort": 5353, "hostIP": "10.0.0.1"}),
            json!({"name": "side", "protocol": "TCP", "port": 9, "hostPort": 0, "hostIP": ""}),
        ]
    );
    assert_eq!(pod.generate_name.as_deref(), Some("web-"));
    assert_eq!(pod.labels["projectcalico.org/serviceaccount"], "shop-owner");
}

#[test]
fn a_service_account_too_long_for_a_label_is_left_out_of_the_labels_only() {
    let mut given = answer(json!(null), json!(null));
    let long = "a".repeat(63);
    let pod = json!({"metadata": {"name": "web"}, "spec": {"serviceAccountName": long}});
    given.pod = Some(serde_json::from_value(pod).unwrap());
    let pod = Facts::of(&given, &config(json!({}))).unwrap().pod.unwrap();
    assert!(!pod.labels.contains_key("projectcalico.org/serviceaccount"));
    assert_eq!(pod.service_account, Some(long));
}
