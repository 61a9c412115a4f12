//! What ADD answers, in every version of the specification, and what it takes for granted about its caller.

use integration::json::{list, with};
use integration::node::address;
use integration::{Kind, Lab, Pod, on_both_stores};
use serde_json::{Value, json};

on_both_stores!(
    every_version_of_the_specification_has_its_own_layout,
    null_and_empty_values_count_as_absent,
    nothing_but_the_cni_variables_is_needed,
);

fn every_version_of_the_specification_has_its_own_layout(kind: Kind) {
    let lab = Lab::new(kind);
    lab.pool("pool", "10.0.0.0/24", 26);
    for version in ["0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"] {
        let pod = Pod::new("version");
        let conf = with(lab.node.conf(), "cniVersion", version);
        let result = lab.node.add(&conf, &pod);
        assert_eq!(result["cniVersion"], version, "{result}");
        two_interfaces(&result, &pod);
        let [ip] = list(&result, "/ips") else {
            panic!("expected one address in {result}")
        };
        assert_eq!(ip["interface"], 1, "{result}");
        assert!(ip.get("gateway").is_none(), "{result}");
        let old = version.starts_with("0.");
        assert_eq!(ip.get("version"), old.then(|| json!("4")).as_ref(), "{result}");
        let bare = address(&result);
        assert_eq!(ip["address"], format!("{bare}/32"), "{result}");
        let routes: Vec<_> = list(&result, "/routes")
            .iter()
            .map(|route| route["dst"].clone())
            .collect();
        assert_eq!(routes, [json!(format!("{bare}/32"))], "{result}");
        if old {
            assert!(result["interfaces"][1].get("mtu").is_none(), "{result}");
        }
        lab.node.del(&conf, &pod);
    }
}

fn two_interfaces(result: &Value, pod: &Pod) {
    let [host, inside] = list(result, "/interfaces") else {
        panic!("expected two interfaces in {result}")
    };
    let prefix = format!("cali{}", &pod.container[..11]);
    assert_eq!(host, &json!({"name": prefix}), "{result}");
    assert_eq!(inside["name"], "eth0", "{result}");
    assert_eq!(
        inside["sandbox"],
        pod.netns.path().display().to_string(),
        "{result}"
    );
    let links = pod.netns.ip_json("link show dev eth0");
    assert_eq!(inside["mac"], links[0]["address"], "{result}");
}

fn null_and_empty_values_count_as_absent(kind: Kind) {
    let lab = Lab::plain(kind);
    lab.pool("pool", "10.0.0.0/24", 26);
    let mut conf = lab.node.conf();
    let nulls = [
        "ipam/assign_ipv4",
        "ipam/assign_ipv6",
        "ipam/ipv4_pools",
        "readiness_gates",
        "policy",
        "kubernetes",
    ];
    for field in nulls
        .into_iter()
        .chain(["container_settings", "feature_control", "mtu", "prevResult"])
    {
        conf = with(conf, field, Value::Null);
    }
    for field in [
        "etcd_key_file",
        "etcd_cert_file",
        "etcd_ca_cert_file",
        "nodename_file",
        "log_level",
        "log_file_path",
    ] {
        conf = with(conf, field, "");
    }
    for field in [
        "num_queues",
        "log_file_max_size",
        "log_file_max_age",
        "log_file_max_count",
    ] {
        conf = with(conf, field, 0);
    }
    let pod = Pod::new("null");
    assert!(address(&lab.node.add(&conf, &pod)).starts_with("10.0.0."));
    lab.node.del(&conf, &pod);
}

fn nothing_but_the_cni_variables_is_needed(kind: Kind) {
    let lab = Lab::new(kind);
    lab.pool("pool", "10.0.0.0/24", 26);
    let (conf, pod) = (lab.node.conf(), Pod::new("bare"));
    lab.node.call("ADD", &conf, &pod).without("PATH").run().result();
    lab.node
        .call("DEL", &conf, &pod)
        .without("PATH")
        .env("CNI_ARGS", "")
        .run()
        .silent();
    let netconf = conf.to_string();
    lab.node
        .call("ADD", &conf, &pod)
        .env("CNI_ARGS", "NOBODY=KNOWS;THIS=ONE")
        .arg(&netconf)
        .run()
        .result();
    lab.node.del(&conf, &pod);
}
