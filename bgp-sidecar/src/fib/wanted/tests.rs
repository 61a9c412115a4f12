use std::cell::Cell;
use std::sync::Arc;

use super::*;
use crate::fib::Reason;
use crate::policy::Verdict;
use crate::policy::fixtures::{address, attributes, net};
use crate::rib::{PeerInfo, Reach};
use crate::session::PeerKey;
use crate::wire::{Announcement, Attributes, Update};

fn hop(gateway: &str) -> Hop {
    Hop {
        gateway: Some(address(gateway)),
        interface: Some("eth0".into()),
    }
}

/// Everything in 192.168.1.0/24 is on the link, and nothing else is anywhere.
fn on_link(next_hop: IpAddr) -> Result<Resolved, Unresolved> {
    if !net("192.168.1.0/24").contains(&next_hop) {
        let reason = Reason::NoRoute;
        return Err(Unresolved { next_hop, reason });
    }
    Ok(Resolved {
        hops: vec![hop(&next_hop.to_string())],
        cost: 0,
        on_link: true,
    })
}

#[derive(Default)]
struct Given {
    blocks: BTreeSet<IpNet>,
    released: BTreeSet<IpNet>,
    lent: BTreeMap<IpAddr, IpAddr>,
    ways: Ways,
    encapsulated: Vec<IpNet>,
}

impl Given {
    fn wanted(&self, learned: &[(&str, &[&str])]) -> Wanted {
        let inputs = Inputs {
            blocks: &self.blocks,
            released: &self.released,
            lent: &self.lent,
            ways: &self.ways,
            encapsulated: &self.encapsulated,
            resolve: &on_link,
        };
        let learned = learned.iter().map(|(prefix, hops)| {
            let hops = hops.iter().map(|text| address(text)).collect();
            (net(prefix), hops)
        });
        wanted(&inputs, learned)
    }
}

#[test]
fn blocks_get_a_blackhole_unless_they_are_one_address() {
    let given = Given {
        blocks: ["10.48.7.64/26", "10.48.8.1/32", "fd00:48::/122", "fd00:48::9/128"]
            .map(net)
            .into(),
        released: [net("10.48.8.2/32")].into(),
        ..Given::default()
    };
    let expected: Routes = ["10.48.7.64/26", "10.48.8.2/32", "fd00:48::/122"]
        .map(|block| ((net(block), BLACKHOLE), Kind::Blackhole))
        .into();
    assert_eq!(given.wanted(&[]).routes, expected);
}

#[test]
fn a_lent_address_leads_to_its_holder_beside_what_is_learned() {
    let given = Given {
        blocks: [net("10.48.7.64/26")].into(),
        lent: [(address("10.48.7.70"), address("192.168.1.5"))].into(),
        ..Given::default()
    };
    let wanted = given.wanted(&[("10.48.7.70/32", &["192.168.1.1"])]);
    let expected: Routes = [
        ((net("10.48.7.64/26"), BLACKHOLE), Kind::Blackhole),
        ((net("10.48.7.70/32"), LENT), Kind::via([hop("192.168.1.5")])),
        ((net("10.48.7.70/32"), LEARNED), Kind::via([hop("192.168.1.1")])),
    ]
    .into();
    assert_eq!(wanted.routes, expected);
    assert_eq!(Given::default().wanted(&[]), Wanted::default());
}

/// 10.9.0.0/16 is behind 192.168.1.1.
fn behind_a_router(next_hop: IpAddr) -> Result<Resolved, Unresolved> {
    if !net("10.9.0.0/16").contains(&next_hop) {
        return on_link(next_hop);
    }
    Ok(Resolved {
        hops: vec![hop("192.168.1.1")],
        cost: 0,
        on_link: false,
    })
}

#[test]
fn a_lent_address_whose_holder_is_on_no_link_leads_to_the_router_on_the_way_there() {
    let lent = [(address("10.48.7.70"), address("10.9.0.5"))].into();
    let none = BTreeSet::new();
    let inputs = Inputs {
        blocks: &none,
        released: &none,
        lent: &lent,
        ways: &Ways::new(),
        encapsulated: &[],
        resolve: &behind_a_router,
    };
    let expected: Routes = [((net("10.48.7.70/32"), LENT), Kind::via([hop("192.168.1.1")]))].into();
    assert_eq!(wanted(&inputs, []).routes, expected);
}

