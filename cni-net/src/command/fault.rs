//! A test hook: with netconf `"test_faults": true`, the environment variable MANX_TEST_FAULT=n makes ADD fail
//! at its n-th step (counted from 1), as if that step's work had succeeded and the next had not. Without the
//! field in the configuration the variable does nothing.

use shared::cni::{CniError, Code, Env};

use super::Call;
use crate::config::Config;

/// Which step fails, if any.
pub(super) fn armed(config: &Config, env: &Env) -> Option<u32> {
    config
        .test_faults
        .then(|| env.get("MANX_TEST_FAULT")?.parse().ok())
        .flatten()
}

impl Call {
    /// Whether a step may fail on purpose: then the kernel's steps are taken one by one.
    pub(super) fn expects_faults(&self) -> bool {
        self.faults.1.is_some()
    }

    /// One step was taken.
    pub(super) fn step(&self, what: &str) -> Result<(), CniError> {
        let (passed, fails) = &self.faults;
        passed.set(passed.get() + 1);
        if *fails != Some(passed.get()) {
            return Ok(());
        }
        let text = format!(
            "test fault {} after {what} (netconf test_faults is true)",
            passed.get()
        );
        Err(CniError::new(Code::TryAgainLater, text))
    }
}
