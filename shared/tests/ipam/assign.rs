//! What an assignment writes, and that it is all or nothing.

use std::net::IpAddr;

use serde_json::json;
use shared::ipam::{AssignRequest, IpamError, assign};
use shared::store::Datastore;
use shared::store::memory::Fault;
use shared::txn::{Decision, Guard};

use crate::scene::{Scene, ready, returned, wanted};

fn scene() -> Scene {
    Scene::default()
        .pool("v4", "10.0.0.0/24", json!({"blockSize": 30}))
        .pool("v6", "fd00::/120", json!({"blockSize": 126}))
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

#[test]
fn a_missing_node_is_created_with_the_address() {
    let scene = scene();
    scene.assign(&wanted("n1", 1)).unwrap();
    let node = scene
        .get("/calico/resources/v3/projectcalico.org/nodes/n1")
        .unwrap();
    assert_eq!(
        node,
        json!({"kind":"Node","apiVersion":"projectcalico.org/v3","metadata":{"name":"n1","uid":"uid-of-n1","creationTimestamp":"2026-11-22T16:12:47Z"},"spec":{},"status":{}})
    );
    let request = AssignRequest {
        kubernetes: true,
        ..wanted("n2", 2)
    };
    scene.assign(&request).unwrap();
    let node = scene
        .get("/calico/resources/v3/projectcalico.org/nodes/n2")
        .unwrap();
    assert_eq!(
        node["spec"],
        json!({"orchRefs":[{"nodeName":"n2","orchestrator":"k8s"}]})
    );
}

#[test]
fn two_families_come_together_or_not_at_all() {
    let scene = scene();
    let both = |n| AssignRequest {
        want_v6: true,
        ..wanted("n1", n)
    };
    let leases = scene.assign(&both(1)).unwrap();
    assert!(leases[0].address.is_ipv4() && leases[1].address.is_ipv6());
    let before = scene.world();
    let refused = AssignRequest {
        pools_v6: vec!["nope".to_owned()],
        ..both(2)
    };
    assert_eq!(scene.assign(&refused).unwrap_err().code(), 147);
    assert_eq!(scene.world(), before);
}

#[test]
fn an_allocation_guards_its_handle_its_block_and_its_pool() {
    let scene = scene();
    scene.assign(&wanted("n1", 1)).unwrap();
    let request = wanted("n1", 2);
    let mut snapshot = ready(scene.store.read(&assign::reads(&request))).unwrap();
    let Decision::Read(blocks) = assign::decide(&snapshot, &request).unwrap() else {
        panic!("without a hint the own block is read first");
    };
    snapshot.absorb(ready(scene.store.read(&blocks)).unwrap());
    let Decision::Commit(txn, _) = assign::decide(&snapshot, &request).unwrap() else {
        panic!("the own block has space");
    };
    let guarded: Vec<String> = txn
        .guards
        .iter()
        .map(|guard| match guard {
            Guard::Absent(key) => format!("no {key}"),
            Guard::Present(key) | Guard::Unchanged(key, _) => key.to_string(),
            Guard::NothingNewer(prefix, _) => format!("{prefix}*"),
            Guard::Holds(key, _) => format!("{key}="),
        })
        .collect();
    let block = scene.keys()[0].clone();
    assert_eq!(
        guarded,
        [
            block.as_str(),
            "/calico/resources/v3/projectcalico.org/ippools/v4",
            "no /calico/ipam/v2/handle/net.c2"
        ]
    );
    assert_eq!(txn.writes.len(), 2);
}

#[test]
fn a_lost_reply_is_recognised_and_a_lost_request_repeated() {
    for fault in [
        Fault::ReplyLost,
        Fault::RequestLost,
        Fault::RequestLate,
        Fault::Conflict,
    ] {
        let scene = scene();
        scene.store.inject(fault);
        let request = AssignRequest {
            want_v6: true,
            ..wanted("n1", 1)
        };
        let leases = scene.assign(&request).unwrap();
        assert_eq!(leases.len(), 2, "{fault:?}");
        let addresses: Vec<IpAddr> = leases.iter().map(|lease| lease.address).collect();
        assert_eq!(scene.missing("net.c1", &addresses), Vec::<IpAddr>::new());
        assert_eq!(
            scene.get("/calico/ipam/v2/handle/net.c1").unwrap()["block"]
                .as_object()
                .unwrap()
                .len(),
            2
        );
        assert_eq!(scene.audit(), []);
        assert_eq!(
            scene.assign(&request).unwrap(),
            leases,
            "the same invocation again"
        );
    }
}

#[test]
fn another_invocation_for_the_same_handle_gets_another_address() {
    let scene = scene();
    let first = scene.assign(&wanted("n1", 1)).unwrap();
    let mut again = wanted("n1", 1);
    again
        .attributes
        .insert("timestamp".to_owned(), "later".to_owned());
    let second = scene.assign(&again).unwrap();
    assert_ne!(first[0].address, second[0].address);
    let handle = scene.get("/calico/ipam/v2/handle/net.c1").unwrap();
    assert_eq!(handle["block"], json!({first[0].block.to_string(): 2}));
    assert_eq!(scene.release(&returned("n1", 1)).unwrap().addresses.len(), 2);
    assert_eq!(scene.audit(), []);
}

#[test]
fn a_taken_address_is_refused_with_its_owner_even_to_its_owner() {
    let scene = scene();
    let mut request = wanted("n1", 1);
    request.specific = vec![ip("10.0.0.9")];
    request.attributes.insert("pod".to_owned(), "web-1".to_owned());
    request
        .attributes
        .insert("namespace".to_owned(), "shop".to_owned());
    let leases = scene.assign(&request).unwrap();
    assert_eq!(
        (leases[0].address, leases[0].pool.as_str()),
        (ip("10.0.0.9"), "v4")
    );
    request
        .attributes
        .insert("timestamp".to_owned(), "later".to_owned());
    let error = scene.assign(&request).unwrap_err();
    assert_eq!(error.code(), 143);
    assert_eq!(
        error.to_string(),
        "address 10.0.0.9 is taken: pod shop/web-1 on node n1 holds it in block 10.0.0.8/30; ask for another one or release it there"
    );
}

#[test]
fn a_specific_address_takes_no_notice_of_selectors_limits_and_reservations() {
    let scene = Scene::default().pool(
        "v4",
        "10.0.0.0/24",
        json!({"blockSize": 30, "nodeSelector": "!all()"}),
    );
    scene.put(
        "/calico/resources/v3/projectcalico.org/ipreservations/r",
        json!({"spec":{"reservedCIDRs":["10.0.0.8/30"]}}).to_string(),
    );
    scene.put("/calico/ipam/v2/config", "{}");
    let request = AssignRequest {
        specific: vec![ip("10.0.0.9")],
        ..wanted("n1", 1)
    };
    assert_eq!(scene.assign(&request).unwrap()[0].address, ip("10.0.0.9"));
    assert_eq!(scene.audit(), []);
}

#[test]
fn a_specific_address_outside_the_pools_is_refused_with_the_pools() {
    let scene = scene().pool("off", "10.9.0.0/24", json!({"disabled": true}));
    for outside in ["192.168.0.1", "10.9.0.1"] {
        let request = AssignRequest {
            specific: vec![ip(outside)],
            ..wanted("n1", 1)
        };
        assert_eq!(
            scene.assign(&request).unwrap_err(),
            IpamError::OutsidePools {
                address: ip(outside),
                pools: "off (10.9.0.0/24, disabled), v4 (10.0.0.0/24)".to_owned()
            }
        );
    }
}

#[test]
fn nothing_wanted_and_two_of_a_family_are_refused() {
    let scene = scene();
    let nothing = AssignRequest {
        want_v4: false,
        ..wanted("n1", 1)
    };
    assert_eq!(scene.assign(&nothing).unwrap_err().code(), 149);
    let twice = AssignRequest {
        specific: vec![ip("10.0.0.1"), ip("10.0.0.2")],
        ..wanted("n1", 1)
    };
    assert_eq!(scene.assign(&twice).unwrap_err().code(), 7);
}

#[test]
fn reserved_addresses_are_passed_over() {
    let scene = Scene::default().pool("v4", "10.0.0.0/29", json!({"blockSize": 30}));
    scene.put(
        "/calico/resources/v3/projectcalico.org/ipreservations/r",
        json!({"metadata":{"name":"r"},"spec":{"reservedCIDRs":["10.0.0.0/30", " 10.0.0.4 ", "nonsense"]}})
            .to_string(),
    );
    let got: Vec<IpAddr> = (1..=3)
        .map(|n| scene.assign(&wanted("n1", n)).unwrap()[0].address)
        .collect();
    assert_eq!(got, [ip("10.0.0.5"), ip("10.0.0.6"), ip("10.0.0.7")]);
    let error = scene.assign(&wanted("n1", 4)).unwrap_err();
    assert_eq!(error.code(), 151);
    assert!(
        error
            .to_string()
            .contains("reserved by IPReservation r (10.0.0.0/30), r (10.0.0.4/32)"),
        "{error}"
    );
}

#[test]
fn a_handle_is_cut_at_a_carriage_return() {
    let scene = scene();
    let request = AssignRequest {
        handle: "net.c1\rold".to_owned(),
        ..wanted("n1", 1)
    };
    scene.assign(&request).unwrap();
    assert!(scene.get("/calico/ipam/v2/handle/net.c1").is_some());
    assert!(scene.release(&returned("n1", 1)).unwrap().found);
    assert_eq!(scene.audit(), []);
}
