//! Random schedules of several hosts over the pure core: every read, every decision and every commit of every
//! actor is a step of its own, replies and requests get lost, and after each step nothing contradicts anything.

#[cfg(test)]
mod scene;

#[cfg(test)]
mod actor;

#[cfg(test)]
mod schedules {
    use std::collections::{BTreeMap, BTreeSet};
    use std::net::IpAddr;

    use proptest::prelude::*;
    use shared::store::memory::Fault;

    use crate::actor::{Actor, Job};
    use crate::scene::Scene;

    /// What one container asks for.
    #[derive(Clone, Debug)]
    struct Plan {
        host: u8,
        v6: bool,
        specific: Option<u8>,
        pool: u8,
        leaves: bool,
    }

    fn plan() -> impl Strategy<Value = Plan> {
        let specific = prop_oneof![3 => Just(None), 1 => (0u8..16).prop_map(Some)];
        (0u8..3, any::<bool>(), specific, 0u8..3, any::<bool>()).prop_map(
            |(host, v6, specific, pool, leaves)| Plan {
                host,
                v6,
                specific,
                pool,
                leaves,
            },
        )
    }

    fn fault() -> impl Strategy<Value = Option<Fault>> {
        prop_oneof![
            12 => Just(None),
            1 => Just(Some(Fault::Conflict)),
            1 => Just(Some(Fault::ReplyLost)),
            1 => Just(Some(Fault::RequestLost)),
            1 => Just(Some(Fault::RequestLate)),
        ]
    }

    fn pools() -> Scene {
        let size = |size: u8| serde_json::json!({"blockSize": size});
        Scene::default()
            .pool("blocks", "10.0.0.0/28", size(30))
            .pool("singles", "10.1.0.0/29", size(32))
            .pool("v6", "fd00::/124", size(126))
    }

    fn actors(plans: &[Plan]) -> Vec<Actor> {
        let job = |(n, plan): (usize, &Plan)| {
            let host = format!("n{}", plan.host);
            let mut request = crate::scene::wanted(&host, u32::try_from(n).unwrap());
            request.want_v6 = plan.v6;
            request.specific = plan
                .specific
                .map(|last| IpAddr::from([10, 0, 0, last]))
                .into_iter()
                .collect();
            request.pools_v4 = match plan.pool {
                0 => vec![],
                1 => vec!["blocks".to_owned()],
                _ => vec!["singles".to_owned()],
            };
            // A collection takes container 3 and 13 wherever they are: they must be on their way out.
            Actor::new(Job::Hold {
                request: Box::new(request),
                leaves: plan.leaves || n % 10 == 3,
            })
        };
        let mut actors: Vec<Actor> = plans.iter().enumerate().map(job).collect();
        actors.push(Actor::new(Job::Collect {
            host: "n0".to_owned(),
        }));
        actors
    }

    /// What is allocated, by handle.
    fn held(scene: &Scene) -> BTreeMap<String, BTreeSet<(IpAddr, u64)>> {
        let mut held: BTreeMap<String, BTreeSet<(IpAddr, u64)>> = BTreeMap::new();
        let mut seen = BTreeSet::new();
        for block in scene.blocks() {
            for ordinal in 0..block.allocations.len() {
                let Some(handle) = block.attribute(ordinal).and_then(|owner| owner.handle()) else {
                    continue;
                };
                let address = block.address(ordinal);
                assert!(seen.insert(address), "{address} is allocated twice");
                held.entry(handle.to_owned())
                    .or_default()
                    .insert((address, block.sequence(ordinal)));
            }
        }
        held
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 150, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn no_schedule_leaves_a_contradiction_or_gives_an_address_twice(
            plans in prop::collection::vec(plan(), 1..14),
            schedule in prop::collection::vec((any::<prop::sample::Index>(), fault()), 0..160),
            cooldown in prop::sample::select(vec![0u32, 5]),
        ) {
            let scene = pools();
            scene.put("/calico/ipam/v2/config", format!(
                r#"{{"auto_allocate_blocks":true,"maxBlocksPerHost":4,"ipCooldownSeconds":{cooldown}}}"#
            ));
            let mut actors = actors(&plans);
            for (choice, fault) in schedule {
                let index = choice.index(actors.len());
                let valid = valid(&actors);
                actors[index].step(&scene, fault, &valid);
                prop_assert_eq!(scene.audit(), vec![]);
            }
            for round in 0.. {
                prop_assert!(round < 2000, "some actor never ends");
                let valid = valid(&actors);
                let Some(actor) = actors.iter_mut().find(|actor| !actor.is_over()) else { break };
                actor.step(&scene, None, &valid);
                prop_assert_eq!(scene.audit(), vec![]);
            }
            let held = held(&scene);
            for actor in &actors {
                if let Some((handle, leases)) = actor.holds() {
                    let expected: BTreeSet<(IpAddr, u64)> =
                        leases.iter().map(|lease| (lease.address, lease.sequence)).collect();
                    prop_assert_eq!(held.get(handle).cloned().unwrap_or_default(), expected, "{}", handle);
                }
            }
            let handles: usize = held.len();
            let live = actors.iter().filter(|actor| actor.holds().is_some_and(|(_, leases)| !leases.is_empty()));
            prop_assert_eq!(handles, live.count());
        }
    }

    /// Containers the runtime knows: all that did not leave.
    fn valid(actors: &[Actor]) -> BTreeSet<String> {
        actors
            .iter()
            .filter_map(Actor::known)
            .map(str::to_owned)
            .collect()
    }
}
