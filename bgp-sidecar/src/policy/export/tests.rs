use serde_json::json;

use super::*;
use crate::policy::fixtures::{address, attributes, filter, local, net, pools, session};
use crate::session::PeerKey;
use crate::wire::Raw;

mod next_hop;

fn env() -> Export {
    Export {
        pools: pools(),
        ..Export::default()
    }
}

fn to(number: u32) -> Target {
    Target::of(&session(number), &local())
}

/// A peer the route is from.
fn from(internal: bool, client: bool) -> Source {
    let info = PeerInfo {
        internal,
        client,
        id: [192, 168, 1, 5].into(),
        max_prefixes: None,
    };
    let key = PeerKey {
        address: address("192.168.1.5"),
        port: 179,
    };
    Source::Peer(key, info)
}

fn export(
    env: &Export,
    to: &Target,
    prefix: &str,
    source: Source,
    has: &Attributes,
) -> Result<Attributes, Withheld> {
    let attributes = Arc::new(has.clone());
    let route = Route {
        prefix: net(prefix),
        source,
        id: 1,
        attributes: &attributes,
        interface: None,
    };
    env.attributes(to, &route)
}

fn own() -> Attributes {
    Attributes::originated(address("192.168.1.4"))
}

const BLOCK: &str = "10.48.7.64/26";

#[test]
fn our_own_block_goes_to_everybody_each_in_its_way() {
    let inside = export(&env(), &to(64512), BLOCK, Source::Own, &own()).unwrap();
    assert_eq!(inside.local_pref, Some(2_147_482_623));
    assert_eq!(inside.as_path.length(), 0);
    assert_eq!(inside.next_hop.address, address("192.168.1.4"));

    let outside = export(&env(), &to(65107), BLOCK, Source::Own, &own()).unwrap();
    assert_eq!(outside.local_pref, None);
    assert_eq!(outside.as_path.numbers().collect::<Vec<_>>(), [64512]);
    assert_eq!(outside.next_hop.address, address("192.168.1.4"));

    let six = export(&env(), &to(64512), "fd00:48::/122", Source::Own, &own()).unwrap();
    assert_eq!(six.next_hop.address, address("fd00:1::4"));
}

#[test]
fn who_hears_what_was_learned() {
    let route = attributes("192.168.1.5", &[65001]);
    let reflector = Export {
        cluster: Some([244, 0, 0, 1].into()),
        ..env()
    };
    let client = |client: bool| Target { client, ..to(64512) };
    let (internal, of_client, external) = (from(true, false), from(true, true), from(false, false));
    let table = [
        (env(), client(false), internal, Err(Withheld::NotReflected)),
        (env(), client(true), of_client, Err(Withheld::NotReflected)),
        (
            reflector.clone(),
            client(false),
            internal,
            Err(Withheld::NotReflected),
        ),
        (reflector.clone(), client(true), internal, Ok(())),
        (reflector.clone(), client(false), of_client, Ok(())),
        (reflector.clone(), client(true), of_client, Ok(())),
        (env(), to(65107), internal, Err(Withheld::NotReannounced)),
        (env(), to(65107), external, Err(Withheld::NotReannounced)),
        (env(), client(false), external, Ok(())),
    ];
    for (number, (env, to, source, expected)) in table.into_iter().enumerate() {
        let found = export(&env, &to, BLOCK, source, &route).map(drop);
        assert_eq!(found, expected, "row {number}");
    }
}

#[test]
fn pools_decide_about_what_no_filter_accepts() {
    let route = attributes("192.168.1.5", &[65001]);
    let external = from(false, false);
    let get = |prefix: &str, source, route: &Attributes| {
        export(&env(), &to(64512), prefix, source, route).map(drop)
    };
    assert_eq!(get("0.0.0.0/0", external, &route), Err(Withheld::OutsidePools));
    assert_eq!(
        get("10.49.0.0/26", external, &route),
        Err(Withheld::ExportDisabled)
    );
    assert_eq!(
        get("10.49.0.0/26", Source::Own, &own()),
        Err(Withheld::ExportDisabled)
    );
    let filters = filter(
        &json!({"exportV4": [{"cidr": "10.49.0.0/16", "matchOperator": "In", "action": "Accept"},
        {"cidr": "10.48.0.0/16", "matchOperator": "In", "action": "Reject"}]}),
    );
    let filtered = Target { filters, ..to(64512) };
    let get = |prefix: &str| export(&env(), &filtered, prefix, Source::Own, &own()).map(drop);
    assert_eq!(get("10.49.0.0/26"), Ok(()));
    let rejected = Withheld::Filter { filter: 0, rule: 1 };
    assert_eq!(get(BLOCK), Err(rejected));
    let name = &filtered.filters[0].name;
    assert_eq!(
        rejected.told(&filtered, net(BLOCK)),
        format!("rejected by rule 2 of exportV4 of BGPFilter {name}")
    );
    assert_eq!(
        rejected.told(&to(64512), net(BLOCK)),
        "rejected by rule 2 of the peer's BGPFilter number 1"
    );
}

