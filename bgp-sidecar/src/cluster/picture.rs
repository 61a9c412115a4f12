//! The answer: one value that the speaker is configured with.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use ipnet::IpNet;
use shared::model::bgp::{BGPConfiguration, listen_port};
use shared::model::ippool::IPPool;

use super::{Cluster, problem, tags};
use crate::origin::{self, Origin};
use crate::peers::{self, Resolved};
use crate::policy::{Own, Pool, Pools, Tag};
use crate::session::Local;
use crate::settings::{self, LogLevel, Settings};

/// Everything the datastore says that this node acts on.
#[derive(Clone, Debug, PartialEq)]
pub struct Picture {
    /// This node as a speaker, or why it is none.
    pub local: Result<Local, String>,
    /// With whom it speaks.
    pub sessions: Resolved,
    /// What it announces.
    pub origin: Origin,
    /// What nobody may take from it.
    pub own: Own,
    /// All pools.
    pub pools: Pools,
    /// Communities for what is inside a prefix.
    pub tags: Vec<Tag>,
    /// Addresses of own blocks that another node holds, and that node's address of the same family.
    pub lent: BTreeMap<IpAddr, IpAddr>,
    /// Ranges whose routes are announced and never put into the kernel as plain ones.
    pub encapsulated: Vec<IpNet>,
    /// Where to listen.
    pub listen_port: u16,
    /// Listen on the node's addresses only (`bindMode: NodeIP`).
    pub bind_node_ip: bool,
    /// How much to log.
    pub log_level: LogLevel,
    /// How many Nodes there are, readable or not.
    pub nodes: usize,
    /// Whether this node's own is among them.
    pub registered: bool,
    /// The GUID of the ClusterInformation.
    pub guid: Option<String>,
    /// `strictAffinity`
    pub strict: bool,
    /// Everything a person should put right, and what has no effect in this version; sorted, each once. What
    /// `sessions` reports is here too.
    pub problems: Vec<String>,
}

impl Picture {
    /// What [`origin::withdrawal`] judges.
    pub fn judged(&self) -> origin::Picture<'_> {
        origin::Picture {
            origin: &self.origin,
            peers: self.sessions.sessions.iter().map(|one| one.key).collect(),
            nodes: self.nodes,
            registered: self.registered,
            guid: self.guid.as_deref(),
        }
    }
}

impl Cluster {
    /// What follows from everything that was read. `secrets`: the value of a Secret's key, by the names of both.
    pub fn picture(&self, settings: &Settings, secrets: &BTreeMap<(String, String), Vec<u8>>) -> Picture {
        let mut problems: Vec<String> = self.unreadable().collect();
        let input = peers::Input {
            node: &self.node,
            nodes: &self.nodes.list(),
            configurations: self.configurations.values(),
            peers: &self.peers.list(),
            filters: self.filters.values(),
            secrets,
            defaults: &settings.sessions,
        };
        let sessions = peers::resolve(&input);
        problems.extend(sessions.problems.iter().map(ToString::to_string));
        let pools = self.pools.list();
        problems.extend(pools.iter().flat_map(unsupported));
        let origin = self.origin(&pools);
        let pools: Pools = pools.iter().map(pool_of).collect();
        let configurations = self.configurations.values();
        let tags = tags::tags(configurations, &self.node, &mut problems);
        let lent = self.lent(&origin, &mut problems);
        problems.sort();
        problems.dedup();
        Picture {
            local: peers::local(&input, settings.router_id),
            own: self.own(&origin),
            encapsulated: pools.encapsulated().collect(),
            listen_port: settings.listen_port.unwrap_or_else(|| self.listen_port()),
            bind_node_ip: self.bind_node_ip(),
            log_level: settings::log_level(settings.log_level, configurations, &self.node),
            nodes: self.nodes.count(),
            registered: self.nodes.values().contains_key(&self.node),
            guid: self.guid(),
            strict: self.strict(),
            sessions,
            origin,
            pools,
            tags,
            lent,
            problems,
        }
    }

