//! UPDATEs that are unusual and right.

use super::*;
use crate::wire::attributes::Segment;
use crate::wire::message::Nlri;

#[test]
fn what_is_unknown_goes_by_its_flags() {
    let others = |update: Result<Update, Notification>| update.unwrap().announced.remove(0).attributes.others;
    assert_eq!(
        others(beside("c06302 0102"))[0].flags,
        0xE0,
        "passed on as partial"
    );
    assert_eq!(others(beside("806302 0102")), []);
    let data = resets(beside("406302 0102"), 3, 2);
    assert_eq!(data, octets("406302 0102"));
    let raw = others(beside("c01008 0002fc0100000001")).remove(0);
    assert_eq!(
        (raw.flags, raw.code),
        (0xC0, 16),
        "extended communities are known"
    );
}

#[test]
fn an_old_peer_has_the_truth_in_as4_path() {
    let old = Negotiated {
        as4: false,
        ..session(false)
    };
    let path = |attributes: &[&str]| {
        let mut update = on(&old, &[&[ORIGIN, NEXT_HOP], attributes].concat(), NLRI).unwrap();
        assert_eq!(update.faults, Vec::<String>::new());
        let attributes = update.announced.remove(0).attributes;
        (
            attributes.as_path.0,
            attributes.aggregator.map(|(number, _)| number),
        )
    };
    let two = "400208 0203 fc01 5ba0 5ba0";
    let four = "c0110a 0202 fa56ea07 fa56ea08";
    let merged = vec![Segment::Sequence(vec![0xFC01, 0xFA56_EA07, 0xFA56_EA08])];
    assert_eq!(path(&[two, four]), (merged.clone(), None));
    // Longer than AS_PATH: made up.
    let longer = "c01112 0204 00000001 00000002 00000003 00000004";
    let transit = vec![Segment::Sequence(vec![0xFC01, 23456, 23456])];
    assert_eq!(path(&[two, longer]), (transit.clone(), None));
    // Aggregated by an old speaker since: both are ignored.
    let since = "c00706 fc02 0a000001";
    let before = "c01208 fa56ea07 0a000001";
    assert_eq!(path(&[two, since, four, before]), (transit, Some(0xFC02)));
    let through = "c00706 5ba0 0a000001";
    assert_eq!(path(&[two, through, four, before]), (merged, Some(0xFA56_EA07)));
}

#[test]
fn as4_path_is_discarded_from_a_new_peer_and_where_it_is_malformed() {
    let path = "c01106 0201 fa56ea07";
    assert_eq!(
        discards(external(path)).as_path.0,
        vec![Segment::Sequence(vec![0xFC01])]
    );
    let old = Negotiated {
        as4: false,
        ..session(false)
    };
    for bad in [
        "c01105 0201 fa56ea",
        "c01106 0201 00000000",
        "401106 0201 fa56ea07",
    ] {
        discards(on(&old, &[ORIGIN, "400204 0201 5ba0", NEXT_HOP, bad], NLRI));
    }
}

#[test]
fn a_confederations_segments_are_left_out_of_as4_path_and_the_rest_counts() {
    let old = Negotiated {
        as4: false,
        ..session(false)
    };
    // AS_TRANS, 100, AS_TRANS: the last two are told in four octets, with confederations around them.
    let two = "400208 0203 5ba0 0064 5ba0";
    let four = "c01116 0301 0000fde8 0202 00000064 fa56ea07 0401 0000fde9";
    let path = discards(on(&old, &[ORIGIN, two, NEXT_HOP, four], NLRI)).as_path;
    assert_eq!(path.0, [Segment::Sequence(vec![0x5BA0, 0x64, 0xFA56_EA07])]);
    // Nothing else in it: AS_PATH stays as it is.
    let path = discards(on(&old, &[ORIGIN, two, NEXT_HOP, "c01106 0301 0000fde8"], NLRI)).as_path;
    assert_eq!(path.0, [Segment::Sequence(vec![0x5BA0, 0x64, 0x5BA0])]);
    // What is malformed beside them discards all of it.
    for bad in [
        "c0110a 0301 0000fde8 0201 0000",
        "c0110c 0301 0000fde8 0201 00000000",
        "c01108 0301 0000fde8 0700",
    ] {
        let path = discards(on(&old, &[ORIGIN, two, NEXT_HOP, bad], NLRI)).as_path;
        assert_eq!(path.0, [Segment::Sequence(vec![0x5BA0, 0x64, 0x5BA0])], "{bad}");
    }
}

