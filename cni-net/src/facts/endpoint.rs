//! What a pod's own fields say in its workload endpoint record. Pure.

use serde_json::json;
use shared::kubernetes::{ContainerPort, Pod};
use shared::model::workloadendpoint::{LABEL_SERVICE_ACCOUNT, Port};

use super::Wishes;

/// A label's value has at most 63 characters, and Calico leaves this one out from there.
const LABEL_LONGEST: usize = 63;

/// Labels, ports and names; the rest by default.
pub(super) fn of(pod: &Pod) -> Wishes {
    let account = pod.spec.service_account_name.clone();
    let account = account.filter(|name| !name.is_empty());
    let mut labels = pod.metadata.labels();
    if let Some(name) = account.as_ref().filter(|name| name.len() < LABEL_LONGEST) {
        labels.insert(LABEL_SERVICE_ACCOUNT.to_owned(), name.clone());
    }
    Wishes {
        labels,
        annotations: pod.metadata.annotations(),
        generate_name: pod.metadata.generate_name.clone().filter(|name| !name.is_empty()),
        service_account: account,
        ports: pod.spec.ports().filter_map(port).collect(),
        ..Wishes::default()
    }
}

/// Ports that have a name or one on the node; of protocols that Calico knows.
fn port(port: &ContainerPort) -> Option<Port> {
    let inside = port.container_port.filter(|number| *number != 0)?;
    let name = port.name.clone().unwrap_or_default();
    let host_port = port.host_port.unwrap_or(0);
    if name.is_empty() && host_port == 0 {
        return None;
    }
    let protocol = match port.protocol.as_deref() {
        None | Some("" | "TCP") => "TCP",
        Some("UDP") => "UDP",
        Some("SCTP") => "SCTP",
        Some(_) => return None,
    };
    Some(Port {
        name,
        protocol: json!(protocol),
        port: inside,
        host_port,
        host_ip: port.host_ip.clone().unwrap_or_default(),
        ..Port::default()
    })
}
