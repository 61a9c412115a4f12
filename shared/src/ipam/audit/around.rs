//! What a check knows besides the datastore: the time, who is alive according to whom, what this node's kernel holds.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use jiff::Timestamp;

use crate::model::key::{Key, Prefix};

/// The world around a check.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Around {
    /// The time of this invocation.
    pub now: Timestamp,
    /// Allocations younger than this, in seconds, are not called leaked: their ADD may be under way.
    pub grace: i64,
    /// This node's name, if it is certain that this machine is a node.
    pub here: Option<String>,
    /// The containers a node's runtime has.
    pub runtime: Option<Runtime>,
    /// The pods Kubernetes has.
    pub pods: Option<Pods>,
    /// What this node's kernel holds of what [`super::questions`] asked.
    pub kernel: Option<Kernel>,
}

/// The list of a container runtime: `crictl pods -q --no-trunc`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Runtime {
    /// Of this node.
    pub node: String,
    /// Sandbox IDs, in full.
    pub sandboxes: BTreeSet<String>,
}

/// What Kubernetes knows of pods, by namespace and name.
pub type Pods = BTreeMap<(String, String), Pod>;

/// A pod, as its addresses are judged by.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Pod {
    /// Where it runs, once it is scheduled.
    pub node: Option<String>,
    /// Its addresses, once they are known.
    pub addresses: BTreeSet<IpAddr>,
    /// It ran to its end or was evicted: its network is gone.
    pub over: bool,
}

/// What this node's kernel holds.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Kernel {
    /// Addresses that an interface or a route holds, and which one.
    pub held: BTreeMap<IpAddr, String>,
    /// Addresses of this network namespace's own interfaces.
    pub own: BTreeSet<IpAddr>,
}

/// Every node's sign of life.
pub fn lives() -> Prefix {
    Prefix::stored("/manx/v1/nodes/")
}

/// A node's sign of life: leased, it goes when the node's sidecar does.
pub fn life(node: &str) -> Key {
    Key::stored(format!("{}{node}/alive", lives().as_str()))
}
