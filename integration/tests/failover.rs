//! Three members: one may be lost at any time and in any way, and nobody notices. `MANX_PODS` says how many come and go
//! (`make soak`: 1000).

use std::time::Duration;

use integration::json::with;
use integration::node::address;
use integration::traces::Traces;
use integration::{Kind, Lab, Pod};

use crate::disturbed::number;

pub(crate) const MEMBERS: usize = 3;
const PODS: u32 = 45;
/// From so many pods on 99 of 100 calls keep the limit.
const SOAK: u32 = 100;
const LIMIT: Duration = Duration::from_secs(2);

/// What one member suffers.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Loss {
    Killed,
    Paused,
    CutOff,
}

impl Loss {
    pub(crate) const ALL: [Self; 3] = [Self::Killed, Self::Paused, Self::CutOff];

    pub(crate) fn begins(self, lab: &Lab, member: usize) {
        let etcd = lab.etcd();
        match self {
            Self::Killed => etcd.kill(member),
            Self::Paused => etcd.freeze_one(member, true),
            Self::CutOff => lab.node.cut_off_from(etcd.port(member), true),
        }
    }

    pub(crate) fn ends(self, lab: &Lab, member: usize) {
        let etcd = lab.etcd();
        match self {
            Self::Killed => etcd.revive(member),
            Self::Paused => etcd.freeze_one(member, false),
            Self::CutOff => lab.node.cut_off_from(etcd.port(member), false),
        }
        etcd.wait_until_healthy();
    }
}

/// Some pods come and go while a member is lost, which happens under the first of them; how long each call took.
fn come_and_go(lab: &Lab, loss: Loss, member: usize, pods: u32) -> Vec<Duration> {
    // In the time that a call has when nobody says otherwise.
    let conf = lab.node.hurried_conf();
    let call = |verb: &str, pod: &Pod| lab.node.call(verb, &conf, pod).quiet().start();
    let mut took = Vec::new();
    for number in 0..pods {
        let pod = Pod::new(&format!("{loss:?}{member}-{number}"));
        let adding = call("ADD", &pod);
        if number == 0 {
            loss.begins(lab, member);
        }
        let added = adding.wait();
        let deleted = call("DEL", &pod).wait();
        took.extend([added.took, deleted.took]);
        drop(added.result());
        deleted.silent();
    }
    loss.ends(lab, member);
    took
}

/// The time that 99 of 100 calls kept.
fn p99(took: &[Duration]) -> Duration {
    took[took.len() * 99 / 100]
}

#[test]
fn no_call_fails_while_each_member_in_turn_is_killed_paused_and_cut_off() {
    let lab = Lab::with_members(Kind::Etcd, MEMBERS);
    lab.pool("pool", "10.0.0.0/24", 26);
    let pods = number("MANX_PODS", PODS).div_ceil(9);
    let warm = Pod::new("warm");
    lab.node.add(&lab.node.conf(), &warm);
    lab.node.del(&lab.node.conf(), &warm);
    let before = Traces::of(&lab);
    let mut all = Vec::new();
    for loss in Loss::ALL {
        let mut took: Vec<_> = (0..MEMBERS)
            .flat_map(|member| come_and_go(&lab, loss, member, pods))
            .collect();
        took.sort();
        println!(
            "{loss:?}: {} calls, {} of them longer than 2 s, p99 {:?}, longest {:?}",
            took.len(),
            took.iter().filter(|one| **one > Duration::from_secs(2)).count(),
            p99(&took),
            took.last()
        );
        all.append(&mut took);
    }
    all.sort();
    println!("all {} calls: p99 {:?}", all.len(), p99(&all));
    // Of fewer calls than that one in a hundred is the one that met the loss itself.
    assert!(pods < SOAK || p99(&all) <= LIMIT, "{:?}", p99(&all));
    lab.node.settle(&lab.node.conf());
    before.unchanged(&lab);
}

#[test]
fn each_member_may_die_while_pods_come_and_go() {
    let mut lab = Lab::with_members(Kind::Etcd, MEMBERS);
    lab.pool("pool", "10.0.0.0/24", 26);
    let conf = lab.node.conf();
    let before = Traces::of(&lab);
    for member in 0..MEMBERS {
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
    let mut lab = Lab::with_members(Kind::Etcd, MEMBERS);
    lab.pool("pool", "10.0.0.0/24", 26);
    lab.etcd_mut().kill(0);
    let conf = lab.node.conf();
    let endpoints = conf["etcd_endpoints"].as_str().unwrap_or_default();
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
