//! `--dry-run`: the transactions are told, and none is made.

use crate::common::{cnictl, recorded, words_of};
use shared::model::key::Key;
use shared::store::memory::Memory;

const PEER: &str = "{apiVersion: projectcalico.org/v3, kind: BGPPeer, metadata: {name: tor}, spec: {peerIP: 10.55.0.1, \
                    asNumber: 65023, filters: [tor-in], password: {secretKeyRef: {name: bgp, key: tor}}}}";
const FILTER: &str =
    "{apiVersion: projectcalico.org/v3, kind: BGPFilter, metadata: {name: tor-in}, spec: {}}";

#[test]
fn every_verb_tells_what_it_would_write_and_writes_nothing() {
    let store = recorded();
    store.put(
        Key::stored("/calico/ipam/v2/handle/net.orphan"),
        r#"{"block":{"10.66.135.128/26":1},"deleted":false}"#,
    );
    let words = |line: &'static str| line.split(' ').collect::<Vec<_>>();
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), format!("{PEER}\n---\n{FILTER}\n")).unwrap();
    let path = file.path().display().to_string();
    let before = store.dump();
    for (words, told) in [
        (
            vec!["apply", "-f", &path],
            "  put  /calico/resources/v3/projectcalico.org/bgppeers/tor\n",
        ),
        (
            vec!["create", "-f", &path],
            "  if   /calico/resources/v3/projectcalico.org/bgppeers/tor does not exist\n",
        ),
        (
            vec!["delete", "bgppeer", "rack-tor"],
            "  del  /calico/resources/v3/projectcalico.org/bgppeers/rack-tor\n",
        ),
        (vec!["label", "node", "node1", "a=b"], "\"a\": \"b\""),
        (
            vec!["patch", "ippool", "tiny", "-p", r#"{"spec":{"disabled":true}}"#],
            "\"disabled\": true",
        ),
        (
            vec!["ipam", "configure", "--strictaffinity=true"],
            "  put  /calico/ipam/v2/config\n",
        ),
        (
            vec!["ipam", "split", "2", "--name", "default-ipv4-ippool"],
            "split-default-ipv4-ippool-1",
        ),
        (
            vec!["ipam", "release", "--ip", "10.88.0.0"],
            "/calico/ipam/v2/assignment/ipv4/block/10.88.0.0-32",
        ),
        (
            words("ipam check --settle 0 --fix all --yes"),
            "  del  /calico/ipam/v2/handle/net.orphan\n",
        ),
        (
            words("node decommission node1 --dead --no-sidecars"),
            "  del  /calico/resources/v3/projectcalico.org/nodes/node1\n",
        ),
    ] {
        let words: Vec<&str> = words.into_iter().chain(["--dry-run"]).collect();
        let outcome = words_of(&store, &words);
        assert_eq!(outcome.error, None, "{words:?}");
        assert!(
            outcome.out.starts_with("transaction 1\n  if   "),
            "{}",
            outcome.out
        );
        assert!(outcome.out.contains(told), "{}", outcome.out);
        assert!(outcome.out.ends_with(" (dry run)\n"), "{}", outcome.out);
        assert_eq!(store.dump(), before, "{words:?}");
    }
}

#[test]
fn a_document_sees_those_before_it_and_a_refusal_is_one() {
    let store = recorded();
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), PEER).unwrap();
    let words = format!("apply --dry-run -f {}", file.path().display());
    let error = cnictl(&store, &words).error.unwrap();
    assert!(error.contains("there is no such BGPFilter"), "{error}");
    std::fs::write(file.path(), format!("{PEER}\n---\n{FILTER}\n")).unwrap();
    let outcome = cnictl(&store, &words);
    assert_eq!(outcome.error, None);
    assert!(
        outcome
            .out
            .contains("/bgpfilters/tor-in is as transaction 1 leaves it"),
        "{}",
        outcome.out
    );
}

#[test]
fn what_is_so_already_needs_no_transaction() {
    let store = recorded();
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), cnictl(&store, "get ippool tiny -o yaml").out).unwrap();
    let outcome = cnictl(&store, &format!("apply --dry-run -f {}", file.path().display()));
    assert_eq!(
        outcome.out,
        "Nothing would be written.\nSuccessfully applied 1 'IPPool' resource(s) (dry run)\n"
    );
    // A new datastore is made ready first.
    let outcome = cnictl(
        &Memory::new(),
        &format!("create --dry-run -f {}", file.path().display()),
    );
    assert!(outcome.out.contains("clusterinformations/default") && outcome.out.contains("transaction 2\n"));
}
