//! What this node's own network configuration says of the datastore. Pure.

use serde_json::{Map, Value};

/// The plugins that have a datastore.
const OURS: [&str; 4] = ["cni-net", "cni-ipam", "calico", "calico-ipam"];

/// The first plugin of ours, or of Calico's, in these files (origin and text), and where it stands.
pub fn ours(files: &[(String, String)]) -> Option<(String, Map<String, Value>)> {
    files.iter().find_map(|(origin, text)| {
        let network: Value = serde_json::from_str(text).ok()?;
        let chain = network.get("plugins").and_then(Value::as_array).cloned();
        let plugins = chain.unwrap_or_else(|| vec![network]);
        let plugin = plugins.into_iter().find_map(plugin)?;
        Some((origin.clone(), plugin))
    })
}

/// The section that names the datastore: the plugin's, or its IPAM section's where only that is ours.
fn plugin(plugin: Value) -> Option<Map<String, Value>> {
    let of_ours = |section: &Value| {
        let name = section.get("type").and_then(Value::as_str);
        name.is_some_and(|name| OURS.contains(&name))
    };
    let ipam = plugin.get("ipam").cloned().filter(of_ours);
    match (plugin, ipam) {
        (Value::Object(fields), _) if of_ours(&Value::Object(fields.clone())) => Some(fields),
        // cni-ipam below another plugin is given that plugin's whole configuration.
        (Value::Object(fields), Some(_)) => Some(fields),
        (_, _) => None,
    }
}