#[test]
fn end_of_rib_is_an_update_with_nothing_in_it() {
    let ended = |attributes: &[&str]| on(&session(false), attributes, "").unwrap().end_of_rib;
    assert_eq!(ended(&[]), Some(Family::Ipv4));
    assert_eq!(ended(&["800f03 000201"]), Some(Family::Ipv6));
    assert_eq!(ended(&["800f03 000101"]), Some(Family::Ipv4));
    assert_eq!(ended(&["800f08 00020120 20010db8"]), None);
    assert_eq!(ended(&["800f03 001946"]), None, "a family that is not exchanged");
}

#[test]
fn a_family_that_is_not_exchanged_is_ignored() {
    let only = Negotiated {
        families: [Family::Ipv6].into(),
        ..session(false)
    };
    let update = on(&only, &[ORIGIN, AS_PATH, NEXT_HOP], NLRI).unwrap();
    assert_eq!(
        (
            update.announced.len(),
            update.withdrawn.len(),
            update.faults.len()
        ),
        (0, 0, 1)
    );
    let only = Negotiated {
        families: [Family::Ipv4].into(),
        ..session(false)
    };
    let update = on(&only, &[MP_REACH, ORIGIN, AS_PATH], "").unwrap();
    assert_eq!(
        (
            update.announced.len(),
            update.withdrawn.len(),
            update.faults.len()
        ),
        (0, 0, 1)
    );
}

#[test]
fn ipv4_may_come_in_mp_reach_and_masked() {
    let reach = "800e0c 000101 04 0a000002 00 0c 0aff";
    let update = on(&session(false), &[reach, ORIGIN, AS_PATH], "").unwrap();
    let prefix: ipnet::IpNet = "10.240.0.0/12".parse().unwrap();
    assert_eq!(update.announced[0].nlri, [Nlri::from(prefix)]);
}

#[test]
fn a_prefix_that_is_no_unicast_is_passed_over() {
    let update = on(&session(false), &[ORIGIN, AS_PATH, NEXT_HOP], "04e0 100a01").unwrap();
    assert_eq!((update.announced[0].nlri.len(), update.faults.len()), (1, 1));
}

#[test]
fn what_is_withdrawn_and_announced_at_once_is_announced() {
    let attributes = octets(&[ORIGIN, AS_PATH, NEXT_HOP].concat());
    let length = u16::try_from(attributes.len()).unwrap().to_be_bytes();
    let withdrawn = octets("0006 100a01 100a02");
    let body = [&withdrawn[..], &length, &attributes, &octets(NLRI)].concat();
    let Ok(Message::Update(update)) = decode(&framed(kind::UPDATE, &body), &session(false)) else {
        panic!("no UPDATE");
    };
    let other: ipnet::IpNet = "10.2.0.0/16".parse().unwrap();
    assert_eq!(update.withdrawn, [Nlri::from(other)]);
    assert_eq!(update.announced[0].nlri.len(), 1);
}

#[test]
fn a_peer_without_a_global_address_is_reached_by_its_link_local_one() {
    let hop = |global: &str, local: &str| {
        let reach = format!("800e2a 0002 01 20 {global} {local} 00 20 20010db8");
        let update = on(&session(false), &[&reach, ORIGIN, AS_PATH], "").unwrap();
        update.announced[0].attributes.next_hop
    };
    let (none, global) = ("0".repeat(32), "20010db8000000000000000000000002");
    let local = "fe800000000000000000000000000002";
    let address: std::net::Ipv6Addr = "fe80::2".parse().unwrap();
    let both = hop(global, local);
    assert_eq!(
        (both.address.to_string(), both.link_local),
        ("2001:db8::2".to_owned(), Some(address))
    );
    assert_eq!(hop(&none, local).address, std::net::IpAddr::V6(address));
    assert_eq!(hop(global, global).link_local, None);
}
