//! Fixes together, and names that last.

use serde_json::json;
use shared::ipam::audit::{Finding, Kind, check_reads, fix};
use shared::store::Datastore as _;
use shared::txn::Commit;

use crate::audit::{BLOCK, around, checked, fixed, kinds, scene, with};
use crate::scene::ready;

#[test]
fn findings_on_one_block_are_one_txn_and_a_change_meanwhile_stops_it() {
    let scene = scene();
    with(&scene, BLOCK, |block| {
        block["unallocated"] = json!([1, 2]);
        block["affinity"] = json!(null);
        block["attributes"]
            .as_array_mut()
            .unwrap()
            .push(json!({"handle_id":"net.gone"}));
    });
    let found = checked(&scene, &around());
    assert_eq!(
        kinds(&found),
        [Kind::UnusedAttribute, Kind::FreeList, Kind::StaleAffinity]
    );
    let snapshot = ready(scene.store.read(&check_reads())).unwrap();
    let one: Vec<&Finding> = vec![&found[0], &found[1]];
    let groups = fix::groups(&one);
    assert_eq!(groups.len(), 1);
    let txn = fix::txn(&snapshot, &groups[0]);
    assert_eq!((txn.guards.len(), txn.writes.len()), (1, 1), "{txn:?}");
    with(&scene, BLOCK, |_| {});
    assert!(matches!(ready(scene.store.commit(&txn)), Ok(Commit::Conflict(_))));
    assert!(!fix::stands(
        &found[0],
        &ready(scene.store.read(&fix::proof(&found))).unwrap()
    ));
    fixed(&scene, &checked(&scene, &around()));
    assert_eq!(checked(&scene, &around()), []);
}

#[test]
fn a_finding_keeps_its_name() {
    let scene = scene();
    let orphan = "/calico/ipam/v2/handle/net.c2";
    scene.put(orphan, r#"{"block":{}}"#);
    let first = checked(&scene, &around()).remove(0);
    scene.put(orphan, r#"{"block":{}}"#);
    let second = checked(&scene, &around()).remove(0);
    assert_eq!(first.id(), second.id());
    assert!(first.id().starts_with("orphan-handle-") && first.revision() < second.revision());
}
