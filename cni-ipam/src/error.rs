//! Every failure of this plugin as the CNI error a runtime sees.

use shared::cni::CniError;
use shared::ipam::IpamError;
use shared::state::StateError;
use shared::store::config::ConfigError;
use shared::store::{StoreError, TransactError};

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
