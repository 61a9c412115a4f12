//! Every failure of this plugin as the CNI error a runtime sees.

use shared::cni::CniError;
use shared::ipam::IpamError;
use shared::model::Stored as _;
use shared::model::clusterinformation::ClusterInformation;
use shared::state::StateError;
use shared::store::config::ConfigError;
use shared::store::{StoreError, TransactError};
use shared::txn::Snapshot;

pub(crate) fn config(error: ConfigError) -> CniError {
    CniError::numbered(error.code(), error)
}

pub(crate) fn store(error: StoreError) -> CniError {
    CniError::numbered(error.code(), error)
}

pub(crate) fn ipam(error: &IpamError) -> CniError {
    CniError::numbered(error.code(), error)
}

pub(crate) fn state(error: &StateError) -> CniError {
    CniError::numbered(error.code(), error)
}

pub(crate) fn transact(error: TransactError<CniError>) -> CniError {
    match error {
        TransactError::Store(error) => store(error),
        TransactError::Decide(error) => error,
    }
}

/// The cluster a snapshot shows: `spec.clusterGUID`.
pub(crate) fn cluster(snapshot: &Snapshot) -> Option<String> {
    let entry = snapshot.get(&ClusterInformation::only_key())?;
    ClusterInformation::from_bytes(&entry.value)
        .ok()?
        .spec
        .cluster_guid
}
