//! When a withdrawal is not believed, and what always holds of what is announced.

use proptest::prelude::*;

use super::*;

fn announcing(count: u8) -> Origin {
    let announced = (0..count).map(|n| net(&format!("10.1.{n}.0/26"))).collect();
    Origin {
        announced,
        ..Origin::default()
    }
}

fn judged(before: (u8, usize, Option<&str>), after: (u8, usize, Option<&str>)) -> Verdict {
    let (one, other) = (announcing(before.0), announcing(after.0));
    let picture = |origin, (_, nodes, guid)| Picture { origin, nodes, guid };
    withdrawal(&picture(&one, before), &picture(&other, after))
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
