use super::*;

fn values() -> Values {
    [
        ("LOG_LEVEL", "info"),
        ("KUBERNETES_NODE_NAME", "n1"),
        ("CNI_MTU", "0"),
        ("STATE_DIR", "/var/lib/cni/manx"),
        ("RUN_DIR", "/run/manx"),
        ("SIDECAR_REQUIRED", "true"),
        ("DATASTORE_TYPE", "etcdv3"),
        ("ETCD_ENDPOINTS", "http://10.0.0.1:2379"),
        ("ETCD_KEY_FILE", ""),
        ("ETCD_CERT_FILE", ""),
        ("ETCD_CA_CERT_FILE", ""),
        ("KUBECONFIG_FILEPATH", "/etc/cni/net.d/manx-kubeconfig"),
    ]
    .map(|(name, value)| (name, value.to_owned()))
    .into()
}

fn fill(text: &str, values: &Values) -> Result<String, String> {
    let origin = "the template".to_owned();
    Template {
        origin,
        text: text.to_owned(),
    }
    .fill(values)
}

#[test]
fn every_template_of_ours_becomes_a_conflist_that_names_a_datastore() {
    for (template, etcd) in [(EMBEDDED, false), (ETCD, true), (KUBERNETES, true)] {
        let text = fill(template, &values()).unwrap();
        assert!(!text.contains("__"), "{text}");
        let first = plugins(&text).unwrap().remove(0);
        assert_eq!(first["nodename"], "n1");
        assert_eq!(first["mtu"], 0);
        assert_eq!(first["sidecar_required"], true);
        assert_eq!(first.contains_key("etcd_endpoints"), etcd);
    }
    let names = programs(&fill(KUBERNETES, &values()).unwrap());
    assert_eq!(names, ["cni-net", "cni-ipam", "portmap", "bandwidth"]);
}

#[test]
fn a_value_stays_one_value_whatever_is_in_it() {
    let template =
        r#"{"name": "n", "type": "x", "a": "__LOG_LEVEL__", "__b__": "__", "c": "__X", "d": "___"}"#;
    let mut values = values();
    values.insert("LOG_LEVEL", "\", \"type\": \"evil\\".to_owned());
    let text = fill(template, &values).unwrap();
    let filled: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(filled["a"], "\", \"type\": \"evil\\");
    assert_eq!(filled["type"], "x");
    assert_eq!(filled["__b__"], "__");
}

#[test]
fn a_placeholder_that_nobody_knows_is_named_with_those_that_there_are() {
    let error = fill(r#"{"name": "n", "type": "__POD_CIDR__"}"#, &values()).unwrap_err();
    assert!(
        error.contains("__POD_CIDR__") && error.contains("CNI_MTU"),
        "{error}"
    );
}

#[test]
fn what_no_runtime_or_plugin_could_use_is_refused() {
    for (template, why) in [
        ("{", "JSON"),
        ("[]", "JSON"),
        (r#"{"plugins": [{"type": "x"}]}"#, "\"name\""),
        (r#"{"name": "n"}"#, "\"plugins\""),
        (r#"{"name": "n", "plugins": []}"#, "\"plugins\""),
        (r#"{"name": "n", "plugins": ["x"]}"#, "\"plugins\""),
        (
            r#"{"name": "n", "plugins": [{"type": "calico", "datastore_type": "kubernetes"}]}"#,
            "kubernetes",
        ),
        (
            r#"{"name": "n", "plugins": [{"type": "cni-net", "datastore_type": "etcdv3"}]}"#,
            "etcd_endpoints",
        ),
    ] {
        let error = fill(template, &values()).unwrap_err();
        assert!(
            error.contains(why) && error.contains("the template"),
            "{template}: {error}"
        );
    }
    let others = r#"{"name": "n", "plugins": [{"type": "other", "datastore_type": "kubernetes"}]}"#;
    assert!(
        fill(others, &values()).is_ok(),
        "what others' plugins read is theirs"
    );
}
