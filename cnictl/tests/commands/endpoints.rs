//! WorkloadEndpoints as an operator meets them.

use crate::common::{apply, cnictl, object, recorded};
use serde_json::json;
use shared::store::memory::Memory;

const V3: &str = "/calico/resources/v3/projectcalico.org";

fn endpoint(metadata: &str, spec: &str) -> String {
    format!(
        "{{apiVersion: projectcalico.org/v3, kind: WorkloadEndpoint, metadata: {metadata}, spec: {spec}}}"
    )
}

#[test]
fn an_endpoints_name_and_labels_follow_from_what_it_is() {
    let store = Memory::new();
    let spec = "{orchestrator: k8s, node: node-1, pod: nginx, endpoint: eth0, containerID: abc, ipNetworks: [10.0.0.1/32], \
                interfaceName: cali1, ports: [{name: http, protocol: TCP, port: 80}]}";
    assert_eq!(
        apply(&store, &endpoint("{namespace: web, labels: {app: a}}", spec)).error,
        None
    );
    let key = format!("{V3}/workloadendpoints/web/node--1-k8s-nginx-eth0");
    let stored = object(&store, &key);
    assert_eq!(stored["metadata"]["namespace"], json!("web"));
    assert_eq!(
        stored["metadata"]["labels"],
        json!({"app": "a", "projectcalico.org/namespace": "web", "projectcalico.org/orchestrator": "k8s"})
    );
    assert_eq!(
        stored["spec"]["ports"],
        json!([{"name": "http", "protocol": "TCP", "port": 80, "hostPort": 0, "hostIP": ""}])
    );
    assert_eq!(
        cnictl(&store, "get wep -n web -o name").out,
        "workloadendpoint/web/node--1-k8s-nginx-eth0\n"
    );
    assert_eq!(
        cnictl(&store, "get workloadendpoint/web/node--1-k8s-nginx-eth0").out,
        "WORKLOAD   NODE     NETWORKS      INTERFACE   \nnginx      node-1   10.0.0.1/32   cali1       \n\n"
    );
    let error = cnictl(
        &store,
        "label wep node--1-k8s-nginx-eth0 -n web projectcalico.org/namespace=x --overwrite",
    );
    assert!(error.error.unwrap().contains("follows from what it is"));
    assert_eq!(
        cnictl(&store, "delete wep node--1-k8s-nginx-eth0 -n web").error,
        None
    );
}

#[test]
fn an_endpoint_that_is_none_is_refused_with_the_field() {
    let store = Memory::new();
    let good = "orchestrator: cni, node: n, containerID: abc, endpoint: eth0";
    for (metadata, more, said) in [
        (
            "{name: x}",
            "",
            "\"x\" is not the name that follows from spec.node",
        ),
        (
            "{}",
            ", ipNetworks: [10.0.0.0/24]",
            "spec.ipNetworks[0]: \"10.0.0.0/24\" is no single address",
        ),
        ("{}", ", interfaceName: calicalicalicali", "spec.interfaceName"),
        ("{}", ", mac: x", "spec.mac: \"x\" is no MAC address"),
        ("{}", ", ipv4Gateway: 'fd00::1'", "spec.ipv4Gateway"),
        (
            "{}",
            ", ipNATs: [{internalIP: 10.0.0.1, externalIP: 1.1.1.1}]",
            "is none of spec.ipNetworks",
        ),
        (
            "{}",
            ", ports: [{protocol: ICMPX, port: 1}]",
            "spec.ports[0].protocol",
        ),
        (
            "{}",
            ", ports: [{protocol: UDP}]",
            "spec.ports[0].port: is to be a number",
        ),
        ("{}", ", colour: red", "spec.colour: no such field"),
    ] {
        let error = apply(&store, &endpoint(metadata, &format!("{{{good}{more}}}")))
            .error
            .unwrap();
        assert!(error.contains(said), "{error}");
    }
    let error = apply(
        &store,
        &endpoint("{}", "{orchestrator: k8s, node: n, endpoint: eth0}"),
    )
    .error
    .unwrap();
    assert!(error.contains("spec.pod: is missing"), "{error}");
    assert!(store.dump().is_empty());
}

#[test]
fn the_record_of_a_pod_that_holds_its_address_stays() {
    let store = recorded();
    let (container, address) = (
        "b1b0000000000000000000000000000000000000000000000000000000000032",
        "10.88.0.0",
    );
    let spec = format!(
        "{{orchestrator: cni, node: node0, containerID: {container}, endpoint: eth0, ipNetworks: [{address}/32]}}"
    );
    assert_eq!(apply(&store, &endpoint("{}", &spec)).error, None);
    let name = format!("node0-cni-{container}-eth0");
    let error = cnictl(&store, &format!("delete wep {name}")).error.unwrap();
    assert!(
        error.contains("10.88.0.0 is allocated to its container: remove the pod")
            && error.contains("cnictl ipam release --ip 10.88.0.0"),
        "{error}"
    );
    assert_eq!(
        cnictl(&store, &format!("ipam release --ip {address}")).error,
        None
    );
    assert_eq!(cnictl(&store, &format!("delete wep {name}")).error, None);
}
