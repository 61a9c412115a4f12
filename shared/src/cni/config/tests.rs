//! Bad and good configurations.

use serde_json::json;

use super::*;

fn conf(fields: Value) -> Result<NetConf, CniError> {
    let mut object = json!({"cniVersion": "1.1.0", "name": "net", "type": "cni-net"});
    let object = object.as_object_mut().unwrap();
    object.extend(fields.as_object().unwrap().clone());
    NetConf::parse(serde_json::to_string(object).unwrap().as_bytes())
}

fn refused(fields: Value) -> CniError {
    match conf(fields.clone()) {
        Ok(_) => panic!("{fields} was taken"),
        Err(error) => error,
    }
}

#[test]
fn empty_stdin_and_broken_json_cannot_be_decoded() {
    for stdin in [
        "",
        "  \n",
        "{",
        "{\"cniVersion\":\"1.0.0\",}",
        "{} {}",
        "\u{feff}{}",
        "nul",
    ] {
        let error = NetConf::parse(stdin.as_bytes()).unwrap_err();
        assert_eq!(error.code, Code::DecodeFailure, "{stdin:?}: {error}");
    }
    let error = NetConf::parse(b"{\"name\":\"\xff\"}").unwrap_err();
    assert_eq!(error.code, Code::DecodeFailure);
}

#[test]
fn a_document_that_is_no_object_is_invalid() {
    for stdin in ["null", "[]", "\"x\"", "7", "true"] {
        let error = NetConf::parse(stdin.as_bytes()).unwrap_err();
        assert_eq!(error.code, Code::InvalidConfig, "{stdin}");
        let said = if stdin == "[]" { "a list" } else { stdin };
        assert!(error.msg.contains(said), "{error}");
    }
}

