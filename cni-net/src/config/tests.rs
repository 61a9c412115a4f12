use serde_json::json;

use super::*;

fn conf(fields: Value) -> NetConf {
    let mut whole =
        json!({"cniVersion": "1.0.0", "name": "net", "type": "cni-net", "ipam": {"type": "cni-ipam"}});
    for (key, value) in fields.as_object().unwrap() {
        whole[key] = value.clone();
    }
    NetConf::parse(whole.to_string().as_bytes()).unwrap()
}

fn read(fields: Value) -> Config {
    Config::new(&conf(fields)).unwrap()
}

fn refused(fields: Value) -> CniError {
    Config::new(&conf(fields)).unwrap_err()
}

#[test]
fn everything_left_out_is_calicos_default() {
    let config = read(json!({}));
    assert_eq!(config.policy, Policy::Network);
    assert_eq!((config.mtu, config.queues), (None, 1));
    assert_eq!(config.timeouts.add, Duration::from_secs(25));
    assert_eq!(config.timeouts.del, Duration::from_secs(4));
    assert!(config.manage_forwarding && config.manage_rp_filter);
    assert!(!config.allow_ip_forwarding && !config.test_faults && !config.sidecar_required);
    assert!(config.uses_calico_ipam());
}

#[test]
fn null_empty_and_zero_are_absent() {
    let absent = json!({
        "mtu": 0, "num_queues": 0, "nodename": "", "nodename_file": "", "hostname": null,
        "nodename_file_optional": null, "readiness_gates": null, "policy": {"type": ""}, "device_type": "",
        "dataplane_options": null, "container_settings": null, "policy_setup_timeout_seconds": 0,
        "endpoint_status_dir": "", "timeouts": null, "args": null, "feature_control": {}, "mtu_file": null,
        "require_mtu_file": null, "kubernetes": {"kubeconfig": "", "k8s_api_root": ""}
    });
    assert_eq!(format!("{:?}", read(absent)), format!("{:?}", read(json!({}))));
    assert_eq!(read(json!({"num_queues": -3})).queues, 1);
}

#[test]
fn every_field_is_read() {
    let config = read(json!({
        "mtu": 1450, "num_queues": 4, "nodename": "n1", "nodename_file": "/x", "nodename_file_optional": true,
        "policy": {"type": "k8s"}, "container_settings": {"allow_ip_forwarding": true},
        "readiness_gates": ["http://127.0.0.1:9099/readiness"], "policy_setup_timeout_seconds": 3,
        "timeouts": {"add": 5, "del": 0.5}, "manage_forwarding": false, "device_type": "netkit"
    }));
    assert_eq!((config.mtu, config.queues), (Some(1450), 4));
    assert_eq!(config.policy, Policy::Kubernetes);
    assert_eq!(config.node.nodename.as_deref(), Some("n1"));
    assert_eq!(config.node.file, Some(PathBuf::from("/x")));
    assert!(config.node.file_optional && config.allow_ip_forwarding && !config.manage_forwarding);
    assert_eq!(config.gates.len(), 1);
    assert_eq!(config.policy_wait, Some(Duration::from_secs(3)));
    assert_eq!(config.timeouts.add, Duration::from_secs(5));
    assert_eq!(config.timeouts.del, Duration::from_millis(500));
    assert_eq!(read(json!({"policy": {"type": "none"}})).policy, Policy::Other);
}

#[test]
fn a_value_of_the_wrong_type_is_refused_by_name() {
    for (fields, name) in [
        (json!({"mtu": "1500"}), "mtu"),
        (json!({"mtu": -1}), "mtu"),
        (json!({"num_queues": "2"}), "num_queues"),
        (json!({"readiness_gates": "http://127.0.0.1/"}), "readiness_gates"),
        (
            json!({"readiness_gates": ["https://127.0.0.1/"]}),
            "readiness_gates",
        ),
        (json!({"nodename": 7}), "nodename"),
        (json!({"policy": {"type": 1}}), "policy.type"),
        (
            json!({"policy_setup_timeout_seconds": -1}),
            "policy_setup_timeout_seconds",
        ),
        (json!({"timeouts": {"add": 0}}), "timeouts.add"),
        (json!({"device_type": "ipvlan"}), "device_type"),
        (
            json!({"dataplane_options": {"type": "dpdk"}}),
            "dataplane_options",
        ),
        (json!({"ipam": {}}), "ipam.type"),
        (
            json!({"args": {"org.apache.mesos": {"network_info": {"labels": {"labels": "x"}}}}}),
            "org.apache.mesos",
        ),
    ] {
        let error = refused(fields.clone());
        assert_eq!(error.code, Code::InvalidConfig, "{fields}");
        assert!(
            error.msg.contains(name) || error.details.contains(name),
            "{fields}: {}",
            error.msg
        );
    }
}

#[test]
fn mesos_labels_are_read_below_a_key_with_dots() {
    let labels =
        json!([{"key": "app", "value": "a/b"}, {"key": "projectcalico.org/namespace", "value": "ns"}]);
    let config =
        read(json!({"args": {"org.apache.mesos": {"network_info": {"labels": {"labels": labels}}}}}));
    assert_eq!(config.labels.labels, [("app".to_owned(), "a.b".to_owned())]);
    assert_eq!(config.labels.namespace.as_deref(), Some("ns"));
}

#[test]
fn what_only_add_needs_keeps_no_pod_from_going() {
    for field in [
        json!({"readiness_gates": ["https://felix/"]}),
        json!({"policy_setup_timeout_seconds": -1}),
        json!({"dataplane_options": {"type": "grpc"}}),
        json!({"device_type": "macvlan"}),
        json!({"mtu": -1}),
        json!({"mtu": "big"}),
        json!({"num_queues": "many"}),
        json!({"manage_rp_filter": "no"}),
    ] {
        refused(field.clone());
        Config::of_removal(&conf(field)).unwrap();
    }
}
