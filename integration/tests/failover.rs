//! Three members: one may be lost at any time, and nobody notices.

use integration::json::with;
use integration::node::address;
use integration::traces::Traces;
use integration::{Kind, Lab, Pod};

#[test]
fn each_member_may_die_while_pods_come_and_go() {
    let mut lab = Lab::with_members(Kind::Etcd, 3);
    lab.pool("pool", "10.0.0.0/24", 26);
    let conf = lab.node.conf();
    let before = Traces::of(&lab);
    for member in 0..3 {
        let pods: Vec<_> = (0..12)
            .map(|number| Pod::new(&format!("m{member}-{number}")))
            .collect();
        let (early, late) = pods.split_at(6);
        let running: Vec<_> = early
            .iter()
            .map(|pod| lab.node.call("ADD", &conf, pod).start())
            .collect();
        lab.etcd_mut().kill(member);
        running.into_iter().for_each(|call| drop(call.wait().result()));
        late.iter().for_each(|pod| drop(lab.node.add(&conf, pod)));
        pods.iter().for_each(|pod| lab.node.del(&conf, pod));
        before.unchanged(&lab);
        lab.etcd_mut().revive(member);
        lab.etcd().wait_until_healthy();
    }
}

#[test]
fn a_dead_endpoint_anywhere_in_the_list_costs_no_pod() {
    let mut lab = Lab::with_members(Kind::Etcd, 3);
    lab.pool("pool", "10.0.0.0/24", 26);
    lab.etcd_mut().kill(0);
    let endpoints = lab.etcd().endpoints();
    let mut list: Vec<_> = endpoints.split(',').collect();
    for _ in 0..3 {
        list.rotate_left(1);
        let conf = with(lab.node.conf(), "etcd_endpoints", list.join(","));
        for number in 0..5 {
            let pod = Pod::new(&format!("turn{number}"));
            assert!(address(&lab.node.add(&conf, &pod)).starts_with("10.0.0."));
            lab.node.del(&conf, &pod);
        }
    }
}
