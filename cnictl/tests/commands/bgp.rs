//! BGPConfiguration, BGPPeer and BGPFilter as an operator meets them.

use crate::common::{apply, cnictl, object, recorded, value};
use serde_json::json;
use shared::model::key::Key;
use shared::store::memory::{Fault, Memory};

const V3: &str = "/calico/resources/v3/projectcalico.org";

fn resource(kind: &str, name: &str, spec: &str) -> String {
    format!("{{apiVersion: projectcalico.org/v3, kind: {kind}, metadata: {{name: {name}}}, spec: {spec}}}\n")
}

fn filter(name: &str) -> String {
    resource(
        "BGPFilter",
        name,
        "{importV4: [{action: Accept}, {action: Reject}], exportV6: [{action: Reject}]}",
    )
}

#[test]
fn a_filter_is_counted_by_its_rules_in_every_format() {
    let store = Memory::new();
    assert_eq!(apply(&store, &filter("tor-in")).error, None);
    let table = "NAME     NUMEXPORTV4   NUMIMPORTV4   NUMEXPORTV6   NUMIMPORTV6   \n\
                 tor-in   0             2             1             0             \n\n";
    assert_eq!(cnictl(&store, "get bgpf").out, table);
    assert_eq!(cnictl(&store, "get bgpfilters -o wide").out, table);
    let yaml = cnictl(&store, "get bgpfilter tor-in -o yaml").out;
    assert!(
        yaml.ends_with(
            "spec:\n  exportV6:\n  - action: Reject\n  importV4:\n  - action: Accept\n  - action: Reject\n"
        ),
        "{yaml}"
    );
    let list: serde_json::Value = serde_json::from_str(&cnictl(&store, "get bgpfilter -o json").out).unwrap();
    assert_eq!(list["kind"], json!("BGPFilterList"));
}

#[test]
fn a_peer_for_all_nodes_is_shown_as_global() {
    let store = recorded();
    let text = resource(
        "BGPPeer",
        "spine",
        "{peerIP: '10.55.0.1:1790', asNumber: '64086.61928'}",
    );
    assert_eq!(apply(&store, &text).warnings, Vec::<String>::new());
    assert_eq!(
        cnictl(&store, "get bgpp spine").out,
        "NAME    PEERIP           NODE       ASN          \nspine   10.55.0.1:1790   (global)   4200002024   \n\n"
    );
}

#[test]
fn a_peers_filters_exist_when_it_is_written() {
    let store = recorded();
    let peer = resource(
        "BGPPeer",
        "tor",
        "{peerIP: 10.55.0.1, asNumber: 65023, filters: [only-pools, tor-in]}",
    );
    let error = apply(&store, &peer).error.unwrap();
    assert_eq!(
        error,
        "failed to apply 'BGPPeer' resource: BGPPeer(tor): spec.filters[1]: \"tor-in\": there is no such BGPFilter \
         (apply it first, or take it out)"
    );
    let typo = resource(
        "BGPPeer",
        "tor",
        "{peerIP: 10.55.0.1, asNumber: 65023, filters: [only-pool]}",
    );
    assert!(
        apply(&store, &typo)
            .error
            .unwrap()
            .contains("did you mean only-pools?")
    );
    assert_eq!(value(&store, &format!("{V3}/bgppeers/tor")), None);
    let both = format!("{}---\n{peer}", filter("tor-in"));
    assert_eq!(apply(&store, &both).error, None);
    assert_eq!(
        object(&store, &format!("{V3}/bgppeers/tor"))["spec"],
        json!({"peerIP": "10.55.0.1", "asNumber": 65023, "filters": ["only-pools", "tor-in"]})
    );
}

#[test]
fn a_filter_that_a_peer_names_stays() {
    let store = recorded();
    let peer = resource(
        "BGPPeer",
        "tor",
        "{peerIP: 10.55.0.1, asNumber: 65023, filters: [only-pools]}",
    );
    assert_eq!(apply(&store, &peer).error, None);
    let error = cnictl(&store, "delete bgpfilter only-pools").error.unwrap();
    assert!(error.contains("BGPPeer tor names it in spec.filters"), "{error}");
    assert_eq!(cnictl(&store, "delete bgppeer tor").error, None);
    assert_eq!(
        cnictl(&store, "delete bgpfilter only-pools").out,
        "Successfully deleted 1 'BGPFilter' resource(s)\n"
    );
    let gone = cnictl(&store, "delete bgpconfig nope").error.unwrap();
    assert!(
        gone.ends_with("BGPConfiguration(nope): resource does not exist"),
        "{gone}"
    );
}

