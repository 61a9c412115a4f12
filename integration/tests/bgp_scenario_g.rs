//! Scenario G, two autonomous systems: a datastore each, a node each, and a wire between the two. What the other system
//! announces is in no pool of one's own: it comes in by a BGPFilter, and only what comes in on both sides is answered.

use integration::json::list;
use integration::packets::Packets;
use integration::sidecar::{LEARNED, Sidecar};
use integration::{Kind, Lab, Pod};
use serde_json::{Value, json};

use super::bgp_setup::{mesh, pings, pod_at};

/// One of the systems.
struct System {
    number: u32,
    node: &'static str,
    pool: &'static str,
    pod: &'static str,
}

const FIRST: System = System {
    number: 1,
    node: "10.10.0.1",
    pool: "10.10.0.0/24",
    pod: "10.10.0.2",
};
const SECOND: System = System {
    number: 2,
    node: "172.17.0.1",
    pool: "172.17.0.0/24",
    pod: "172.17.0.3",
};

impl System {
    /// A cluster whose only node speaks with that of the other system.
    fn cluster(&self, other: &System) -> Lab {
        let lab = Lab::new(Kind::Etcd);
        mesh(&lab, false);
        lab.pool("pods", self.pool, 24);
        neighbour(&lab, other, &[]);
        lab
    }

    fn sidecar<'a>(&self, lab: &'a Lab) -> Sidecar<'a> {
        let conf = json!({"ip": self.node, "as": self.number.to_string()});
        Sidecar::start(lab, &lab.node, &conf)
    }

    /// The other system's prefixes come in.
    fn imports(&self, lab: &Lab, other: &System) {
        lab.apply(
            &json!({"kind": "BGPFilter", "metadata": {"name": "neighbour"}, "spec": {
                "importV4": [{"cidr": other.pool, "matchOperator": "In", "action": "Accept"}]}}),
        );
        neighbour(lab, other, &["neighbour"]);
    }
}

fn neighbour(lab: &Lab, other: &System, filters: &[&str]) {
    lab.apply(
        &json!({"kind": "BGPPeer", "metadata": {"name": "neighbour"}, "spec": {
        "peerIP": other.node, "asNumber": other.number, "filters": filters}}),
    );
}

/// A wire from node to node, its ends' addresses out of the pools.
fn wire(first: &Lab, second: &Lab) {
    let far = second.node.netns().name();
    let link = format!("link add wire type veth peer name wire netns {far}");
    first.node.netns().ip(&link);
    for (lab, own, other) in [(first, &FIRST, &SECOND), (second, &SECOND, &FIRST)] {
        let netns = lab.node.netns();
        netns.ip(&format!("address add {} peer {} dev wire", own.node, other.node));
        netns.ip("link set wire up");
    }
}

fn flaps(sidecar: &Sidecar) -> Vec<u64> {
    let peers: Value =
        serde_json::from_str(&sidecar.shown().get("/v1/peers")).unwrap_or_else(|error| panic!("{error}"));
    let flaps = |peer: &Value| peer["flaps"].as_u64().unwrap_or_else(|| panic!("{peer}"));
    list(&peers, "/peersV4").iter().map(flaps).collect()
}

fn loss(from: &Pod, to: &System, percent: &str) {
    let answer = pings(&from.netns, to.pod);
    let expected = format!(" {percent}% packet loss");
    assert!(answer.stdout.contains(&expected), "{}", answer.told());
}

#[test]
fn what_one_side_imports_is_sent_and_what_both_import_is_answered() {
    let (one, two) = (FIRST.cluster(&SECOND), SECOND.cluster(&FIRST));
    wire(&one, &two);
    let (first, second) = (FIRST.sidecar(&one), SECOND.sidecar(&two));
    let (here, _) = pod_at(&one.node, FIRST.pod);
    let (there, _) = pod_at(&two.node, SECOND.pod);
    first.shown().up(SECOND.node);
    second.shown().up(FIRST.node);

    // Neither imports: the prefix is known on both sides, and why it is not used.
    for (sidecar, own, other) in [(&first, &FIRST, &SECOND), (&second, &SECOND, &FIRST)] {
        sidecar.discards(own.pool);
        sidecar
            .shown()
            .says(other.node, other.pool, &["refused", "in no IPPool", "BGPFilter"]);
        assert_eq!(sidecar.route(other.pool, LEARNED), None);
    }
    loss(&here, &SECOND, "100");

    // One does: its requests arrive, and the answers have no way back.
    FIRST.imports(&one, &SECOND);
    first.installs(SECOND.pool, &[SECOND.node]);
    let arriving = Packets::start(&there.netns, "eth0", "icmp");
    loss(&here, &SECOND, "100");
    let request = format!("{} > {}: ICMP echo request", FIRST.pod, SECOND.pod);
    arriving.sees(&[&request]);
    assert_eq!(second.route(FIRST.pool, LEARNED), None);

    // Both do.
    SECOND.imports(&two, &FIRST);
    second.installs(FIRST.pool, &[FIRST.node]);
    loss(&here, &SECOND, "0");
    loss(&there, &FIRST, "0");
    assert_eq!(
        [flaps(&first), flaps(&second)],
        [[0], [0]],
        "filters reset no session"
    );
}
