//! The recorded steps, as states to begin with, as calls, and as what is to be stored.

use std::collections::BTreeMap;

use ipnet::IpNet;
use jiff::Timestamp;
use serde_json::Value;
use shared::ipam::{AssignRequest, IpamError, Lease, ReleaseRequest};
use shared::model::Stored;
use shared::model::block::Block;

use crate::scene::Scene;

pub(crate) const STEPS: [&str; 16] = [
    include_str!("../calico-etcd/01-pools-and-node.json"),
    include_str!("../calico-etcd/02-first-address.json"),
    include_str!("../calico-etcd/03-second-address.json"),
    include_str!("../calico-etcd/04-released.json"),
    include_str!("../calico-etcd/05-specific-address.json"),
    include_str!("../calico-etcd/06-dual-stack.json"),
    include_str!("../calico-etcd/07-strict-affinity.json"),
    include_str!("../calico-etcd/08-ipamconfiguration.json"),
    include_str!("../calico-etcd/09-endpoint-cni.json"),
    include_str!("../calico-etcd/10-endpoint-k8s.json"),
    include_str!("../calico-etcd/11-bgp-resources.json"),
    include_str!("../calico-etcd/12-borrowed.json"),
    include_str!("../calico-etcd/13-borrowed-released.json"),
    include_str!("../calico-etcd/14-endpoints-gone.json"),
    include_str!("../calico-etcd/15-error-no-pool.json"),
    include_str!("../calico-etcd/16-block-size-32.json"),
];

/// Keys and values of a step.
pub(crate) fn texts(step: usize) -> BTreeMap<String, String> {
    let recorded: Value = serde_json::from_str(STEPS[step - 1]).unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let keys = recorded["keys"].as_array().unwrap().iter();
    keys.map(|pair| (text(&pair["key"]), text(&pair["value"])))
        .collect()
}

/// The allocator's documents and the nodes of a step.
pub(crate) fn documents(step: usize) -> BTreeMap<String, Value> {
    let texts = texts(step);
    let ours = texts
        .iter()
        .filter(|(key, _)| key.contains("/ipam/") || key.contains("/nodes/"));
    ours.map(|(key, text)| (key.clone(), serde_json::from_str(text).unwrap()))
        .collect()
}

pub(crate) fn scene(step: usize) -> Scene {
    let texts = texts(step);
    Scene::with(texts.iter().map(|(key, text)| (key.as_str(), text.clone())))
}

/// What is stored after our call, a block of ours under the recorded one's name.
pub(crate) fn stored(scene: &Scene, renamed: &[(IpNet, &str)]) -> BTreeMap<String, Value> {
    let rename = |text: String| {
        renamed.iter().fold(text, |text, (ours, recorded)| {
            text.replace(&ours.to_string(), recorded)
                .replace(&ours.to_string().replace('/', "-"), &recorded.replace('/', "-"))
        })
    };
    let world = scene.world().into_iter();
    world
        .filter(|(key, _)| key.contains("/ipam/") || key.contains("/nodes/"))
        .map(|(key, value)| {
            (
                rename(key),
                serde_json::from_str(&rename(value.to_string())).unwrap(),
            )
        })
        .collect()
}

/// The call that a recorded block tells of: who got `ordinal`, with which attributes, at which number.
pub(crate) fn call(step: usize, block: &str, ordinal: usize) -> AssignRequest {
    let path = format!("/calico/ipam/v2/assignment/{block}");
    let block = Block::from_bytes(texts(step)[&path].as_bytes()).unwrap();
    let owner = block.attribute(ordinal).unwrap().clone();
    let number = i128::from(block.sequence(ordinal));
    let attributes = owner.secondary.clone().unwrap();
    AssignRequest {
        host: attributes["node"].clone(),
        handle: owner.handle().unwrap().to_owned(),
        attributes,
        want_v4: true,
        now: Timestamp::from_nanosecond(number).unwrap(),
        ..AssignRequest::default()
    }
}

pub(crate) fn release(handle: &str) -> ReleaseRequest {
    ReleaseRequest {
        host: "node0".to_owned(),
        handles: vec![format!("k8s-pod-network.{handle}")],
        now: "2026-11-22T16:20:00Z".parse().unwrap(),
        ..ReleaseRequest::default()
    }
}

pub(crate) fn one(leases: Result<Vec<Lease>, IpamError>) -> Lease {
    let leases = leases.unwrap();
    assert_eq!(leases.len(), 1, "{leases:?}");
    leases[0].clone()
}
