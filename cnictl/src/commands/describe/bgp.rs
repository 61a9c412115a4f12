//! BGP's resources: who speaks with whom because of them.

use std::net::IpAddr;

use serde_json::Value;
use shared::model::bgp::{BGPConfiguration, BGPPeer, Speaker};
use shared::model::key::{Plural, Prefix};
use shared::model::node::Node;
use shared::selector::Selector;
use shared::txn::{Reads, Snapshot};

use super::{all, notes, warnings};
use crate::sheet::Sheet;
use crate::stored::text;

/// Peers, filters, settings and nodes.
pub(super) fn reads() -> Reads {
    let plurals = [
        Plural::BgpPeers,
        Plural::BgpFilters,
        Plural::BgpConfigurations,
        Plural::Nodes,
    ];
    plurals.into_iter().fold(Reads::new(), |reads, plural| {
        reads.prefix(Prefix::resources(plural))
    })
}

/// The nodes that speak BGP, and the cluster's settings.
struct Speakers {
    nodes: Vec<(Node, Speaker)>,
    default: Option<BGPConfiguration>,
}

impl Speakers {
    fn of(snapshot: &Snapshot) -> Self {
        let nodes: Vec<Node> = all(snapshot, Plural::Nodes);
        let settings: Vec<BGPConfiguration> = all(snapshot, Plural::BgpConfigurations);
        let speaker = |node: Node| node.speaker().map(|(speaker, _)| (node, speaker));
        Self {
            nodes: nodes.into_iter().filter_map(speaker).collect(),
            default: settings
                .into_iter()
                .find(|settings| settings.name() == BGPConfiguration::DEFAULT),
        }
    }

    fn number(&self, speaker: &Speaker) -> u32 {
        let usual = || {
            self.default
                .as_ref()
                .map_or(shared::model::bgp::DEFAULT_NUMBER, BGPConfiguration::number)
        };
        speaker.number.unwrap_or_else(usual)
    }

    /// The speakers that a selector means; an empty one means none.
    fn selected<'a>(&'a self, selector: &str) -> Vec<&'a (Node, Speaker)> {
        let parsed = Selector::parse(selector).ok().filter(|_| !selector.is_empty());
        let means = |(node, _): &&(Node, Speaker)| {
            parsed
                .as_ref()
                .is_some_and(|selector| selector.matches(&node.labels()))
        };
        self.nodes.iter().filter(means).collect()
    }
}

pub(super) fn peer(sheet: &mut Sheet, snapshot: &Snapshot, object: &Value) {
    let Ok(peer) = serde_json::from_value::<BGPPeer>(object.clone()) else {
        return notes(sheet, vec!["its spec makes no peer".to_owned()]);
    };
    let speakers = Speakers::of(snapshot);
    let spec = &peer.spec;
    let local: Vec<&(Node, Speaker)> = match spec.node.as_str() {
        "" if peer.is_global() => speakers.nodes.iter().collect(),
        "" => speakers.selected(&spec.node_selector),
        name => speakers
            .nodes
            .iter()
            .filter(|(node, _)| node.name() == name)
            .collect(),
    };
    let mut lines = Vec::new();
    for (node, speaker) in &local {
        let own = match &spec.local_as_number {
            Some(number) => number.get(),
            None => speakers.number(speaker),
        };
        let ends = match spec.peer_ip.as_str() {
            "" => between(&speakers, node, speaker, &spec.peer_selector),
            address => vec![(
                address.to_owned(),
                spec.as_number.as_ref().map_or(0, |number| number.get()),
            )],
        };
        for (whom, number) in ends {
            let number = number_of(&speakers, &whom, number);
            let kind = match number {
                0 => "AS not known".to_owned(),
                number if number == own => format!("AS {number}, iBGP"),
                number => format!("AS {number}, eBGP"),
            };
            lines.push(format!("{} (AS {own}) with {whom} ({kind})", node.name()));
        }
    }
    sheet.list("Sessions", lines);
    notes(sheet, warnings(snapshot, object));
}

/// The other nodes of a selector, by the addresses that both ends have.
fn between(speakers: &Speakers, node: &Node, own: &Speaker, selector: &str) -> Vec<(String, u32)> {
    let others = speakers.selected(selector).into_iter();
    let others = others.filter(|(other, _)| other.name() != node.name());
    let ends = others.flat_map(|(other, speaker)| {
        let reachable = speaker
            .addresses()
            .filter(|address| own.beside(*address).is_some());
        reachable.map(|address| (format!("{} at {address}", other.name()), speakers.number(speaker)))
    });
    ends.collect()
}

/// Without an AS number an address is a node's, with the node's number.
fn number_of(speakers: &Speakers, whom: &str, number: u32) -> u32 {
    if number != 0 {
        return number;
    }
    let Ok((address, _)) = crate::validate::peer_address(whom) else {
        return 0;
    };
    let has = |speaker: &Speaker| speaker.addresses().any(|own: IpAddr| own == address);
    let found = speakers.nodes.iter().find(|(_, speaker)| has(speaker));
    found.map_or(0, |(_, speaker)| speakers.number(speaker))
}

pub(super) fn filter(sheet: &mut Sheet, snapshot: &Snapshot, object: &Value) {
    let name = text(object, "/metadata/name");
    let peers: Vec<BGPPeer> = all(snapshot, Plural::BgpPeers);
    let names = |peer: &&BGPPeer| peer.spec.filters.iter().flatten().any(|filter| filter == name);
    let users: Vec<String> = peers
        .iter()
        .filter(names)
        .map(|peer| peer.name().to_owned())
        .collect();
    let said = match users.is_empty() {
        true => vec!["no BGPPeer names it in spec.filters: it does nothing".to_owned()],
        false => Vec::new(),
    };
    sheet.list("BGPPeers that name it", users);
    notes(sheet, said);
}

pub(super) fn configuration(sheet: &mut Sheet, snapshot: &Snapshot, object: &Value) {
    let Ok(settings) = serde_json::from_value::<BGPConfiguration>(object.clone()) else {
        return notes(sheet, vec!["its spec makes no settings".to_owned()]);
    };
    let speakers = Speakers::of(snapshot);
    if settings.name() == BGPConfiguration::DEFAULT {
        sheet.title("In force");
        sheet.pair("AS number", settings.number().to_string());
        let count = speakers.nodes.len();
        sheet.pair(
            "Mesh",
            match settings.mesh() {
                true => format!("{count} nodes, {} sessions", count * count.saturating_sub(1) / 2),
                false => "off".to_owned(),
            },
        );
        return;
    }
    let node = settings
        .name()
        .strip_prefix("node.")
        .unwrap_or_default()
        .to_owned();
    let mut said = Vec::new();
    if !speakers.nodes.iter().any(|(other, _)| other.name() == node) {
        said.push(format!(
            "there is no Node {node:?} that takes part in BGP: nobody goes by it"
        ));
    }
    let ignored = settings.default_only_fields();
    if !ignored.is_empty() {
        said.push(format!("{} counts in default only", ignored.join(", ")));
    }
    notes(sheet, said);
}
