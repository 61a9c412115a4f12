//! The kernel's settings, and who else works on this host.

use super::{Facts, Finding};

pub(super) fn findings(facts: &Facts) -> Vec<Finding> {
    [
        networkd(facts),
        forwarding(facts),
        reverse_path(facts),
        port(facts),
        default_route(facts),
        rivals(facts),
    ]
    .into_iter()
    .flatten()
    .chain(redirects(facts))
    .collect()
}

fn networkd(facts: &Facts) -> Option<Finding> {
    let networkd = facts.networkd.as_ref()?;
    networkd.manages_foreign_routes.then(|| {
        Finding::error(
            "networkd-routes",
            "systemd-networkd runs and removes routes that it did not make (ManageForeignRoutes is yes)".to_owned(),
            "write [Network] ManageForeignRoutes=no and ManageForeignRoutingPolicyRules=no to /etc/systemd/networkd.conf.d/manx.conf, \
             then systemctl restart systemd-networkd",
        )
    })
}

fn forwarding(facts: &Facts) -> Option<Finding> {
    (facts.sysctl("net.ipv4.ip_forward") == Some(0)).then(|| {
        Finding::error(
            "forwarding-off",
            "net.ipv4.ip_forward is 0: pods reach nobody but this host".to_owned(),
            "write net.ipv4.ip_forward = 1 to /etc/sysctl.d/90-manx.conf and run sysctl --system; the sidecar switches it on, too, \
             but something here switches it off",
        )
    })
}

fn reverse_path(facts: &Facts) -> Option<Finding> {
    (facts.sysctl("net.ipv4.conf.all.rp_filter") == Some(2)).then(|| {
        Finding::warning(
            "rp-filter-loose",
            "net.ipv4.conf.all.rp_filter is 2: a pod may send with another's address".to_owned(),
            "set it to 0 or 1 in /etc/sysctl.d; the larger of `all` and the interface's own counts, and pods' interfaces have 1",
        )
    })
}

fn port(facts: &Facts) -> Option<Finding> {
    let listener = facts.listener.as_ref()?;
    let program = listener.program.as_deref();
    if program == Some("bgp-sidecar") {
        return None;
    }
    let by = program.map_or_else(|| "a program that cannot be seen".to_owned(), str::to_owned);
    Some(Finding::error(
        "port-taken",
        format!("{by} listens on {}, port {}", listener.address, facts.port),
        "stop it, or give the sidecar another port (listen_port) or address (listen_address) and its peers the same",
    ))
}

fn default_route(facts: &Facts) -> Option<Finding> {
    facts.default_routes.is_empty().then(|| {
        Finding::warning(
            "no-default-route",
            "there is no IPv4 default route".to_owned(),
            "add one towards the switch, or make sure that every other node and peer is in a subnet of this host or learned by BGP",
        )
    })
}

fn rivals(facts: &Facts) -> Option<Finding> {
    (!facts.rivals.is_empty()).then(|| {
        Finding::error(
            "other-writers",
            format!("{} run on this host and write routes", facts.rivals.join(", ")),
            "stop Calico's own programs before bgp-sidecar is started (docs/runbooks.md, Move from Calico); a BIRD of your own may stay if it \
             leaves routes of protocol 77 alone",
        )
    })
}

fn redirects(facts: &Facts) -> Vec<Finding> {
    let accepts = |name: &str| facts.sysctl(&format!("net.ipv4.conf.{name}.accept_redirects")) == Some(1);
    let found = |name: &str| {
        Finding::warning(
            "accept-redirects",
            format!("{name} accepts ICMP redirects: whoever sends one moves pods' traffic"),
            format!("write net.ipv4.conf.{name}.accept_redirects = 0 to /etc/sysctl.d/90-manx.conf"),
        )
    };
    let names = facts.uplinks().map(|uplink| uplink.name.as_str());
    names.filter(|name| accepts(name)).map(found).collect()
}
