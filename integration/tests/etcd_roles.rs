//! Everything by the roles of `cnictl etcd roles`, over mTLS, on an etcd that asks for a user: who a program is says the name
//! in its certificate. What works without users works as these, and what each must not do is refused by name.

use std::path::PathBuf;

use integration::fabric::forwards;
use integration::json::{with, without};
use integration::node::address;
use integration::process::{Answer, Cmd};
use integration::sidecar::Sidecar;
use integration::wait::eventually;
use integration::{Lab, Node, Pod, require};
use serde_json::{Value, json};

use super::bgp_setup::{ONE, TWO, block, mesh};

const REFUSED: u64 = 121;
const NODES: [&str; 3] = ["worker01", "worker02", "worker03"];

/// Two pools: one of many blocks, one of a single block. Users as the documents say.
pub(crate) fn lab() -> Lab {
    let lab = Lab::secured();
    forwards(&lab.leaf);
    mesh(&lab, true);
    lab.pool("pods", "10.10.0.0/16", 26);
    lab.pool("small", "10.50.0.0/26", 26);
    let words = ["etcd", "roles", "--node", &NODES.join(","), "--apply"];
    let made = lab.cnictl(words).ok();
    assert_eq!(made.matches(": made, with ").count(), 10, "{made}");
    let again = lab.cnictl(words).ok();
    assert_eq!(again.matches(": as it should be").count(), 10, "{again}");
    let (_, tls) = lab.etcd().secured();
    let mut users = vec![
        ("operator".to_owned(), vec!["manx-operator".to_owned()]),
        ("reader".to_owned(), vec!["manx-reader".to_owned()]),
    ];
    for node in NODES {
        for part in ["cni", "sidecar"] {
            let roles = vec![format!("manx-{part}"), format!("manx-{part}-{node}")];
            users.push((format!("{part}.{node}"), roles));
        }
    }
    let users: Vec<(&str, Vec<&str>)> = users
        .iter()
        .map(|(user, roles)| (user.as_str(), roles.iter().map(String::as_str).collect()))
        .collect();
    users.iter().for_each(|(user, _)| tls.renew(user));
    let users: Vec<(&str, &[&str])> = users.iter().map(|(user, roles)| (*user, &roles[..])).collect();
    lab.etcd().ask_for_users(&users);
    lab
}

/// How a user reaches etcd, in a netconf's fields.
fn shown_as(lab: &Lab, user: &str, conf: Value) -> Value {
    let (endpoints, tls) = lab.etcd().secured();
    let mut conf = tls.conf(conf, "ca", user);
    conf["etcd_endpoints"] = json!(endpoints);
    conf
}

/// The netconf of a node's plugins.
pub(crate) fn conf(lab: &Lab, node: &Node) -> Value {
    shown_as(lab, &format!("cni.{}", node.name), node.conf())
}

fn sidecar<'a>(lab: &Lab, node: &'a Node) -> Sidecar<'a> {
    Sidecar::start(
        lab,
        node,
        &shown_as(lab, &format!("sidecar.{}", node.name), json!({})),
    )
}

/// `cnictl` as a user.
pub(crate) fn cnictl(lab: &Lab, user: &str, line: &str) -> Cmd {
    let (endpoints, tls) = lab.etcd().secured();
    let file = |name: &str| -> PathBuf { tls.path(name) };
    Cmd::new(require::dist("cnictl"))
        .args(["--datastore-type", "etcdv3", "--etcd-endpoints", &endpoints])
        .args([PathBuf::from("--etcd-ca-cert-file"), file("ca.pem")])
        .args([PathBuf::from("--etcd-cert-file"), file(&format!("{user}.pem"))])
        .args([PathBuf::from("--etcd-key-file"), file(&format!("{user}.key"))])
        .args([PathBuf::from("--state-dir"), lab.node.state_dir()])
        .args(line.split(' '))
        .within(lab.node.netns())
}

