//! GoBGP's configuration, TOML.

use super::family;
use crate::fabric::{Neighbour, Tor};

/// A router as GoBGP is told it, without its own prefixes.
pub fn conf(tor: &Tor) -> String {
    let global = format!(
        "[global.config]\n  as = {}\n  router-id = \"{}\"\n  port = 179\n",
        tor.number, tor.address
    );
    let neighbours = tor
        .neighbours
        .iter()
        .map(|neighbour| neighbour_conf(tor, neighbour));
    std::iter::once(global).chain(neighbours).collect()
}

fn neighbour_conf(tor: &Tor, neighbour: &Neighbour) -> String {
    let mut text = String::new();
    let mut put = |line: String| text.push_str(&format!("{line}\n"));
    put("[[neighbors]]".to_owned());
    put("  [neighbors.config]".to_owned());
    put(format!("    neighbor-address = \"{}\"", neighbour.address));
    put(format!("    peer-as = {}", neighbour.number));
    if let Some(word) = &neighbour.password {
        put(format!("    auth-password = \"{word}\""));
    }
    transport(tor, neighbour, &mut put);
    timers(neighbour, &mut put);
    put("  [neighbors.graceful-restart.config]".to_owned());
    put("    enabled = true\n    restart-time = 120".to_owned());
    if neighbour.lenient {
        put("    notification-enabled = true".to_owned());
    }
    if tor.serves(neighbour) {
        put("  [neighbors.route-reflector.config]".to_owned());
        put("    route-reflector-client = true".to_owned());
        put(format!("    route-reflector-cluster-id = \"{}\"", tor.address));
    }
    put("  [[neighbors.afi-safis]]".to_owned());
    put("    [neighbors.afi-safis.config]".to_owned());
    put(format!(
        "      afi-safi-name = \"{}-unicast\"",
        family(&neighbour.address)
    ));
    put("    [neighbors.afi-safis.mp-graceful-restart.config]".to_owned());
    put("      enabled = true".to_owned());
    text
}

/// From which address, and from how far away.
fn transport(tor: &Tor, neighbour: &Neighbour, put: &mut impl FnMut(String)) {
    put("  [neighbors.transport.config]".to_owned());
    put(format!("    local-address = \"{}\"", tor.source(neighbour)));
    if let Some(hops) = neighbour.hops {
        put("  [neighbors.ttl-security.config]".to_owned());
        put(format!(
            "    enabled = true\n    ttl-min = {}",
            256 - u16::from(hops)
        ));
    }
}

fn timers(neighbour: &Neighbour, put: &mut impl FnMut(String)) {
    put("  [neighbors.timers.config]".to_owned());
    put(format!("    connect-retry = {}", neighbour.retry));
    put("    idle-hold-time-after-reset = 1".to_owned());
    if let Some(seconds) = neighbour.hold {
        put(format!(
            "    hold-time = {seconds}\n    keepalive-interval = {}",
            seconds / 3
        ));
    }
}
