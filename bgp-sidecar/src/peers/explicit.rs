//! BGPPeers that concern this node, and the mirrors of those that make another node peer with it.

use std::net::IpAddr;

use shared::model::bgp::{AsNumber, BGPPeer, BGPPeerSpec};
use shared::selector::Selector;

use super::options::{Remote, session};
use super::world::{Member, World};
use super::{Draft, Problem, Rank, address, problem};
use crate::session::Kind;

/// A BGPPeer with its texts understood.
struct Rule<'a> {
    spec: &'a BGPPeerSpec,
    origin: String,
    nodes: Nodes<'a>,
    target: Target,
}

enum Nodes<'a> {
    All,
    Named(&'a str),
    Selected(Selector),
}

enum Target {
    Address(IpAddr, Option<u16>),
    Selected(Selector),
}

/// Sessions of every BGPPeer; one that cannot be understood is a problem and no session.
pub(super) fn drafts(world: &World<'_>, problems: &mut Vec<Problem>) -> Vec<Draft> {
    let mut drafts = Vec::new();
    for peer in &world.peers {
        match Rule::of(peer) {
            Ok(rule) => {
                drafts.extend(rule.forward(world, problems));
                drafts.extend(rule.mirror(world, problems));
            }
            Err(text) => problems.push(problem(&origin(peer), &text)),
        }
    }
    drafts
}

fn origin(peer: &BGPPeer) -> String {
    format!("BGPPeer {}", peer.name())
}

impl<'a> Rule<'a> {
    fn of(peer: &'a BGPPeer) -> Result<Self, String> {
        let spec = &peer.spec;
        let targets = [&spec.peer_ip, &spec.peer_selector, &spec.local_workload_selector];
        if targets.iter().filter(|text| !text.is_empty()).count() > 1 {
            return Err(
                "peerIP, peerSelector and localWorkloadSelector exclude each other: keep one".to_owned(),
            );
        }
        if !spec.local_workload_selector.is_empty() {
            return Err("localWorkloadSelector: peers in local workloads are not supported".to_owned());
        }
        let selector =
            |field: &str, text: &str| Selector::parse(text).map_err(|error| format!("{field}: {error}"));
        let nodes = match (spec.node.as_str(), spec.node_selector.as_str()) {
            ("", "") => Nodes::All,
            (node, "") => Nodes::Named(node),
            ("", text) => Nodes::Selected(selector("nodeSelector", text)?),
            (_, _) => return Err("node and nodeSelector exclude each other: keep one".to_owned()),
        };
        let target = if !spec.peer_selector.is_empty() {
            Target::Selected(selector("peerSelector", &spec.peer_selector)?)
        } else if spec.peer_ip.is_empty() {
            return Err("it names no peer: set peerIP or peerSelector".to_owned());
        } else {
            let (address, port) = address::parse(&spec.peer_ip)?;
            Target::Address(address, port)
        };
        if !matches!(
            spec.reverse_peering.as_deref(),
            None | Some("" | "Auto" | "Manual")
        ) {
            return Err("reversePeering is neither Auto nor Manual".to_owned());
        }
        Ok(Self {
            spec,
            origin: origin(peer),
            nodes,
            target,
        })
    }

    fn is_for(&self, node: &Member) -> bool {
        match &self.nodes {
            Nodes::All => true,
            Nodes::Named(name) => *name == node.name,
            Nodes::Selected(selector) => selector.matches(&node.labels),
        }
    }

    /// What it says of this node.
    fn forward(&self, world: &World<'_>, problems: &mut Vec<Problem>) -> Vec<Draft> {
        if !self.is_for(&world.own) {
            return Vec::new();
        }
        let remotes = match &self.target {
            Target::Address(address, port) => match self.at(world, *address, *port) {
                Ok(remote) => remote.into_iter().collect(),
                Err(text) => {
                    problems.push(problem(&self.origin, &text));
                    Vec::new()
                }
            },
            Target::Selected(selector) => {
                let selected = world.others.iter().filter(|one| selector.matches(&one.labels));
                selected.flat_map(|one| nodes_of(world, one)).collect()
            }
        };
        let (rank, kind) = self.rank();
        self.drafts(world, remotes, (rank, kind), problems)
    }

    fn rank(&self) -> (Rank, Kind) {
        let by_address = matches!(self.target, Target::Address(_, _));
        match (&self.nodes, by_address) {
            (Nodes::Named(_), true) => (Rank::NodeAddress, Kind::Node),
            (Nodes::Named(_), false) => (Rank::NodeSelected, Kind::Node),
            (Nodes::Selected(_), true) => (Rank::SelectorAddress, Kind::Node),
            (Nodes::Selected(_), false) => (Rank::SelectorSelected, Kind::Node),
            (Nodes::All, true) => (Rank::GlobalAddress, Kind::Global),
            (Nodes::All, false) => (Rank::GlobalSelected, Kind::Global),
        }
    }