/// A put by etcd's own client, with a user's certificate.
fn puts(lab: &Lab, user: &str, key: &str) -> Answer {
    let (endpoints, tls) = lab.etcd().secured();
    let file = |name: &str| -> PathBuf { tls.path(name) };
    Cmd::new(require::tool("etcdctl"))
        .env("ETCDCTL_API", "3")
        .args(["--endpoints", &endpoints])
        .args([PathBuf::from("--cacert"), file("ca.pem")])
        .args([PathBuf::from("--cert"), file(&format!("{user}.pem"))])
        .args([PathBuf::from("--key"), file(&format!("{user}.key"))])
        .args(["put", key, "{}"])
        .within(lab.node.netns())
        .run()
}

/// The command fails, for want of a right to what is named.
fn may_not(answer: &Answer, what: &str) {
    assert!(!answer.status.success(), "{}", answer.told());
    for text in ["permission denied", "cnictl etcd roles", what] {
        assert!(
            answer.stderr.contains(text),
            "{text} is not said: {}",
            answer.told()
        );
    }
}

/// A netconf for addresses out of the pool of one block.
fn small(conf: &Value) -> Value {
    with(conf.clone(), "ipam/ipv4_pools", json!(["10.50.0.0/26"]))
}

#[test]
fn pods_come_borrow_and_go_and_their_routes_are_learned() {
    let lab = lab();
    let other = lab.add_node("worker02", 5);
    let (one, two) = (sidecar(&lab, &lab.node), sidecar(&lab, &other));
    let (here, there) = (conf(&lab, &lab.node), conf(&lab, &other));
    let pods = ["here", "there", "owns", "borrows"].map(Pod::new);
    let result = lab.node.add(&here, &pods[0]);
    let second = address(&other.add(&there, &pods[1]));
    lab.node.add(&small(&here), &pods[2]);
    let borrowed = address(&other.add(&small(&there), &pods[3]));
    one.installs(&block(&second), &[TWO]);
    one.installs(&format!("{borrowed}/32"), &[TWO]);
    two.installs(&block(&address(&result)), &[ONE]);
    pods[0].must_reach(&second);
    pods[0].must_reach(&borrowed);
    lab.node.check(&here, &pods[0], &result).ok_only();

    lab.node.cut_off(true);
    lab.node.del(&without(here.clone(), "timeouts"), &pods[0]);
    assert_eq!(lab.node.spool().len(), 2, "an address and a record are owed");
    lab.node.cut_off(false);
    eventually("the sidecar gives back what a DEL could not", || {
        lab.node.spool().is_empty().then_some(())
    });
    let mut all_gone = here;
    all_gone["cni.dev/valid-attachments"] = json!([]);
    lab.node.verb("GC", &all_gone).run().silent();
    other.del(&there, &pods[1]);
    other.del(&small(&there), &pods[3]);
    let left = lab.etcd().under("/calico/ipam/v2/handle/");
    assert!(left.is_empty(), "{left:?}");
}

const OPERATORS_DAY: [&str; 6] = [
    "ipam configure --strictaffinity=true",
    "ipam split 2 --name=more",
    "label node worker01 rack=a",
    "ipam check --settle 0",
    "patch bgpconfiguration default --patch {\"spec\":{\"asNumber\":64513}}",
    "node decommission worker03 --plan",
];

const READERS_DAY: [&str; 7] = [
    "get wep -A",
    "ipam show --show-blocks",
    "ipam headroom",
    "ipam explain --node worker01",
    "ipam check --settle 0",
    "describe node worker03",
    "version",
];

