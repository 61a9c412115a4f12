//! In which order addresses are used again, and how long they rest.

use ipnet::IpNet;
use serde_json::json;
use shared::ipam::{AssignRequest, ReleaseRequest};
use shared::model::Stored;
use shared::model::block::{Attribute, Block};
use shared::model::key::Key;

use crate::scene::{Scene, returned, wanted};

fn resting(more: serde_json::Value) -> Scene {
    let scene = Scene::default().pool("v4", "10.0.0.0/30", json!({"blockSize": 30}));
    let mut config = json!({"auto_allocate_blocks": true, "strict_affinity": true, "ipCooldownSeconds": 300});
    config
        .as_object_mut()
        .unwrap()
        .extend(more.as_object().cloned().unwrap());
    scene.put("/calico/ipam/v2/config", config.to_string());
    scene
}

fn at(time: &str, n: u32) -> AssignRequest {
    AssignRequest {
        now: format!("2026-11-22T{time}Z").parse().unwrap(),
        ..wanted("n1", n)
    }
}

fn back(time: &str, n: u32) -> ReleaseRequest {
    ReleaseRequest {
        now: format!("2026-11-22T{time}Z").parse().unwrap(),
        ..returned("n1", n)
    }
}

#[test]
fn the_address_that_was_freed_first_is_given_out_first() {
    let scene = Scene::default().pool("v4", "10.0.0.0/29", json!({"blockSize": 29}));
    let address = |n| scene.assign(&wanted("n1", n)).unwrap()[0].address;
    let leases: Vec<_> = (0..8).map(address).collect();
    for n in [5, 2, 7] {
        scene.release(&returned("n1", n)).unwrap();
    }
    let again: Vec<_> = (10..13).map(address).collect();
    assert_eq!(again, [leases[5], leases[2], leases[7]]);
}

#[test]
fn with_nothing_else_left_the_address_that_rested_longest_is_used_and_told() {
    let scene = resting(json!({}));
    for n in 0..4 {
        assert_eq!(scene.assign(&at("16:12:47", n)).unwrap()[0].resting, None);
    }
    let second = scene.release(&back("16:13:10", 2)).unwrap().addresses[0];
    let first = scene.release(&back("16:13:05", 1)).unwrap().addresses[0];
    let lease = scene.assign(&at("16:14:00", 10)).unwrap()[0].clone();
    assert_eq!(lease.address, first);
    assert_eq!(lease.resting, Some("2026-11-22T16:13:05Z".parse().unwrap()));
    assert_eq!(scene.audit(), []);
    assert_eq!(scene.assign(&at("16:14:00", 11)).unwrap()[0].address, second);
    assert_eq!(scene.assign(&at("16:14:00", 12)).unwrap_err().code(), 141);
    assert_eq!(scene.audit(), []);
}

#[test]
fn a_rest_is_kept_while_there_is_a_block_to_claim_and_cut_at_the_limit() {
    for (limit, resting_is_used) in [(0, false), (1, true)] {
        let scene = Scene::default().pool("v4", "10.0.0.0/29", json!({"blockSize": 30}));
        scene.put(
            "/calico/ipam/v2/config",
            json!({"auto_allocate_blocks": true, "strict_affinity": true, "ipCooldownSeconds": 300,
                "maxBlocksPerHost": limit})
            .to_string(),
        );
        for n in 0..4 {
            scene.assign(&at("16:12:47", n)).unwrap();
        }
        scene.release(&back("16:13:00", 1)).unwrap();
        let lease = scene.assign(&at("16:13:01", 9)).unwrap()[0].clone();
        assert_eq!(lease.resting.is_some(), resting_is_used);
        assert_eq!(scene.audit(), []);
    }
}

#[test]
fn an_address_of_another_hosts_block_rests_too_and_is_borrowed_last() {
    let scene = resting(json!({"strict_affinity": false}));
    for n in 0..4 {
        scene.assign(&at("16:12:47", n)).unwrap();
    }
    scene.release(&back("16:13:00", 1)).unwrap();
    let request = AssignRequest {
        host: "n2".to_owned(),
        ..at("16:13:30", 9)
    };
    let lease = scene.assign(&request).unwrap()[0].clone();
    assert!(lease.borrowed && lease.resting.is_some());
    assert_eq!(scene.audit(), []);
}

#[test]
fn a_block_of_one_address_rests_with_it_and_goes_when_its_time_is_over() {
    let scene = Scene::default().pool("v4", "10.0.0.0/31", json!({"blockSize": 32}));
    scene.put(
        "/calico/ipam/v2/config",
        r#"{"auto_allocate_blocks":true,"strict_affinity":true,"ipCooldownSeconds":300}"#,
    );
    let first = scene.assign(&at("16:12:47", 1)).unwrap()[0].clone();
    scene.release(&back("16:13:00", 1)).unwrap();
    let second = scene.assign(&at("16:13:01", 2)).unwrap()[0].clone();
    assert_ne!(first.address, second.address);
    let third = scene.assign(&at("16:13:02", 3)).unwrap()[0].clone();
    assert_eq!((third.address, third.resting.is_some()), (first.address, true));
    assert!(third.sequence > first.sequence);
    scene.release(&back("16:13:10", 3)).unwrap();
    let rested = scene.assign(&at("16:18:10", 4)).unwrap()[0].clone();
    assert_eq!((rested.address, rested.resting), (first.address, None));
    assert_eq!(scene.audit(), []);
}

