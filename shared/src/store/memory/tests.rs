//! The faults and `transact` over them; the semantics are held by `tests/datastore_contract.rs`.

use super::*;
use crate::store::{TransactError, Watch as _, WatchEvent, transact};
use crate::txn::Decision;

fn key() -> Key {
    Key::handle("net.one")
}

/// Creates the key once; recognises its own work.
async fn create(memory: &Memory) -> Result<&'static str, TransactError<String>> {
    transact(memory, Reads::new().key(key()), |snapshot| {
        if snapshot.get(&key()).is_some() {
            return Ok(Decision::Done("found"));
        }
        let mut txn = Txn::default();
        txn.guard(snapshot.guard(&key()));
        txn.write(Write::Put(key(), b"mine".to_vec()));
        Ok(Decision::Commit(txn, "written"))
    })
    .await
}

#[tokio::test]
async fn a_lost_reply_is_resolved_by_reading() {
    for (fault, outcome) in [
        (Fault::ReplyLost, "found"),
        (Fault::RequestLost, "written"),
        (Fault::Conflict, "written"),
        (Fault::RequestLate, "found"),
    ] {
        let memory = Memory::new();
        memory.inject(fault);
        assert_eq!(create(&memory).await, Ok(outcome), "{fault:?}");
        assert_eq!(memory.revision(), Revision(1), "{fault:?}: written once");
        assert_eq!(memory.dump()[&key()].value, b"mine");
    }
}

#[tokio::test]
async fn an_unreachable_datastore_is_not_retried() {
    let memory = Memory::new();
    memory.inject(Fault::Unreachable);
    assert!(matches!(
        create(&memory).await,
        Err(TransactError::Store(StoreError::Unreachable(_)))
    ));
    assert_eq!(memory.requests(), 2);
}

#[tokio::test]
async fn a_conflict_is_answered_from_the_else_branch() {
    let memory = Memory::new();
    memory.inject(Fault::Conflict);
    create(&memory).await.unwrap();
    assert_eq!(memory.requests(), 3, "one read, two commits, no second read");
}

#[tokio::test]
async fn a_watch_that_starts_before_the_compaction_says_so() {
    let memory = Memory::new();
    memory.put(key(), "1");
    memory.put(key(), "2");
    memory.compact(Revision(1));
    let mut late = memory.watch(&[Prefix::handles()], Revision(0)).await.unwrap();
    assert_eq!(late.next().await, Ok(WatchEvent::Compacted));
    let mut in_time = memory.watch(&[Prefix::handles()], Revision(1)).await.unwrap();
    let WatchEvent::Batch(Revision(2), changes) = in_time.next().await.unwrap() else {
        panic!("no batch");
    };
    assert_eq!(changes.len(), 1);
}

#[test]
fn a_txn_over_a_limit_is_refused_with_the_number() {
    let mut txn = Txn::default();
    for number in 0..101 {
        txn.guard(Guard::Absent(Key::handle(&number.to_string())));
    }
    let text = limits::check(&txn).unwrap_err().to_string();
    assert!(text.contains("101 guards, more than 100"), "{text}");
    let mut txn = Txn::default();
    txn.write(Write::Put(key(), vec![0; limits::REQUEST_BYTES]));
    assert!(limits::check(&txn).unwrap_err().to_string().contains("bytes"));
    let twice = Txn {
        writes: vec![Write::Delete(key()), Write::Delete(key())],
        ..Txn::default()
    };
    assert!(limits::check(&twice).unwrap_err().to_string().contains("twice"));
}
