//! WorkloadEndpoints as an operator meets them.

mod common;

use common::{apply, cnictl, recorded};

fn endpoint(metadata: &str, spec: &str) -> String {
    format!(
        "{{apiVersion: projectcalico.org/v3, kind: WorkloadEndpoint, metadata: {metadata}, spec: {spec}}}"
    )
}

#[test]
#[test]
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
