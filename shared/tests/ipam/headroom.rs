//! What is counted is what can be started: the room of a node against as many ADDs as succeed on it.

use proptest::prelude::*;
use serde_json::{Value, json};
use shared::ipam::headroom::{self, End, Headroom, Survey, nodes};
use shared::ipam::{AssignRequest, IpamError};
use shared::model::key::Key;
use shared::store::Datastore;

use crate::scene::{Scene, ready, returned, wanted};

/// Past the time in which an empty block is its owner's.
fn later(host: &str, number: u32) -> AssignRequest {
    AssignRequest {
        now: "2026-11-22T16:20:00Z".parse().unwrap(),
        ..wanted(host, number)
    }
}

fn room(scene: &Scene, host: &str) -> Headroom {
    let snapshot = ready(scene.store.read(&headroom::reads())).unwrap();
    let survey = Survey::of(&snapshot, &later(host, 0)).unwrap();
    survey.headroom(&later(host, 0), true)
}

/// ADDs on a host until one fails.
fn started(scene: &Scene, host: &str) -> (u64, IpamError) {
    let mut count = 0;
    loop {
        match scene.assign(&later(host, 1000 + u32::try_from(count).unwrap())) {
            Ok(_) => count += 1,
            Err(error) => return (count, error),
        }
    }
}

/// The count, its end and the error it ends with agree.
fn agree(scene: &Scene, host: &str) -> Result<(), TestCaseError> {
    let room = room(scene, host);
    let (count, error) = started(scene, host);
    prop_assert_eq!(room.pods(), count, "{:?}: {}", room, error);
    let alike = match (&room.end, &error) {
        (End::Error(end), error) => **end == *error,
        (
            End::Limit { pool, limit, .. },
            IpamError::BlockLimit {
                pool: named,
                limit: of,
                ..
            },
        ) => pool == named && limit == of,
        (End::ClaimsForbidden, IpamError::ClaimsForbidden { .. }) => true,
        (End::Full { .. }, IpamError::Reserved { .. }) => true,
        (End::Full { strict }, IpamError::PoolFull { .. }) => *strict,
        (End::Full { strict }, IpamError::NothingToBorrow { .. }) => !strict,
        _ => false,
    };
    prop_assert!(alike, "{:?}: {}", room.end, error);
    Ok(())
}

/// A cluster somebody has used.
#[derive(Clone, Debug)]
struct Plan {
    strict: bool,
    auto: bool,
    limit: u8,
    cooldown: bool,
    sizes: (u8, u8),
    reserved: Option<(u8, u8)>,
    taken: Vec<(u8, bool)>,
    named: Vec<u8>,
    foreign: Vec<(u8, u8)>,
}

fn plan() -> impl Strategy<Value = Plan> {
    let settings = (any::<bool>(), prop::bool::weighted(0.9), 0u8..5, any::<bool>());
    let pools = (29u8..=32, 30u8..=32, prop::option::of((0u8..16, 28u8..=32)));
    let used = (
        prop::collection::vec((0u8..3, any::<bool>()), 0..16),
        prop::collection::vec(0u8..16, 0..3),
        prop::collection::vec((0u8..4, 0u8..4), 0..3),
    );
    (settings, pools, used).prop_map(|(settings, pools, (taken, named, foreign))| Plan {
        strict: settings.0,
        auto: settings.1,
        limit: settings.2,
        cooldown: settings.3,
        sizes: (pools.0, pools.1),
        reserved: pools.2,
        taken,
        named,
        foreign,
    })
}

fn scene(plan: &Plan) -> Scene {
    let size = |size: u8| json!({"blockSize": size});
    let scene = Scene::default()
        .pool("a", "10.0.0.0/28", size(plan.sizes.0))
        .pool("b", "10.1.0.0/29", size(plan.sizes.1));
    if let Some((first, length)) = plan.reserved {
        let spec = json!({"reservedCIDRs": [format!("10.0.0.{first}/{length}")]});
        scene.put(
            "/calico/resources/v3/projectcalico.org/ipreservations/r",
            json!({"metadata": {"name": "r"}, "spec": spec}).to_string(),
        );
    }
    for (number, (host, leaves)) in plan.taken.iter().enumerate() {
        let number = u32::try_from(number).unwrap();
        let host = format!("n{host}");
        let leased = scene.assign(&wanted(&host, number));
        if *leaves && leased.is_ok() {
            scene.release(&returned(&host, number)).unwrap();
        }
    }
    for (number, address) in plan.named.iter().enumerate() {
        let named = AssignRequest {
            specific: vec![format!("10.0.0.{address}").parse().unwrap()],
            ..wanted("n1", 100 + u32::try_from(number).unwrap())
        };
        drop(scene.assign(&named));
    }
    for (kind, at) in &plan.foreign {
        others_mess(&scene, plan, *kind, *at);
    }
    scene.put("/calico/ipam/v2/config", config(plan).to_string());
    scene
}

