use std::collections::BTreeMap;
use std::net::IpAddr;

use serde_json::{Value, json};
use shared::model::key::{Key, Plural};

use super::{Cluster, Data, Picture};
use crate::settings::Settings;

mod documents;
mod scenarios;
mod scope;

/// A datastore under construction.
#[derive(Default)]
pub(super) struct Store(pub(super) Data);

impl Store {
    pub(super) fn put(&mut self, key: &Key, value: &str) -> &mut Self {
        self.0.insert(key.clone(), value.as_bytes().into());
        self
    }

    pub(super) fn resource(&mut self, plural: Plural, name: &str, spec: &Value) -> &mut Self {
        let value = json!({
            "kind": "K", "apiVersion": "projectcalico.org/v3",
            "metadata": {"name": name, "uid": "16f60f06-0ce8-48fa-ae5c-34017663f08c"},
            "spec": spec,
        });
        self.put(&Key::resource(plural, name), &value.to_string())
    }

    pub(super) fn node(&mut self, name: &str, labels: &Value, bgp: &Value) -> &mut Self {
        let value = json!({
            "kind": "Node", "apiVersion": "projectcalico.org/v3",
            "metadata": {"name": name, "labels": labels},
            "spec": {"bgp": bgp}, "status": {},
        });
        self.put(&Key::resource(Plural::Nodes, name), &value.to_string())
    }

    /// A confirmed affinity, and a block whose addresses from the first on are held by these nodes.
    pub(super) fn block(&mut self, cidr: &str, owner: &str, holders: &[&str]) -> &mut Self {
        let net: ipnet::IpNet = cidr.parse().unwrap();
        let size = 1 << (net.max_prefix_len() - net.prefix_len());
        let allocations: Vec<Option<usize>> = (0..size)
            .map(|one| (one < holders.len()).then_some(one))
            .collect();
        let attributes: Vec<Value> = holders
            .iter()
            .map(|node| json!({"handle_id": "k8s-pod-network.c0ffee", "secondary": {"node": node}}))
            .collect();
        let value = json!({
            "cidr": cidr, "affinity": format!("host:{owner}"), "allocations": allocations,
            "unallocated": (holders.len()..size).collect::<Vec<_>>(), "attributes": attributes,
            "sequenceNumber": 1_795_363_967_216_558_281_u64, "deleted": false,
        });
        self.put(&Key::block(net), &value.to_string()).put(
            &Key::affinity(owner, net),
            r#"{"state":"confirmed","deleted":false}"#,
        )
    }

    pub(super) fn picture(&self, node: &str) -> Picture {
        let mut cluster = Cluster::new(node);
        cluster.take(&self.0);
        cluster.picture(&settings(), &BTreeMap::new())
    }
}

pub(super) fn settings() -> Settings {
    let none = BTreeMap::new();
    crate::settings::load(&Value::Null, &none, &none).unwrap().0
}

pub(super) fn address(text: &str) -> IpAddr {
    text.parse().unwrap()
}

/// Names of the peers with a session, by address.
pub(super) fn peers(picture: &Picture) -> Vec<String> {
    let sessions = picture.sessions.sessions.iter();
    sessions
        .map(|one| format!("{} AS{} {}", one.key.address, one.number, one.origin))
        .collect()
}
