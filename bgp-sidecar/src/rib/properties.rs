//! Whatever happens in whatever order: what the RIB holds is what a decision from scratch gives, and what it says
//! has changed is what has changed.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use proptest::prelude::*;

use super::*;
use crate::wire::{AsPath, Segment};

#[derive(Clone, Debug)]
enum Step {
    Announce {
        peer: u8,
        prefix: u8,
        route: Route4,
        refused: bool,
    },
    Withdraw {
        peer: u8,
        prefix: u8,
    },
    Reach {
        next_hop: u8,
        cost: Option<u32>,
    },
    Down {
        peer: u8,
    },
    Lost {
        peer: u8,
    },
    Flush {
        peer: u8,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Route4 {
    local_pref: Option<u32>,
    neighbour: u32,
    length: usize,
    med: Option<u32>,
    next_hop: u8,
    going: bool,
}

impl Route4 {
    fn attributes(self) -> Attributes {
        let mut attributes = Attributes::originated(IpAddr::from([10, 9, 9, self.next_hop]));
        attributes.local_pref = self.local_pref;
        attributes.med = self.med;
        attributes.as_path = AsPath(vec![Segment::Sequence(vec![self.neighbour; self.length])]);
        if self.going {
            attributes.communities.insert(Attributes::GRACEFUL_SHUTDOWN);
        }
        attributes
    }
}

fn route() -> impl Strategy<Value = Route4> {
    let preference = prop_oneof![Just(None), Just(Some(100)), Just(Some(200))];
    let med = prop_oneof![Just(None), (0..3u32).prop_map(Some)];
    let fields = (
        preference,
        1..3u32,
        1..3usize,
        med,
        0..3u8,
        prop::bool::weighted(0.1),
    );
    fields.prop_map(|(local_pref, neighbour, length, med, next_hop, going)| Route4 {
        local_pref,
        neighbour,
        length,
        med,
        next_hop,
        going,
    })
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => (0..5u8, 0..3u8, route(), prop::bool::weighted(0.1))
            .prop_map(|(peer, prefix, route, refused)| Step::Announce { peer, prefix, route, refused }),
        3 => (0..5u8, 0..3u8).prop_map(|(peer, prefix)| Step::Withdraw { peer, prefix }),
        3 => (0..3u8, prop::option::of(0..3u32)).prop_map(|(next_hop, cost)| Step::Reach { next_hop, cost }),
        1 => (0..5u8).prop_map(|peer| Step::Down { peer }),
        1 => (0..5u8).prop_map(|peer| Step::Lost { peer }),
        1 => (0..5u8).prop_map(|peer| Step::Flush { peer }),
    ]
}

fn key(peer: u8) -> PeerKey {
    PeerKey {
        address: IpAddr::from([10, 0, 0, peer]),
        port: 179,
    }
}

fn net(prefix: u8) -> IpNet {
    format!("10.1.{prefix}.0/24").parse().unwrap()
}

/// 0 and 1 are external; of the others the identifiers run against the addresses.
fn info(peer: u8) -> PeerInfo {
    PeerInfo {
        internal: peer > 1,
        client: false,
        id: Ipv4Addr::new(1, 1, 1, 9 - peer),
        max_prefixes: None,
    }
}

#[derive(Clone, Debug)]
struct Kept {
    route: Route4,
    since: u64,
    refused: bool,
    stale: bool,
}

/// All that was said, and a decision made anew each time it is asked for.
#[derive(Clone, Debug, Default)]
struct Model {
    routes: BTreeMap<(u8, u8), Kept>,
    costs: BTreeMap<u8, u32>,
    clock: u64,
}

impl Model {
    fn winners(&self, prefix: u8) -> Vec<(u8, Attributes)> {
        let mut left: Vec<_> = self
            .routes
            .iter()
            .filter(|((at, _), kept)| *at == prefix && !kept.refused)
            .filter_map(|((_, peer), kept)| Some((*peer, kept, *self.costs.get(&kept.route.next_hop)?)))
            .collect();
        let preference = |route: &Route4| local_pref(&route.attributes());
        let most = left.iter().map(|(_, kept, _)| preference(&kept.route)).max();
        left.retain(|(_, kept, _)| Some(preference(&kept.route)) == most);
        let shortest = left.iter().map(|(_, kept, _)| kept.route.length).min();
        left.retain(|(_, kept, _)| Some(kept.route.length) == shortest);
        let med = |route: &Route4| route.med.unwrap_or(0);
        let all = left.clone();
        left.retain(|(_, kept, _)| {
            let rivals = all
                .iter()
                .filter(|(_, other, _)| other.route.neighbour == kept.route.neighbour);
            rivals
                .into_iter()
                .all(|(_, other, _)| med(&other.route) >= med(&kept.route))
        });
        if left.iter().any(|(peer, _, _)| *peer < 2) {
            left.retain(|(peer, _, _)| *peer < 2);
        }
        let nearest = left.iter().map(|(_, _, cost)| *cost).min();
        left.retain(|(_, _, cost)| Some(*cost) == nearest);
        left.sort_by_key(|(peer, kept, _)| match peer {
            0 | 1 => (kept.since, 0),
            internal => (0, 9 - internal),
        });
        left.into_iter()
            .map(|(peer, kept, _)| (peer, kept.route.attributes()))
            .collect()
    }

