//! A call that has a process of its own: it opens its store, and may have been started before it was needed.

use std::ops::Deref;

use shared::cni::{Attachment, CniError, Code, Env, NetConf, held};
use tokio::runtime::{Builder, Runtime};

use crate::call::{Asked, Call};
use crate::config::datastore;
use crate::error;

/// A call and its runtime.
pub(crate) struct Process {
    call: Call,
    /// `None` once it is being shut down.
    runtime: Option<Runtime>,
}

impl Process {
    /// Reads the configuration and opens the store (which dials nothing yet).
    pub(crate) fn begin(
        verb: &'static str,
        env: &Env,
        conf: &NetConf,
        about: Option<&Attachment>,
    ) -> Result<Self, CniError> {
        let asked = Asked::of(verb, env, conf, about)?;
        let used_etcd = shared::store::open::used_etcd(&asked.config.dirs);
        let (choice, warnings) = datastore(conf, env, used_etcd)?;
        for warning in &warnings {
            asked.log.warning(&warning.to_string(), &[]);
        }
        let limit = asked.limit(verb, env);
        let runtime = Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| CniError::new(Code::IoFailure, error.to_string()))?;
        let store = {
            let _inside = runtime.enter();
            shared::store::open::open(&choice, limit)
                .map_err(error::store)?
                .alone()
        };
        Ok(Self {
            call: asked.on(store, limit),
            runtime: Some(runtime),
        })
    }

    /// Runs the call's asynchronous part to its end.
    pub(crate) fn run<T>(&self, part: impl Future<Output = Result<T, CniError>>) -> Result<T, CniError> {
        match &self.runtime {
            Some(runtime) => runtime.block_on(part),
            None => Err(CniError::new(Code::IoFailure, "this call is over")),
        }
    }

    /// Where the caller has started this call before it needs it: gets ready, and waits for its word. Nothing was
    /// touched so far.
    pub(crate) fn wait_while_held(&self, env: &Env) -> Result<(), CniError> {
        if !held::is_held(env) {
            return Ok(());
        }
        self.run(async {
            self.store.dial().await;
            Ok(())
        })?;
        held::until_released()
    }
}

impl Deref for Process {
    type Target = Call;

    fn deref(&self) -> &Call {
        &self.call
    }
}

impl Drop for Process {
    /// A look-up of a host name that hangs in libc cannot be cancelled: nobody waits for its thread.
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}
