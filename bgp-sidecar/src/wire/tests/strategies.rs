//! Any session and any message that makes sense on it.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use proptest::collection::{btree_set, vec};
use proptest::option;
use proptest::prelude::*;

use crate::wire::*;

fn families() -> impl Strategy<Value = BTreeSet<Family>> {
    prop_oneof![
        Just([Family::Ipv4].into()),
        Just([Family::Ipv6].into()),
        Just(Family::ALL.into()),
    ]
}

pub(super) fn session() -> impl Strategy<Value = Negotiated> {
    let flags = (any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>());
    (families(), flags).prop_map(|(families, (as4, paths, long, internal))| {
        let can = AddPath {
            send: paths,
            receive: false,
        };
        let agreed = families
            .iter()
            .filter(|_| paths)
            .map(|family| (*family, can))
            .collect();
        Negotiated {
            families,
            as4,
            add_path: agreed,
            max_send: if long { 65_535 } else { 4096 },
            internal,
            ..Negotiated::default()
        }
    })
}

fn v4() -> impl Strategy<Value = Ipv4Addr> {
    (0x0100_0000..0x7F00_0000_u32).prop_map(Ipv4Addr::from)
}

fn v6() -> impl Strategy<Value = Ipv6Addr> {
    any::<u128>().prop_map(|bits| Ipv6Addr::from(0x2000_u128 << 112 | bits >> 3))
}

fn prefix(family: Family) -> BoxedStrategy<IpNet> {
    match family {
        Family::Ipv4 => (v4(), 0..=32_u8)
            .prop_map(|(address, length)| Ipv4Net::new_assert(address, length).trunc().into())
            .boxed(),
        Family::Ipv6 => (v6(), 0..=128_u8)
            .prop_map(|(address, length)| Ipv6Net::new_assert(address, length).trunc().into())
            .boxed(),
    }
}

fn number() -> impl Strategy<Value = u32> {
    prop_oneof![1..=65_535_u32, 65_536..=u32::MAX]
}

fn as_path() -> impl Strategy<Value = AsPath> {
    let segment = prop_oneof![
        vec(number(), 1..6).prop_map(Segment::Sequence),
        btree_set(number(), 1..4).prop_map(Segment::Set),
        Just(Segment::Sequence(vec![4_200_002_024; 255])),
    ];
    vec(segment, 0..3).prop_map(AsPath)
}

fn next_hop(family: Family) -> BoxedStrategy<NextHop> {
    match family {
        Family::Ipv4 => v4()
            .prop_map(|address| NextHop::from(IpAddr::V4(address)))
            .boxed(),
        Family::Ipv6 => (v6(), option::of(any::<u64>()))
            .prop_map(|(address, low)| NextHop {
                address: address.into(),
                link_local: low.map(|low| Ipv6Addr::from(0xFE80_u128 << 112 | u128::from(low))),
            })
            .boxed(),
    }
}

fn others() -> impl Strategy<Value = Vec<Raw>> {
    let extended = vec(any::<[u8; 8]>(), 1..3).prop_map(|all| Raw {
        flags: 0xC0,
        code: 16,
        value: all.concat(),
    });
    let unknown = vec(any::<u8>(), 0..300).prop_map(|value| Raw {
        flags: 0xE0,
        code: 99,
        value,
    });
    (option::of(extended), option::of(unknown)).prop_map(|(one, two)| one.into_iter().chain(two).collect())
}

fn attributes(family: Family, internal: bool) -> impl Strategy<Value = Attributes> {
    let origin = prop_oneof![Just(Origin::Igp), Just(Origin::Egp), Just(Origin::Incomplete)];
    let first = (origin, as_path(), next_hop(family), option::of(any::<u32>()));
    let second = (any::<u32>(), any::<bool>(), option::of((number(), v4())));
    let third = (btree_set(any::<u32>(), 0..80), btree_set(any::<[u32; 3]>(), 0..4));
    let fourth = (option::of(v4()), vec(v4(), 0..3), others());
    (first, second, third, fourth).prop_map(move |(first, second, third, fourth)| Attributes {
        origin: first.0,
        as_path: first.1,
        next_hop: first.2,
        med: first.3,
        local_pref: internal.then_some(second.0),
        atomic_aggregate: second.1,
        aggregator: second.2,
        communities: third.0,
        large_communities: third.1,
        originator_id: fourth.0.filter(|_| internal),
        cluster_list: if internal { fourth.1 } else { Vec::new() },
        others: fourth.2,
    })
}

