//! GC as a runtime calls it: no containerd does yet, so a small one of ours lists containerd's sandboxes and calls.

use integration::containerd::Containerd;
use integration::node::ping;
use integration::traces::Traces;
use integration::{Kind, Lab, on_both_stores};
use serde_json::{Value, json};

use super::containerd::{chained, lab};

on_both_stores!(
    what_containerd_has_lost_goes_and_what_it_has_stays,
    a_node_whose_containerd_was_made_anew_is_clean,
);

/// The runtime: every sandbox that containerd knows is valid, and nothing else is.
fn collect(lab: &Lab, containerd: &Containerd<'_>) {
    let sandboxes = containerd.sandboxes();
    let valid: Vec<Value> = sandboxes
        .iter()
        .map(|id| json!({"containerID": id, "ifname": "eth0"}))
        .collect();
    let mut conf = lab.node.conf();
    conf["cni.dev/valid-attachments"] = json!(valid);
    lab.node.verb("GC", &conf).run().silent();
}

fn what_containerd_has_lost_goes_and_what_it_has_stays(kind: Kind) {
    let lab = lab(kind);
    let mut containerd = Containerd::start(&lab.node);
    containerd.configure(&chained(&lab));
    let (stays, address) = {
        let pod = containerd.pod("stays");
        (pod.id.clone(), pod.address())
    };
    let only_one = Traces::of(&lab);
    let lost: Vec<String> = ["one", "two"].map(|name| containerd.pod(name).id.clone()).into();
    let three = Traces::of(&lab);
    collect(&lab, &containerd);
    three.unchanged(&lab);
    for id in &lost {
        containerd.lose(id);
    }
    assert_eq!(containerd.sandboxes(), std::slice::from_ref(&stays));
    three.unchanged(&lab);
    collect(&lab, &containerd);
    only_one.unchanged(&lab);
    ping(lab.node.netns(), &address).ok_only();
    collect(&lab, &containerd);
    only_one.unchanged(&lab);
    containerd.crictl(&["rmp", "-f", &stays]).ok();
    assert_eq!(lab.node.host_interfaces(), Vec::<String>::new());
}

fn a_node_whose_containerd_was_made_anew_is_clean(kind: Kind) {
    let lab = lab(kind);
    let first = Containerd::start(&lab.node);
    first.configure(&chained(&lab));
    first.pod("warm").remove();
    let before = Traces::of(&lab);
    for name in ["one", "two"] {
        first.pod(name);
    }
    drop(first);
    let second = Containerd::start(&lab.node);
    second.configure(&chained(&lab));
    assert_eq!(second.sandboxes(), Vec::<String>::new());
    collect(&lab, &second);
    before.unchanged(&lab);
    second.pod("after").remove();
}