    fn origin(&self, pools: &[IPPool]) -> Origin {
        origin::originate(&origin::Input {
            node: &self.node,
            affinities: self.affinities.values(),
            blocks: self.blocks.values(),
            pools,
        })
    }

    fn listen_port(&self) -> u16 {
        let named = |name: &str| self.configurations.values().get(name);
        listen_port(
            named(BGPConfiguration::DEFAULT),
            named(&BGPConfiguration::name_of(&self.node)),
        )
    }

    fn bind_node_ip(&self) -> bool {
        let default = self.configurations.values().get(BGPConfiguration::DEFAULT);
        default.is_some_and(|one| one.spec.bind_mode.as_deref() == Some("NodeIP"))
    }

    fn guid(&self) -> Option<String> {
        let information = self.information.values().get("default")?;
        let guid = information.spec.cluster_guid.clone();
        // One without a GUID is still one: a datastore that is not empty.
        Some(guid.unwrap_or_default())
    }

    fn own(&self, origin: &Origin) -> Own {
        let lent_of = |block: &IpNet| -> BTreeSet<IpAddr> {
            let inside = origin.lent.range(block.network()..=block.broadcast());
            inside.map(|(address, _)| *address).collect()
        };
        let blocks = origin.blocks.iter().map(|block| (*block, lent_of(block)));
        let speaker = self
            .nodes
            .values()
            .get(&self.node)
            .and_then(|node| node.speaker());
        let node = speaker.map(|(speaker, _)| [speaker.ipv4, speaker.ipv6]);
        Own {
            blocks: blocks.collect(),
            addresses: origin.own.clone(),
            node: node.into_iter().flatten().flatten().collect(),
        }
    }

    /// A borrower without an address is reported: its pods cannot be reached from here.
    fn lent(&self, origin: &Origin, problems: &mut Vec<String>) -> BTreeMap<IpAddr, IpAddr> {
        let mut lent = BTreeMap::new();
        for (address, borrower) in &origin.lent {
            let node = self.nodes.values().get(borrower);
            let speaker = node.and_then(|node| node.speaker());
            match speaker.and_then(|(speaker, _)| speaker.beside(*address)) {
                Some(through) => {
                    lent.insert(*address, through);
                }
                None => problems.push(problem(
                    "Node",
                    borrower,
                    &format!(
                        "it holds {address} of a block of this node and has no address of that family: no route can \
                         lead around the blackhole; register the node, or release the address"
                    ),
                )),
            }
        }
        lent
    }
}

fn pool_of(pool: &IPPool) -> Pool {
    Pool {
        cidr: pool.cidr(),
        export: pool.spec.disable_bgp_export != Some(true),
        encapsulated: modes(pool).any(|(_, word)| matches!(word, "Always" | "CrossSubnet")),
    }
}

fn modes(pool: &IPPool) -> impl Iterator<Item = (&'static str, &str)> {
    let modes = [
        ("ipipMode", &pool.spec.ipip_mode),
        ("vxlanMode", &pool.spec.vxlan_mode),
    ];
    modes
        .into_iter()
        .filter_map(|(field, word)| Some((field, word.as_deref()?)))
}

/// What a pool asks for and does not get in this version.
fn unsupported(pool: &IPPool) -> Vec<String> {
    let said = |text: &str| problem("IPPool", &pool.name(), text);
    let mode = |(field, word): (&str, &str)| match word {
        "" | "Never" => None,
        "Always" | "CrossSubnet" => Some(said(&format!(
            "{field} {word}: tunnels are not supported: its routes are announced, and not put into the kernel"
        ))),
        other => Some(said(&format!(
            "{field} {other:?} is none of Never, Always, CrossSubnet: it counts as Never"
        ))),
    };
    let nat = (pool.spec.nat_outgoing == Some(true)).then(|| {
        said("natOutgoing is not supported: nothing that leaves the pools is masqueraded by this node")
    });
    modes(pool).filter_map(mode).chain(nat).collect()
}
