//! Scenario F: five nodes move from the mesh to route reflectors, step by step, while their pods speak to each other; then two
//! of three reflectors die.

use std::collections::BTreeSet;
use std::time::Duration;

use integration::fabric::{Flow, none_lost};
use integration::json::with;
use integration::sidecar::Sidecar;
use integration::wait::eventually;
use integration::{Lab, Node, Pod, status};
use serde_json::{Value, json};

use super::bgp_setup::{lab, mesh, pod};

const CLUSTER: &str = "244.0.0.1";
/// Between two requests of a flow.
const BEAT: Duration = Duration::from_millis(1);
/// How long peers keep the routes of one that died: long enough to kill another meanwhile, and short enough to be waited for.
const RESTART: &str = "30s";
/// The nodes' last octets.
const HOSTS: [u8; 5] = [4, 5, 6, 7, 8];

fn address(index: usize) -> String {
    format!("192.168.1.{}", HOSTS[index])
}

/// Five nodes, a pod on each.
struct Cluster<'a> {
    lab: &'a Lab,
    sidecars: Vec<Sidecar<'a>>,
    pods: Vec<(Pod, String, String)>,
}

impl<'a> Cluster<'a> {
    fn start(lab: &'a Lab, others: &'a [Node]) -> Self {
        let nodes = || std::iter::once(&lab.node).chain(others);
        let conf = json!({"restart_time": RESTART});
        let cluster = Self {
            lab,
            sidecars: nodes().map(|node| Sidecar::start(lab, node, &conf)).collect(),
            pods: nodes().map(pod).collect(),
        };
        for (index, sidecar) in cluster.sidecars.iter().enumerate() {
            for (other, (_, _, block)) in cluster.pods.iter().enumerate() {
                if other != index {
                    sidecar.installs(block, &[&address(other)]);
                }
            }
        }
        cluster
    }

    fn node(&self, index: usize) -> &'a Node {
        self.sidecars[index].node()
    }

    /// From a pod to another one, and back.
    fn flow(&self, from: usize, to: usize) -> Flow {
        Flow::start(&self.pods[from].0.netns, &self.pods[to].1, BEAT)
    }

    /// Every pod speaks with two others.
    fn flows(&self) -> Vec<Flow> {
        (0..5).map(|from| self.flow(from, (from + 1) % 5)).collect()
    }

    /// The sessions that are up at both ends, by the indices of the nodes, each with how the ends name it.
    fn sessions(&self) -> BTreeSet<(usize, usize, String)> {
        let rows = |index: usize| status::rows(self.node(index)).into_iter();
        let ends = (0..5).flat_map(|index| rows(index).map(move |row| (index, row)));
        let up = ends.filter(|(_, row)| row.state == "up");
        let ends: BTreeSet<_> = up
            .map(|(index, row)| (address(index), row.peer, row.kind))
            .collect();
        let both = |(one, other): &(usize, usize)| {
            let kind = |from: usize, to: usize| {
                let (from, to) = (address(from), address(to));
                ends.iter()
                    .find(|end| end.0 == from && end.1 == to)
                    .map(|end| end.2.clone())
            };
            let (kind, same) = (kind(*one, *other)?, kind(*other, *one)?);
            (kind == same).then_some((*one, *other, kind))
        };
        let pairs = (0..5).flat_map(|one| (one + 1..5).map(move |other| (one, other)));
        pairs.filter_map(|pair| both(&pair)).collect()
    }

    /// Waits until exactly these are up, one more time than that would be a session too many.
    fn has(&self, mesh: &[(usize, usize)], by_peer: &[(usize, usize)]) {
        let named = |pairs: &[(usize, usize)], kind: &str| -> BTreeSet<_> {
            pairs
                .iter()
                .map(|(one, other)| (*one, *other, kind.to_owned()))
                .collect()
        };
        let mut wanted = named(mesh, "node-to-node mesh");
        wanted.extend(named(by_peer, "node specific"));
        let rows = || {
            (0..5)
                .map(|index| status::rows(self.node(index)).len())
                .sum::<usize>()
        };
        eventually(&format!("the sessions are {wanted:?}"), || {
            (self.sessions() == wanted && rows() == 2 * wanted.len()).then_some(())
        });
    }

    /// Changes a Node as an operator does.
    fn edit(&self, index: usize, field: &str, value: &str) {
        let name = self.node(index).name.as_str();
        let node: Value = self
            .lab
            .cnictl(["get", "node", name, "-o", "json"])
            .run()
            .ok()
            .json();
        let node = with(node, field, value);
        self.lab.cnictl(["apply", "-f", "-"]).stdin(node.to_string()).ok();
    }

    fn select(&self, index: usize) {
        self.edit(index, "metadata/labels/route-reflector", "true");
    }

    fn reflect(&self, index: usize) {
        self.edit(index, "spec/bgp/routeReflectorClusterID", CLUSTER);
    }

    /// How often a session was lost, on all nodes together.
    fn lost(&self) -> usize {
        let logs = self.sidecars.iter().map(Sidecar::log);
        logs.map(|log| log.matches(" is down: ").count()).sum()
    }

    /// SIGKILL, and everybody who spoke with it has seen it.
    fn kill(&mut self, index: usize) {
        self.sidecars[index].kill();
        let gone = address(index);
        for other in (0..5).filter(|other| *other != index) {
            let what = format!("{} sees that {gone} is gone", self.node(other).name);
            eventually(&what, || {
                let rows = status::rows(self.node(other));
                let up = rows.iter().any(|row| row.peer == gone && row.state == "up");
                (!up).then_some(())
            });
        }
    }
}

