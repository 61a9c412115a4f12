//! What the resources say at the moment, the edits that change it, and with whom each node is to speak then.

use std::collections::BTreeSet;
use std::fmt;

use serde_json::{Value, json};

use super::chance::Chance;
use super::event::Named;
use crate::lab::{LEAF, Lab, pool};

/// The label by which nodes find each other.
const LABEL: &str = "soak";
const PEER: &str = "labelled";
const POOL: &str = "extra";

/// What is applied.
#[derive(Clone, Debug)]
pub(super) struct Topology {
    labelled: Vec<bool>,
    /// Labelled nodes are peers of each other.
    peered: bool,
    meshed: bool,
    pool: Stage,
}

/// Of a pool that nobody takes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Absent,
    Enabled,
    Disabled,
}

/// A change of one thing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Edit {
    Label(usize),
    Peer,
    Mesh,
    Pool,
}

impl fmt::Display for Edit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Label(node) => write!(f, "label of {} set or taken off", Named(*node)),
            Self::Peer => write!(f, "BGPPeer of labelled nodes made or deleted"),
            Self::Mesh => write!(f, "node-to-node mesh turned on or off"),
            Self::Pool => write!(f, "a pool made, disabled or deleted"),
        }
    }
}

impl Topology {
    pub(super) fn new(nodes: usize) -> Self {
        Self {
            labelled: vec![false; nodes],
            peered: false,
            meshed: false,
            pool: Stage::Absent,
        }
    }

    pub(super) fn draw(&self, chance: &mut Chance) -> Edit {
        let node = chance.below(self.labelled.len());
        match chance.below(5) {
            0 | 1 => Edit::Label(node),
            2 => Edit::Peer,
            3 => Edit::Mesh,
            _ => Edit::Pool,
        }
    }

    /// Makes it, by `cnictl`.
    pub(super) fn make(&mut self, edit: &Edit, lab: &Lab) {
        match edit {
            Edit::Label(node) => {
                let (name, is) = (Named(*node).to_string(), self.labelled[*node]);
                let label = if is {
                    LABEL.to_owned()
                } else {
                    format!("{LABEL}=yes")
                };
                let words = ["label", "node", &name, &label, "--remove"];
                said(lab, &words[..if is { 5 } else { 4 }]);
                self.labelled[*node] = !is;
            }
            Edit::Peer => {
                if self.peered {
                    said(lab, &["delete", "bgppeer", PEER]);
                } else {
                    let all = format!("has({LABEL})");
                    let spec = json!({"nodeSelector": all, "peerSelector": all});
                    applied(lab, &resource("BGPPeer", PEER, &spec));
                }
                self.peered = !self.peered;
            }
            Edit::Mesh => {
                self.meshed = !self.meshed;
                let patch = json!({"spec": {"nodeToNodeMeshEnabled": self.meshed}}).to_string();
                said(lab, &["patch", "bgpconfiguration", "default", "-p", &patch]);
            }
            Edit::Pool => self.pool = self.pool.next(lab),
        }
    }

    /// The addresses that a node has sessions with.
    pub(super) fn peers(&self, node: usize, addresses: &[String]) -> BTreeSet<String> {
        let other = |(number, address): (usize, &String)| {
            let friends = self.peered && self.labelled[node] && self.labelled[number];
            (number != node && (self.meshed || friends)).then(|| address.clone())
        };
        let others = addresses.iter().enumerate().filter_map(other);
        others.chain([LEAF.to_owned()]).collect()
    }
}

impl Stage {
    fn next(self, lab: &Lab) -> Self {
        let spec = |disabled: bool| {
            let mut whole = pool(POOL, "10.40.0.0/24", 28);
            whole["spec"]["disabled"] = json!(disabled);
            resource("IPPool", POOL, &whole["spec"])
        };
        match self {
            Self::Absent => {
                applied(lab, &spec(false));
                Self::Enabled
            }
            Self::Enabled => {
                applied(lab, &spec(true));
                Self::Disabled
            }
            Self::Disabled => {
                said(lab, &["delete", "ippool", POOL]);
                Self::Absent
            }
        }
    }
}

fn resource(kind: &str, name: &str, spec: &Value) -> Value {
    json!({"apiVersion": "projectcalico.org/v3", "kind": kind, "metadata": {"name": name}, "spec": spec})
}

fn applied(lab: &Lab, resource: &Value) {
    let answer = lab.cnictl(["apply", "-f", "-"]).stdin(resource.to_string()).run();
    answer.ok_only();
}

fn said(lab: &Lab, words: &[&str]) {
    lab.cnictl(words.iter().copied()).run().ok_only();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whom_a_node_speaks_with_follows_from_labels_and_mesh() {
        let addresses: Vec<String> = (1..4).map(|number| format!("10.0.0.{number}")).collect();
        let mut topology = Topology::new(3);
        let peers =
            |topology: &Topology, node| topology.peers(node, &addresses).into_iter().collect::<Vec<_>>();
        assert_eq!(peers(&topology, 0), [LEAF]);
        topology.labelled = vec![true, false, true];
        assert_eq!(peers(&topology, 0), [LEAF], "nobody asks for the label");
        topology.peered = true;
        assert_eq!(peers(&topology, 0), ["10.0.0.3", LEAF]);
        assert_eq!(peers(&topology, 1), [LEAF]);
        topology.meshed = true;
        assert_eq!(peers(&topology, 1), ["10.0.0.1", "10.0.0.3", LEAF]);
    }
}
