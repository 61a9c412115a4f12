//! Which cluster a datastore is, and Calico's gate before it: ClusterInformation `default`. Pure.

use crate::cni::{CniError, Code};
use crate::model::Stored as _;
use crate::model::clusterinformation::ClusterInformation;
use crate::model::key::Key;
use crate::txn::{Reads, Snapshot};

/// ClusterInformation alone.
pub fn readiness() -> Reads {
    Reads::new().key(ClusterInformation::only_key())
}

/// The cluster a snapshot shows: `spec.clusterGUID`.
pub fn cluster(snapshot: &Snapshot) -> Option<String> {
    let entry = snapshot.get(&ClusterInformation::only_key())?;
    ClusterInformation::from_bytes(&entry.value)
        .ok()?
        .spec
        .cluster_guid
}

/// The datastore must say that it is ready. Returns the cluster's GUID.
pub fn ready(snapshot: &Snapshot) -> Result<Option<String>, CniError> {
    let not_ready = |text: &str| Err(CniError::new(Code::DatastoreNotReady, text));
    let key = ClusterInformation::only_key();
    let Some(entry) = snapshot.get(&key) else {
        return not_ready(
            "Calico is currently not ready to process requests: the datastore has no ClusterInformation \
             \"default\"; `calicoctl apply` of any resource creates it",
        );
    };
    let information =
        ClusterInformation::from_bytes(&entry.value).map_err(|error| corrupt(&key, &error.to_string()))?;
    if !information.is_ready() {
        return not_ready(
            "Calico is currently not ready to process requests: datastoreReady of ClusterInformation \
             \"default\" is not true; `calicoctl datastore migrate unlock` sets it",
        );
    }
    Ok(information.spec.cluster_guid)
}

/// A stored object that is not what it should be.
pub fn corrupt(key: &Key, error: &str) -> CniError {
    CniError::new(Code::CorruptObject, format!("{key} cannot be read: {error}"))
}
