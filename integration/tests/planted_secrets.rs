//! Secrets are planted wherever somebody gives us one, everything is made to talk, and none of them may come out.

use std::fs;
use std::path::Path;

use integration::apiserver::ApiServer;
use integration::installation::Installation;
use integration::json::with;
use integration::node::Node;
use integration::process::Answer;
use integration::sidecar::Sidecar;
use integration::wait::eventually;
use integration::{Kind, Lab, Pod};
use serde_json::{Value, json};

use super::bgp_setup::{TOR, asked, lab, plain_lab, pod};

const BGP: &str = "planted-password-of-bgp";
const ETCD: &str = "planted-password-of-etcd";
const TOKEN: &str = "planted-token-of-kubernetes";
const KEY: &str = "cGxhbnRlZC1rZXktb2YtZXRjZA";

/// Fails if one of the secrets is said.
fn keeps_quiet(what: &str, text: &str) {
    assert!(!text.is_empty(), "{what} says nothing: nothing was tried");
    for secret in [BGP, ETCD, TOKEN, KEY] {
        assert!(!text.contains(secret), "{what} tells {secret}: {text}");
    }
}

fn said(what: &str, answer: &Answer) {
    keeps_quiet(what, &answer.told());
}

/// Fails if one of the secrets lies in a file below a folder.
fn keeps_none(folder: &Path) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            keeps_none(&path);
        } else if path.is_file() {
            let bytes = fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            let text = format!("({} octets) {}", bytes.len(), String::from_utf8_lossy(&bytes));
            keeps_quiet(&path.display().to_string(), &text);
        }
    }
}

/// The netconf that says everything it does, in debug.
fn talkative(node: &Node) -> Value {
    let conf = with(node.conf(), "log_level", "debug");
    with(
        conf,
        "log_file_path",
        node.state_dir().join("cni.log").display().to_string(),
    )
}

#[test]
fn a_sidecar_tells_no_password_of_bgp() {
    let lab = plain_lab();
    let secrets = lab.path("secrets");
    fs::create_dir_all(secrets.join("bgp")).expect("a folder");
    fs::write(secrets.join("bgp/rack7"), format!("{BGP}\n")).expect("a password");
    lab.apply(
        &json!({"kind": "BGPPeer", "metadata": {"name": "tor"}, "spec": {"peerIP": TOR, "asNumber": 64513,
        "password": {"secretKeyRef": {"name": "bgp", "key": "rack7"}}}}),
    );
    let more = json!({"secrets_dir": secrets, "log_level": "debug", "etcd_username": "sidecar", "etcd_password": ETCD});
    let sidecar = Sidecar::start(&lab, &lab.node, &more);
    let (_pod, _, block) = pod(&lab.node);
    sidecar.discards(&block);
    eventually("the log names the peer", || {
        sidecar.log().contains(TOR).then_some(())
    });
    keeps_quiet("the log", &sidecar.log());
    said("--check-config", &sidecar.order(&["--check-config"]));
    let peers = asked(&lab, &lab.node, &["node", "status", "-o", "json"]);
    keeps_quiet("node status", &peers);
    let shown = lab.cnictl(["get", "bgppeer", "tor", "-o", "yaml"]).run();
    said("get", &shown);
    keeps_none(&lab.node.state_dir());
    keeps_none(&lab.node.run_dir());
}

#[test]
fn a_password_or_key_that_etcd_refuses_is_not_told() {
    let lab = Lab::secured();
    lab.pool("pool", "10.0.0.0/24", 26);
    let conf = with(talkative(&lab.node), "etcd_username", "cni");
    let conf = with(conf, "etcd_password", ETCD);
    let pod = Pod::new("taken");
    said("ADD without users", &lab.node.call("ADD", &conf, &pod).run().ok());
    said("DEL without users", &lab.node.call("DEL", &conf, &pod).run().ok());
    lab.etcd().ask_for_users(&[("cni", &[])]);
    for (verb, conf) in [
        ("ADD", conf.clone()),
        ("DEL", integration::json::without(conf, "timeouts")),
    ] {
        said(verb, &lab.node.call(verb, &conf, &Pod::new("refused")).run());
    }
    let key = lab.path("etcd.key");
    fs::write(
        &key,
        format!("-----BEGIN PRIVATE KEY-----\n{KEY}\n-----END PRIVATE KEY-----\n"),
    )
    .expect("a key");
    let (endpoints, tls) = lab.etcd().secured();
    let mut conf = tls.conf(talkative(&lab.node), "ca", "client");
    conf["etcd_endpoints"] = json!(endpoints);
    conf["etcd_key_file"] = json!(key);
    let answer = lab.node.call("ADD", &conf, &Pod::new("broken")).run();
    assert!(!answer.status.success(), "{}", answer.told());
    said("ADD with a broken key", &answer);
    keeps_none(&lab.node.state_dir());
    keeps_none(&lab.node.run_dir());
}

#[test]
fn a_token_is_told_neither_by_a_plugin_nor_by_an_installation() {
    let lab = Lab::new(Kind::Etcd);
    lab.pool("pool", "10.0.0.0/24", 26);
    let server = ApiServer::start(&lab);
    server.pod("web", &[]);
    let kubeconfig = server.kubeconfig("planted", &format!("{{token: {TOKEN}}}"));
    let conf = with(
        server.conf(talkative(&lab.node)),
        "kubernetes/kubeconfig",
        kubeconfig.display().to_string(),
    );
    let refused = lab
        .node
        .call("ADD", &conf, &Pod::kubernetes("default", "web"))
        .run();
    assert!(!refused.status.success(), "{}", refused.told());
    said("ADD", &refused);
    let machine = Installation::new(&lab.node);
    let template = with(with(conf, "etcd_password", ETCD), "etcd_username", "cni");
    let list = json!({"cniVersion": "1.1.0", "name": "planted", "plugins": [template]});
    let file = machine.write("/template", list.to_string());
    let dry = machine
        .install()
        .args(["--no-wait", "--dry-run", "--template"])
        .args([&file])
        .run();
    assert!(dry.stdout.contains("10-manx.conflist"), "{}", dry.told());
    said("install --dry-run", &dry);
    keeps_none(&lab.node.state_dir());
    keeps_none(&lab.node.run_dir());
}

#[test]
fn what_would_be_written_hides_passwords() {
    let lab = lab();
    let peer = json!({"apiVersion": "projectcalico.org/v3", "kind": "Node", "metadata": {"name": "dry"},
        "spec": {"bgp": {"ipv4Address": "192.168.1.9/24"}, "password": BGP, "token": TOKEN}});
    for verb in ["apply", "create"] {
        let answer = lab
            .cnictl([verb, "--dry-run", "-f", "-"])
            .stdin(peer.to_string())
            .run();
        said(verb, &answer);
    }
}
