//! What a containerd is configured with.

use serde_json::{Value, json};

use crate::node::Node;

/// A netconf list with one plugin, the node's, as `conf/10-manx-chained.conflist` has it: CNI 1.0.0, which Debian's containerd
/// and plugins speak.
pub fn conflist(node: &Node, shipped: &str) -> Value {
    let mut list: Value = serde_json::from_str(shipped).unwrap_or_else(|error| panic!("{shipped}: {error}"));
    let plugin = &mut list["plugins"][0];
    for (field, value) in node.conf().as_object().into_iter().flatten() {
        if !["cniVersion", "name", "type", "ipam"].contains(&field.as_str()) {
            plugin[field] = value.clone();
        }
    }
    list["name"] = json!(node.conf()["name"]);
    list
}
