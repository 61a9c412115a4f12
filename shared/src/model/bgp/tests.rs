//! Resources as Calico stores them.

use super::*;
use crate::model::Stored as _;
use crate::model::key::{Key, Plural};
use crate::model::node::Node;

fn peer(spec: &str) -> BGPPeer {
    let text = format!(r#"{{"kind":"BGPPeer","metadata":{{"name":"p"}},"spec":{spec}}}"#);
    BGPPeer::from_bytes(text.as_bytes()).unwrap()
}

#[test]
fn a_peer_is_read_and_written_back_with_what_is_not_known() {
    let text = r#"{"kind":"BGPPeer","apiVersion":"projectcalico.org/v3","metadata":{"name":"rack7-tor"},"spec":{"nodeSelector":"rack == 'r7'","peerIP":"172.20.7.1","asNumber":"64086.61928","localASNumber":65001,"password":{"secretKeyRef":{"name":"bgp-secrets","key":"r7"}},"maxRestartTime":"1m0s","keepaliveTime":"10s","numAllowedLocalASNumbers":1,"ttlSecurity":1,"filters":["tor-out","tor-in"],"failureDetectionMode":"None"}}"#;
    let peer = BGPPeer::from_bytes(text.as_bytes()).unwrap();
    assert_eq!(
        peer.spec.as_number.as_ref().map(AsNumber::get),
        Some(4_200_002_024)
    );
    assert_eq!(
        peer.spec.max_restart_time.as_ref().map(GoDuration::seconds),
        Some(60)
    );
    assert!(!peer.is_global());
    assert_eq!(String::from_utf8(peer.to_bytes()).unwrap(), text);
}

#[test]
fn null_is_absent_and_an_empty_peer_is_global() {
    let peer = peer(r#"{"node":null,"peerIP":null,"asNumber":null,"filters":null}"#);
    assert_eq!(peer.spec, BGPPeerSpec::default());
    assert!(peer.is_global());
}

#[test]
fn a_configuration_says_what_holds_where_it_is_silent() {
    let text = r#"{"metadata":{"name":"default"},"spec":{"serviceClusterIPs":[{"cidr":"10.96.0.0/12"}]}}"#;
    let silent = BGPConfiguration::from_bytes(text.as_bytes()).unwrap();
    assert!(silent.mesh());
    assert_eq!(silent.number(), DEFAULT_NUMBER);
    assert_eq!(silent.default_only_fields(), ["serviceClusterIPs"]);
    let text = r#"{"spec":{"nodeToNodeMeshEnabled":false,"asNumber":"17.17","communities":[{"name":"pods","value":"1:2"}],"prefixAdvertisements":[{"cidr":"10.0.0.0/8","communities":["pods"]}]}}"#;
    let told = BGPConfiguration::from_bytes(text.as_bytes()).unwrap();
    assert_eq!((told.mesh(), told.number()), (false, 17 * 65536 + 17));
    assert!(
        String::from_utf8(told.to_bytes())
            .unwrap()
            .contains(r#""asNumber":"17.17""#)
    );
}

#[test]
fn a_nodes_own_port_comes_before_the_default_one() {
    let with = |port: Option<u16>| {
        let spec = BGPConfigurationSpec {
            listen_port: port,
            ..BGPConfigurationSpec::default()
        };
        BGPConfiguration {
            spec,
            ..BGPConfiguration::default()
        }
    };
    let (default, own, silent) = (with(Some(1790)), with(Some(1791)), with(None));
    assert_eq!(listen_port(Some(&default), Some(&own)), 1791);
    assert_eq!(listen_port(Some(&default), Some(&silent)), 1790);
    assert_eq!(listen_port(Some(&with(Some(0))), None), 179);
    assert_eq!(listen_port(None, None), 179);
}

#[test]
fn a_node_tells_its_address_number_and_cluster() {
    let text = r#"{"metadata":{"name":"n"},"spec":{"bgp":{"asNumber":"64086.61928","ipv4Address":"192.168.1.4/24","ipv6Address":"fd00::4","routeReflectorClusterID":"244.0.0.1"}}}"#;
    let (speaker, problems) = Node::from_bytes(text.as_bytes()).unwrap().speaker().unwrap();
    assert_eq!(problems, [""; 0]);
    assert_eq!(speaker.number, Some(4_200_002_024));
    assert_eq!(
        speaker.ipv4.map(|net| net.to_string()).as_deref(),
        Some("192.168.1.4/24")
    );
    assert_eq!(speaker.ipv6.map(|net| net.prefix_len()), Some(128));
    assert_eq!(speaker.cluster, Some("244.0.0.1".parse().unwrap()));
    assert_eq!(
        speaker.beside("10.0.0.1".parse().unwrap()),
        Some("192.168.1.4".parse().unwrap())
    );
}

#[test]
fn what_a_node_says_wrongly_is_absent_and_named() {
    let text = r#"{"metadata":{"name":"n"},"spec":{"bgp":{"asNumber":-1,"ipv4Address":"fd00::1/64","ipv6Address":"x","routeReflectorClusterID":7}}}"#;
    let (speaker, problems) = Node::from_bytes(text.as_bytes()).unwrap().speaker().unwrap();
    assert_eq!(speaker, Speaker::default());
    for (problem, field) in problems.iter().zip([
        "asNumber: -1",
        "ipv4Address: \"fd00::1/64\"",
        "ipv6Address: \"x\"",
        "routeReflectorClusterID: 7",
    ]) {
        assert!(problem.contains(field), "{problem}");
    }
    assert_eq!(problems.len(), 4);
    let silent = Node::from_bytes(br#"{"metadata":{"name":"n"},"spec":{}}"#).unwrap();
    assert_eq!(silent.speaker(), None);
}

#[test]
fn a_wrong_peer_hurts_only_itself() {
    let key = |name: &str| Key::resource(Plural::BgpPeers, name);
    let (b, wrong, a) = (key("b"), key("wrong"), key("a"));
    let entries: [(&Key, &[u8]); 3] = [
        (
            &b,
            br#"{"metadata":{"name":"other"},"spec":{"peerIP":"10.0.0.1"}}"#,
        ),
        (&wrong, br#"{"spec":{"asNumber":"many"}}"#),
        (&a, b"{}"),
    ];
    let (good, bad) = read::<BGPPeerSpec>(entries);
    assert_eq!(good.iter().map(BGPPeer::name).collect::<Vec<_>>(), ["a", "b"]);
    let [bad] = bad.as_slice() else { panic!("{bad:?}") };
    assert!(
        bad.to_string()
            .starts_with("BGPPeer wrong: \"many\" is no AS number"),
        "{bad}"
    );
}

#[test]
fn a_filter_keeps_its_rules_as_they_are() {
    let text = r#"{"kind":"BGPFilter","apiVersion":"projectcalico.org/v3","metadata":{"name":"f"},"spec":{"importV4":[{"cidr":"10.0.0.0/8","matchOperator":"In","action":"Accept","later":1}],"note":"x"}}"#;
    let filter = BGPFilter::from_bytes(text.as_bytes()).unwrap();
    assert_eq!(String::from_utf8(filter.to_bytes()).unwrap(), text);
}