    /// The peer at `peerIP`; nobody if it is this node.
    fn at<'w>(
        &self,
        world: &'w World<'_>,
        address: IpAddr,
        port: Option<u16>,
    ) -> Result<Option<Remote<'w>>, String> {
        if world.own.speaker.addresses().any(|own| own == address) {
            return Ok(None);
        }
        let node = world.node_at(address);
        let given = self.spec.as_number.as_ref().and_then(AsNumber::given);
        let Some(number) = given.or_else(|| node.map(|node| node.number)) else {
            return Err(format!(
                "asNumber is not given, and {address} is no node's address: set it"
            ));
        };
        let Some(source) = world.own.speaker.beside(address) else {
            let family = if address.is_ipv4() {
                "ipv4Address"
            } else {
                "ipv6Address"
            };
            return Err(format!(
                "the peer {address} cannot be spoken with: this node has no spec.bgp.{family}"
            ));
        };
        let listens = node.filter(|node| node.number == number).map(|node| node.port);
        Ok(Some(Remote {
            address,
            port: port.or(listens).unwrap_or(shared::model::bgp::DEFAULT_PORT),
            number,
            source,
            node,
        }))
    }

    /// What it makes other nodes do towards this one, seen from here.
    fn mirror(&self, world: &World<'_>, problems: &mut Vec<Problem>) -> Vec<Draft> {
        let own = &world.own;
        let towards = |source: IpAddr| match &self.target {
            Target::Address(address, _) => source == *address,
            Target::Selected(_) => true,
        };
        let selected = match &self.target {
            Target::Selected(selector) => selector.matches(&own.labels),
            Target::Address(_, port) => self.names(world) && port.is_none_or(|port| port == own.port),
        };
        if !selected || self.spec.reverse_peering.as_deref() == Some("Manual") {
            return Vec::new();
        }
        let peering = world.others.iter().filter(|one| self.is_for(one));
        let mut remotes: Vec<Remote<'_>> = peering.flat_map(|one| nodes_of(world, one)).collect();
        remotes.retain(|remote| towards(remote.source));
        if let (Target::Address(_, _), Some(number)) = (&self.target, self.local_number()) {
            remotes.iter_mut().for_each(|remote| remote.number = number);
        }
        self.drafts(world, remotes, (Rank::Mirror, Kind::Node), problems)
    }

    /// Whether `asNumber` is this node's; where it is not given the node's own is meant.
    fn names(&self, world: &World<'_>) -> bool {
        let given = self.spec.as_number.as_ref().and_then(AsNumber::given);
        given.is_none_or(|number| number == world.own.number)
    }

    fn local_number(&self) -> Option<u32> {
        self.spec.local_as_number.as_ref().and_then(AsNumber::given)
    }

    fn drafts(
        &self,
        world: &World<'_>,
        remotes: Vec<Remote<'_>>,
        (rank, kind): (Rank, Kind),
        problems: &mut Vec<Problem>,
    ) -> Vec<Draft> {
        // A peerSelector's sessions have the nodes' own numbers at both ends, as Calico makes them.
        let by_address = matches!(self.target, Target::Address(_, _));
        let keep = by_address && rank != Rank::Mirror;
        let spec = BGPPeerSpec {
            local_as_number: self.spec.local_as_number.clone().filter(|_| keep),
            ..self.spec.clone()
        };
        if !by_address && self.local_number().is_some() && !remotes.is_empty() {
            let text = "localASNumber has no effect beside peerSelector: peer by peerIP";
            problems.push(problem(&self.origin, text));
        }
        let mut drafts = Vec::new();
        for remote in remotes {
            let (session, held, wrong) = session(world, &spec, &remote, (kind, &self.origin));
            problems.extend(wrong.iter().map(|text| problem(&self.origin, text)));
            drafts.push(Draft { rank, session, held });
        }
        drafts
    }
}

/// A node as peer, once for each family that both have.
fn nodes_of<'w>(world: &'w World<'_>, node: &'w Member) -> Vec<Remote<'w>> {
    let pairs = world.pairs(node).into_iter();
    pairs
        .filter(|(source, address)| source != address)
        .map(|(source, address)| Remote {
            address,
            port: node.port,
            number: node.number,
            source,
            node: Some(node),
        })
        .collect()
}
