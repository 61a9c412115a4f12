//! A peer on a loopback address behind a router that announces nothing: `reachableBy` is the way there, and the way of all
//! that the peer announces.

use std::sync::Arc;

use integration::Lab;
use integration::bird::{self, Bird};
use integration::fabric::{Router, Tor, Watched, attach, forwards, holds_while};
use integration::json::with;
use integration::netns::Netns;
use integration::sidecar::{LEARNED, Sidecar, WAY, kernel_routes};
use integration::wait::eventually;
use serde_json::json;

use super::bgp_setup::{ONE, ONE6, lab, peer, pod};

const OURS: u32 = 64_512;
const THEIRS: u32 = 65_010;
const ROUTER: &str = "192.168.1.11";
const ROUTER6: &str = "fd00:192:168:1::11";
const LOOPBACK: &str = "10.255.0.1";
const LOOPBACK6: &str = "fd00:255::1";
const FABRIC: &str = "10.20.0.0/26";
const FABRIC6: &str = "fd00:77::/122";

/// A router at .11 and, behind it, somebody with loopback addresses only.
struct Behind {
    router: Netns,
    far: Arc<Netns>,
}

impl Behind {
    fn new(lab: &Lab) -> Self {
        let router = attach(&lab.leaf, "router", 11);
        let far = Arc::new(Netns::new("far"));
        router.ip(&format!(
            "link add far type veth peer name near netns {}",
            far.name()
        ));
        router.ip("address add 10.99.0.1/30 dev far");
        router.ip("address add fd00:99::1/64 dev far nodad");
        router.ip("link set far up");
        far.ip("address add 10.99.0.2/30 dev near");
        far.ip("address add fd00:99::2/64 dev near nodad");
        far.ip("link set near up");
        for (loopback, here, there) in [
            (LOOPBACK, "10.99.0.1", "10.99.0.2"),
            (LOOPBACK6, "fd00:99::1", "fd00:99::2"),
        ] {
            far.ip(&format!("address add {loopback} dev lo"));
            far.ip(&format!("route add default via {here}"));
            router.ip(&format!("route add {loopback} via {there}"));
        }
        forwards(&far);
        Self { router, far }
    }

    fn bird(&self, tor: &Tor) -> Bird {
        let conf = bird::conf(tor);
        // Its own addresses are routes of its like the others, and a session may go over routers.
        let conf = conf.replace("protocol direct {", "protocol direct { interface \"near\";");
        Bird::start(
            &self.far,
            &conf.replace(" graceful restart on;", " multihop 8; graceful restart on;"),
        )
    }
}

fn by(lab: &Lab, name: &str, address: &str, gateway: &str) {
    let spec = json!({"peerIP": address, "asNumber": THEIRS, "reachableBy": gateway});
    lab.apply(&json!({"kind": "BGPPeer", "metadata": {"name": name}, "spec": spec}));
}

fn forget(lab: &Lab, name: &str) {
    let key = format!("/calico/resources/v3/projectcalico.org/bgppeers/{name}");
    lab.etcd().delete(&key);
}

fn way(sidecar: &Sidecar, peer: &str, gateway: &str) {
    let what = format!("the way to {peer} by {gateway}");
    eventually(&what, || {
        let route = sidecar.route(peer, WAY)?;
        (route.gateways == [gateway]).then_some(())
    });
}

#[test]
fn a_peer_on_a_loopback_behind_a_router_is_reached_and_what_it_announces_too() {
    let lab = lab();
    let behind = Behind::new(&lab);
    let own = format!("{LOOPBACK}/32");
    let tor = Tor::new(LOOPBACK, THEIRS)
        .knows(ONE, OURS)
        .announces(FABRIC)
        .announces(&own);
    let tor = behind.bird(&tor);
    by(&lab, "far", LOOPBACK, ROUTER);
    // What the peer says of its own address is let in, too: it has another metric.
    let mut sidecar = Sidecar::start(&lab, &lab.node, &json!({"importPolicy": "all"}));
    tor.up(ONE);
    way(&sidecar, LOOPBACK, ROUTER);
    sidecar.installs(FABRIC, &[ROUTER]);
    sidecar.installs(&own, &[ROUTER]);
    let (_pod, _, block) = pod(&lab.node);
    assert_eq!(tor.learns(&block, ONE).as_path, [OURS]);
    lab.node.netns().ip(&format!("route del {LOOPBACK} metric {WAY}"));
    way(&sidecar, LOOPBACK, ROUTER);
    let theirs = format!("{LOOPBACK} via 192.168.1.1 metric 5000");
    lab.node.netns().ip(&format!("route add {theirs}"));
    sidecar.stop();
    assert!(
        kernel_routes(&lab.node).iter().any(|route| route.metric == WAY),
        "a restart keeps it"
    );
    sidecar.run();
    tor.up(ONE);
    forget(&lab, "far");
    sidecar.forgets(LOOPBACK);
    sidecar.forgets(FABRIC);
    let left = lab.node.netns().ip(&format!("route show {LOOPBACK}"));
    assert!(left.contains("via 192.168.1.1"), "someone else's stays: {left:?}");
}

