//! ADD again, and DEL of an older container after a newer one: what runtimes and other tools count on.

use integration::json::{list, with};
use integration::node::{address, addresses};
use integration::traces::Traces;
use integration::{Kind, Lab, Pod, on_both_stores};
use serde_json::{Value, json};

on_both_stores!(
    a_second_add_of_a_plain_container_answers_from_its_record,
    a_second_add_of_a_plain_container_repairs_nothing,
    a_second_container_of_a_kubernetes_pod_takes_over,
    del_of_an_older_container_leaves_the_newer_one_alone,
);

fn lab(kind: Kind) -> Lab {
    let lab = Lab::new(kind);
    lab.pool("pool", "10.0.0.0/24", 26);
    lab
}

/// The same pod under the runtime's name for its next sandbox.
fn next_sandbox(name: &str) -> Pod {
    Pod::kubernetes("default", name)
}

fn a_second_add_of_a_plain_container_answers_from_its_record(kind: Kind) {
    let lab = lab(kind);
    let (conf, pod) = (lab.node.conf(), Pod::new("again"));
    let first = lab.node.add(&conf, &pod);
    let before = Traces::of(&lab);
    let second = lab.node.add(&conf, &pod);
    before.unchanged(&lab);
    assert_eq!(list(&second, "/routes"), [] as [Value; 0], "{second}");
    assert_eq!(
        with(second, "routes", json!([])),
        with(first, "routes", json!([]))
    );
    pod.must_reach("192.168.1.4");
}

fn a_second_add_of_a_plain_container_repairs_nothing(kind: Kind) {
    let lab = lab(kind);
    let (conf, pod) = (lab.node.conf(), Pod::new("broken"));
    let first = lab.node.add(&conf, &pod);
    pod.netns.ip("link del eth0");
    let second = lab.node.add(&conf, &pod);
    assert_eq!(addresses(&second), addresses(&first));
    assert_eq!(pod.netns.links(), Vec::<String>::new());
}

fn a_second_container_of_a_kubernetes_pod_takes_over(kind: Kind) {
    let lab = lab(kind);
    let conf = lab.node.conf();
    let (old, new) = (next_sandbox("web"), next_sandbox("web"));
    let first = address(&lab.node.add(&conf, &old));
    let second = address(&lab.node.add(&conf, &new));
    assert_ne!(first, second);
    assert_eq!(lab.node.host_interfaces().len(), 1);
    new.must_reach("192.168.1.4");
    lab.node.del(&conf, &old);
    new.must_reach("192.168.1.4");
    lab.node.del(&conf, &new);
    assert_eq!(lab.node.host_interfaces().len(), 0);
}

fn del_of_an_older_container_leaves_the_newer_one_alone(kind: Kind) {
    let lab = lab(kind);
    let conf = lab.node.conf();
    let (old, new) = (next_sandbox("db"), next_sandbox("db"));
    let only_new = {
        lab.node.add(&conf, &old);
        lab.node.add(&conf, &new)
    };
    let newer = new.netns.path().display().to_string();
    lab.node
        .call("DEL", &conf, &old)
        .env("CNI_NETNS", &newer)
        .run()
        .silent();
    new.must_reach("192.168.1.4");
    lab.node.check(&conf, &new, &only_new).silent();
    lab.node
        .call("DEL", &conf, &old)
        .env("CNI_NETNS", &newer)
        .run()
        .silent();
    new.must_reach("192.168.1.4");
}

#[test]
fn the_record_of_a_kubernetes_pod_keeps_its_name_and_takes_the_newer_container() {
    let lab = lab(Kind::Etcd);
    let conf = lab.node.conf();
    let key = "/calico/resources/v3/projectcalico.org/workloadendpoints/default/worker01-k8s-web-eth0";
    let (old, new) = (next_sandbox("web"), next_sandbox("web"));
    lab.node.add(&conf, &old);
    let before = lab.etcd().get(key).expect("the record of the first container");
    let second = address(&lab.node.add(&conf, &new));
    let after = lab.etcd().get(key).expect("the record of the second container");
    assert_eq!(before["metadata"]["uid"], after["metadata"]["uid"]);
    assert_eq!(after["spec"]["containerID"], new.container.as_str());
    assert_eq!(after["spec"]["ipNetworks"], json!([format!("{second}/32")]));
    let handles = lab.etcd().under("/calico/ipam/v2/handle/");
    assert_eq!(
        handles.len(),
        2,
        "the older container's address stays until its DEL: {:?}",
        handles.keys()
    );
    lab.node.del(&conf, &old);
    assert_eq!(lab.etcd().get(key).as_ref(), Some(&after));
    assert_eq!(lab.etcd().under("/calico/ipam/v2/handle/").len(), 1);
}

#[test]
fn an_interface_that_is_still_in_the_pod_fails_a_repeated_add_which_frees_only_its_own_address() {
    let lab = lab(Kind::Etcd);
    let conf = lab.node.conf();
    let pod = next_sandbox("cache");
    let first = lab.node.add(&conf, &pod);
    let host = first["interfaces"][0]["name"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    for step in [
        format!("link set {host} down"),
        format!("link set {host} name renamed"),
        "link set renamed up".into(),
    ] {
        lab.node.netns().ip(&step);
    }
    let handles = lab.etcd().under("/calico/ipam/v2/handle/");
    let records = lab
        .etcd()
        .under("/calico/resources/v3/projectcalico.org/workloadendpoints/");
    lab.node.call("ADD", &conf, &pod).run().failure().says(&["eth0"]);
    assert_eq!(
        lab.etcd()
            .under("/calico/resources/v3/projectcalico.org/workloadendpoints/"),
        records
    );
    let left: Vec<_> = lab.etcd().under("/calico/ipam/v2/handle/").into_keys().collect();
    assert_eq!(left, handles.into_keys().collect::<Vec<_>>());
    lab.node.netns().ip("link del renamed");
}
