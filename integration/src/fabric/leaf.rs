//! A fabric: racks of nodes, each node with a cable to every leaf of its rack, each leaf with one to the spine. Addresses of pods
//! travel nowhere else; the datastore is reached by a network of its own.
//!
//! ```text
//!            spine                 10.255.N.0/31 to leaf N, interface `leafN`
//!       ┌──────┴──────┐
//!     leaf 1        leaf 2         10.255.N.1/31, interface `spine`; `br0` towards the rack
//!       │  ╲        ╱ │
//!       │    ╲    ╱   │
//!     node          node           an interface for each leaf, one address on all of them
//! ```

use std::cell::RefCell;
use std::sync::Arc;

use super::forwards;
use crate::netns::Netns;
use crate::node::Node;
use crate::site::Site;

/// Where nodes reach the datastore, apart from everything that routers carry.
pub const MANAGEMENT: Site = Site {
    number: 200,
    bridge: "br0",
    uplink: "mgmt",
};

/// The leaf's interface towards the spine.
const UP: &str = "spine";

/// A leaf switch, without a router on it.
pub struct Leaf {
    /// Its namespace.
    pub netns: Arc<Netns>,
    /// Its address in the rack.
    pub address: String,
    number: u8,
    ports: RefCell<Vec<String>>,
}

impl Leaf {
    /// The spine's leaf of this number, at an address of its rack's /24.
    pub fn new(spine: &Netns, number: u8, address: &str) -> Self {
        let netns = Arc::new(Netns::new("leaf"));
        netns.ip(&format!(
            "link add br0 address 02:00:00:00:{number:02x}:01 type bridge"
        ));
        netns.ip("link set br0 up");
        netns.ip(&format!("address add {address}/24 dev br0"));
        let port = format!("leaf{number}");
        cable((spine, &port), (&netns, UP));
        let leaf = Self {
            netns,
            address: address.to_owned(),
            number,
            ports: RefCell::default(),
        };
        spine.ip(&format!("address add {}/31 dev {port}", leaf.above()));
        needs_carrier(spine, &port);
        leaf.netns
            .ip(&format!("address add {}/31 dev {UP}", leaf.below()));
        forwards(&leaf.netns);
        leaf.knows_the_way_up();
        leaf
    }

    /// The spine's address on the cable to it.
    pub fn above(&self) -> String {
        format!("10.255.{}.0", self.number)
    }

    /// Its own on that cable.
    pub fn below(&self) -> String {
        format!("10.255.{}.1", self.number)
    }

    /// What it has no route to goes to the spine.
    fn knows_the_way_up(&self) {
        self.netns
            .ip(&format!("route replace default via {}", self.above()));
    }

    /// A cable to a node, whose interface gets this address with its length.
    pub fn cable(&self, node: &Node, interface: &str, address: &str) {
        let port = format!("node{}", self.ports.borrow().len());
        cable((&self.netns, &port), (node.netns(), interface));
        self.netns.ip(&format!("link set {port} master br0"));
        // The cable leads to this leaf and to nobody else of its subnet.
        let place = format!("address add {address} dev {interface} noprefixroute");
        node.netns().ip(&place);
        let source = address.split('/').next().unwrap_or_default();
        node.netns().ip(&format!(
            "route add {}/32 dev {interface} src {source}",
            self.address
        ));
        needs_carrier(node.netns(), interface);
        self.ports.borrow_mut().push(port);
    }

    /// Its power is gone: there is no carrier on any cable, before anything that runs on it could say a word.
    pub fn goes_dark(&self, ends: impl FnOnce()) {
        self.rack(false);
        self.netns.ip(&format!("link set {UP} down"));
        ends();
    }

    /// It has power again. The rack's cables come last, as a switch that starts holds them back until it knows the way up.
    pub fn lights_up(&self, is_ready: impl FnOnce()) {
        self.netns.ip(&format!("link set {UP} up"));
        self.knows_the_way_up();
        is_ready();
        self.rack(true);
    }

    fn rack(&self, on: bool) {
        let state = if on { "up" } else { "down" };
        for port in &*self.ports.borrow() {
            self.netns.ip(&format!("link set {port} {state}"));
        }
    }
}

/// The node's default route, by all of these, each on its interface.
pub fn default_by(node: &Node, leaves: &[(&Leaf, &str)]) {
    let hop = |(leaf, interface): &(&Leaf, &str)| format!(" nexthop via {} dev {interface}", leaf.address);
    let hops: String = leaves.iter().map(hop).collect();
    node.netns().ip(&format!("route replace default{hops}"));
}

/// A way without carrier is none: what a switch does by itself, a Linux host is told.
fn needs_carrier(netns: &Netns, interface: &str) {
    for scope in ["all", interface] {
        let path = format!("net/ipv4/conf/{scope}/ignore_routes_with_linkdown");
        netns.set_sysctl(&path, "1");
    }
}

/// A cable between two namespaces, both ends up.
fn cable((one, port): (&Netns, &str), (other, interface): (&Netns, &str)) {
    one.ip(&format!(
        "link add {port} type veth peer name {interface} netns {}",
        other.name()
    ));
    one.ip(&format!("link set {port} up"));
    other.ip(&format!("link set {interface} up"));
}

/// What goes through a router, by source and destination.
pub struct Meter<'a> {
    netns: &'a Netns,
    ways: Vec<(String, String)>,
}

impl<'a> Meter<'a> {
    /// Counts from now on.
    pub fn new(netns: &'a Netns, ways: Vec<(String, String)>) -> Self {
        for (from, to) in &ways {
            let rule = ["-w", "-A", "FORWARD", "-s", from, "-d", to];
            netns.command("iptables").args(rule).run().ok_only();
        }
        Self { netns, ways }
    }

    /// Which of them went through, in the order given.
    pub fn passed(&self) -> Vec<bool> {
        let list = ["-w", "-n", "-v", "-x", "-L", "FORWARD"];
        let table = self.netns.command("iptables").args(list).ok();
        let counts = |row: &str| row.split_whitespace().next()?.parse::<u64>().ok();
        let counts: Vec<_> = table.lines().filter_map(counts).collect();
        assert_eq!(counts.len(), self.ways.len(), "{table}");
        counts.into_iter().map(|packets| packets > 0).collect()
    }
}