    fn apply(&mut self, step: &Step) {
        match step {
            Step::Announce {
                peer,
                prefix,
                route,
                refused,
            } => {
                self.clock += 1;
                let same = self
                    .routes
                    .get(&(*prefix, *peer))
                    .filter(|before| before.route == *route);
                let since = same.map_or(self.clock, |before| before.since);
                let kept = Kept {
                    route: *route,
                    since,
                    refused: *refused,
                    stale: false,
                };
                self.routes.insert((*prefix, *peer), kept);
            }
            Step::Withdraw { peer, prefix } => drop(self.routes.remove(&(*prefix, *peer))),
            Step::Reach {
                next_hop,
                cost: Some(cost),
            } => drop(self.costs.insert(*next_hop, *cost)),
            Step::Reach { next_hop, cost: None } => drop(self.costs.remove(next_hop)),
            Step::Down { peer } => self.routes.retain(|(_, of), _| of != peer),
            Step::Flush { peer } => self.routes.retain(|(_, of), kept| of != peer || !kept.stale),
            Step::Lost { peer } => {
                self.routes.retain(|(_, of), kept| of != peer || !kept.stale);
                let of_peer = self.routes.iter_mut().filter(|((_, of), _)| of == peer);
                of_peer.for_each(|(_, kept)| kept.stale = true);
            }
        }
    }
}

fn reach(cost: Option<u32>) -> Reach {
    match cost {
        Some(cost) => Reach::Reachable {
            cost,
            interface: None,
        },
        None => Reach::Unreachable("down".into()),
    }
}

fn apply(rib: &mut Rib, step: &Step) -> Changes {
    match step {
        Step::Announce {
            peer,
            prefix,
            route,
            refused,
        } => {
            let nlri = vec![net(*prefix).into()];
            let announced = vec![Announcement {
                attributes: route.attributes(),
                nlri,
            }];
            let verdict = match refused {
                true => Verdict::Refused(Refusal::OutsidePools),
                false => Verdict::Accepted,
            };
            let update = Update {
                announced,
                ..Update::default()
            };
            rib.update(key(*peer), &update, &|_, _| verdict.clone())
        }
        Step::Withdraw { peer, prefix } => {
            let withdrawn = vec![net(*prefix).into()];
            let update = Update {
                withdrawn,
                ..Update::default()
            };
            rib.update(key(*peer), &update, &|_, _| Verdict::Accepted)
        }
        Step::Reach { next_hop, cost } => rib.set_next_hop(IpAddr::from([10, 9, 9, *next_hop]), reach(*cost)),
        Step::Down { peer } => {
            let changes = rib.peer_down(key(*peer));
            rib.peer_up(key(*peer), info(*peer));
            changes
        }
        Step::Lost { peer } => rib.session_lost(key(*peer), Family::Ipv4),
        Step::Flush { peer } => rib.flush_stale(key(*peer), Family::Ipv4),
    }
}

fn held(rib: &Rib, prefix: u8) -> Vec<(u8, Attributes)> {
    let routes = rib.winners(net(prefix)).map(|route| match route.source {
        Source::Peer(
            PeerKey {
                address: IpAddr::V4(address),
                ..
            },
            _,
        ) => (address.octets()[3], Attributes::clone(route.attributes)),
        Source::Peer(..) | Source::Own => panic!("no such route was made"),
    });
    routes.collect()
}

proptest! {
    #[test]
    fn incremental_decisions_equal_those_from_scratch(steps in prop::collection::vec(step(), 1..80)) {
        let mut rib = Rib::default();
        let mut model = Model::default();
        (0..5).for_each(|peer| drop(rib.peer_up(key(peer), info(peer))));
        for step in &steps {
            let before: Vec<_> = (0..3).map(|prefix| held(&rib, prefix)).collect();
            let mut changes = apply(&mut rib, step);
            model.apply(step);
            for address in std::mem::take(&mut changes.resolve) {
                let IpAddr::V4(v4) = address else { continue };
                let cost = model.costs.get(&v4.octets()[3]).copied();
                changes.merge(rib.set_next_hop(address, reach(cost)));
            }
            for prefix in 0..3u8 {
                let now = held(&rib, prefix);
                prop_assert_eq!(&now, &model.winners(prefix), "after {:?}", step);
                let changed = now != before[usize::from(prefix)];
                prop_assert_eq!(changes.best.contains(net(prefix)), changed, "after {:?}", step);
            }
        }
        (0..5).for_each(|peer| drop(rib.peer_down(key(peer))));
        prop_assert_eq!(rib.attribute_sets(), 0);
        prop_assert_eq!(rib.next_hops().count(), 0);
    }
}
