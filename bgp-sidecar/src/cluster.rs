//! What the datastore says, as one value (stand-in until its author's file is merged).

use std::collections::BTreeMap;
use std::net::IpAddr;

use ipnet::IpNet;

use crate::session::Local;
use crate::{origin, peers, policy, settings};

/// Everything the datastore says that this node acts on.
#[derive(Clone, Debug, PartialEq)]
pub struct Picture {
    /// This node as a speaker, or why it is none.
    pub local: Result<Local, String>,
    /// Sessions, those held back, and problems.
    pub sessions: peers::Resolved,
    /// What is announced.
    pub origin: origin::Origin,
    /// What no peer may take from this node.
    pub own: policy::Own,
    /// The pools.
    pub pools: policy::Pools,
    /// `prefixAdvertisements`.
    pub tags: Vec<policy::Tag>,
    /// Address lent to another node, and that node's address.
    pub lent: BTreeMap<IpAddr, IpAddr>,
    /// Pools with a tunnel.
    pub encapsulated: Vec<IpNet>,
    /// Where to listen.
    pub listen_port: u16,
    /// How much is logged.
    pub log_level: settings::LogLevel,
    /// How many Nodes there are.
    pub nodes: usize,
    /// The cluster's GUID.
    pub guid: Option<String>,
    /// strictAffinity.
    pub strict: bool,
    /// What is wrong.
    pub problems: Vec<String>,
}
