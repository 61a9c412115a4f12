//! From each recorded state our call leads to the next.

use shared::ipam::AssignRequest;

use crate::recorded::{call, documents, one, release, scene, stored, texts};
use crate::scene::Scene;

#[test]
fn the_first_address_of_a_host_claims_a_block() {
    let scene = scene(1);
    let lease = one(scene.assign(&call(2, "ipv4/block/10.66.135.128-26", 0)));
    assert_eq!(stored(&scene, &[(lease.block, "10.66.135.128/26")]), documents(2));
}

#[test]
fn the_second_address_comes_from_the_same_block() {
    let scene = scene(2);
    let lease = one(scene.assign(&call(3, "ipv4/block/10.66.135.128-26", 1)));
    assert_eq!(lease.address.to_string(), "10.66.135.129");
    assert_eq!(stored(&scene, &[]), documents(3));
}

#[test]
fn a_released_address_goes_to_the_end_of_the_queue() {
    let scene = scene(3);
    let released = scene
        .release(&release(
            "c0ffee0000000000000000000000000000000000000000000000000000000001",
        ))
        .unwrap();
    assert_eq!(
        released.addresses,
        ["10.66.135.128".parse::<std::net::IpAddr>().unwrap()]
    );
    assert_eq!(stored(&scene, &[]), documents(4));
}

#[test]
fn a_specific_address_claims_the_block_around_it() {
    let scene = scene(4);
    let request = AssignRequest {
        specific: vec!["10.66.77.7".parse().unwrap()],
        ..call(5, "ipv4/block/10.66.77.0-26", 7)
    };
    one(scene.assign(&request));
    assert_eq!(stored(&scene, &[]), documents(5));
}

#[test]
fn two_families_are_one_handle() {
    let scene = scene(5);
    let request = AssignRequest {
        want_v6: true,
        ..call(6, "ipv6/block/fd00:66::8780-122", 0)
    };
    let leases = scene.assign(&request).unwrap();
    assert_eq!(leases[0].address.to_string(), "10.66.135.130");
    assert_eq!(
        stored(&scene, &[(leases[1].block, "fd00:66::8780/122")]),
        documents(6)
    );
}

#[test]
fn a_container_without_a_pod_has_two_attributes() {
    let scene = scene(8);
    one(scene.assign(&call(9, "ipv4/block/10.66.135.128-26", 3)));
    let mut expected = documents(9);
    expected.retain(|key, _| !key.contains("/workloadendpoints/"));
    assert_eq!(stored(&scene, &[]), expected);
}

#[test]
fn an_address_of_another_hosts_block_is_recorded_with_the_node_that_uses_it() {
    let texts = texts(12);
    let before = texts
        .iter()
        .filter(|(key, _)| !key.contains("10.99.0.0-30") && !key.contains(".b0b0"));
    let scene = Scene::with(before.map(|(key, text)| (key.as_str(), text.clone())));
    let own = AssignRequest {
        pools_v4: vec!["tiny".to_owned()],
        ..call(12, "ipv4/block/10.99.0.0-30", 0)
    };
    one(scene.assign(&own));
    let borrower = AssignRequest {
        specific: vec!["10.99.0.1".parse().unwrap()],
        ..call(12, "ipv4/block/10.99.0.0-30", 1)
    };
    one(scene.assign(&borrower));
    assert_eq!(stored(&scene, &[]), documents(12));
}

#[test]
fn an_emptied_block_stays_with_its_host() {
    let scene = scene(12);
    for n in [1, 2] {
        let handle = format!("b0b000000000000000000000000000000000000000000000000000000000000{n}");
        assert!(scene.release(&release(&handle)).unwrap().found);
    }
    assert_eq!(stored(&scene, &[]), documents(13));
}

#[test]
fn the_endpoints_addresses_go_back() {
    let scene = scene(13);
    assert!(scene.release(&release("abcdef0123456789")).unwrap().found);
    assert_eq!(stored(&scene, &[]), {
        let mut expected = documents(14);
        expected.retain(|key, _| !key.contains("/workloadendpoints/"));
        expected
    });
}

#[test]
fn a_strict_cluster_refuses_an_address_of_another_host() {
    let scene = scene(7);
    let mut request = call(9, "ipv4/block/10.66.135.128-26", 3);
    request.host = "node1".to_owned();
    request.specific = vec!["10.66.77.9".parse().unwrap()];
    let error = scene.assign(&request).unwrap_err();
    assert_eq!(error.code(), 145);
    assert!(error.to_string().contains("host:node0"), "{error}");
    assert_eq!(stored(&scene, &[]), documents(7));
}

#[test]
fn an_unknown_pool_is_named_with_those_that_exist() {
    let scene = scene(14);
    let request = AssignRequest {
        pools_v4: vec!["nope".to_owned()],
        pools_v4_from: "netconf ipam.ipv4_pools".to_owned(),
        ..call(16, "ipv4/block/10.88.0.0-32", 0)
    };
    let error = scene.assign(&request).unwrap_err();
    assert_eq!(
        (error.code(), error.to_string().as_str()),
        (
            147,
            "the given pool (nope) does not exist, or is not enabled; it was given by netconf ipam.ipv4_pools; pools: default-ipv4-ippool (10.66.0.0/16), tiny (10.99.0.0/30)"
        )
    );
}

#[test]
fn a_block_of_one_address_comes_and_goes_with_it() {
    let texts = texts(16);
    let before = texts
        .iter()
        .filter(|(key, _)| !key.contains("10.88.0.0-32") && !key.contains(".b1b0"));
    let scene = Scene::with(before.map(|(key, text)| (key.as_str(), text.clone())));
    let empty = stored(&scene, &[]);
    let request = AssignRequest {
        pools_v4: vec!["one-each".to_owned()],
        ..call(16, "ipv4/block/10.88.0.0-32", 0)
    };
    let lease = one(scene.assign(&request));
    assert_eq!(stored(&scene, &[(lease.block, "10.88.0.0/32")]), documents(16));
    // Calico keeps the empty block and its affinity; ours goes back with its address.
    scene
        .release(&release(
            "b1b0000000000000000000000000000000000000000000000000000000000032",
        ))
        .unwrap();
    assert_eq!(stored(&scene, &[]), empty);
}
