//! Whole speakers, their octets carried by hand: what a node announces arrives in another node's kernel.

mod ending;
mod network;
mod reflectors;
mod releases;
mod sessions;
mod slow;
mod warnings;
mod ways;

use std::collections::BTreeSet;
use std::net::IpAddr;

use ipnet::IpNet;

use super::*;
use crate::fib::{BLACKHOLE, KernelKind, KernelRoute, Kind as RouteKind, LEARNED};
use crate::origin::Origin;
use crate::peers::Resolved;
use crate::policy::{Own, Pool, Pools};
use crate::session::{Kind, Local, NextHopMode, Password};
use crate::settings::LogLevel;

pub(super) fn net(text: &str) -> IpNet {
    text.parse().unwrap()
}

pub(super) fn key(node: u8) -> PeerKey {
    PeerKey {
        address: address(node),
        port: 179,
    }
}

/// Node 1 is 192.0.2.1.
pub(super) fn address(node: u8) -> IpAddr {
    IpAddr::from([192, 0, 2, node])
}

/// The block of a node: node 1 has 10.0.1.0/26.
pub(super) fn block(node: u8) -> IpNet {
    net(&format!("10.0.{node}.0/26"))
}

/// A session from one node to another, of one AS.
pub(super) fn session(to: u8) -> Session {
    Session {
        key: key(to),
        kind: Kind::Mesh,
        origin: "node-to-node mesh".to_owned(),
        node: Some(format!("n{to}")),
        local_number: 64512,
        number: 64512,
        families: BTreeSet::from([Family::Ipv4]),
        source: None,
        passive: false,
        hold: 90,
        keepalive: None,
        connect_retry: Duration::from_secs(5),
        restart_time: 120,
        password: Password::None,
        ttl_security: None,
        next_hop: NextHopMode::Auto,
        allowed_local_numbers: 0,
        reachable_by: None,
        filters: Vec::new(),
        client: false,
        max_prefixes: None,
    }
}

/// Who a node is: n1 is 192.0.2.1.
fn identity(node: u8) -> Local {
    Local {
        node: format!("n{node}"),
        number: 64512,
        id: [192, 0, 2, node].into(),
        addresses: vec![address(node)],
        cluster: None,
    }
}

/// What it announces that has these blocks.
fn origin(own: &BTreeSet<IpNet>) -> Origin {
    Origin {
        announced: own.clone(),
        blackholes: own.clone(),
        blocks: own.clone(),
        ..Origin::default()
    }
}

/// What the datastore says to a node with these sessions.
pub(super) fn picture(node: u8, sessions: Vec<Session>) -> Picture {
    let own = BTreeSet::from([block(node)]);
    let pool = Pool {
        cidr: net("10.0.0.0/16"),
        export: true,
        encapsulated: false,
    };
    Picture {
        local: Ok(identity(node)),
        sessions: Resolved {
            sessions,
            ..Resolved::default()
        },
        origin: origin(&own),
        own: Own {
            blocks: own.into_iter().map(|block| (block, BTreeSet::new())).collect(),
            ..Own::default()
        },
        pools: Pools::from_iter([pool]),
        tags: Vec::new(),
        lent: BTreeMap::new(),
        encapsulated: Vec::new(),
        listen_port: 179,
        bind_node_ip: false,
        log_level: LogLevel::Info,
        nodes: 3,
        registered: true,
        guid: Some("guid".to_owned()),
        strict: true,
        problems: Vec::new(),
    }
}

/// A machine on 192.0.2.0/24.
pub(super) fn table(node: u8) -> KernelTable {
    let uplink = KernelRoute {
        destination: net("192.0.2.0/24"),
        metric: 0,
        protocol: 2,
        kind: KernelKind::Connected("uplink".into()),
    };
    KernelTable::new([uplink], [address(node)])
}
