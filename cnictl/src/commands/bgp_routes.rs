//! `cnictl bgp routes`: what a peer has sent, with what became of it, or what it has been told.

use serde::Deserialize;

use crate::table::boxed;

#[derive(Deserialize)]
struct Routes {
    #[serde(rename = "peerIP")]
    address: std::net::IpAddr,
    port: u16,
    direction: String,
    routes: Vec<Route>,
    #[serde(default)]
    withheld: Vec<NotTold>,
}

/// What might be advertised and is not.
#[derive(Deserialize)]
struct NotTold {
    destination: String,
    reason: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Route {
    destination: String,
    next_hop: String,
    as_path: String,
    #[serde(default)]
    status: String,
}

/// The table.
pub fn show(json: &str) -> Result<String, String> {
    let found: Routes = serde_json::from_str(json)
        .map_err(|error| format!("bgp-sidecar's answer cannot be read: {error}"))?;
    let peer = super::node_status::named(found.address, found.port);
    let received = found.direction == "received";
    let withheld = not_told(&peer, found.withheld);
    if found.routes.is_empty() {
        let said = match received {
            true => "has sent no routes",
            false => "has been told no routes",
        };
        return Ok(format!("{peer} {said}.\n{withheld}"));
    }
    let row = |route: Route| {
        let mut row = vec![route.destination, route.next_hop, route.as_path];
        row.extend(received.then_some(route.status));
        row
    };
    let rows: Vec<Vec<String>> = found.routes.into_iter().map(row).collect();
    let header = ["PREFIX", "NEXT HOP", "AS PATH", "STATUS"];
    let columns = if received { 4 } else { 3 };
    Ok(boxed(&header[..columns], &rows, columns) + &withheld)
}

/// A table of its own, where there is anything.
fn not_told(peer: &str, withheld: Vec<NotTold>) -> String {
    if withheld.is_empty() {
        return String::new();
    }
    let row = |one: NotTold| vec![one.destination, one.reason];
    let rows: Vec<Vec<String>> = withheld.into_iter().map(row).collect();
    format!("\n{peer} is not told:\n{}", boxed(&["PREFIX", "WHY"], &rows, 2))
}
