use super::*;

fn external(index: usize) -> Candidate {
    Candidate {
        index,
        kind: Kind::External,
        local_pref: 100,
        length: 2,
        origin: Origin::Igp,
        neighbour: Some(65000),
        med: 0,
        cost: 10,
        since: 100 + index as u64,
        id: Ipv4Addr::new(10, 0, 0, 100),
        clusters: 0,
        address: IpAddr::from([10, 0, 0, 100]),
        path_id: 0,
    }
}

fn internal(index: usize) -> Candidate {
    Candidate {
        kind: Kind::Internal,
        since: 0,
        ..external(index)
    }
}

/// Ranks in both orders: the order of arrival is no argument.
fn ranked(mut candidates: Vec<Candidate>) -> (Vec<usize>, u32) {
    let ranking = rank(candidates.clone());
    candidates.reverse();
    assert_eq!(rank(candidates), ranking);
    (ranking.order, ranking.winners)
}

#[test]
fn each_step_decides_before_the_next() {
    type Step = fn(&mut Candidate);
    // Each makes the second better than the first; whatever comes later in the list has to lose against it.
    let steps: [Step; 6] = [
        |one| one.kind = Kind::Own,
        |one| one.local_pref = 200,
        |one| one.length = 1,
        |one| one.origin = Origin::Igp,
        |one| one.med = 0,
        |one| one.cost = 1,
    ];
    let worse = |index| Candidate {
        origin: Origin::Egp,
        med: 5,
        ..internal(index)
    };
    for (place, step) in steps.iter().enumerate() {
        let mut second = worse(1);
        step(&mut second);
        let mut first = worse(0);
        steps[place + 1..].iter().for_each(|later| later(&mut first));
        assert_eq!(ranked(vec![first, second]), (vec![1, 0], 1), "step {place}");
    }
}

#[test]
fn external_beats_internal_whatever_the_interior_cost() {
    let near = Candidate {
        cost: 0,
        ..internal(0)
    };
    assert_eq!(ranked(vec![near, external(1)]), (vec![1, 0], 1));
}

#[test]
fn med_compares_routes_of_one_neighbouring_as_only() {
    // a and b are of one AS, and a's MED is worse; c is of another. Compared in pairs, each would beat another one.
    let a = Candidate {
        med: 20,
        cost: 1,
        ..internal(0)
    };
    let b = Candidate {
        med: 10,
        cost: 3,
        ..internal(1)
    };
    let c = Candidate {
        neighbour: Some(65001),
        med: 15,
        cost: 2,
        ..internal(2)
    };
    let (order, winners) = ranked(vec![a, b, c]);
    assert_eq!((order[0], winners), (2, 1));
}

#[test]
fn equal_routes_share_and_the_oldest_external_leads() {
    let old = Candidate {
        since: 3,
        id: Ipv4Addr::new(200, 0, 0, 1),
        ..external(1)
    };
    assert_eq!(ranked(vec![external(0), old, internal(2)]), (vec![1, 0, 2], 2));
}

#[test]
fn internal_ties_go_by_id_then_clusters_then_address() {
    let low_id = Candidate {
        id: Ipv4Addr::new(10, 0, 0, 1),
        clusters: 5,
        ..internal(1)
    };
    let clusters = Candidate {
        clusters: 1,
        address: IpAddr::from([1, 1, 1, 1]),
        ..internal(2)
    };
    let address = Candidate {
        address: IpAddr::from([10, 0, 0, 9]),
        ..internal(3)
    };
    let all = vec![internal(0), low_id, clusters, address];
    assert_eq!(ranked(all), (vec![1, 3, 0, 2], 4));
}

#[test]
fn at_most_sixteen_are_used_together() {
    let twenty = (0..20).map(external).collect();
    let (order, winners) = ranked(twenty);
    assert_eq!(winners, 16);
    assert_eq!(order, (0..20).collect::<Vec<_>>());
}

#[test]
fn what_is_about_to_go_has_no_preference() {
    let mut attributes = Attributes::originated(IpAddr::from([10, 0, 0, 1]));
    assert_eq!(local_pref(&attributes), 100);
    attributes.local_pref = Some(300);
    assert_eq!(local_pref(&attributes), 300);
    attributes.communities.insert(Attributes::GRACEFUL_SHUTDOWN);
    assert_eq!(local_pref(&attributes), 0);
}
