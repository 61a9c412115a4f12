use std::collections::BTreeMap;
use std::time::Duration;

use super::super::Severity;
use super::super::facts::{Facts, Room};
use super::{NOW, found, set, with};

#[test]
fn the_way_out_of_the_host() {
    use Severity::{Error, Warning};
    assert_eq!(
        found(|facts| facts.default_routes.clear()),
        [("no-default-route", Warning)]
    );
    assert_eq!(
        found(|facts| facts.interfaces[1].mtu = 9000),
        [("mtu-too-large", Error)]
    );
    assert_eq!(
        found(|facts| facts.networks[0].mtu = 9000),
        [("mtu-too-large", Error)]
    );
    let narrow = |facts: &mut Facts| facts.path_mtus = [("192.168.1.1".to_owned(), 1400)].into();
    assert_eq!(found(narrow), [("path-mtu", Warning)]);
}

#[test]
fn the_address_of_the_node() {
    use Severity::Error;
    let vip = |facts: &mut Facts| {
        facts.interfaces[0].addresses = vec![
            "192.168.1.9/24".parse().unwrap(),
            "192.168.1.4/24".parse().unwrap(),
        ];
    };
    assert_eq!(found(vip), [("node-address-secondary", Error)]);
    let single = |facts: &mut Facts| {
        facts.interfaces[0].addresses =
            vec!["192.168.1.4/32".parse().unwrap(), "10.0.0.4/24".parse().unwrap()];
    };
    assert_eq!(found(single), [("node-address-secondary", Error)]);
    let gone = with(|cluster| cluster.addresses = vec!["192.168.7.7/24".parse().unwrap()]);
    assert_eq!(found(gone), [("node-address-missing", Error)]);
    let another_subnet = |facts: &mut Facts| {
        facts.interfaces[0]
            .addresses
            .insert(0, "10.0.0.4/24".parse().unwrap());
    };
    assert_eq!(found(another_subnet), []);
}

#[test]
fn the_cluster() {
    use Severity::Warning;
    assert_eq!(
        found(with(|cluster| cluster.nodes = 101)),
        [("large-mesh", Warning)]
    );
    let large = with(|cluster| (cluster.nodes, cluster.mesh) = (500, false));
    assert_eq!(found(large), []);
    assert_eq!(
        found(with(|cluster| cluster.peers[1].2 = Some(65000))),
        [("peers-of-several-as", Warning)]
    );
    let singles = with(|cluster| {
        cluster.room = Some(Room {
            blocks: 20,
            block_size: 1,
            pool: "singles".to_owned(),
        })
    });
    assert_eq!(found(singles), [("blocks-below-max-pods", Warning)]);
}

#[test]
fn time() {
    use Severity::{Error, Warning};
    let expires = |after: i64| {
        move |facts: &mut Facts| {
            let at = NOW.as_secs().cast_signed() + after;
            facts.certificates =
                BTreeMap::from([("/c.pem".to_owned(), Duration::from_secs(at.cast_unsigned()))]);
        }
    };
    assert_eq!(found(expires(-1)), [("certificate-expired", Error)]);
    assert_eq!(found(expires(29 * 24 * 3600)), [("certificate-expires", Warning)]);
    assert_eq!(found(expires(31 * 24 * 3600)), []);
    let clock =
        |ahead: i64| move |facts: &mut Facts| facts.clocks = [("http://b:2379".to_owned(), ahead)].into();
    assert_eq!(found(clock(6)), [("clock-skew", Warning)]);
    assert_eq!(found(clock(-600)), [("clock-skew", Warning)]);
    assert_eq!(found(clock(-5)), []);
}

#[test]
fn the_worst_comes_first_and_what_is_unknown_is_said_last() {
    let spoil = |facts: &mut Facts| {
        set(facts, "net.ipv4.conf.all.rp_filter", "2");
        set(facts, "net.ipv4.ip_forward", "0");
        facts.cluster = None;
        facts.unknown.push(("datastore", "no answer".to_owned()));
    };
    let severities: Vec<_> = found(spoil).into_iter().map(|(_, severity)| severity).collect();
    assert_eq!(severities, [Severity::Error, Severity::Warning, Severity::Note]);
    assert_eq!(
        severities.iter().map(|severity| severity.exit_code()).max(),
        Some(2)
    );
}
