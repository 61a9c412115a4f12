//! Every failure of this plugin as the CNI error a runtime sees.

use shared::cni::{CniError, Code};
use shared::kernel::KernelError;
use shared::state::StateError;
use shared::store::config::ConfigError;
use shared::store::{StoreError, TransactError};

use crate::apply::ApplyError;
use crate::netns::NetnsError;
use crate::plan::PlanError;

pub(crate) fn config(error: ConfigError) -> CniError {
    CniError::numbered(error.code(), error)
}

pub(crate) fn store(error: StoreError) -> CniError {
    CniError::numbered(error.code(), error)
}

pub(crate) fn transact(error: TransactError<CniError>) -> CniError {
    match error {
        TransactError::Store(error) => store(error),
        TransactError::Decide(error) => error,
    }
}

pub(crate) fn state(error: &StateError) -> CniError {
    CniError::numbered(error.code(), error)
}

pub(crate) fn kernel(error: KernelError) -> CniError {
    CniError::new(Code::KernelRefused, error.to_string())
}

pub(crate) fn plan(error: PlanError) -> CniError {
    CniError::numbered(error.code(), error)
}

pub(crate) fn apply(error: ApplyError) -> CniError {
    CniError::numbered(error.code(), error)
}

pub(crate) fn netns(error: NetnsError) -> CniError {
    CniError::numbered(error.code(), error)
}

/// A failure, and what undoing failed at: the first decides the code, both are told.
pub(crate) fn and(error: CniError, undoing: Vec<CniError>) -> CniError {
    let told = [error.details.clone()]
        .into_iter()
        .filter(|details| !details.is_empty());
    let also = undoing
        .iter()
        .map(|error| format!("undoing it failed too: {error}"));
    let details: Vec<String> = told.chain(also).collect();
    error.details(details.join("; "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_and_a_failed_undoing_are_both_told_under_the_firsts_code() {
        let error = CniError::new(Code::KernelRefused, "add veth").details("EPERM");
        let both = and(error, vec![CniError::new(Code::TryAgainLater, "ipam DEL")]);
        assert_eq!(both.code, Code::KernelRefused);
        assert_eq!(both.details, "EPERM; undoing it failed too: ipam DEL");
        assert_eq!(and(CniError::new(Code::PoolFull, "full"), Vec::new()).details, "");
    }

    #[test]
    fn a_datastore_that_does_not_answer_may_be_tried_again_and_one_that_refuses_may_not() {
        let unreachable = store(StoreError::Unreachable("10.0.0.1:2379".to_owned()));
        assert_eq!(unreachable.code, Code::TryAgainLater);
        assert_eq!(
            store(StoreError::Refused("x".to_owned())).code,
            Code::DatastoreRefused
        );
    }
}
