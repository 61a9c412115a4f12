//! What the first addresses out of others' blocks cost a host whose own are full.

use ipnet::IpNet;
use shared::ipam::{AssignRequest, is_roomy};
use shared::model::key::Key;

use crate::crowd::{block, crowded, net, start};
use crate::scene::{Scene, wanted};

const LAX: &str = r#"{"auto_allocate_blocks":true}"#;

/// Makes blocks of a full /14 the host's own, from the first in its order; the first of them has so many addresses free.
fn own(scene: &Scene, host: &str, count: usize, free: usize) -> Vec<IpNet> {
    let all: Vec<IpNet> = net("10.64.0.0/14").subnets(26).unwrap().collect();
    let own: Vec<IpNet> = (0..count)
        .map(|at| all[(start(host, 4096) + at) % 4096])
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
        let lender = (start("n1", 4096) + 60) % 4096;
        let scene = crowded("10.64.0.0/14", 26, LAX, |index| {
            Some(usize::from(index == lender))
        });
        let own = own(&scene, "n1", count, 2);
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
