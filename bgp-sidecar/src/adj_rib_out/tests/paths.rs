use std::collections::BTreeSet;

use super::*;

#[test]
fn with_add_path_a_client_hears_every_other_path_under_a_fixed_number() {
    let (mut rib, export) = (Rib::default(), reflector());
    let mut out = AdjRibOut::default();
    let target = Target {
        add_path: Family::ALL.into(),
        ..client()
    };
    let changes = [5, 6, 7].map(|last| learn(&mut rib, last, "10.48.1.0/26"));
    assert!(changes.iter().all(|one| !one.best.is_empty()));
    open(&mut out, 7, &target, sources(&rib, &export));
    let ids = |out: &AdjRibOut| -> BTreeSet<_> {
        let told = out.advertised(key(7));
        told.map(|(nlri, attributes)| (nlri.path_id, attributes.next_hop.address))
            .collect()
    };
    assert_eq!(ids(&out), [(1, key(5).address), (2, key(6).address)].into());

    let changes = rib.peer_down(key(5));
    let outgoing = out.sync(sources(&rib, &export), &changes);
    let Some(Message::Update(update)) = outgoing[0].to(key(7)).next() else {
        panic!("no UPDATE");
    };
    let (prefix, path_id) = (net("10.48.1.0/26"), 1);
    assert_eq!(update.withdrawn, [Nlri { prefix, path_id }]);
    assert_eq!(ids(&out), [(2, key(6).address)].into());
}
