//! A write that arrives when its container is gone.

use super::*;

#[test]
fn a_new_record_is_written_only_while_the_container_has_its_addresses() {
    let guards = |there: &Snapshot, replaces| match commit(there, &wanted(replaces)).unwrap() {
        Decision::Commit(txn, ()) => txn.guards,
        other @ (Decision::Done(_) | Decision::Read(_)) => panic!("{other:?}"),
    };
    let needs = Guard::Present(handle());
    assert!(guards(&snapshot(&pod(), &[]), None).contains(&needs));
    let there = snapshot(&pod(), &[(WEB, held("old", "eth0"), 5)]);
    assert!(
        !guards(&there, Some(5)).contains(&needs),
        "one that is there is guarded by itself"
    );
    let released = reads(&pod(), NODE, None).unwrap().key(handle());
    let released = Snapshot::new(&released, Revision(9), [], []);
    let error = commit(&released, &wanted(None)).unwrap_err();
    assert_eq!(error.code, Code::EndpointConflict);
    assert!(error.msg.contains("released meanwhile"), "{error}");
}
