//! Which words mean which kind, and what of an envelope is refused.

use super::*;

fn document(text: &str) -> Result<Document, String> {
    Document::new(crate::yaml::read("f.yaml", text)?.remove(0), None)
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
            "kind: Node\napiVersion: projectcalico.org/v3\nmetadata: {name: a, namespace: b}\n",
            "metadata.namespace: \"b\": a Node is in no namespace, take it out",
        ),
        (
            "kind: Node\napiVersion: projectcalico.org/v3\nmetadata: {name: a, labels: {rack: r/1}}\n",
            "metadata.labels: \"r/1\" is no label's value",
        ),
    ] {
        let said = document(text).unwrap_err();
        assert!(said.contains(error), "{said}");
    }
}

#[test]
fn a_field_that_does_not_exist_is_kept_apart_with_the_one_that_was_meant() {
    let text = "kind: Node\napiVersion: projectcalico.org/v3\nmetadata: {name: a}\nspce: {}\n";
    let unknown = document(text).unwrap().unknown().unwrap();
    assert_eq!(
        unknown,
        "f.yaml: Node(a): spce: no such field, did you mean spec?"
    );
}

#[test]
fn an_endpoint_is_in_a_namespace_and_a_pool_is_not() {
    let text = "kind: WorkloadEndpoint\napiVersion: projectcalico.org/v3\n";
    let placed = |metadata: &str, asked: Option<&str>| {
        let text = format!("{text}metadata: {metadata}\n");
        Document::new(crate::yaml::read("f.yaml", &text)?.remove(0), asked).map(|document| document.namespace)
    };
    assert_eq!(placed("{}", None), Ok("default".to_owned()));
    assert_eq!(placed("{}", Some("web")), Ok("web".to_owned()));
    assert_eq!(placed("{namespace: web}", None), Ok("web".to_owned()));
    let error = placed("{namespace: web}", Some("db")).unwrap_err();
    assert!(error.contains("\"web\" is not the namespace \"db\""), "{error}");
}
