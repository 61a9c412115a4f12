//! GC frees what the runtime no longer lists, of this network and this node only.

use integration::json::with;
use integration::node::address;
use integration::traces::Traces;
use integration::wait::eventually;
use integration::{Kind, Lab, Pod, on_both_stores};
use serde_json::{Value, json};

use crate::owed::RECORDS;

const KEY: &str = "cni.dev/valid-attachments";

on_both_stores!(
    gc_frees_what_is_missing_from_the_list_and_nothing_else,
    gc_without_the_list_frees_nothing,
    null_and_the_empty_list_free_everything_of_this_network,
    gc_leaves_other_networks_alone,
);

fn lab(kind: Kind) -> Lab {
    let lab = Lab::new(kind);
    lab.pool("pool", "10.0.0.0/24", 26);
    lab
}

fn listing(conf: Value, valid: Value) -> Value {
    let mut conf = conf;
    conf[KEY] = valid;
    conf
}

fn entry(pod: &Pod) -> Value {
    json!({"containerID": pod.container, "ifname": pod.ifname})
}

fn gc_frees_what_is_missing_from_the_list_and_nothing_else(kind: Kind) {
    let lab = lab(kind);
    let conf = lab.node.conf();
    let (stays, goes, dead) = (Pod::new("stays"), Pod::new("goes"), Pod::new("dead"));
    lab.node.add(&conf, &stays);
    let only_one = Traces::of(&lab);
    lab.node.add(&conf, &goes);
    lab.node.add(&conf, &dead);
    drop(dead);
    lab.node
        .verb("GC", &listing(conf.clone(), json!([entry(&stays)])))
        .run()
        .silent();
    only_one.unchanged(&lab);
    stays.must_reach("192.168.1.4");
    assert_eq!(goes.netns.links(), Vec::<String>::new());
}

fn gc_without_the_list_frees_nothing(kind: Kind) {
    let lab = lab(kind);
    let (conf, pod) = (lab.node.conf(), Pod::new("stays"));
    lab.node.add(&conf, &pod);
    let before = Traces::of(&lab);
    lab.node.verb("GC", &conf).run().silent();
    before.unchanged(&lab);
}

fn null_and_the_empty_list_free_everything_of_this_network(kind: Kind) {
    let lab = lab(kind);
    let conf = lab.node.conf();
    let before = Traces::of(&lab);
    for valid in [Value::Null, json!([])] {
        let pods = [Pod::new("one"), Pod::new("two")];
        pods.iter().for_each(|pod| drop(lab.node.add(&conf, pod)));
        lab.node.verb("GC", &listing(conf.clone(), valid)).run().silent();
        before.unchanged(&lab);
    }
}

fn gc_leaves_other_networks_alone(kind: Kind) {
    let lab = lab(kind);
    let conf = lab.node.conf();
    // A name that begins with ours, and a dot, which also ends a network's name in a handle.
    let other = with(conf.clone(), "name", format!("{}.more", lab.network()));
    let pod = Pod::new("other");
    lab.node.add(&other, &pod);
    let before = Traces::of(&lab);
    lab.node.verb("GC", &listing(conf, json!([]))).run().silent();
    before.unchanged(&lab);
    pod.must_reach("192.168.1.4");
}

#[test]
fn an_address_whose_interface_lives_is_kept_though_file_and_record_are_gone() {
    let lab = lab(Kind::Etcd);
    let (conf, pod) = (lab.node.conf(), Pod::new("forgotten"));
    lab.node.add(&conf, &pod);
    std::fs::remove_dir_all(lab.node.run_dir().join("attachments")).expect("ADD made it");
    for (key, _) in lab.etcd().under(RECORDS) {
        lab.etcd().delete(&key);
    }
    let before = Traces::of(&lab);
    for valid in [Value::Null, json!([])] {
        lab.node.verb("GC", &listing(conf.clone(), valid)).run().silent();
        before.unchanged(&lab);
        pod.must_reach("192.168.1.4");
    }
    // Its namespace ends, when the kernel comes to it, and with it the last that held the address.
    drop(pod);
    let conf = listing(conf, json!([]));
    eventually("the address is freed", || {
        lab.node.verb("GC", &conf).run().silent();
        lab.etcd()
            .under("/calico/ipam/v2/handle/")
            .is_empty()
            .then_some(())
    });
}

#[test]
fn gc_leaves_the_other_nodes_alone() {
    let lab = lab(Kind::Etcd);
    let second = lab.add_node("worker02", 5);
    let pod = Pod::new("far");
    let far = address(&second.add(&second.conf(), &pod));
    lab.node
        .verb("GC", &listing(lab.node.conf(), json!([])))
        .run()
        .silent();
    let result = integration::node::ping(second.netns(), &far);
    assert!(result.status.success(), "{}", result.told());
    assert_eq!(lab.etcd().under("/calico/ipam/v2/handle/").len(), 1);
}

#[test]
fn gc_is_refused_below_version_1_1_0() {
    let lab = lab(Kind::Embedded);
    for plugin in ["cni-net", "cni-ipam"] {
        let conf = with(with(lab.node.conf(), "cniVersion", "1.0.0"), "type", plugin);
        let failure = lab.node.verb("GC", &listing(conf, json!([]))).run().failure();
        assert_eq!(failure.code, 1, "{failure:?}");
    }
}

#[test]
fn a_list_of_the_wrong_type_is_refused_and_frees_nothing() {
    let lab = lab(Kind::Embedded);
    let (conf, pod) = (lab.node.conf(), Pod::new("stays"));
    lab.node.add(&conf, &pod);
    let before = Traces::of(&lab);
    for wrong in [json!("all"), json!({}), json!([7]), json!([{"containerID": 7}])] {
        let failure = lab.node.verb("GC", &listing(conf.clone(), wrong)).run().failure();
        assert_eq!(failure.code, 7, "{failure:?}");
    }
    before.unchanged(&lab);
}
