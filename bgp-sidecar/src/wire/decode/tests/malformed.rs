//! RFC 7606 row by row.

use super::*;

#[test]
fn a_flawless_one_is_announced_without_a_fault() {
    let update = beside("").unwrap();
    assert_eq!((update.faults.len(), update.announced.len()), (0, 1));
    let update = on(&session(false), &[MP_REACH, ORIGIN, AS_PATH], "").unwrap();
    assert_eq!((update.faults.len(), update.announced.len()), (0, 1));
}

#[test]
fn a_malformed_attribute_withdraws_the_prefixes() {
    let replaced = |attributes: &[&str]| on(&session(true), attributes, NLRI);
    // ORIGIN 3, of two octets; AS_PATH: cut short, an empty segment, a confederation's, AS 0.
    for origin in ["40010103", "4001020000", "400100"] {
        withdraws(replaced(&[origin, AS_PATH, NEXT_HOP, LOCAL_PREF]));
    }
    for path in [
        "4002050201000001",
        "4002020200",
        "4002060301 00000001",
        "400206020100000000",
    ] {
        withdraws(replaced(&[ORIGIN, path, NEXT_HOP, LOCAL_PREF]));
    }
    for next_hop in [
        "4003050a00000201",
        "400304 00000000",
        "400304 e0000001",
        "400304 7f000001",
    ] {
        withdraws(replaced(&[ORIGIN, AS_PATH, next_hop, LOCAL_PREF]));
    }
    withdraws(replaced(&[ORIGIN, AS_PATH, NEXT_HOP, "400503 000064"]));
    // MED, COMMUNITIES (also none at all), ORIGINATOR_ID, CLUSTER_LIST, extended, large.
    for attribute in [
        "800403 000001",
        "c00803 000001",
        "c00800",
        "800903 000001",
        "800a05 0000000101",
        "800a00",
        "c01007 00000000000001",
        "c02008 0000000000000001",
        "c02000",
    ] {
        withdraws(beside(attribute));
    }
}

#[test]
fn wrong_flags_withdraw_the_prefixes() {
    withdraws(on(
        &session(true),
        &["80010100", AS_PATH, NEXT_HOP, LOCAL_PREF],
        NLRI,
    ));
    withdraws(beside("400404 00000001"));
    let mp = MP_REACH.replacen("80", "c0", 1);
    withdraws(on(&session(false), &[&mp, ORIGIN, AS_PATH], ""));
    // The Partial bit alone is no conflict (RFC 7606 §3 c).
    assert_eq!(
        beside("a00404 00000001").unwrap().announced[0].attributes.med,
        Some(1)
    );
}

#[test]
fn a_missing_mandatory_attribute_withdraws_the_prefixes() {
    withdraws(on(&session(false), &[AS_PATH, NEXT_HOP], NLRI));
    withdraws(on(&session(false), &[ORIGIN, NEXT_HOP], NLRI));
    withdraws(on(&session(false), &[ORIGIN, AS_PATH], NLRI));
    withdraws(on(&session(true), &[ORIGIN, AS_PATH, NEXT_HOP], NLRI));
    withdraws(on(&session(false), &[MP_REACH, ORIGIN], ""));
}

#[test]
fn a_malformed_aggregate_is_discarded() {
    assert!(!discards(beside("40060101")).atomic_aggregate);
    assert_eq!(discards(beside("c00706 fc01 0a000001")).aggregator, None);
    assert_eq!(discards(beside("c00708 00000000 0a000001")).aggregator, None);
    assert_eq!(
        beside("c00708 0000fc01 0a000001").unwrap().announced[0]
            .attributes
            .aggregator
            .unwrap()
            .0,
        0xFC01
    );
}

#[test]
fn what_only_internal_peers_send_is_discarded_from_others() {
    assert_eq!(discards(external("400504 00000064")).local_pref, None);
    assert_eq!(discards(external("800903 000001")).originator_id, None);
    assert_eq!(
        discards(external("800a04 00000001")).cluster_list,
        Vec::<std::net::Ipv4Addr>::new()
    );
}

#[test]
fn of_two_the_first_counts() {
    assert_eq!(discards(beside("800404 00000001 800404 00000002")).med, Some(1));
}

#[test]
fn a_repeated_mp_attribute_ends_the_session() {
    resets(
        on(&session(false), &[MP_REACH, MP_REACH, ORIGIN, AS_PATH], ""),
        3,
        1,
    );
    let unreach = "800f03 000201";
    resets(on(&session(false), &[unreach, unreach], ""), 3, 1);
}

#[test]
fn prefixes_that_cannot_be_told_end_the_session() {
    resets(
        on(&session(false), &[ORIGIN, AS_PATH, NEXT_HOP], "21 0a01020304"),
        3,
        10,
    );
    resets(
        on(&session(false), &[ORIGIN, AS_PATH, NEXT_HOP], "18 0a01"),
        3,
        10,
    );
    // More withdrawn than there is, more attributes than there are.
    resets(decode(&framed(2, &octets("0005 0000")), &session(false)), 3, 1);
    resets(decode(&framed(2, &octets("0000 0005")), &session(false)), 3, 1);
    resets(
        decode(&framed(2, &octets("0002 2000 0000")), &session(false)),
        3,
        10,
    );
    for reach in [
        "800e04 00020110",
        "800e09 000201 04 0a000002 00",
        "800e16 000201 20 20010db8000000000000000000000002 0020",
        "800e16 000201 10 20010db8000000000000000000000002 00 81",
        "800e17 000201 10 20010db8000000000000000000000002 00 2020",
    ] {
        let data = resets(on(&session(false), &[reach, ORIGIN, AS_PATH], ""), 3, 9);
        assert_eq!(data, octets(reach), "the attribute is sent back");
    }
    resets(on(&session(false), &["800f02 0002"], ""), 3, 9);
    resets(on(&session(false), &["800f04 000201 81"], ""), 3, 9);
}

#[test]
fn an_attribute_longer_than_the_rest_withdraws_unless_prefixes_were_in_it() {
    let all = [ORIGIN, AS_PATH, NEXT_HOP, LOCAL_PREF];
    for rest in ["c00809 00", "c008", "c0"] {
        let result = on(&session(true), &[&all[..], &[rest]].concat(), NLRI);
        if rest == "c0" {
            resets(result, 3, 1);
        } else {
            withdraws(result);
        }
    }
    resets(
        on(&session(true), &[&all[..], &["800e40 0002"]].concat(), NLRI),
        3,
        1,
    );
}

#[test]
fn a_fault_in_a_message_without_prefixes_ends_the_session() {
    resets(on(&session(true), &["40010103"], ""), 3, 6);
    resets(
        on(&session(true), &["800f08 00020120 20010db8", "40010103"], ""),
        3,
        6,
    );
    let update = on(&session(true), &["800f08 00020120 20010db8", "40060101"], "").unwrap();
    assert_eq!((update.withdrawn.len(), update.faults.len()), (1, 1));
}

#[test]
fn of_thousands_of_faults_the_worst_counts_and_few_are_told() {
    let many = "c06300".repeat(1000);
    let update = beside(&many).unwrap();
    assert_eq!((update.announced.len(), update.faults.len()), (1, 20));
    let update = beside(&(many + "800403 000001")).unwrap();
    assert_eq!((update.withdrawn.len(), update.faults.len()), (1, 21));
    let multicast = "08e0".repeat(600) + NLRI;
    let update = on(&session(false), &[ORIGIN, AS_PATH, NEXT_HOP], &multicast).unwrap();
    assert_eq!((update.announced[0].nlri.len(), update.faults.len()), (1, 20));
}
