//! `cni-ipam` called by itself, as another plugin or a script would.

use integration::json::{list, with};
use integration::node::address;
use integration::traces::Traces;
use integration::{Kind, Lab, Pod, on_both_stores};
use serde_json::{Value, json};

on_both_stores!(
    its_result_has_the_blocks_length_and_a_host_route,
    it_opens_neither_the_namespace_nor_the_path,
    it_is_never_idempotent_and_del_frees_all_of_a_container,
    its_check_holds_as_long_as_the_container_has_the_address,
);

fn lab(kind: Kind) -> (Lab, Value) {
    let lab = Lab::new(kind);
    lab.pool("pool", "10.0.0.0/24", 26);
    let conf = with(lab.node.conf(), "type", "cni-ipam");
    (lab, conf)
}

fn its_result_has_the_blocks_length_and_a_host_route(kind: Kind) {
    let (lab, conf) = lab(kind);
    let pod = Pod::new("ipam");
    let result = lab.node.add(&with(conf, "cniVersion", "1.0.0"), &pod);
    let bare = address(&result);
    let [ip] = list(&result, "/ips") else {
        panic!("expected one address in {result}")
    };
    assert_eq!(ip, &json!({"address": format!("{bare}/26")}));
    assert_eq!(result["routes"], json!([{"dst": format!("{bare}/32")}]));
    assert_eq!(list(&result, "/interfaces"), [] as [Value; 0]);
}

fn it_opens_neither_the_namespace_nor_the_path(kind: Kind) {
    let (lab, conf) = lab(kind);
    let pod = Pod::new("ipam");
    for verb in ["ADD", "DEL"] {
        lab.node
            .call(verb, &conf, &pod)
            .env("CNI_NETNS", "b")
            .env("CNI_PATH", "d")
            .run()
            .ok();
    }
}

fn it_is_never_idempotent_and_del_frees_all_of_a_container(kind: Kind) {
    let (lab, conf) = lab(kind);
    let before = Traces::of(&lab);
    let pod = Pod::new("ipam");
    let first = address(&lab.node.add(&conf, &pod));
    let second = address(&lab.node.add(&conf, &pod));
    assert_ne!(first, second);
    let again = Pod {
        args: format!("IP={first}"),
        ..pod
    };
    lab.node
        .call("ADD", &conf, &again)
        .run()
        .failure()
        .says(&[&first]);
    lab.node.del(&conf, &again);
    before.unchanged(&lab);
}

fn its_check_holds_as_long_as_the_container_has_the_address(kind: Kind) {
    let (lab, conf) = lab(kind);
    let pod = Pod::new("ipam");
    let result = lab.node.add(&conf, &pod);
    lab.node.check(&conf, &pod, &result).silent();
    lab.node.del(&conf, &pod);
    let failure = lab.node.check(&conf, &pod, &result).failure();
    assert_eq!(failure.code, 148, "{failure:?}");
    failure.says(&[&address(&result)]);
}
