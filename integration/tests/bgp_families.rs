//! One session for both families (RFC 4760), with a router of each make.

use integration::bird::{self, Bird};
use integration::fabric::{Router, Tor, Watched};
use integration::frr::{self, Frr};
use integration::gobgp::{self, Gobgp};
use integration::json::with;
use integration::lab::pool;
use integration::node::addresses;
use integration::sidecar::Sidecar;
use integration::{Lab, Pod};
use serde_json::json;

use super::bgp_setup::{Make, ONE, ONE6, TOR, TOR6, lab, peer};

const NUMBER: u32 = 64_512;
const FABRIC: &str = "10.20.0.0/26";
const FABRIC6: &str = "fd00:77::/122";

/// A router that exchanges both families with the node over IPv4.
fn both(make: Make, lab: &Lab) -> Box<dyn Router> {
    let tor = Tor::new(TOR, NUMBER).at6(TOR6).knows(ONE, NUMBER);
    let whole = tor.clone().announces(FABRIC).announces(FABRIC6);
    match make {
        Make::Bird => {
            let export = "import all; export where source ~ [ RTS_STATIC, RTS_BGP ];";
            let one = format!("ipv4 {{ {export} }};");
            let two = format!("{one}\n ipv6 {{ next hop address {TOR6}; {export} }};");
            let conf = bird::conf(&whole);
            assert!(conf.contains(&one), "{conf}");
            Box::new(Bird::start(&lab.leaf, &conf.replace(&one, &two)))
        }
        Make::Frr => {
            let family = " address-family ipv6 unicast\n";
            let more = format!("{family}  neighbor {ONE} activate\n");
            Box::new(Frr::start(&lab.leaf, &frr::conf(&whole).replace(family, &more)))
        }
        Make::Gobgp => {
            let more = "  [[neighbors.afi-safis]]\n    [neighbors.afi-safis.config]\n      afi-safi-name = \"ipv6-unicast\"\n    \
                        [neighbors.afi-safis.mp-graceful-restart.config]\n      enabled = true\n";
            let conf = format!("{}{more}", gobgp::conf(&tor));
            let mut gobgp = Gobgp::start(&lab.leaf, &conf);
            gobgp.announce(FABRIC, TOR);
            gobgp.announce(FABRIC6, TOR6);
            Box::new(gobgp)
        }
    }
}

fn one_session(make: Make) {
    let lab = lab();
    lab.pool("six", "fd00:66::/112", 122);
    let elsewhere = pool("six-elsewhere", "fd00:77::/112", 122);
    lab.apply(&with(elsewhere, "spec/nodeSelector", "!all()"));
    peer(&lab, "tor", TOR, NUMBER);
    let tor = both(make, &lab);
    let conf = json!({"ip6": format!("{ONE6}/64"), "extra_families": {TOR: "ipv6"}});
    let sidecar = Sidecar::start(&lab, &lab.node, &conf);
    tor.up(ONE);
    let dual = with(lab.node.conf(), "ipam/assign_ipv6", "true");
    let pod = Pod::new("dual");
    let result = lab.node.add(&dual, &pod);
    assert_eq!(addresses(&result).len(), 2, "{result}");
    for (within, next_hop) in [("10.10.", ONE), ("fd00:66::", ONE6)] {
        let block = |prefix: &String| prefix.starts_with(within);
        let found = || tor.prefixes().into_iter().find(block);
        let block = tor.must(&format!("a block in {within}"), found);
        tor.learns(&block, next_hop);
        sidecar.discards(&block);
    }
    sidecar.installs(FABRIC, &[TOR]);
    sidecar.installs(FABRIC6, &[TOR6]);
    let sessions = tor.sessions();
    assert!(
        sessions.iter().all(|session| session.neighbour == ONE),
        "{sessions:?}"
    );
    assert_eq!(sidecar.log().matches(" is up: ").count(), 1, "{}", sidecar.log());
}

#[test]
fn with_bird() {
    one_session(Make::Bird);
}

#[test]
fn with_frr() {
    one_session(Make::Frr);
}

#[test]
fn with_gobgp() {
    one_session(Make::Gobgp);
}
