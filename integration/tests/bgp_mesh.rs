//! Five nodes of ours, each with each, and a BIRD that speaks to all of them: 15 sessions, and everybody has every route.

use integration::fabric::{Tor, Watched};
use integration::sidecar::Sidecar;
use integration::wait::eventually;
use integration::{Lab, Node};
use serde_json::{Value, json};

use super::bgp_setup::{Make, TOR, asked, lab, mesh, peer, pod};

const NUMBER: u32 = 64_512;
const FABRIC: &str = "10.20.0.0/26";
const OTHERS: [(&str, u8); 4] = [("worker02", 5), ("worker03", 6), ("worker04", 7), ("worker05", 8)];

fn address(host: u8) -> String {
    format!("192.168.1.{host}")
}

/// How many sessions of a node are Established, and how many there are.
fn sessions(lab: &Lab, node: &Node) -> (usize, usize) {
    let status = asked(lab, node, &["node", "status", "-o", "json"]);
    let status: Value = serde_json::from_str(&status).unwrap_or_default();
    let peers = status["peersV4"].as_array().cloned().unwrap_or_default();
    let up = |peer: &&Value| peer["state"] == "Established";
    (peers.iter().filter(up).count(), peers.len())
}

#[test]
fn five_of_ours_and_a_bird_are_fifteen_sessions_and_everybody_has_every_route() {
    let lab = lab();
    mesh(&lab, true);
    peer(&lab, "tor", TOR, NUMBER);
    let others = OTHERS.map(|(name, host)| lab.add_node(name, host));
    let nodes: Vec<(&Node, String)> = std::iter::once((&lab.node, address(4)))
        .chain(others.iter().zip(OTHERS.map(|(_, host)| address(host))))
        .collect();
    let tor = nodes
        .iter()
        .fold(Tor::new(TOR, NUMBER), |tor, (_, at)| tor.knows(at, NUMBER));
    let tor = Make::Bird.start(&lab.leaf, &tor.announces(FABRIC));
    let sidecars: Vec<Sidecar> = nodes
        .iter()
        .map(|(node, _)| Sidecar::start(&lab, node, &json!({})))
        .collect();
    let pods: Vec<_> = nodes.iter().map(|(node, _)| pod(node)).collect();
    for ((owner, at), (_, _, block)) in nodes.iter().zip(&pods) {
        assert_eq!(tor.learns(block, at).as_path, [0; 0]);
        for (sidecar, (node, _)) in sidecars.iter().zip(&nodes) {
            match std::ptr::eq(*node, *owner) {
                true => sidecar.discards(block),
                false => drop(sidecar.installs(block, &[at])),
            }
        }
    }
    for (sidecar, (node, _)) in sidecars.iter().zip(&nodes) {
        sidecar.installs(FABRIC, &[TOR]);
        eventually(&format!("{} has five sessions", node.name), || {
            (sessions(&lab, node) == (5, 5)).then_some(())
        });
        assert_eq!(sidecar.routes().len(), 6, "{:?}", sidecar.routes());
    }
    let ends: usize = nodes.iter().map(|(node, _)| sessions(&lab, node).0).sum();
    let at_bird = tor.sessions().iter().filter(|session| session.up).count();
    assert_eq!((ends + at_bird) / 2, 15);
    pods[0].0.must_reach(&pods[4].1);
}
