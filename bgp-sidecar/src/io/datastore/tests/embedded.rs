//! The store of one node.

use super::*;

#[test]
fn the_embedded_store_is_followed_and_another_in_its_place_is_said() {
    test(async {
        let root = tempfile::tempdir().unwrap();
        let none = std::collections::BTreeMap::new();
        let document = json!({
            "datastore_type": "embedded",
            "state_dir": root.path().join("state"),
            "run_dir": root.path().join("run"),
        });
        let (settings, _) = crate::settings::load(&document, &none, &none).unwrap();
        let (mut datastore, _) = Datastore::open(&settings, "a").unwrap();
        let born = data(&mut datastore).await;
        let information = Key::resource(Plural::ClusterInformations, "default");
        assert_eq!(born.keys().collect::<Vec<_>>(), [&information]);
        let mut txn = shared::txn::Txn::default();
        txn.write(shared::txn::Write::Put(node("a"), b"1".to_vec()));
        let store = datastore.store();
        shared::store::Datastore::commit(&*store, &txn).await.unwrap();
        assert_eq!(&*data(&mut datastore).await[&node("a")], b"1");
        std::fs::remove_file(root.path().join("state/data/data.mdb")).unwrap();
        let gone = timeout(LONG, datastore.next()).await.expect("in time");
        assert!(
            matches!(&gone, Update::Away(why) if why.contains("restart the sidecar")),
            "{gone:?}"
        );
    });
}
