use serde_json::json;

use super::*;
use crate::policy::Pool;
use crate::policy::fixtures::{address, attributes, filter, local, net, pools, session};

/// One block, .70 of which another node holds; pods at .65 and, borrowed, at 10.48.9.9.
fn own() -> Own {
    Own {
        blocks: [
            (net("10.48.7.64/26"), [address("10.48.7.70")].into()),
            (net("10.48.200.1/32"), [].into()),
        ]
        .into(),
        addresses: ["10.48.7.65", "10.48.9.9", "10.48.200.1"].map(address).into(),
        node: vec![net("192.168.1.4/24")],
    }
}

fn verdict(session: &Session, prefix: &str, received: &Attributes, all: bool) -> Verdict {
    let (local, pools, own) = (local(), pools(), own());
    let import = Import {
        session,
        local: &local,
        pools: &pools,
        own: &own,
        all,
    };
    import.verdict(net(prefix), received)
}

fn refused(session: &Session, prefix: &str, received: &Attributes, all: bool) -> Option<Refusal> {
    match verdict(session, prefix, received, all) {
        Verdict::Refused(refusal) => Some(refusal),
        Verdict::Accepted | Verdict::Changed(_) => None,
    }
}

#[test]
fn by_default_only_what_is_in_a_pool_comes_in() {
    let (route, peer) = (attributes("192.168.1.1", &[]), session(64512));
    for inside in ["10.48.1.0/26", "10.48.1.1/32", "10.49.1.0/24", "fd00:48::/122"] {
        assert_eq!(
            verdict(&peer, inside, &route, false),
            Verdict::Accepted,
            "{inside}"
        );
    }
    for outside in ["0.0.0.0/0", "10.0.0.0/8", "192.168.2.0/24", "fd00:49::/64"] {
        assert_eq!(
            refused(&peer, outside, &route, false),
            Some(Refusal::OutsidePools),
            "{outside}"
        );
        assert_eq!(refused(&peer, outside, &route, true), None, "{outside}");
    }
}

#[test]
fn a_filter_lets_in_anything_and_keeps_out_anything() {
    let route = attributes("192.168.1.1", &[]);
    let filters = filter(&json!({"importV4": [
        {"cidr": "10.48.66.0/24", "matchOperator": "In", "action": "Reject"},
        {"cidr": "0.0.0.0/0", "matchOperator": "Equal", "action": "Accept",
         "operations": [{"setPriority": {"value": 512}}]}]}));
    let peer = Session {
        filters,
        ..session(64512)
    };
    let by_rule = Some(Refusal::Filter { filter: 0, rule: 0 });
    assert_eq!(refused(&peer, "10.48.66.64/26", &route, true), by_rule);
    assert_eq!(refused(&peer, "10.48.67.0/26", &route, false), None);
    let Verdict::Changed(changed) = verdict(&peer, "0.0.0.0/0", &route, false) else {
        panic!("the default route is not let in");
    };
    assert_eq!(changed.local_pref, Some(2_147_483_135));
}

#[test]
fn what_is_ours_no_filter_lets_in() {
    let table = [
        ("10.48.7.65/32", Some(Refusal::OwnAddress)),
        ("10.48.9.9/32", Some(Refusal::OwnAddress)),
        ("10.48.200.1/32", Some(Refusal::OwnAddress)),
        // The block that an address was borrowed from is the way to all its others.
        ("10.48.9.0/26", None),
        ("10.48.0.0/16", Some(Refusal::CoversOwnAddress)),
        ("10.48.7.64/26", Some(Refusal::OwnBlock)),
        ("10.48.7.96/27", Some(Refusal::InsideOwnBlock)),
        ("10.48.7.71/32", Some(Refusal::InsideOwnBlock)),
        ("10.48.7.70/32", None),
        ("10.48.7.128/26", None),
        ("192.168.1.0/24", Some(Refusal::NodeSubnet)),
        ("192.168.1.0/25", Some(Refusal::NodeAddress)),
        ("192.168.1.4/32", Some(Refusal::NodeAddress)),
        ("192.168.1.100/32", None),
        ("192.168.0.0/16", None),
        ("0.0.0.0/0", None),
        ("10.0.0.0/8", None),
        ("169.254.1.0/24", Some(Refusal::Martian)),
        ("127.0.0.0/8", Some(Refusal::Martian)),
        ("fe80::/64", Some(Refusal::Martian)),
        ("ff00::/8", Some(Refusal::Martian)),
    ];
    let route = attributes("192.168.1.1", &[]);
    let filters = filter(&json!({"importV4": [{"action": "Accept"}], "importV6": [{"action": "Accept"}]}));
    let peer = Session {
        filters,
        ..session(64512)
    };
    for (prefix, expected) in table {
        assert_eq!(refused(&peer, prefix, &route, false), expected, "{prefix}");
    }
}

