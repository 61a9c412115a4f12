//! Own blocks and half claims that give nothing do not hide what others give.

use serde_json::json;

use crate::scene::{Scene, wanted};

const AFFINITY: &str = "/calico/ipam/v2/host/n1/ipv4/block/10.0.0.4-30";
const BLOCK: &str = "/calico/ipam/v2/assignment/ipv4/block/10.0.0.4-30";

fn scene() -> Scene {
    Scene::default().pool("v4", "10.0.0.0/28", json!({"blockSize": 30}))
}

#[test]
fn an_own_block_that_cannot_be_read_is_passed_over_and_counts_against_the_limit() {
    for broken in ["{", r#"{"cidr":"10.0.0.4/30","allocations":[]}"#] {
        let scene = scene();
        scene.put(
            "/calico/ipam/v2/config",
            r#"{"auto_allocate_blocks":true,"maxBlocksPerHost":2}"#,
        );
        scene.put(AFFINITY, r#"{"state":"confirmed","deleted":false}"#);
        scene.put(BLOCK, broken);
        for n in 1..=4 {
            let lease = scene.assign(&wanted("n1", n)).unwrap()[0].clone();
            assert_ne!(lease.block.to_string(), "10.0.0.4/30");
        }
        let error = scene.assign(&wanted("n1", 5)).unwrap_err();
        assert_eq!(error.code(), 122, "{error}");
        assert!(error.to_string().starts_with(BLOCK), "{error}");
    }
}

#[test]
fn a_half_claim_that_is_reserved_does_not_hide_the_next_one() {
    let scene = scene();
    scene.put(
        "/calico/ipam/v2/config",
        r#"{"auto_allocate_blocks":true,"maxBlocksPerHost":2}"#,
    );
    for affinity in [AFFINITY.to_owned(), AFFINITY.replace("10.0.0.4", "10.0.0.8")] {
        scene.put(&affinity, r#"{"state":"pending","deleted":false}"#);
    }
    scene.put(
        "/calico/resources/v3/projectcalico.org/ipreservations/r",
        r#"{"metadata":{"name":"r"},"spec":{"reservedCIDRs":["10.0.0.4/30"]}}"#,
    );
    let lease = scene.assign(&wanted("n1", 1)).unwrap()[0].clone();
    assert_eq!(lease.block.to_string(), "10.0.0.8/30");
}
