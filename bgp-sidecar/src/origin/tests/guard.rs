//! When a withdrawal is not believed, and what always holds of what is announced.

use proptest::prelude::*;
use shared::txn::Revision;

use super::*;
use crate::session::PeerKey;

fn announcing(count: u8) -> Origin {
    let announced = (0..count).map(|n| net(&format!("10.1.{n}.0/26"))).collect();
    Origin {
        announced,
        ..Origin::default()
    }
}

type Told<'a> = (u8, usize, Option<&'a str>);

fn judged(before: Told<'_>, after: Told<'_>) -> Verdict {
    with_peers((before, 3), (after, 3))
}

/// Prefixes, Nodes, GUID; and how many peers. This node's own Node is the first.
fn with_peers((before, peers): (Told<'_>, u8), (after, left): (Told<'_>, u8)) -> Verdict {
    let (one, other) = (announcing(before.0), announcing(after.0));
    withdrawal(&picture(&one, before, peers), &picture(&other, after, left))
}

fn picture<'a>(origin: &'a Origin, (_, nodes, guid): Told<'a>, peers: u8) -> Picture<'a> {
    let peer = |n| PeerKey {
        address: [10, 0, 0, n].into(),
        port: 179,
    };
    Picture {
        origin,
        peers: (0..peers).map(peer).collect(),
        nodes,
        registered: nodes > 0,
        guid,
    }
}

fn refused(verdict: Verdict) -> String {
    match verdict {
        Verdict::Refuse(text) => text,
        Verdict::Accept => String::new(),
    }
}

#[test]
fn an_empty_datastore_withdraws_nothing() {
    let text = refused(judged((10, 5, Some("a")), (9, 0, None)));
    assert!(text.contains("empty") && text.contains("1 of 10"), "{text}");
    assert!(text.contains("--withdraw"), "{text}");
    let never_named = refused(judged((1, 1, None), (0, 0, None)));
    assert!(never_named.contains("empty"), "{never_named}");
}

#[test]
fn another_cluster_withdraws_nothing_beyond_a_fifth() {
    let text = refused(judged((10, 5, Some("a")), (7, 5, Some("b"))));
    assert!(
        text.contains("GUID b, before a") && text.contains("3 of 10"),
        "{text}"
    );
    assert_eq!(judged((10, 5, Some("a")), (8, 5, Some("b"))), Verdict::Accept);
    let text = refused(judged((1, 5, Some("a")), (0, 1, None)));
    assert!(text.contains("no cluster GUID any more"), "{text}");
}

#[test]
fn the_same_cluster_may_withdraw_everything() {
    assert_eq!(judged((10, 5, Some("a")), (0, 5, Some("a"))), Verdict::Accept);
    assert_eq!(judged((10, 5, None), (0, 1, None)), Verdict::Accept);
    // No Node is left, but it is the cluster that it was.
    assert_eq!(judged((10, 5, Some("a")), (0, 0, Some("a"))), Verdict::Accept);
    assert_eq!(judged((10, 5, None), (0, 5, Some("a"))), Verdict::Accept);
}

#[test]
fn where_nothing_goes_another_cluster_is_believed_but_not_an_empty_one() {
    assert_eq!(judged((0, 5, Some("a")), (0, 5, Some("b"))), Verdict::Accept);
    assert_eq!(judged((0, 0, None), (0, 0, None)), Verdict::Accept);
    // A node without a pod has sessions to lose.
    let text = refused(judged((0, 5, Some("a")), (0, 0, None)));
    assert!(text.contains("sessions"), "{text}");
}

#[test]
fn a_node_without_a_pod_does_not_leave_its_peers_because_somebody_has_registered_in_an_emptied_one() {
    for guid in [None, Some("b")] {
        let text = refused(with_peers(((0, 5, Some("a")), 3), ((0, 1, guid), 0)));
        assert!(text.contains("3 of 3 sessions ended"), "{text}");
    }
    // The cluster that it was: its peers may be taken away.
    let same = with_peers(((0, 5, Some("a")), 3), ((0, 5, Some("a")), 0));
    assert_eq!(same, Verdict::Accept);
    // A GUID written anew, and everybody is there.
    assert_eq!(
        with_peers(((9, 5, Some("a")), 6), ((9, 5, Some("b")), 5)),
        Verdict::Accept
    );
}

