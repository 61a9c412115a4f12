//! The nodes as speakers, and this one among them.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};

use serde_json::Value;
use shared::model::bgp::{BGPConfiguration, BGPPeer, DEFAULT_NUMBER, Speaker, listen_port};
use shared::model::node::Node;

use super::{Input, Problem, problem};

/// A node that takes part in BGP.
pub(super) struct Member {
    pub(super) name: String,
    pub(super) labels: BTreeMap<String, String>,
    pub(super) speaker: Speaker,
    /// Its AS, its own or the default one.
    pub(super) number: u32,
    /// Where it listens.
    pub(super) port: u16,
}

impl Member {
    pub(super) fn cluster(&self) -> Option<Ipv4Addr> {
        self.speaker.cluster
    }
}

/// The input, sorted.
pub(super) struct World<'a> {
    pub(super) input: &'a Input<'a>,
    pub(super) own: Member,
    /// By name, this node left out.
    pub(super) others: Vec<Member>,
    /// By name.
    pub(super) peers: Vec<&'a BGPPeer>,
}

impl<'a> World<'a> {
    /// Nothing if this node takes no part in BGP.
    pub(super) fn new(input: &'a Input<'a>, problems: &mut Vec<Problem>) -> Option<Self> {
        let default = input.configurations.get(BGPConfiguration::DEFAULT);
        let number = default.map_or(DEFAULT_NUMBER, BGPConfiguration::number);
        without_effect(input, problems);
        let mut others: Vec<Member> = input
            .nodes
            .iter()
            .filter_map(|node| member(input, node, number, problems))
            .collect();
        others.sort_by(|one, other| one.name.cmp(&other.name));
        let Some(own) = others.iter().position(|one| one.name == input.node) else {
            problems.push(problem(
                &format!("Node {}", input.node),
                "it has no spec.bgp with an address that can be used, so this node speaks with nobody",
            ));
            return None;
        };
        let own = others.remove(own);
        let mut peers: Vec<&BGPPeer> = input.peers.iter().collect();
        peers.sort_by_key(|peer| peer.name());
        Some(Self {
            input,
            own,
            others,
            peers,
        })
    }

    /// The first other node by name that has this address.
    pub(super) fn node_at(&self, address: IpAddr) -> Option<&Member> {
        let has = |one: &&Member| one.speaker.addresses().any(|own| own == address);
        self.others.iter().find(has)
    }

    /// Addresses of both ends, for each family that both have.
    pub(super) fn pairs(&self, other: &Member) -> Vec<(IpAddr, IpAddr)> {
        let remote = other.speaker.addresses();
        remote
            .filter_map(|remote| Some((self.own.speaker.beside(remote)?, remote)))
            .collect()
    }
}

/// A node whose AS or cluster id cannot be read takes no part: a guess would reset sessions or make loops.
fn member(input: &Input<'_>, node: &Node, default: u32, problems: &mut Vec<Problem>) -> Option<Member> {
    let (speaker, wrong) = node.speaker()?;
    let origin = format!("Node {}", node.name());
    for text in &wrong {
        problems.push(problem(&origin, text));
    }
    let guess = |text: &String| text.contains("asNumber") || text.contains("routeReflectorClusterID");
    if wrong.iter().any(guess) || speaker.addresses().next().is_none() {
        return None;
    }
    let own = input.configurations.get(&BGPConfiguration::name_of(node.name()));
    let port = listen_port(input.configurations.get(BGPConfiguration::DEFAULT), own);
    Some(Member {
        name: node.name().to_owned(),
        labels: node.labels(),
        number: speaker.number.unwrap_or(default),
        speaker,
        port,
    })
}

/// Fields and resources that nobody obeys.
fn without_effect(input: &Input<'_>, problems: &mut Vec<Problem>) {
    let own = BGPConfiguration::name_of(input.node);
    for (name, configuration) in input.configurations {
        let origin = format!("BGPConfiguration {name}");
        if name == BGPConfiguration::DEFAULT {
            problems.extend(services(configuration).map(|text| problem(&origin, &text)));
        } else if !name.starts_with("node.") {
            let text = "it has no effect: the names that count are default and node.<name>";
            problems.push(problem(&origin, text));
        } else if *name == own && !configuration.default_only_fields().is_empty() {
            let fields = configuration.default_only_fields().join(", ");
            let text = format!("{fields} counts in BGPConfiguration default only: set it there");
            problems.push(problem(&origin, &text));
        }
    }
}

/// Service addresses are not announced in this version.
fn services(configuration: &BGPConfiguration) -> Option<String> {
    let names = [
        "serviceClusterIPs",
        "serviceExternalIPs",
        "serviceLoadBalancerIPs",
    ];
    let says = |name: &&str| {
        let list = configuration.spec.other.get(*name).and_then(Value::as_array);
        list.is_some_and(|list| !list.is_empty())
    };
    let said: Vec<&str> = names.into_iter().filter(says).collect();
    (!said.is_empty()).then(|| {
        format!(
            "{}: addresses of services are not announced, which is not supported",
            said.join(", ")
        )
    })
}
