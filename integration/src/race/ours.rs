//! Ours, as its users run it: what it is to do stands in etcd.

use std::net::Ipv4Addr;

use serde_json::{Value, json};

use super::NUMBER;
use super::arena::{Ends, POOL, Task};
use crate::json::with;
use crate::lab::{Lab, pool};
use crate::sidecar::{PROTOCOL, Sidecar};

const PEERS: &str = "/calico/resources/v3/projectcalico.org/bgppeers";

/// Gone with its routes when dropped.
pub(super) struct Ours<'a> {
    lab: &'a Lab,
    sidecar: Sidecar<'a>,
}

pub(super) fn start<'a>(lab: &'a Lab, peers: &[Ipv4Addr], task: Task) -> (i32, u8, Box<dyn Ends + 'a>) {
    let name = &lab.node.name;
    let node = json!({"kind": "Node", "metadata": {"name": name}, "spec": {"bgp": {
        "ipv4Address": "172.20.0.4/16", "asNumber": NUMBER, "routeReflectorClusterID": "244.0.0.1"}}});
    lab.apply(&node);
    lab.apply(
        &json!({"kind": "BGPConfiguration", "metadata": {"name": "default"},
        "spec": {"nodeToNodeMeshEnabled": false, "asNumber": NUMBER}}),
    );
    // What is in an encapsulated pool is announced and not put into the kernel.
    let encapsulation = if task.kernel { "Never" } else { "Always" };
    lab.apply(&with(pool("bench", POOL, 26), "spec/ipipMode", encapsulation));
    let all: Vec<(String, String)> = peers.iter().map(|peer| document(*peer)).collect();
    lab.etcd().put_all(all);
    let passive: Vec<String> = peers.iter().map(Ipv4Addr::to_string).collect();
    let more = json!({"ip": "172.20.0.4/16", "passive_peers": passive.join(","), "log_level": "info"});
    let sidecar = Sidecar::start(lab, &lab.node, &more);
    let pid = sidecar.pid();
    let protocol = PROTOCOL.parse().unwrap_or_default();
    (pid, protocol, Box::new(Ours { lab, sidecar }))
}

fn document(peer: Ipv4Addr) -> (String, String) {
    let name = format!("peer-{}", peer.to_string().replace('.', "-"));
    let document: Value = json!({"apiVersion": "projectcalico.org/v3", "kind": "BGPPeer", "metadata": {"name": name},
        "spec": {"peerIP": peer.to_string(), "asNumber": NUMBER}});
    (format!("{PEERS}/{name}"), document.to_string())
}

impl Ends for Ours<'_> {}

impl Drop for Ours<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        self.sidecar.kill();
        let netns = self.lab.node.netns();
        netns.try_ip(&format!("route flush proto {PROTOCOL}"));
        for key in self.lab.etcd().under(PEERS).keys() {
            self.lab.etcd().delete(key);
        }
    }
}
