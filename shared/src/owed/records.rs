//! Workload endpoint records that go.

use super::Payer;
use crate::cni::CniError;
use crate::gate;
use crate::model::Stored as _;
use crate::model::key::Key;
use crate::model::workloadendpoint::WorkloadEndpoint;
use crate::state::attachment::Attachment;
use crate::store::{Datastore, TransactError, transact};
use crate::txn::{Decision, Guard, Snapshot, Txn, Write};

impl<S: Datastore> Payer<'_, S> {
    /// Removes the record that is owed, in the cluster that it was written to; whether this is it.
    pub(super) async fn forget(&self, held: &Attachment) -> Result<bool, TransactError<CniError>> {
        let Some(key) = held.record.as_deref().map(Key::stored) else {
            return Ok(true);
        };
        let decide = |snapshot: &Snapshot| {
            let cluster = gate::ready(snapshot)?;
            if held.cluster.is_some() && cluster != held.cluster {
                return Ok(Decision::Done(false));
            }
            Ok(removal_of(snapshot, &key, &held.id.container).map(|()| true))
        };
        transact(self.store, gate::readiness().key(key.clone()), decide).await
    }
}

/// The removal of one record that must still name `container`; a record that does not, or that cannot be read, is left
/// alone.
pub fn removal_of(snapshot: &Snapshot, key: &Key, container: &str) -> Decision<()> {
    let named = |entry: &&crate::txn::Entry| {
        let record = WorkloadEndpoint::from_bytes(&entry.value);
        record.is_ok_and(|record| record.spec.container_id.as_deref().unwrap_or_default() == container)
    };
    let Some(entry) = snapshot.get(key).filter(named) else {
        return Decision::Done(());
    };
    let mut txn = Txn::default();
    txn.guard(Guard::Unchanged(key.clone(), entry.revision))
        .write(Write::Delete(key.clone()));
    Decision::Commit(txn, ())
}
