//! A cluster moves from the mesh to route reflectors while it works, in whatever order the nodes hear of each step.

use std::net::Ipv4Addr;

use super::network::Network;
use super::sessions::mesh;
use super::*;

const ALL: [u8; 5] = [1, 2, 3, 4, 5];

/// What the resources say at one moment.
#[derive(Clone, Debug, Default)]
struct Step {
    /// Whom a BGPPeer's `peerSelector` selects.
    selected: Vec<u8>,
    /// Who has the cluster id.
    reflectors: Vec<u8>,
    meshed: bool,
}

impl Step {
    fn reflects(&self, node: u8) -> bool {
        self.reflectors.contains(&node)
    }

    fn session(&self, node: u8, other: u8) -> Option<Session> {
        let by_peer = self.selected.contains(&node) || self.selected.contains(&other);
        let by_mesh = self.meshed && !self.reflects(node) && !self.reflects(other);
        let kind = if by_peer { Kind::Node } else { Kind::Mesh };
        (by_peer || by_mesh).then(|| Session {
            kind,
            client: self.reflects(node) && !self.reflects(other),
            ..session(other)
        })
    }

    fn picture(&self, node: u8) -> Picture {
        let others = ALL.into_iter().filter(|other| *other != node);
        let mut picture = picture(
            node,
            others.filter_map(|other| self.session(node, other)).collect(),
        );
        if let Ok(local) = &mut picture.local {
            local.cluster = self.reflects(node).then_some(Ipv4Addr::new(244, 0, 0, 1));
        }
        picture
    }

    /// Every node hears of it, one after the other; nothing may leave a kernel at any moment.
    fn taken(&self, network: &mut Network, order: &[u8]) {
        for node in order {
            network.configure(*node, self.picture(*node));
            everybody_knows_everybody(network);
        }
        network.retry();
        everybody_knows_everybody(network);
    }
}

fn everybody_knows_everybody(network: &Network) {
    for (number, node) in &network.nodes {
        for other in ALL.into_iter().filter(|other| other != number) {
            assert_eq!(node.via(block(other)), Some(address(other)), "{:?}", node.log);
        }
        let gone = node.done.iter().find(|what| what.starts_with("delete"));
        assert_eq!(gone, None, "node {number}: {:?}", node.log);
    }
}

fn ended(network: &Network, node: u8) -> Vec<&String> {
    let log = network.nodes[&node].log.iter();
    log.filter(|line| line.contains("is down")).collect()
}

#[test]
fn a_mesh_becomes_reflectors_and_their_clients_without_a_route_lost() {
    for first in ALL {
        let order: Vec<u8> = ALL.into_iter().cycle().skip(usize::from(first)).take(5).collect();
        let mut network = mesh(&ALL);
        let mut step = Step {
            selected: vec![1, 2],
            meshed: true,
            ..Step::default()
        };
        step.taken(&mut network, &order);
        for reflector in [1, 2] {
            step.reflectors.push(reflector);
            step.taken(&mut network, &order);
        }
        assert_eq!(ended(&network, 1), [""; 0], "a cluster id ends no session");
        step.meshed = false;
        step.taken(&mut network, &order);
        for reflector in [1, 2] {
            assert_eq!(ended(&network, reflector), [""; 0], "the mesh is none of its");
        }
        let sessions = network.nodes.values().map(|node| node.speaker.keys().count());
        assert_eq!(sessions.sum::<usize>(), 14, "both ends of seven");
        // A third one.
        step.selected.push(3);
        step.taken(&mut network, &order);
        step.reflectors.push(3);
        step.taken(&mut network, &order);
        for reflector in [1, 2] {
            network.crash(reflector);
            everybody_knows_everybody(&network);
        }
    }
}

#[test]
fn a_reflector_that_is_none_any_more_reflects_nothing() {
    let mut network = mesh(&ALL);
    let mut step = Step {
        selected: vec![1],
        reflectors: vec![1],
        meshed: false,
    };
    step.taken(&mut network, &ALL);
    let told = |network: &Network| network.nodes[&4].speaker.received(key(1)).len();
    assert_eq!(told(&network), 4);
    step.reflectors.clear();
    ALL.iter()
        .for_each(|node| network.configure(*node, step.picture(*node)));
    assert_eq!(told(&network), 1, "its own block");
    assert_eq!(ended(&network, 1), [""; 0]);
}

#[test]
fn clients_do_not_wait_for_the_reflectors_kernel() {
    let mut network = mesh(&ALL);
    let step = Step {
        selected: vec![1],
        reflectors: vec![1],
        meshed: false,
    };
    step.taken(&mut network, &ALL);
    let mut without = step.picture(2);
    without.origin.announced.clear();
    network.configure(2, without);
    network.nodes.get_mut(&1).unwrap().done.clear();
    network.configure(2, step.picture(2));
    let done = &network.nodes[&1].done;
    let route = format!("replace {} via", block(2));
    let learned = done.iter().position(|what| what.starts_with(&route));
    let last = done.iter().rposition(|what| what.starts_with("send"));
    assert!(last < learned && last.is_some(), "{done:?}");
}
