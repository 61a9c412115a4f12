//! The contract of counting keys.

use shared::store::Datastore;
use shared::txn::{Commit, Guard, Range, Reads, Span, Write};

use super::{apply, commit, key, prefix, put};

fn span(from: &str, to: &str) -> Span {
    Span::new(key(from).as_str(), key(to).as_str())
}

pub(crate) async fn a_count_tells_how_many_keys_a_span_has<S: Datastore>(a: &S, b: &S) {
    let names = ["count/10", "count/100", "count/2", "count/2/below", "counts"];
    let last = apply(a, names.iter().map(|name| put(name, "much")).collect()).await;
    let expected = [
        (span("count/", "count0"), 4),
        (span("count/10", "count/2"), 2),
        (span("count/100", "count/2"), 1),
        (span("count/1", "count/10"), 0),
        (span("count/2", "count/1"), 0),
        (span("count/2", "count/2"), 0),
        (span("count/3", "counts"), 0),
    ];
    let reads = expected
        .iter()
        .fold(Reads::new(), |reads, (span, _)| reads.count(span.clone()));
    let mut seen = b.read(&reads).await.unwrap();
    for (span, count) in &expected {
        assert_eq!(seen.count(span), Some(*count), "{span:?}");
        assert_eq!(seen.read_at(&Range::Count(span.clone())), Some(last));
    }
    assert_eq!(seen.count(&span("count/", "count/9")), None, "nobody asked");
    assert_eq!(seen.exists(&key("count/2")), None, "a count names no key");
    assert_eq!(seen.under(&prefix("count/")).count(), 0, "nor a value");

    let guard = vec![Guard::Absent(key("count/2"))];
    let Commit::Conflict(other) = commit(b, guard, vec![put("count/2", "9")], reads.clone()).await else {
        panic!("the key is there");
    };
    assert_eq!(other, seen, "the else branch counts as well");
    apply(a, vec![Write::Delete(key("count/10"))]).await;
    seen.absorb(b.read(&reads).await.unwrap());
    assert_eq!(seen.count(&expected[0].0), Some(3), "the later count holds");
}
