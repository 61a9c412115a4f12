//! Every pod there is, page by page: who is alive, to those who look for what the dead left.

use std::collections::BTreeSet;
use std::net::IpAddr;

use kube::core::Request;
use kube::core::params::ListParams;
use serde::Deserialize;

use super::KubernetesError;
use super::client::failure;
use super::connect::Server;

/// Pods of one answer.
const PAGE: u32 = 500;

/// A pod, as far as its addresses are concerned.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Where it runs, once it is scheduled.
    pub node: Option<String>,
    /// Its addresses, once they are known.
    pub addresses: BTreeSet<IpAddr>,
    /// It ran to its end, or was evicted.
    pub over: bool,
}

#[derive(Deserialize)]
struct Page {
    kind: String,
    #[serde(default)]
    metadata: PageMetadata,
    items: Vec<Item>,
}

#[derive(Default, Deserialize)]
struct PageMetadata {
    #[serde(rename = "continue", default)]
    next: Option<String>,
}

#[derive(Deserialize)]
struct Item {
    metadata: Names,
    #[serde(default)]
    spec: Place,
    #[serde(default)]
    status: Status,
}

#[derive(Deserialize)]
struct Names {
    name: String,
    namespace: String,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Place {
    #[serde(default)]
    node_name: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Status {
    #[serde(default)]
    phase: Option<String>,
    #[serde(rename = "podIP", default)]
    pod_ip: Option<String>,
    #[serde(rename = "podIPs", default)]
    pod_ips: Option<Vec<PodIp>>,
}

#[derive(Deserialize)]
struct PodIp {
    #[serde(default)]
    ip: String,
}

impl From<Item> for Seen {
    fn from(item: Item) -> Self {
        let Status {
            phase,
            pod_ip,
            pod_ips,
        } = item.status;
        let more = pod_ips.into_iter().flatten().map(|one| one.ip);
        Self {
            namespace: item.metadata.namespace,
            name: item.metadata.name,
            node: item.spec.node_name.filter(|name| !name.is_empty()),
            addresses: pod_ip
                .into_iter()
                .chain(more)
                .filter_map(|text| text.parse().ok())
                .collect(),
            over: phase.is_some_and(|phase| phase == "Succeeded" || phase == "Failed"),
        }
    }
}

/// All pods of all namespaces, as of one moment.
pub(super) async fn pods(server: &Server) -> Result<Vec<Seen>, KubernetesError> {
    const WHAT: &str = "pods of all namespaces";
    let mut all = Vec::new();
    let mut next = None;
    loop {
        let mut params = ListParams::default().limit(PAGE);
        params.continue_token = next;
        let request = Request::new("/api/v1/pods").list(&params);
        let request = request.map_err(|error| KubernetesError::Missing(format!("{WHAT}: {error}")))?;
        let page: Page = match server.client.request(request).await {
            Ok(page) => page,
            Err(error) => return Err(failure(server, WHAT, &error)),
        };
        if page.kind != "PodList" {
            let (url, kind) = (&server.url, page.kind);
            return Err(KubernetesError::Answer(format!(
                "{url} answered for {WHAT} with a {kind}: see whether it is an API server's URL"
            )));
        }
        all.extend(page.items.into_iter().map(Seen::from));
        next = page.metadata.next.filter(|token| !token.is_empty());
        if next.is_none() {
            return Ok(all);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_pod_is_seen_by_its_node_its_addresses_and_its_end() {
        let page: Page = serde_json::from_value(json!({"kind": "PodList", "metadata": {"continue": "x"}, "items": [
            {"metadata": {"name": "a", "namespace": "n"}, "spec": {"nodeName": "k1"},
             "status": {"phase": "Running", "podIP": "10.0.0.1", "podIPs": [{"ip": "10.0.0.1"}, {"ip": "fd00::1"}]}},
            {"metadata": {"name": "b", "namespace": "n"}, "status": {"phase": "Failed"}}]}))
        .unwrap();
        assert_eq!(page.metadata.next.as_deref(), Some("x"));
        let seen: Vec<Seen> = page.items.into_iter().map(Seen::from).collect();
        assert_eq!(seen[0].node.as_deref(), Some("k1"));
        assert_eq!(seen[0].addresses.len(), 2);
        assert!(!seen[0].over && seen[1].over && seen[1].node.is_none());
    }

    #[test]
    fn what_has_no_items_is_no_list() {
        assert!(serde_json::from_value::<Page>(json!({"kind": "PodList"})).is_err());
    }
}
