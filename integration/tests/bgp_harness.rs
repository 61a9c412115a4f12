//! The routers of other makers among themselves: what the tests of our daemon see through them is what they have.

use std::sync::Arc;
use std::time::{Duration, Instant};

use integration::bird::{self, Bird};
use integration::fabric::{Router, Session, Tor, Watched, attach, holds_while};
use integration::frr::{self, Frr};
use integration::gobgp::Gobgp;
use integration::netns::Netns;
use integration::wait::eventually;

const BIRD: &str = "192.168.1.11";
const FRR: &str = "192.168.1.12";
const GOBGP: &str = "192.168.1.13";
const AS_BIRD: u32 = 4_200_002_024;
const AS_FRR: u32 = 65_012;
/// After this long a withdrawal is said once more.
const AGAIN: Duration = Duration::from_secs(15);

fn leaf() -> Netns {
    let leaf = Netns::new("leaf");
    leaf.ip("link add br0 type bridge");
    leaf.ip("link set br0 up");
    leaf
}

/// BIRD in an AS, FRR and GoBGP in another, everyone with everyone.
struct Three {
    bird: Bird,
    frr: Frr,
    gobgp: Gobgp,
    frr_netns: Arc<Netns>,
    _leaf: Netns,
}

fn three() -> Three {
    let leaf = leaf();
    let place = |label, host| Arc::new(attach(&leaf, label, host));
    let of_bird = Tor::new(BIRD, AS_BIRD).knows(FRR, AS_FRR).knows(GOBGP, AS_FRR);
    let of_frr = Tor::new(FRR, AS_FRR).knows(BIRD, AS_BIRD).knows(GOBGP, AS_FRR);
    let of_gobgp = Tor::new(GOBGP, AS_FRR).knows(BIRD, AS_BIRD).knows(FRR, AS_FRR);
    let frr_netns = place("frr", 12);
    Three {
        bird: Bird::start(
            &place("bird", 11),
            &bird::conf(&of_bird.announces("10.11.0.0/24")),
        ),
        frr: Frr::start(&frr_netns, &frr::conf(&of_frr.announces("10.12.0.0/24"))),
        gobgp: Gobgp::tor(&place("gobgp", 13), &of_gobgp.announces("10.13.0.0/24")),
        frr_netns,
        _leaf: leaf,
    }
}

fn all_up(router: &impl Router, neighbours: [&str; 2]) {
    neighbours.iter().for_each(|neighbour| router.up(neighbour));
    assert!(router.sessions().iter().all(|Session { up, .. }| *up));
}

#[test]
fn bird_frr_and_gobgp_learn_each_others_prefixes_with_next_hop_and_path() {
    let three = three();
    all_up(&three.bird, [FRR, GOBGP]);
    all_up(&three.frr, [BIRD, GOBGP]);
    all_up(&three.gobgp, [BIRD, FRR]);
    for router in [&three.frr as &dyn Router, &three.gobgp] {
        assert_eq!(router.learns("10.11.0.0/24", BIRD).as_path, [AS_BIRD]);
    }
    assert_eq!(three.bird.learns("10.12.0.0/24", FRR).as_path, [AS_FRR]);
    assert_eq!(three.bird.learns("10.13.0.0/24", GOBGP).as_path, [AS_FRR]);
    assert_eq!(three.gobgp.learns("10.12.0.0/24", FRR).as_path, [0; 0]);
    assert_eq!(three.frr.learns("10.13.0.0/24", GOBGP).as_path, [0; 0]);
    let way = three.frr_netns.ip("route get 10.11.0.7");
    assert!(way.contains(&format!("via {BIRD}")), "{way}");
    assert!(three.bird.route("10.11.0.0/24", FRR).is_none());
}

