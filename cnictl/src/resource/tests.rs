//! Which words mean which kind, and what of an envelope is refused.

use super::*;

fn document(text: &str) -> Result<Document, String> {
    Document::new(crate::yaml::read("f.yaml", text)?.remove(0))
}

#[test]
fn every_word_of_calicos_is_known_in_any_case() {
    for (word, kind) in [
        ("ippool", Kind::IpPool),
        ("pools", Kind::IpPool),
        ("ipamconfigs", Kind::IpamConfiguration),
        ("ipamconfig", Kind::IpamConfiguration),
        ("nos", Kind::Node),
        ("WorkloadEndpoint", Kind::WorkloadEndpoint),
        ("wep", Kind::WorkloadEndpoint),
        ("bgpconfig", Kind::BgpConfiguration),
        ("bgppeers", Kind::BgpPeer),
        ("bgpp", Kind::BgpPeer),
        ("bp", Kind::BgpPeer),
        ("bgpf", Kind::BgpFilter),
    ] {
        assert_eq!(Kind::from_word(word), Ok(kind));
    }
    let error = Kind::from_word("ipool").unwrap_err();
    assert!(
        error.starts_with("unknown kind \"ipool\", did you mean ippool?"),
        "{error}"
    );
}

#[test]
fn kubernetes_names_of_the_same_resource_are_taken() {
    let text = "kind: IPAMConfig\napiVersion: crd.projectcalico.org/v1\nmetadata: {name: default}\nspec: {strictAffinity: true}\n";
    assert_eq!(document(text).unwrap().kind, Kind::IpamConfiguration);
}

#[test]
fn a_wrong_envelope_is_named() {
    for (text, error) in [
        ("apiVersion: projectcalico.org/v3\n", "f.yaml: kind: is missing"),
        (
            "kind: IPpool\napiVersion: projectcalico.org/v3\n",
            "did you mean IPPool?",
        ),
        ("kind: Node\n", "f.yaml: apiVersion: is missing"),
        (
            "kind: Node\napiVersion: v1\n",
            "apiVersion: \"v1\" is not known: write projectcalico.org/v3 for Node",
        ),
        (
            "kind: Node\napiVersion: projectcalico.org/v3\n",
            "Node(): metadata.name: is missing",
        ),
        (
            "kind: Node\napiVersion: projectcalico.org/v3\nmetadata: {name: A_b}\n",
            "metadata.name: \"A_b\" is no DNS-1123 name",
        ),
        (
            "kind: Node\napiVersion: projectcalico.org/v3\nmetadata: {name: a}\nspce: {}\n",
            "spce: no such field, did you mean spec?",
        ),
    ] {
        let said = document(text).unwrap_err();
        assert!(said.contains(error), "{said}");
    }
}
