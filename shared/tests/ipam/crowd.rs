//! Pools of thousands of blocks: what a call costs does not grow with them.

use ipnet::IpNet;
use jiff::Timestamp;
use serde_json::json;
use shared::ipam::{AssignRequest, ReleaseRequest, assign};
use shared::model::Stored;
use shared::model::block::{Attribute, Block};
use shared::model::key::Key;
use shared::store::Datastore;
use shared::txn::{Decision, Reads};

use crate::scene::{Scene, ready, wanted};

const KIB: usize = 1 << 10;
const STRICT: &str = r#"{"strict_affinity":true,"auto_allocate_blocks":true}"#;

pub(crate) fn net(text: &str) -> IpNet {
    text.parse().unwrap()
}

/// A block of another host, filled up to so many free addresses.
pub(crate) fn block(cidr: IpNet, host: &str, free: usize) -> Vec<u8> {
    let now: Timestamp = "2026-11-22T16:00:00Z".parse().unwrap();
    let mut block = Block::new(cidr, host, now);
    for ordinal in free..block.allocations.len() {
        let handle = format!("k8s-pod-network.{ordinal}");
        let attributes = wanted(host, u32::try_from(ordinal).unwrap()).attributes;
        block.take(ordinal, Attribute::new(&handle, &attributes));
    }
    block.to_bytes()
}

/// A pool whose blocks are another host's: by index how many addresses are free, or that it does not exist.
pub(crate) fn crowded(pool: &str, size: u8, config: &str, there: impl Fn(usize) -> Option<usize>) -> Scene {
    crowded_by(pool, size, config, there, block)
}

/// The same with blocks that this makes.
pub(crate) fn crowded_by(
    pool: &str,
    size: u8,
    config: &str,
    there: impl Fn(usize) -> Option<usize>,
    block: impl Fn(IpNet, &str, usize) -> Vec<u8>,
) -> Scene {
    let scene = Scene::default().pool("p", pool, json!({"blockSize": size}));
    scene.put("/calico/ipam/v2/config", config);
    let template = |free: usize| {
        let first = net(pool).subnets(size).unwrap().next().unwrap();
        (first, String::from_utf8(block(first, "far", free)).unwrap())
    };
    let mut templates = std::collections::BTreeMap::new();
    for (index, cidr) in net(pool).subnets(size).unwrap().enumerate() {
        let Some(free) = there(index) else { continue };
        let (first, text) = templates.entry(free).or_insert_with(|| template(free));
        let text = text.replace(&first.to_string(), &cidr.to_string());
        scene.put(Key::block(cidr).as_str(), text);
        scene.put(
            Key::affinity("far", cidr).as_str(),
            r#"{"state":"confirmed","deleted":false}"#,
        );
    }
    scene
}

/// Requests of a call and bytes of the values that each brings, with the block that was taken from.
pub(crate) fn cost(scene: &Scene, request: &AssignRequest) -> (u64, Vec<usize>, Result<IpNet, String>) {
    let mut reads = assign::reads(request);
    let (mut bytes, mut asked) = (Vec::new(), Reads::new());
    let outcome = loop {
        bytes.push(scene.bytes(&reads));
        asked = asked.and(reads);
        let snapshot = ready(scene.store.read(&asked)).unwrap();
        match assign::decide(&snapshot, request) {
            Ok(Decision::Read(more)) => reads = more,
            Ok(Decision::Commit(_, leases) | Decision::Done(leases)) => break Ok(leases[0].block),
            Err(error) => break Err(error.to_string()),
        }
    };
    let (_, requests) = scene.requests(|scene| scene.assign(request).is_ok());
    (requests, bytes, outcome)
}

/// Where a host begins in a pool: FNV-1 of its name, stirred.
pub(crate) fn start(host: &str, blocks: usize) -> usize {
    let hash = host.bytes().fold(0x811c_9dc5_u32, |hash, byte| {
        hash.wrapping_mul(0x0100_0193) ^ u32::from(byte)
    });
    let hash = (hash ^ (hash >> 16)).wrapping_mul(0x85eb_ca6b);
    let hash = (hash ^ (hash >> 13)).wrapping_mul(0xc2b2_ae35);
    (hash ^ (hash >> 16)) as usize % blocks
}

fn family(request: AssignRequest, pool: &str) -> AssignRequest {
    AssignRequest {
        want_v4: net(pool).addr().is_ipv4(),
        want_v6: net(pool).addr().is_ipv6(),
        ..request
    }
}

