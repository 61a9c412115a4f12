//! From an UPDATE to the kernel's table, by the numbers of the networks it is built for.

use std::collections::BTreeSet;

use serde_json::json;

use super::*;
use crate::policy::fixtures::{address, attributes, filter, local, net, session};
use crate::policy::{Import, Own, Pool, Pools};
use crate::rib::{Changes, PeerInfo, Reach, Rib};
use crate::session::{PeerKey, Session};
use crate::wire::{Announcement, Update};

/// One node: 192.168.1.4 on eth0, the default route to the leaf .1.
struct Node {
    rib: Rib,
    pools: Pools,
    own: Own,
    table: KernelTable,
    all: bool,
}

impl Node {
    fn new(pool: &str) -> Self {
        let pool = Pool {
            cidr: net(pool),
            export: true,
            encapsulated: false,
        };
        let route = |destination: &str, kind| KernelRoute {
            destination: net(destination),
            metric: 0,
            protocol: 4,
            kind,
        };
        let gateway = Hop {
            gateway: Some(address("192.168.1.1")),
            interface: Some("eth0".into()),
        };
        let routes = [
            route("192.168.1.0/24", KernelKind::Connected("eth0".into())),
            route("0.0.0.0/0", KernelKind::Via(vec![gateway])),
        ];
        Self {
            rib: Rib::default(),
            pools: [pool].into_iter().collect(),
            own: Own {
                node: vec![net("192.168.1.4/24")],
                ..Own::default()
            },
            table: KernelTable::new(routes, [address("192.168.1.4")]),
            all: false,
        }
    }

    /// A peer announces prefixes with this next hop.
    fn hears(&mut self, from: &str, session: &Session, next_hop: &str, prefixes: &[IpNet]) -> Changes {
        let key = PeerKey {
            address: address(from),
            port: 179,
        };
        let info = PeerInfo {
            internal: session.internal(),
            client: false,
            id: [192, 168, 1, 1].into(),
            max_prefixes: None,
        };
        self.rib.peer_up(key, info);
        let update = Update {
            announced: vec![Announcement {
                attributes: attributes(next_hop, &[65000]),
                nlri: prefixes.iter().map(|prefix| (*prefix).into()).collect(),
            }],
            ..Update::default()
        };
        let local = local();
        let import = Import {
            session,
            local: &local,
            pools: &self.pools,
            own: &self.own,
            all: self.all,
        };
        let verdict = |prefix, received: &_| import.verdict(prefix, received);
        let mut changes = self.rib.update(key, &update, &verdict);
        for next_hop in std::mem::take(&mut changes.resolve) {
            let reach = match resolve(next_hop, &self.table) {
                Ok(Resolved { cost, .. }) => Reach::Reachable {
                    cost,
                    interface: None,
                },
                Err(why) => Reach::Unreachable(why.to_string().into()),
            };
            changes.merge(self.rib.set_next_hop(next_hop, reach));
        }
        changes
    }

    /// The kernel's table, as `ip route` prints it; `lent` is an address and its holder.
    fn kernel(&self, lent: &[(&str, &str)]) -> BTreeSet<String> {
        let blocks = self.own.blocks.keys().copied().collect();
        let lent = lent.iter().map(|(lent, holder)| (address(lent), address(holder)));
        let encapsulated: Vec<_> = self.pools.encapsulated().collect();
        let inputs = Inputs {
            blocks: &blocks,
            released: &BTreeSet::new(),
            lent: &lent.collect(),
            ways: &Ways::new(),
            encapsulated: &encapsulated,
            resolve: &|next_hop| resolve(next_hop, &self.table),
        };
        let wanted = wanted(&inputs, learned(&self.rib, None));
        let plan = diff(&wanted.routes, &Routes::new(), None);
        let routes = plan.put.iter().chain(&plan.learned).map(|op| match op {
            Op::Replace(route) | Op::Delete(route) => route.to_string(),
        });
        routes.collect()
    }
}

fn set(routes: &[&str]) -> BTreeSet<String> {
    routes.iter().map(|route| (*route).to_owned()).collect()
}