fn config(plan: &Plan) -> Value {
    json!({"strict_affinity": plan.strict, "auto_allocate_blocks": plan.auto, "maxBlocksPerHost": plan.limit,
        "ipCooldownSeconds": if plan.cooldown { 600 } else { 0 }})
}

/// What half-done calls of others leave: an affinity without a block or to another's, a block without affinity.
fn others_mess(scene: &Scene, plan: &Plan, kind: u8, at: u8) {
    let (length, host) = (plan.sizes.0, "n0");
    let step = 1u32 << (32 - length);
    let first = u32::from(at) * step % 16;
    let block = format!("10.0.0.{first}-{length}");
    let affinity = format!("/calico/ipam/v2/host/{host}/ipv4/block/{block}");
    let key = format!("/calico/ipam/v2/assignment/ipv4/block/{block}");
    match kind {
        0 => scene.put(&affinity, r#"{"state":"pending"}"#),
        1 => drop(scene.store.delete(Key::stored(affinity))),
        2 => {
            if let Some(mut stored) = scene.get(&key) {
                stored["affinity"] = Value::Null;
                scene.put(&key, stored.to_string());
            }
        }
        _ => scene.put(&affinity, ""),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn a_nodes_room_is_what_it_can_start(plan in plan(), host in 0u8..4) {
        agree(&scene(&plan), &format!("n{host}"))?;
    }
}

#[test]
fn each_part_of_the_room_is_told() {
    let scene = Scene::default().pool("a", "10.0.0.0/28", json!({"blockSize": 30}));
    scene.assign(&wanted("n1", 1)).unwrap();
    scene.assign(&wanted("n2", 2)).unwrap();
    let open = room(&scene, "n1");
    assert_eq!(
        (open.blocks, open.own, open.new_blocks, open.new, open.others),
        (1, 3, 2, 8, 3)
    );
    assert_eq!(open.end, End::Full { strict: false });
    let config = json!({"strict_affinity": true, "auto_allocate_blocks": true, "maxBlocksPerHost": 2});
    scene.put("/calico/ipam/v2/config", config.to_string());
    let limited = room(&scene, "n1");
    assert_eq!((limited.own, limited.new_blocks, limited.others), (3, 1, 0));
    let (pool, held) = ("a".to_owned(), 2);
    assert_eq!(limited.end, End::Limit { pool, held, limit: 2 });
    assert!(matches!(
        room(&Scene::default(), "n1").end,
        End::Error(error) if error.code() == 140
    ));
    let snapshot = ready(scene.store.read(&headroom::reads())).unwrap();
    assert_eq!(nodes(&snapshot).into_iter().collect::<Vec<_>>(), ["n1", "n2"]);
}

#[test]
fn a_pool_of_single_addresses_gives_what_the_default_limit_allows() {
    let scene = Scene::default().pool("p", "10.0.0.0/20", json!({"blockSize": 32}));
    let room = room(&scene, "n1");
    assert_eq!((room.pods(), room.new_blocks), (1280, 1280));
    let reserved = json!({"metadata": {"name": "r"}, "spec": {"reservedCIDRs": ["10.0.0.0/22", "10.0.8.0/22", "10.0.12.0/22"]}});
    scene.put(
        "/calico/resources/v3/projectcalico.org/ipreservations/r",
        reserved.to_string(),
    );
    assert_eq!(self::room(&scene, "n1").pods(), 1024);
}

/// An affinity to a block that names no host any more: the first ADD removes it and borrows, the second takes the block.
#[test]
fn what_the_first_add_borrows_beside_a_block_that_is_nobodys_counts() {
    let leaves = [(2, false), (0, true), (1, false)];
    let plan = Plan {
        strict: false,
        auto: true,
        limit: 1,
        cooldown: false,
        sizes: (29, 30),
        reserved: None,
        taken: leaves.into_iter().chain([(1, false); 4]).collect(),
        named: Vec::new(),
        foreign: vec![(2, 2)],
    };
    let scene = scene(&plan);
    assert_eq!(room(&scene, "n0").pods(), 9);
    agree(&scene, "n0").unwrap();
}