#[test]
fn one_of_4096_single_addresses_is_found_at_90_percent() {
    for pool in ["10.64.0.0/20", "fd00::/116"] {
        let scene = crowded(pool, pool.rsplit_once(':').map_or(32, |_| 128), STRICT, |index| {
            ((index as u32).wrapping_mul(2_654_435_761) >> 20 >= 410).then_some(0)
        });
        for n in 0..50 {
            let request = family(wanted(&format!("host-{n}"), n), pool);
            let (requests, bytes, outcome) = cost(&scene, &request);
            assert!(
                outcome.is_ok() && requests <= 3,
                "{pool} {n}: {requests} {outcome:?}"
            );
            assert!(bytes.iter().sum::<usize>() <= 64 * KIB, "{bytes:?}");
        }
        assert!(
            scene
                .audit()
                .iter()
                .all(|finding| !finding.object.as_str().contains("host-"))
        );
    }
}

#[test]
fn the_last_free_block_of_a_crowded_pool_is_counted_out() {
    for (pool, free, size, most) in [
        ("10.64.0.0/20", "10.64.15.255/32", 32, 6),
        ("10.9.0.0/18", "10.9.63.255/32", 32, 6),
        ("10.8.0.0/12", "10.15.255.192/26", 26, 7),
        ("10.9.128.0/17", "10.9.200.128/27", 27, 6),
        ("10.9.0.0/23", "10.9.1.129/32", 32, 6),
        ("fd00::/114", "fd00::3fff/128", 128, 6),
        ("fd00::/116", "fd00::/128", 128, 6),
    ] {
        let (network, last) = (net(pool).trunc(), net(free));
        let index = network
            .subnets(size)
            .unwrap()
            .position(|cidr| cidr == last)
            .unwrap();
        let scene = crowded(&network.to_string(), size, STRICT, |at| {
            (at != index).then_some(0)
        });
        for host in ["n1", "n2"] {
            let request = family(wanted(host, 1), pool);
            let (requests, bytes, outcome) = cost(&scene, &request);
            assert_eq!(outcome, Ok(last), "{pool}");
            assert!(requests <= most, "{pool}: {requests} requests");
            assert!(bytes.iter().sum::<usize>() <= 4 * KIB, "{pool}: {bytes:?}");
            scene.release(&crate::scene::returned(host, 1)).unwrap();
            scene.store.delete(Key::block(last));
            scene.store.delete(Key::affinity(host, last));
        }
    }
}

#[test]
fn a_full_strict_pool_is_refused_after_few_requests() {
    let scene = crowded("10.64.0.0/20", 32, STRICT, |_| Some(0));
    let (requests, bytes, outcome) = cost(&scene, &wanted("n1", 1));
    assert!(outcome.unwrap_err().contains("all 4096 blocks are taken"));
    assert!(requests <= 8, "{requests}");
    assert!(bytes.iter().all(|bytes| *bytes <= KIB * KIB), "{bytes:?}");
}

#[test]
fn the_only_empty_block_of_a_strict_pool_is_taken_over_wherever_it_is() {
    for at in [500, 4095] {
        let empty = (start("n1", 4096) + at) % 4096;
        let scene = crowded("10.64.0.0/14", 26, STRICT, |index| {
            Some(if index == empty {
                64
            } else {
                usize::from(index % 2 == 0)
            })
        });
        let (leases, requests) = scene.requests(|scene| scene.assign(&wanted("n1", 1)).unwrap());
        let block = net("10.64.0.0/14").subnets(26).unwrap().nth(empty);
        assert_eq!((Some(leases[0].block), leases[0].borrowed), (block, false));
        // The settings and the counts, a hundred blocks each, the owner's affinity and the Txn.
        assert!(requests <= 6 + at as u64 / 90, "{at}: {requests}");
    }
}

#[test]
fn a_strict_pool_that_is_full_is_refused_with_the_number_of_blocks_looked_at() {
    let scene = crowded("10.64.0.0/14", 26, STRICT, |_| Some(1));
    let error = scene.assign(&wanted("n1", 1)).unwrap_err();
    assert_eq!(error.code(), 141, "{error}");
    assert!(
        error
            .to_string()
            .contains("of the 4096 blocks of other hosts that were looked at none is empty"),
        "{error}"
    );
}

