//! What tests of policy and of what builds on it begin with.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;

use super::{Filter, Pool, Pools};
use crate::session::{Kind, Local, NextHopMode, Password, PeerKey, Session};
use crate::wire::{AsPath, Attributes, Family, Segment};

pub(crate) fn net(text: &str) -> IpNet {
    text.parse().unwrap()
}

pub(crate) fn address(text: &str) -> IpAddr {
    text.parse().unwrap()
}

/// This node: AS 64512, 192.168.1.4.
pub(crate) fn local() -> Local {
    Local {
        node: "worker01".to_owned(),
        number: 64512,
        id: [192, 168, 1, 4].into(),
        addresses: vec![address("192.168.1.4"), address("fd00:1::4")],
        cluster: None,
    }
}

/// A session of this node with 192.168.1.1 in that AS.
pub(crate) fn session(number: u32) -> Session {
    Session {
        key: PeerKey {
            address: address("192.168.1.1"),
            port: 179,
        },
        kind: Kind::Node,
        origin: "BGPPeer leaf".to_owned(),
        node: None,
        local_number: 64512,
        number,
        families: Family::ALL.into(),
        source: Some(address("192.168.1.4")),
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

/// 10.48.0.0/16 and fd00:48::/64; 10.49.0.0/16 is not exported.
pub(crate) fn pools() -> Pools {
    let pool = |cidr: &str, export: bool| Pool {
        cidr: net(cidr),
        export,
        encapsulated: false,
    };
    let all = [
        pool("10.48.0.0/16", true),
        pool("fd00:48::/64", true),
        pool("10.49.0.0/16", false),
    ];
    all.into_iter().collect()
}

/// Attributes of a learned route.
pub(crate) fn attributes(next_hop: &str, path: &[u32]) -> Attributes {
    let mut attributes = Attributes::originated(address(next_hop));
    attributes.as_path = AsPath(vec![Segment::Sequence(path.to_vec())]);
    attributes
}

/// A filter with this `spec`.
pub(crate) fn filter(spec: &serde_json::Value) -> Vec<Arc<Filter>> {
    let resource = serde_json::json!({ "spec": spec });
    vec![Arc::new(Filter::parse("f", &resource).unwrap())]
}