#[test]
fn an_operators_day_and_a_readers() {
    let lab = lab();
    let third = lab.add_node("worker03", 6);
    let alive = sidecar(&lab, &lab.node);
    let pod = Pod::kubernetes("default", "web");
    let held = address(&third.add(&conf(&lab, &third), &pod));
    let say = |user: &str, line: &str| cnictl(&lab, user, line).ok();
    eventually("worker01 is registered", || {
        say("reader", "get nodes").contains("worker01").then_some(())
    });
    let pool = with(
        integration::lab::pool("more", "10.60.0.0/24", 26),
        "apiVersion",
        "projectcalico.org/v3",
    );
    cnictl(&lab, "operator", "apply -f -")
        .stdin(pool.to_string())
        .ok();
    for line in OPERATORS_DAY {
        say("operator", line);
    }
    for line in READERS_DAY {
        assert!(!say("reader", line).is_empty(), "{line}");
    }
    let done = say("operator", "node decommission worker03 --dead");
    assert!(
        done.contains("Successfully decommissioned node worker03"),
        "{done}"
    );
    let freed = say("reader", &format!("ipam show --ip {held}"));
    assert!(freed.contains("is not assigned"), "{freed}");
    say("operator", "delete ippool split-more-1");
    assert!(alive.log().contains("worker01"), "{}", alive.log());
}

#[test]
fn what_a_role_must_not_do_is_refused() {
    let lab = lab();
    for (user, keys) in [
        (
            "cni.worker01",
            &["bgpconfigurations/node.worker02", "bgpconfigurations/default"][..],
        ),
        (
            "cni.worker01",
            &["bgppeers/tor", "ippools/pods", "nodes/worker02"],
        ),
        (
            "sidecar.worker01",
            &["nodes/worker02", "bgppeers/tor", "ippools/pods"],
        ),
        ("reader", &["nodes/worker02", "bgppeers/tor", "ippools/pods"]),
        ("operator", &["networkpolicies/default/all"]),
    ] {
        for key in keys {
            let answer = puts(
                &lab,
                user,
                &format!("/calico/resources/v3/projectcalico.org/{key}"),
            );
            assert!(
                answer.stderr.contains("permission denied"),
                "{user}: {}",
                answer.told()
            );
        }
    }
    for user in ["cni.worker02", "sidecar.worker02", "reader"] {
        let answer = puts(&lab, user, "/manx/v1/nodes/worker01/alive");
        assert!(
            answer.stderr.contains("permission denied"),
            "{user}: {}",
            answer.told()
        );
    }
    puts(&lab, "sidecar.worker02", "/manx/v1/nodes/worker02/any").ok_only();
}

#[test]
fn a_program_says_what_it_may_not() {
    let lab = lab();
    let pool = with(
        integration::lab::pool("evil", "10.70.0.0/24", 26),
        "apiVersion",
        "projectcalico.org/v3",
    );
    let asked = cnictl(&lab, "reader", "create -f -").stdin(pool.to_string());
    may_not(
        &asked.run(),
        "to write /calico/resources/v3/projectcalico.org/ippools/evil",
    );
    may_not(
        &cnictl(&lab, "cni.worker01", "get bgppeers").run(),
        "/calico/resources/v3/projectcalico.org/bgppeers/…",
    );
    may_not(
        &cnictl(&lab, "operator", "etcd roles --apply").run(),
        "etcd's role root",
    );
    let of_another = shown_as(&lab, "cni.worker02", lab.node.conf());
    let failure = lab
        .node
        .call("ADD", &of_another, &Pod::new("masked"))
        .run()
        .failure();
    assert_eq!(failure.code, REFUSED, "{failure:?}");
    failure.says(&["permission denied", "nodes/worker01"]);
    let impostor = shown_as(&lab, "sidecar.worker02", json!({}));
    let sidecar = Sidecar::start(&lab, &lab.node, &impostor);
    eventually("the sidecar says that it may not write another's Node", || {
        let log = sidecar.log();
        (log.contains("permission denied") && log.contains("nodes/worker01")).then_some(())
    });
    assert!(
        lab.etcd()
            .get("/calico/resources/v3/projectcalico.org/nodes/worker01")
            .is_none()
    );
}
