//! When a new block is claimed, and when not.

use serde_json::json;
use shared::ipam::{AssignRequest, IpamError, Lease, assign};
use shared::store::Datastore;
use shared::txn::{Commit, Decision, Txn};

use crate::scene::{Scene, ready, returned, wanted};

#[test]
fn a_full_block_leads_to_the_next_one() {
    let scene = Scene::default().pool("v4", "10.0.0.0/28", json!({"blockSize": 30}));
    for n in 0..16 {
        scene.assign(&wanted("n1", n)).unwrap();
    }
    assert_eq!(
        scene.assign(&wanted("n1", 16)).unwrap_err().to_string(),
        "pool v4 (10.0.0.0/28, blockSize 30): all 4 blocks are taken or reserved, 4 by host n1, and those are full; of the 0 blocks of other hosts that were looked at none is empty and none has a free address to borrow; apply another pool, or look with `cnictl ipam show --show-blocks` for addresses to release"
    );
    assert_eq!(scene.audit(), []);
}

#[test]
fn a_freed_address_of_an_own_block_is_found_again() {
    let scene = Scene::default().pool("v4", "10.0.0.0/28", json!({"blockSize": 30}));
    let leases: Vec<_> = (0..16)
        .map(|n| scene.assign(&wanted("n1", n)).unwrap()[0].clone())
        .collect();
    scene.release(&returned("n1", 5)).unwrap();
    let again = scene.assign(&wanted("n1", 99)).unwrap();
    assert_eq!(again[0].address, leases[5].address);
    assert!(again[0].sequence > leases[5].sequence);
}

#[test]
fn max_blocks_per_host_stops_claims_and_says_so() {
    let scene = Scene::default().pool("prod-v4", "10.0.0.0/24", json!({"blockSize": 32}));
    scene.put(
        "/calico/ipam/v2/config",
        r#"{"strict_affinity":true,"auto_allocate_blocks":true,"maxBlocksPerHost":3}"#,
    );
    for n in 0..3 {
        scene.assign(&wanted("n17", n)).unwrap();
    }
    let error = scene.assign(&wanted("n17", 3)).unwrap_err();
    assert_eq!(
        error.to_string(),
        "pool prod-v4 (blockSize 32): host n17 holds 3 of 3 blocks (maxBlocksPerHost); 253 blocks are free; raise maxBlocksPerHost with `cnictl ipam configure --max-blocks-per-host`, or release addresses on this host"
    );
    assert_eq!(error.code(), 142);
    scene.assign(&wanted("n18", 4)).unwrap();
    scene.release(&returned("n17", 1)).unwrap();
    scene.assign(&wanted("n17", 5)).unwrap();
    assert_eq!(scene.audit(), []);
}

