//! STATUS: whether an ADD could work, from facts on this node alone; the datastore is never dialled.
//!
//! kubelet asks every few seconds on every node. Looked at: the configuration, the node's name, the datastore's
//! files, the kubeconfig, the IPAM plugin and what it says itself and, with `sidecar_required`, whether the sidecar of this boot
//! has written `run_dir/ready` (the text of /proc/sys/kernel/random/boot_id).
#![expect(
    clippy::disallowed_methods,
    reason = "edge: reads local files, times the child"
)]

use std::path::{Path, PathBuf};
use std::time::Instant;

use shared::cni::delegate::Delegate;
use shared::cni::{CniError, Code, Env, NetConf};
use shared::kubernetes::Access;
use shared::store::config::{Dirs, choose};

use crate::config::Config;
use crate::{error, hostlocal};

const BOOT: &str = "/proc/sys/kernel/random/boot_id";

/// Fails with what keeps ADD from working.
pub(crate) fn status(env: &Env, path: &[PathBuf], conf: &NetConf) -> Result<(), CniError> {
    look(env, path, conf).map_err(CniError::of_status)
}

fn look(env: &Env, path: &[PathBuf], conf: &NetConf) -> Result<(), CniError> {
    let started = Instant::now();
    let config = Config::new(conf)?;
    let dirs = Dirs::from(conf.raw(), env.vars()).map_err(error::config)?;
    let used_etcd = shared::store::open::used_etcd(&dirs);
    let (choice, _) = choose(conf.raw(), env.vars(), used_etcd).map_err(error::config)?;
    let node = crate::command::node(&config, &choice, true)?;
    shared::store::open::usable(&choice).map_err(error::store)?;
    if config.sidecar_required {
        sidecar(&dirs.run.join("ready"), Path::new(BOOT))?;
    }
    if let Some(access) = &config.kubernetes {
        kubeconfig(access)?;
    }
    let binary = Delegate::find(path, &config.ipam)?;
    let stdin = hostlocal::stdin(conf, &node, None)?;
    let child = Delegate::start(&binary, "STATUS", None, path, env, stdin)?;
    child
        .wait(started + config.timeouts.check)
        .map(|_| ())
        .map_err(CniError::unavailable)
}

/// Whether ADD could ask the API server, as far as files tell.
fn kubeconfig(access: &Access) -> Result<(), CniError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| CniError::new(Code::IoFailure, error.to_string()))?;
    let usable = runtime.block_on(shared::kubernetes::usable(access));
    usable.map_err(|error| CniError::numbered(error.code(), error))
}

fn sidecar(ready: &Path, boot: &Path) -> Result<(), CniError> {
    let text = |path: &Path| {
        std::fs::read_to_string(path)
            .map(|text| text.trim().to_owned())
            .ok()
    };
    let (said, boot) = (text(ready), text(boot));
    if said.is_some() && said == boot {
        return Ok(());
    }
    let what = if said.is_some() {
        "was written in an earlier boot"
    } else {
        "does not exist"
    };
    let text = format!(
        "bgp-sidecar is not ready: {} {what}; start it, or set sidecar_required to false",
        ready.display()
    );
    Err(CniError::new(Code::PluginNotAvailable, text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sidecar_counts_only_if_it_spoke_in_this_boot() {
        let root = tempfile::tempdir().unwrap();
        let (ready, boot) = (root.path().join("ready"), root.path().join("boot"));
        std::fs::write(&boot, "b2\n").unwrap();
        assert!(sidecar(&ready, &boot).unwrap_err().msg.contains("does not exist"));
        std::fs::write(&ready, "b1").unwrap();
        assert!(sidecar(&ready, &boot).unwrap_err().msg.contains("earlier boot"));
        std::fs::write(&ready, "b2").unwrap();
        assert!(sidecar(&ready, &boot).is_ok());
    }
}
