//! `cnictl` with a kubeconfig: what the API server says of pods and namespaces is explained, and of a node is a witness.

use std::path::PathBuf;

use integration::apiserver::{ApiServer, notes};
use integration::json::with;
use integration::lab::pool;
use integration::node::address;
use integration::process::Answer;
use integration::{Kind, Lab, Pod};
use serde_json::{Value, json};

/// A laboratory, its API server, a netconf with its kubeconfig, and that file.
fn lab() -> (Lab, ApiServer, Value, PathBuf) {
    let lab = Lab::new(Kind::Etcd);
    let server = ApiServer::start(&lab);
    let conf = server.conf(lab.node.conf());
    let kubeconfig = server.file("kubeconfig");
    (lab, server, conf, kubeconfig)
}

fn cnictl(lab: &Lab, line: &str, kubeconfig: &std::path::Path) -> Answer {
    let file = kubeconfig.display().to_string();
    let words = line.split(' ').chain(["--kubeconfig", &file]);
    lab.cnictl(words).run()
}

/// Two that are taken by name only, and one for the namespaces of a team.
fn pools_of_all_kinds(lab: &Lab) {
    for (name, cidr) in [("by-pod", "10.1.0.0/24"), ("by-namespace", "10.2.0.0/24")] {
        lab.apply(&with(pool(name, cidr, 26), "spec/nodeSelector", "!all()"));
    }
    let of_team = with(
        pool("of-team", "10.4.0.0/24", 26),
        "spec/namespaceSelector",
        "team == 'a'",
    );
    lab.apply(&with(of_team, "spec/allowedUses", json!(["Workload"])));
}

/// What is explained of a pod of the namespace `default`.
fn explained(lab: &Lab, pod: &str, kubeconfig: &std::path::Path) -> Answer {
    let line = format!("ipam explain --node worker01 --namespace default --pod {pod}");
    cnictl(lab, &line, kubeconfig).ok()
}

#[test]
fn what_is_explained_by_the_api_servers_annotations_is_what_the_pod_gets() {
    let (lab, server, conf, kubeconfig) = lab();
    pools_of_all_kinds(&lab);
    let team = json!({"team": "a"});
    for (of_namespace, of_pod, chosen) in [
        (json!({}), None, "of-team"),
        (
            notes(&[("ipv4pools", r#"["by-namespace"]"#)]),
            None,
            "by-namespace",
        ),
        (
            notes(&[("ipv4pools", r#"["by-namespace"]"#)]),
            Some(("ipv4pools", r#"["by-pod"]"#)),
            "by-pod",
        ),
    ] {
        server.namespace("default", team.clone(), of_namespace);
        server.pod("web", of_pod.as_slice());
        let told = explained(&lab, "web", &kubeconfig).stdout;
        let pod = Pod::kubernetes("default", "web");
        let given = address(&lab.node.add(&conf, &pod));
        let line = format!("An IPv4 address would be {given} of pool {chosen},");
        assert!(told.contains(&line), "{line}\n{told}");
        lab.node.del(&conf, &pod);
    }
    let other = explained(&lab, "later", &kubeconfig);
    assert!(
        other.stdout.contains(" of pool by-namespace,"),
        "{}",
        other.told()
    );
    assert!(
        other.stderr.contains("only its namespace is looked at"),
        "{}",
        other.told()
    );
}

#[test]
fn a_node_that_kubernetes_has_is_not_taken_away_and_one_that_it_has_not_is() {
    let (lab, server, conf, kubeconfig) = lab();
    lab.pool("pool", "10.0.0.0/24", 26);
    server.pod("web", &[]);
    let held = address(&lab.node.add(&conf, &Pod::kubernetes("default", "web")));
    let key = "/calico/resources/v3/projectcalico.org/nodes/worker01";
    let known = lab
        .etcd()
        .get(key)
        .unwrap_or_else(|| panic!("{key} is not there"));
    let reference = json!([{"nodeName": "worker01.example.org", "orchestrator": "k8s"}]);
    lab.etcd().put(key, &with(known, "spec/orchRefs", reference));
    let node = "/api/v1/nodes/worker01.example.org";
    server.put(node, json!({"metadata": {"name": "worker01.example.org"}}));
    let refused = cnictl(&lab, "node decommission worker01 --dead", &kubeconfig);
    assert!(
        !refused.status.success() && refused.stderr.contains("kubectl delete node worker01"),
        "{}",
        refused.told()
    );
    server.remove(node);
    cnictl(&lab, "node decommission worker01 --dead", &kubeconfig).ok_only();
    assert!(server.requests().iter().any(|path| path == node));
    let shown = lab.cnictl(["ipam", "show", "--ip", held.as_str()]).run().ok();
    assert!(shown.stdout.contains("is not assigned"), "{}", shown.told());
    let silent = cnictl(&lab, "node decommission worker02", &PathBuf::from("/nowhere"));
    assert!(
        !silent.status.success() && silent.stderr.contains("/nowhere"),
        "{}",
        silent.told()
    );
}
