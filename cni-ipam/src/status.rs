//! STATUS: whether an ADD could work, from local facts only; the datastore is never dialled.

use shared::cni::{CniError, Env, NetConf};

use crate::config::{Config, datastore};
use crate::error;

/// Fails with what keeps ADD from working.
pub(crate) fn status(env: &Env, conf: &NetConf) -> Result<(), CniError> {
    look(env, conf).map_err(CniError::of_status)
}

fn look(env: &Env, conf: &NetConf) -> Result<(), CniError> {
    let config = Config::new(conf, env)?;
    Config::readable(conf)?;
    let naming = &config.naming;
    let node = shared::state::nodename::resolve(
        naming.nodename.as_deref(),
        naming.file.as_deref(),
        naming.hostname.as_deref(),
    )
    .map_err(|error| error::state(&error))?;
    Config::named(&node.name)?;
    let (choice, _) = datastore(conf, env, shared::store::open::used_etcd(&config.dirs))?;
    shared::store::open::usable(&choice).map_err(error::store)
}
