//! The contract of listing keys.

use shared::store::Datastore;
use shared::txn::{Reads, Write};

use super::{apply, key, prefix, put, values};

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

pub(crate) async fn a_prefix_of_any_length_is_read_at_one_revision<S: Datastore>(a: &S, b: &S) {
    const KEYS: usize = 2_500;
    let name = |number: usize| format!("page/{number:05}");
    let long = "x".repeat(10_000);
    for first in (0..KEYS).step_by(50) {
        // Some pages are heavier than others.
        let value = if first % 1_000 == 0 {
            long.as_str()
        } else {
            "short"
        };
        apply(
            a,
            (first..first + 50)
                .map(|number| put(&name(number), value))
                .collect(),
        )
        .await;
    }
    let reads = Reads::new().prefix(prefix("page/"));
    let ends = async {
        for turn in 0..20 {
            let turn = turn.to_string();
            apply(a, vec![put(&name(0), &turn), put(&name(KEYS - 1), &turn)]).await;
        }
    };
    let look = async {
        for _ in 0..5 {
            let seen = values(&b.read(&reads).await.unwrap(), "page/");
            assert_eq!(seen.len(), KEYS);
            let (first, last) = (&seen[&name(0)], &seen[&name(KEYS - 1)]);
            assert!(
                first == last || first == &long && last == "short",
                "{first} and {last}"
            );
        }
    };
    tokio::join!(ends, look);
    let keys = b.read(&Reads::new().keys(prefix("page/"))).await.unwrap();
    assert_eq!(keys.listed(&prefix("page/")).count(), KEYS);
}