#[test]
fn a_reserved_address_is_not_woken() {
    let scene = resting(json!({}));
    for n in 0..4 {
        scene.assign(&at("16:12:47", n)).unwrap();
    }
    let address = scene.release(&back("16:13:00", 1)).unwrap().addresses[0];
    scene.put(
        "/calico/resources/v3/projectcalico.org/ipreservations/r",
        json!({"metadata":{"name":"r"},"spec":{"reservedCIDRs":[address.to_string()]}}).to_string(),
    );
    assert!(scene.assign(&at("16:13:01", 9)).is_err());
}

/// A block of another host without a free address, one of which is resting since then.
fn full(cidr: IpNet, released: Option<&str>) -> Vec<u8> {
    let mut block = Block::new(cidr, "far", "2026-11-22T16:00:00Z".parse().unwrap());
    let owner = Attribute::new("net.other", &[("node".to_owned(), "far".to_owned())].into());
    for ordinal in 0..block.allocations.len() {
        block.take(ordinal, owner.clone());
    }
    if let Some(time) = released {
        let time = format!("2026-11-22T{time}Z").parse().unwrap();
        block.release(&[7], time, 300);
    }
    block.to_bytes()
}

#[test]
fn the_only_resting_address_of_hundreds_of_full_blocks_is_borrowed_wherever_it_is() {
    let scene = Scene::default().pool("v4", "10.0.0.0/17", json!({}));
    scene.put(
        "/calico/ipam/v2/config",
        r#"{"auto_allocate_blocks":true,"ipCooldownSeconds":300}"#,
    );
    let pool: IpNet = "10.0.0.0/17".parse().unwrap();
    let blocks: Vec<IpNet> = pool.subnets(26).unwrap().collect();
    let put = |at: usize, released| scene.put(Key::block(blocks[at]).as_str(), full(blocks[at], released));
    for at in 0..blocks.len() {
        put(at, None);
    }
    for (n, at) in (0..blocks.len()).step_by(85).enumerate() {
        put(at, Some("16:12:00"));
        // One that rests for less long does not hide it.
        let later = (at + 200) % blocks.len();
        put(later, Some("16:12:01"));
        let lease = scene.assign(&self::at("16:12:47", n as u32)).unwrap()[0].clone();
        assert_eq!((lease.block, lease.borrowed), (blocks[at], true));
        assert_eq!(lease.resting, Some("2026-11-22T16:12:00Z".parse().unwrap()));
        put(at, None);
        put(later, None);
    }
}

#[test]
fn of_an_own_and_a_foreign_address_the_one_that_rested_longer_is_used() {
    for (own, foreign, borrowed) in [
        ("16:13:20", "16:13:10", true),
        ("16:13:10", "16:13:20", false),
        ("16:13:10", "16:13:10", false),
    ] {
        let scene = Scene::default().pool("v4", "10.0.0.0/29", json!({"blockSize": 30}));
        scene.put(
            "/calico/ipam/v2/config",
            r#"{"auto_allocate_blocks":true,"ipCooldownSeconds":300}"#,
        );
        let of = |host: &str, n| AssignRequest {
            host: host.to_owned(),
            ..at("16:12:47", n)
        };
        for n in 0..8 {
            let host = if n < 4 { "n1" } else { "n2" };
            assert!(!scene.assign(&of(host, n)).unwrap()[0].borrowed);
        }
        scene.release(&back(own, 0)).unwrap();
        scene.release(&back(foreign, 4)).unwrap();
        let lease = scene.assign(&at("16:13:30", 9)).unwrap()[0].clone();
        assert_eq!((lease.borrowed, lease.resting.is_some()), (borrowed, true));
    }
}

/// Of a node whose clock is ahead an address rests longer, of one that is behind it does not rest.
#[test]
fn a_clock_that_is_wrong_by_an_hour_loses_no_address_and_gives_none_twice() {
    for (time, rests) in [("17:13:05", true), ("15:13:05", false)] {
        let scene = resting(json!({}));
        for n in 0..4 {
            scene.assign(&at("16:12:47", n)).unwrap();
        }
        let released = scene.release(&back(time, 1)).unwrap().addresses[0];
        let lease = scene.assign(&at("16:14:00", 10)).unwrap()[0].clone();
        assert_eq!((lease.address, lease.resting.is_some()), (released, rests));
        assert_eq!(scene.assign(&at("16:14:00", 11)).unwrap_err().code(), 141);
        assert_eq!(scene.audit(), []);
    }
}
