use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use super::*;

const ALL: Policy<'static> = &|_, _| Verdict::Accepted;

fn net(text: &str) -> IpNet {
    text.parse().unwrap()
}

fn peer(last: u8) -> PeerKey {
    PeerKey {
        address: IpAddr::from([192, 168, 1, last]),
        port: 179,
    }
}

fn info(last: u8) -> PeerInfo {
    PeerInfo {
        internal: true,
        client: false,
        id: Ipv4Addr::new(192, 168, 1, last),
        max_prefixes: None,
    }
}

fn via(last: u8) -> Attributes {
    Attributes::originated(IpAddr::from([192, 168, 1, last]))
}

fn announce(attributes: Attributes, prefixes: &[&str]) -> Update {
    let nlri = prefixes.iter().map(|text| net(text).into()).collect();
    let announced = vec![Announcement { attributes, nlri }];
    Update {
        announced,
        ..Update::default()
    }
}

fn withdraw(prefix: &str) -> Update {
    let withdrawn = vec![net(prefix).into()];
    Update {
        withdrawn,
        ..Update::default()
    }
}

fn reachable(cost: u32) -> Reach {
    let interface = None;
    Reach::Reachable { cost, interface }
}

/// Two internal peers, .4 and .5, whose addresses can be reached.
fn rib() -> Rib {
    let mut rib = Rib::default();
    for last in [4, 5] {
        rib.peer_up(peer(last), info(last));
        let _ = rib.update(peer(last), &announce(via(last), &["203.0.113.0/24"]), ALL);
        rib.set_next_hop(via(last).next_hop.address, reachable(0));
    }
    rib
}

fn sources(rib: &Rib, prefix: &str) -> Vec<Source> {
    rib.winners(net(prefix)).map(|route| route.source).collect()
}

#[test]
fn a_change_is_named_once_and_only_where_the_best_route_changed() {
    let mut rib = rib();
    let changes = rib.update(peer(4), &announce(via(4), &["10.0.0.0/26", "fd00::/64"]), ALL);
    assert_eq!(changes.best, [net("10.0.0.0/26"), net("fd00::/64")].into());
    let again = rib.update(peer(4), &announce(via(4), &["10.0.0.0/26"]), ALL);
    assert!(again.is_empty());

    let mut worse = via(5);
    worse.local_pref = Some(50);
    let changes = rib.update(peer(5), &announce(worse, &["10.0.0.0/26"]), ALL);
    assert!(changes.best.is_empty());
    assert_eq!(changes.others, [net("10.0.0.0/26")].into());

    let changes = rib.update(peer(4), &withdraw("10.0.0.0/26"), ALL);
    assert_eq!(changes.best, [net("10.0.0.0/26")].into());
    assert_eq!(sources(&rib, "10.0.0.0/26"), [Source::Peer(peer(5), info(5))]);
}

#[test]
fn equal_routes_are_used_together_and_ours_beats_them() {
    let mut rib = rib();
    for last in [4, 5] {
        rib.update(peer(last), &announce(via(last), &["10.0.0.0/26"]), ALL);
    }
    assert_eq!(sources(&rib, "10.0.0.0/26").len(), 2);
    rib.originate(net("10.0.0.0/26"), &via(9));
    assert_eq!(sources(&rib, "10.0.0.0/26"), [Source::Own]);
    rib.withdraw_own(net("10.0.0.0/26"));
    assert_eq!(sources(&rib, "10.0.0.0/26").len(), 2);
}

#[test]
fn a_next_hop_is_asked_for_once_and_decides() {
    let mut rib = rib();
    let next_hop = via(77).next_hop.address;
    let changes = rib.update(peer(4), &announce(via(77), &["10.0.0.0/26"]), ALL);
    assert_eq!(changes.resolve, [next_hop].into());
    assert!(changes.best.is_empty());
    let status = |rib: &Rib| {
        let all: Vec<_> = rib.received(peer(4)).map(|one| one.status.to_string()).collect();
        all[0].clone()
    };
    assert_eq!(status(&rib), "next hop not resolved yet");
    rib.set_next_hop(next_hop, Reach::Unreachable("no route to it".into()));
    assert_eq!(status(&rib), "next hop not reachable: no route to it");

    let changes = rib.set_next_hop(next_hop, reachable(5));
    assert_eq!(changes.best, [net("10.0.0.0/26")].into());
    assert!(rib.set_next_hop(next_hop, reachable(5)).is_empty());
    let other = rib.update(peer(5), &announce(via(77), &["10.0.1.0/26"]), ALL);
    assert!(other.resolve.is_empty());
    rib.peer_down(peer(4));
    rib.peer_down(peer(5));
    assert_eq!(rib.next_hops().count(), 0);
}

#[test]
fn a_refused_route_is_kept_with_its_reason_until_policy_lets_it_in() {
    let mut rib = rib();
    let refuse: Policy<'_> = &|_, _| Verdict::Refused(Refusal::OutsidePools);
    let changes = rib.update(peer(4), &announce(via(77), &["0.0.0.0/0"]), refuse);
    assert!(changes.is_empty());
    let first = rib.received(peer(4)).next().unwrap();
    assert_eq!(first.status, Status::Refused(Refusal::OutsidePools));

    let elsewhere = rib.reimport(peer(4), Some(&[net("10.0.0.0/8")][..]), ALL);
    assert!(
        elsewhere.best.is_empty() && elsewhere.resolve.len() == 1,
        "0.0.0.0/0 is above it"
    );
    rib.set_next_hop(via(77).next_hop.address, reachable(1));
    assert_eq!(sources(&rib, "0.0.0.0/0").len(), 1);
    let gone = rib.reimport(peer(4), None, refuse);
    assert_eq!(gone.best, [net("0.0.0.0/0"), net("203.0.113.0/24")].into());
}

