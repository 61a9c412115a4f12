//! An address whose owner is gone is freed on two witnesses, and on no fewer.

use std::net::IpAddr;

use serde_json::json;
use shared::ipam::audit::around::{Kernel, Pod, Runtime};
use shared::ipam::audit::{Around, Finding, Kind, check_reads, questions};
use shared::store::Datastore as _;

use crate::audit::{around, checked, fixed, kinds};
use crate::scene::{Scene, ready, wanted};

/// Containers c1 and c2 on n1, c3 on n2; the runtime of n1 has c2 only.
fn scene() -> Scene {
    let scene = Scene::default().pool("v4", "10.0.0.0/28", json!({"blockSize": 30}));
    for (host, n) in [("n1", 1), ("n1", 2), ("n2", 3)] {
        let mut request = wanted(host, n);
        request.kubernetes = true;
        let pod = [("namespace", "a".to_owned()), ("pod", format!("p{n}"))];
        request
            .attributes
            .extend(pod.map(|(name, value)| (name.to_owned(), value)));
        scene.assign(&request).unwrap();
    }
    scene
}

fn address(scene: &Scene, n: u32) -> IpAddr {
    let handle = format!("net.c{n}");
    let mut held = scene.blocks().into_iter().filter_map(|block| {
        let ordinal = block.held_by(&handle).next()?;
        Some(block.address(ordinal))
    });
    held.next().unwrap()
}

fn runtime() -> Around {
    Around {
        here: Some("n1".to_owned()),
        runtime: Some(Runtime {
            node: "n1".to_owned(),
            sandboxes: ["c2".to_owned()].into(),
        }),
        ..around()
    }
}

/// The kernel holds these containers' addresses.
fn holding(scene: &Scene, containers: &[u32]) -> Option<Kernel> {
    let held = containers
        .iter()
        .map(|n| (address(scene, *n), "a route over cali1".to_owned()));
    Some(Kernel {
        held: held.collect(),
        ..Kernel::default()
    })
}

/// The only finding, which is a leak.
fn leak(scene: &Scene, around: &Around) -> Finding {
    let found = checked(scene, around);
    assert_eq!(kinds(&found), [Kind::Leaked], "{found:#?}");
    found.into_iter().next().unwrap()
}

#[test]
fn without_anybody_to_ask_nothing_is_leaked() {
    assert_eq!(checked(&scene(), &around()), []);
}

#[test]
fn runtime_and_kernel_together_free_it() {
    let scene = scene();
    let snapshot = ready(scene.store.read(&check_reads())).unwrap();
    let asked = questions(&snapshot, &runtime());
    assert_eq!(
        asked,
        [address(&scene, 1), address(&scene, 2)],
        "the suspect, and one that lives"
    );
    let around = Around {
        kernel: holding(&scene, &[2]),
        ..runtime()
    };
    let leaked = leak(&scene, &around);
    assert!(
        leaked
            .text
            .contains("the runtime of n1 has no sandbox c1; no interface and no route of this node")
    );
    fixed(&scene, &[leaked]);
    assert_eq!(checked(&scene, &around), []);
    let keys = scene.keys();
    assert!(
        !keys.iter().any(|key| key.ends_with("net.c1")) && keys.iter().any(|key| key.ends_with("net.c2"))
    );
}

#[test]
fn what_the_kernel_holds_or_cannot_tell_stays() {
    let scene = scene();
    for (kernel, why) in [
        (None, "was not asked"),
        (holding(&scene, &[1, 2]), "a route over cali1 of this node holds"),
        (holding(&scene, &[]), "run it in the host's"),
    ] {
        let leaked = leak(&scene, &Around { kernel, ..runtime() });
        assert_eq!(leaked.edits, []);
        assert!(leaked.remedy.contains(why), "{}", leaked.remedy);
    }
}

#[test]
fn a_young_allocation_and_one_of_another_node_are_not_judged() {
    let scene = scene();
    let young = Around {
        grace: 3600,
        now: "2026-11-22T16:20:00Z".parse().unwrap(),
        ..runtime()
    };
    assert_eq!(checked(&scene, &young), []);
}

fn pods(scene: &Scene, names: &[u32]) -> Around {
    let pod = |n: &u32| {
        let pod = Pod {
            addresses: [address(scene, *n)].into(),
            ..Pod::default()
        };
        (("a".to_owned(), format!("p{n}")), pod)
    };
    Around {
        pods: Some(names.iter().map(pod).collect()),
        ..around()
    }
}

#[test]
fn another_nodes_silence_is_a_witness_where_nodes_speak() {
    let scene = scene();
    let gone = pods(&scene, &[1, 2]);
    let leaked = leak(&scene, &gone);
    assert!(
        leaked.edits.is_empty()
            && leaked
                .remedy
                .contains("no node of this cluster gives signs of life")
    );
    scene.put("/manx/v1/nodes/n1/alive", "{}");
    scene.put("/manx/v1/nodes/n2/alive", "{}");
    let leaked = leak(&scene, &gone);
    assert!(
        leaked.edits.is_empty() && leaked.remedy.contains("node n2 is alive"),
        "{}",
        leaked.remedy
    );
    scene
        .store
        .delete(shared::model::key::Key::stored("/manx/v1/nodes/n2/alive"));
    let leaked = leak(&scene, &gone);
    assert!(
        leaked
            .text
            .contains("Kubernetes has no pod a/p3; node n2 gives no sign of life"),
        "{}",
        leaked.text
    );
    fixed(&scene, &[leaked]);
    assert_eq!(checked(&scene, &gone), []);
}

#[test]
fn a_pod_is_judged_by_its_node_its_end_and_its_addresses() {
    let scene = scene();
    let change = |change: &dyn Fn(&mut Pod)| {
        let mut around = pods(&scene, &[1, 2, 3]);
        let key = ("a".to_owned(), "p3".to_owned());
        around.pods.as_mut().unwrap().get_mut(&key).map(change);
        checked(&scene, &around)
    };
    assert_eq!(change(&|_| ()), []);
    assert_eq!(change(&|pod| pod.addresses.clear()), [], "it has none yet");
    for (found, text) in [
        (
            change(&|pod| pod.node = Some("n9".to_owned())),
            "pod a/p3 is on n9 now",
        ),
        (change(&|pod| pod.over = true), "pod a/p3 is over"),
        (
            change(&|pod| pod.addresses = ["10.9.9.9".parse().unwrap()].into()),
            "pod a/p3 has other addresses",
        ),
    ] {
        assert_eq!(kinds(&found), [Kind::Leaked]);
        assert!(found[0].text.contains(text), "{}", found[0].text);
    }
}

#[test]
fn kubernetes_is_no_witness_about_a_node_that_is_none_of_its_own() {
    let scene = scene();
    let node = "/calico/resources/v3/projectcalico.org/nodes/n2";
    scene.put(node, r#"{"kind":"Node","metadata":{"name":"n2"},"spec":{}}"#);
    assert_eq!(checked(&scene, &pods(&scene, &[1, 2])), []);
    let named = json!({"kind":"Node","metadata":{"name":"n2"},
        "spec":{"orchRefs":[{"nodeName":"n2.example.org","orchestrator":"k8s"}]}});
    scene.put(node, named.to_string());
    let mut all = pods(&scene, &[1, 2, 3]);
    let key = ("a".to_owned(), "p3".to_owned());
    if let Some(pod) = all.pods.as_mut().and_then(|pods| pods.get_mut(&key)) {
        pod.node = Some("n2.example.org".to_owned());
    }
    assert_eq!(checked(&scene, &all), []);
}