#[test]
fn communities_are_read_from_each() {
    let mut three = three();
    three.frr.configure(&[
        "route-map mark permit 10",
        "set community 65012:7 65012:8",
        "exit",
        &format!("router bgp {AS_FRR}"),
        "address-family ipv4 unicast",
        &format!("neighbor {BIRD} route-map mark out"),
        &format!("neighbor {GOBGP} route-map mark out"),
    ]);
    three.frr.vtysh("clear bgp * soft out").ok_only();
    let marked = ["65012:7", "65012:8"];
    for router in [&three.bird as &dyn Router, &three.gobgp] {
        router.must("10.12.0.0/24 is marked", || {
            let route = router.route("10.12.0.0/24", FRR)?;
            (route.communities == marked).then_some(())
        });
    }
    // What is withdrawn while a peer is still being told for the first time may stay with it: then it is said once more.
    let prefix = "10.13.0.0/24";
    let holders = [&three.bird as &dyn Router, &three.frr];
    eventually("what GoBGP withdraws is withdrawn", || {
        holders
            .iter()
            .for_each(|router| drop(router.learns(prefix, GOBGP)));
        three.gobgp.withdraw(prefix);
        let since = Instant::now();
        while since.elapsed() < AGAIN {
            if holders.iter().all(|router| !router.prefixes().contains(prefix)) {
                return Some(());
            }
        }
        three.gobgp.announce(prefix, GOBGP);
        None
    });
}

#[test]
fn a_router_that_is_killed_is_lost_and_comes_back() {
    let mut three = three();
    three.frr.learns("10.11.0.0/24", BIRD);
    three.bird.learns("10.12.0.0/24", FRR);
    three.bird.kill();
    let of = |session: &Session| session.neighbour == BIRD && !session.up;
    integration::wait::eventually("FRR sees that BIRD is gone", || {
        three.frr.sessions().iter().any(of).then_some(())
    });
    // BIRD is a restarting speaker: its route stays.
    assert!(three.frr.route("10.11.0.0/24", BIRD).is_some());
    three.bird.restart();
    three.frr.up(BIRD);
    three.bird.learns("10.12.0.0/24", FRR);
    three.frr.restart();
    three.bird.learns("10.12.0.0/24", FRR);
    three.gobgp.restart();
    three.gobgp.learns("10.11.0.0/24", BIRD);
}

#[test]
fn ipv6_prefixes_are_read_from_each() {
    let leaf = leaf();
    let six = |host: u8| format!("fd00:192:168:1::{host}");
    let place = |label, host| Arc::new(attach(&leaf, label, host));
    let of_bird = Tor::new(BIRD, AS_BIRD).at6(&six(11)).knows(&six(12), AS_FRR);
    let of_frr = Tor::new(FRR, AS_FRR).at6(&six(12)).knows(&six(11), AS_BIRD);
    let of_frr = of_frr.knows(&six(13), AS_FRR).announces("fd00:12::/64");
    let of_gobgp = Tor::new(GOBGP, AS_FRR).at6(&six(13)).knows(&six(12), AS_FRR);
    let bird = Bird::start(
        &place("bird", 11),
        &bird::conf(&of_bird.announces("fd00:11::/64")),
    );
    let frr = Frr::start(&place("frr", 12), &frr::conf(&of_frr));
    let gobgp = Gobgp::tor(&place("gobgp", 13), &of_gobgp.announces("fd00:13::/64"));
    bird.learns("fd00:12::/64", &six(12));
    frr.learns("fd00:11::/64", &six(11));
    frr.learns("fd00:13::/64", &six(13));
    gobgp.learns("fd00:12::/64", &six(12));
}

#[test]
#[should_panic(expected = "gone")]
fn what_does_not_hold_for_a_moment_fails_the_test() {
    let alive = std::sync::atomic::AtomicBool::new(true);
    let check = || match alive.load(std::sync::atomic::Ordering::Relaxed) {
        true => Ok(()),
        false => Err("gone".to_owned()),
    };
    holds_while("it is there", check, || {
        alive.store(false, std::sync::atomic::Ordering::Relaxed)
    });
}