#[test]
fn the_owner_of_a_block_reaches_a_borrowed_address_with_and_without_reflection() {
    let mut owner = Node::new("1.1.1.0/29");
    let lent = [address("1.1.1.2")].into();
    owner.own.blocks = [(net("1.1.1.0/29"), lent)].into();
    owner.own.addresses = [address("1.1.1.1")].into();
    let trap = ["blackhole 1.1.1.0/29 metric 4096"];
    assert_eq!(
        owner.kernel(&[]),
        set(&trap),
        "what it would be without the exception"
    );

    let exception = "1.1.1.2/32 via 192.168.1.5 dev eth0 metric 3072";
    let borrowed = [("1.1.1.2", "192.168.1.5")];
    assert_eq!(owner.kernel(&borrowed), set(&[trap[0], exception]));

    let leaf = session(64512);
    owner.hears(
        "192.168.1.1",
        &leaf,
        "192.168.1.5",
        &[net("1.1.1.2/32"), net("1.1.1.3/32")],
    );
    let learned = "1.1.1.2/32 via 192.168.1.5 dev eth0 metric 2048";
    assert_eq!(
        owner.kernel(&borrowed),
        set(&[trap[0], exception, learned]),
        "and .3 is nobody's"
    );
}

#[test]
fn two_leaves_share_and_the_death_of_one_leaves_the_other() {
    let mut node = Node::new("1.1.0.0/16");
    let pods = ["1.1.1.7/32", "1.1.2.7/32"].map(net);
    for leaf in ["192.168.1.1", "192.168.1.2"] {
        node.hears(leaf, &session(64512), leaf, &pods);
    }
    let both = "via 192.168.1.1 dev eth0 via 192.168.1.2 dev eth0 metric 2048";
    let expected = pods.map(|pod| format!("{pod} {both}"));
    assert_eq!(node.kernel(&[]), expected.into());

    let key = PeerKey {
        address: address("192.168.1.1"),
        port: 179,
    };
    let changes = node.rib.peer_down(key);
    assert_eq!(changes.best, pods.into());
    let expected = pods.map(|pod| format!("{pod} via 192.168.1.2 dev eth0 metric 2048"));
    assert_eq!(node.kernel(&[]), expected.into());
}

#[test]
fn a_fabric_is_kept_out_let_in_or_picked_from() {
    let fabric: Vec<IpNet> = (0..1000u32)
        .map(|number| net(&format!("10.{}.{}.0/24", number / 250, number % 250)))
        .chain([net("0.0.0.0/0"), net("1.1.1.9/32")])
        .collect();
    let count = |session: &Session, all: bool| {
        let mut node = Node::new("1.1.0.0/16");
        node.all = all;
        node.hears("192.168.1.1", session, "192.168.1.1", &fabric);
        (node.kernel(&[]).len(), node.rib.received(session.key).count())
    };
    assert_eq!(count(&session(64512), false), (1, 1002));
    assert_eq!(count(&session(64512), true), (1002, 1002));
    let filters = filter(&json!({"importV4": [
        {"cidr": "0.0.0.0/0", "matchOperator": "Equal", "action": "Accept"},
        {"cidr": "10.1.0.0/16", "matchOperator": "In", "action": "Accept"},
        {"action": "Reject"}]}));
    let picky = Session {
        filters,
        ..session(64512)
    };
    assert_eq!(count(&picky, true), (251, 1002));
}

#[test]
fn another_subnet_is_reached_through_the_router_which_is_said_to_need_the_route() {
    let mut node = Node::new("10.1.0.0/16");
    node.hears(
        "192.168.2.4",
        &session(64512),
        "192.168.2.4",
        &[net("10.1.4.0/26")],
    );
    let expected = "10.1.4.0/26 via 192.168.1.1 dev eth0 metric 2048";
    assert_eq!(node.kernel(&[]), set(&[expected]));
    let resolved = resolve(address("192.168.2.4"), &node.table).unwrap();
    let caution = resolved.caution(address("192.168.2.4"), |_| false).unwrap();
    assert!(
        caution.contains("on no link of this node: packets go to 192.168.1.1"),
        "{caution}"
    );
}
