//! etcd is killed, hangs, forgets its history, is emptied or replaced by an empty one, and the daemon is restarted meanwhile:
//! nothing changes on the wire.

use integration::capture::Capture;
use integration::fabric::{Monitor, Tor, Watched, holds_while};
use integration::sidecar::Sidecar;
use integration::wait::eventually;
use integration::{Lab, Node};

use serde_json::json;

use super::bgp_running::{End, NUMBER, Running, nothing_moves, running};
use super::bgp_setup::{Make, ONE, TOR, TWO, lab, peer, pod};

/// Something happens to the datastore while everything runs, and everything goes on as before.
fn nothing_moves_while(make: Make, work: impl FnOnce(&Lab, &Node, &mut Running)) {
    let lab = lab();
    let other = lab.add_node("worker02", 5);
    let mut running = running(make, &lab, &other);
    nothing_moves(&mut running, &lab, |running| work(&lab, &other, running));
    running.one.must_live();
    running.two.must_live();
}

/// Waits until a daemon has said this so many times more than before.
fn says_again(sidecar: &Sidecar, what: &str, before: usize) {
    eventually(&format!("it says: {what}"), || {
        (sidecar.log().matches(what).count() > before).then_some(())
    });
}

const AWAY: &str = "the datastore is away";

#[test]
fn it_is_killed() {
    nothing_moves_while(Make::Bird, |lab, _, running| {
        lab.etcd().kill(0);
        says_again(&running.one, AWAY, 0);
        // With what it wrote down before it says the same.
        running.comes_back(End::Asked);
        running.comes_back(End::Killed);
        lab.etcd().revive(0);
        lab.etcd().wait_until_healthy();
        drop(running.is_current(lab));
    });
}

#[test]
fn it_hangs() {
    nothing_moves_while(Make::Bird, |lab, _, running| {
        lab.etcd().freeze(true);
        running.comes_back(End::Asked);
        running.comes_back(End::Killed);
        lab.etcd().freeze(false);
        drop(running.is_current(lab));
    });
}

/// What happened meanwhile is not to be had as changes any more.
fn misses_its_history(lab: &Lab, other: &Node) {
    [&lab.node, other].iter().for_each(|node| node.cut_off(true));
    // The connections are gone for good, and the history that a new watch would begin in.
    lab.etcd().kill(0);
    lab.etcd().revive(0);
    lab.etcd().wait_until_healthy();
    for number in 0..20 {
        lab.pool("brief", &format!("10.{}.0.0/16", 40 + number), 26);
    }
    lab.etcd()
        .delete("/calico/resources/v3/projectcalico.org/ippools/brief");
    peer(lab, "late", "192.168.1.77", 64_999);
    lab.etcd().compact();
    [&lab.node, other].iter().for_each(|node| node.cut_off(false));
}

#[test]
fn it_is_compacted() {
    nothing_moves_while(Make::Bird, |lab, other, running| {
        misses_its_history(lab, other);
        drop(running.is_current(lab));
        // What was put meanwhile is known all the same.
        eventually("the late peer is tried", || {
            running.one.log().contains("192.168.1.77").then_some(())
        });
    });
}

#[test]
fn it_is_compacted_while_the_daemon_is_restarted() {
    nothing_moves_while(Make::Frr, |lab, other, running| {
        misses_its_history(lab, other);
        running.comes_back(End::Killed);
        lab.etcd().compact();
        running.comes_back(End::Asked);
        drop(running.is_current(lab));
    });
}

#[test]
fn it_is_replaced_by_an_empty_one() {
    nothing_moves_while(Make::Bird, |lab, _, running| {
        lab.etcd().replace();
        let empty = |sidecar: &Sidecar| sidecar.log().contains("the datastore is empty").then_some(());
        eventually("both say that it is empty", || {
            empty(&running.one).and(empty(&running.two))
        });
        running.comes_back(End::Asked);
        running.comes_back(End::Killed);
        running.tor.up(TWO);
    });
}

#[test]
fn it_is_replaced_by_an_empty_one_while_the_daemon_is_away() {
    nothing_moves_while(Make::Frr, |lab, _, running| {
        running.one.kill();
        lab.etcd().replace();
        running.one.run();
        running.tor.up(ONE);
        eventually("it says that the datastore is empty", || {
            running.one.log().contains("empty").then_some(())
        });
        running.comes_back(End::Asked);
    });
}

#[test]
fn an_emptied_one_is_not_believed() {
    nothing_moves_while(Make::Bird, |lab, _, running| {
        // Key by key is not empty at once: nobody is to look meanwhile.
        running.one.kill();
        running.two.kill();
        for key in lab.etcd().under("/calico/").into_keys() {
            lab.etcd().delete(&key);
        }
        running.one.run();
        running.two.run();
        [ONE, TWO].iter().for_each(|node| running.tor.up(node));
        eventually("it says that the datastore is empty", || {
            running.one.log().contains("empty").then_some(())
        });
    });
}

/// An empty one takes its place, and a node that was never there before is the first to register, unseen by the others.
fn somebody_begins_anew(lab: &Lab, others: [&Node; 2], newcomer: &Node) {
    others.iter().for_each(|node| node.cut_off(true));
    lab.etcd().replace();
    let _newcomer = Sidecar::start(lab, newcomer, &json!({"as": NUMBER.to_string()}));
    let record = format!("/calico/resources/v3/projectcalico.org/nodes/{}", newcomer.name);
    eventually("the newcomer is registered", || lab.etcd().get(&record));
    others.iter().for_each(|node| node.cut_off(false));
}

/// A node without a pod has nothing to withdraw, and its peers and all that it has learned to lose.
#[test]
fn an_emptied_one_in_which_somebody_has_registered_is_not_believed_without_pods_either() {
    let lab = lab();
    let (other, newcomer) = (lab.add_node("worker02", 5), lab.add_node("worker03", 6));
    peer(&lab, "tor", TOR, NUMBER);
    let tor = Tor::new(TOR, NUMBER).knows(ONE, NUMBER).knows(TWO, NUMBER);
    let tor = Make::Bird.start(&lab.leaf, &tor.reflects());
    let number = json!({"as": NUMBER.to_string()});
    let (_pod, _, block) = pod(&lab.node);
    let one = Sidecar::start(&lab, &lab.node, &number);
    let mut two = Sidecar::start(&lab, &other, &number);
    two.installs(&block, &[ONE]);
    tor.up(TWO);
    let (capture, mut kernel) = (Capture::start(&lab.leaf, "br0"), Monitor::start(other.netns()));
    let up = || match tor.sessions().iter().all(|session| session.up) {
        true => Ok(()),
        false => Err(tor.told()),
    };
    let refused = "sessions ended with what was learned from them";
    holds_while("both sessions", up, || {
        somebody_begins_anew(&lab, [&lab.node, &other], &newcomer);
        says_again(&one, refused, 0);
        says_again(&two, refused, 0);
    });
    assert!(two.log().contains("0 of 0 prefixes"), "{}", two.log());
    // Nor by a start, which goes by what it has written down.
    let before = two.log().matches(refused).count();
    two.kill();
    two.run();
    says_again(&two, refused, before);
    tor.up(TWO);
    two.installs(&block, &[ONE]);
    kernel.never_removed(&block);
    capture.never_withdrawn(&block);
}
