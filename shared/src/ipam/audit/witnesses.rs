//! The two witnesses. First: a runtime or Kubernetes no longer knows the owner. Second: the kernel of its node
//! holds the address nowhere, or the node is gone.

use std::net::IpAddr;

use jiff::Timestamp;
use serde_json::Value;

use super::Around;
use super::around::{Kernel, life, lives};
use super::world::World;
use crate::model::block::Attribute;
use crate::model::key::{Key, Plural};

/// What a first witness says of an owner.
#[derive(PartialEq)]
pub(super) enum Verdict {
    Unknown,
    Alive,
    Gone(String),
}

impl Verdict {
    pub(super) fn gone(self) -> Option<String> {
        match self {
            Verdict::Gone(text) => Some(text),
            Verdict::Unknown | Verdict::Alive => None,
        }
    }
}

/// What the runtime says of a handle's container.
pub(super) fn runtime(around: &Around, node: &str, handle: &str) -> Verdict {
    let Some(runtime) = around.runtime.as_ref().filter(|runtime| runtime.node == node) else {
        return Verdict::Unknown;
    };
    match handle.rsplit_once('.') {
        Some((_, id)) if runtime.sandboxes.contains(id) => Verdict::Alive,
        Some((_, id)) => Verdict::Gone(format!("the runtime of {node} has no sandbox {id}")),
        None => Verdict::Unknown,
    }
}

/// What Kubernetes says of an allocation's pod.
pub(super) fn kubernetes(
    world: &World<'_>,
    around: &Around,
    node: &str,
    owner: &Attribute,
    address: IpAddr,
) -> Verdict {
    let (Some(pods), Some(namespace), Some(name)) =
        (&around.pods, owner.secondary("namespace"), owner.secondary("pod"))
    else {
        return Verdict::Unknown;
    };
    // A Node that is none of Kubernetes runs pods that Kubernetes does not know.
    let known = match world.nodes.get(node) {
        Some(None) => return Verdict::Unknown,
        Some(Some(name)) => name.as_str(),
        None => node,
    };
    let Some(pod) = pods.get(&(namespace.to_owned(), name.to_owned())) else {
        return Verdict::Gone(format!("Kubernetes has no pod {namespace}/{name}"));
    };
    let elsewhere = pod.node.as_deref().filter(|other| *other != known);
    match elsewhere {
        Some(other) => Verdict::Gone(format!("pod {namespace}/{name} is on {other} now")),
        None if pod.over => Verdict::Gone(format!("pod {namespace}/{name} is over")),
        None if !pod.addresses.is_empty() && !pod.addresses.contains(&address) => {
            Verdict::Gone(format!("pod {namespace}/{name} has other addresses"))
        }
        None => Verdict::Alive,
    }
}

/// Its ADD may not be over yet. Without a time nothing is known, and the witnesses decide.
pub(super) fn is_young(owner: &Attribute, around: &Around) -> bool {
    let text = owner.secondary("timestamp").unwrap_or_default();
    let mut words = text.split(' ');
    let (Some(day), Some(time)) = (words.next(), words.next()) else {
        return false;
    };
    let made = format!("{day}T{time}Z").parse::<Timestamp>();
    made.is_ok_and(|made| around.now.as_second() - made.as_second() < around.grace)
}

/// The second witness, with the keys it rests on, or why it is missing.
pub(super) fn second(
    world: &World<'_>,
    around: &Around,
    node: &str,
    address: IpAddr,
) -> Result<(String, Vec<Key>), String> {
    if around.here.as_deref() == Some(node) {
        return this_kernel(world, around, node, address).map(|text| (text, Vec::new()));
    }
    if world.lives(node) {
        return Err(format!("node {node} is alive: check there, with --runtime"));
    }
    let alive = life(node);
    if world.is_gone(node) {
        let keys = vec![Key::resource(Plural::Nodes, node), alive];
        return Ok((format!("there is no Node {node}"), keys));
    }
    // Where nobody leases a sign of life, its absence says nothing.
    let everyone = lives();
    let mut signs = world.snapshot.listed(&everyone);
    if signs.any(|key| key.as_str().ends_with("/alive")) {
        return Ok((
            format!("node {node} gives no sign of life ({alive})"),
            vec![alive],
        ));
    }
    Err(format!(
        "no node of this cluster gives signs of life ({}<node>/alive): check on {node}, with --runtime",
        everyone
    ))
}

fn this_kernel(world: &World<'_>, around: &Around, node: &str, address: IpAddr) -> Result<String, String> {
    let Some(kernel) = &around.kernel else {
        return Err("this node's kernel was not asked".to_owned());
    };
    if let Some(holder) = kernel.held.get(&address) {
        return Err(format!(
            "{holder} of this node holds {address}: take the pod down"
        ));
    }
    if !is_of(world, kernel, node) {
        return Err(format!(
            "this network namespace shows no live pod and no address of node {node}: run it in the host's"
        ));
    }
    Ok("no interface and no route of this node holds it".to_owned())
}

/// Whether the kernel asked is the node's: it shows one of its live pods, or without any the node's own address.
fn is_of(world: &World<'_>, kernel: &Kernel, node: &str) -> bool {
    if !world.alive.is_empty() {
        return world
            .alive
            .iter()
            .any(|address| kernel.held.contains_key(address));
    }
    let entry = world.snapshot.get(&Key::resource(Plural::Nodes, node));
    let node: Value = entry
        .and_then(|entry| serde_json::from_slice(&entry.value).ok())
        .unwrap_or_default();
    let fields = ["/spec/bgp/ipv4Address", "/spec/bgp/ipv6Address"];
    let own = fields
        .into_iter()
        .filter_map(|field| node.pointer(field)?.as_str());
    own.filter_map(|text| text.split('/').next()?.parse::<IpAddr>().ok())
        .any(|address| kernel.own.contains(&address))
}