#[test]
fn by_ipv6_and_the_last_word_takes_the_way_too() {
    let lab = lab();
    lab.pool("six", "fd00:66::/112", 122);
    let elsewhere = integration::lab::pool("six-elsewhere", "fd00:77::/112", 122);
    lab.apply(&with(elsewhere, "spec/nodeSelector", "!all()"));
    let behind = Behind::new(&lab);
    let tor = Tor::new(LOOPBACK, THEIRS)
        .at6(LOOPBACK6)
        .knows(ONE6, OURS)
        .announces(FABRIC6);
    let tor = behind.bird(&tor);
    by(&lab, "far", LOOPBACK6, ROUTER6);
    let mut sidecar = Sidecar::start(&lab, &lab.node, &json!({"ip6": format!("{ONE6}/64")}));
    tor.up(ONE6);
    way(&sidecar, LOOPBACK6, ROUTER6);
    sidecar.installs(FABRIC6, &[ROUTER6]);
    sidecar.withdraw();
    assert_eq!(kernel_routes(&lab.node), []);
    tor.must("the farewell", || {
        tor.told().contains("this node leaves").then_some(())
    });
}

/// The peer's line of `cnictl node status` says whose fault it is.
fn status_names_the_field(lab: &Lab) {
    let status = lab
        .cnictl(["node", "status"])
        .args(["--run-dir"])
        .args([lab.node.run_dir()])
        .ok();
    let line = status
        .lines()
        .find(|line| line.contains(LOOPBACK))
        .unwrap_or_default();
    assert!(line.contains("reachableBy"), "{status}");
}

#[test]
fn a_gateway_that_is_no_neighbour_hurts_its_peer_alone_and_one_that_becomes_it_helps() {
    let lab = lab();
    let behind = Behind::new(&lab);
    let beside = Arc::new(attach(&lab.leaf, "beside", 12));
    let near = Bird::start(
        &beside,
        &bird::conf(&Tor::new("192.168.1.12", OURS).knows(ONE, OURS).announces(FABRIC)),
    );
    peer(&lab, "near", "192.168.1.12", OURS);
    let tor = behind.bird(
        &Tor::new(LOOPBACK, THEIRS)
            .knows(ONE, OURS)
            .announces("10.20.0.64/26"),
    );
    by(&lab, "far", LOOPBACK, "10.44.0.1");
    let sidecar = Sidecar::start(&lab, &lab.node, &json!({}));
    sidecar.installs(FABRIC, &["192.168.1.12"]);
    eventually("the gateway is named", || {
        let log = sidecar.log();
        log.contains("BGPPeer far: reachableBy: the gateway 10.44.0.1 is on no link")
            .then_some(())
    });
    status_names_the_field(&lab);
    assert_eq!(sidecar.route(LOOPBACK, WAY), None);
    let stays = || match near.sessions().iter().all(|session| session.up) {
        true => Ok(()),
        false => Err(near.told()),
    };
    holds_while("the other session", stays, || {
        // The router is on a second network, and the node joins it.
        behind.router.ip("address add 10.44.0.1/24 dev uplink");
        lab.node.netns().ip("address add 10.44.0.4/24 dev uplink");
        tor.up(ONE);
        way(&sidecar, LOOPBACK, "10.44.0.1");
        let learned = sidecar.installs("10.20.0.64/26", &["10.44.0.1"]);
        assert_eq!(learned.metric, LEARNED);
        by(&lab, "far", LOOPBACK, ROUTER);
        way(&sidecar, LOOPBACK, ROUTER);
        sidecar.installs("10.20.0.64/26", &[ROUTER]);
    });
}