#[test]
fn a_missing_version_is_refused() {
    for version in [json!(null), json!("")] {
        assert_eq!(
            refused(json!({"cniVersion": version})).code,
            Code::IncompatibleVersion
        );
    }
    let error = NetConf::parse(br#"{"name":"net"}"#).unwrap_err();
    assert_eq!(error.code, Code::IncompatibleVersion);
    assert!(error.details.contains("1.1.0"), "{error}");
}

#[test]
fn a_missing_or_malformed_name_is_refused() {
    for name in [
        json!(null),
        json!(""),
        json!("a b"),
        json!("a/b"),
        json!("é"),
        json!(5),
    ] {
        let error = refused(json!({"name": name}));
        assert_eq!(error.code, Code::InvalidConfig, "{name}");
        assert!(error.msg.contains("name"), "{error}");
    }
    for name in ["k8s-pod-network", "_under", "-dash", ".x", "9"] {
        assert_eq!(conf(json!({"name": name})).unwrap().name, name);
    }
}

#[test]
fn a_wrong_type_in_any_common_field_is_refused_and_named() {
    let cases = [
        ("type", json!({"type": 5})),
        ("ipam", json!({"ipam": "calico-ipam"})),
        ("dns", json!({"dns": []})),
        ("args", json!({"args": 1})),
        ("capabilities", json!({"capabilities": {"ips": "yes"}})),
        ("prevResult", json!({"prevResult": "x"})),
        ("runtimeConfig", json!({"runtimeConfig": []})),
        ("runtimeConfig.ips", json!({"runtimeConfig": {"ips": "10.0.0.1"}})),
        ("runtimeConfig.ips", json!({"runtimeConfig": {"ips": [1]}})),
        ("runtimeConfig.mac", json!({"runtimeConfig": {"mac": 1}})),
    ];
    for (field, fields) in cases {
        let error = refused(fields);
        assert_eq!(error.code, Code::InvalidConfig);
        assert!(error.msg.contains(field), "{field}: {error}");
    }
}

#[test]
fn null_is_absent_for_every_field() {
    let conf = conf(json!({
        "type": null, "ipam": null, "dns": null, "args": null, "capabilities": null, "prevResult": null,
        "runtimeConfig": null, "mtu": null,
    }))
    .unwrap();
    assert_eq!(conf.kind, "");
    assert!(conf.prev_result.is_none());
    assert_eq!(conf.runtime, RuntimeConfig::default());
    assert_eq!(conf.field::<u32>("mtu"), Ok(None));
    assert_eq!(conf.text("ipam.type"), Ok(None));
}

#[test]
fn a_field_is_read_by_its_path_with_its_type() {
    let conf = conf(json!({
        "mtu": 1450, "big": u64::MAX, "ipam": {"type": "cni-ipam", "assign_ipv4": "true", "empty": ""},
        "etcd_password": 12345, "policy": "k8s",
    }))
    .unwrap();
    assert_eq!(conf.field("mtu"), Ok(Some(1450)));
    assert_eq!(conf.field("big"), Ok(Some(u64::MAX)));
    assert_eq!(conf.text("ipam.type"), Ok(Some("cni-ipam".into())));
    assert_eq!(conf.field::<String>("ipam.empty"), Ok(Some(String::new())));
    assert_eq!(conf.text("ipam.empty"), Ok(None));
    assert_eq!(conf.field::<bool>("ipam.none.deeper"), Ok(None));
    assert_eq!(conf.field::<bool>(""), Ok(None));

    let error = conf.field::<u32>("ipam.assign_ipv4").unwrap_err();
    assert_eq!(error.code, Code::InvalidConfig);
    assert!(
        error.msg.contains("ipam.assign_ipv4: \"true\": invalid type"),
        "{error}"
    );
    let error = conf.text("policy.type").unwrap_err();
    assert!(error.msg.contains("policy: \"k8s\""), "{error}");
    let error = conf.text("etcd_password").unwrap_err();
    assert!(error.msg.contains("etcd_password") && !error.msg.contains("12345"));
    assert!(!format!("{conf:?}").contains("12345"));
}

#[test]
fn the_previous_result_survives_byte_for_byte() {
    let inner =
        r#"{ "cniVersion":"1.0.0", "x": 1.10, "big": 18446744073709551616000, "dns":{}, "é":"\u00e9" }"#;
    let stdin = format!(r#"{{"cniVersion":"1.0.0","name":"n","prevResult": {inner} ,"unknown":[1]}}"#);
    let conf = NetConf::parse(stdin.as_bytes()).unwrap();
    assert_eq!(conf.prev_result.as_ref().unwrap().get(), inner);
    assert_eq!(conf.to_stdin(), stdin.as_bytes());
    assert_eq!(conf.raw()["unknown"], json!([1]));
}

#[test]
fn runtime_config_brings_addresses_and_a_mac() {
    let runtime = json!({"ips": ["10.0.0.7", "fd00::7/64"], "mac": "02:00:00:00:00:01", "x": 1});
    let read = conf(json!({"runtimeConfig": runtime})).unwrap().runtime;
    assert_eq!(read.ips, ["10.0.0.7", "fd00::7/64"]);
    assert_eq!(read.mac.as_deref(), Some("02:00:00:00:00:01"));
    assert_eq!(Value::Object(read.raw), runtime);
    assert_eq!(
        conf(json!({"runtimeConfig": {"mac": ""}})).unwrap().runtime.mac,
        None
    );
}

#[test]
fn attachments_that_are_absent_differ_from_attachments_that_are_none() {
    assert_eq!(conf(json!({})).unwrap().valid_attachments, None);
    for empty in [json!(null), json!([])] {
        let conf = conf(json!({ATTACHMENTS: empty})).unwrap();
        assert_eq!(conf.valid_attachments, Some(vec![]));
    }
    let list = json!([{"containerID": "c1", "ifname": "eth0", "more": 1}]);
    let expected = ValidAttachment {
        container_id: "c1".into(),
        ifname: "eth0".into(),
    };
    assert_eq!(
        conf(json!({ATTACHMENTS: list})).unwrap().valid_attachments,
        Some(vec![expected])
    );
}

#[test]
fn a_list_of_attachments_is_taken_whole_or_not_at_all() {
    let good = json!({"containerID": "c1", "ifname": "eth0"});
    for bad in [
        json!({}),
        json!(5),
        json!("c1"),
        json!({"good": good}),
        json!([good, null]),
        json!([good, 5]),
        json!([good, ["c2", "eth0"]]),
        json!([good, {"containerID": "c2"}]),
        json!([good, {"ifname": "eth0"}]),
        json!([good, {"containerID": 2, "ifname": "eth0"}]),
        json!([good, {"containerID": "c2", "ifname": null}]),
        json!([good, {"containerID": "", "ifname": "eth0"}]),
    ] {
        let error = refused(json!({ATTACHMENTS: bad}));
        assert_eq!(error.code, Code::InvalidConfig, "{bad}");
        assert!(error.msg.contains(ATTACHMENTS), "{error}");
    }
}

#[test]
fn a_list_or_an_object_of_the_wrong_type_is_not_printed() {
    for fields in [
        json!({"type": {"token": "geheim"}}),
        json!({"ipam": ["geheim"]}),
        json!({"capabilities": {"ips": "geheim \"secret\""}}),
        json!({"runtimeConfig": {"ips": {"token": "geheim"}}}),
        json!({"cni.dev/valid-attachments": ["geheim"]}),
    ] {
        let error = refused(fields.clone()).to_string();
        assert!(!error.contains("geheim") && !error.contains("secret"), "{error}");
        assert!(error.contains("a list") || error.contains("an object"), "{error}");
    }
}
