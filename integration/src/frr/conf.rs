//! FRR's configuration of bgpd.

use crate::fabric::{Neighbour, Tor};

/// A router as FRR is told it. What it learns reaches the kernel.
pub fn conf(tor: &Tor) -> String {
    let mut text = String::new();
    let mut put = |line: String| text.push_str(&format!("{line}\n"));
    put(format!("router bgp {}", tor.number));
    put(format!(" bgp router-id {}", tor.address));
    for line in [
        "bgp log-neighbor-changes",
        "no bgp ebgp-requires-policy",
        "no bgp network import-check",
        "no bgp default ipv4-unicast",
        "bgp bestpath as-path multipath-relax",
    ] {
        put(format!(" {line}"));
    }
    for neighbour in &tor.neighbours {
        session(tor, neighbour, &mut put);
    }
    for (family, six) in [("ipv4", false), ("ipv6", true)] {
        put(format!(" address-family {family} unicast"));
        unicast(tor, six, &mut put);
        put(" exit-address-family".to_owned());
    }
    text
}

/// The session with a neighbour, whatever it carries.
fn session(tor: &Tor, neighbour: &Neighbour, put: &mut impl FnMut(String)) {
    let at = &neighbour.address;
    put(format!(" neighbor {at} remote-as {}", neighbour.number));
    put(format!(" neighbor {at} update-source {}", tor.source(neighbour)));
    put(format!(" neighbor {at} timers connect {}", neighbour.retry));
    if let Some(word) = &neighbour.password {
        put(format!(" neighbor {at} password {word}"));
    }
    if let Some(hops) = neighbour.hops {
        put(format!(" neighbor {at} ttl-security hops {hops}"));
    }
    if let Some(seconds) = neighbour.hold {
        put(format!(" neighbor {at} timers {} {seconds}", seconds / 3));
    }
    put(format!(" neighbor {at} advertisement-interval 0"));
}

/// A family's own prefixes, and the neighbours that speak it.
fn unicast(tor: &Tor, six: bool, put: &mut impl FnMut(String)) {
    tor.own(six).for_each(|prefix| put(format!("  network {prefix}")));
    for neighbour in tor
        .neighbours
        .iter()
        .filter(|neighbour| neighbour.is_six() == six)
    {
        put(format!("  neighbor {} activate", neighbour.address));
        if tor.serves(neighbour) {
            put(format!("  neighbor {} route-reflector-client", neighbour.address));
        }
        if tor.fronts(neighbour) {
            put(format!("  neighbor {} next-hop-self", neighbour.address));
        }
    }
}
