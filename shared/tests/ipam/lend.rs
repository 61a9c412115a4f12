//! What the first addresses out of others' blocks cost a host whose own are full.

use ipnet::IpNet;
use jiff::Timestamp;
use shared::ipam::{AssignRequest, is_roomy};
use shared::model::Stored;
use shared::model::block::{Attribute, Block};
use shared::model::key::Key;

use crate::crowd::{block, cost, crowded, crowded_by, net, start};
use crate::scene::{Scene, wanted};

const LAX: &str = r#"{"auto_allocate_blocks":true}"#;

/// Makes blocks of a full /16 the host's own, from the first in its order; the first of them has so many addresses free.
fn own(
    scene: &Scene,
    host: &str,
    (count, free): (usize, usize),
    block: impl Fn(IpNet, &str, usize) -> Vec<u8>,
) -> Vec<IpNet> {
    let all: Vec<IpNet> = net("10.64.0.0/16").subnets(26).unwrap().collect();
    let own: Vec<IpNet> = (0..count)
        .map(|at| all[(start(host, 1024) + at) % 1024])
        .collect();
    for (at, cidr) in own.iter().enumerate() {
        let stored = block(*cidr, host, if at == 0 { free } else { 0 });
        scene.put(Key::block(*cidr).as_str(), stored);
        scene.put(Key::affinity(host, *cidr).as_str(), r#"{"state":"confirmed"}"#);
        scene.store.delete(Key::affinity("far", *cidr));
    }
    own
}

#[test]
fn the_first_borrowed_address_after_the_last_own_one_is_three_requests_too() {
    for count in [1, 3] {
        let lender = (start("n1", 1024) + 60) % 1024;
        let scene = crowded("10.64.0.0/16", 26, LAX, |index| {
            Some(usize::from(index == lender))
        });
        let own = own(&scene, "n1", (count, 2), block);
        let next = |n, roomy| AssignRequest {
            hint_blocks: vec![own[0]],
            roomy,
            ..wanted("n1", n)
        };
        let last_but_one = scene.assign(&next(1, true)).unwrap();
        assert!(is_roomy(&last_but_one));
        let last = scene.assign(&next(2, true)).unwrap();
        assert!(!last[0].borrowed && !is_roomy(&last));
        let (borrowed, requests) = scene.requests(|scene| scene.assign(&next(3, false)).unwrap());
        assert!(borrowed[0].borrowed && !is_roomy(&borrowed));
        assert!(requests <= 3, "{count} own blocks: {requests} requests");
    }
}

/// A request with the names that Kubernetes gives: 64 digits of container, 33 letters of pod.
fn pod(host: &str, n: u32) -> AssignRequest {
    let mut request = AssignRequest {
        handle: format!("k8s-pod-network.{n:064x}"),
        ..wanted(host, n)
    };
    let pod = format!("web-frontend-7d4b9c6f5d-{n:09}");
    let names = [("namespace", "default".to_owned()), ("pod", pod)];
    let names = names.map(|(name, value)| (name.to_owned(), value));
    request.attributes.extend(names);
    request
}

/// A block full of such, up to so many free addresses.
fn long(cidr: IpNet, host: &str, free: usize) -> Vec<u8> {
    let now: Timestamp = "2026-11-22T16:00:00Z".parse().unwrap();
    let mut block = Block::new(cidr, host, now);
    for ordinal in free..block.allocations.len() {
        let request = pod(host, u32::try_from(ordinal).unwrap());
        block.take(ordinal, Attribute::new(&request.handle, &request.attributes));
    }
    block.to_bytes()
}

#[test]
fn no_request_reads_more_than_a_mib_of_blocks_with_long_names() {
    let mib = 1 << 20;
    for (count, at, most) in [
        (0, 0, 3),
        (0, 45, 3),
        (0, 99, 4),
        (0, 205, 6),
        (3, 45, 3),
        (19, 50, 3),
    ] {
        let lender = (start("n1", 1024) + at) % 1024;
        let there = |index| Some(usize::from(index == lender));
        let scene = crowded_by("10.64.0.0/16", 26, LAX, there, long);
        let own = own(&scene, "n1", (count, 0), long);
        // The names of one pod tell less than own blocks do.
        let request = AssignRequest {
            hint_blocks: own.first().copied().into_iter().collect(),
            ..if count > 0 { wanted("n1", 1) } else { pod("n1", 1) }
        };
        let (requests, bytes, outcome) = cost(&scene, &request);
        assert!(outcome.is_ok(), "{outcome:?}");
        assert!(requests <= most, "{count}, {at}: {requests} requests, {bytes:?}");
        assert!(bytes.iter().all(|bytes| *bytes <= mib), "{bytes:?}");
        assert!(
            most > 3 || bytes.iter().sum::<usize>() <= mib,
            "{count}, {at}: {bytes:?}"
        );
    }
}
