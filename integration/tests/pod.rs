//! Pods reach each other, the host reaches them and they reach it, over IPv4, IPv6 and both.

use integration::json::with;
use integration::node::{address, addresses, ping};
use integration::traces::Traces;
use integration::{Kind, Lab, Pod, on_both_stores};
use serde_json::Value;

const HOST_V4: &str = "192.168.1.4";
const HOST_V6: &str = "fd00:192:168:1::4";

on_both_stores!(
    two_pods_and_their_host_reach_each_other_over_ipv4,
    two_pods_and_their_host_reach_each_other_over_ipv6,
    two_pods_and_their_host_reach_each_other_over_both,
    a_pod_of_both_families_gets_both_or_nothing,
);

fn families(conf: Value, v4: bool, v6: bool) -> Value {
    let conf = with(conf, "ipam/assign_ipv4", v4.to_string());
    with(conf, "ipam/assign_ipv6", v6.to_string())
}

fn all_reach_all(kind: Kind, v4: bool, v6: bool) {
    let lab = Lab::new(kind);
    lab.pool("four", "10.0.0.0/24", 26);
    lab.pool("six", "fd00:66::/112", 122);
    let before = Traces::of(&lab);
    let conf = families(lab.node.conf(), v4, v6);
    let pods = [Pod::new("one"), Pod::new("two")];
    let results: Vec<_> = pods.iter().map(|pod| lab.node.add(&conf, pod)).collect();
    for (pod, other) in [(&pods[0], &results[1]), (&pods[1], &results[0])] {
        let theirs = addresses(other);
        assert_eq!(theirs.len(), usize::from(v4) + usize::from(v6), "{other}");
        theirs.iter().for_each(|address| pod.must_reach(address));
        if v4 {
            pod.must_reach(HOST_V4);
        }
        if v6 {
            pod.must_reach(HOST_V6);
        }
    }
    for address in results.iter().flat_map(addresses) {
        let answer = ping(lab.node.netns(), &address);
        assert!(answer.status.success(), "{}", answer.told());
    }
    pods.iter().for_each(|pod| lab.node.del(&conf, pod));
    before.unchanged(&lab);
}

fn two_pods_and_their_host_reach_each_other_over_ipv4(kind: Kind) {
    all_reach_all(kind, true, false);
}

fn two_pods_and_their_host_reach_each_other_over_ipv6(kind: Kind) {
    all_reach_all(kind, false, true);
}

fn two_pods_and_their_host_reach_each_other_over_both(kind: Kind) {
    all_reach_all(kind, true, true);
}

fn a_pod_of_both_families_gets_both_or_nothing(kind: Kind) {
    let lab = Lab::new(kind);
    lab.pool("four", "10.0.0.0/24", 26);
    let before = Traces::of(&lab);
    let pod = Pod::new("half");
    lab.node
        .call("ADD", &families(lab.node.conf(), true, true), &pod)
        .run()
        .failure()
        .says(&["IPv6"]);
    before.unchanged(&lab);
    assert_eq!(pod.netns.links(), Vec::<String>::new());
}

#[test]
fn a_pod_works_without_proxy_arp_and_without_a_default_route_on_its_host() {
    let lab = Lab::new(Kind::Embedded);
    lab.pool("four", "10.0.0.0/24", 26);
    lab.node.netns().ip("route del default");
    let conf = lab.node.conf();
    let pods = [Pod::new("one"), Pod::new("two")];
    let results: Vec<_> = pods.iter().map(|pod| lab.node.add(&conf, pod)).collect();
    for host in lab.node.host_interfaces() {
        lab.node
            .netns()
            .set_sysctl(&format!("net/ipv4/conf/{host}/proxy_arp"), "0");
    }
    pods[0].must_reach(&address(&results[1]));
    pods[1].must_reach(HOST_V4);
}

#[test]
fn a_pod_cannot_send_with_another_pods_address() {
    let lab = Lab::new(Kind::Embedded);
    lab.pool("four", "10.0.0.0/24", 26);
    let conf = lab.node.conf();
    let (honest, spoofer) = (Pod::new("honest"), Pod::new("spoofer"));
    let theirs = address(&lab.node.add(&conf, &honest));
    lab.node.add(&conf, &spoofer);
    spoofer.netns.ip(&format!("address add {theirs}/32 dev eth0"));
    let before = dropped_by_reverse_path(&lab);
    let answer = spoofer
        .netns
        .command("ping")
        .args(["-n", "-c", "2", "-W", "1", "-I", &theirs, HOST_V4])
        .run();
    assert!(!answer.status.success(), "{}", answer.told());
    assert!(
        dropped_by_reverse_path(&lab) >= before + 2,
        "the packets were not dropped for their source"
    );
}

fn dropped_by_reverse_path(lab: &Lab) -> u64 {
    let table = lab
        .node
        .netns()
        .command("cat")
        .args(["/proc/thread-self/net/netstat"])
        .ok();
    let rows: Vec<Vec<&str>> = table
        .lines()
        .map(|line| line.split_whitespace().collect())
        .collect();
    let column = rows[0]
        .iter()
        .position(|name| *name == "IPReversePathFilter")
        .expect("the kernel counts it");
    rows[1][column].parse().expect("a number")
}

#[test]
fn no_address_is_tentative_when_add_returns() {
    let lab = Lab::new(Kind::Embedded);
    lab.pool("six", "fd00:66::/112", 122);
    let conf = families(lab.node.conf(), false, true);
    for number in 0..5 {
        let pod = Pod::new(&format!("dad{number}"));
        let result = lab.node.add(&conf, &pod);
        let host = result["interfaces"][0]["name"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        let global = pod.netns.ip("-6 address show dev eth0 tentative scope global");
        let outside = lab
            .node
            .netns()
            .ip(&format!("-6 address show dev {host} tentative"));
        assert_eq!(format!("{global}{outside}").trim(), "");
        assert!(ping(lab.node.netns(), &address(&result)).status.success());
    }
}
