//! The end of a pool: disabled first, then its empty blocks go, and it with the last of them.

use serde_json::{Value, json};
use shared::model::block::Block;
use shared::model::ippool::IPPool;
use shared::model::key::{Key, Prefix};
use shared::store::{Datastore, transact};
use shared::txn::{Decision, Guard, Range, Reads, Snapshot, Txn, Write};

use super::{is_current, remove};
use crate::commands::{free, told};
use crate::resource::Target;
use crate::stored::{bytes, object};
use crate::{blocks, validate};

/// Disables the pool, frees its empty blocks, deletes it once no block is left.
pub(super) async fn delete<S: Datastore>(store: &S, target: &Target) -> Result<bool, String> {
    let key = &target.key();
    let reads = blocks::reads().key(key.clone());
    let snapshot = store.read(&reads).await.map_err(|error| error.to_string())?;
    let Some(stored) = object(&snapshot, key)? else {
        return Ok(false);
    };
    is_current(&snapshot, target)?;
    let spec = stored
        .get("spec")
        .and_then(Value::as_object)
        .cloned()
        .unwrap_or_default();
    let pool = validate::pool(&target.name, &spec)?;
    let inside = blocks::blocks(&snapshot, |block| pool.cidr().contains(&block.cidr))?;
    unused(&inside, !pool.is_enabled())?;
    let mut target = target.clone();
    if !inside.is_empty() {
        // Disabling it is a write of our own.
        target.version = None;
        clear(store, key, &inside).await?;
    }
    let disabled = !inside.is_empty() || !pool.is_enabled();
    let also = |snapshot: &Snapshot, txn: &mut Txn| cleared(snapshot, txn, (&pool, disabled));
    let reads = Reads::new().prefix(Prefix::blocks(pool.is_ipv4()));
    remove(store, &target, reads, also).await
}

/// Disables the pool, then frees its blocks.
async fn clear<S: Datastore>(store: &S, key: &Key, inside: &[Block]) -> Result<(), String> {
    transact(store, Reads::new().key(key.clone()), |snapshot| {
        disable(snapshot, key)
    })
    .await
    .map_err(told)?;
    free::free(store, inside).await?;
    Ok(())
}

/// No block of the pool is left, nor comes before the Txn commits.
fn cleared(
    snapshot: &Snapshot,
    txn: &mut Txn,
    (pool, disabled): (&IPPool, bool),
) -> Result<Option<Reads>, String> {
    let range = Prefix::blocks(pool.is_ipv4());
    if let Some(revision) = snapshot.read_at(&Range::Prefix(range.clone())) {
        txn.guard(Guard::NothingNewer(range, revision));
    }
    let left = blocks::blocks(snapshot, |block| pool.cidr().contains(&block.cidr))?;
    unused(&left, disabled)?;
    let state = if disabled {
        "; the pool is disabled now"
    } else {
        ""
    };
    match left.first() {
        Some(block) => Err(format!(
            "block {} was claimed meanwhile{state}: delete it again",
            block.cidr
        )),
        None => Ok(None),
    }
}

fn unused(blocks: &[Block], disabled: bool) -> Result<(), String> {
    let users = blocks::users(blocks);
    if users.is_empty() {
        return Ok(());
    }
    let way_out = if disabled {
        "the pool is disabled, so nothing new is taken from it: remove these pods first"
    } else {
        "set spec.disabled: true, so that nothing new is taken from it, and remove these pods first"
    };
    Err(format!("{}; {way_out}", blocks::named(&users)))
}

/// Nothing new is to be taken from the pool while its blocks go.
fn disable(snapshot: &Snapshot, key: &Key) -> Result<Decision<()>, String> {
    let Some(mut pool) = object(snapshot, key)? else {
        return Ok(Decision::Done(()));
    };
    let Some(Value::Object(spec)) = pool.get_mut("spec") else {
        return Ok(Decision::Done(()));
    };
    if spec.insert("disabled".to_owned(), json!(true)) == Some(json!(true)) {
        return Ok(Decision::Done(()));
    }
    let mut txn = Txn::default();
    txn.guard(snapshot.guard(key));
    txn.write(Write::Put(key.clone(), bytes(pool)));
    Ok(Decision::Commit(txn, ()))
}
