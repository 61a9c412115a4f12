//! What goes with a deleted resource, and what keeps one from being deleted.

use crate::common::{cnictl, recorded};
use shared::model::key::Key;

#[test]
fn a_pool_in_use_stays_and_its_users_are_named() {
    let store = recorded();
    let before = store.dump();
    let error = cnictl(&store, "delete ippool default-ipv4-ippool").error.unwrap();
    assert!(
        error.contains("3 addresses are in use: 10.66.135.129 (pod default/web-2 on node node0), "),
        "{error}"
    );
    assert!(error.contains("set spec.disabled: true"), "{error}");
    assert_eq!(store.dump(), before);
}

#[test]
fn a_pool_without_users_goes_with_its_blocks_and_their_affinities() {
    let store = recorded();
    assert_eq!(
        cnictl(&store, "delete pool tiny").out,
        "Successfully deleted 1 'IPPool' resource(s)\n"
    );
    let left: Vec<String> = store.dump().keys().map(|key| key.as_str().to_owned()).collect();
    assert!(
        !left
            .iter()
            .any(|key| key.contains("10.99.0.0") || key.ends_with("/tiny")),
        "{left:?}"
    );
}

#[test]
fn a_node_with_pods_stays_and_one_without_goes() {
    let store = recorded();
    let error = cnictl(&store, "delete node node0").error.unwrap();
    assert!(error.contains("addresses are in use: "), "{error}");
    assert_eq!(
        cnictl(&store, "delete node node1").out,
        "Successfully deleted 1 'Node' resource(s)\n"
    );
}

#[test]
fn what_others_write_is_not_written_from_here() {
    for (words, said) in [
        (
            "delete affinity x",
            "operation not supported: a BlockAffinity is not deleted: the allocator",
        ),
        (
            "delete clusterinfo default",
            "operation not supported: a ClusterInformation is not deleted",
        ),
        (
            "delete wep x",
            "WorkloadEndpoint(default/x): resource does not exist",
        ),
    ] {
        let error = cnictl(&recorded(), words).error.unwrap();
        assert!(error.contains(said), "{error}");
    }
}

#[test]
fn a_block_that_cannot_be_read_keeps_its_pool_and_is_named() {
    let store = recorded();
    store.put(
        Key::stored("/calico/ipam/v2/assignment/ipv4/block/10.99.0.0-30"),
        "{",
    );
    let error = cnictl(&store, "delete ippool tiny").error.unwrap();
    assert!(error.contains("/block/10.99.0.0-30 cannot be read"), "{error}");
    let shown = cnictl(&store, "ipam show");
    assert!(shown.error.is_none() && shown.warnings[0].contains("/block/10.99.0.0-30 cannot be read"));
    assert!(shown.out.contains("| IP Pool  | 10.99.0.0/30  |"));
}
