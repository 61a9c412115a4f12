//! Scenario C, the borrowed-address trap: worker02 has an address out of worker01's block, whose blackhole would swallow it.

use integration::fabric::{Router, Tor, Watched, forwards};
use integration::sidecar::{KernelRoute, LEARNED, LENT, Sidecar};
use integration::wait::eventually;
use integration::{Kind, Lab, Node, Pod};
use serde_json::json;

use super::bgp_setup::{Make, ONE, TOR, TWO, mesh, peer, pings, pod_at};

const NUMBER: u32 = 1_111_111;
const BLOCK: &str = "1.1.1.0/29";
const LENT_OUT: &str = "1.1.1.2";

/// Whether the leaf reflects.
fn rack(reflects: bool) -> (Lab, Box<dyn Router>) {
    let lab = Lab::new(Kind::Etcd);
    forwards(&lab.leaf);
    mesh(&lab, false);
    lab.ipam_config(false, 20);
    peer(&lab, "leaf", TOR, NUMBER);
    lab.pool("ippool-test-0", BLOCK, 29);
    let tor = Tor::new(TOR, NUMBER).knows(ONE, NUMBER).knows(TWO, NUMBER);
    let tor = if reflects { tor.reflects() } else { tor };
    let leaf = Make::Frr.start(&lab.leaf, &tor);
    (lab, leaf)
}

/// Both nodes, the owner's pod and the borrower's.
struct Trap<'a> {
    leaf: &'a dyn Router,
    owner: Sidecar<'a>,
    borrower: Sidecar<'a>,
    first: Pod,
    second: Pod,
}

impl<'a> Trap<'a> {
    fn set(lab: &'a Lab, other: &'a Node, leaf: &'a dyn Router, exceptions: bool) -> Self {
        let conf = json!({"as": NUMBER.to_string(), "exception_routes": exceptions.to_string()});
        let owner = Sidecar::start(lab, &lab.node, &conf);
        let borrower = Sidecar::start(lab, other, &conf);
        let (first, _) = pod_at(&lab.node, "1.1.1.1");
        leaf.learns(BLOCK, ONE);
        let (second, _) = pod_at(other, LENT_OUT);
        leaf.learns("1.1.1.2/32", TWO);
        assert_eq!(
            leaf.prefixes().into_iter().collect::<Vec<_>>(),
            [BLOCK, "1.1.1.2/32"]
        );
        owner.discards(BLOCK);
        leaf.must("the leaf's kernel has both", || {
            let leads = |to: &str, by: &str| {
                lab.leaf
                    .ip(&format!("route get {to}"))
                    .contains(&format!("via {by}"))
            };
            (leads("1.1.1.1", ONE) && leads(LENT_OUT, TWO)).then_some(())
        });
        Self {
            leaf,
            owner,
            borrower,
            first,
            second,
        }
    }

    fn exception(&self) -> Option<KernelRoute> {
        self.owner.route(LENT_OUT, LENT)
    }
}

#[test]
fn without_the_exception_and_without_reflection_everything_is_lost() {
    let (lab, leaf) = rack(false);
    let other = lab.add_node("worker02", 5);
    let trap = Trap::set(&lab, &other, &*leaf, false);
    assert_eq!(trap.exception(), None);
    let answer = pings(&trap.first.netns, LENT_OUT);
    assert!(answer.stdout.contains("100% packet loss"), "{}", answer.told());
}

#[test]
fn without_the_exception_reflection_helps() {
    let (lab, leaf) = rack(true);
    let other = lab.add_node("worker02", 5);
    let trap = Trap::set(&lab, &other, &*leaf, false);
    trap.owner.installs(LENT_OUT, &[TWO]);
    // The block covers the address that the borrower's own pod has, and is its way to all the others.
    trap.borrower.installs("1.1.1.0/29", &["192.168.1.4"]);
    assert_eq!(trap.exception(), None);
    nothing_lost(&trap);
}

#[test]
fn the_exception_helps_without_reflection_and_goes_with_the_address() {
    let (lab, leaf) = rack(false);
    let other = lab.add_node("worker02", 5);
    let trap = Trap::set(&lab, &other, &*leaf, true);
    let exception = eventually("the owner routes around its blackhole", || trap.exception());
    assert_eq!(exception.gateways, [TWO]);
    assert_eq!(trap.owner.route(LENT_OUT, LEARNED), None);
    nothing_lost(&trap);
    for (node, borrowed_in, borrowed_out) in [(&trap.owner, 0.0, 1.0), (&trap.borrower, 1.0, 0.0)] {
        let shown = node.shown();
        shown.counts("manx_ipam_addresses_used", 1.0);
        shown.counts("manx_ipam_borrowed_in", borrowed_in);
        shown.counts("manx_ipam_borrowed_out", borrowed_out);
    }
    other.del(&other.conf(), &trap.second);
    trap.owner.forgets(LENT_OUT);
    trap.leaf.loses("1.1.1.2/32");
}

#[test]
fn with_both_the_learned_route_is_preferred() {
    let (lab, leaf) = rack(true);
    let other = lab.add_node("worker02", 5);
    let trap = Trap::set(&lab, &other, &*leaf, true);
    trap.owner.installs(LENT_OUT, &[TWO]);
    eventually("the exception is there beside it", || trap.exception());
    let way = lab.node.netns().ip(&format!("route get {LENT_OUT}"));
    assert!(way.contains(&format!("via {TWO}")), "{way}");
    nothing_lost(&trap);
}

#[test]
fn under_strict_affinity_nothing_is_lent_and_the_refusal_names_the_owner() {
    let (lab, leaf) = rack(false);
    lab.ipam_config(true, 20);
    let other = lab.add_node("worker02", 5);
    let _sidecar = Sidecar::start(&lab, &lab.node, &json!({"as": NUMBER.to_string()}));
    let (_first, _) = pod_at(&lab.node, "1.1.1.1");
    leaf.learns(BLOCK, ONE);
    let pod = Pod::new("refused").with_arg(&format!("IP={LENT_OUT}"));
    let failure = other.call("ADD", &other.conf(), &pod).run().failure();
    failure.says(&["worker01"]);
    assert!(leaf.route("1.1.1.2/32", TWO).is_none());
}

fn nothing_lost(trap: &Trap) {
    for (from, to) in [(&trap.first, LENT_OUT), (&trap.second, "1.1.1.1")] {
        let answer = pings(&from.netns, to);
        assert!(answer.stdout.contains(" 0% packet loss"), "{}", answer.told());
    }
}