#[test]
fn learned_routes_leave_the_as_only_by_a_rule_that_means_them() {
    let route = attributes("192.168.1.5", &[]);
    let accepting = |rule: serde_json::Value| {
        let filters = filter(&json!({ "exportV4": [rule] }));
        let target = Target { filters, ..to(65107) };
        export(&env(), &target, BLOCK, from(true, false), &route)
    };
    assert_eq!(
        accepting(json!({"action": "Accept"})),
        Err(Withheld::NotReannounced)
    );
    let found = accepting(json!({"action": "Accept", "source": "RemotePeers"})).unwrap();
    assert_eq!(found.next_hop.address, address("192.168.1.4"));
}

#[test]
fn a_reflector_leaves_the_route_as_it_is_and_signs_it() {
    let env = Export {
        cluster: Some([244, 0, 0, 1].into()),
        ..env()
    };
    let mut route = attributes("192.168.1.5", &[65001]);
    route.med = Some(7);
    route.cluster_list = vec![[244, 0, 0, 2].into()];
    let found = export(&env, &to(64512), BLOCK, from(true, true), &route).unwrap();
    let mut expected = route.clone();
    expected.originator_id = Some([192, 168, 1, 5].into());
    expected.cluster_list = vec![[244, 0, 0, 1].into(), [244, 0, 0, 2].into()];
    assert_eq!(found, expected);
    let again = export(&env, &to(64512), BLOCK, from(true, true), &found).unwrap();
    assert_eq!(again.originator_id, expected.originator_id);
}

#[test]
fn another_as_sees_nothing_of_the_inside() {
    let mut route = attributes("192.168.1.5", &[65001]);
    route.med = Some(7);
    route.local_pref = Some(300);
    route.originator_id = Some([1, 1, 1, 1].into());
    route.cluster_list = vec![[2, 2, 2, 2].into()];
    let raw = |flags: u8, code: u8| Raw {
        flags,
        code,
        value: vec![1],
    };
    route.others = vec![raw(0xe0, 200), raw(0x80, 201)];
    let filters = filter(&json!({"exportV4": [{"source": "RemotePeers", "action": "Accept",
        "operations": [{"prependASPath": {"prefix": [64512]}}]}]}));
    let target = Target { filters, ..to(65107) };
    let found = export(&env(), &target, BLOCK, from(true, false), &route).unwrap();
    let mut expected = attributes("192.168.1.4", &[64512, 64512, 65001]);
    expected.others = vec![raw(0xe0, 200)];
    assert_eq!(found, expected);
}

#[test]
fn well_known_communities_are_obeyed() {
    let accept = filter(&json!({"exportV4": [{"source": "RemotePeers", "action": "Accept"}]}));
    let get = |community: u32, number: u32| {
        let mut route = attributes("192.168.1.5", &[65001]);
        route.communities.insert(community);
        let target = Target {
            filters: accept.clone(),
            ..to(number)
        };
        export(&env(), &target, BLOCK, from(false, false), &route).map(drop)
    };
    assert_eq!(get(Attributes::NO_ADVERTISE, 64512), Err(Withheld::Community));
    assert_eq!(get(Attributes::NO_EXPORT, 64512), Ok(()));
    assert_eq!(get(Attributes::NO_EXPORT, 65107), Err(Withheld::Community));
    assert_eq!(
        get(Attributes::NO_EXPORT_SUBCONFED, 65107),
        Err(Withheld::Community)
    );
    assert_eq!(get(1, 65107), Ok(()));
}

#[test]
fn prefix_advertisements_tag_what_is_inside() {
    let tag = |cidr: &str, community: &str| Tag {
        cidr: net(cidr),
        communities: [community.parse().unwrap()].into(),
    };
    let tags = vec![
        tag("10.48.0.0/16", "64700:100"),
        tag("10.48.7.64/26", "1:2:3"),
        tag("10.48.7.64/27", "9:9"),
    ];
    let found = export(&Export { tags, ..env() }, &to(65107), BLOCK, Source::Own, &own()).unwrap();
    assert_eq!(found.communities, [64700 << 16 | 100].into());
    assert_eq!(found.large_communities, [[1, 2, 3]].into());
}

#[test]
fn what_an_external_peer_sent_gets_a_preference_inside() {
    let mut route = attributes("192.168.1.5", &[65001]);
    route.med = Some(7);
    let found = export(&env(), &to(64512), BLOCK, from(false, false), &route).unwrap();
    assert_eq!((found.local_pref, found.med), (Some(100), Some(7)));
    assert_eq!(found.next_hop.address, address("192.168.1.5"));
    route.communities.insert(Attributes::GRACEFUL_SHUTDOWN);
    let going = export(&env(), &to(64512), BLOCK, from(false, false), &route).unwrap();
    assert_eq!(going.local_pref, Some(0));
}

#[test]
fn a_family_that_was_not_agreed_on_is_not_sent() {
    let target = Target {
        families: [Family::Ipv6].into(),
        ..to(64512)
    };
    assert_eq!(
        export(&env(), &target, BLOCK, Source::Own, &own()),
        Err(Withheld::Family)
    );
}
