//! What the tests of the daemon share: a switch of any make, Calico's resources, pods by pool.

use std::sync::Arc;

use integration::bird::{self, Bird};
use integration::fabric::{Router, Tor, forwards};
use integration::frr::{self, Frr};
use integration::gobgp::Gobgp;
use integration::json::with;
use integration::lab::pool;
use integration::netns::Netns;
use integration::node::address;
use integration::process::Answer;
use integration::wait::eventually;
use integration::{Kind, Lab, Node, Pod};
use serde_json::{Value, json};

/// The leaf, `worker01` and `worker02`.
pub(crate) const TOR: &str = "192.168.1.1";
pub(crate) const ONE: &str = "192.168.1.4";
pub(crate) const TWO: &str = "192.168.1.5";
/// The same by IPv6.
pub(crate) const TOR6: &str = "fd00:192:168:1::1";
pub(crate) const ONE6: &str = "fd00:192:168:1::4";
pub(crate) const TWO6: &str = "fd00:192:168:1::5";

/// Who made a switch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Make {
    Bird,
    Frr,
    Gobgp,
}

impl Make {
    pub(crate) const ALL: [Self; 3] = [Self::Bird, Self::Frr, Self::Gobgp];

    /// Starts one.
    pub(crate) fn start(self, netns: &Arc<Netns>, tor: &Tor) -> Box<dyn Router> {
        eprintln!("{self:?} is {tor:?}");
        match self {
            Self::Bird => Box::new(Bird::start(netns, &bird::conf(tor))),
            Self::Frr => Box::new(Frr::start(netns, &frr::conf(tor))),
            Self::Gobgp => Box::new(Gobgp::tor(netns, tor)),
        }
    }
}

/// A laboratory on etcd whose leaf forwards, with pods in 10.10.0.0/16 by blocks of 64, nodes that do not speak to each other,
/// and a second pool from which no node here takes.
pub(crate) fn lab() -> Lab {
    furnished(Lab::new(Kind::Etcd))
}

/// The same on an etcd that asks nobody for a user.
pub(crate) fn plain_lab() -> Lab {
    furnished(Lab::plain(Kind::Etcd))
}

fn furnished(lab: Lab) -> Lab {
    forwards(&lab.leaf);
    mesh(&lab, false);
    lab.pool("pods", "10.10.0.0/16", 26);
    elsewhere(&lab, "10.20.0.0/16");
    lab
}

/// Whether the nodes speak to each other.
pub(crate) fn mesh(lab: &Lab, enabled: bool) {
    lab.apply(
        &json!({"kind": "BGPConfiguration", "metadata": {"name": "default"},
        "spec": {"nodeToNodeMeshEnabled": enabled, "asNumber": 64512, "logSeverityScreen": "Debug"}}),
    );
}

/// A peer of every node.
pub(crate) fn peer(lab: &Lab, name: &str, address: &str, number: u32) {
    lab.apply(&json!({"kind": "BGPPeer", "metadata": {"name": name},
        "spec": {"peerIP": address, "asNumber": number}}));
}

/// A pool from which no node takes: what another cluster may announce.
pub(crate) fn elsewhere(lab: &Lab, cidr: &str) {
    lab.apply(&with(pool("elsewhere", cidr, 26), "spec/nodeSelector", "!all()"));
}

/// A pool of blocks of one address, from which only those take that ask.
pub(crate) fn singles(lab: &Lab) {
    lab.pool("singles", "10.30.0.0/24", 32);
}

/// A pod with an address out of a pool; the address.
pub(crate) fn pod_of(node: &Node, cidr: &str) -> (Pod, String) {
    let conf = with(node.conf(), "ipam/ipv4_pools", json!([cidr]));
    let pod = Pod::new("pod");
    let address = address(&node.add(&conf, &pod));
    (pod, address)
}

/// A pod in the pool of [`lab`]; its address and its block.
pub(crate) fn pod(node: &Node) -> (Pod, String, String) {
    let (pod, address) = pod_of(node, "10.10.0.0/16");
    let block = block(&address);
    (pod, address, block)
}

/// The block of 64 around an address.
pub(crate) fn block(address: &str) -> String {
    let (start, last) = address.rsplit_once('.').unwrap_or_else(|| panic!("{address}"));
    let last: u8 = last.parse().unwrap_or_else(|error| panic!("{address}: {error}"));
    format!("{start}.{}/26", last & 0xc0)
}

/// A pod with this address.
pub(crate) fn pod_at(node: &Node, address: &str) -> (Pod, Value) {
    let pod = Pod::new("pod").with_arg(&format!("IP={address}"));
    let result = node.add(&node.conf(), &pod);
    (pod, result)
}

/// A few echo requests that need not be answered.
pub(crate) fn pings(netns: &Netns, address: &str) -> Answer {
    netns
        .command("ping")
        .args(["-n", "-c", "5", "-i", "0.2", "-W", "1", address])
        .run()
}

/// A question to the sidecar of a node; what `cnictl` prints.
pub(crate) fn asked(lab: &Lab, node: &Node, question: &[&str]) -> String {
    let run_dir = node.run_dir().display().to_string();
    let words = question.iter().copied().chain(["--run-dir", &run_dir]);
    let answer = lab.cnictl(words).quiet().run();
    // While it starts there is no socket yet.
    format!("{}{}", answer.stdout, answer.stderr)
}

/// The row of a peer in `cnictl node status`.
pub(crate) fn row(lab: &Lab, node: &Node, peer: &str) -> String {
    let status = asked(lab, node, &["node", "status"]);
    let of_it = |line: &&str| line.split_whitespace().nth(1) == Some(peer);
    status.lines().find(of_it).unwrap_or(&status).to_owned()
}

/// Waits until `cnictl node status` says this of a peer.
pub(crate) fn shows(lab: &Lab, node: &Node, peer: &str, what: &str) -> String {
    eventually(
        &format!("node status of {} says of {peer}: {what}", node.name),
        || {
            let row = row(lab, node, peer);
            row.contains(what).then_some(row)
        },
    )
}

/// A node reflects (RFC 4456) from now on.
pub(crate) fn reflects(lab: &Lab, node: &Node, address: &str, cluster: &str) {
    lab.apply(
        &json!({"kind": "Node", "metadata": {"name": node.name}, "spec": {"bgp": {
        "ipv4Address": format!("{address}/24"), "routeReflectorClusterID": cluster}}}),
    );
}