#[test]
fn the_applied_limit_holds_where_the_key_has_none() {
    let scene = Scene::default().pool("v4", "10.0.0.0/24", json!({"blockSize": 32}));
    scene.put("/calico/ipam/v2/config", r#"{"auto_allocate_blocks":true}"#);
    scene.put(
        "/calico/resources/v3/projectcalico.org/ipamconfigurations/default",
        json!({"spec":{"maxBlocksPerHost":1,"strictAffinity":true}}).to_string(),
    );
    scene.assign(&wanted("n1", 1)).unwrap();
    assert_eq!(scene.assign(&wanted("n1", 2)).unwrap_err().code(), 142);
}

#[test]
fn the_default_limit_leaves_room_for_small_blocks() {
    let scene = Scene::default().pool("v4", "10.0.0.0/20", json!({"blockSize": 32}));
    for n in 0..25 {
        scene.assign(&wanted("n1", n)).unwrap();
    }
    assert_eq!(scene.audit(), []);
}

#[test]
fn blocks_of_other_pools_and_families_do_not_count() {
    let scene = Scene::default()
        .pool("a", "10.0.0.0/28", json!({"blockSize": 30}))
        .pool("b", "10.1.0.0/28", json!({"blockSize": 30}))
        .pool("c", "fd00::/120", json!({"blockSize": 126}));
    scene.put(
        "/calico/ipam/v2/config",
        r#"{"auto_allocate_blocks":true,"maxBlocksPerHost":1}"#,
    );
    for (n, pool) in [(1, "a"), (2, "b")] {
        let request = AssignRequest {
            pools_v4: vec![pool.to_owned()],
            want_v6: true,
            ..wanted("n1", n)
        };
        assert_eq!(scene.assign(&request).unwrap()[0].pool, pool);
    }
}

#[test]
fn without_auto_allocation_only_own_blocks_are_used() {
    let scene = Scene::default().pool("v4", "10.0.0.0/28", json!({"blockSize": 30}));
    scene.assign(&wanted("n1", 1)).unwrap();
    scene.put("/calico/ipam/v2/config", "{}");
    scene.assign(&wanted("n1", 2)).unwrap();
    let error = scene.assign(&wanted("n2", 3)).unwrap_err();
    assert!(matches!(error, IpamError::ClaimsForbidden { .. }), "{error}");
    assert!(
        error
            .to_string()
            .contains("auto_allocate_blocks is false (/calico/ipam/v2/config)"),
        "{error}"
    );
}

/// What a request comes to at this moment, not committed yet.
fn plan(scene: &Scene, request: &AssignRequest) -> (Txn, Vec<Lease>) {
    let mut snapshot = ready(scene.store.read(&assign::reads(request))).unwrap();
    loop {
        match assign::decide(&snapshot, request).unwrap() {
            Decision::Commit(txn, leases) => return (txn, leases),
            Decision::Read(more) => snapshot.absorb(ready(scene.store.read(&more)).unwrap()),
            Decision::Done(leases) => panic!("nothing was written yet: {leases:?}"),
        }
    }
}

#[test]
fn of_two_plans_for_one_block_one_holds_and_the_other_goes_on() {
    for (host, same) in [("n1", true), ("n2", false)] {
        let scene = Scene::default().pool("v4", "10.0.0.0/30", json!({"blockSize": 30}));
        scene.put(
            "/calico/ipam/v2/config",
            r#"{"strict_affinity":true,"auto_allocate_blocks":true}"#,
        );
        let (first, second) = (plan(&scene, &wanted("n1", 1)), plan(&scene, &wanted(host, 2)));
        assert_eq!(first.1[0].address, second.1[0].address);
        assert!(matches!(
            ready(scene.store.commit(&first.0)),
            Ok(Commit::Applied(_))
        ));
        assert!(matches!(
            ready(scene.store.commit(&second.0)),
            Ok(Commit::Conflict(_))
        ));
        let again = scene.assign(&wanted(host, 2));
        assert_eq!(
            again.is_ok_and(|leases| leases[0].block == first.1[0].block),
            same
        );
        assert_eq!(scene.audit(), []);
    }
}

#[test]
fn a_full_pool_leads_to_the_next_pool() {
    let scene = Scene::default()
        .pool("a", "10.0.0.0/30", json!({"blockSize": 30}))
        .pool("b", "10.1.0.0/30", json!({"blockSize": 30}));
    let pools: Vec<String> = (0..8)
        .map(|n| scene.assign(&wanted("n1", n)).unwrap()[0].pool.clone())
        .collect();
    assert_eq!(pools.concat(), "aaaabbbb");
    let error = scene.assign(&wanted("n1", 8)).unwrap_err().to_string();
    assert!(
        error.contains("pool a (10.0.0.0/30") && error.contains("pool b (10.1.0.0/30"),
        "{error}"
    );
}

#[test]
fn a_pool_of_reserved_blocks_is_full_and_ends_the_search() {
    let scene = Scene::default().pool("v6", "fd00::/64", json!({}));
    scene.put(
        "/calico/resources/v3/projectcalico.org/ipreservations/r",
        json!({"spec":{"reservedCIDRs":["fd00::/64"]}}).to_string(),
    );
    let request = AssignRequest {
        want_v4: false,
        want_v6: true,
        ..wanted("n1", 1)
    };
    assert_eq!(scene.assign(&request).unwrap_err().code(), 151);
}

#[test]
fn a_claim_whose_reply_was_lost_does_not_arrive_after_its_container_is_gone() {
    let scene = Scene::default().pool("v4", "10.0.0.0/29", json!({"blockSize": 32}));
    scene.assign(&wanted("n1", 1)).unwrap();
    let request = wanted("n1", 2);
    let decided = |in_doubt| {
        let mut snapshot = ready(scene.store.read(&assign::reads(&request)))
            .unwrap()
            .in_doubt(in_doubt);
        loop {
            match assign::decide(&snapshot, &request).unwrap() {
                Decision::Commit(txn, _) => return txn,
                Decision::Read(more) => snapshot.absorb(ready(scene.store.read(&more)).unwrap()),
                Decision::Done(leases) => panic!("{leases:?}"),
            }
        }
    };
    let late = decided(false);
    let retry = decided(true);
    assert!(matches!(
        ready(scene.store.commit(&retry)),
        Ok(Commit::Applied(_))
    ));
    scene.release(&returned("n1", 2)).unwrap();
    assert!(matches!(
        ready(scene.store.commit(&late)),
        Ok(Commit::Conflict(_))
    ));
}
