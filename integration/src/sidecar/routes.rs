//! The daemon's routes, as the kernel shows them.

use serde_json::Value;

use super::PROTOCOL;
use crate::json::text;
use crate::node::Node;

/// A route of its in the kernel.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct KernelRoute {
    /// To here; `ip` leaves the length of a single address out.
    pub destination: String,
    /// `unicast` or `blackhole`.
    pub kind: String,
    /// The next hops, sorted.
    pub gateways: Vec<String>,
    /// Its metric.
    pub metric: u64,
}

/// The daemon's routes on a node, whether it runs or not.
pub fn kernel_routes(node: &Node) -> Vec<KernelRoute> {
    let mut routes: Vec<_> = ["-4", "-6"]
        .iter()
        .flat_map(|family| {
            node.netns()
                .ip_json(&format!("{family} route show proto {PROTOCOL}"))
        })
        .map(|route| kernel_route(&route))
        .collect();
    routes.sort();
    routes
}

fn kernel_route(route: &Value) -> KernelRoute {
    let hops = route["nexthops"].as_array().into_iter().flatten();
    let mut gateways: Vec<_> = std::iter::once(route)
        .chain(hops)
        .map(|hop| text(hop, "/gateway").to_owned())
        .filter(|gateway| !gateway.is_empty())
        .collect();
    gateways.sort();
    let kind = match text(route, "/type") {
        "" => "unicast",
        kind => kind,
    };
    KernelRoute {
        destination: bare(text(route, "/dst")).to_owned(),
        kind: kind.to_owned(),
        gateways,
        metric: route["metric"].as_u64().unwrap_or_default(),
    }
}

/// Without the length of a single address.
pub(super) fn bare(destination: &str) -> &str {
    let single = if destination.contains(':') { "/128" } else { "/32" };
    destination.strip_suffix(single).unwrap_or(destination)
}
