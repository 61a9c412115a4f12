use std::time::Duration;

use super::facts::{Cluster, Interface, Listener, Network, Networkd, Room, Store};
use super::{Facts, Severity, examine};

const NOW: Duration = Duration::from_secs(1_800_000_000);

const SYSCTLS: [(&str, &str); 5] = [
    ("net.ipv4.ip_forward", "1"),
    ("net.ipv4.conf.all.rp_filter", "0"),
    ("net.ipv4.conf.uplink.accept_redirects", "0"),
    ("net.ipv4.neigh.default.gc_thresh3", "4096"),
    ("net.netfilter.nf_conntrack_max", "262144"),
];

/// A host and a cluster on which nothing is wrong.
fn healthy() -> Facts {
    Facts {
        version: "0.1.0 (abc)".to_owned(),
        now: NOW,
        port: 179,
        sysctls: SYSCTLS
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into(),
        networkd: Some(Networkd::default()),
        listener: Some(Listener {
            address: "192.168.1.4".to_owned(),
            program: Some("bgp-sidecar".to_owned()),
        }),
        interfaces: vec![
            interface("uplink", 1500, &["192.168.1.4/24"]),
            interface("cali1", 1500, &[]),
        ],
        default_routes: vec!["uplink".to_owned()],
        filter_rules: vec!["-P FORWARD ACCEPT".to_owned()],
        networks: vec![network("10-manx.conflist", &["cni-net"])],
        programs: [(
            "/opt/cni/bin/cni-net".to_owned(),
            "cni-net 0.1.0 (abc)".to_owned(),
        )]
        .into(),
        sidecar: Some(Store::Etcd("http://a:2379".to_owned())),
        max_pods: Some(110),
        certificates: [(
            "/etc/etcd.pem".to_owned(),
            NOW + Duration::from_secs(90 * 24 * 3600),
        )]
        .into(),
        clocks: [("http://a:2379".to_owned(), 1)].into(),
        cluster: Some(cluster()),
        path_mtus: [("192.168.1.1".to_owned(), 1500)].into(),
        ..Facts::default()
    }
}

fn cluster() -> Cluster {
    Cluster {
        node: "n1".to_owned(),
        nodes: 3,
        mesh: true,
        addresses: vec!["192.168.1.4/24".parse().unwrap()],
        peers: vec![
            ("leaf1".to_owned(), "192.168.1.1".to_owned(), Some(64512)),
            ("leaf2".to_owned(), "192.168.1.2".to_owned(), Some(64512)),
        ],
        room: Some(Room {
            blocks: 20,
            block_size: 64,
            pool: "default".to_owned(),
        }),
    }
}

fn interface(name: &str, mtu: u32, addresses: &[&str]) -> Interface {
    Interface {
        name: name.to_owned(),
        mtu,
        addresses: addresses.iter().map(|text| text.parse().unwrap()).collect(),
    }
}

fn network(file: &str, plugins: &[&str]) -> Network {
    Network {
        file: file.to_owned(),
        plugins: plugins.iter().map(|&name| name.to_owned()).collect(),
        store: Some(Store::Etcd("http://a:2379".to_owned())),
        mtu: 0,
    }
}

/// What is found when `spoil` has been at a healthy host: the checks and how much each matters.
fn found(spoil: impl FnOnce(&mut Facts)) -> Vec<(&'static str, Severity)> {
    let mut facts = healthy();
    spoil(&mut facts);
    let findings = examine(&facts);
    for finding in &findings {
        assert!(
            !finding.found.is_empty() && !finding.way_out.is_empty(),
            "{finding:?}"
        );
    }
    findings
        .iter()
        .map(|finding| (finding.check, finding.severity))
        .collect()
}

fn with(spoil: impl FnOnce(&mut Cluster)) -> impl FnOnce(&mut Facts) {
    |facts| spoil(facts.cluster.as_mut().unwrap())
}

fn set(facts: &mut Facts, name: &str, value: &str) {
    facts.sysctls.insert(name.to_owned(), value.to_owned());
}