#[test]
fn a_way_to_a_peer_is_beside_what_is_learned_of_its_address() {
    let given = Given {
        ways: [(address("10.255.0.1"), hop("192.168.1.9"))].into(),
        ..Given::default()
    };
    let wanted = given.wanted(&[("10.255.0.1/32", &["192.168.1.1"])]);
    let expected: Routes = [
        ((net("10.255.0.1/32"), WAY), Kind::via([hop("192.168.1.9")])),
        ((net("10.255.0.1/32"), LEARNED), Kind::via([hop("192.168.1.1")])),
    ]
    .into();
    assert_eq!(wanted.routes, expected);
}

#[test]
fn next_hops_that_lead_nowhere_are_left_out_or_reported() {
    let given = Given::default();
    let wanted = given.wanted(&[
        ("10.48.0.0/26", &["192.168.1.2", "10.9.9.9", "192.168.1.1"]),
        ("10.48.1.0/26", &["10.9.9.9"]),
    ]);
    let both = Kind::via([hop("192.168.1.1"), hop("192.168.1.2")]);
    assert_eq!(wanted.routes, [((net("10.48.0.0/26"), LEARNED), both)].into());
    assert_eq!(wanted.missing.len(), 1);
    assert_eq!(wanted.missing[0].destination, net("10.48.1.0/26"));
    let why = wanted.missing[0].why.to_string();
    assert_eq!(why, "no route to 10.9.9.9; add one, or a default route");
}

#[test]
fn routes_of_encapsulated_pools_stay_out_and_say_so() {
    let given = Given {
        encapsulated: vec![net("10.50.0.0/16")],
        ..Given::default()
    };
    let wanted = given.wanted(&[
        ("10.50.1.0/26", &["192.168.1.5"]),
        ("10.48.1.0/26", &["192.168.1.5"]),
    ]);
    assert_eq!(wanted.routes.len(), 1);
    assert_eq!(wanted.missing[0].why, Why::Encapsulated);
}

#[test]
fn a_next_hop_is_resolved_once_and_equal_sets_are_shared() {
    let asked = Cell::new(0);
    let resolve = |next_hop| {
        asked.set(asked.get() + 1);
        on_link(next_hop)
    };
    let (nets, lent, ways) = (BTreeSet::new(), BTreeMap::new(), Ways::new());
    let inputs = Inputs {
        blocks: &nets,
        released: &nets,
        lent: &lent,
        ways: &ways,
        encapsulated: &[],
        resolve: &resolve,
    };
    let learned = (0..100u8).map(|third| {
        (
            net(&format!("10.48.{third}.0/24")),
            smallvec![address("192.168.1.5")],
        )
    });
    let wanted = wanted(&inputs, learned);
    assert_eq!((asked.get(), wanted.routes.len()), (1, 100));
    let mut kinds = wanted.routes.iter().map(|(_, kind)| kind);
    let (Some(Kind::Via(first)), Some(Kind::Via(second))) = (kinds.next(), kinds.next()) else {
        panic!("no next hops");
    };
    assert!(Arc::ptr_eq(first, second));
}

#[test]
fn learned_routes_are_the_winners_that_are_not_our_own() {
    let mut rib = Rib::default();
    for last in [5, 6] {
        let key = PeerKey {
            address: IpAddr::from([192, 168, 1, last]),
            port: 179,
        };
        let info = PeerInfo {
            internal: true,
            client: false,
            id: [192, 168, 1, last].into(),
            max_prefixes: None,
        };
        rib.peer_up(key, info);
        let update = Update {
            announced: vec![Announcement {
                attributes: attributes(&key.address.to_string(), &[]),
                nlri: vec![net("10.48.1.0/26").into(), net("10.48.7.64/26").into()],
            }],
            ..Update::default()
        };
        rib.update(key, &update, &|_, _| Verdict::Accepted);
        let (cost, interface) = (0, None);
        rib.set_next_hop(key.address, Reach::Reachable { cost, interface });
    }
    rib.originate(
        net("10.48.7.64/26"),
        &Attributes::originated(address("192.168.1.4")),
    );
    let both: NextHops = smallvec![address("192.168.1.5"), address("192.168.1.6")];
    let all = vec![(net("10.48.1.0/26"), both)];
    assert_eq!(learned(&rib, None).collect::<Vec<_>>(), all);
    let scope = ["10.48.1.0/26", "10.48.7.64/26", "10.48.99.0/26"].map(net).into();
    assert_eq!(learned(&rib, Some(&scope)).collect::<Vec<_>>(), all);
}
