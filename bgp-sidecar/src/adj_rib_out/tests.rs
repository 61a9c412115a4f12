use std::net::IpAddr;

use serde_json::json;

use super::*;
use crate::policy::Verdict;
use crate::policy::fixtures::{address, attributes, filter, local, net, pools, session};
use crate::rib::{PeerInfo, Reach};
use crate::wire::Announcement;

mod paths;

fn key(last: u8) -> PeerKey {
    PeerKey {
        address: IpAddr::from([192, 168, 1, last]),
        port: 179,
    }
}

fn export() -> Export {
    Export {
        pools: pools(),
        ..Export::default()
    }
}

fn reflector() -> Export {
    Export {
        cluster: Some([244, 0, 0, 1].into()),
        ..export()
    }
}

fn to(number: u32) -> Target {
    Target::of(&session(number), &local())
}

fn client() -> Target {
    Target {
        client: true,
        ..to(64512)
    }
}

/// Three of our own routes.
fn rib() -> Rib {
    let mut rib = Rib::default();
    for prefix in ["10.48.7.64/26", "10.48.7.128/26", "fd00:48::/122"] {
        rib.originate(net(prefix), &Attributes::originated(address("192.168.1.4")));
    }
    rib
}

/// A client announces a prefix to us.
fn learn(rib: &mut Rib, last: u8, prefix: &str) -> Changes {
    let info = PeerInfo {
        internal: true,
        client: true,
        id: [192, 168, 1, last].into(),
        max_prefixes: None,
    };
    rib.peer_up(key(last), info);
    let next_hop = key(last).address;
    let update = Update {
        announced: vec![Announcement {
            attributes: attributes(&next_hop.to_string(), &[65001]),
            nlri: vec![net(prefix).into()],
        }],
        ..Update::default()
    };
    let mut changes = rib.update(key(last), &update, &|_, _| Verdict::Accepted);
    let (cost, interface) = (0, None);
    changes.merge(rib.set_next_hop(next_hop, Reach::Reachable { cost, interface }));
    changes
}

/// `+prefix` and `-prefix`, a string for each message; `.` is End-of-RIB.
fn text(messages: &[Message]) -> Vec<String> {
    let one = |message: &Message| match message {
        Message::Update(update) => {
            let announced = update.announced.iter().flat_map(|one| &one.nlri);
            let announced = announced.map(|nlri| format!("+{}", nlri.prefix));
            let withdrawn = update.withdrawn.iter().map(|nlri| format!("-{}", nlri.prefix));
            let end = update.end_of_rib.map(|family| format!("{family:?}."));
            announced
                .chain(withdrawn)
                .chain(end)
                .collect::<Vec<_>>()
                .join(" ")
        }
        Message::Refresh(refresh) => format!("{refresh:?}"),
        Message::Open(_) | Message::Notification(_) | Message::Keepalive => panic!("not ours to send"),
    };
    messages.iter().map(one).collect()
}

fn sources<'a>(rib: &'a Rib, export: &'a Export) -> Sources<'a> {
    Sources { rib, export }
}

/// What each is told.
fn told(outgoing: &[Outgoing]) -> Vec<(u8, Vec<String>)> {
    let last = |peer: &PeerKey| match peer.address {
        IpAddr::V4(address) => address.octets()[3],
        IpAddr::V6(_) => panic!("not one of these"),
    };
    let each = outgoing
        .iter()
        .flat_map(|one| one.peers.iter().map(move |peer| (one, peer)));
    let heard = each.map(|(one, peer)| {
        let messages: Vec<Message> = one.to(*peer).cloned().collect();
        (last(peer), text(&messages))
    });
    heard.filter(|(_, messages)| !messages.is_empty()).collect()
}

/// The peer comes up; what it is told.
fn open(out: &mut AdjRibOut, peer: u8, target: &Target, from: Sources<'_>) -> Vec<String> {
    out.open(key(peer), target, from);
    let outgoing = out.sync(from, &Changes::default());
    told(&outgoing)
        .into_iter()
        .flat_map(|(_, messages)| messages)
        .collect()
}

#[test]
fn a_new_peer_hears_everything_packed_and_then_the_end() {
    let (rib, export) = (rib(), export());
    let from = sources(&rib, &export);
    let mut out = AdjRibOut::default();
    let expected = ["+10.48.7.64/26 +10.48.7.128/26", "+fd00:48::/122"];
    assert_eq!(open(&mut out, 1, &to(65107), from), expected);
    assert_eq!(text(&out.end_of_rib(key(1))), ["Ipv4.", "Ipv6."]);
    assert_eq!((out.advertised(key(1)).count(), out.count(key(1))), (3, 3));
    out.open(key(2), &to(65107), from);
    out.open(key(3), &to(65107), from);
    let outgoing = out.sync(from, &Changes::default());
    assert_eq!(outgoing.len(), 1, "made once for both");
    assert_eq!(outgoing[0].peers, [key(2), key(3)]);
}