#[test]
fn a_peer_that_means_no_node_is_stored_with_a_warning() {
    let store = recorded();
    for (spec, said) in [
        (
            "{nodeSelector: \"rack == 'r9'\", peerIP: 10.55.0.1, asNumber: 65023}",
            "BGPPeer(p): spec.nodeSelector: \"rack == 'r9'\" selects no Node now",
        ),
        (
            "{peerSelector: has(rr)}",
            "BGPPeer(p): spec.peerSelector: \"has(rr)\" selects no Node now",
        ),
        (
            "{node: node9, peerIP: 10.55.0.1, asNumber: 65023}",
            "BGPPeer(p): spec.node: there is no Node \"node9\" now",
        ),
        ("{peerIP: 10.55.0.1}", "BGPPeer(p): spec.asNumber: is not given"),
    ] {
        let outcome = apply(&store, &resource("BGPPeer", "p", spec));
        assert_eq!(outcome.error, None);
        assert!(outcome.warnings[0].starts_with(said), "{:?}", outcome.warnings);
        assert_eq!(outcome.warnings.len(), 1, "{:?}", outcome.warnings);
    }
    for spec in [
        "{nodeSelector: \"rack == 'r1'\", peerIP: 10.55.0.1, asNumber: 65023}",
        "{node: node0, peerSelector: all()}",
        "{peerIP: 10.55.0.3}",
    ] {
        let outcome = apply(&store, &resource("BGPPeer", "p", spec));
        assert_eq!((outcome.error, outcome.warnings), (None, Vec::new()), "{spec}");
    }
}

#[test]
fn a_nodes_as_is_the_configured_one_however_it_was_stored() {
    let store = recorded();
    let dotted =
        r#"{"kind":"BGPConfiguration","metadata":{"name":"default"},"spec":{"asNumber":"64086.61928"}}"#;
    store.put(Key::stored(format!("{V3}/bgpconfigurations/default")), dotted);
    let table = cnictl(&store, "get node node1 -o wide").out;
    assert!(table.contains("(4200002024)"), "{table}");
    let table = cnictl(&store, "get bgpconfig default").out;
    assert!(
        table.contains("default                 -             64086.61928"),
        "{table}"
    );
}

#[test]
fn fields_of_a_newer_calico_survive() {
    let store = recorded();
    let key = format!("{V3}/bgppeers/tor");
    let newer = r#"{"kind":"BGPPeer","metadata":{"name":"tor"},"spec":{"peerIP":"10.55.0.1","failureDetectionMode":"None"}}"#;
    store.put(Key::stored(key.as_str()), newer);
    let text = resource("BGPPeer", "tor", "{peerIP: 10.55.0.1, asNumber: 65023}");
    assert_eq!(apply(&store, &text).error, None);
    assert_eq!(
        object(&store, &key)["spec"],
        json!({"peerIP": "10.55.0.1", "asNumber": 65023, "failureDetectionMode": "None"})
    );
}

#[test]
fn a_lost_race_is_told_once() {
    for fault in [Fault::Conflict, Fault::ReplyLost, Fault::RequestLost] {
        let store = recorded();
        store.inject(fault);
        let outcome = apply(
            &store,
            &resource("BGPPeer", "p", "{peerSelector: has(rr), filters: [only-pools]}"),
        );
        assert_eq!((outcome.error, outcome.warnings.len()), (None, 1), "{fault:?}");
    }
}

#[test]
fn a_node_becomes_a_reflector() {
    let store = recorded();
    let node = |id: &str| {
        resource(
            "Node",
            "rr",
            &format!("{{bgp: {{ipv4Address: 10.55.0.9/24, routeReflectorClusterID: {id}}}}}"),
        )
    };
    assert_eq!(apply(&store, &node("244.0.0.1")).error, None);
    assert_eq!(
        object(&store, &format!("{V3}/nodes/rr"))["spec"]["bgp"]["routeReflectorClusterID"],
        json!("244.0.0.1")
    );
    let error = apply(&store, &node("'1'")).error.unwrap();
    assert!(
        error.contains("spec.bgp.routeReflectorClusterID: \"1\" is no IPv4 address"),
        "{error}"
    );
}
