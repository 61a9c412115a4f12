//! Which pools a container's addresses come from.

use std::collections::BTreeMap;

use serde_json::json;
use shared::ipam::AssignRequest;

use crate::scene::{Scene, wanted};

fn node(scene: &Scene, name: &str, rack: &str) {
    scene.put(
        &format!("/calico/resources/v3/projectcalico.org/nodes/{name}"),
        json!({"kind":"Node","metadata":{"name":name,"labels":{"rack":rack}},"spec":{}}).to_string(),
    );
}

fn from(scene: &Scene, request: &AssignRequest) -> String {
    match scene.assign(request) {
        Ok(leases) => leases[0].pool.clone(),
        Err(error) => error.to_string(),
    }
}

#[test]
fn node_selectors_choose_among_pools() {
    let scene = Scene::default()
        .pool("r1", "10.1.0.0/24", json!({"nodeSelector": "rack == 'r1'"}))
        .pool("r2", "10.2.0.0/24", json!({"nodeSelector": "rack == 'r2'"}));
    node(&scene, "n1", "r1");
    node(&scene, "n2", "r2");
    node(&scene, "n3", "r3");
    assert_eq!(from(&scene, &wanted("n1", 1)), "r1");
    assert_eq!(from(&scene, &wanted("n2", 2)), "r2");
    assert_eq!(
        from(&scene, &wanted("n3", 3)),
        "no IPv4 pool for node n3: pool r1 (10.1.0.0/24) has nodeSelector \"rack == 'r1'\", which does not match the node's labels (rack=r3); pool r2 (10.2.0.0/24) has nodeSelector \"rack == 'r2'\", which does not match the node's labels (rack=r3)"
    );
}

#[test]
fn namespace_selectors_see_the_namespaces_labels_and_nothing_without_them() {
    let scene = Scene::default().pool(
        "shop",
        "10.1.0.0/24",
        json!({"namespaceSelector": "team == 'shop'", "allowedUses": ["Workload"]}),
    );
    let labels = BTreeMap::from([("team".to_owned(), "shop".to_owned())]);
    let inside = AssignRequest {
        namespace_labels: Some(labels),
        ..wanted("n1", 1)
    };
    assert_eq!(from(&scene, &inside), "shop");
    assert!(
        from(&scene, &wanted("n1", 2))
            .contains("does not match the namespace's labels, none of which are known")
    );
}

#[test]
fn a_pool_that_is_asked_for_needs_no_selector_but_must_be_enabled() {
    let scene = Scene::default()
        .pool(
            "manual",
            "10.1.0.0/24",
            json!({"nodeSelector": "!all()", "assignmentMode": "Manual"}),
        )
        .pool("off", "10.2.0.0/24", json!({"disabled": true}));
    assert!(from(&scene, &wanted("n1", 1)).contains("assignmentMode Manual"));
    let ask = |text: &str, n| AssignRequest {
        pools_v4: vec![text.to_owned()],
        pools_v4_from: "annotation of pod shop/web-1".to_owned(),
        ..wanted("n1", n)
    };
    assert_eq!(from(&scene, &ask("manual", 2)), "manual");
    assert_eq!(from(&scene, &ask("10.1.0.0/24", 3)), "manual");
    assert_eq!(from(&scene, &ask("10.1.0.77/24", 4)), "manual");
    for off in ["off", "10.2.0.0/24", "10.2.0.9/24"] {
        assert_eq!(
            from(&scene, &ask(off, 5)),
            "the given pool (10.2.0.0/24) does not exist, or is not enabled; it was given by annotation of pod shop/web-1; pools: manual (10.1.0.0/24), off (10.2.0.0/24, disabled)"
        );
    }
    assert!(from(&scene, &ask("10.1.0.0/25", 6)).starts_with("the given pool (10.1.0.0/25) does not exist"));
}

#[test]
fn pools_asked_for_are_taken_in_the_order_asked() {
    let scene = Scene::default()
        .pool("a", "10.1.0.0/24", json!({}))
        .pool("b", "10.2.0.0/24", json!({}));
    let request = AssignRequest {
        pools_v4: vec!["b".to_owned(), "a".to_owned()],
        ..wanted("n1", 1)
    };
    assert_eq!(from(&scene, &request), "b");
}

#[test]
fn a_pool_of_the_other_family_is_refused() {
    let scene = Scene::default().pool("v6", "fd00::/112", json!({}));
    let request = AssignRequest {
        pools_v4: vec!["v6".to_owned()],
        ..wanted("n1", 1)
    };
    assert!(from(&scene, &request).starts_with("the given pool (fd00::/112) does not exist"));
}

#[test]
fn a_pool_for_tunnels_gives_no_workload_an_address() {
    let scene = Scene::default().pool("t", "10.1.0.0/24", json!({"allowedUses": ["Tunnel"]}));
    let text = "no IPv4 pool for node n1: pool t (10.1.0.0/24) allows only Tunnel (allowedUses)";
    assert_eq!(from(&scene, &wanted("n1", 1)), text);
    let asked = AssignRequest {
        pools_v4: vec!["t".to_owned()],
        ..wanted("n1", 2)
    };
    assert_eq!(from(&scene, &asked), text);
    let named = AssignRequest {
        specific: vec!["10.1.0.1".parse().unwrap()],
        ..wanted("n1", 3)
    };
    assert_eq!(from(&scene, &named), text);
}

#[test]
fn a_pool_with_a_tunnel_is_refused_with_the_way_out_and_passed_over_beside_another() {
    let scene = Scene::default().pool("ipip", "10.1.0.0/24", json!({"ipipMode": "Always"}));
    let error = scene.assign(&wanted("n1", 1)).unwrap_err();
    assert_eq!(error.code(), 146);
    assert!(
        error.to_string().contains("set it to Never or CrossSubnet"),
        "{error}"
    );
    let named = AssignRequest {
        specific: vec!["10.1.0.1".parse().unwrap()],
        ..wanted("n1", 2)
    };
    assert_eq!(scene.assign(&named).unwrap_err().code(), 146);
    let scene = scene.pool("plain", "10.2.0.0/24", json!({"vxlanMode": "CrossSubnet"}));
    assert_eq!(from(&scene, &wanted("n1", 3)), "plain");
}

#[test]
fn without_pools_the_way_out_is_named_and_a_broken_pool_harms_only_itself() {
    let scene = Scene::default();
    assert_eq!(
        from(&scene, &wanted("n1", 1)),
        "no IPv4 pool for node n1: there is none; apply an IPPool"
    );
    scene.put("/calico/resources/v3/projectcalico.org/ippools/broken", "{");
    assert!(from(&scene, &wanted("n1", 2)).contains("ippools/broken cannot be read"));
    let scene = scene.pool("good", "10.2.0.0/24", json!({})).pool(
        "odd",
        "10.1.0.0/24",
        json!({"nodeSelector": "rack = 1"}),
    );
    assert_eq!(from(&scene, &wanted("n1", 3)), "good");
}
