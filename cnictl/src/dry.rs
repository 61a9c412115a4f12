//! A datastore that is not written: what would be committed is kept, shown to later reads, and told. Pure but for the reads of
//! the store behind it.

use std::cell::RefCell;

use serde_json::Value;
use shared::model::key::Prefix;
use shared::store::{Datastore, StoreError};
use shared::txn::{Commit, Guard, Reads, Revision, Snapshot, Txn, Write};

/// See the module.
pub struct Dry<'a, S> {
    store: &'a S,
    would: RefCell<Vec<Txn>>,
}

/// A revision no store comes to: what would be written has none yet.
const NEVER: u64 = u64::MAX / 2;

impl<'a, S: Datastore> Dry<'a, S> {
    /// In front of this store.
    pub fn new(store: &'a S) -> Self {
        Self {
            store,
            would: RefCell::default(),
        }
    }

    /// The transactions that would have been made, in their order.
    pub fn told(&self) -> String {
        let would = self.would.borrow();
        if would.is_empty() {
            return "Nothing would be written.\n".to_owned();
        }
        let texts = would.iter().enumerate().map(|(at, txn)| text(at + 1, txn));
        texts.collect::<Vec<_>>().join("")
    }
}

impl<S: Datastore> Datastore for Dry<'_, S> {
    type Watch = S::Watch;

    async fn read(&self, reads: &Reads) -> Result<Snapshot, StoreError> {
        let mut snapshot = self.store.read(reads).await?;
        for (number, txn) in self.would.borrow().iter().enumerate() {
            snapshot.written(&asked_for(txn, &snapshot), Revision(NEVER + number as u64), false);
        }
        Ok(snapshot)
    }

    async fn commit(&self, txn: &Txn) -> Result<Commit, StoreError> {
        let mut would = self.would.borrow_mut();
        would.push(txn.clone());
        Ok(Commit::Applied(Revision(NEVER + would.len() as u64 - 1)))
    }

    async fn watch(&self, prefixes: &[Prefix], after: Revision) -> Result<S::Watch, StoreError> {
        self.store.watch(prefixes, after).await
    }

    async fn pause(&self, attempt: u32) -> Result<(), StoreError> {
        self.store.pause(attempt).await
    }
}

/// The writes of keys that the snapshot has read.
fn asked_for(txn: &Txn, snapshot: &Snapshot) -> Txn {
    let asked = |write: &&Write| snapshot.covers(write.key());
    Txn {
        writes: txn.writes.iter().filter(asked).cloned().collect(),
        ..Txn::default()
    }
}

fn text(number: usize, txn: &Txn) -> String {
    let mut out = format!("transaction {number}\n");
    for guard in &txn.guards {
        out.push_str(&format!("  if   {}\n", guarded(guard)));
    }
    for write in &txn.writes {
        match write {
            Write::Put(key, value) => out.push_str(&format!("  put  {key}\n{}", indented(value))),
            Write::Delete(key) => out.push_str(&format!("  del  {key}\n")),
        }
    }
    out
}

fn guarded(guard: &Guard) -> String {
    match guard {
        Guard::Absent(key) => format!("{key} does not exist"),
        Guard::Present(key) => format!("{key} exists"),
        Guard::Unchanged(key, Revision(revision)) if *revision >= NEVER => {
            format!("{key} is as transaction {} leaves it", revision - NEVER + 1)
        }
        Guard::Unchanged(key, Revision(revision)) => format!("{key} has revision {revision}"),
        Guard::NothingNewer(prefix, Revision(revision)) => {
            format!("nothing below {prefix} is newer than revision {revision}")
        }
        Guard::Holds(key, _) => format!("{key} holds what was read"),
    }
}

/// A value as JSON, without what may be a secret.
fn indented(value: &[u8]) -> String {
    let Ok(mut value) = serde_json::from_slice::<Value>(value) else {
        return format!("       ({} octets)\n", value.len());
    };
    hide(&mut value);
    let text = serde_json::to_string_pretty(&value).unwrap_or_default();
    text.lines().map(|line| format!("       {line}\n")).collect()
}

/// What these resources know of secrets are references; a field of this name that holds text is none.
fn hide(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields.iter_mut() {
                let name = name.to_lowercase();
                let secret = ["password", "secret", "token", "privatekey"];
                if value.is_string() && secret.iter().any(|word| name.ends_with(word)) {
                    *value = Value::from("…");
                }
                hide(value);
            }
        }
        Value::Array(items) => items.iter_mut().for_each(hide),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use shared::model::key::{Key, Plural};
    use shared::store::memory::Memory;

    use super::*;

    fn wait<T>(future: impl Future<Output = T>) -> T {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.unwrap().block_on(future)
    }

    #[test]
    fn what_would_be_written_is_read_by_who_comes_later_and_by_nobody_else() {
        let store = Memory::new();
        let (old, new) = (
            Key::resource(Plural::IpPools, "old"),
            Key::resource(Plural::IpPools, "new"),
        );
        store.put(old.clone(), "{}");
        let dry = Dry::new(&store);
        let mut txn = Txn::default();
        txn.guard(Guard::Absent(new.clone()));
        txn.write(Write::Put(
            new.clone(),
            br#"{"password":"s3cret","n":1}"#.to_vec(),
        ));
        txn.write(Write::Delete(old.clone()));
        assert!(matches!(wait(dry.commit(&txn)), Ok(Commit::Applied(_))));
        let reads = Reads::new().prefix(Prefix::resources(Plural::IpPools));
        let snapshot = wait(dry.read(&reads)).unwrap();
        assert!(snapshot.get(&old).is_none() && snapshot.get(&new).is_some());
        assert_eq!(store.dump().keys().collect::<Vec<_>>(), [&old]);
        let told = dry.told();
        assert_eq!(
            told,
            "transaction 1\n  if   /calico/resources/v3/projectcalico.org/ippools/new does not exist\n  \
             put  /calico/resources/v3/projectcalico.org/ippools/new\n       {\n         \"password\": \"…\",\n         \
             \"n\": 1\n       }\n  del  /calico/resources/v3/projectcalico.org/ippools/old\n"
        );
    }

    #[test]
    fn a_reference_to_a_secret_is_none() {
        let mut value =
            json!({"password": {"secretKeyRef": {"name": "a", "key": "b"}}, "list": [{"token": "x"}]});
        hide(&mut value);
        assert_eq!(
            value,
            json!({"password": {"secretKeyRef": {"name": "a", "key": "b"}}, "list": [{"token": "…"}]})
        );
    }
}