#[test]
fn a_borrowed_address_is_three_requests_and_one_more_for_a_hundred_candidates() {
    for (at, most) in [(0, 3), (99, 3), (150, 4), (350, 6)] {
        let scene = crowded("10.64.0.0/14", 26, r#"{"auto_allocate_blocks":true}"#, |index| {
            Some(usize::from(index == (start("n1", 4096) + at) % 4096))
        });
        let (requests, bytes, outcome) = cost(&scene, &wanted("n1", 1));
        assert!(outcome.is_ok(), "{outcome:?}");
        assert!(requests <= most, "candidate {at}: {requests} requests");
        assert!(bytes.iter().all(|bytes| *bytes <= KIB * KIB), "{bytes:?}");
    }
}

#[test]
fn a_borrowed_address_is_three_requests_in_a_small_pool_and_in_ipv6() {
    for (pool, size, at) in [
        ("10.64.0.0/26", 30, 15),
        ("10.64.0.0/20", 28, 99),
        ("fd00::/112", 122, 90),
    ] {
        let blocks = net(pool).subnets(size).unwrap().count();
        let scene = crowded(pool, size, "{\"auto_allocate_blocks\":true}", |index| {
            Some(usize::from(index == (start("n1", blocks) + at) % blocks))
        });
        let (requests, bytes, outcome) = cost(&scene, &family(wanted("n1", 1), pool));
        assert!(outcome.is_ok() && requests <= 3, "{pool}: {requests} {outcome:?}");
        assert!(bytes.iter().sum::<usize>() <= KIB * KIB, "{bytes:?}");
    }
}

#[test]
fn with_4096_blocks_a_first_address_is_three_requests_and_a_warm_one_two() {
    for size in [26, 32] {
        let pool = if size == 26 {
            "10.64.0.0/13"
        } else {
            "10.64.0.0/19"
        };
        for config in [STRICT, r#"{"auto_allocate_blocks":true}"#] {
            let scene = crowded(pool, size, config, |index| (index % 2 == 0).then_some(0));
            let (requests, bytes, outcome) = cost(&scene, &wanted("n1", 1));
            assert!(requests <= 3, "first: {requests}");
            assert!(bytes.iter().sum::<usize>() <= 64 * KIB, "{bytes:?}");
            let request = AssignRequest {
                hint_blocks: vec![outcome.unwrap()],
                roomy: true,
                ..wanted("n1", 2)
            };
            let (requests, bytes, outcome) = cost(&scene, &request);
            assert!(requests <= if size == 26 { 2 } else { 3 }, "warm: {requests}");
            assert!(bytes.iter().sum::<usize>() <= 64 * KIB, "{bytes:?}");
            let released = ReleaseRequest {
                hint_blocks: vec![outcome.unwrap()],
                ..crate::scene::returned("n1", 2)
            };
            let (released, requests) = scene.requests(|scene| scene.release(&released).unwrap());
            assert!(released.found && requests <= 2, "release: {requests}");
        }
    }
}

#[test]
fn two_families_ask_together_what_one_request_can_hold() {
    let scene = Scene::default()
        .pool("v4", "10.0.0.0/16", json!({}))
        .pool("v6", "fd00::/112", json!({}));
    let both = AssignRequest {
        want_v6: true,
        ..wanted("n1", 1)
    };
    assert_eq!(cost(&scene, &both).0, 3);
}

#[test]
fn twenty_full_own_blocks_are_looked_through_newest_first() {
    let scene = Scene::default().pool("v4", "10.0.0.0/16", json!({}));
    let blocks: Vec<IpNet> = net("10.0.0.0/16").subnets(26).unwrap().take(19).collect();
    for cidr in &blocks {
        let stored = block(*cidr, "n1", usize::from(*cidr == blocks[18]));
        scene.put(Key::block(*cidr).as_str(), stored);
        scene.put(Key::affinity("n1", *cidr).as_str(), r#"{"state":"confirmed"}"#);
    }
    let request = |n| AssignRequest {
        roomy: true,
        ..wanted("n1", n)
    };
    let (requests, bytes, outcome) = cost(&scene, &request(1));
    assert_eq!((requests, outcome), (3, Ok(blocks[18])), "the newest has room");
    assert!(bytes.iter().sum::<usize>() <= 64 * KIB, "{bytes:?}");
    let (requests, bytes, outcome) = cost(&scene, &request(2));
    assert!(requests <= 4 && !blocks.contains(&outcome.unwrap()), "{requests}");
    assert!(bytes.iter().sum::<usize>() <= 512 * KIB, "{bytes:?}");
}