/// Everybody with everybody.
const MESH: [(usize, usize); 10] = [
    (0, 1),
    (0, 2),
    (0, 3),
    (0, 4),
    (1, 2),
    (1, 3),
    (1, 4),
    (2, 3),
    (2, 4),
    (3, 4),
];
/// With one of the first two.
const BY_TWO: [(usize, usize); 7] = [(0, 1), (0, 2), (0, 3), (0, 4), (1, 2), (1, 3), (1, 4)];
/// With the third.
const BY_THIRD: [(usize, usize); 2] = [(2, 3), (2, 4)];

/// From ten sessions to seven.
fn move_to_reflectors(cluster: &Cluster) {
    cluster.has(&MESH, &[]);
    // Two that dial each other at once may have met twice.
    let before = cluster.lost();
    cluster.select(0);
    cluster.select(1);
    cluster
        .lab
        .apply(&json!({"kind": "BGPPeer", "metadata": {"name": "reflectors"},
        "spec": {"nodeSelector": "all()", "peerSelector": "route-reflector == 'true'"}}));
    cluster.has(&[(2, 3), (2, 4), (3, 4)], &BY_TWO);
    cluster.reflect(0);
    cluster.reflect(1);
    cluster.has(&[(2, 3), (2, 4), (3, 4)], &BY_TWO);
    assert_eq!(cluster.lost(), before, "no session ended so far");
    mesh(cluster.lab, false);
    cluster.has(&[], &BY_TWO);
}

fn others(lab: &Lab) -> Vec<Node> {
    let node = |index: usize| lab.add_node(&format!("worker0{}", index + 1), HOSTS[index]);
    (1..5).map(node).collect()
}

#[test]
fn ten_sessions_become_seven_and_no_packet_is_lost() {
    let lab = lab();
    mesh(&lab, true);
    let others = others(&lab);
    let cluster = Cluster::start(&lab, &others);
    let flows = cluster.flows();
    move_to_reflectors(&cluster);
    none_lost(flows);
}

#[test]
fn two_of_three_reflectors_die_and_no_packet_is_lost() {
    let lab = lab();
    mesh(&lab, true);
    let others = others(&lab);
    let mut cluster = Cluster::start(&lab, &others);
    move_to_reflectors(&cluster);
    let flows = cluster.flows();
    cluster.select(2);
    cluster.has(&[], &[BY_TWO.as_slice(), BY_THIRD.as_slice()].concat());
    cluster.reflect(2);
    let third = cluster.flow(3, 4);
    cluster.kill(0);
    cluster.kill(1);
    none_lost(flows);
    // Their own time is over, and what they have reflected is still there by the third.
    let block = cluster.pods[0].2.clone();
    cluster.sidecars[3].forgets(&block);
    none_lost([third]);
    cluster.pods[3].0.must_reach(&cluster.pods[2].1);
    // They come back, one after the other.
    let flows = [cluster.flow(2, 3), cluster.flow(3, 4), cluster.flow(4, 2)];
    cluster.sidecars[0].run();
    cluster.sidecars[3].installs(&block, &[&address(0)]);
    cluster.sidecars[1].run();
    cluster.has(&[], &[BY_TWO.as_slice(), BY_THIRD.as_slice()].concat());
    none_lost(flows);
    cluster.pods[3].0.must_reach(&cluster.pods[0].1);
}