#[test]
fn reimport_reaches_what_is_inside_and_above_and_nothing_else() {
    let mut rib = rib();
    let all = [
        "10.0.0.0/8",
        "10.0.0.0/26",
        "10.0.0.5/32",
        "10.1.0.0/16",
        "fd00::/64",
    ];
    rib.update(peer(4), &announce(via(4), &all), ALL);
    let refuse: Policy<'_> = &|_, _| Verdict::Refused(Refusal::OwnBlock);
    let changes = rib.reimport(peer(4), Some(&[net("10.0.0.0/26")][..]), refuse);
    assert_eq!(changes.best, all[..3].iter().map(|text| net(text)).collect());
}

#[test]
fn a_restart_keeps_routes_until_end_of_rib() {
    let mut rib = rib();
    rib.update(
        peer(4),
        &announce(via(4), &["10.0.0.0/26", "10.0.1.0/26", "fd00::/64"]),
        ALL,
    );
    assert!(rib.session_lost(peer(4), Family::Ipv4).is_empty());
    assert_eq!(rib.received(peer(4)).filter(|one| one.stale).count(), 3);
    assert_eq!(sources(&rib, "10.0.0.0/26").len(), 1);

    rib.update(peer(4), &announce(via(4), &["10.0.0.0/26"]), ALL);
    let changes = rib.flush_stale(peer(4), Family::Ipv4);
    assert_eq!(changes.best, [net("10.0.1.0/26"), net("203.0.113.0/24")].into());
    assert_eq!(rib.count(peer(4), Family::Ipv4), 1);
    assert_eq!(rib.count(peer(4), Family::Ipv6), 1);
}

#[test]
fn what_a_second_restart_finds_stale_goes_at_once() {
    let mut rib = rib();
    rib.update(peer(4), &announce(via(4), &["10.0.0.0/26", "10.0.1.0/26"]), ALL);
    rib.session_lost(peer(4), Family::Ipv4);
    rib.update(peer(4), &announce(via(4), &["10.0.0.0/26"]), ALL);
    let changes = rib.session_lost(peer(4), Family::Ipv4);
    assert_eq!(changes.best, [net("10.0.1.0/26"), net("203.0.113.0/24")].into());
    assert_eq!(sources(&rib, "10.0.0.0/26").len(), 1);
}

#[test]
fn a_peer_without_forwarding_loses_only_that_family() {
    let mut rib = rib();
    rib.update(peer(4), &announce(via(4), &["10.0.0.0/26", "fd00::/64"]), ALL);
    let changes = rib.withdraw_all(peer(4), Family::Ipv6);
    assert_eq!(changes.best, [net("fd00::/64")].into());
    assert_eq!(sources(&rib, "10.0.0.0/26").len(), 1);
}

#[test]
fn the_maximum_warns_at_four_fifths_and_refuses_beyond() {
    let mut rib = Rib::default();
    let max_prefixes = Some(5);
    rib.peer_up(
        peer(4),
        PeerInfo {
            max_prefixes,
            ..info(4)
        },
    );
    let mut limits = Vec::new();
    for third in 0..6 {
        let prefix = format!("10.0.{third}.0/24");
        limits.push(rib.update(peer(4), &announce(via(4), &[&prefix]), ALL).limit);
    }
    let family = Family::Ipv4;
    let warning = Some(Limit::Warning { family, count: 4 });
    let exceeded = Some(Limit::Exceeded { family, maximum: 5 });
    assert_eq!(limits, [None, None, None, warning, None, exceeded]);
    let last = rib.received(peer(4)).last().unwrap();
    assert_eq!(last.status, Status::Refused(Refusal::MaxPrefixes));
}

#[test]
fn paths_of_one_peer_have_numbers_of_their_own_that_stay() {
    let mut rib = rib();
    for (path_id, last) in [(7, 4), (8, 5)] {
        let mut update = announce(via(last), &["10.0.0.0/26"]);
        update.announced[0].nlri[0].path_id = path_id;
        rib.update(peer(4), &update, ALL);
    }
    let ids = |rib: &Rib| {
        let routes = rib.usable(net("10.0.0.0/26"));
        routes
            .map(|route| (route.attributes.next_hop.address, route.id))
            .collect::<BTreeMap<_, _>>()
    };
    let before = ids(&rib);
    assert_eq!(before.len(), 2);
    let mut better = announce(via(5), &["10.0.0.0/26"]);
    better.announced[0].attributes.local_pref = Some(500);
    better.announced[0].nlri[0].path_id = 8;
    rib.update(peer(4), &better, ALL);
    assert_eq!(ids(&rib), before);
}

#[test]
fn policy_changes_what_is_used_and_not_what_is_shown_as_received() {
    let mut rib = rib();
    let raise: Policy<'_> = &|_, received| {
        let mut attributes = received.clone();
        attributes.local_pref = Some(900);
        Verdict::Changed(Box::new(attributes))
    };
    rib.update(peer(5), &announce(via(5), &["10.0.0.0/26"]), raise);
    rib.update(peer(4), &announce(via(4), &["10.0.0.0/26"]), ALL);
    assert_eq!(sources(&rib, "10.0.0.0/26"), [Source::Peer(peer(5), info(5))]);
    assert!(
        rib.received(peer(5))
            .all(|one| one.attributes.local_pref.is_none())
    );
}

#[test]
fn a_peer_that_is_another_now_has_its_routes_looked_at_again() {
    let mut rib = rib();
    assert!(rib.peer_up(peer(4), info(4)).is_empty());
    let client = true;
    let changes = rib.peer_up(peer(4), PeerInfo { client, ..info(4) });
    assert_eq!(changes.best, [net("203.0.113.0/24")].into());
}