#[test]
fn without_a_guid_this_nodes_own_node_tells_whose_datastore_it_is() {
    let (one, other) = (announcing(4), announcing(0));
    let before = picture(&one, (4, 5, None), 2);
    let others = Picture {
        registered: false,
        ..picture(&other, (0, 1, Some("b")), 0)
    };
    let text = refused(withdrawal(&before, &others));
    assert!(
        text.contains("this node's Node no more") && text.contains("4 of 4"),
        "{text}"
    );
    // Nothing is lost to one who never had anything.
    let nothing = picture(&other, (0, 5, None), 0);
    assert_eq!(withdrawal(&nothing, &others), Verdict::Accept);
    let ours = picture(&other, (0, 1, Some("b")), 0);
    assert_eq!(withdrawal(&before, &ours), Verdict::Accept);
}

/// Behind the same cluster's own revision every loss counts.
#[test]
fn an_older_backup_withdraws_nothing_and_both_revisions_are_told() {
    let judged = |before: u8, after: u8, left: u8| {
        let (one, other) = (announcing(before), announcing(after));
        let cluster = |count| (count, 5, Some("a"));
        let (previous, next) = (
            picture(&one, cluster(before), 3),
            picture(&other, cluster(after), left),
        );
        assert_eq!(withdrawal(&previous, &next), Verdict::Accept);
        restored(&previous, &next, (Revision(57), Revision(12)))
    };
    for (after, left) in [(9, 3), (10, 2)] {
        let text = refused(judged(10, after, left));
        assert!(text.contains("came back with revision 12, and had 57"), "{text}");
        assert!(text.contains("--withdraw"), "{text}");
    }
    for (after, left) in [(10, 3), (11, 3)] {
        assert_eq!(judged(10, after, left), Verdict::Accept, "nothing is lost");
    }
}

fn any_world() -> impl Strategy<Value = World> {
    let states = prop_oneof![
        Just(None),
        Just(Some("confirmed")),
        Just(Some("pending")),
        Just(Some("pendingDeletion"))
    ];
    let owners = prop_oneof![Just(None), Just(Some("n1")), Just(Some("n2"))];
    let holders = proptest::sample::subsequence(vec![(0, "n1"), (1, "n2"), (2, "-"), (3, "")], 0..=4);
    let one = (states, any::<bool>(), owners, holders, any::<bool>());
    proptest::collection::vec(one, 0..5).prop_map(|all| {
        let mut world = World::new();
        for (index, (state, there, owner, holders, single)) in all.into_iter().enumerate() {
            let cidr = format!("10.1.{index}.0/{}", if single { 32 } else { 30 });
            let holders: Vec<_> = holders.into_iter().filter(|(n, _)| !single || *n == 0).collect();
            if let Some(state) = state {
                world = world.affinity(&cidr, state);
            }
            if there {
                world = world.block(&cidr, owner, &holders);
            }
        }
        world
    })
}

proptest! {
    #[test]
    fn every_announced_block_has_its_blackhole_and_every_own_address_is_covered(world in any_world()) {
        let origin = world.originate();
        for prefix in &origin.announced {
            prop_assert!(single(*prefix) || origin.blackholes.contains(prefix), "{prefix}");
            prop_assert!(!origin.withheld.contains_key(prefix), "{prefix}");
        }
        for address in &origin.own {
            prop_assert!(origin.announced.iter().any(|prefix| prefix.contains(address)), "{address}");
            prop_assert!(!origin.lent.contains_key(address));
        }
        prop_assert!(origin.blackholes.iter().all(|hole| !single(*hole)));
    }
}
