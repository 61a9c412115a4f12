//! The contract of listing keys.

use shared::store::Datastore;
use shared::txn::{Reads, Write};

use super::{apply, key, prefix, put};

pub(crate) async fn a_list_of_keys_tells_existence_without_values<S: Datastore>(a: &S, b: &S) {
    apply(a, vec![put("list/a", "much"), put("list/b/c", "more")]).await;
    let reads = Reads::new().keys(prefix("list/"));
    let mut seen = b.read(&reads).await.unwrap();
    for (name, there) in [("list/a", true), ("list/b/c", true), ("list/b", false)] {
        assert_eq!(seen.exists(&key(name)), Some(there), "{name}");
        assert_eq!(seen.get(&key(name)), None);
    }
    assert_eq!(seen.exists(&key("lists")), None, "nobody asked");
    apply(a, vec![Write::Delete(key("list/a"))]).await;
    seen.absorb(b.read(&reads).await.unwrap());
    assert_eq!(seen.exists(&key("list/a")), Some(false));
}