#[test]
fn a_healthy_host_has_no_findings() {
    assert_eq!(found(|_| {}), []);
}

#[test]
fn settings_of_the_kernel() {
    use Severity::{Error, Warning};
    assert_eq!(
        found(|facts| set(facts, "net.ipv4.ip_forward", "0")),
        [("forwarding-off", Error)]
    );
    assert_eq!(
        found(|facts| set(facts, "net.ipv4.conf.all.rp_filter", "2")),
        [("rp-filter-loose", Warning)]
    );
    assert_eq!(
        found(|facts| set(facts, "net.ipv4.conf.uplink.accept_redirects", "1")),
        [("accept-redirects", Warning)]
    );
    assert_eq!(
        found(|facts| set(facts, "net.ipv4.neigh.default.gc_thresh3", "256")),
        [("neighbour-table", Warning)]
    );
    assert_eq!(
        found(|facts| set(facts, "net.netfilter.nf_conntrack_max", "65536")),
        [("conntrack-table", Warning)]
    );
    let takes = |facts: &mut Facts| {
        facts.networkd = Some(Networkd {
            manages_foreign_routes: true,
        })
    };
    assert_eq!(found(takes), [("networkd-routes", Error)]);
    assert_eq!(found(|facts| facts.networkd = None), []);
}

#[test]
fn who_else_is_there() {
    use Severity::{Error, Warning};
    let frr = |facts: &mut Facts| {
        facts.listener = Some(Listener {
            address: "0.0.0.0".to_owned(),
            program: Some("bgpd".to_owned()),
        });
    };
    assert_eq!(found(frr), [("port-taken", Error)]);
    let hidden = |facts: &mut Facts| facts.listener.as_mut().unwrap().program = None;
    assert_eq!(found(hidden), [("port-taken", Error)]);
    assert_eq!(found(|facts| facts.listener = None), []);
    assert_eq!(
        found(|facts| facts.rivals = vec!["bird".to_owned()]),
        [("other-writers", Error)]
    );
    let first = |facts: &mut Facts| {
        facts
            .networks
            .insert(0, network("05-cilium.conflist", &["cilium-cni"]))
    };
    assert_eq!(found(first), [("network-order", Error)]);
    let unreadable = |facts: &mut Facts| facts.networks.insert(0, network("00.conf", &[]));
    assert_eq!(found(unreadable), [("network-order", Error)]);
    assert_eq!(
        found(|facts| facts.networks.push(network("20-x.conf", &["ptp"]))),
        []
    );
    let older = |facts: &mut Facts| {
        facts.programs.insert(
            "/opt/cni/bin/cni-ipam".to_owned(),
            "cni-ipam 0.0.9 (old)".to_owned(),
        );
    };
    assert_eq!(found(older), [("other-version", Warning)]);
    assert_eq!(
        found(|facts| facts.sidecar = Some(Store::Embedded)),
        [("two-datastores", Error)]
    );
}

#[test]
fn the_packet_filter() {
    use Severity::Error;
    let rules = |rules: &'static [&'static str]| {
        move |facts: &mut Facts| facts.filter_rules = rules.iter().map(|&rule| rule.to_owned()).collect()
    };
    assert_eq!(
        found(rules(&["-P FORWARD DROP", "-A FORWARD -j DOCKER-USER"])),
        [("forward-drop", Error)]
    );
    assert_eq!(
        found(rules(&[
            "-P FORWARD DROP",
            "-A FORWARD -i cali+ -j ACCEPT",
            "-A FORWARD -o cali+ -j ACCEPT"
        ])),
        []
    );
    assert_eq!(
        found(rules(&[
            "-P FORWARD ACCEPT",
            "-A FORWARD -j REJECT --reject-with icmp-host-prohibited"
        ])),
        [("forward-reject", Error)]
    );
    assert_eq!(
        found(rules(&[
            "-P FORWARD ACCEPT",
            "-A FORWARD -s 10.9.9.9/32 -j REJECT"
        ])),
        []
    );
}

mod cluster;