#[test]
fn a_lent_block_of_one_address_is_the_other_nodes() {
    let (local, peer, route) = (local(), session(64512), attributes("192.168.1.1", &[]));
    let own = Own {
        blocks: [(net("10.48.3.3/32"), [address("10.48.3.3")].into())].into(),
        ..Own::default()
    };
    let pools: Pools = [Pool {
        cidr: net("10.48.0.0/16"),
        export: true,
        encapsulated: false,
    }]
    .into_iter()
    .collect();
    let import = Import {
        session: &peer,
        local: &local,
        pools: &pools,
        own: &own,
        all: false,
    };
    assert_eq!(import.verdict(net("10.48.3.3/32"), &route), Verdict::Accepted);
}

#[test]
fn our_own_as_is_a_loop_unless_allowed_so_often() {
    let peer = session(65107);
    let prefix = "10.48.1.0/26";
    let looped = attributes("192.168.1.1", &[65107, 64512, 65108, 64512]);
    assert_eq!(refused(&peer, prefix, &looped, false), Some(Refusal::OwnNumber));
    let allowed = |times| Session {
        allowed_local_numbers: times,
        ..session(65107)
    };
    assert_eq!(
        refused(&allowed(1), prefix, &looped, false),
        Some(Refusal::OwnNumber)
    );
    assert_eq!(refused(&allowed(2), prefix, &looped, false), None);
}

#[test]
fn what_we_sent_or_reflected_before_is_refused() {
    let (peer, prefix) = (session(64512), "10.48.1.0/26");
    let mut route = attributes("192.168.1.9", &[]);
    route.originator_id = Some([192, 168, 1, 4].into());
    assert_eq!(
        refused(&peer, prefix, &route, false),
        Some(Refusal::OwnOriginator)
    );

    route.originator_id = Some([192, 168, 1, 9].into());
    route.cluster_list = vec![[1, 1, 1, 1].into(), [244, 0, 0, 1].into()];
    assert_eq!(refused(&peer, prefix, &route, false), None, "we are no reflector");
    let local = Local {
        cluster: Some([244, 0, 0, 1].into()),
        ..local()
    };
    let (pools, own) = (pools(), own());
    let import = Import {
        session: &peer,
        local: &local,
        pools: &pools,
        own: &own,
        all: false,
    };
    assert_eq!(
        import.verdict(net(prefix), &route),
        Verdict::Refused(Refusal::OwnCluster)
    );
}

#[test]
fn an_external_peer_sets_neither_preference_nor_originator() {
    let mut route = attributes("192.168.1.1", &[65107]);
    route.local_pref = Some(4000);
    route.originator_id = Some([9, 9, 9, 9].into());
    route.cluster_list = vec![[8, 8, 8, 8].into()];
    let expected = attributes("192.168.1.1", &[65107]);
    let found = verdict(&session(65107), "10.48.1.0/26", &route, false);
    assert_eq!(found, Verdict::Changed(Box::new(expected)));
    let internal = verdict(&session(64512), "10.48.1.0/26", &route, false);
    assert_eq!(internal, Verdict::Accepted);
}