#[test]
fn equal_peers_share_a_table_and_are_told_at_once() {
    let (mut rib, export) = (rib(), export());
    let mut out = AdjRibOut::default();
    for last in [1, 2, 3] {
        let target = if last == 3 { to(65107) } else { to(64512) };
        open(&mut out, last, &target, sources(&rib, &export));
    }
    assert_eq!(out.groups(), 2);
    let mut changes = rib.withdraw_own(net("10.48.7.64/26"));
    changes.merge(rib.originate(
        net("10.48.8.0/26"),
        &Attributes::originated(address("192.168.1.4")),
    ));
    let outgoing = out.sync(sources(&rib, &export), &changes);
    let peers: Vec<_> = outgoing.iter().map(|one| one.peers.clone()).collect();
    assert_eq!(peers, [vec![key(1), key(2)], vec![key(3)]]);
    for (_, messages) in told(&outgoing) {
        assert_eq!(messages, ["+10.48.8.0/26", "-10.48.7.64/26"]);
    }
    assert!(out.sync(sources(&rib, &export), &changes).is_empty());
    (1..=3).for_each(|last| out.close(key(last)));
    assert_eq!((out.groups(), out.attributes.len()), (0, 0));
}

#[test]
fn nobody_hears_what_is_from_itself() {
    let (mut rib, export) = (Rib::default(), reflector());
    let mut out = AdjRibOut::default();
    for last in [5, 6, 7] {
        open(&mut out, last, &client(), sources(&rib, &export));
    }
    let changes = learn(&mut rib, 5, "10.48.1.0/26");
    let outgoing = out.sync(sources(&rib, &export), &changes);
    let announced = vec!["+10.48.1.0/26".to_owned()];
    assert_eq!(told(&outgoing), [(6, announced.clone()), (7, announced.clone())]);
    assert_eq!(outgoing.len(), 1, "made once");

    // The better route is from another: the first now hears it, and the other loses what it had heard.
    learn(&mut rib, 6, "10.48.1.0/26");
    let changes = rib.peer_down(key(5));
    let outgoing = out.sync(sources(&rib, &export), &changes);
    let withdrawn = vec!["-10.48.1.0/26".to_owned()];
    let expected = [(7, announced.clone()), (5, announced), (6, withdrawn)];
    assert_eq!(told(&outgoing), expected);
}

#[test]
fn who_does_not_read_misses_it_and_hears_of_it_once() {
    let (mut rib, export) = (Rib::default(), reflector());
    let mut out = AdjRibOut::default();
    for last in [5, 6] {
        open(&mut out, last, &client(), sources(&rib, &export));
    }
    let changes = learn(&mut rib, 5, "10.48.1.0/26");
    out.sync(sources(&rib, &export), &changes);
    out.hold(key(6));
    let mut changes = learn(&mut rib, 5, "10.48.2.0/26");
    changes.merge(rib.originate(
        net("10.48.3.0/26"),
        &Attributes::originated(address("192.168.1.4")),
    ));
    assert_eq!(
        told(&out.sync(sources(&rib, &export), &changes)),
        [(5, vec!["+10.48.3.0/26".to_owned()])]
    );
    let changes = rib.peer_down(key(5));
    out.sync(sources(&rib, &export), &changes);
    // 10.48.2.0/26 came and went meanwhile.
    assert_eq!(text(&out.resume(key(6))), ["+10.48.3.0/26", "-10.48.1.0/26"]);
    assert!(out.resume(key(6)).is_empty());
}

#[test]
fn a_refresh_sends_all_of_the_family_between_marks() {
    let (rib, export) = (rib(), export());
    let mut out = AdjRibOut::default();
    open(&mut out, 1, &to(64512), sources(&rib, &export));
    let six = ["Begin(Ipv6)", "+fd00:48::/122", "End(Ipv6)"];
    assert_eq!(text(&out.refresh(key(1), Family::Ipv6, true)), six);
    let four = ["+10.48.7.64/26 +10.48.7.128/26"];
    assert_eq!(text(&out.refresh(key(1), Family::Ipv4, false)), four);
    assert!(out.refresh(key(9), Family::Ipv4, false).is_empty());
}

#[test]
fn another_filter_sends_only_the_difference() {
    let (rib, export) = (rib(), export());
    let from = sources(&rib, &export);
    let mut out = AdjRibOut::default();
    open(&mut out, 1, &to(64512), from);
    open(&mut out, 2, &to(64512), from);
    let filters = filter(&json!({"exportV4": [
        {"cidr": "10.48.7.64/26", "matchOperator": "Equal", "action": "Reject"}]}));
    let filtered = Target { filters, ..to(64512) };
    assert_eq!(text(&out.retarget(key(1), &filtered, from)), ["-10.48.7.64/26"]);
    assert!(out.retarget(key(1), &filtered, from).is_empty());
    assert_eq!(text(&out.retarget(key(1), &to(64512), from)), ["+10.48.7.64/26"]);
    assert_eq!(out.groups(), 1);
    assert_eq!(out.advertised(key(2)).count(), 3);
}

#[test]
fn another_export_policy_sends_only_the_difference() {
    let (rib, export) = (rib(), export());
    let mut out = AdjRibOut::default();
    open(&mut out, 1, &to(64512), sources(&rib, &export));
    let none = Export::default();
    let outgoing = out.reexport(sources(&rib, &none));
    let withdrawn = ["-10.48.7.64/26 -10.48.7.128/26", "-fd00:48::/122"];
    assert_eq!(told(&outgoing), [(1, withdrawn.map(str::to_owned).to_vec())]);
    assert!(out.reexport(sources(&rib, &none)).is_empty());
}