fn prefixes(family: Family, paths: bool, least: usize) -> impl Strategy<Value = Vec<Nlri>> {
    let one = (prefix(family), any::<u32>()).prop_map(move |(prefix, id)| Nlri {
        prefix,
        path_id: if paths { id } else { 0 },
    });
    btree_set(one, least..40).prop_map(|all| all.into_iter().collect())
}

/// No prefix occurs twice.
pub(super) fn update(session: &Negotiated) -> impl Strategy<Value = Update> + use<> {
    let session = session.clone();
    let by_family = session.families.iter().map(|family| {
        let paths = session.sends_paths(*family);
        let announced = (attributes(*family, session.internal), prefixes(*family, paths, 1));
        (prefixes(*family, paths, 0), option::of(announced))
    });
    let ended = prop::sample::select(session.families.iter().copied().collect::<Vec<_>>());
    (by_family.collect::<Vec<_>>(), option::of(ended)).prop_map(|(all, end_of_rib)| {
        let mut update = Update {
            end_of_rib,
            ..Update::default()
        };
        for (withdrawn, announced) in all {
            let nlri = announced
                .as_ref()
                .map(|(_, nlri)| nlri.clone())
                .unwrap_or_default();
            update
                .withdrawn
                .extend(withdrawn.into_iter().filter(|one| !nlri.contains(one)));
            update
                .announced
                .extend(announced.map(|(attributes, nlri)| Announcement { attributes, nlri }));
        }
        update
    })
}

fn restart() -> impl Strategy<Value = Restart> {
    (
        any::<bool>(),
        any::<bool>(),
        0..4096_u16,
        any::<[Option<bool>; 2]>(),
    )
        .prop_map(|(r, n, time, kept)| Restart {
            restarting: r,
            notification: n,
            time,
            families: Family::ALL
                .into_iter()
                .zip(kept)
                .filter_map(|(family, kept)| Some((family, kept?)))
                .collect(),
        })
}

fn capabilities() -> impl Strategy<Value = Capabilities> {
    let can = prop_oneof![Just((true, false)), Just((false, true)), Just((true, true))];
    let can = can.prop_map(|(send, receive)| AddPath { send, receive });
    let add_path = proptest::collection::btree_map(prop::sample::select(&Family::ALL[..]), can, 0..3);
    let none: BTreeSet<Family> = BTreeSet::new();
    let families = prop_oneof![Just(none), families()];
    (
        families,
        option::of(number()),
        any::<[bool; 3]>(),
        option::of(restart()),
        add_path,
    )
        .prop_map(
            |(families, as4, [refresh, enhanced_refresh, extended_message], restart, add_path): (
                _,
                _,
                _,
                _,
                BTreeMap<_, _>,
            )| {
                Capabilities {
                    families,
                    as4,
                    refresh,
                    enhanced_refresh,
                    restart,
                    add_path,
                    extended_message,
                }
            },
        )
}

pub(super) fn open() -> impl Strategy<Value = Open> {
    let hold = prop_oneof![Just(0), 3..=u16::MAX];
    (1..=65_535_u32, hold, 1..=u32::MAX, capabilities()).prop_map(|(number, hold, id, capabilities)| Open {
        number: capabilities.as4.unwrap_or(number),
        hold,
        id: id.into(),
        capabilities,
    })
}

/// Any but UPDATE.
pub(super) fn message(session: &Negotiated) -> impl Strategy<Value = Message> + use<> {
    let family = prop::sample::select(session.families.iter().copied().collect::<Vec<_>>());
    let refresh = (family, 0..3).prop_map(|(family, kind)| match kind {
        0 => Refresh::Request(family),
        1 => Refresh::Begin(family),
        _ => Refresh::End(family),
    });
    let notification = (any::<u8>(), any::<u8>(), vec(any::<u8>(), 0..300));
    prop_oneof![
        open().prop_map(Message::Open),
        Just(Message::Keepalive),
        refresh.prop_map(Message::Refresh),
        notification.prop_map(|(code, subcode, data)| {
            Message::Notification(Notification::new(code, subcode, data))
        }),
    ]
}
